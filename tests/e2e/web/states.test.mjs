// Every state of the page, in a real Chromium, against the double of a node that speaks the true
// sealed protocol (fake-desk.mjs) and a real WebRTC peer (peer.mjs). HELIO_SHOTS=DIR keeps a picture
// of each state. What is checked is what a person would notice: words, focus, keys, sound, audio.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test as nodeTest } from 'node:test';
import { PATIENCE_MS } from '../lib/cluster.mjs';
import { webRoot } from './seal.mjs';

for (const [path, remedy] of [
	[join(webRoot, 'node_modules'), 'run `npm ci` in gateway/web'],
	[join(webRoot, 'dist', 'index.html'), 'run `npm run build` in gateway/web'],
]) {
	if (!existsSync(path)) {
		console.error(`${path} is missing: ${remedy} first`);
		process.exit(1);
	}
}
const { FakeDesk } = await import('./fake-desk.mjs');
const { openBrowser } = await import('./browser.mjs');
const { Peer } = await import('./peer.mjs');
const { CALL, stand } = await import('./stand.mjs');

const PORT = Number(process.env.HELIO_WEB_PORT ?? 0);
const SHOTS = process.env.HELIO_SHOTS ?? '';
const PASSWORD = 'correct horse battery staple';
let desk, browser, page, peer, state, agentState, welcome, becomeIdle, ring, talk;
/** The states build on one another: after one that failed the rest would only add noise. */
let failed = '';
function test(name, work) {
	nodeTest(name, async (t) => {
		if (failed) {
			t.skip(`not reached: "${failed}" failed`);
			return;
		}
		try {
			await work();
		} catch (e) {
			failed = name;
			await shot('failed');
			throw e;
		}
	});
}

const trouble = [];   // CSP violations, page errors, requests that leave this machine
let wire = Buffer.alloc(0);

const id = (name, on = page) => on.getByTestId(name);
async function shot(name, on = page) {
	if (!SHOTS) return;
	mkdirSync(SHOTS, { recursive: true });
	await on.screenshot({ path: join(SHOTS, `${name}.png`) });
}
function watch(on) {
	on.on('console', (m) => {
		if (m.type() === 'error' && !/ERR_CONNECTION|WebSocket connection/.test(m.text()))
			trouble.push(m.text());
	});
	on.on('pageerror', (e) => trouble.push(String(e)));
	on.on('request', (r) => {
		const { hostname, protocol } = new URL(r.url());
		if (protocol !== 'data:' && hostname !== '127.0.0.1') trouble.push(`request to ${r.url()}`);
	});
}
before(async () => {
	desk = await FakeDesk.start(PORT);
	desk.on('raw', (bytes) => {
		if (wire.length < 1 << 20) wire = Buffer.concat([wire, bytes]);
	});
	browser = await openBrowser();
	peer = await Peer.open(browser.context);
	page = await browser.context.newPage();
	page.setDefaultTimeout(PATIENCE_MS);
	({ state, agentState, welcome, becomeIdle, ring, talk } = stand(desk, page, peer));
	watch(page);
	await page.goto(desk.url);
});
after(async () => {
	await browser?.close();
	await desk?.stop();
	if (desk) rmSync(desk.out, { recursive: true, force: true });
});

test('the sign-in page asks for a name first and shows no error', async () => {
	await state('signin');
	assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-testid')), 'name');
	assert.equal(await id('signin-error').textContent(), '');
	await shot('signin');
});

test('a wrong password is said in words, and a locked name says when to try again', async () => {
	await id('name').fill('Maria');
	await id('password').fill('nonsense');
	await page.keyboard.press('Enter');
	const login = await desk.heard('login');
	assert.equal(login.name, 'maria');
	desk.say({ t: 'denied', why: 'credentials', retry_ms: 0 });
	await id('signin-error').getByText('not right').waitFor();
	await page.keyboard.press('Enter');
	await desk.heard('login');
	desk.say({ t: 'denied', why: 'locked', retry_ms: 30000 });
	await id('signin-retry').getByText(/in (30|2\d) sec/).waitFor();
	await shot('signin-locked');
	await id('show-password').click();
	assert.equal(await id('password').getAttribute('type'), 'text');
	await id('show-password').click();
});

