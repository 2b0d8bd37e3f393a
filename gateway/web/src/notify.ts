// What a person sees of the desk while looking at something else: the tab's title and icon always,
// a notification when the tab is hidden or another window is in front.
import type { Speaker } from './i18n';
import { pageState } from './derive';
import type { State } from './state';

/** Colours of the dot on the icon: they must read on a light and on a dark tab bar. */
const DOTS: Record<string, string> = {
	idle: '#1f9d57', reserved: '#1f9d57', ringing: '#e8890c', committed: '#2f7fd6',
	talking: '#2f7fd6', wrap: '#8a63d2', not_ready: '#8a94a0', lost: '#d0372b',
};

function icon(dot: string | undefined): string {
	const mark = '<circle cx="14" cy="14" r="6" fill="#f2a71b"/>'
		+ '<path d="M14 2v4M14 22v4M2 14h4M5.5 5.5l2.8 2.8M22.5 5.5l-2.8 2.8M5.5 22.5l2.8-2.8" '
		+ 'stroke="#f2a71b" stroke-width="2.4" stroke-linecap="round"/>'
		+ '<path d="M17 17l12-4.5-4.5 12z" fill="#5b7fa6"/>';
	const state = dot
		? `<circle cx="24" cy="24" r="7.5" fill="${dot}" stroke="#fff" stroke-width="1.5"/>` : '';
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${mark}${state}</svg>`;
	return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

export class Notifier {
	private shown: Notification | null = null;
	private iconOf = '';

	/** After a click of the person's: browsers ask only then. */
	ask(): void {
		if ('Notification' in window && Notification.permission === 'default')
			void Notification.requestPermission().catch(() => undefined);
	}

	draw(state: State, speaker: Speaker): void {
		const { t } = speaker;
		const name = pageState(state);
		const lost = state.phase === 'desk' && state.link.status !== 'open';
		if (state.ring) {
			const caller = state.ring.callerName || state.ring.caller || t('call.unknown');
			document.title = t('tab.ringing', { caller });
		} else if (state.phase === 'desk') {
			const word = lost ? t('link.lost') : speaker.find(`state.${name}`) ?? '';
			document.title = `${word} · ${t('app.title')}`;
		} else {
			document.title = t('app.title');
		}
		const dot = state.phase === 'desk' ? DOTS[lost ? 'lost' : name] : undefined;
		const key = dot ?? 'plain';
		const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
		if (link && key !== this.iconOf) {
			this.iconOf = key;
			link.href = icon(dot);
		}
	}

	ring(state: State, speaker: Speaker): void {
		const ring = state.ring;
		if (!ring || !('Notification' in window) || Notification.permission !== 'granted') return;
		if (!document.hidden && document.hasFocus()) return;
		const caller = ring.callerName || ring.caller || speaker.t('call.unknown');
		try {
			this.shown = new Notification(speaker.t('notify.title', { caller }), {
				body: speaker.t('notify.body', {
					queue: ring.queueDisplay, time: speaker.length(ring.waitedMs),
				}),
				tag: 'helio-ring', requireInteraction: true, icon: icon(DOTS.ringing),
			});
			this.shown.onclick = () => {
				window.focus();
				this.shown?.close();
			};
		} catch {
			// Some mobile browsers allow notifications from service workers only.
		}
	}

	quiet(): void {
		this.shown?.close();
		this.shown = null;
	}
}
