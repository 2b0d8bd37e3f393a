// What is heard before any caller is: microphones that are refused, missing or pulled out, the sound
// test, and a ring while nobody looks.
import nodeTest from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, PATIENCE_MS, until } from '../lib/cluster.mjs'
import { Desk, inOrder, openBrowser } from './desk.mjs'
import { Phone } from './phone.mjs'

const BASE = 134
let c, browser, desk
const others = [], phones = []
const test = inOrder(nodeTest, async () => desk.look())
const url = () => `http://${c.gateway('oslo')}/`

nodeTest.before(async () => {
	;[c, browser] = await Promise.all([
		Cluster.start({
			base: BASE, sites: ['oslo'], nodes: 2, agents: ['a1', 'a2', 'a3', 'a4'].map((name) => ({ name })),
			queues: { support: 'skills: [lang.en], wrap_up: 5s, ring_timeout: 6s' },
		}),
		openBrowser(),
	])
})
nodeTest.after(async () => {
	for (const p of phones) await p.hangup()
	for (const b of others) await b.close()
	await browser?.close()
	await c?.stop()
})
async function blocked(why, words, remedy) {
	await desk.page.locator(`[data-testid=ready-block][data-why=${why}]`).waitFor()
	const text = await desk.id('ready-block').textContent()
	assert.match(text, words)
	assert.match(text, remedy)
	assert.equal(await desk.id('ready').getAttribute('aria-disabled'), 'true')
	await desk.page.keyboard.press('r')
	assert.equal(await desk.page.locator('html').getAttribute('data-state'), 'not_ready')
}

test('a microphone that was refused: said in words, with what to do, and no Ready', async () => {
	others.push(await openBrowser('refused'))
	desk = await Desk.open(others[0], url(), { permissions: [] })
	await desk.signIn('a1')
	await desk.state('not_ready')
	await blocked('mic_denied', /microphone is blocked/, /address/)
	await desk.shot('day-mic-denied')
	await others[0].close()
})

test('no microphone at all: said in words, with what to do, and no Ready', async () => {
	others.push(await openBrowser('none'))
	desk = await Desk.open(others[1], url(), { permissions: ['microphone'] })
	await desk.signIn('a2')
	await desk.state('not_ready')
	await blocked('mic_missing', /No microphone/, /[Pp]lug/)
	await desk.shot('day-mic-missing')
	await others[1].close()
})

// A microphone that can be pulled out, and a page that can be hidden, as the page sees both.
function props() {
	const md = navigator.mediaDevices
	const get = md.getUserMedia.bind(md)
	let plugged = true, last = null
	md.getUserMedia = async (wish) => {
		if (!plugged) throw new DOMException('no device', 'NotFoundError')
		last = await get(wish)
		return last
	}
	window.__plug = (on) => {
		plugged = on
		if (!on) for (const t of last?.getTracks() ?? []) {
			t.stop()
			t.dispatchEvent(new Event('ended'))
		}
		md.dispatchEvent(new Event('devicechange'))
	}
	let hidden = false
	Object.defineProperty(document, 'hidden', { get: () => hidden })
	document.hasFocus = () => !hidden
	window.__hide = (on) => { hidden = on }
	window.__notes = []
	window.Notification = class {
		static permission = 'granted'
		static requestPermission() { return Promise.resolve('granted') }
		constructor(title, options) { window.__notes.push({ title, body: options.body, open: true }); this.at = window.__notes.length - 1 }
		close() { window.__notes[this.at].open = false }
	}
}

test('the sound test: one hears oneself, and the line has its figures and a mark in words', async () => {
	desk = await Desk.open(browser, url(), { init: props })
	await desk.signIn('a3')
	await desk.state('not_ready')
	await desk.canBeReady()
	await desk.shot('day-not-ready')
	await desk.page.keyboard.press('t')
	await desk.id('sound-test').waitFor()
	const step = (word, ms) => desk.page.locator(`[data-testid=test-voice-word][data-step=${word}]`).waitFor({ timeout: ms ?? PATIENCE_MS })
	await desk.page.evaluate(() => {
		const play = HTMLMediaElement.prototype.play
		HTMLMediaElement.prototype.play = function () {
			if (this.src.startsWith('blob:')) window.__played = this
			return play.call(this)
		}
	})
	await desk.id('test-record').click()
	await step('recording')
	await desk.shot('day-test-recording')
	await step('playing')
	// What is played is what was said: some four seconds of it.
	assert.ok(await desk.page.evaluate(() => window.__played.src.startsWith('blob:')))
	await desk.page.locator('[data-testid=test-line][data-quality=good]').waitFor()
	assert.match(await desk.id('test-line-facts').textContent(), /Round trip [1-9]\d* ms · Loss 0\s?% · Jitter \d+ ms/)
	// A tone is driven to the rim by the browser's gain control; a voice is not.
	await desk.page.locator('[data-testid=test-voice-word]:is([data-step=good],[data-step=loud])').waitFor()
	const seconds = await desk.page.evaluate(() => window.__played.currentTime)
	assert.ok(seconds > 3 && seconds < 5.5, `${seconds} s were played`)
	await desk.shot('day-test-done')
	await desk.page.keyboard.press('Escape')
})

test('a microphone pulled out while ready: not ready, in words; plugged in again: one click', async () => {
	await desk.id('ready').click()
	await desk.state('idle')
	await until('nobody else is free, and the page says it is only oneself', async () =>
		/Only you are free/.test(await desk.id('queue-support').textContent()))
	await desk.shot('day-only-you')
	await desk.page.evaluate(() => window.__plug(false))
	await desk.state('not_ready')
	await blocked('mic_unplugged', /microphone/i, /[Pp]lug/)
	await desk.shot('day-mic-unplugged')
	await desk.page.evaluate(() => window.__plug(true))
	await desk.canBeReady()
	await desk.id('ready').click()
	await desk.state('idle')
})

test('a ring while the page is hidden is notified, with who and where; the notification goes with it', async () => {
	await desk.page.evaluate(() => window.__hide(true))
	const phone = await Phone.dial({ ip: `127.0.${BASE}.9`, uri: c.queueUri('oslo', 'support'), name: 'Kari Nordmann' })
	phones.push(phone)
	await desk.state('ringing')
	const notes = await desk.page.evaluate(() => window.__notes)
	assert.deepEqual(notes.map((n) => [n.title, n.open]), [['Incoming call: Kari Nordmann', true]])
	assert.match(notes[0].body, /support · waited/)
	assert.match(await desk.page.title(), /Kari Nordmann/)
	await desk.page.keyboard.press('a')
	await desk.state('talking')
	assert.equal(await desk.page.evaluate(() => window.__notes[0].open), false)
	await Promise.all([phone.hears(), desk.hears()])
})

test('a microphone pulled out in a call is said there too, and the call goes on when it is back', async () => {
	await desk.page.evaluate(() => window.__plug(false))
	await desk.id('mic-trouble').waitFor()
	await desk.shot('day-mic-lost-in-call')
	await desk.page.evaluate(() => window.__plug(true))
	await desk.page.locator('html[data-mic=ok]').waitFor({ state: 'attached' })
	await phones[0].hears()
	await desk.id('hangup').click()
	await desk.id('wrap-done').click()
	await desk.state('idle')
	assert.deepEqual(desk.complaints, [])
})