test('signing in opens the desk, not ready, with the audio leg up', async () => {
	await id('password').fill(PASSWORD);
	await id('signin-submit').click();
	const login = await desk.heard('login');
	assert.equal(login.password, PASSWORD);
	assert.equal(login.audio, 'webrtc');
	assert.equal(login.lang, 'en');
	await welcome();
	await state('not_ready');
	await page.locator('html[data-leg="up"][data-mic="ok"]').waitFor({ state: 'attached' });
	desk.say({
		t: 'queues', queues: [
			{ name: 'support', waiting: 3, longest_ms: 95000, idle: 0 },
			{ name: 'orders', waiting: 0, longest_ms: 0, idle: 4 },
			{ name: 'kundesenter', waiting: 1, longest_ms: 12000, idle: 1 },
		],
	});
	await id('queue-support').getByText('3 waiting').waitFor();
	await shot('not-ready');
});

test('nothing that was said can be read on the wire', () => {
	assert.ok(wire.length > 500, 'frames were seen');
	for (const secret of [PASSWORD, 'maria', 'Santos', 'welcome', 'login'])
		assert.equal(wire.includes(Buffer.from(secret)), false, `"${secret}" crossed in the clear`);
});

test('R makes ready, and a sealed "ready" reaches the node', async () => {
	await page.keyboard.press('r');
	await desk.heard('ready');
	await becomeIdle();
	await shot('idle');
});

test('a call rings: who, which queue, how long, where; the focus is on Answer', async () => {
	await ring('o1');
	assert.equal(await id('caller').textContent(), 'Kari Nordmann');
	assert.equal(await id('caller-number').textContent(), '+47 22 12 34 56');
	assert.equal(await id('queue').textContent(), 'Support');
	assert.match(await id('waited').textContent(), /^0:4[2-9]$/);
	await page.locator('[data-testid="accept"]:focus').waitFor();
	assert.match(await page.title(), /Kari Nordmann/);
	assert.match(await id('say-urgent').textContent(), /Incoming call from Kari Nordmann/);
	await shot('ringing');
});

test('Enter answers; audio flows both ways; M mutes here and says so to the node', async () => {
	await page.keyboard.press('Enter');
	assert.equal((await desk.heard('accept')).offer, 'o1');
	agentState('talking', 'none', { offer: 'o1' });
	desk.say({ t: 'talk', offer: 'o1', call: CALL.call });
	await state('talking');
	const first = await peer.heard();
	const deadline = Date.now() + PATIENCE_MS;
	while ((await peer.heard()) < first + 20) assert.ok(Date.now() < deadline, 'the microphone is not heard');
	desk.say({ t: 'stats', loss_permille: 4, jitter_ms: 7, rtt_ms: 118 });
	await shot('talking');
	await page.keyboard.press('m');
	assert.equal((await desk.heard('mute')).on, true);
	await id('meter').getByText('does not hear you').waitFor();
	await shot('talking-muted');
	await page.keyboard.press('m');
	assert.equal((await desk.heard('mute')).on, false);
});

test('the caller is heard by the page', async () => {
	const deadline = Date.now() + 12000;
	for (;;) {
		const d = await page.evaluate(() => window.__helio);
		if (d.own_stats?.packets > 20) break;
		assert.ok(Date.now() < deadline, `no packets came: ${JSON.stringify(d)}`);
		await page.evaluate(() => new Promise(requestAnimationFrame));
	}
});

test('a dead gateway in a call: said in words, resumed with the same audio, the call still there', async () => {
	const links = desk.links;
	desk.cut();
	await id('link-banner').waitFor();
	assert.match(await id('link-banner').textContent(), /Keep talking/);
	await shot('link-lost');
	const resume = await desk.heard('resume');
	assert.equal(resume.keep_rtc, true);
	assert.equal(resume.session, 's1');
	assert.ok(desk.links > links);
	await welcome({ state: 'grace' }, { rtc: false });
	agentState('talking', 'none', { offer: 'o1' });
	desk.say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 20000 });
	desk.say({ t: 'talk', offer: 'o1', call: CALL.call });
	await id('link-banner').waitFor({ state: 'detached' });
	await state('talking');
	assert.equal(await id('caller').textContent(), 'Kari Nordmann');
	assert.equal(await id('today-answered').textContent(), '1');
});

