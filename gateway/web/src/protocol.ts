// What the page and its node say to each other: nodes/desk/PROTOCOL.md in types, and the one place
// where what arrives is checked. A field that is missing or of another type becomes its default; a
// message without its essential fields, or of an unknown type, is null and is ignored by the page.

import { readWall, type WallMessage } from './wall/message';

export const PAUSE_REASONS = ['break', 'lunch', 'training', 'admin', 'device'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

export const DISPOSITIONS = [
	'resolved', 'callback', 'order', 'complaint', 'wrong_number', 'other', 'not_reached',
] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export const AGENT_STATES = [
	'off', 'not_ready', 'idle', 'reserved', 'ringing', 'committed', 'talking', 'wrap', 'grace',
] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** One JSON message is at most this long (PROTOCOL.md); a longer one is never sent or parsed. */
export const MESSAGE_MAX = 16 * 1024;
/** A note in a record, in bytes of UTF-8 (the node refuses a longer one whole). */
export const NOTE_MAX_BYTES = 511;

/** What a supervisor may decide for somebody else. */
export const FORCE_WHATS = ['ready', 'not-ready', 'release'] as const;
export type ForceWhat = (typeof FORCE_WHATS)[number];

export type ToNode =
	| { t: 'login'; name: string; password: string; audio: 'webrtc'; lang: string }
	| {
		t: 'resume'; ticket: string; session: string; audio: 'webrtc'; lang: string;
		keep_rtc: boolean; again: boolean; ready: boolean; talking: boolean;
	}
	| { t: 'rtc.answer'; sdp: string }
	| { t: 'ready' }
	| { t: 'pause'; reason: PauseReason }
	| { t: 'accept' | 'reject' | 'hangup'; offer: string }
	| { t: 'wrap'; offer: string; disposition: string; note: string; done: boolean; slip: string }
	| { t: 'mute'; on: boolean }
	| { t: 'wall'; on: boolean }
	| { t: 'force'; agent: string; what: ForceWhat }
	| { t: 'ping'; n: number }
	| { t: 'signout' };

export interface Agent {
	name: string;
	display: string;
	site: string;
	language: string;
	codec: string;
	supervisor: boolean;
}
export interface CallInfo {
	offer: string;
	call: string;
	queue: string;
	queueDisplay: string;
	caller: string;
	callerName: string;
	waitedMs: number;
	site: string;
	/** Not a caller on the line, but somebody to be called; no audio comes with it. */
	task: '' | 'callback' | 'voicemail';
}
export interface StateInfo {
	state: AgentState;
	reason: string;
	sinceMs: number;
	offer: string;
	wrapMs: number;
	/** At `off`: what an administrator did; else empty. */
	ended: string;
	/** At `wrap`: with it any node takes the note. */
	slip: string;
}
export interface QueueInfo { name: string; display: string }
export interface QueueFigures { name: string; waiting: number; longestMs: number; idle: number }

export interface Welcome {
	t: 'welcome';
	session: string;
	ticket: string;
	ticketMs: number;
	agent: Agent;
	node: string;
	queues: QueueInfo[];
	sdp: string | null;
	state: StateInfo;
	call: (CallInfo & { talkMs: number }) | null;
	iceMs: number;
}
export type FromNode =
	| Welcome
	| { t: 'denied'; why: string; retryMs: number }
	| ({ t: 'state' } & StateInfo)
	| { t: 'media'; up: boolean; why: string }
	| ({ t: 'ring'; ringMs: number; again: boolean } & CallInfo)
	| { t: 'ring_end'; offer: string; why: string }
	| { t: 'talk'; offer: string; call: string }
	| { t: 'end'; offer: string; call: string; why: string; talkMs: number; wrapMs: number }
	| { t: 'queues'; queues: QueueFigures[] }
	| { t: 'stats'; lossPermille: number; jitterMs: number; rttMs: number }
	| { t: 'taken_over'; finish: boolean }
	| { t: 'move' }
	| { t: 'forced'; what: ForceWhat; by: string }
	| { t: 'force_done'; agent: string; what: string; ok: boolean; why: string }
	| WallMessage
	| { t: 'pong'; n: number }
	| { t: 'error'; what: string; why: string; remedy: string };

/** Cuts a note to what a record holds, never inside a character. */
export function noteThatFits(note: string): string {
	const encoder = new TextEncoder();
	if (encoder.encode(note).length <= NOTE_MAX_BYTES) return note;
	const chars = Array.from(note);
	let bytes = 0;
	let n = 0;
	for (const c of chars) {
		bytes += encoder.encode(c).length;
		if (bytes > NOTE_MAX_BYTES) break;
		n++;
	}
	return chars.slice(0, n).join('');
}

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown): Fields | null {
	return typeof value === 'object' && value !== null && !Array.isArray(value)
		? (value as Fields) : null;
}
function text(value: unknown, max = 256): string {
	if (typeof value === 'number' && Number.isFinite(value)) return String(value);
	return typeof value === 'string' ? value.slice(0, max) : '';
}
/** Durations and counts: never negative, never NaN; a week is more than any of them means. */
function count(value: unknown): number {
	if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return 0;
	return Math.min(value, 7 * 86_400_000);
}
function list<T>(value: unknown, max: number, read: (item: Fields) => T | null): T[] {
	if (!Array.isArray(value)) return [];
	const out: T[] = [];
	for (const item of value.slice(0, max)) {
		const fields = fieldsOf(item);
		const one = fields && read(fields);
		if (one) out.push(one);
	}
	return out;
}
/** What SIP puts where a number is withheld (RFC 3323, and what gateways make of it). */
const WITHHELD = /^(anonymous|unknown|unavailable|restricted|private)$/i;
function number(value: unknown): string {
	const caller = text(value);
	return WITHHELD.test(caller) ? '' : caller;
}
function callOf(m: Fields): CallInfo {
	return {
		offer: text(m.offer),
		call: text(m.call),
		queue: text(m.queue),
		queueDisplay: text(m.queue_display) || text(m.queue),
		caller: number(m.caller),
		callerName: number(m.caller_name),
		waitedMs: count(m.waited_ms),
		site: text(m.site),
		task: m.task === 'callback' || m.task === 'voicemail' ? m.task : '',
	};
}
function stateOf(m: Fields): StateInfo | null {
	const name = text(m.state);
	const state = AGENT_STATES.find((known) => known === name);
	if (!state) return null;
	return {
		state,
		reason: text(m.reason),
		sinceMs: count(m.since_ms),
		offer: text(m.offer),
		wrapMs: count(m.wrap_ms),
		ended: text(m.ended),
		slip: text(m.slip),
	};
}
function welcomeOf(m: Fields): Welcome | null {
	const agent = fieldsOf(m.agent);
	const session = text(m.session);
	if (!agent || !session) return null;
	const rtc = fieldsOf(m.rtc);
	const call = fieldsOf(m.call);
	// `state` is the word itself with its companions beside it, or an object of them all.
	const state = stateOf(fieldsOf(m.state) ?? m);
	return {
		t: 'welcome',
		session,
		ticket: text(m.ticket, 2048),
		ticketMs: count(m.ticket_ms),
		agent: {
			name: text(agent.name),
			display: text(agent.display) || text(agent.name),
			site: text(agent.site),
			language: text(agent.language),
			codec: text(agent.codec),
			supervisor: agent.supervisor === true,
		},
		node: text(m.node),
		queues: list(m.queues, 1024, (q) => {
			const name = text(q.name);
			return name ? { name, display: text(q.display) || name } : null;
		}),
		sdp: rtc ? text(rtc.sdp, MESSAGE_MAX) || null : null,
		state: state ?? { state: 'not_ready', reason: '', sinceMs: 0, offer: '', wrapMs: 0, ended: '', slip: '' },
		call: call ? { ...callOf(call), talkMs: count(call.talk_ms) } : null,
		iceMs: count(m.ice_ms),
	};
}

