// One file per language; English is the measure: Texts makes tsc refuse a language that lacks a key.
import { en, type Key } from './en';
import { fr } from './fr';
import { nb } from './nb';
import { nl } from './nl';
import { ru } from './ru';
import type { Dictionary, Plural } from './types';

export type { Key } from './en';
export type Texts = { [K in Key]: (typeof en)[K] extends string ? string : Plural };
export type Lang = 'en' | 'nb' | 'fr' | 'nl' | 'ru';
export type Params = Record<string, string | number>;

/** In the order of the picker, each in its own words. */
export const LANGUAGES: readonly { code: Lang; name: string }[] = [
	{ code: 'en', name: 'English' },
	{ code: 'fr', name: 'Français' },
	{ code: 'nl', name: 'Nederlands' },
	{ code: 'nb', name: 'Norsk' },
	{ code: 'ru', name: 'Русский' },
];
export const DICTIONARIES: Readonly<Record<Lang, Texts>> = { en, nb, fr, nl, ru };

/** The first of the wanted languages (BCP 47, best first) that the page speaks; else English.
 * Norwegian comes by three names, and bokmål serves them all. */
export function pickLanguage(wanted: readonly string[]): Lang {
	for (const tag of wanted) {
		const code = tag.toLowerCase().split('-')[0] ?? '';
		const lang = code === 'no' || code === 'nn' ? 'nb' : code;
		const found = LANGUAGES.find((l) => l.code === lang);
		if (found) return found.code;
	}
	return 'en';
}

export interface Speaker {
	lang: Lang;
	/** The text of a key, filled in. `n` chooses a plural's form. */
	t(key: Key, params?: Params): string;
	/** The text of a key that is put together at run time; null: there is none. */
	find(key: string, params?: Params): string | null;
	/** A running clock: 0:07, 12:34, 1:02:03. */
	clock(ms: number): string;
	/** A length in words: 45 sec, 3 min, 1 hr 5 min. */
	length(ms: number): string;
	/** A time of day, with the day if it is another one: 17:00, Mon 08:00. */
	moment(when: Date): string;
	number(n: number): string;
	percent(permille: number): string;
}

function fill(text: string, params: Params, number: (n: number) => string): string {
	return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
		const value = params[name];
		if (value === undefined) return whole;
		return typeof value === 'number' ? number(value) : value;
	});
}

export function speaker(lang: Lang): Speaker {
	const texts: Dictionary = DICTIONARIES[lang];
	const plural = new Intl.PluralRules(lang);
	const decimal = new Intl.NumberFormat(lang);
	const two = new Intl.NumberFormat(lang, { minimumIntegerDigits: 2, useGrouping: false });
	const percent = new Intl.NumberFormat(lang, { style: 'percent', maximumFractionDigits: 1 });
	const unit = (name: string) =>
		new Intl.NumberFormat(lang, { style: 'unit', unit: name, unitDisplay: 'short' });
	const units = { second: unit('second'), minute: unit('minute'), hour: unit('hour') };
	const time = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
	const day = new Intl.DateTimeFormat(lang, { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
	const date = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
	const number = (n: number): string => decimal.format(n);

	const find = (key: string, params: Params = {}): string | null => {
		const text = Object.hasOwn(texts, key) ? texts[key] : undefined;
		if (text === undefined) return null;
		if (typeof text === 'string') return fill(text, params, number);
		const n = typeof params.n === 'number' ? params.n : 0;
		const form = plural.select(n) as keyof Plural;
		return fill(text[form] ?? text.other, params, number);
	};
	return {
		lang,
		find,
		t: (key, params) => find(key, params) ?? key,
		clock(ms) {
			const s = Math.max(0, Math.floor(ms / 1000));
			const h = Math.floor(s / 3600);
			const m = Math.floor(s / 60) % 60;
			const tail = `${two.format(s % 60)}`;
			return h > 0 ? `${number(h)}:${two.format(m)}:${tail}` : `${number(m)}:${tail}`;
		},
		length(ms) {
			const s = Math.max(0, Math.round(ms / 1000));
			if (s < 60) return units.second.format(s);
			const m = Math.round(s / 60);
			if (m < 60) return units.minute.format(m);
			const h = units.hour.format(Math.floor(m / 60));
			return m % 60 ? `${h} ${units.minute.format(m % 60)}` : h;
		},
		moment(when) {
			const now = new Date();
			if (when.toDateString() === now.toDateString()) return time.format(when);
			// Six days ahead a weekday is still that of this week.
			return (when.getTime() - now.getTime() < 6 * 86_400_000 ? day : date).format(when);
		},
		number,
		percent: (permille) => percent.format(permille / 1000),
	};
}
