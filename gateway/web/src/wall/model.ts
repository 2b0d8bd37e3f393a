// What the floor knows, and the pure functions that change it and look into it:
//
//	`wall` ─► take(floor, message, at) ─► floor ─┬► queues(floor, site)       the board
//	                                            └► roster(floor, choice, …)  the list of agents
//
// No I/O, no clock. Maps are replaced when they change, rows when they differ, never written into:
// what is the same object has not changed.
import type { AgentState } from '../protocol';
import { covers, type Agent, type Figures, type Hours, type Line, type Site, type WallMessage } from './message';

/** An agent on the page's own clock. */
export interface Person extends Agent { since: number }
/** A queue at a site on the page's own clock. */
export interface Share extends Figures { headAt: number }

/** Hours on the page's own clock. */
export interface Open extends Hours { changesAt: number | null }

export interface Floor {
	complete: boolean; // everything has come once
	people: ReadonlyMap<string, Person>;
	rank: ReadonlyMap<string, number>; // the place of each name in the alphabet
	shares: ReadonlyMap<string, Share>;
	lines: ReadonlyMap<string, Line>;
	sites: ReadonlyMap<string, Site>;
	hours: ReadonlyMap<string, Open>; // "queue site"; without hours a queue is always open
}

export const EMPTY: Floor = {
	complete: false, people: new Map(), rank: new Map(), shares: new Map(), lines: new Map(), sites: new Map(),
	hours: new Map(),
};

export function take(floor: Floor, m: WallMessage, at: number): Floor {
	const from = m.full ? EMPTY : floor;
	const next: Floor = { ...from, complete: (from.complete || !m.more) };
	if (m.agents.length || m.gone.length) {
		const people = new Map(from.people);
		for (const name of m.gone) people.delete(name);
		for (const a of m.agents) people.set(a.name, { ...a, since: at - a.sinceMs });
		next.people = people;
	}
	// Comparing words is slow; it is done when a name is new, not whenever the list is sorted.
	if (!m.more && [...next.people.values()].some((p) => !next.rank.has(p.name)))
		next.rank = ranks(next.people);
	if (m.figures.length) {
		const shares = new Map(from.shares);
		for (const f of m.figures) shares.set(`${f.queue} ${f.site}`, { ...f, headAt: at - f.longestMs });
		next.shares = shares;
	}
	if (m.lines.length) {
		const lines = new Map(from.lines);
		for (const l of m.lines) lines.set(l.name, l);
		next.lines = lines;
	}
	if (m.sites.length) {
		const sites = new Map(from.sites);
		for (const s of m.sites) sites.set(s.name, s);
		next.sites = sites;
	}
	if (m.hours.length) {
		const hours = new Map(from.hours);
		for (const h of m.hours) {
			const key = `${h.queue} ${h.site}`;
			if (h.none) hours.delete(key);
			else hours.set(key, { ...h, changesAt: h.changesMs === null ? null : at + h.changesMs });
		}
		next.hours = hours;
	}
	return next;
}

const collator = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true });

function ranks(people: ReadonlyMap<string, Person>): Map<string, number> {
	const list = [...people.values()].sort((a, b) =>
		collator.compare(a.display, b.display) || (a.name < b.name ? -1 : 1));
	return new Map(list.map((p, i) => [p.name, i]));
}

// ---- the board ----

export type Level = 'good' | 'warn' | 'bad' | 'none';

/** How many there are, of those who serve a queue. */
export interface Crew { idle: number; ringing: number; talking: number; wrap: number; away: number }

export interface Row {
	name: string;
	display: string;
	waiting: number;
	headAt: number;          // of the caller who waits longest; only where somebody waits
	crew: Crew;
	offered: number;         // callers whose fate is known: answered or given up
	answered: number;
	abandoned: number;
	servedPct: number | null; // within the promised time, of the offered; null: none yet
	targetPct: number;
	withinMs: number;
	averageWaitMs: number | null;
	ewtMs: number;           // of the site where a newcomer would wait longest
	ewtErrorMs: number;
	heard: boolean;
	hours: Open | null;      // of the chosen site, or of all together; null: always open
	parts: { site: string; waiting: number; headAt: number; crew: Crew; heard: boolean; hours: Open | null }[];
}

