// Small parts that several screens use.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { LANGUAGES, type Lang } from '../i18n';
import type { Theme } from '../prefs';
import { useView } from './context';
import { AutoIcon, CrossIcon, GlobeIcon, MoonIcon, SunIcon } from './icons';

export interface ButtonProps {
	id: string;
	kind?: 'plain' | 'solid' | 'good' | 'bad' | 'quiet';
	icon?: ComponentChildren;
	keys?: string | undefined;
	big?: boolean;
	pressed?: boolean;
	current?: boolean;
	disabled?: boolean;
	busy?: boolean;
	describedby?: string | undefined;
	focus?: boolean;
	class?: string;
	label?: string;
	onClick: () => void;
	children?: ComponentChildren;
}

/** Every button: an icon, words, and the key that does the same. A busy one keeps its place and its
 * focus. `keys` is shown, not announced: aria-keyshortcuts says it. */
export function Button(p: ButtonProps) {
	const { app } = useView();
	const ref = useRef<HTMLButtonElement>(null);
	useEffect(() => {
		if (p.focus) ref.current?.focus();
	}, [p.focus]);
	const keys = app.prefs.keys ? p.keys : undefined;
	const off = p.disabled === true || p.busy === true;
	return (
		<button ref={ref} type="button" data-testid={p.id} autofocus={p.focus}
			class={`button ${p.kind ?? 'plain'}${p.big ? ' big' : ''} ${p.class ?? ''}`}
			aria-disabled={off ? 'true' : undefined} aria-busy={p.busy ? 'true' : undefined}
			aria-pressed={p.pressed === undefined ? undefined : p.pressed ? 'true' : 'false'}
			aria-current={p.current ? 'page' : undefined}
			aria-describedby={p.describedby} aria-label={p.label} aria-keyshortcuts={keys}
			title={p.label}
			onClick={() => {
				if (!off) p.onClick();
			}}>
			{p.busy ? <span class="spinner" aria-hidden="true" /> : p.icon}
			{p.children !== undefined && <span class="button-text">{p.children}</span>}
			{keys && <kbd aria-hidden="true">{keys}</kbd>}
		</button>
	);
}

export function LanguagePicker({ labelled = false }: { labelled?: boolean }) {
	const { app, t } = useView();
	return (
		<label class={`picker${labelled ? ' labelled' : ''}`}>
			<GlobeIcon size={20} />
			<span class={labelled ? 'picker-label' : 'visually-hidden'}>{t('menu.language')}</span>
			<select data-testid="language" value={app.prefs.lang}
				onChange={(e) => app.setPrefs({ lang: e.currentTarget.value as Lang })}>
				{LANGUAGES.map((l) => <option value={l.code} lang={l.code}>{l.name}</option>)}
			</select>
		</label>
	);
}

const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];
export function ThemeButton() {
	const { app, t } = useView();
	const theme = app.prefs.theme;
	const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
	const icon = theme === 'auto' ? <AutoIcon size={20} />
		: theme === 'light' ? <SunIcon size={20} /> : <MoonIcon size={20} />;
	return (
		<Button id="theme" kind="quiet" icon={icon} class="icon-only"
			label={`${t('menu.theme')}: ${t(`theme.${theme}`)}`}
			onClick={() => app.setPrefs({ theme: next })} />
	);
}

/** A modal <dialog>: the browser traps the focus, closes on Escape and gives the focus back. */
export function Dialog(p: {
	id: string; title: string; onClose: () => void; children: ComponentChildren; footer?: JSX.Element;
}) {
	const { t } = useView();
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const dialog = ref.current;
		dialog?.showModal();
		return () => dialog?.close();
	}, []);
	return (
		<dialog ref={ref} class="dialog" data-testid={p.id} aria-labelledby={`${p.id}-title`}
			onClose={p.onClose}
			onClick={(e) => {
				if (e.target === ref.current) ref.current?.close(); // the backdrop
			}}>
			<div class="dialog-body">
				<header class="dialog-head">
					<h2 id={`${p.id}-title`}>{p.title}</h2>
					<Button id={`${p.id}-close`} kind="quiet" class="icon-only" label={t('do.close')}
						icon={<CrossIcon size={20} />} onClick={() => ref.current?.close()} />
				</header>
				{p.children}
				{p.footer && <footer class="dialog-foot">{p.footer}</footer>}
			</div>
		</dialog>
	);
}

/** The microphone's level: moved by script, not by drawing again; a bar and a number for readers. */
export function Meter({ label, off }: { label: string; off: boolean }) {
	const { app } = useView();
	const bar = useRef<HTMLSpanElement>(null);
	useEffect(() => {
		let frame = 0;
		let shown = 0;
		const draw = (): void => {
			const level = off ? 0 : app.meter.level();
			shown = Math.max(level, shown * 0.88);
			if (bar.current) bar.current.style.transform = `scaleX(${shown.toFixed(3)})`;
			frame = requestAnimationFrame(draw);
		};
		draw();
		return () => cancelAnimationFrame(frame);
	}, [app, off]);
	return (
		<div class={`meter${off ? ' off' : ''}`} data-testid="meter">
			<span class="meter-label">{label}</span>
			<span class="meter-track" aria-hidden="true"><span class="meter-bar" ref={bar} /></span>
		</div>
	);
}