/** Reads one message of the node. null: not JSON, too long, unknown, or without what it needs. */
export function parseFromNode(json: string): FromNode | null {
	if (json.length > MESSAGE_MAX) return null;
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch {
		return null;
	}
	const m = fieldsOf(value);
	if (!m) return null;
	switch (m.t) {
	case 'welcome':
		return welcomeOf(m);
	case 'denied':
		return { t: 'denied', why: text(m.why), retryMs: count(m.retry_ms) };
	case 'state': {
		const state = stateOf(m);
		return state && { t: 'state', ...state };
	}
	case 'media':
		return { t: 'media', up: m.up === true, why: text(m.why) };
	case 'ring': {
		const call = callOf(m);
		return call.offer ? { t: 'ring', ...call, ringMs: count(m.ring_ms), again: m.again === true } : null;
	}
	case 'ring_end':
		return { t: 'ring_end', offer: text(m.offer), why: text(m.why) };
	case 'talk':
		return { t: 'talk', offer: text(m.offer), call: text(m.call) };
	case 'end':
		return {
			t: 'end', offer: text(m.offer), call: text(m.call), why: text(m.why),
			talkMs: count(m.talk_ms), wrapMs: count(m.wrap_ms),
		};
	case 'queues':
		return {
			t: 'queues',
			queues: list(m.queues, 1024, (q) => {
				const name = text(q.name);
				return name ? {
					name, waiting: count(q.waiting), longestMs: count(q.longest_ms),
					idle: count(q.idle),
				} : null;
			}),
		};
	case 'stats':
		return {
			t: 'stats', lossPermille: count(m.loss_permille), jitterMs: count(m.jitter_ms),
			rttMs: count(m.rtt_ms),
		};
	case 'move':
		return { t: 'move' };
	case 'taken_over':
		return { t: 'taken_over', finish: m.finish === true };
	case 'forced': {
		const what = FORCE_WHATS.find((w) => w === m.what);
		return what ? { t: 'forced', what, by: text(m.by) } : null;
	}
	case 'force_done':
		return {
			t: 'force_done', agent: text(m.agent), what: text(m.what), ok: m.ok === true,
			why: text(m.why, 1024),
		};
	case 'wall':
		return readWall(m);
	case 'pong':
		return { t: 'pong', n: count(m.n) };
	case 'error':
		return {
			t: 'error', what: text(m.what), why: text(m.why, 1024), remedy: text(m.remedy, 1024),
		};
	default:
		return null;
	}
}
