// What the card offers in each state.
import { useContext, useEffect, useRef } from 'preact/hooks';
import { typingGuardMs } from '../keys';
import { PAUSE_REASONS, type PauseReason } from '../protocol';
import { outcomes, readyBlock } from '../derive';
import type { State } from '../state';
import { OpenTest, useNow, useView } from './context';
import {
	AlertIcon, CheckIcon, CrossIcon, HangupIcon, InfoIcon, MicIcon, MicOffIcon, PauseIcon, PhoneIcon,
	SpeakerIcon,
} from './icons';
import { Button, Meter } from './parts';
import { Caller, groups } from './stage';

/** Reasons a person chooses; "device" is the page's own. */
const CHOSEN: readonly PauseReason[] = PAUSE_REASONS.filter((r) => r !== 'device');

export function Idle() {
	return (
		<>
			<Pauses />
			<div class="stage-meter"><MicCheck /></div>
		</>
	);
}

export function NotReady() {
	const { app, s, t } = useView();
	const openTest = useContext(OpenTest);
	const block = readyBlock(s);
	const missed = s.desk.reason === 'missed';
	const who = s.missed ? s.missed.callerName || groups(s.missed.caller) : '';
	return (
		<>
			{missed && (
				<div class="explain" data-testid="missed">
					<p>{who ? t('missed.text', { who }) : t('missed.text_unknown')}</p>
					<p>{t('missed.why')}</p>
				</div>
			)}
			{block && <Blocked />}
			<div class="actions">
				<Button id="ready" kind="good" big icon={<CheckIcon />} keys="R" disabled={block !== null}
					busy={s.pending.what === 'ready'} describedby={block ? 'ready-block' : undefined}
					onClick={() => app.ready()}>
					{t(missed ? 'do.ready_again' : 'do.ready')}
				</Button>
				{!missed && (
					<Button id="open-test" kind="quiet" icon={<SpeakerIcon size={20} />} keys="T" onClick={openTest}>
						{t('test.title')}
					</Button>
				)}
			</div>
			{!block && <div class="stage-meter"><MicCheck /></div>}
		</>
	);
}

/** Why one cannot be ready, what to do about it, and the button that tries again. */
function Blocked() {
	const { app, s, t, find } = useView();
	const block = readyBlock(s);
	if (!block) return null;
	const mic = block.startsWith('mic_');
	const waiting = block === 'leg_connecting' || block === 'mic_asking' || block === 'link';
	const remedy = mic ? find(`mic.${s.mic.status}.remedy`) : null;
	return (
		<div class={`banner ${waiting ? 'info' : 'bad'}`} id="ready-block" data-testid="ready-block"
			data-why={block} role={waiting ? undefined : 'alert'}>
			{waiting ? <span class="spinner" aria-hidden="true" /> : <AlertIcon size={24} />}
			<div>
				<p class="strong">{t(`block.${block}`)}</p>
				{remedy && <p>{remedy}</p>}
				{mic && !waiting && s.mic.status !== 'insecure' && (
					<Button id="try-mic" icon={<MicIcon size={20} />} onClick={() => void app.mic.open()}>
						{t('do.try_mic')}
					</Button>
				)}
			</div>
		</div>
	);
}

function Pauses() {
	const { app, s, t } = useView();
	return (
		<div class="actions pauses" role="group" aria-label={t('do.pause')}>
			{CHOSEN.map((reason) => (
				<Button key={reason} id={`pause-${reason}`} icon={<PauseIcon size={20} />}
					keys={reason === 'break' ? 'R' : undefined}
					busy={s.pending.what === 'pause' && s.pauseReason === reason}
					onClick={() => app.pause(reason)}>
					{t(`reason.${reason}`)}
				</Button>
			))}
		</div>
	);
}

function MicCheck() {
	const { s, t } = useView();
	if (s.mic.status !== 'ok') return null;
	return (
		<>
			<Meter label={s.mic.label || t('call.level')} off={false} />
			<SilentMic state={s} />
		</>
	);
}

