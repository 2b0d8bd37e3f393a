import { useEffect, useRef, useState } from 'preact/hooks';
import { installKeys } from '../keys';
import type { Notice } from '../state';
import { OpenTest, useNow, useView } from './context';
import { KeysDialog, SignoutDialog, SoundDialog } from './dialogs';
import { Header, type Open, type View } from './header';
import { AlertIcon, CrossIcon, InfoIcon, PeopleIcon, SpeakerIcon } from './icons';
import { Button } from './parts';
import { Side } from './side';
import { SoundTestDialog } from './soundtest';
import { Stage } from './stage';
import { Floor } from '../wall/floor';

export function Desk() {
	const { app, s, t } = useView();
	const [open, setOpen] = useState<Open>(null);
	const [view, setView] = useState<View>('desk');
	const opened = useRef(open);
	opened.current = open;
	useEffect(() => installKeys(app, {
		dialogOpen: () => opened.current !== null,
		openSound: () => setOpen('sound'),
		openTest: () => setOpen('test'),
		openHelp: () => setOpen('keys'),
	}), [app]);
	// A caller is waiting: whatever dialog is open gives way.
	const ringing = s.ring?.offer;
	useEffect(() => {
		if (ringing) setOpen(null);
		if (ringing) setView('desk');
	}, [ringing]);
	const close = (): void => setOpen(null);
	const openTest = (): void => setOpen('test');
	return (
		<div class="desk">
			<a class="skip" href="#stage-word">{t('app.skip')}</a>
			<Header open={setOpen} view={view} show={setView} />
			{view === 'floor' ? <Floor><Banners /><Notices /></Floor> : <main class="work">
				<div class="work-main">
					<Banners />
					<OpenTest.Provider value={openTest}><Stage /></OpenTest.Provider>
					<Notices />
					<p class="keys-hint wide-only">{app.prefs.keys ? t('keys.hint') : ''}</p>
				</div>
				<Side />
			</main>}
			{open === 'sound' && <SoundDialog onClose={close} />}
			{open === 'test' && <SoundTestDialog onClose={close} onDevices={() => setOpen('sound')} />}
			{open === 'keys' && <KeysDialog onClose={close} />}
			{open === 'signout' && <SignoutDialog onClose={close} />}
		</div>
	);
}

function Banners() {
	const { app, s, t } = useView();
	return (
		<div class="banners">
			{s.link.status !== 'open' && <LinkBanner />}
			{s.link.status === 'open' && s.call && s.leg.status !== 'up' && <SoundBanner />}
			{s.leaving && (
				<div class="banner warn" role="alert" data-testid="leaving">
					<PeopleIcon size={22} />
					<p class="strong">{t('taken.leaving')}</p>
				</div>
			)}
			{s.soundBlocked && (
				<div class="banner warn" role="alert" data-testid="sound-blocked">
					<SpeakerIcon size={22} />
					<div>
						<p class="strong">{t('sound.blocked')}</p>
						<Button id="unlock" onClick={() => app.unlock()}>{t('do.sound')}</Button>
					</div>
				</div>
			)}
		</div>
	);
}

/** Below the card: what has happened may be read later, the state must not move for it. */
function Notices() {
	const { s } = useView();
	return <div class="banners">{s.notices.map((n) => <NoticeBanner key={n.id} n={n} />)}</div>;
}

function LinkBanner() {
	const { app, s, t } = useView();
	const now = useNow(app, 1000, s.link.retryAt);
	const left = s.link.retryAt - now;
	return (
		<div class="banner warn" role="status" data-testid="link-banner">
			<span class="spinner" aria-hidden="true" />
			<div>
				<p class="strong">
					{t(!s.call ? 'link.banner' : s.leg.status === 'down' ? 'link.banner_torn' : 'link.banner_call')}
				</p>
				{left > 1000 && (
					<p aria-live="off">{t('link.next', { time: app.speaker.length(left) })}</p>
				)}
			</div>
		</div>
	);
}

/** In a call, and one of the two does not hear the other. */
function SoundBanner() {
	const { s, t } = useView();
	return (
		<div class="banner warn" role="status" data-testid="sound-banner">
			<span class="spinner" aria-hidden="true" />
			<p class="strong">{t(s.leg.status === 'down' ? 'block.leg_down' : 'block.leg_connecting')}</p>
		</div>
	);
}

function NoticeBanner({ n }: { n: Notice }) {
	const { app, t, find } = useView();
	const known = find(`notice.${n.key}`, { by: n.text || t('notice.supervisor') });
	return (
		<div class={`banner ${n.kind}`} role={n.kind === 'warn' ? 'alert' : 'status'}
			data-testid="notice" data-key={n.key}>
			{n.kind === 'warn' ? <AlertIcon size={22} /> : <InfoIcon size={22} />}
			<div>
				<p>{known ?? t('notice.unknown')}</p>
				{!known && (n.text || n.remedy) && (
					<p class="soft" lang="en">{[n.text, n.remedy].filter(Boolean).join(' · ')}</p>
				)}
			</div>
			<Button id="dismiss" kind="quiet" class="icon-only" label={t('do.dismiss')}
				icon={<CrossIcon size={18} />} onClick={() => app.dispatch({ a: 'dismiss', id: n.id })} />
		</div>
	);
}