test('offered another node, the page holds out for the one that has the call, and tells that other nothing', async () => {
	const links = desk.links;
	desk.node = 'oslo1';
	desk.clear();
	desk.cut();
	const deadline = Date.now() + PATIENCE_MS;
	while (desk.links < links + 3) {
		assert.ok(Date.now() < deadline, 'the page does not try again');
		await once(desk, 'cert');
	}
	assert.deepEqual(desk.received, []);
	desk.node = 'manila1';
	assert.equal((await desk.heard('resume')).keep_rtc, true);
	await welcome({ state: 'grace' }, { rtc: false });
	agentState('talking', 'none', { offer: 'o1' });
	await state('talking');
	await page.locator('html[data-link="open"]').waitFor({ state: 'attached' });
});

test('a reload in a call goes straight back to it', async () => {
	await page.reload();
	const resume = await desk.heard('resume');
	assert.equal(resume.keep_rtc, false);
	await welcome({ state: 'grace' });
	agentState('talking', 'none', { offer: 'o1', since_ms: 65000 });
	desk.say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 20000 });
	desk.say({ t: 'talk', offer: 'o1', call: CALL.call });
	await state('talking');
	await id('caller').getByText('Kari Nordmann').waitFor();
	assert.match(await id('state-clock').textContent(), /^1:\d\d$/);
	assert.equal(await id('today-answered').textContent(), '1', 'counted once');
});

test('H hangs up; wrap-up takes an outcome by number, saves the note, and F finishes', async () => {
	await page.keyboard.press('h');
	assert.equal((await desk.heard('hangup')).offer, 'o1');
	agentState('wrap', 'none', { offer: 'o1' });
	desk.say({ t: 'end', offer: 'o1', call: CALL.call, why: 'agent_hung_up', talk_ms: 187000, wrap_ms: 15000 });
	await state('wrap');
	await id('wrap-left').getByText(/^1\d sec left/).waitFor();
	await page.keyboard.press('2');
	await id('wrap-note').fill('Wants the invoice by e-mail; call back after 15:00 Oslo time.');
	const saved = await desk.heard('wrap');
	assert.deepEqual([saved.disposition, saved.done], ['callback', false]);
	await id('wrap-saved').getByText('Saved').waitFor();
	await shot('wrap');
	await id('wrap-note').press('r'); // a letter in a note is a letter
	await id('wrap-note').press('Control+Enter');
	let last = await desk.heard('wrap');
	if (!last.done) last = await desk.heard('wrap');
	assert.equal(last.done, true);
	assert.ok(last.note.startsWith('Wants the invoice') && last.note.endsWith('r'));
	assert.equal(desk.received.some((m) => m.t === 'pause' || m.t === 'ready'), false);
	await becomeIdle();
});

test('X rejects, but not from hands that were typing a moment ago', async () => {
	await ring('o2', { caller_name: '', caller: '+639171234567' });
	await page.keyboard.press('x');
	await page.locator('[data-testid="accept"]:focus').waitFor();
	assert.equal(desk.received.some((m) => m.t === 'reject'), false);
	assert.equal(await id('caller').textContent(), '+63 91 71 23 45 67');
	await page.keyboard.press('x');
	assert.equal((await desk.heard('reject')).offer, 'o2');
	desk.say({ t: 'ring_end', offer: 'o2', call: CALL.call, why: 'agent_rejected' });
	agentState('idle');
	await state('idle');
	await id('today-rejected').getByText('1').waitFor();
});

test('a caller who hangs up first is explained', async () => {
	await ring('o3');
	desk.say({ t: 'ring_end', offer: 'o3', call: CALL.call, why: 'caller_hung_up' });
	agentState('idle');
	await state('idle');
	await page.locator('[data-key="ring_hung_up"]').waitFor();
});

