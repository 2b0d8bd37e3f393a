import { render } from 'preact';
import { App } from './app';
import { Loading, Refused, TakenOver } from './ui/closed';
import { AppContext, useView } from './ui/context';
import { Desk } from './ui/desk';
import { SignIn } from './ui/signin';
import './ui/tokens.css';
import './ui/base.css';
import './ui/entry.css';
import './ui/desk.css';
import './wall/wall.css';

/** Spoken, never seen: what changed, in the words of a colleague who looks over one's shoulder. */
function Announcer() {
	const { s, t, find } = useView();
	const { key, caller, queue, urgent, n } = s.say;
	const words = key ? find(`say.${key}`, { caller: caller || t('call.unknown'), queue }) ?? '' : '';
	const text = `${words}${n % 2 ? '' : '\u00a0'}`; // the same words twice are two changes
	return (
		<>
			<div class="visually-hidden" aria-live="assertive" data-testid="say-urgent">{urgent ? text : ''}</div>
			<div class="visually-hidden" aria-live="polite" data-testid="say">{urgent ? '' : text}</div>
		</>
	);
}

function Screen() {
	const { s } = useView();
	switch (s.phase) {
	case 'boot':
		return <Loading />;
	case 'refused':
		return <Refused />;
	case 'signin':
		return <SignIn />;
	case 'desk':
		return <Desk />;
	case 'taken_over':
		return <TakenOver />;
	}
}

const app = new App();
Object.defineProperty(window, '__helio', { get: () => Object.freeze(app.diagnostics()) });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => app.setPrefs({}));
const root = document.getElementById('app');
if (root) {
	render(
		<AppContext.Provider value={app}><Screen /><Announcer /></AppContext.Provider>, root);
}
void app.start();
