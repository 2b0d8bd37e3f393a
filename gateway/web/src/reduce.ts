// The one pure function that changes the page's state:
//
//	node ── message ─┐
//	person ── intent ─┼─► reduce(state, action) ─► state ─► ui/ draws it, app.ts acts on what changed
//	devices ── fact ─┘
//
// No I/O, no clock: every action carries `at`, the page's own monotonic milliseconds. What the node
// says about the agent's state is the truth; intents only mark a button as pending until it speaks.
import { inCall, keepsNote, wantsCalls } from './derive';
import type { AgentState, CallInfo, FromNode, PauseReason, QueueFigures, StateInfo, Welcome } from './protocol';
import {
	initialState, type Call, type LegStatus, type LinkStatus, type Notice, type Pending, type Queue, type Ring, type State,
	type Timed, type Wrap,
} from './state';

/** A press that the node has not answered after this long is offered again: longer than the retry
 * of a lost frame could take, shorter than a person's patience. */
export const PENDING_MAX_MS = 6000;
/** How long a call may take to come back to us through another node: that one keeps us free for it for
 * 4.5 s (PROTOCOL.md, `talking`), and its messages need a moment. */
export const RETURN_MS = 5000;
/** More than these at once is noise, not help. */
const NOTICES_MAX = 3;
const NOTICE_INFO_MS = 8000;

export function reduce(state: State, action: Timed): State {
	const at = action.at;
	switch (action.a) {
	case 'cluster':
		return {
			...state, phase: 'signin', cluster: action.cluster, known: action.known,
			refused: null,
		};
	case 'refuse':
		return {
			...state, phase: 'refused', session: null,
			refused: { why: action.why, known: action.known, found: action.found },
		};
	case 'signin':
		return { ...state, signin: { busy: true, why: '', retryAt: 0 } };
	case 'signin_failed':
		return {
			...state, phase: 'signin', session: null,
			signin: {
				busy: false, why: action.why,
				retryAt: action.retryMs > 0 ? at + action.retryMs : 0,
			},
		};
	case 'link':
		return onLink(state, action, at);
	case 'rtt':
		return { ...state, link: { ...state.link, rttMs: action.rttMs } };
	case 'ear':
		return { ...state, ear: action.ear };
	case 'message':
		return onMessage(state, action.m, at);
	case 'intent':
		return onIntent(state, action.what, action.reason ?? null, at);
	case 'mute':
		return state.call ? { ...state, call: { ...state.call, muted: action.on } } : state;
	case 'call_since': {
		const since = at - action.ageMs;
		return state.call && since < state.call.since
			? { ...state, call: { ...state.call, since } } : state;
	}
	case 'wrap':
		return state.wrap ? {
			...state, wrap: {
				...state.wrap, disposition: action.disposition, note: action.note,
				about: state.wrap.about ?? action.about ?? null, saved: 'dirty',
			},
		} : state;
	case 'wrap_sent':
		return state.wrap ? { ...state, wrap: { ...state.wrap, saved: 'sent' } } : state;
	case 'note_done':
		return state.noting ? onState({ ...state, noting: null }, state.noting.told, at) : state;
	case 'mic':
		return {
			...state, mic: {
				status: action.status, label: action.label || state.mic.label, silent: false,
			},
		};
	case 'mic_silent':
		return state.mic.silent === action.on
			? state : { ...state, mic: { ...state.mic, silent: action.on } };
	case 'leg':
		return onLeg(state, action.status, action.why);
	case 'sound_blocked':
		return state.soundBlocked === action.on ? state : { ...state, soundBlocked: action.on };
	case 'today':
		return { ...state, today: action.today };
	case 'notice':
		return notice(state, action.kind, action.key, '', '', at);
	case 'dismiss':
		return { ...state, notices: state.notices.filter((n) => n.id !== action.id) };
	case 'signed_out':
		return {
			...initialState(), phase: 'signin', cluster: state.cluster, known: action.known,
			mic: state.mic, signin: { busy: false, why: action.why, retryAt: 0 },
		};
	case 'tick':
		return onTick(state, at);
	}
}

