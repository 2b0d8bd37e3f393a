// What a running node answers to what it cannot or will not take.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Udp, Tcp, sdp } from './sip.mjs'

let c, caller
const at = () => ({ ip: c.ip('oslo'), port: 5060 })
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], base: 150, limits: ', calls_max: 3' })
	caller = await Udp.open('127.0.151.1', at())
})
test.after(async () => { caller?.close(); await c?.stop() })

const goodCall = async (end = caller) => {
	const a = await end.invite('support')
	assert.equal(a?.status, 200)
	assert.equal((await end.hangup(a, 'support')).status, 200)
}

for (const [transport, open] of [['UDP', null], ['TCP', Tcp]]) {
	const with_ = async (f) => {
		const end = open ? await open.open('127.0.151.1', at()) : caller
		try { await f(end) } finally { if (open) end.close() }
	}
	test(`${transport}: an unknown queue is 404`, () => with_(async (e) => {
		assert.equal((await e.invite('nobody')).status, 404)
		assert.equal((await e.invite('Support')).status, 404)
		assert.equal((await e.invite('admin')).status, 404)
	}))
	test(`${transport}: a required extension that is not there is 420, and named`, () => with_(async (e) => {
		const a = await e.invite('support', { more: { Require: '100rel, timer, nothing-real' } })
		assert.equal(a.status, 420)
		assert.match(a.headers.unsupported, /100rel/)
		assert.match(a.headers.unsupported, /nothing-real/)
		assert.doesNotMatch(a.headers.unsupported, /timer/)
	}))
	test(`${transport}: no common codec is 488`, () => with_(async (e) => {
		assert.equal((await e.invite('support', { body: sdp(e.ip, '18 96') })).status, 488)
		assert.equal((await e.invite('support', { body: sdp(e.ip).replace('RTP/AVP', 'RTP/SAVP') })).status, 488)
	}))
	test(`${transport}: no hop left is 483`, () => with_(async (e) => {
		assert.equal((await e.invite('support', { more: { 'Max-Forwards': '0' } })).status, 483)
	}))
	test(`${transport}: a request that has been here already is 482`, () => with_(async (e) => {
		const loop = await e.invite('support', { vias: [`SIP/2.0/UDP ${at().ip}:${at().port};branch=z9hG4bKours`] })
		assert.equal(loop.status, 482)
	}))
	test(`${transport}: the same request by two ways is one call; the second is 482`, () => with_(async (e) => {
		const one = await e.invite('support', { id: `fork-${transport}`, branch: 'one' })
		assert.equal(one.status, 200)
		e.got.length = 0
		assert.equal((await e.invite('support', { id: `fork-${transport}`, branch: 'two' })).status, 482)
		assert.equal((await e.hangup(one, 'support')).status, 200)
	}))
	test(`${transport}: nothing but calls can be asked for`, () => with_(async (e) => {
		for (const [method, status] of [['REGISTER', 405], ['SUBSCRIBE', 405], ['MESSAGE', 405], ['PUBLISH', 405], ['REFER', 405], ['NOTIFY', 405], ['INFO', 405], ['SPY', 501], ['BYE', 481], ['CANCEL', 481], ['UPDATE', 481], ['OPTIONS', 200]]) {
			const a = await e.ask(method, 'support')
			assert.equal(a?.status, status, method)
			assert.equal(a.headers['www-authenticate'], undefined)
		}
	}))
	test(`${transport}: and the next call is taken`, () => with_(goodCall))
}

test('when all places are taken: 503 with Retry-After, and again a call once one is free', async () => {
	const held = []
	for (let i = 0; i < 3; i++) held.push(await caller.invite('support'))
	assert.deepEqual(held.map((a) => a.status), [200, 200, 200])
	const full = await caller.invite('support')
	assert.equal(full.status, 503)
	assert.ok(Number(full.headers['retry-after']) >= 1)
	for (const a of held) await caller.hangup(a, 'support')
	await until('the calls are over', () => c.calls().length === 0)
	await goodCall()
})

test('a node that is drained: 503 with Retry-After to calls and to OPTIONS; taken up again after', async () => {
	c.ctl('drain', 'oslo1')
	for (const a of [await caller.invite('support'), await caller.ask('OPTIONS', 'support')]) {
		assert.equal(a.status, 503)
		assert.ok(Number(a.headers['retry-after']) >= 1)
	}
	c.ctl('drain', 'oslo1', '--undo')
	await goodCall()
})

test('a node whose loop is late refuses new calls at once, and takes them when it has caught up', async () => {
	c.signal('oslo1', 'SIGSTOP')
	const stopped = performance.now()
	const asked = caller.invite('support', {}, 15000)
	await until('it was frozen for 3 s', () => performance.now() - stopped > 3000)
	c.signal('oslo1', 'SIGCONT')
	const first = await asked
	assert.ok(first, 'an answer')
	// The frozen INVITE may be read before the clock of the loop has run once; the next is not.
	const shed = first.status === 503 ? first : await caller.invite('support')
	if (first.status === 200) await caller.hangup(first, 'support')
	assert.equal(shed.status, 503)
	assert.ok(Number(shed.headers['retry-after']) >= 1)
	await until('it has caught up', async () => {
		const a = await caller.invite('support')
		if (a?.status === 200) await caller.hangup(a, 'support')
		return a?.status === 200
	})
})
