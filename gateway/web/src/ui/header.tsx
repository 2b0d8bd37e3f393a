import { lineFigures, quality } from '../derive';
import { useView } from './context';
import { BarsIcon, DoorIcon, KeyboardIcon, Logo, PeopleIcon, PhoneIcon, SpeakerIcon } from './icons';
import { Button, LanguagePicker, ThemeButton } from './parts';

export type Open = 'sound' | 'test' | 'keys' | 'signout' | null;

export type View = 'desk' | 'floor';

interface HeaderProps { open: (what: Open) => void; view: View; show: (view: View) => void }

export function Header({ open, view, show }: HeaderProps) {
	const { s, t } = useView();
	const agent = s.session?.agent;
	return (
		<header class="top">
			<div class="top-brand">
				<Logo size={32} /><span class="brand-name">{t('app.title')}</span>
			</div>
			<div class="who">
				<span class="who-name" data-testid="who">{agent?.display}</span>
				<span class="who-site" data-testid="site">{agent?.site}</span>
			</div>
			{agent?.supervisor && <Views view={view} show={show} />}
			<LinkMark />
			<div class="top-tools">
				<Button id="open-sound" kind="quiet" icon={<SpeakerIcon size={20} />}
					label={t('settings.title')} class="icon-only" onClick={() => open('sound')} />
				<Button id="open-keys" kind="quiet" icon={<KeyboardIcon size={20} />}
					label={t('keys.title')} class="icon-only wide-only" onClick={() => open('keys')} />
				<LanguagePicker />
				<ThemeButton />
				<Button id="signout" kind="quiet" icon={<DoorIcon size={20} />} label={t('do.signout')}
					class="icon-only" onClick={() => open('signout')} />
			</div>
		</header>
	);
}

/** Between one's own desk and the floor; the desk says in a word what it is doing meanwhile. */
function Views({ view, show }: { view: View; show: (view: View) => void }) {
	const { s, t, find } = useView();
	const doing = view === 'floor' ? find(`state.${s.desk.state}`) : null;
	return (
		<nav class="views" aria-label={t('wall.views')}>
			<Button id="view-desk" kind="quiet" icon={<PhoneIcon size={20} />} current={view === 'desk'}
				onClick={() => show('desk')}>
				{t('wall.desk')}{doing && ` · ${doing}`}
			</Button>
			<Button id="view-floor" kind="quiet" icon={<PeopleIcon size={20} />} current={view === 'floor'}
				onClick={() => show('floor')}>
				{t('wall.title')}
			</Button>
		</nav>
	);
}

function LinkMark() {
	const { app, s, t } = useView();
	const mark = quality(s);
	const filled = { good: 4, fair: 3, poor: 1, lost: 0 } as const;
	const facts = [];
	const { rttMs, lossPermille, jitterMs } = lineFigures(s);
	if (rttMs >= 0 && mark !== 'lost') facts.push(t('link.rtt', { ms: Math.max(1, rttMs) }));
	if (s.call && (s.stats || s.ear)) {
		facts.push(t('link.loss', { percent: app.speaker.percent(lossPermille) }));
		facts.push(t('link.jitter', { ms: jitterMs }));
	}
	return (
		<div class={`link-mark ${mark}`} data-testid="link-mark" data-quality={mark}
			title={facts.join(' · ')}>
			<BarsIcon filled={filled[mark]} />
			<span class="link-words">{t(`link.${mark}`)}</span>
			<span class="visually-hidden">{facts.join(', ')}</span>
		</div>
	);
}
