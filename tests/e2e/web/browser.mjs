// Debian's Chromium under playwright-core, as the tests and the screenshots need it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireWeb } from './seal.mjs';

const CHROMIUM = process.env.HELIO_CHROMIUM ?? '/usr/bin/chromium';

/** audio: 'granted' (a fake microphone that beeps) or 'denied'. Returns { browser, close }. */
export async function openBrowser({ audio = 'granted' } = {}) {
	if (!existsSync(CHROMIUM))
		throw new Error(`no ${CHROMIUM}: install the package chromium, or set HELIO_CHROMIUM`);
	const { chromium } = requireWeb('playwright-core');
	const profile = mkdtempSync(join(tmpdir(), 'helio-chromium-'));
	const context = await chromium.launchPersistentContext(profile, {
		executablePath: CHROMIUM,
		headless: true,
		viewport: { width: 1280, height: 860 },
		colorScheme: 'light',
		locale: 'en-GB',
		...(audio === 'granted' ? { permissions: ['microphone'] } : {}),
		args: [
			'--headless=new', '--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream',
			audio === 'granted' ? '--use-fake-ui-for-media-stream' : '--deny-permission-prompts',
			'--disable-background-networking', '--disable-component-update', '--disable-sync',
			'--disable-features=WebRtcHideLocalIpsWithMdns', '--allow-loopback-in-peer-connection',
			'--mute-audio',
		],
	});
	return {
		context,
		async close() {
			await context.close();
			rmSync(profile, { recursive: true, force: true });
		},
	};
}

/** A supervisor signs in at this gateway and has the floor, whole, before them. */
export async function openFloor(page, gateway, name, password) {
	await page.goto(`http://${gateway}/`);
	await page.getByTestId('name').fill(name);
	await page.getByTestId('password').fill(password);
	await page.keyboard.press('Enter');
	await page.getByTestId('view-floor').click();
	await page.locator('[data-testid="floor"][data-complete="true"]').waitFor();
}