function SilentMic({ state }: { state: State }) {
	const { t } = useView();
	if (!state.mic.silent || state.call?.muted) return null;
	return (
		<div class="banner warn" role="status" data-testid="mic-silent">
			<AlertIcon size={22} />
			<div><p class="strong">{t('mic.silent')}</p><p>{t('mic.silent.remedy')}</p></div>
		</div>
	);
}

export function Ringing() {
	const { app, s, t } = useView();
	const ring = s.ring;
	const answer = useRef<HTMLDivElement>(null);
	const now = useNow(app, 250, ring?.endsAt ?? 0);
	const offer = ring?.offer ?? '';
	useEffect(() => {
		// The focus goes to Answer; late, when letters were still on their way into a field.
		let timer = setTimeout(look, typingGuardMs(app.now()));
		function look(): void {
			// On a busy machine the dialog that gives way to the call may still be there.
			if (document.querySelector('dialog[open]')) timer = setTimeout(look, 50);
			else answer.current?.querySelector('button')?.focus();
		}
		return () => clearTimeout(timer);
	}, [offer]);
	if (!ring) return null;
	const left = Math.max(0, ring.endsAt - now);
	const share = ring.ringMs ? Math.min(1, left / ring.ringMs) : 0;
	return (
		<>
			<Caller call={ring}>
				<div>
					<dt>{t('call.waited')}</dt>
					<dd class="tabular" data-testid="waited">{app.speaker.clock(Math.max(ring.waitedMs, now - ring.queuedAt))}</dd>
				</div>
			</Caller>
			<div class="actions main" ref={answer}>
				<Button id="accept" kind="good" big icon={<PhoneIcon />} keys="A"
					busy={s.pending.what === 'accept'} onClick={() => app.accept()}>
					{t(ring.task ? 'do.take' : 'do.answer')}
				</Button>
				<Button id="reject" kind="plain" big icon={<CrossIcon />} keys="X"
					busy={s.pending.what === 'reject'} onClick={() => app.reject()}>
					{t('do.reject')}
				</Button>
			</div>
			{ring.endsAt > 0 && (
				<div class="countdown" data-testid="ring-left">
					<span class="countdown-words tabular">
						{t('ring.left', { time: app.speaker.length(Math.ceil(left / 1000) * 1000) })}
					</span>
					<span class="countdown-track" aria-hidden="true">
						<span class="countdown-bar" style={{ transform: `scaleX(${share})` }} />
					</span>
				</div>
			)}
		</>
	);
}

export function Talking() {
	const { app, s, t } = useView();
	const call = s.call;
	if (!call) return null;
	return (
		<>
			<Caller call={call}>
				{call.waitedMs > 0 && (
					<div>
						<dt>{t('call.waited')}</dt>
						<dd class="tabular">{app.speaker.clock(call.waitedMs)}</dd>
					</div>
				)}
			</Caller>
			<div class="actions main">
				<Button id="mute" kind="plain" big pressed={call.muted} keys="M"
					icon={call.muted ? <MicOffIcon /> : <MicIcon />}
					onClick={() => app.mute(!call.muted)}>
					{t(call.muted ? 'do.unmute' : 'do.mute')}
				</Button>
				<Button id="hangup" kind="bad" big icon={<HangupIcon />} keys="H"
					busy={s.pending.what === 'hangup'} onClick={() => app.hangup()}>
					{t('do.hangup')}
				</Button>
			</div>
			<div class="stage-meter">
				{s.mic.status === 'ok' ? (
					<Meter label={t(call.muted ? 'call.level_muted' : 'call.level')} off={call.muted} />
				) : <MicTrouble />}
				<SilentMic state={s} />
			</div>
			<AfterCall />
		</>
	);
}

/** Somebody is to be called: the number, to be dialled from here or from any telephone. */
export function Tasking() {
	const { app, s, t } = useView();
	const call = s.call;
	if (!call) return null;
	const dial = /^\+?\d{3,15}$/.test(call.caller) ? `tel:${call.caller}` : '';
	return (
		<>
			<Caller call={call} />
			<div class="actions main">
				{dial && (
					<a href={dial} class="button big good" data-testid="task-dial">
						<PhoneIcon /><span class="button-text">{t('task.dial', { number: groups(call.caller) })}</span>
					</a>
				)}
				<Button id="hangup" kind={dial ? 'plain' : 'good'} big icon={<CheckIcon />} keys="H"
					busy={s.pending.what === 'hangup'} onClick={() => app.hangup()}>
					{t('task.finish')}
				</Button>
			</div>
			<AfterCall />
		</>
	);
}