test('a missed call says why one is not ready, and one click mends it', async () => {
	await ring('o4');
	desk.say({ t: 'ring_end', offer: 'o4', call: CALL.call, why: 'agent_no_answer' });
	agentState('not_ready', 'missed');
	await state('not_ready');
	await id('missed').getByText('Kari Nordmann kept their place').waitFor();
	await shot('missed');
	await id('ready').click();
	await desk.heard('ready');
	await becomeIdle();
	await id('missed').waitFor({ state: 'detached' });
});

test('a pause is chosen by its reason and shown by it', async () => {
	await id('pause-lunch').click();
	assert.equal((await desk.heard('pause')).reason, 'lunch');
	agentState('not_ready', 'pause');
	await id('state-hint').getByText('Lunch').waitFor();
	await shot('pause');
	await becomeIdle();
});

test('a pause asked for in a call comes after it', async () => {
	await talk('o5');
	await id('after-open').click();
	await id('after-break').click();
	assert.equal((await desk.heard('pause')).reason, 'break');
	await id('after-call').getByText('Break').waitFor();
	desk.say({ t: 'end', offer: 'o5', call: CALL.call, why: 'caller_hung_up', talk_ms: 5000, wrap_ms: 15000 });
	agentState('wrap', 'none', { offer: 'o5', wrap_ms: 15000 });
	await state('wrap');
	agentState('not_ready', 'pause');
	await id('state-hint').getByText('Break').waitFor();
	await becomeIdle();
});

test('an unplugged microphone ends ready and says what to do; plugged in again it heals', async () => {
	await page.evaluate(() => {
		const media = navigator.mediaDevices;
		window.realMic = media.getUserMedia.bind(media);
		media.getUserMedia = () => Promise.reject(new DOMException('gone', 'NotFoundError'));
	});
	await id('open-sound').click();
	await id('sound').waitFor();
	await shot('settings');
	await page.keyboard.press('Escape');
	// What the browser does when the device goes: the track ends, and devices change.
	await page.evaluate(() => navigator.mediaDevices.dispatchEvent(new Event('devicechange')));
	await id('open-sound').click();
	const options = id('mic-device').locator('option');
	await options.nth(1).waitFor({ state: 'attached' }); // devices can be chosen
	await id('mic-device').selectOption({ index: 1 });
	await page.keyboard.press('Escape');
	assert.equal((await desk.heard('pause')).reason, 'device');
	agentState('not_ready', 'media');
	await id('ready-block').getByText('unplugged').waitFor();
	assert.equal(await id('ready').getAttribute('aria-disabled'), 'true');
	await page.keyboard.press('r');
	await shot('mic-unplugged');
	await page.evaluate(() => {
		navigator.mediaDevices.getUserMedia = window.realMic;
		navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
	});
	await page.locator('html[data-mic="ok"]').waitFor({ state: 'attached' });
	assert.equal(desk.received.some((m) => m.t === 'ready'), false, 'R did nothing while blocked');
	await id('ready').click();
	await desk.heard('ready');
	await becomeIdle();
});

test('a microphone in use by another program, and one that never was, have words of their own', async () => {
	await page.evaluate(() => {
		window.realMic = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
		navigator.mediaDevices.getUserMedia = () =>
			Promise.reject(new DOMException('busy', 'NotReadableError'));
	});
	await id('open-sound').click();
	await id('mic-device').selectOption({ index: 0 });
	await page.keyboard.press('Escape');
	await desk.heard('pause');
	agentState('not_ready', 'media');
	await id('ready-block').getByText('another program').waitFor();
	await page.evaluate(() => {
		navigator.mediaDevices.getUserMedia = window.realMic;
	});
	await id('try-mic').click();
	await page.locator('html[data-mic="ok"]').waitFor({ state: 'attached' });
	await becomeIdle();
});