function onTick(state: State, at: number): State {
	let next = state;
	if (state.pending.what && at - state.pending.since > PENDING_MAX_MS)
		next = { ...next, pending: { what: null, since: 0 } };
	const fresh = state.notices.filter((n) => n.kind === 'warn' || at - n.at < NOTICE_INFO_MS);
	if (fresh.length !== state.notices.length) next = { ...next, notices: fresh };
	if (next.noting && next.wrap?.endsAt && at >= next.wrap.endsAt && next.link.status === 'open')
		next = onState({ ...next, noting: null }, next.noting.told, at);
	const waits = next.returning;
	if (!waits || at < waits.until || state.phase !== 'desk') return next;
	next = { ...next, returning: null, call: null, desk: { state: 'reserved', reason: '', since: at } };
	if (waits.told) next = onState(next, waits.told, at);
	return say(notice(next, 'warn', 'not_returned', '', '', at), 'not_returned', true);
}

/** What is heard of it: only in a call, and not beside the words for a lost link. */
function onLeg(state: State, status: LegStatus, why: string): State {
	const was = state.leg.status;
	if (was === status && state.leg.why === why) return state;
	const next: State = { ...state, leg: { status, why } };
	if (!state.call || state.returning || state.link.status !== 'open') return next;
	if (status === 'down' && was !== 'down') return say(next, 'sound_lost', true);
	return status === 'up' && was !== 'up' ? say(next, 'sound_back', false) : next;
}

function onLink(
	state: State, action: { status: LinkStatus; attempt: number; retryMs: number }, at: number,
): State {
	const was = state.link;
	const since = was.status === action.status ? was.since : at;
	const next: State = {
		...state,
		link: {
			status: action.status, since, attempt: action.attempt,
			retryAt: action.retryMs > 0 ? at + action.retryMs : 0,
			rttMs: action.status === 'open' ? was.rttMs : -1,
		},
	};
	if (action.status === 'open') return next;
	next.pending = { what: null, since: 0 };
	// From open straight to connecting is our own doing: for another leg, or because the node asked for it.
	return was.status === 'open' && action.status === 'lost' && state.phase === 'desk'
		? say(next, 'link_lost', true) : next;
}

function onIntent(
	state: State, what: Exclude<Pending, null>, reason: PauseReason | null, at: number,
): State {
	const busy = state.desk.state === 'talking' || state.desk.state === 'wrap'
		|| state.desk.state === 'committed';
	switch (what) {
	case 'pause':
		if (busy) return { ...state, afterCall: reason, pauseReason: reason };
		return { ...state, pauseReason: reason, pending: { what, since: at } };
	case 'ready':
		if (busy) return { ...state, afterCall: null };
		return { ...state, pending: { what, since: at } };
	default:
		return { ...state, pending: { what, since: at } };
	}
}

function onMessage(state: State, m: FromNode, at: number): State {
	switch (m.t) {
	case 'welcome':
		return onWelcome(state, m, at);
	case 'denied':
		return {
			...state, phase: 'signin', session: null,
			signin: { busy: false, why: m.why || 'unknown', retryAt: m.retryMs ? at + m.retryMs : 0 },
		};
	case 'state':
		// Before the welcome it is of a session that begins, not yet of the page: said again after it.
		return state.link.status === 'open' ? onState(state, m, at) : state;
	case 'media':
		return onLeg(state, m.up ? 'up' : 'down', m.why);
	case 'ring': {
		const { t: _t, ringMs, again, ...call } = m;
		// After a resume the node says again whose call it is, in the middle of it.
		if (state.desk.state === 'talking' || again) {
			return {
				...state, call: {
					...call, since: state.call?.since ?? state.desk.since,
					muted: state.call?.offer === call.offer && state.call.muted,
				},
			};
		}
		if (state.ring?.offer === call.offer) return state;
		const next: State = {
			...state, missed: null, pending: { what: null, since: 0 }, returning: null,
			call: state.returning ? null : state.call,
			notices: state.notices.filter((n) => n.kind === 'warn'),
			ring: { ...call, ringMs, endsAt: ringMs ? at + ringMs : 0, queuedAt: at - m.waitedMs },
			desk: state.desk.state === 'ringing'
				? state.desk : { state: 'ringing', reason: '', since: at },
		};
		return say(next, 'ringing', true);
	}
	case 'ring_end':
		return onRingEnd(state, m.offer, m.why, at);
	case 'talk':
		return onTalk(state, m.offer, at);
	case 'end':
		return onEnd(state, m, at);
	case 'queues':
		return { ...state, queues: mergeQueues(state.queues, m.queues, state.desk.state === 'idle', at) };
	case 'stats': {
		const { t: _t, ...figures } = m;
		return { ...state, stats: { ...figures, at } };
	}
	case 'taken_over':
		return m.finish ? say({ ...state, leaving: true, ring: null }, 'leaving', true) : takenOver(state);
	case 'forced':
		return notice(state, 'info', `forced_${m.what}`, m.by, '', at);
	case 'force_done': // said in the floor's dialog
	case 'move':       // the link's business
	case 'wall': // kept beside the state: src/wall/store.ts
	case 'pong':
		return state;
	case 'error':
		return notice(
			{
				...state, pending: { what: null, since: 0 },
				wrap: m.what === 'wrap' && state.wrap ? { ...state.wrap, saved: 'dirty' } : state.wrap,
			}, 'warn', m.what, m.why, m.remedy, at);
	}
}

