// What this browser remembers. Storage can be refused or full: then the page works and forgets.
import { pickLanguage, type Lang } from './i18n';
import type { CallInfo } from './protocol';
import { NO_TODAY, type Today } from './state';

export type Theme = 'auto' | 'light' | 'dark';
export interface Prefs {
	lang: Lang;
	theme: Theme;
	mic: string;
	speaker: string;
	ring: string;
	volume: number;
	notify: boolean;
	keys: boolean;
}
/** Lets this device come back without a password. Worthless without the device's key. */
export interface Ticket {
	ticket: string;
	session: string;
	node: string;
	name: string;
	display: string;
	site: string;
	until: number; // wall clock, for this browser only
}

const PREFS = 'helio.prefs';
const TICKET = 'helio.ticket';
const TODAY = 'helio.today';
/** Per tab: this tab was at its desk, and a reload shall go straight back to it. */
const TAB = 'helio.tab';

function read(store: () => Storage, key: string): Record<string, unknown> {
	try {
		const v: unknown = JSON.parse(store().getItem(key) ?? '{}');
		return typeof v === 'object' && v !== null ? (v as Record<string, unknown>) : {};
	} catch {
		return {};
	}
}
function write(store: () => Storage, key: string, value: unknown): void {
	try {
		if (value === null) store().removeItem(key);
		else store().setItem(key, JSON.stringify(value));
	} catch {
		// Refused or full: nothing here is worth stopping for.
	}
}
const local = (): Storage => localStorage;
const tab = (): Storage => sessionStorage;

export function loadPrefs(): Prefs {
	const v = read(local, PREFS);
	const text = (x: unknown): string => (typeof x === 'string' ? x : '');
	return {
		lang: pickLanguage(text(v.lang) ? [text(v.lang)] : navigator.languages),
		theme: v.theme === 'light' || v.theme === 'dark' ? v.theme : 'auto',
		mic: text(v.mic),
		speaker: text(v.speaker),
		ring: text(v.ring),
		volume: typeof v.volume === 'number' ? Math.min(1, Math.max(0, v.volume)) : 0.6,
		notify: v.notify !== false,
		keys: v.keys !== false,
	};
}
export function savePrefs(prefs: Prefs): void {
	write(local, PREFS, prefs);
}

export function loadTicket(): Ticket | null {
	const v = read(local, TICKET) as Partial<Ticket>;
	return v.ticket && v.session && v.name && typeof v.until === 'number' && v.until > Date.now()
		? {
			ticket: v.ticket, session: v.session, node: v.node ?? '', name: v.name, display: v.display ?? v.name,
			site: v.site ?? '', until: v.until,
		} : null;
}
export function saveTicket(ticket: Ticket | null): void {
	write(local, TICKET, ticket);
	write(tab, TAB, ticket ? { session: ticket.session } : null);
}
/** This tab keeps its ticket but no longer goes back by itself. */
export function leaveTab(): void {
	write(tab, TAB, null);
}
export function tabWasAtDesk(): boolean {
	return tabSession() !== '';
}
/** The session of this tab; the ticket is shared by all tabs, and names the newest. */
export function tabSession(): string {
	const v = read(tab, TAB);
	return typeof v.session === 'string' ? v.session : '';
}

const CALL = 'helio.call';
/** When the call in hand began, so that a reload does not start its clock anew. */
export function saveCallStart(offer: string, ageMs: number): void {
	write(tab, CALL, { offer, startedAt: Date.now() - ageMs });
}
export function loadCallAge(offer: string): number {
	const v = read(tab, CALL);
	return v.offer === offer && typeof v.startedAt === 'number' ? Math.max(0, Date.now() - v.startedAt) : 0;
}

const DRAFT = 'helio.wrap';
export interface Draft { offer: string; disposition: string; note: string; caller: string; callerName: string; queueDisplay: string; task: CallInfo['task'] }
/** A wrap-up in hand, so that a reload does not take it, nor overwrite what was saved. */
export function saveDraft(draft: Draft | null): void {
	write(tab, DRAFT, draft);
}
export function loadDraft(offer: string): Draft | null {
	const v = read(tab, DRAFT);
	const text = (x: unknown): string => (typeof x === 'string' ? x : '');
	return offer && v.offer === offer ? {
		offer, disposition: text(v.disposition), note: text(v.note), caller: text(v.caller),
		callerName: text(v.callerName), queueDisplay: text(v.queueDisplay),
		task: v.task === 'callback' || v.task === 'voicemail' ? v.task : '',
	} : null;
}

function dayOf(now: Date): string {
	return `${now.getFullYear()}-${now.getMonth() + 1}-${now.getDate()}`;
}
export function loadToday(agent: string): Today {
	const v = read(local, TODAY);
	if (v.agent !== agent || v.day !== dayOf(new Date())) return NO_TODAY;
	const n = (x: unknown): number => (typeof x === 'number' && x >= 0 ? x : 0);
	return {
		answered: n(v.answered), missed: n(v.missed), rejected: n(v.rejected), talkMs: n(v.talkMs),
	};
}
export function saveToday(agent: string, today: Today): void {
	write(local, TODAY, { agent, day: dayOf(new Date()), ...today });
}