const noCrew = (): Crew => ({ idle: 0, ringing: 0, talking: 0, wrap: 0, away: 0 });

/** What an agent's state means for a queue: the ones in between count as the thing they lead to. */
export function duty(state: AgentState): keyof Crew {
	switch (state) {
	case 'idle':
		return 'idle';
	case 'reserved':
	case 'ringing':
		return 'ringing';
	case 'committed':
	case 'talking':
		return 'talking';
	case 'wrap':
		return 'wrap';
	default:
		return 'away';
	}
}

/** Agents by home site and skills: a thousand people have a handful of these. */
function crews(floor: Floor): Map<string, { person: Person; crew: Crew; busy: Map<string, Crew> }> {
	const out = new Map<string, { person: Person; crew: Crew; busy: Map<string, Crew> }>();
	for (const p of floor.people.values()) {
		const key = `${p.site} ${p.skills.high} ${p.skills.low}`;
		let group = out.get(key);
		if (!group) {
			group = { person: p, crew: noCrew(), busy: new Map() };
			out.set(key, group);
		}
		const what = duty(p.state);
		// Who has a call in hand works for its queue, and for no other.
		if (p.queue && what !== 'idle' && what !== 'away') {
			const busy = group.busy.get(p.queue) ?? noCrew();
			busy[what]++;
			group.busy.set(p.queue, busy);
		} else {
			group.crew[what]++;
		}
	}
	return out;
}

function add(to: Crew, from: Crew | undefined): void {
	if (!from) return;
	to.idle += from.idle;
	to.ringing += from.ringing;
	to.talking += from.talking;
	to.wrap += from.wrap;
	to.away += from.away;
}

/** One row a queue, in the order of the alphabet: it must not jump. `site` '' is all of them. */
export function queues(floor: Floor, site = ''): Row[] {
	const groups = [...crews(floor).values()];
	const sites = [...floor.sites.keys()].filter((s) => !site || s === site).sort();
	const rows: Row[] = [];
	for (const line of floor.lines.values()) {
		const row: Row = {
			name: line.name, display: line.display, waiting: 0, headAt: Infinity, crew: noCrew(),
			offered: 0, answered: 0, abandoned: 0, servedPct: null, targetPct: line.targetPct,
			withinMs: line.withinMs, averageWaitMs: null, ewtMs: 0, ewtErrorMs: 0, heard: true, parts: [],
			hours: floor.hours.get(`${line.name} ${site}`) ?? null,
		};
		let inTime = 0;
		let waitMs = 0;
		for (const s of sites) {
			const share = floor.shares.get(`${line.name} ${s}`);
			const part = {
				site: s, waiting: share?.waiting ?? 0, headAt: share?.waiting ? share.headAt : Infinity,
				crew: noCrew(), heard: share?.heard ?? true,
				hours: floor.hours.get(`${line.name} ${s}`) ?? null,
			};
			for (const g of groups) {
				if (g.person.site !== s) continue;
				if (covers(g.person.skills, line.skills)) add(part.crew, g.crew);
				add(part.crew, g.busy.get(line.name));
			}
			row.parts.push(part);
			row.waiting += part.waiting;
			row.headAt = Math.min(row.headAt, part.headAt);
			row.heard &&= part.heard;
			add(row.crew, part.crew);
			row.answered += share?.answered ?? 0;
			row.abandoned += share?.abandoned ?? 0;
			inTime += share?.inTime ?? 0;
			waitMs += share?.waitMs ?? 0;
			if (share && share.ewtMs > row.ewtMs) {
				row.ewtMs = share.ewtMs;
				row.ewtErrorMs = share.ewtErrorMs;
			}
		}
		row.offered = row.answered + row.abandoned;
		if (row.offered) row.servedPct = (100 * inTime) / row.offered;
		if (row.answered) row.averageWaitMs = waitMs / row.answered;
		rows.push(row);
	}
	return rows.sort((a, b) => a.display.localeCompare(b.display));
}