function takenOver(state: State): State {
	return { ...state, phase: 'taken_over', leaving: false, ring: null, call: null, returning: null, wrap: null, noting: null };
}

/** The node's word on everything: nothing of an older session survives it, except what the person
 * typed about the same call, a note that is still being written, and whether they had muted it. */
function onWelcome(state: State, m: Welcome, at: number): State {
	const about = m.call ? withoutTalk(m.call) : null;
	const since = at - m.state.sinceMs;
	const known = m.state.state;
	const back = state.session?.id === m.session;
	// In its grace a session says so first and its real state right after: keep what is on screen.
	const grace = known === 'grace' && back;
	const returning = !back && inCall(state) && state.call && isFree(known)
		? { until: at + RETURN_MS, told: m.state } : null;
	const ours = state.session?.agent.name === m.agent.name && keepsNote(state) && (!back || state.noting);
	const noting = grace ? state.noting
		: isFree(known) && ours ? { told: m.state, ready: state.noting?.ready ?? wantsCalls(state) } : null;
	const typed = state.wrap?.note || state.wrap?.disposition;
	const next: State = {
		...state,
		phase: 'desk',
		leaving: false, // said again after this, if it still is so
		refused: null,
		signin: { busy: false, why: '', retryAt: 0 },
		known: { name: m.agent.name, display: m.agent.display },
		session: { id: m.session, node: m.node, agent: m.agent },
		desk: grace || (back && state.desk.state === known) ? state.desk
			: noting ? { state: 'wrap', reason: '', since: state.desk.since }
				: returning ? { state: 'grace', reason: '', since: state.desk.since }
					: { state: known, reason: m.state.reason, since },
		pending: { what: null, since: 0 },
		ring: grace ? state.ring : null,
		call: grace || returning ? state.call : null,
		returning,
		wrap: grace ? state.wrap : noting && state.wrap ? { ...state.wrap, saved: typed ? 'dirty' : 'clean' } : null,
		noting,
		leg: m.sdp && state.leg.status !== 'up' ? { status: 'connecting', why: '' } : state.leg,
		queues: m.queues.map((q) => state.queues.find((old) => old.name === q.name)
			?? { ...q, waiting: 0, longestMs: 0, idle: 0, at: 0 }),
	};
	if (known === 'talking' && m.call && about) {
		const mine = state.call?.offer === about.offer ? state.call : null;
		next.call = {
			...about, muted: mine?.muted ?? false,
			since: m.call.talkMs ? at - m.call.talkMs : mine?.since ?? since,
		};
	} else if (known === 'talking') {
		// Who it is comes next, with the repeated ring; most likely whom we had.
		next.call = state.call ?? { ...unknownCall(m.state.offer), since, muted: false };
	} else if (known === 'ringing' && about) {
		const mine = state.ring?.offer === about.offer ? state.ring : null;
		next.ring = mine ?? { ...about, ringMs: 0, endsAt: 0, queuedAt: at - about.waitedMs };
	} else if (known === 'wrap') {
		const offer = about?.offer || m.state.offer;
		const mine = state.wrap?.offer === offer ? state.wrap : null;
		const gone = state.call?.offer === offer ? state.call : null;
		next.wrap = mine ? { ...mine, endsAt: wrapEnd(m.state, at) }
			: newWrap(offer, about ?? gone, m.state.wrapMs, m.call?.talkMs ?? 0, '', at);
	}
	if (returning) return say(next, 'returning', true);
	return say(next, state.session || known === 'talking' ? 'resumed' : 'welcome', false);
}

/** Has no call in hand, and nothing rings. */
function isFree(now: AgentState): boolean {
	return now === 'not_ready' || now === 'idle' || now === 'reserved';
}

