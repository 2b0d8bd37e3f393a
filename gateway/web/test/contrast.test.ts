// WCAG 2.1 AA, computed from the colours in src/ui/tokens.css: 4.5:1 for text (1.4.3), 3:1 for the
// borders and icons that one must see (1.4.11). Large text gets no discount: eyes tire.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

declare const HELIO_WEB_ROOT: string;
const css = readFileSync(join(HELIO_WEB_ROOT, 'src/ui/tokens.css'), 'utf8');

function tokens(selector: string): Map<string, string> {
	const start = css.indexOf(`${selector} {`);
	assert.ok(start >= 0, selector);
	const block = css.slice(start, css.indexOf('}', start));
	return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1] ?? '', m[2] ?? '']));
}
function luminance(hex: string): number {
	const [r, g, b] = [1, 3, 5].map((i) => {
		const c = parseInt(hex.slice(i, i + 2), 16) / 255;
		return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	}) as [number, number, number];
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
	const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
	return (hi + 0.05) / (lo + 0.05);
}
const TONES = ['quiet', 'good', 'ring', 'talk', 'wrap', 'bad'];
const TEXT: [string, string][] = [
	...['bg', 'surface', 'raised'].flatMap((bg): [string, string][] => [['ink', bg], ['soft', bg]]),
	...TONES.flatMap((tone): [string, string][] => [
		[`${tone}-ink`, `${tone}-bg`], [`${tone}-ink`, 'surface'], [`${tone}-on`, `${tone}-solid`],
	]),
	['bad-solid', 'surface'],         // error text, "No connection"
	['soft', 'quiet-bg'],             // a disabled button still says why it is there
	['soft', 'ring-bg'],              // the sky above the sign-in card
	['good-ink', 'surface'], ['ink', 'quiet-bg'],
];
const SHAPES: [string, string][] = [
	['edge', 'surface'], ['edge', 'bg'], ['edge', 'quiet-bg'], ['focus', 'surface'], ['focus', 'bg'],
	...TONES.flatMap((tone): [string, string][] => [[`${tone}-solid`, 'surface'], [`${tone}-solid`, `${tone}-bg`]]),
	...TONES.map((tone): [string, string] => ['focus', `${tone}-bg`]),
];

for (const [theme, selector] of [['light', ':root'], ['dark', ':root[data-theme="dark"]']] as const) {
	test(`${theme}: every text can be read, every border and icon can be seen`, () => {
		const t = tokens(selector);
		const bad: string[] = [];
		for (const [pairs, least] of [[TEXT, 4.5], [SHAPES, 3]] as const) {
			for (const [a, b] of pairs) {
				const [x, y] = [t.get(a), t.get(b)];
				assert.ok(x && y, `${a} or ${b} is no token of ${theme}`);
				const ratio = contrast(x, y);
				if (ratio < least) bad.push(`${a} on ${b}: ${ratio.toFixed(2)} < ${least}`);
			}
		}
		assert.deepEqual(bad, []);
	});
}

test('the formula agrees with the published extremes', () => {
	assert.equal(contrast('#000000', '#ffffff'), 21);
	assert.equal(contrast('#777777', '#ffffff').toFixed(2), '4.48');
});

test('no colour hides outside of the tokens', () => {
	for (const name of ['ui/base', 'ui/entry', 'ui/desk', 'wall/wall']) {
		const text = readFileSync(join(HELIO_WEB_ROOT, `src/${name}.css`), 'utf8');
		assert.deepEqual(text.match(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/gi) ?? [], [], name);
	}
});
