// The whole page as one value. reduce.ts changes it, derive.ts reads it, ui/ draws it.
import type {
	Agent, AgentState, CallInfo, Disposition, FromNode, PauseReason, QueueInfo, StateInfo,
} from './protocol';

export interface Cluster {
	cluster: string;
	signPub: string;
	site: string;
	sites: { name: string; number: number }[];
	gateways: string[];
}
export type RefusedWhy = 'key_changed' | 'no_cluster' | 'insecure' | 'certificate';
export type MicStatus =
	| 'unknown' | 'asking' | 'ok' | 'denied' | 'dismissed' | 'missing' | 'unplugged' | 'in_use'
	| 'insecure' | 'failed';
export type LegStatus = 'none' | 'connecting' | 'up' | 'down';
export type LinkStatus = 'idle' | 'connecting' | 'open' | 'lost';
export type Pending = 'ready' | 'pause' | 'accept' | 'reject' | 'hangup' | 'finish' | null;

export interface Ring extends CallInfo {
	endsAt: number;    // when the node gives up on us
	ringMs: number;    // the whole of it; 0: not known
	queuedAt: number;  // our own clock: when the caller began to wait
}
export interface Call extends CallInfo {
	since: number;
	muted: boolean;
}
export interface Wrap {
	offer: string;
	about: CallInfo | null;
	endsAt: number;
	wrapMs: number;
	talkMs: number;
	why: string;
	disposition: Disposition | '';
	note: string;
	saved: 'clean' | 'dirty' | 'sent';
	slip?: string;     // with it any node takes the note
}
export interface Queue extends QueueInfo {
	waiting: number;
	longestMs: number;
	idle: number;      // free colleagues: the node's figure without ourselves
	at: number;        // when these figures came; 0: not yet
}
export interface Today { answered: number; missed: number; rejected: number; talkMs: number }
export interface Notice {
	id: number;
	kind: 'info' | 'warn';
	key: string;       // notice.KEY is its text; without one, the node's own words are shown
	text: string;
	remedy: string;
	at: number;
}
export interface State {
	phase: 'boot' | 'refused' | 'signin' | 'desk' | 'taken_over';
	leaving: boolean;  // signed in elsewhere; the call in hand is finished here, then this page stops
	refused: { why: RefusedWhy; known: string; found: string } | null;
	cluster: Cluster | null;
	known: { name: string; display: string } | null;
	signin: { busy: boolean; why: string; retryAt: number };
	link: { status: LinkStatus; since: number; attempt: number; retryAt: number; rttMs: number };
	session: { id: string; node: string; agent: Agent } | null;
	desk: { state: AgentState; reason: string; since: number };
	pauseReason: PauseReason | null;   // the last one asked for here
	afterCall: PauseReason | null;     // pause asked for while a call was in hand
	ring: Ring | null;
	call: Call | null;
	/** The node of this call is gone, and the one that took us in has not been given it yet: `call` is what
	 * it was; `told` is how we stand without it. */
	returning: { until: number; told: StateInfo | null } | null;
	wrap: Wrap | null;
	/** The node of this wrap-up is gone; the form stays until its person is done or its time is over. `told` is
	 * how we stand without it; `ready`: calls were wanted after it. */
	noting: { told: StateInfo; ready: boolean } | null;
	missed: { caller: string; callerName: string; queueDisplay: string } | null;
	pending: { what: Pending; since: number };
	mic: { status: MicStatus; label: string; silent: boolean };
	leg: { status: LegStatus; why: string };
	soundBlocked: boolean;
	queues: Queue[];
	stats: { lossPermille: number; jitterMs: number; rttMs: number; at: number } | null;
	ear: { lossPermille: number; jitterMs: number; rttMs: number } | null; // what arrives here
	today: Today;
	notices: Notice[];
	say: { n: number; key: string; caller: string; queue: string; urgent: boolean };
}

export type Action =
	| { a: 'cluster'; cluster: Cluster; known: State['known'] }
	| { a: 'refuse'; why: RefusedWhy; known: string; found: string }
	| { a: 'signin' }
	| { a: 'signin_failed'; why: string; retryMs: number }
	| { a: 'link'; status: LinkStatus; attempt: number; retryMs: number }
	| { a: 'rtt'; rttMs: number }
	| { a: 'ear'; ear: State['ear'] }
	| { a: 'message'; m: FromNode }
	| { a: 'intent'; what: Exclude<Pending, null>; reason?: PauseReason }
	| { a: 'mute'; on: boolean }
	| { a: 'call_since'; ageMs: number }
	| { a: 'wrap'; disposition: Disposition | ''; note: string; about?: CallInfo }
	| { a: 'wrap_sent' }
	| { a: 'note_done' }
	| { a: 'mic'; status: MicStatus; label: string }
	| { a: 'mic_silent'; on: boolean }
	| { a: 'leg'; status: LegStatus; why: string }
	| { a: 'sound_blocked'; on: boolean }
	| { a: 'today'; today: Today }
	| { a: 'notice'; kind: Notice['kind']; key: string }
	| { a: 'dismiss'; id: number }
	| { a: 'signed_out'; known: State['known']; why: string }
	| { a: 'tick' };
export type Timed = Action & { at: number };

export const NO_TODAY: Today = { answered: 0, missed: 0, rejected: 0, talkMs: 0 };

export function initialState(): State {
	return {
		phase: 'boot',
		leaving: false,
		refused: null,
		cluster: null,
		known: null,
		signin: { busy: false, why: '', retryAt: 0 },
		link: { status: 'idle', since: 0, attempt: 0, retryAt: 0, rttMs: -1 },
		session: null,
		desk: { state: 'off', reason: '', since: 0 },
		pauseReason: null,
		afterCall: null,
		ring: null,
		call: null,
		returning: null,
		wrap: null,
		noting: null,
		missed: null,
		pending: { what: null, since: 0 },
		mic: { status: 'unknown', label: '', silent: false },
		leg: { status: 'none', why: '' },
		soundBlocked: false,
		queues: [],
		stats: null,
		ear: null,
		today: NO_TODAY,
		notices: [],
		say: { n: 0, key: '', caller: '', queue: '', urgent: false },
	};
}