function onState(state: State, m: StateInfo, at: number): State {
	if (m.state === 'off' && state.leaving) return takenOver(state);
	if (state.returning && (isFree(m.state) || m.state === 'grace'))
		return { ...state, returning: { ...state.returning, told: m } };
	if (state.noting && (isFree(m.state) || m.state === 'grace'))
		return { ...state, noting: { ...state.noting, told: m } };
	const since = at - m.sinceMs;
	const next: State = {
		...state, returning: m.state === 'talking' ? state.returning : null, noting: null,
		desk: { state: m.state, reason: m.reason, since },
		pending: { what: null, since: 0 },
	};
	if (state.desk.state === m.state && state.desk.reason === m.reason) {
		// The same state again, after a resume too: the earlier start is the true one.
		next.desk.since = Math.min(state.desk.since, since);
	}
	switch (m.state) {
	case 'reserved':
	case 'ringing':
		next.call = null;
		next.wrap = null;
		return next;
	case 'committed':
		return next;
	case 'talking':
		return onTalk(next, m.offer || state.ring?.offer || state.call?.offer || '', at);
	case 'wrap': {
		next.ring = null;
		if (!next.wrap) {
			const about = state.call ? withoutCall(state.call) : null;
			next.wrap = newWrap(m.offer || about?.offer || '', about, m.wrapMs,
				state.call ? at - state.call.since : 0, '', at);
		} else if (m.wrapMs) {
			next.wrap = {
				...next.wrap, endsAt: at + m.wrapMs, wrapMs: Math.max(m.wrapMs, next.wrap.wrapMs),
				offer: next.wrap.offer || m.offer,
			};
		}
		if (m.slip) next.wrap = { ...next.wrap, slip: m.slip };
		next.call = null;
		return next;
	}
	case 'grace':
		return next;
	case 'idle':
	case 'not_ready':
	case 'off':
		next.ring = null;
		next.call = null;
		next.wrap = null;
		next.afterCall = null;
		if (m.state !== 'not_ready' || m.reason !== 'missed') next.missed = null;
		if (m.state === 'not_ready' && state.afterCall) next.pauseReason = state.afterCall;
		if (state.desk.state === m.state && state.desk.reason === m.reason) return next;
		if (m.state === 'idle') {
			next.notices = state.notices.filter((n) => n.key !== 'mic_paused'); // it is over
			return say(next, 'idle', false);
		}
		if (m.state === 'not_ready') return say(next, m.reason === 'missed' ? 'missed' : 'not_ready', false);
		return next;
	}
}

function onRingEnd(state: State, offer: string, why: string, at: number): State {
	const ring = state.ring;
	if (ring && offer && ring.offer !== offer) return state; // of an older offer
	let next: State = { ...state, ring: null, pending: { what: null, since: 0 } };
	if (why === 'agent_no_answer') {
		next.missed = ring && {
			caller: ring.caller, callerName: ring.callerName, queueDisplay: ring.queueDisplay,
		};
		next.today = { ...state.today, missed: state.today.missed + 1 };
	} else if (why === 'agent_rejected') {
		next.today = { ...state.today, rejected: state.today.rejected + 1 };
		next = notice(next, 'info', 'rejected', '', '', at);
	} else {
		next = notice(next, 'info', why === 'caller_hung_up' ? 'ring_hung_up' : 'ring_gone', '', '', at);
		next = say(next, why === 'caller_hung_up' ? 'ring_hung_up' : 'ring_gone', false);
	}
	// The state message follows; until it does the desk must not look as if it still rang.
	if (state.desk.state === 'ringing' || state.desk.state === 'committed')
		next.desk = { state: 'reserved', reason: '', since: at };
	return next;
}

function onTalk(state: State, offer: string, at: number): State {
	const desk = state.desk.state === 'talking'
		? state.desk : { state: 'talking' as const, reason: '', since: at };
	if (state.returning && state.call) {
		// Its offer may be another one, of the node that took the call over.
		return say({
			...state, desk, ring: null, returning: null, pending: { what: null, since: 0 },
			call: { ...state.call, offer: offer || state.call.offer },
		}, 'returned', false);
	}
	if (state.call && (!offer || state.call.offer === offer))
		return { ...state, desk, ring: null, pending: { what: null, since: 0 } };
	const from = state.ring ? withoutRing(state.ring) : unknownCall(offer);
	const next: State = {
		...state, desk, ring: null, wrap: null, missed: null, stats: null, ear: null,
		pending: { what: null, since: 0 },
		call: { ...from, since: desk.since, muted: false },
		// Only what rang here counts: after a reload the same call comes up again.
		today: state.ring ? { ...state.today, answered: state.today.answered + 1 } : state.today,
	};
	return state.ring ? say(next, 'talking', false) : next;
}

