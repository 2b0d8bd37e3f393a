// A person's desk in a real Chromium, in the middle of a talk, and its machine stands still, with the page's
// own gateway: no connection is refused, nothing answers any more. The page is back in the same call through
// another gateway without a click, and how long that took is held against the promise (DESIGN §10: 3 s).
import test from 'node:test'
import assert from 'node:assert/strict'
import { until } from '../lib/cluster.mjs'
import { CALLER_HZ, Desk } from '../day/desk.mjs'
import { PROMISE_MS, clicks, stage, talk } from './ada.mjs'

let c, browser, node, phone
test.before(async () => { ({ c, browser, node } = await stage({ base: 226, machines: true })) })
test.after(async () => {
	await phone?.hangup()
	await browser?.close()
	await c?.stop()
})
// In the page: how many legs it has made.
function count() {
	const Native = window.RTCPeerConnection
	window.__legs = 0
	window.RTCPeerConnection = class extends Native {
		setRemoteDescription(d) {
			window.__legs++
			return super.setRemoteDescription(d)
		}
	}
}

test('node and gateway are gone without a word: the same call again, through another door', async (t) => {
	const desk = await Desk.open(browser, `http://${c.gateway('oslo')}/`, { init: count })
	await desk.start('ada')
	const at = node(), k = Number(at.slice(-1))
	// The call is at the other machine, so that its audio ends at ours.
	phone = await talk(desk, '127.0.226.20', c.queueUri('oslo', 'support', 3 - k))
	const { call } = c.calls()[0]
	const old = await desk.figures(), legs = await desk.page.evaluate(() => window.__legs)
	const lost = performance.now()
	for (const name of [at, `oslo-b${k}`, `${at}-redis`, 'oslo-g1']) c.signal(name, 'SIGSTOP')
	const controls = async () => {
		await desk.page.waitForFunction((was) => window.__helio.node && window.__helio.node !== was && window.__helio.link === 'open', old.node, { polling: 20, timeout: 20000 })
		return performance.now() - lost
	}
	const ear = async () => {
		await desk.page.waitForFunction((n) => window.__legs > n, legs, { polling: 20, timeout: 20000 })
		await desk.hears(CALLER_HZ, 20000)
		return performance.now() - lost
	}
	const [desked, ears, back] = await Promise.all([controls(), ear(), phone.hears(lost + 500, 20000)])
	t.diagnostic(`controls after ${Math.round(desked)} ms, the agent hears after ${Math.round(ears)} ms, the caller after ${Math.round(back - lost)} ms`)
	const [now] = c.calls()
	assert.equal(now.call, call, 'the same call')
	await desk.state('talking')
	assert.equal(await clicks(desk), 0, 'nobody clicked')
	const worst = Math.max(desked, ears, back - lost)
	assert.ok(worst < PROMISE_MS, `${Math.round(worst)} ms; promised are ${PROMISE_MS}`)
	for (const name of [at, `oslo-b${k}`, `${at}-redis`, 'oslo-g1']) c.signal(name, 'SIGCONT')
	await phone.hangup()
	await until('it has ended', () => c.calls().length === 0)
})
