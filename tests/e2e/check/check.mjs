// deploy/quickstart --check: a headless Chromium signs in as an agent of Manila, a caller dials Oslo,
// the agent answers, a tone is found by frequency at each end (Opus, then PCMU), the agent hangs up,
// the record is compared. Prints timings; exit 0, or what failed.
//
//   node check.mjs --config FILE --bin DIR --passwords FILE --shots DIR

import { createRequire } from 'node:module'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lines, root, until } from '../lib/cluster.mjs'
import { ear } from '../lib/ear.mjs'

const require = createRequire(join(root, 'gateway/web/package.json'))
const { chromium } = require('playwright-core')

const option = Object.fromEntries(process.argv.slice(2).join('\n').split('--').filter(Boolean).map((s) => s.trim().split('\n')))
for (const name of ['config', 'bin', 'passwords', 'shots'])
	if (!option[name]) {
		console.error(`check.mjs: --${name} is needed`)
		process.exit(2)
	}

const AGENT_HZ = 880, CALLER_HZ = 440
const page_url = 'http://127.0.2.1:8080/'
const dial = 'sip:support@127.0.1.1:5060'
const password_of = Object.fromEntries(readFileSync(option.passwords, 'utf8').trim().split('\n').map((l) => l.split(' ')))
const work = mkdtempSync(join(tmpdir(), 'helio-check-'))
mkdirSync(option.shots, { recursive: true })

// What the fake microphone says: bursts, because a browser's noise suppression takes a steady tone
// for noise.
function tone_file() {
	const rate = 48000, seconds = 8, n = rate * seconds
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
	for (let i = 0; i < n; i++) {
		const on = (i / rate) % 1 < 0.7
		wav.writeInt16LE(on ? Math.round(14000 * Math.sin((2 * Math.PI * AGENT_HZ * i) / rate)) : 0, 44 + 2 * i)
	}
	const file = join(work, 'tone.wav')
	writeFileSync(file, wav)
	return file
}

function ctl(...args) {
	const r = spawnSync(join(option.bin, 'helioctl'), [...args, '--json', '--config', option.config], { encoding: 'utf8' })
	try {
		return JSON.parse(r.stdout)
	} catch {
		throw new Error(`helioctl ${args.join(' ')} said ${r.status}: ${r.stdout}${r.stderr}`)
	}
}

function expect(what, ok, found) {
	if (!ok) throw new Error(`${what}: found ${JSON.stringify(found)}`)
}

