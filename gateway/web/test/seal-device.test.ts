// The device's key in a real browser's IndexedDB. No network: the page is served by the test itself.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { build } from 'esbuild';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

declare const HELIO_WEB_ROOT: string;

const browserPath = process.env.HELIO_CHROMIUM ?? '/usr/bin/chromium';
const options = {
	skip: existsSync(browserPath) ? false : `${browserPath} is not there: install chromium`,
	timeout: 60_000,
};
const ORIGIN = 'http://seal.test/';

async function script(): Promise<string> {
	const built = await build({
		absWorkingDir: HELIO_WEB_ROOT,
		entryPoints: [join('src', 'seal', 'index.ts')],
		bundle: true,
		write: false,
		format: 'iife',
		globalName: 'seal',
		target: 'es2022',
		logLevel: 'warning',
	});
	return built.outputFiles[0]!.text;
}

async function open(context: BrowserContext): Promise<Page> {
	const page = await context.newPage();
	await page.goto(ORIGIN);
	return page;
}

function inPage(page: Page, expression: string): Promise<string> {
	return page.evaluate(`(async () => { await seal.sealReady(); return ${expression}; })()`);
}

const PUB = 'seal.toHex((await seal.deviceKey()).pub)';

async function browser(t: TestContext): Promise<BrowserContext> {
	const running = await chromium.launch({
		executablePath: browserPath,
		args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
	});
	t.after(() => running.close());
	const context = await running.newContext();
	const code = await script();
	await context.route('**/*', (route) => {
		const isCode = route.request().url().endsWith('/seal.js');
		return route.fulfill(
			isCode
				? { contentType: 'text/javascript', body: code }
				: { contentType: 'text/html', body: '<script src="/seal.js"></script>' },
		);
	});
	return context;
}

test('the device keeps one key: in two tabs at once, and after a reload', options, async (t) => {
	const context = await browser(t);
	const [a, b] = await Promise.all([open(context), open(context)]);
	const keys = await Promise.all([a, b, a, b].map((page) => inPage(page, PUB)));
	assert.match(keys[0]!, /^[0-9a-f]{64}$/);
	assert.equal(new Set(keys).size, 1, 'every tab has the same key');
	await a.reload();
	assert.equal(await inPage(a, PUB), keys[0]);

	await inPage(a, 'seal.forgetDevice()');
	const fresh = await inPage(b, PUB);
	assert.notEqual(fresh, keys[0]);
	assert.equal(await inPage(a, PUB), fresh);
});

test('the key in the browser is one that a handshake works with', options, async (t) => {
	const page = await open(await browser(t));
	const heard = await inPage(
		page,
		`(async () => {
			const own = await seal.deviceKey();
			const node = seal.newKeyPair();
			const prologue = seal.prologueFor(new Uint8Array(3));
			const a = new seal.Handshake({ initiator: true, own, remoteStatic: node.pub, prologue });
			const b = new seal.Handshake({ initiator: false, own: node, prologue });
			b.read(a.write());
			a.read(b.write());
			const same = seal.equal(b.session.peer, own.pub);
			const said = a.session.encrypt(new TextEncoder().encode('hello'));
			return same + ' ' + new TextDecoder().decode(b.session.decrypt(said));
		})()`,
	);
	assert.equal(heard, 'true hello');
});
