// What dies without a caller noticing: a broker, every Redis, a gateway.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'

let c
test.before(async () => {
	c = await Cluster.start({ base: 60, agents: [{ name: 'a1', site: 'manila' }, { name: 'a2', site: 'manila' }] })
})
test.after(async () => { await c.stop() })

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms']

test('a broker killed and restarted loses no waiting call and no place', async () => {
	const callers = [], order = []
	for (let i = 0; i < 4; i++) {
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'])
		callers.push(caller)
		await caller.event('answered')
		order.push(await until('the caller waits', () => c.calls().map((x) => x.call).find((x) => !order.includes(x))))
	}
	await c.kill('oslo-b1')
	assert.equal(c.calls().length, 4, 'nobody was lost when the broker died')
	c.daemon('broker', 'oslo-b1')
	await c.healthy()
	await until('the new broker knows all four', () => c.ctl('queues').queues?.some((q) => q.waiting === 4))
	const agent = c.agent('a1', plain)
	await until('all are answered', () => agent.events.filter((e) => e.event === 'talk').length === 4, 20000)
	assert.deepEqual(agent.events.filter((e) => e.event === 'talk').map((e) => e.call), order)
	await agent.stop()
	await Promise.all(callers.map((x) => x.stop()))
})

test('the agent side broker killed: an idle agent still gets the next caller after its return', async () => {
	const agent = c.agent('a1', plain)
	await agent.idle()
	await c.kill('manila-b1')
	c.daemon('broker', 'manila-b1')
	await c.healthy()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'])
	await agent.event('talk')
	await Promise.all([agent.stop(), caller.stop()])
})

test('with no broker at all, a node serves its own callers with its own agents', async () => {
	await c.kill('manila-b1')
	const agent = c.agent('a1', plain)
	await agent.idle()
	const caller = c.caller('manila', 'support', ['--tone', '440', '--seconds', '20'])
	await agent.event('talk')
	await Promise.all([agent.stop(), caller.stop()])
	c.daemon('broker', 'manila-b1')
	await c.healthy()
})

test('presence frozen: calls are routed and answered; it is right again after it thaws', async () => {
	const agent = c.agent('a1', plain)
	await agent.idle()
	await until('presence knows a1', () => c.redisCli('hget', 'helio:agent:a1', 'state') === 'idle')
	c.signal('redis', 'SIGSTOP')
	const other = c.agent('a2', plain)
	await other.idle()
	const callers = [1, 2].map(() => c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20']))
	await agent.event('talk')
	await other.event('talk')
	c.signal('redis', 'SIGCONT')
	await until('presence knows both again', () => c.redisCli('hget', 'helio:agent:a1', 'state') === 'idle' && c.redisCli('hget', 'helio:agent:a2', 'state') === 'idle', 20000)
	await Promise.all([...callers.map((x) => x.stop()), agent.stop(), other.stop()])
})

test('presence killed and come back empty: everything is written again', async () => {
	const agent = c.agent('a1', plain)
	await agent.idle()
	await c.kill('redis')
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'])
	await agent.event('talk')
	c.redis()
	await until('presence knows a1', () => c.redisCli('hget', 'helio:agent:a1', 'state') === 'idle', 20000)
	await Promise.all([caller.stop(), agent.stop()])
})

test('a gateway killed while an agent talks: the caller goes on hearing, the agent comes back', async () => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '20s', '--tone', '880'])
	await agent.idle()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--listen', '880', '--seconds', '60'])
	await agent.event('talk')
	await caller.event('heard')
	const call = c.calls()[0].call
	await c.kill('manila-g1')
	assert.equal(c.calls()[0].state, 'bridged')
	c.daemon('gateway', 'manila-g1', c.gatewayArgs)
	await c.healthy()
	await agent.event('resumed')
	assert.equal(c.calls()[0].call, call)
	assert.equal(c.calls()[0].state, 'bridged')
	await Promise.all([caller.stop(), agent.stop()])
})