/** Within reach of the target is a warning, below it an alarm. */
export function servedLevel(row: Row): Level {
	if (row.servedPct === null) return 'none';
	if (row.servedPct >= row.targetPct) return 'good';
	return row.servedPct >= row.targetPct - 10 ? 'warn' : 'bad';
}
/** Somebody waits: longer than promised is an alarm, half of that a warning. */
export function waitLevel(row: { waiting: number; headAt: number }, withinMs: number, now: number): Level {
	if (!row.waiting) return 'none';
	const waited = now - row.headAt;
	if (waited > withinMs) return 'bad';
	return waited > withinMs / 2 ? 'warn' : 'good';
}

// ---- the list of agents ----

export const SORTS = ['name', 'site', 'state', 'since', 'queue'] as const;
export type Sort = (typeof SORTS)[number];
export const DUTIES = ['idle', 'ringing', 'talking', 'wrap', 'away'] as const;

export interface Choice {
	text: string;
	site: string;
	queue: string;
	duty: '' | keyof Crew;
	sort: Sort;
	down: boolean;
	grouped: boolean;
}
export const NO_CHOICE: Choice = {
	text: '', site: '', queue: '', duty: '', sort: 'name', down: false, grouped: false,
};

export type Item =
	| { kind: 'site'; site: string; crew: Crew; n: number }
	| { kind: 'person'; person: Person };

const plain = (s: string): string => s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

function wanted(p: Person, c: Choice, line: Line | undefined, words: string[]): boolean {
	if (c.site && p.site !== c.site) return false;
	if (c.duty && duty(p.state) !== c.duty) return false;
	if (c.queue && p.queue !== c.queue && !(line && covers(p.skills, line.skills))) return false;
	if (!words.length) return true;
	const about = plain(`${p.display} ${p.name} ${p.call} ${p.node}`);
	return words.every((w) => about.includes(w));
}

const ORDER: Record<keyof Crew, number> = { ringing: 0, talking: 1, wrap: 2, idle: 3, away: 4 };
const byWord = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function compare(a: Person, b: Person, sort: Sort): number {
	switch (sort) {
	case 'name':
		return 0;
	case 'site':
		return byWord(a.site, b.site);
	case 'state':
		return ORDER[duty(a.state)] - ORDER[duty(b.state)] || byWord(a.state, b.state);
	case 'since':
		return b.since - a.since;
	case 'queue':
		return byWord(a.queue || '\uffff', b.queue || '\uffff');
	}
}

/** Who is chosen, in order; equal ones by name. Grouped: a line for each site before its people. */
export function roster(floor: Floor, c: Choice): { items: Item[]; people: number } {
	const words = plain(c.text).split(/\s+/).filter(Boolean);
	const line = c.queue ? floor.lines.get(c.queue) : undefined;
	const list: Person[] = [];
	for (const p of floor.people.values()) if (wanted(p, c, line, words)) list.push(p);
	const turn = c.down ? -1 : 1;
	const rank = (p: Person): number => floor.rank.get(p.name) ?? 0;
	list.sort((a, b) => (c.grouped ? byWord(a.site, b.site) : 0)
		|| turn * compare(a, b, c.sort)
		|| (c.sort === 'name' ? turn : 1) * (rank(a) - rank(b)));
	const items: Item[] = [];
	let head: Extract<Item, { kind: 'site' }> | undefined;
	for (const person of list) {
		if (c.grouped && (!head || head.site !== person.site)) {
			head = { kind: 'site', site: person.site, crew: noCrew(), n: 0 };
			items.push(head);
		}
		if (head) {
			head.crew[duty(person.state)]++;
			head.n++;
		}
		items.push({ kind: 'person', person });
	}
	return { items, people: list.length };
}

/** Everybody, by what they do. */
export function everybody(floor: Floor): Crew {
	const all = noCrew();
	for (const p of floor.people.values()) all[duty(p.state)]++;
	return all;
}
