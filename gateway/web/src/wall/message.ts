// The node's `wall` in types (nodes/desk/PROTOCOL.md): read and checked here, nowhere else.
import { AGENT_STATES, type AgentState } from '../protocol';

/** What a queue is. */
export interface Line { name: string; display: string; skills: Bits; withinMs: number; targetPct: number }
/** A queue at one site, as of now. */
export interface Figures {
	queue: string;
	site: string;
	waiting: number;
	longestMs: number;
	entered: number;
	answered: number;
	inTime: number;
	abandoned: number;
	waitMs: number;
	ewtMs: number;
	ewtErrorMs: number;
	heard: boolean;
}
export interface Agent {
	name: string;
	display: string;
	site: string;
	node: string;
	state: AgentState;
	reason: string;
	sinceMs: number;
	queue: string;
	call: string;
	skills: Bits;
	heard: boolean;
}
/** Whether a queue is open: at a site, or ('') anywhere. */
export interface Hours {
	queue: string;
	site: string;
	none: boolean;            // it has no hours any more
	open: boolean;
	changesMs: number | null; // null: not within two weeks
	gaps: number;             // times that nobody covers and that begin within a week
	gapsMs: number;
}
export interface Site { name: string; nodes: number; heard: number }
/** 64 bits in two halves: JavaScript's own operators know 32. */
export interface Bits { high: number; low: number }

export interface WallMessage {
	t: 'wall';
	full: boolean;
	more: boolean;
	lines: Line[];
	figures: Figures[];
	agents: Agent[];
	gone: string[]; // agents who have signed out
	sites: Site[];
	hours: Hours[];
}

type Fields = Record<string, unknown>;

function text(value: unknown): string {
	return typeof value === 'string' ? value.slice(0, 256) : '';
}
function count(value: unknown): number {
	return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
function rows(value: unknown): Fields[] {
	return Array.isArray(value)
		? value.filter((v): v is Fields => typeof v === 'object' && v !== null) : [];
}
export function bits(hex: string): Bits {
	if (!/^[0-9a-f]{1,16}$/.test(hex)) return { high: 0, low: 0 };
	const all = hex.padStart(16, '0');
	return { high: parseInt(all.slice(0, 8), 16), low: parseInt(all.slice(8), 16) };
}
/** Has somebody with these skills all that are needed? */
export function covers(skills: Bits, needed: Bits): boolean {
	return (needed.high & ~skills.high) === 0 && (needed.low & ~skills.low) === 0;
}

export function readWall(m: Fields): WallMessage {
	const agents: Agent[] = [];
	const gone: string[] = [];
	for (const a of rows(m.agents)) {
		const name = text(a.name);
		const state = AGENT_STATES.find((s) => s === a.state);
		if (!name || !state) continue;
		if (state === 'off') {
			gone.push(name);
			continue;
		}
		agents.push({
			name, display: text(a.display) || name, site: text(a.site), node: text(a.node), state,
			reason: text(a.reason), sinceMs: count(a.since_ms), queue: text(a.queue),
			call: text(a.call), skills: bits(text(a.skills)), heard: a.heard !== false,
		});
	}
	return {
		t: 'wall', full: m.full === true, more: m.more === true, agents, gone,
		lines: rows(m.queues).filter((q) => text(q.name)).map((q) => ({
			name: text(q.name), display: text(q.display) || text(q.name),
			skills: bits(text(q.skills)), withinMs: count(q.within_ms),
			targetPct: count(q.target_pct),
		})),
		figures: rows(m.figures).filter((f) => text(f.queue)).map((f) => ({
			queue: text(f.queue), site: text(f.site), waiting: count(f.waiting),
			longestMs: count(f.longest_ms), entered: count(f.entered), answered: count(f.answered),
			inTime: count(f.in_time), abandoned: count(f.abandoned), waitMs: count(f.wait_ms),
			ewtMs: count(f.ewt_ms), ewtErrorMs: count(f.ewt_error_ms),
			heard: f.heard !== false,
		})),
		sites: rows(m.sites).filter((s) => text(s.name)).map((s) => ({
			name: text(s.name), nodes: count(s.nodes), heard: count(s.heard),
		})),
		hours: rows(m.hours).filter((h) => text(h.queue)).map((h) => ({
			queue: text(h.queue), site: text(h.site), none: h.none === true, open: h.open === true,
			changesMs: typeof h.changes_ms === 'number' ? count(h.changes_ms) : null,
			gaps: count(h.gaps), gapsMs: count(h.gaps_ms),
		})),
	};
}
