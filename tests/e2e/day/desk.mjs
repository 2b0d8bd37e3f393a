// An operator's desk in a real Chromium, as a person uses it: what is on the page, and what is heard.
import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PATIENCE_MS, password, root } from '../lib/cluster.mjs'
import { ear } from '../lib/ear.mjs'

const { chromium } = createRequire(join(root, 'gateway/web/package.json'))('playwright-core')
export const AGENT_HZ = 880, CALLER_HZ = 440
const SHOTS = process.env.HELIO_SHOTS ?? ''
const work = mkdtempSync(join(tmpdir(), 'helio-day-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

// Bursts, because noise suppression takes a steady tone for noise.
function toneFile(hz) {
	const rate = 48000, n = rate * 8
	const wav = Buffer.alloc(44 + 2 * n)
	wav.write('RIFF', 0)
	wav.writeUInt32LE(36 + 2 * n, 4)
	wav.write('WAVEfmt ', 8)
	wav.writeUInt32LE(16, 16)
	wav.writeUInt16LE(1, 20)
	wav.writeUInt16LE(1, 22)
	wav.writeUInt32LE(rate, 24)
	wav.writeUInt32LE(2 * rate, 28)
	wav.writeUInt16LE(2, 32)
	wav.writeUInt16LE(16, 34)
	wav.write('data', 36)
	wav.writeUInt32LE(2 * n, 40)
	for (let i = 0; i < n; i++)
		wav.writeInt16LE((i / rate) % 1 < 0.7 ? Math.round(14000 * Math.sin((2 * Math.PI * hz * i) / rate)) : 0, 44 + 2 * i)
	const file = join(work, 'tone.wav')
	writeFileSync(file, wav)
	return file
}

/** microphone: 'fake' (it says AGENT_HZ), 'refused' (every question is answered no), 'none' (no device);
 * args: more of Chromium's. */
export async function openBrowser(microphone = 'fake', args = []) {
	const browser = await chromium.launch({
		executablePath: process.env.HELIO_CHROMIUM ?? '/usr/bin/chromium',
		args: [
			'--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
			'--disable-sync', '--no-first-run', '--disable-quic', '--autoplay-policy=no-user-gesture-required',
			...(microphone === 'fake'
				? ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${toneFile(AGENT_HZ)}`]
				: []),
			...args,
			...(microphone === 'refused' ? ['--use-fake-device-for-media-stream', '--deny-permission-prompts'] : []),
		],
	})
	return browser
}

// In the page, before its own code: its WebRTC can be led through __relay(ip, port), where a test may lose packets.
function relayed() {
	const Native = window.RTCPeerConnection
	window.RTCPeerConnection = class extends Native {
		async setRemoteDescription(description) {
			let sdp = description.sdp
			const c = /a=candidate:\S+ \d+ \S+ \d+ (\S+) (\d+)/.exec(sdp)
			if (window.__relay && c) {
				const port = await window.__relay(c[1], Number(c[2]))
				sdp = sdp.replace(c[0], c[0].replace(`${c[1]} ${c[2]}`, `${c[1]} ${port}`))
			}
			return super.setRemoteDescription({ type: description.type, sdp })
		}
	}
}

/** Tests that build on one another: after one that failed the rest would only add noise. `look` says
 * what there is to see of the failure. */
export function inOrder(test, look) {
	let failed = ''
	return (name, work) => test(name, async (t) => {
		if (failed) return t.skip(`not reached: "${failed}" failed`)
		try {
			await work(t)
		} catch (e) {
			failed = name
			e.message += `\n${await look().catch((why) => why.message)}`
			throw e
		}
	})
}

export class Desk {
	/** A page of its own kind of person; `context` makes it another tab of the same browser; `expose` are
	 * functions that the page may call. */
	static async open(browser, url, { context = null, init = null, permissions = ['microphone', 'notifications'], relay = null, expose = {} } = {}) {
		const d = new Desk()
		d.context = context ?? await browser.newContext({ permissions, viewport: { width: 1280, height: 860 }, locale: 'en-GB', colorScheme: 'light' })
		d.page = await d.context.newPage()
		d.page.setDefaultTimeout(8000)
		d.complaints = []
		d.page.on('console', (m) => m.type() === 'error' && !/ERR_|WebSocket connection/.test(m.text()) && d.complaints.push(m.text()))
		d.page.on('pageerror', (e) => d.complaints.push(String(e)))
		if (relay) await d.page.exposeFunction('__relay', relay)
		for (const [name, work] of Object.entries(expose)) await d.page.exposeFunction(name, work)
		await d.page.addInitScript(ear)
		await d.page.addInitScript(relayed)
		if (init) await d.page.addInitScript(init)
		await d.page.goto(url)
		return d
	}
	id(name) { return this.page.getByTestId(name) }
	async state(word, ms = PATIENCE_MS) {
		await this.page.locator(`html[data-state="${word}"]`).waitFor({ state: 'attached', timeout: ms })
	}
	async link(word, ms = PATIENCE_MS) {
		await this.page.locator(`html[data-link="${word}"]`).waitFor({ state: 'attached', timeout: ms })
	}
	figures() { return this.page.evaluate(() => window.__helio) }
	async signIn(name, word = password) {
		await this.state('signin')
		await this.id('name').fill(name)
		await this.id('password').fill(word)
		await this.id('signin-submit').click()
	}
	/** Signed in, audio up, ready. */
	async start(name) {
		await this.signIn(name)
		await this.state('not_ready')
		await this.canBeReady()
		await this.id('ready').click()
		await this.state('idle')
	}
	canBeReady() { return this.page.locator('[data-testid=ready]:not([aria-disabled])').waitFor() }
	hears(hz = CALLER_HZ, ms = PATIENCE_MS) {
		return this.page.waitForFunction((f) => window.__ear?.(f) > 20, hz, { timeout: ms, polling: 50 })
	}
	async shot(name) {
		if (!SHOTS) return
		mkdirSync(SHOTS, { recursive: true })
		await this.page.screenshot({ path: join(SHOTS, `${name}.png`) })
	}
	/** What a failed test says about the page. */
	async look() {
		await this.shot('day-failed')
		const root = await this.page.evaluate(() => JSON.stringify({ ...document.documentElement.dataset, ...window.__helio }))
		return `page: ${root} console: ${this.complaints.join(' | ')}`
	}
	async signOut() {
		if (this.page.isClosed()) return
		await this.id('signout').click()
		await this.id('signout-confirm').click()
		await this.state('signin')
	}
}