function onEnd(
	state: State, m: { offer: string; why: string; talkMs: number; wrapMs: number }, at: number,
): State {
	if (state.call && m.offer && state.call.offer !== m.offer) return state; // of an older offer
	const about = state.call ? withoutCall(state.call) : state.wrap?.about ?? null;
	const talkMs = m.talkMs || (state.call ? at - state.call.since : 0);
	const next: State = {
		...state, ring: null, call: null, returning: null, stats: null, ear: null,
		pending: { what: null, since: 0 },
		today: { ...state.today, talkMs: state.today.talkMs + talkMs },
	};
	if (state.wrap) {
		next.wrap = {
			...state.wrap, talkMs, why: m.why, about: state.wrap.about ?? about,
			wrapMs: m.wrapMs || state.wrap.wrapMs,
			endsAt: m.wrapMs ? at + m.wrapMs : state.wrap.endsAt,
		};
	} else if (m.wrapMs > 0) {
		next.wrap = newWrap(m.offer || about?.offer || '', about, m.wrapMs, talkMs, m.why, at);
		next.desk = { state: 'wrap', reason: '', since: at };
	} else if (inCall(state)) {
		next.desk = { state: 'reserved', reason: '', since: at }; // the state message follows
	}
	return say(next, m.why === 'caller_hung_up' ? 'end_caller' : 'end', false);
}

function unknownCall(offer: string): CallInfo {
	return {
		offer, call: '', queue: '', queueDisplay: '', caller: '', callerName: '', waitedMs: 0, site: '', task: '',
	};
}
function newWrap(
	offer: string, about: CallInfo | null, wrapMs: number, talkMs: number, why: string, at: number,
): Wrap {
	return {
		offer, about, wrapMs, talkMs, why, endsAt: wrapMs ? at + wrapMs : 0, disposition: '',
		note: '', saved: 'clean',
	};
}
function wrapEnd(m: StateInfo, at: number): number {
	return m.wrapMs ? at + m.wrapMs : 0;
}
function withoutTalk(call: CallInfo & { talkMs: number }): CallInfo {
	const { talkMs: _talk, ...rest } = call;
	return rest;
}
function withoutCall(call: Call): CallInfo {
	const { since: _since, muted: _muted, ...rest } = call;
	return rest;
}
function withoutRing(ring: Ring): CallInfo {
	const { endsAt: _ends, ringMs: _ring, queuedAt: _queued, ...rest } = ring;
	return rest;
}
/** "1 colleague free" must not be oneself. The figure lags by a second or two, and comes again when
 * it changes: so it is right again as soon as it counts us, or no longer does. */
function mergeQueues(old: Queue[], told: QueueFigures[], free: boolean, at: number): Queue[] {
	const figures = told.map((f) => ({ ...f, idle: Math.max(0, f.idle - (free ? 1 : 0)) }));
	const out = old.map((q) => {
		const f = figures.find((one) => one.name === q.name);
		return f ? { ...q, ...f, at } : q;
	});
	for (const f of figures) {
		if (!old.some((q) => q.name === f.name)) out.push({ ...f, display: f.name, at });
	}
	return out;
}
function notice(
	state: State, kind: Notice['kind'], key: string, text: string, remedy: string, at: number,
): State {
	const id = 1 + state.notices.reduce((max, n) => Math.max(max, n.id), 0);
	const others = state.notices.filter((n) => n.key !== key || n.text !== text);
	return { ...state, notices: [...others, { id, kind, key, text, remedy, at }].slice(-NOTICES_MAX) };
}
/** What a screen reader is told; n makes the same words twice two announcements. */
function say(state: State, key: string, urgent: boolean): State {
	const about = state.ring ?? state.call ?? state.wrap?.about ?? state.missed;
	return {
		...state,
		say: {
			n: state.say.n + 1, key, urgent,
			caller: about ? about.callerName || about.caller : '',
			queue: about ? about.queueDisplay : '',
		},
	};
}
