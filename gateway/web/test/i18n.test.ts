import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DICTIONARIES, LANGUAGES, pickLanguage, speaker, type Key, type Lang } from '../src/i18n';
import { AGENT_STATES, DISPOSITIONS, PAUSE_REASONS } from '../src/protocol';

declare const HELIO_WEB_ROOT: string;
const english = DICTIONARIES.en;
const keys = Object.keys(english) as Key[];
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();

test('every language has every key, no other, and none is empty', () => {
	for (const { code } of LANGUAGES) {
		assert.deepEqual(Object.keys(DICTIONARIES[code]).sort(), [...keys].sort(), code);
		for (const [key, text] of Object.entries(DICTIONARIES[code])) {
			const forms = typeof text === 'string' ? [text] : Object.values(text);
			for (const form of forms) assert.ok(String(form).trim().length > 0, `${code} ${key} is empty`);
		}
	}
});

test('every text has the same holes as the English one', () => {
	for (const { code } of LANGUAGES) {
		for (const key of keys) {
			const a = english[key];
			const b = DICTIONARIES[code][key];
			if (typeof a === 'string' && typeof b === 'string') assert.deepEqual(holes(b), holes(a), `${code} ${key}`);
			else if (typeof a !== 'string' && typeof b !== 'string')
				for (const form of Object.values(b)) assert.deepEqual(holes(String(form)), holes(a.other), `${code} ${key}`);
		}
	}
});

test('every plural has the forms that its language asks for', () => {
	for (const { code } of LANGUAGES) {
		const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories;
		for (const key of keys) {
			const text = DICTIONARIES[code][key];
			if (typeof text === 'string') continue;
			for (const n of [0, 1, 2, 5, 11, 21, 22, 100]) {
				const form = new Intl.PluralRules(code).select(n);
				assert.ok(form in text, `${code} ${key} lacks "${form}" (of ${forms.join(', ')}), needed for ${n}`);
			}
		}
	}
});

// Words that are the same in both languages; a name of a key; the name of the product.
const SHARED: Record<string, string[]> = {
	fr: ['do.pause', 'wrap.note', 'wall.reason.pause', 'wall.site', 'wall.col.site'],
	nl: ['reason.lunch', 'reason.training', 'link.jitter', 'task.voicemail', 'keys.enter', 'wall.hours.open'],
	nb: ['do.pause', 'link.jitter', 'keys.enter', 'wall.reason.pause'],
	ru: ['keys.enter'],
};

test('no language was left in English', () => {
	for (const { code } of LANGUAGES.filter((l) => l.code !== 'en')) {
		const same = keys.filter((k) => /[a-z]{2}/.test(String(english[k]).replace(/\{\w+\}/g, ''))
			&& JSON.stringify(english[k]) === JSON.stringify(DICTIONARIES[code][k]));
		assert.deepEqual(same.sort(), ['app.title', ...(SHARED[code] ?? [])].sort(), `${code}: the same as English`);
	}
});

test('Russian is written in its own letters, and no other language has any of them', () => {
	for (const { code } of LANGUAGES) {
		const own = /[а-яё]/i;
		const wrong = keys.filter((k) => {
			const text = JSON.stringify(DICTIONARIES[code][k]).replace(/\{\w+\}/g, '');
			return code === 'ru' ? /[a-zа-яё]{2}/i.test(text) && !own.test(text) : own.test(text);
		});
		assert.deepEqual(wrong.filter((k) => !['app.title', 'keys.enter'].includes(k)), [], code);
	}
});

test('every state, reason, outcome and key that is put together at run time has its text', () => {
	const { find } = speaker('en');
	for (const s of AGENT_STATES) assert.ok(find(`state.${s}`), s);
	for (const r of PAUSE_REASONS) assert.ok(find(`reason.${r}`), r);
	for (const d of DISPOSITIONS) assert.ok(find(`outcome.${d}`), d);
	for (const m of ['denied', 'dismissed', 'missing', 'unplugged', 'in_use', 'insecure', 'failed']) {
		assert.ok(find(`block.mic_${m}`), m);
		assert.ok(find(`mic.${m}.remedy`), m);
	}
	for (const v of ['good', 'quiet', 'loud', 'silent', 'line.good', 'line.fair', 'line.poor']) assert.ok(find(`test.${v}`), v);
	for (const w of ['credentials', 'locked', 'ticket', 'full', 'draining', 'link', 'ended_password', 'ended_locked', 'ended_removed', 'unknown']) assert.ok(find(`denied.${w}`), w);
});

test('no text stands in the source outside of the dictionaries, and no key is unused', () => {
	const files = (dir: string): string[] => readdirSync(join(HELIO_WEB_ROOT, dir), { withFileTypes: true })
		.flatMap((e) => (e.isDirectory() ? (e.name === 'i18n' || e.name === 'seal' ? [] : files(join(dir, e.name))) : [join(dir, e.name)]));
	const source = files('src').filter((f) => /\.tsx?$/.test(f));
	let all = '';
	for (const file of source) {
		const text = readFileSync(join(HELIO_WEB_ROOT, file), 'utf8');
		all += text;
		if (!file.endsWith('.tsx')) continue;
		const words = [...text.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)\s*</g)].map((m) => m[1]);
		assert.deepEqual(words, [], `${file}: words outside of the dictionaries`);
	}
	const built = /^(state|reason|outcome|denied|block|mic|notice|say|refused|theme|link|test|wall)\./;
	const unused = keys.filter((k) => !built.test(k) && !all.includes(`'${k}'`));
	assert.deepEqual(unused, []);
});

test('clocks and lengths are those of the language', () => {
	const en = speaker('en');
	assert.equal(en.clock(7_900), '0:07');
	assert.equal(en.clock(754_000), '12:34');
	assert.equal(en.clock(3_723_000), '1:02:03');
	assert.equal(en.clock(-5), '0:00');
	assert.equal(en.length(45_000), '45 sec');
	assert.equal(en.length(3_900_000), '1 hr 5 min');
	assert.match(speaker('ru').length(45_000), /45\s?с/);
	assert.equal(en.t('queues.idle', { n: 1 }), '1 colleague free');
	assert.equal(en.t('queues.idle', { n: 3 }), '3 colleagues free');
	const ru = (n: number): string => speaker('ru').t('queues.idle', { n });
	assert.deepEqual([1, 3, 5, 21].map(ru), ['1 свободный коллега', '3 свободных коллеги', '5 свободных коллег', '21 свободный коллега']);
});

test('the browser’s languages are tried in their order; Norwegian by all its names', () => {
	const pick = (...tags: string[]): Lang => pickLanguage(tags);
	assert.equal(pick('de-DE', 'fr-CA', 'en'), 'fr');
	for (const tag of ['no', 'nb-NO', 'nn']) assert.equal(pick(tag), 'nb');
	assert.equal(pick('tl-PH'), 'en');
	assert.equal(pick(), 'en');
});