async function one(name, codec, tone) {
	const time = {}
	const browser = await chromium.launch({
		executablePath: '/usr/bin/chromium',
		args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
			`--use-file-for-fake-audio-capture=${tone}`, '--autoplay-policy=no-user-gesture-required', '--disable-background-networking',
			'--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic'],
	})
	let page, caller
	try {
		const context = await browser.newContext({ permissions: ['microphone', 'notifications'], viewport: { width: 1280, height: 800 } })
		page = await context.newPage()
		const complaints = []
		page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()))
		page.on('pageerror', (e) => complaints.push(String(e)))
		await page.addInitScript(ear)
		const id = (x) => page.getByTestId(x)
		const state = (word, ms = 30000) => page.waitForFunction((w) => document.documentElement.dataset.state === w, word, { timeout: ms })

		let began = performance.now()
		await page.goto(page_url)
		await id('name').fill(name)
		await id('password').fill(password_of[name])
		time.page_ms = performance.now() - began
		began = performance.now()
		await id('signin-submit').click()
		await state('not_ready')
		time.sign_in_ms = performance.now() - began
		began = performance.now()
		await page.waitForFunction(() => document.querySelector('[data-testid=ready]:not([aria-disabled])'), null, { timeout: 30000 })
		time.audio_up_ms = performance.now() - began
		await id('ready').click()
		await state('idle')
		await page.screenshot({ path: join(option.shots, `${codec}-idle.png`) })
		await until('the cluster knows the agent is idle', () => ctl('agents').agents.some((a) => a.name === name && a.state === 'idle'))

		began = performance.now()
		caller = new Lines(join(option.bin, 'helio-caller'), ['--to', dial, '--from', '+4722334455', '--tone', String(CALLER_HZ), '--listen', String(AGENT_HZ), '--seconds', '40', '--json'])
		await state('ringing')
		time.dial_to_ring_ms = performance.now() - began
		expect('the ring shows the queue', /support/i.test(await id('queue').innerText()), await id('queue').innerText())
		expect('the ring shows the caller', (await id('caller-card').innerText()).replace(/\s/g, '').includes('4722334455'), await id('caller-card').innerText())
		await page.screenshot({ path: join(option.shots, `${codec}-ringing.png`) })
		began = performance.now()
		await id('accept').click()
		await state('talking')
		time.accept_to_talk_ms = performance.now() - began
		await caller.event('heard', 30000)
		time.caller_hears_ms = performance.now() - began
		await page.waitForFunction((hz) => window.__ear?.(hz) > 20, CALLER_HZ, { timeout: 30000, polling: 100 })
		time.agent_hears_ms = performance.now() - began
		const strength = await page.evaluate((hz) => [window.__ear(hz), window.__ear(hz * 1.5)], CALLER_HZ)
		expect('a tone nobody sends is not heard', strength[1] < 10, strength)
		await page.screenshot({ path: join(option.shots, `${codec}-talking.png`) })

		const call = ctl('calls').calls.find((c) => c.agent === name)
		expect('helioctl shows the call as bridged', call?.state === 'bridged', call)
		await id('hangup').click()
		await state('wrap')
		await id('outcome-resolved').click()
		await id('wrap-note').fill('checked')
		await page.screenshot({ path: join(option.shots, `${codec}-wrap.png`) })
		await id('wrap-done').click()
		await state('idle')
		const code = await caller.exited
		expect('the caller heard the agent and was hung up on', code === 0, { code, events: caller.events.slice(-4) })

		const record = await until('the record is written, with its outcome', () => ctl('records').records.find((r) => r.call === call.call && r.disposition))
		for (const [key, value] of Object.entries({ outcome: 'answered', cause: 'agent_hung_up', agent: name, queue: 'support', site: 'oslo', agent_site: 'manila', disposition: 'resolved', note: 'checked', caller: '+4722334455' }))
			expect(`the record's ${key} is ${value}`, record[key] === value, record[key])
		expect('nobody else was rung', record.offers === 1, record.offers)
		expect('the page has no complaint in its console', complaints.length === 0, complaints)
		await id('signout').click()
		const confirm = id('signout-confirm')
		await confirm.click()
		await until('the agent is signed out', () => !ctl('agents').agents.some((a) => a.name === name))
		return { time, db: strength[0] }
	} catch (e) {
		await page?.screenshot({ path: join(option.shots, `${codec}-failed.png`) }).catch(() => {})
		const seen = await page?.evaluate(() => JSON.stringify(window.__helio)).catch(() => '')
		e.message += `\n  page: ${seen}\n  caller: ${JSON.stringify(caller?.events.slice(-4))}`
		throw e
	} finally {
		await caller?.stop()
		await browser.close()
	}
}

try {
	const tone = tone_file()
	for (const [name, codec] of [['maria', 'opus'], ['jose', 'pcmu']]) {
		const { time, db } = await one(name, codec, tone)
		const ms = (k) => `${k.replace(/_ms$/, '').replaceAll('_', ' ')} ${Math.round(time[k])} ms`
		console.log(`  ${codec}: heard both ways (${Math.round(db)} dB above the mean at ${CALLER_HZ} Hz); ${Object.keys(time).map(ms).join(', ')}`)
	}
} catch (e) {
	console.error(`check failed: ${e.message}`)
	process.exitCode = 1
} finally {
	rmSync(work, { recursive: true, force: true })
}