function MicTrouble() {
	const { app, s, find, t } = useView();
	return (
		<div class="banner bad" role="alert" data-testid="mic-trouble">
			<AlertIcon size={22} />
			<div>
				<p class="strong">{find(`block.mic_${s.mic.status}`)}</p>
				<p>{find(`mic.${s.mic.status}.remedy`)}</p>
				<Button id="try-mic" icon={<MicIcon size={20} />} onClick={() => void app.mic.open()}>
					{t('do.try_mic')}
				</Button>
			</div>
		</div>
	);
}

/** A pause that is asked for during a call comes after it: no call slips in between. */
function AfterCall() {
	const { app, s, t } = useView();
	if (s.leaving) return null; // nothing comes after it
	if (s.afterCall) {
		return (
			<div class="after" data-testid="after-call">
				<p><InfoIcon size={20} /> {t('after.set', { reason: t(`reason.${s.afterCall}`) })}</p>
				<Button id="after-cancel" kind="quiet" onClick={() => app.ready()}>{t('after.cancel')}</Button>
			</div>
		);
	}
	return (
		<details class="after">
			<summary data-testid="after-open">{t('after.choose')}</summary>
			<div class="actions">
				{CHOSEN.map((reason) => (
					<Button key={reason} id={`after-${reason}`} onClick={() => app.pause(reason)}>
						{t(`reason.${reason}`)}
					</Button>
				))}
			</div>
		</details>
	);
}

export function WrapUp() {
	const { app, s, t } = useView();
	const wrap = s.wrap;
	const now = useNow(app, 500, wrap?.endsAt ?? 0);
	if (!wrap) return null;
	const left = Math.max(0, wrap.endsAt - now);
	const about = wrap.about;
	const who = about ? about.callerName || groups(about.caller) || t('call.unknown') : '';
	return (
		<>
			<p class="wrap-about">
				{who && <strong data-testid="wrap-caller">{who}</strong>}
				{about?.queueDisplay && <span>{about.queueDisplay}</span>}
				{wrap.talkMs > 0 && <span>{t('wrap.about', { time: app.speaker.length(wrap.talkMs) })}</span>}
			</p>
			<fieldset class="outcomes" data-testid="outcomes">
				<legend>{t('wrap.outcome')}</legend>
				<div class="outcome-list">
					{outcomes(wrap).map((d, i) => (
						<label key={d} class={`outcome${wrap.disposition === d ? ' chosen' : ''}`}>
							<input type="radio" name="outcome" value={d} checked={wrap.disposition === d}
								data-testid={`outcome-${d}`} onChange={() => app.wrapUp.note(d, wrap.note)} />
							<span>{t(`outcome.${d}`)}</span>
							{app.prefs.keys && <kbd aria-hidden="true">{i + 1}</kbd>}
						</label>
					))}
				</div>
			</fieldset>
			<label class="field">
				<span class="note-label">
					{t('wrap.note')}
					<span class="saved" role="status" data-testid="wrap-saved">
						{wrap.saved === 'sent' ? t('wrap.saved') : wrap.saved === 'dirty' ? t('wrap.saving') : ''}
					</span>
				</span>
				<textarea rows={3} value={wrap.note} placeholder={t('wrap.note_hint')} maxLength={511}
					data-testid="wrap-note" onInput={(e) => app.wrapUp.note(wrap.disposition, e.currentTarget.value)} />
			</label>
			<div class="actions">
				<Button id="wrap-done" kind="solid" big icon={<CheckIcon />} keys="F"
					busy={s.pending.what === 'finish'} onClick={() => app.wrapUp.finish()}>
					{t('do.finish')}
				</Button>
				{wrap.endsAt > 0 && (
					<span class="wrap-left tabular" data-testid="wrap-left">
						{t('wrap.left', { time: app.speaker.length(Math.ceil(left / 1000) * 1000) })}
					</span>
				)}
			</div>
			<AfterCall />
		</>
	);
}
