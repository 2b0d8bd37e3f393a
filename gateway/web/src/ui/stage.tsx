// The card that says what is: the largest thing on the screen, one shape for every state, so that a
// tired eye finds the word, the clock and the next step always in the same place.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { CallInfo } from '../protocol';
import { useNow, useView } from './context';
import {
	AlertIcon, CheckIcon, MicOffIcon, MissedIcon, PauseIcon, PenIcon, PhoneIcon, PhoneInIcon, WaitIcon,
} from './icons';
import { Idle, NotReady, Ringing, Talking, Tasking, WrapUp } from './states';

export type Tone = 'quiet' | 'good' | 'ring' | 'talk' | 'wrap' | 'bad';
export interface Face { tone: Tone; icon: JSX.Element; word: string; hint: string; body: ComponentChildren }

export function Stage() {
	const face = useFace();
	const { app, s, t } = useView();
	const heading = useRef<HTMLHeadingElement>(null);
	const state = s.desk.state;
	// Whatever had the focus may be gone with the state before: the keyboard must not fall off.
	useEffect(() => {
		const timer = setTimeout(() => {
			if (document.activeElement === document.body) heading.current?.focus();
		}, 50);
		return () => clearTimeout(timer);
	}, [state]);
	const since = s.call?.since ?? s.desk.since;
	const now = useNow(app, 1000, since);
	const shown = state !== 'ringing' && state !== 'reserved' && state !== 'committed';
	return (
		<section class={`stage ${face.tone}`} data-testid="stage" data-state={state} id="stage"
			aria-labelledby="stage-word">
			<div class="stage-head">
				<span class="stage-icon">{face.icon}</span>
				<div class="stage-words">
					<h1 id="stage-word" ref={heading} tabIndex={-1} data-testid="state-word">{face.word}</h1>
					{face.hint && <p class="stage-hint" data-testid="state-hint">{face.hint}</p>}
				</div>
				{shown && (
					<span class="stage-clock" role="timer" aria-live="off" data-testid="state-clock"
						aria-label={t('state.since', { time: app.speaker.length(now - since) })}>
						{app.speaker.clock(now - since)}
					</span>
				)}
			</div>
			<div class="stage-body">{face.body}</div>
		</section>
	);
}

function taskWord(t: ReturnType<typeof useView>['t'], task: 'callback' | 'voicemail'): string {
	return task === 'callback' ? t('task.callback') : t('task.voicemail');
}

function useFace(): Face {
	const { s, t, find } = useView();
	switch (s.desk.state) {
	case 'idle':
		return {
			tone: 'good', icon: <CheckIcon size={44} />, word: t('state.idle'),
			hint: t('state.idle.hint'), body: <Idle />,
		};
	case 'ringing':
		return {
			tone: 'ring', icon: <PhoneInIcon size={44} />,
			word: s.ring?.task ? taskWord(t, s.ring.task) : t('state.ringing'),
			hint: s.ring?.task ? t('task.ringing.hint') : '', body: <Ringing />,
		};
	case 'committed':
		return {
			tone: 'talk', icon: <PhoneIcon size={44} />, word: t('state.committed'),
			hint: t('state.committed.hint'), body: s.ring && <Caller call={s.ring} />,
		};
	case 'talking': {
		if (s.call?.task) {
			return {
				tone: 'talk', icon: <PhoneIcon size={44} />, word: taskWord(t, s.call.task),
				hint: t('task.talking.hint'), body: <Tasking />,
			};
		}
		const muted = s.call?.muted === true;
		return {
			tone: 'talk', icon: muted ? <MicOffIcon size={44} /> : <PhoneIcon size={44} />,
			word: t(muted ? 'state.muted' : 'state.talking'), hint: '', body: <Talking />,
		};
	}
	case 'wrap':
		return {
			tone: 'wrap', icon: <PenIcon size={44} />, word: t('state.wrap'),
			hint: t('state.wrap.hint'), body: <WrapUp />,
		};
	case 'not_ready': {
		if (s.desk.reason === 'missed') {
			return {
				tone: 'bad', icon: <MissedIcon size={44} />, word: t('state.missed'),
				hint: '', body: <NotReady />,
			};
		}
		// The node knows "pause"; which one is known here.
		const own = s.desk.reason === 'pause' || s.desk.reason === 'media' ? s.pauseReason : null;
		const device = s.desk.reason === 'media' && own === 'device';
		const reason = (own && (s.desk.reason === 'pause' || device) ? find(`reason.${own}`) : null)
			?? find(`reason.${s.desk.reason}`);
		return {
			tone: s.desk.reason === 'media' ? 'bad' : 'quiet',
			icon: s.desk.reason === 'media' ? <AlertIcon size={44} /> : <PauseIcon size={44} />,
			word: t('state.not_ready'), hint: reason ?? t('state.not_ready.hint'), body: <NotReady />,
		};
	}
	case 'off':
		return {
			tone: 'quiet', icon: <PauseIcon size={44} />, word: t('state.off'),
			hint: t('state.off.hint'), body: null,
		};
	case 'reserved':
	case 'grace':
		return {
			tone: s.desk.state === 'reserved' ? 'good' : s.returning ? 'talk' : 'quiet', icon: <WaitIcon size={44} />,
			word: t(`state.${s.desk.state}`),
			hint: t(s.returning ? 'state.returning.hint' : `state.${s.desk.state}.hint`),
			body: s.returning && s.call && <Caller call={s.call} />,
		};
	}
}

/** Who it is: the name largest, else the number, set in groups that can be read aloud. */
export function Caller({ call, children }: { call: CallInfo; children?: ComponentChildren }) {
	const { t } = useView();
	const number = groups(call.caller);
	const name = call.callerName || number || t('call.unknown');
	return (
		<div class="caller" data-testid="caller-card">
			<p class="caller-name" data-testid="caller">{name}</p>
			{call.callerName && number && <p class="caller-number" data-testid="caller-number">{number}</p>}
			<dl class="facts">
				{call.queueDisplay && (
					<div><dt>{t('ring.queue')}</dt><dd data-testid="queue">{call.queueDisplay}</dd></div>
				)}
				{call.site && (
					<div><dt>{t('ring.site')}</dt><dd class="place" data-testid="call-site">{call.site}</dd></div>
				)}
				{children}
			</dl>
		</div>
	);
}

/** +4722123456 → +47 22 12 34 56: pairs from the end, for numbers only; names stay as they are. */
export function groups(caller: string): string {
	const match = /^(\+?)(\d{7,15})$/.exec(caller);
	if (!match) return caller;
	const digits = match[2] ?? '';
	const pairs = digits.replace(/\B(?=(\d\d)+$)/g, ' ');
	return `${match[1] ?? ''}${pairs}`;
}
