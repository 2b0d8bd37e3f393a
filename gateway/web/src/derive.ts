// What is read off the page's state: pure, and nothing is kept.
import { DISPOSITIONS, type Disposition } from './protocol';
import type { State, Wrap } from './state';

/** Why Ready cannot be pressed now; null: it can. The words are texts `block.*`. */
export type Block =
	| 'link' | 'mic_asking' | 'mic_denied' | 'mic_dismissed' | 'mic_missing' | 'mic_unplugged'
	| 'mic_in_use' | 'mic_insecure' | 'mic_failed' | 'leg_connecting' | 'leg_down';
export function readyBlock(state: State): Block | null {
	if (state.link.status !== 'open') return 'link';
	if (state.mic.status === 'unknown') return 'mic_asking';
	if (state.mic.status !== 'ok') return `mic_${state.mic.status}`;
	if (state.leg.status === 'none' || state.leg.status === 'connecting') return 'leg_connecting';
	return state.leg.status === 'down' ? 'leg_down' : null;
}

/** How it may have ended, in the order of their keys. Only who is called may not answer. */
export function outcomes(wrap: Wrap): readonly Disposition[] {
	const task = wrap.about?.task || wrap.disposition === 'not_reached';
	return DISPOSITIONS.filter((d) => task || d !== 'not_reached');
}

/** Did this person want calls, now or after the one in hand? Told to a node that does not know us. */
export function wantsCalls(state: State): boolean {
	const now = state.desk.state;
	if (now === 'idle' || now === 'reserved' || now === 'ringing') return true;
	return (inCall(state) || now === 'wrap') && !state.afterCall;
}

/** Does the note stay here to be written if its node is gone? Then calls come after it. */
export function keepsNote(state: State): boolean {
	return state.desk.state === 'wrap' && !!state.wrap?.slip;
}

/** Was this person in a call? Told to a node that does not know us: its own call may come back first. */
export function inCall(state: State): boolean {
	return state.desk.state === 'committed' || state.desk.state === 'talking' || state.returning !== null;
}

export type Quality = 'good' | 'fair' | 'poor' | 'lost';
/** One mark for the line: the worse of the link's round trip and, in a call, its audio. Bounds are
 * where people begin to notice (ITU-T G.114: 150 ms one way; G.113: a few per cent of loss). */
export function quality(state: State): Quality {
	return state.link.status === 'open' ? qualityOf(lineFigures(state)) : 'lost';
}
export interface LineFigures { rttMs: number; lossPermille: number; jitterMs: number }
export function qualityOf({ rttMs, lossPermille, jitterMs }: LineFigures): Exclude<Quality, 'lost'> {
	if (rttMs > 600 || lossPermille > 80 || jitterMs > 80) return 'poor';
	if (rttMs > 300 || lossPermille > 20 || jitterMs > 30) return 'fair';
	return 'good';
}
/** The worse of what both ends see; a round trip of -1 is not known. */
export function lineFigures(state: State): LineFigures {
	const both = [state.stats, state.ear];
	return {
		rttMs: Math.max(state.link.rttMs, ...both.map((s) => s?.rttMs || -1)),
		lossPermille: Math.max(...both.map((s) => s?.lossPermille ?? 0)),
		jitterMs: Math.max(...both.map((s) => s?.jitterMs ?? 0)),
	};
}

/** One word for the whole page, for the root element's data-state: what checks and styles read. */
export function pageState(state: State): string {
	return state.phase === 'desk' ? state.desk.state : state.phase;
}
