// Can everybody use it? Every screen of agent and supervisor under axe-core in light and dark; a day with Tab,
// Enter and Space alone; five languages at 200 % zoom, where nothing is cut off. HELIO_SHOTS=DIR keeps pictures.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PATIENCE_MS } from '../lib/cluster.mjs';
import { openBrowser } from './browser.mjs';
import { FakeDesk } from './fake-desk.mjs';
import { webRoot } from './seal.mjs';
import { AGENT, CALL, stand } from './stand.mjs';

const AXE = readFileSync(createRequire(join(webRoot, 'package.json')).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = process.env.HELIO_SHOTS ?? '';
const LANGUAGES = ['en', 'fr', 'nl', 'nb', 'ru'];
// 1280 × 860 at 200 %: the browser lays it out in half as many pixels (WCAG 2.2, 1.4.4).
const NORMAL = { width: 1280, height: 860 }, ZOOMED = { width: 640, height: 430 };

let desk, browser, page, s;
before(async () => {
	desk = await FakeDesk.start(0);
	browser = await openBrowser();
	page = await browser.context.newPage();
	page.setDefaultTimeout(PATIENCE_MS);
	await page.goto(desk.url);
	s = stand(desk, page, null);
	// axe may hold a busy machine's page for longer than a ping may take.
	desk.on('message', (m) => m.t === 'resume' && s.again());
});
after(async () => {
	await browser?.close();
	await desk?.stop();
	if (desk) rmSync(desk.out, { recursive: true, force: true });
});

async function shot(name) {
	if (!SHOTS) return;
	mkdirSync(SHOTS, { recursive: true });
	await page.screenshot({ path: join(SHOTS, `access-${name}.png`) });
}

/** What axe finds serious, in light and in dark: one line each. */
async function faults(name) {
	const found = [];
	for (const colorScheme of ['dark', 'light']) {
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		await page.locator(`html[data-theme="${colorScheme}"]`).waitFor({ state: 'attached' });
		await page.evaluate(AXE);
		const { violations, passes } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules, resultTypes: ['violations'] }),
			colorScheme === 'dark' ? ['color-contrast'] : ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']);
		assert.ok(passes.length, 'axe looked');
		for (const v of violations.filter((one) => one.impact === 'serious' || one.impact === 'critical'))
			found.push(`${name} ${colorScheme}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
	}
	return found;
}

/** Words that are cut off, and a page that scrolls sideways. What only a screen reader has is no words here. */
const cut = () => page.evaluate(() => {
	const out = [];
	const over = document.documentElement.scrollWidth - innerWidth;
	if (over > 0) out.push(`the page is ${over} px too wide`);
	const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
	for (const e of document.querySelectorAll('body *')) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (!own || !e.checkVisibility() || e.closest('.visually-hidden, .skip, select, option')) continue;
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (box.width <= 1 || style.clipPath !== 'none') continue;
		const name = `${e.tagName.toLowerCase()}.${e.className} "${e.textContent.trim().slice(0, 40)}"`;
		if (style.display !== 'inline' && style.overflow !== 'visible' && e.scrollWidth > e.clientWidth + 1) out.push(`cut off: ${name}`);
		if ((box.right > innerWidth + 1 || box.left < -1) && !scrolls(e.parentElement)) out.push(`outside: ${name}`);
	}
	return out;
});

/** The leg is up again, and a page that came back for it is here. */
async function sounds() {
	s.media(true);
	await page.locator('html[data-link=open][data-leg=up]').waitFor({ state: 'attached' });
}

/** Every screen of an agent, one after the other; look(name) is called on each. */
async function everyScreen(look) {
	const at = async (name) => look(name);
	s.agentState('not_ready', 'signed_in');
	await s.state('not_ready');
	desk.say({ t: 'queues', queues: [{ name: 'support', waiting: 3, longest_ms: 61000, idle: 0 }, { name: 'orders', waiting: 0, longest_ms: 0, idle: 4 }] });
	await at('not-ready');
	await s.becomeIdle();
	await at('idle');
	await s.ring('o1', { caller_name: 'Anne-Margrethe Østensjø-Vandenberghe' });
	await at('ringing');
	await s.talks('o1');
	await page.locator('[data-testid=after-open]').click();
	await at('talking');
	s.media(false);
	await s.id('sound-banner').waitFor();
	await at('sound-lost');
	await sounds();
	await s.wrap('o1');
	await at('wrap-up');
	await s.ring('o2', { task: 'callback' });
	await s.talks('o2');
	await at('callback');
	s.agentState('idle');
	await s.ring('o3');
	desk.say({ t: 'ring_end', offer: 'o3', call: CALL.call, why: 'agent_no_answer' });
	s.agentState('not_ready', 'missed');
	await s.id('missed').waitFor();
	await at('missed');
	desk.say({ t: 'error', what: 'wrap', why: 'x', remedy: 'y' });
	await s.id('notice').first().waitFor();
	s.media(false);
	await s.id('ready-block').waitFor();
	await at('blocked');
	await sounds();
	s.agentState('not_ready', 'pause'); // after a missed call there is no sound test
	await s.id('missed').waitFor({ state: 'detached' });
	for (const dialog of [['open-sound', 'sound'], ['open-test', 'sound-test'], ['signout', 'signout-dialog']]) {
		await s.id(dialog[0]).click();
		await page.locator('dialog[open]').waitFor();
		await at(dialog[1]);
		await page.keyboard.press('Escape');
		await page.locator('dialog[open]').waitFor({ state: 'detached' });
	}
	await s.becomeIdle();
}

/** A floor with some of everything. */
function floor() {
	const figures = (queue, site, more) => ({
		queue, site, waiting: 0, longest_ms: 0, entered: 0, answered: 0, in_time: 0, abandoned: 0, wait_ms: 0, heard: true, ...more,
	});
	const person = (name, display, site, state, more = {}) => ({
		name, display, site, node: `${site}1`, state, reason: 'none', since_ms: 61000, queue: '', call: '', skills: '1', heard: true, ...more,
	});
	desk.say({
		t: 'wall', full: true, more: false,
		sites: [{ name: 'oslo', nodes: 2, heard: 1 }, { name: 'manila', nodes: 2, heard: 2 }],
		queues: [['support', 'Support'], ['kundesenter', 'Kundesenter']].map(([name, display]) => ({ name, display, skills: '1', within_ms: 20000, target_pct: 80 })),
		figures: [
			figures('support', 'oslo', { waiting: 4, longest_ms: 47000, answered: 212, in_time: 140, abandoned: 19, wait_ms: 4100000, ewt_ms: 90000, ewt_error_ms: 12000 }),
			figures('support', 'manila', { waiting: 1, longest_ms: 3000, answered: 80, in_time: 79, abandoned: 2, wait_ms: 700000 }),
			figures('kundesenter', 'oslo', { waiting: 1, longest_ms: 12000, answered: 90, in_time: 70, wait_ms: 900000 }),
		],
		hours: [
			{ queue: 'support', site: '', open: true, changes_ms: 7200000, gaps: 2, gaps_ms: 3600000 },
			{ queue: 'support', site: 'oslo', open: true, changes_ms: 7200000 }, { queue: 'support', site: 'manila', open: false, changes_ms: 90000000 },
		],
		agents: [
			person('jose', 'Jose Reyes', 'manila', 'idle'),
			person('kari', 'Kari Haugen', 'oslo', 'talking', { queue: 'support', call: CALL.call }),
			person('ola', 'Ola Nordmann', 'oslo', 'not_ready', { reason: 'missed' }),
			person('zoe', 'Zoë García', 'oslo', 'ringing', { queue: 'kundesenter', heard: false }),
		],
	});
}
async function openFloor() {
	await s.id('view-floor').click();
	await desk.heard('wall');
	floor();
	await s.id('agent-kari').waitFor();
}

test('signing in: nothing serious, with an error on it too', async () => {
	await s.state('signin');
	const found = await faults('signin');
	await page.keyboard.press('Enter');
	found.push(...await faults('signin with an error'));
	assert.deepEqual(found, []);
});

test('a day with Tab, Enter and Space alone: single keys are off, the focus is never lost and always seen', async () => {
	await page.evaluate(() => localStorage.setItem('helio.prefs', JSON.stringify({ keys: false })));
	await page.reload();
	await s.state('signin');
	const focus = () => page.evaluate(() => {
		const e = document.activeElement, style = e && getComputedStyle(e);
		return { id: e?.dataset?.testid ?? e?.tagName ?? '', seen: !!style && (style.outlineStyle !== 'none' || style.boxShadow !== 'none') };
	});
	const tabTo = async (name) => {
		const passed = [];
		for (let i = 0; i < 40; i++) {
			const { id, seen } = await focus();
			if (id === name) return assert.ok(seen, `one cannot see that ${name} has the focus`);
			passed.push(id);
			await page.keyboard.press('Tab');
		}
		assert.fail(`Tab does not come to ${name}: ${passed.join(' ')}`);
	};
	await tabTo('name');
	await page.keyboard.type('maria');
	await tabTo('password');
	await page.keyboard.type('correct horse');
	await tabTo('signin-submit');
	await page.keyboard.press('Enter');
	await desk.heard('login');
	await s.welcome({ agent: { ...AGENT, supervisor: true } });
	await s.state('not_ready');
	await page.locator('html[data-mic=ok]').waitFor({ state: 'attached' });
	await page.locator('[data-testid=ready]:not([aria-disabled])').waitFor();
	await tabTo('ready');
	await page.keyboard.press('Space');
	await desk.heard('ready');
	await s.becomeIdle();
	await s.ring('k1');
	await page.locator('[data-testid=accept]:focus').waitFor();
	await page.keyboard.press('Enter');
	assert.equal((await desk.heard('accept')).offer, 'k1');
	await s.talks('k1');
	await page.keyboard.press('r'); // and nothing of it
	await tabTo('mute');
	await page.keyboard.press('Space');
	assert.equal((await desk.heard('mute')).on, true);
	await tabTo('hangup');
	await page.keyboard.press('Enter');
	await desk.heard('hangup');
	await s.wrap('k1');
	await page.keyboard.press('Tab');
	await tabTo('outcome-resolved'); // a group of radio buttons: its first, then arrows
	await page.keyboard.press('Space');
	await page.keyboard.press('ArrowDown');
	await tabTo('wrap-note');
	await page.keyboard.type('by Tab alone');
	await tabTo('wrap-done');
	await page.keyboard.press('Enter');
	let last = await desk.heard('wrap');
	while (!last.done) last = await desk.heard('wrap');
	assert.deepEqual([last.disposition, last.note], ['callback', 'by Tab alone']);
	assert.ok(!desk.received.some((m) => m.t === 'ready' || m.t === 'pause'));
	await s.becomeIdle();
	await tabTo('signout');
	await page.evaluate(() => localStorage.removeItem('helio.prefs'));
});

test('every screen of an agent: nothing serious in light and dark', async () => {
	const found = [];
	await everyScreen(async (name) => found.push(...await faults(name)));
	assert.deepEqual(found, []);
});

test('the floor and a decision on it: nothing serious in light and dark', async () => {
	await openFloor();
	const found = await faults('floor');
	await s.id('pick-ola').click();
	await page.locator('dialog[open]').waitFor();
	found.push(...await faults('force'));
	await page.keyboard.press('Escape');
	await page.locator('dialog[open]').waitFor({ state: 'detached' });
	assert.deepEqual(found, []);
	await s.id('view-desk').click();
});

test('five languages at 200 %: nothing is cut off, nothing scrolls sideways', async () => {
	const found = [];
	try {
		for (const lang of LANGUAGES) {
			await page.setViewportSize(NORMAL);
			await s.id('language').selectOption(lang);
			for (const [size, name] of [[NORMAL, '100'], [ZOOMED, '200']]) {
				await page.setViewportSize(size);
				await everyScreen(async (screen) => {
					for (const line of await cut()) found.push(`${lang} ${name} % ${screen}: ${line}`);
					await shot(`${lang}-${name}-${screen}`);
				});
				await openFloor();
				for (const line of await cut()) found.push(`${lang} ${name} % floor: ${line}`);
				await shot(`${lang}-${name}-floor`);
				await s.id('view-desk').click();
			}
		}
	} finally {
		await page.setViewportSize(NORMAL);
	}
	assert.deepEqual(found, []);
});
