// A machine is gone: node, Redis and broker killed at once. Its neighbour takes its callers over.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, promised, until } from '../lib/cluster.mjs'

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms']
const logged = (c, name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what}`))
const field = (line, name) => new RegExp(` ${name}=(\\S+)`).exec(line)?.[1]

async function waiting(c, n) {
	const callers = [], order = []
	for (let i = 0; i < n; i++) {
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '90'])
		callers.push(caller)
		await caller.event('answered')
		order.push(await until('the caller waits', () => c.calls().map((x) => x.call).find((x) => !order.includes(x))))
	}
	return { callers, order }
}

let c
test.before(async () => {
	c = await Cluster.start({ base: 200, machines: true, nodes: 2, agents: [{ name: 'a1', site: 'manila' }, { name: 'a2', site: 'manila' }] })
})
test.after(async () => { await c.stop() })

test('waiting callers are taken over by the neighbour, in their order, and answered in it', async (t) => {
	const { callers, order } = await waiting(c, 5)
	await until('its neighbour has its journal', () => c.node('oslo1').neighbour.journal)
	const began = Date.now()
	await c.lose('oslo', 1)
	await until('all five are at the neighbour', () => logged(c, 'oslo2', 'call.returned').length === 5)
	const line = await until('it is done', () => logged(c, 'oslo2', 'node.adopted')[0])
	t.diagnostic(`gone to taken over: ${Date.now() - began} ms; ${line}`)
	assert.ok(Number(field(line, 'detect_ms')) < promised(1000), line)
	assert.ok(Number(field(line, 'adopt_ms')) < promised(1000), line)
	assert.deepEqual(c.calls().map((x) => x.call).sort(), [...order].sort())
	const agent = c.agent('a1', plain)
	await until('all are answered', () => agent.events.filter((e) => e.event === 'talk').length === 5)
	assert.deepEqual(agent.events.filter((e) => e.event === 'talk').map((e) => e.call), order)
	for (const caller of callers) assert.equal((await caller.event('ended')).by, 'far', 'our BYE ended it')
	await agent.stop()
	const records = await until('all five records', () => {
		const mine = c.records().filter((r) => order.includes(r.call))
		return mine.length >= 5 && mine
	})
	assert.equal(records.length, 5, 'one record each')
	for (const r of records) assert.equal(r.outcome, 'answered')
})

test('the machine comes back, with nothing and asking for nothing; then the other one dies', async () => {
	c.redis('oslo1-redis', c.ip('oslo', 1), 6401)
	c.daemon('broker', 'oslo-b1')
	c.daemon('node', 'oslo1')
	await c.healthy()
	assert.equal(logged(c, 'oslo1', 'call.returned').length, 0)
	await until('it is ready to take over', () => c.node('oslo2').neighbour.journal && c.node('oslo1').neighbour.hears === 1)
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'], 2)
	await caller.event('answered')
	const { call } = await until('it waits', () => c.calls()[0])
	await c.lose('oslo', 2)
	await until('the first one has it now', () => logged(c, 'oslo1', 'call.returned').some((l) => l.includes(call)))
	const agent = c.agent('a1', plain)
	await agent.event('talk')
	await caller.event('ended')
	await agent.stop()
})
