// A person's desk in a real Chromium, in the middle of a talk, and the node is killed with -9: the page is
// back in the same call without a click, both hear each other again, and how long that took is said and
// held against the promise (DESIGN §10: 3 s for a browser).
import test from 'node:test'
import assert from 'node:assert/strict'
import { until } from '../lib/cluster.mjs'
import { CALLER_HZ, Desk } from '../day/desk.mjs'
import { PROMISE_MS, clicks, stage, talk } from './ada.mjs'

let c, browser, node, desk, phone
test.before(async () => { ({ c, browser, node } = await stage({ base: 45, sites: ['oslo'], journal: true })) })
test.after(async () => {
	await phone?.hangup()
	await browser?.close()
	await c?.stop()
})
const other = (name) => (name === 'oslo1' ? 'oslo2' : 'oslo1')
// The certificate that the node showed this page, and how many legs the page has made so far.
const shown = () => desk.page.evaluate(() => window.__shown)
function watch() {
	const Native = window.RTCPeerConnection
	window.__shown = []
	window.RTCPeerConnection = class extends Native {
		setRemoteDescription(d) {
			window.__shown.push(/a=fingerprint:(.*)/.exec(d.sdp)[1].trim())
			return super.setRemoteDescription(d)
		}
	}
}

// Talking, both ways, with the call at `owner`.
async function talkAt(owner) {
	phone = await talk(desk, '127.0.45.20', c.queueUri('oslo', 'support', Number(owner.slice(-1))))
	const { call } = c.calls()[0]
	await until('it is in the journal', () => c.node(owner).unprotected === 0)
	return call
}
// From the kill until the caller hears the person, and until the person hears the caller.
// anew: the page has to make another leg first.
async function killed(t, name, call, anew = true) {
	const legs = (await shown()).length
	const at = performance.now()
	await c.kill(name)
	c.daemon('node', name)
	const heard = async () => {
		if (anew) await desk.page.waitForFunction((n) => window.__shown.length > n, legs, { polling: 20 })
		await desk.hears(CALLER_HZ, 20000)
		return performance.now()
	}
	const [back, ear] = await Promise.all([phone.hears(at + 200, 20000), heard()])
	t.diagnostic(`${name} killed: the caller hears the agent again after ${Math.round(back - at)} ms, the agent the caller after ${Math.round(ear - at)} ms`)
	assert.equal(c.calls()[0].call, call, 'the same call')
	await desk.state('talking')
	assert.equal(await clicks(desk), 0, 'nobody clicked')
	assert.ok(Math.max(back, ear) - at < PROMISE_MS, `${Math.round(Math.max(back, ear) - at)} ms; promised are ${PROMISE_MS}`)
	await c.healthy()
	await c.reachable()
}
async function over() {
	await phone.hangup()
	await desk.state('idle')
	await until('it has ended', () => c.calls().length === 0)
}

test('the page signs in and is ready', async () => {
	desk = await Desk.open(browser, `http://${c.gateway('oslo')}/`, { init: watch })
	await desk.start('ada')
})
test('the node that has both, the call and the session', async (t) => {
	const at = node(), call = await talkAt(at), before = await shown()
	await killed(t, at, call)
	const after = await shown()
	if (node() === at) {
		assert.ok(after.length > before.length, 'a new leg')
		assert.equal(after.at(-1), before.at(-1), 'with the same certificate')
	}
	await over()
})
test("the agent's node alone", async (t) => {
	const at = node(), call = await talkAt(other(at))
	await killed(t, at, call)
	await over()
})
test("the call's node alone: the page notices nothing of it", async (t) => {
	const at = other(node()), call = await talkAt(at), legs = (await shown()).length
	await killed(t, at, call, false)
	assert.equal((await shown()).length, legs, 'the same leg')
	await over()
	assert.deepEqual(desk.complaints, [])
})