test('dark, Norwegian, Russian and 360 pixels: every state still fits', async () => {
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.locator('html[data-theme="dark"]').waitFor({ state: 'attached' });
	await shot('dark-idle');
	await ring('o6');
	await shot('dark-ringing');
	await id('language').selectOption('nb');
	await id('state-word').getByText('Det ringer').waitFor();
	await shot('dark-norwegian-ringing');
	await page.emulateMedia({ colorScheme: 'light' });
	await page.keyboard.press('a');
	await desk.heard('accept');
	desk.say({ t: 'talk', offer: 'o6', call: CALL.call });
	await state('talking');
	const fits = async (name) => {
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(wide <= 0, `${name}: ${wide} px too wide`);
		await shot(name);
	};
	await fits('norwegian-talking');
	await page.setViewportSize({ width: 360, height: 740 });
	await fits('360-talking');
	desk.say({ t: 'end', offer: 'o6', call: CALL.call, why: 'caller_hung_up', talk_ms: 5000, wrap_ms: 15000 });
	await state('wrap');
	await fits('360-wrap');
	agentState('idle');
	await state('idle');
	await fits('360-idle');
	await page.setViewportSize({ width: 1280, height: 860 });
	for (const lang of ['ru', 'fr', 'nl']) {
		await id('language').selectOption(lang);
		await fits(`idle-${lang}`);
	}
	await id('language').selectOption('en');
});

test('the dialogs trap the focus, and give way to a call', async () => {
	await page.keyboard.press('?');
	await id('keys').waitFor();
	await shot('keys');
	for (let i = 0; i < 12; i++) {
		await page.keyboard.press('Tab');
		assert.ok(await page.evaluate(() => document.activeElement === document.body
			|| document.activeElement?.closest('dialog') !== null), 'the focus left the dialog');
	}
	await ring('o7');
	await page.locator('[data-testid="accept"]:focus').waitFor();
	desk.say({ t: 'ring_end', offer: 'o7', call: CALL.call, why: 'caller_hung_up' });
	agentState('idle');
	await state('idle');
});

test('the desk is taken over by another tab: this page stops and says so', async () => {
	desk.say({ t: 'taken_over' });
	await state('taken_over');
	await shot('taken-over');
	await id('use-here').click();
	await desk.heard('resume');
	await welcome();
	await state('not_ready');
});

test('signing out asks first, ends the session and forgets the ticket', async () => {
	await id('signout').click();
	await shot('signout');
	await id('signout-confirm').click();
	await desk.heard('signout');
	await state('signin');
	assert.equal(await page.evaluate(() => localStorage.getItem('helio.ticket')), null);
});

test('another signing key is refused in words, and only its last characters open the door', async () => {
	desk.newKey();
	await page.reload();
	await state('refused');
	assert.equal(await id('refused').getAttribute('data-why'), 'key_changed');
	await shot('refused');
	await id('key-tail').fill('00000000');
	await id('key-accept').click();
	await page.getByText('not the last 8').waitFor();
	await id('key-tail').fill(desk.seal.toHex(desk.sign.publicKey).slice(-8));
	await id('key-accept').click();
	await state('signin');
});

test('a node whose certificate is not signed by the cluster gets no password', async () => {
	desk.certSign = desk.sodium.crypto_sign_keypair();
	desk.clear();
	await id('name').fill('maria');
	await id('password').fill(PASSWORD);
	await id('signin-submit').click();
	await state('refused');
	assert.equal(await id('refused').getAttribute('data-why'), 'certificate');
	assert.equal(desk.received.length, 0);
	desk.certSign = null;
});

test('a denied microphone blocks ready and says how to allow it', async () => {
	const other = await openBrowser({ audio: 'denied' });
	try {
		const p = await other.context.newPage();
		p.setDefaultTimeout(PATIENCE_MS);
		watch(p);
		await p.goto(desk.url);
		await state('signin', p);
		await id('name', p).fill('maria');
		await id('password', p).fill(PASSWORD);
		await id('signin-submit', p).click();
		await desk.heard('login');
		await welcome();
		await state('not_ready', p);
		await id('ready-block', p).getByText('blocked for this page').waitFor();
		assert.equal(await id('ready', p).getAttribute('aria-disabled'), 'true');
		await shot('mic-denied', p);
	} finally {
		await other.close();
	}
});

test('no content-security violation, no page error, no request to another machine', () => {
	assert.deepEqual(trouble, []);
});
