// What a caller and an agent live through, across two sites, with the real daemons. Audio is plain
// RTP here; WebRTC and the page are measured by tests/e2e/check.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'

let c
test.before(async () => {
	c = await Cluster.start({
		base: 50,
		nodes: 2,
		agents: ['a1', 'a2', 'a3'].map((name) => ({ name, site: 'manila' })).concat([{ name: 'o1', site: 'oslo' }]),
	})
})
test.after(async () => { await c.stop() })

const record_of = (call) => until(`the record of ${call}`, () => c.records().find((r) => r.call === call))

test('a caller in Oslo is heard by an agent in Manila and hears them', async () => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '100ms', '--talk', '4s', '--tone', '880', '--listen', '440'])
	await agent.idle()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--listen', '880', '--seconds', '15'])
	const ring = await agent.event('ring')
	await agent.event('talk')
	await caller.event('heard')
	await agent.event('heard')
	assert.equal(await caller.exited, 0)
	const r = await record_of(ring.call)
	assert.equal(r.outcome, 'answered')
	assert.equal(r.agent, 'a1')
	assert.equal(r.site, 'oslo')
	assert.equal(r.agent_site, 'manila')
	assert.equal(r.queue, 'support')
	assert.ok(r.talk_ms > 1000 && r.wait_ms < 5000, JSON.stringify(r))
	await agent.stop()
})

test('agent and call on one node need no trunk and hear each other', async () => {
	const agent = c.agent('o1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '3s', '--tone', '880', '--listen', '440'])
	await agent.idle()
	for (const node of [1, 2]) {
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--listen', '880', '--seconds', '15'], node)
		await caller.event('heard')
		assert.equal(await caller.exited, 0)
	}
	await agent.stop()
})

test('a caller who hangs up while waiting is abandoned, once, with the reason', async () => {
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '2'])
	await caller.event('answered')
	const call = await until('the call is queued', () => c.calls().find((x) => x.state === 'queued'))
	await caller.exited
	const r = await record_of(call.call)
	assert.equal(r.outcome, 'abandoned')
	assert.equal(r.cause, 'caller_hung_up')
	assert.equal(c.records().filter((x) => x.call === call.call).length, 1)
})

test('a rejected and a missed call keep the place: the next agent gets the same caller', async () => {
	const first = c.agent('a1', ['--audio', 'plain', '--answer', 'reject'])
	await first.idle()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '30'])
	const rejected = await first.event('ring')
	await first.stop()
	const second = c.agent('a2', ['--audio', 'plain', '--answer', 'ignore'])
	const missed = await second.event('ring')
	assert.equal(missed.call, rejected.call)
	await until('the one who missed is not ready', () => c.agentsNow().find((a) => a.name === 'a2' && a.state === 'not_ready' && a.reason === 'missed'), 15000)
	const third = c.agent('a3', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '1s'])
	const ring = await third.event('ring')
	assert.equal(ring.call, rejected.call)
	assert.ok(ring.waited_ms >= 5000, `age is kept: ${ring.waited_ms}`)
	assert.equal((await record_of(ring.call)).agent, 'a3')
	await Promise.all([second.stop(), third.stop(), caller.stop()])
})

test('callers are answered in the order they came, across both nodes of a site', async () => {
	const callers = []
	const order = []
	for (let i = 0; i < 6; i++) {
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '40'], 1 + (i % 2))
		callers.push(caller)
		await caller.event('answered')
		order.push(await until('the caller waits', () => c.calls().map((x) => x.call).find((x) => !order.includes(x))))
	}
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms'])
	await until('all are answered', () => agent.events.filter((e) => e.event === 'talk').length === 6, 20000)
	assert.deepEqual(agent.events.filter((e) => e.event === 'talk').map((e) => e.call), order)
	await agent.stop()
	await Promise.all(callers.map((x) => x.stop()))
})

test('an unknown queue is refused at once', async () => {
	const caller = c.caller('oslo', 'nosuchqueue')
	const end = await caller.event('ended')
	assert.equal(end.status, 404)
	assert.notEqual(await caller.exited, 0)
})

test('the books balance: entered = ended + in the system, one record each', async () => {
	await until('all calls are over', () => c.calls().length === 0)
	let entered = 0, ended = 0
	for (const d of c.ctl('status').daemons.filter((d) => d.role === 'node')) {
		entered += d.counters.calls.entered
		ended += d.counters.calls.ended
	}
	assert.ok(entered >= 11, `${entered}`)
	assert.equal(entered, ended)
	await until('every record is written', () => c.records().length === entered)
	assert.equal(new Set(c.records().map((r) => r.call)).size, entered)
})
