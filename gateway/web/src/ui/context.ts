import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { App } from '../app';
import type { Key, Params } from '../i18n';
import type { State } from '../state';

export const AppContext = createContext<App | null>(null);

/** Opens the sound test, from wherever its button is. */
export const OpenTest = createContext<() => void>(() => undefined);

export interface View {
	app: App;
	s: State;
	t: (key: Key, params?: Params) => string;
	find: (key: string, params?: Params) => string | null;
}

export function useView(): View {
	const app = useContext(AppContext);
	if (!app) throw new Error('outside of the app');
	const [, redraw] = useState(0);
	useEffect(() => app.subscribe(() => redraw((n) => n + 1)), [app]);
	return { app, s: app.state, t: app.speaker.t, find: app.speaker.find };
}

/** The page's clock; draws its component again every `everyMs`, on the beat of `since` (past
 * or future), so that a timer never skips a second. It may lag behind `since` by one beat. */
export function useNow(app: App, everyMs = 1000, since = 0): number {
	const [now, setNow] = useState(app.now());
	useEffect(() => {
		let timer: ReturnType<typeof setTimeout>;
		const beat = (): void => {
			setNow(app.now());
			const past = (((app.now() - since) % everyMs) + everyMs) % everyMs;
			timer = setTimeout(beat, everyMs - past + 5);
		};
		beat();
		return () => clearTimeout(timer);
	}, [app, everyMs, since]);
	return now;
}
