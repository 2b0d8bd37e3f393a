// Single keys, for hands that stay on the keyboard. Never while somebody types, never with a
// modifier, and they can be switched off (WCAG 2.1.4).
import type { App } from './app';
import { outcomes } from './derive';

export interface KeyTargets {
	dialogOpen(): boolean;
	openSound(): void;
	openTest(): void;
	openHelp(): void;
}

/** A person who was just typing when the phone began to ring must not answer by a letter. */
const TYPING_GUARD_MS = 700;
let typedAt = -Infinity;
/** How much longer keys shall mean nothing, because letters may still be on their way. */
export function typingGuardMs(now: number): number {
	return Math.max(0, typedAt + TYPING_GUARD_MS - now);
}

function isTyping(target: EventTarget | null): boolean {
	return target instanceof HTMLElement
		&& (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
		&& !(target instanceof HTMLInputElement && /^(radio|checkbox|button)$/.test(target.type));
}

export function installKeys(app: App, ui: KeyTargets): () => void {
	const onKey = (event: KeyboardEvent): void => {
		if (event.defaultPrevented || event.repeat) return;
		if (isTyping(event.target)) {
			if (event.key.length === 1 || event.key === 'Backspace') typedAt = app.now(); // not Tab, arrows
			if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && app.state.wrap) app.wrapUp.finish();
			return;
		}
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (app.state.phase !== 'desk' || ui.dialogOpen()) return;
		const onButton = event.target instanceof HTMLElement
			&& event.target.closest('button, a, summary, [role="button"]') !== null;
		// Enter on a button is that button's; everywhere else it answers.
		if (event.key === 'Enter') {
			if (!onButton && app.state.ring && !typingGuardMs(app.now())) app.accept();
			return;
		}
		if (!app.prefs.keys || typingGuardMs(app.now())) return;
		if (press(app, ui, event.key.toLowerCase())) event.preventDefault();
	};
	addEventListener('keydown', onKey);
	return () => removeEventListener('keydown', onKey);
}

function press(app: App, ui: KeyTargets, key: string): boolean {
	const s = app.state;
	switch (key) {
	case 'r':
		if (s.desk.state === 'idle') app.pause('break');
		else app.ready();
		return true;
	case 'a':
		app.accept();
		return s.ring !== null;
	case 'x':
		app.reject();
		return s.ring !== null;
	case 'm':
		if (s.call) app.mute(!s.call.muted);
		return s.call !== null;
	case 'h':
		app.hangup();
		return s.call !== null;
	case 'f':
		app.wrapUp.finish();
		return s.wrap !== null;
	case 's':
		ui.openSound();
		return true;
	case 't':
		if (s.desk.state === 'not_ready') ui.openTest();
		return true;
	case '?':
		ui.openHelp();
		return true;
	default: {
		const chosen = s.wrap && outcomes(s.wrap)[Number(key) - 1];
		if (!s.wrap || !chosen) return false;
		app.wrapUp.note(chosen, s.wrap.note);
		return true;
	}
	}
}
