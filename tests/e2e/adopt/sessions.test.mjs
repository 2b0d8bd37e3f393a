// The agents of a node that died come back by their ticket at another node: at their own site, or at
// another one when all of theirs is gone. Who was free is free again without a click.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, promised, until } from '../lib/cluster.mjs'

let c
const names = ['a1', 'a2', 'a3', 'a4']
test.before(async () => {
	c = await Cluster.start({ base: 206, machines: true, nodes: 2, agents: names.map((name) => ({ name, site: 'oslo' })) })
	await c.reachable()
})
test.after(async () => { await c.stop() })

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '120s']
const logged = (name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what}`))
// The tool tries the gateways that it is told of in turn, as a page does.
const agent = (name) => c.agent(name, ['--gateway', c.gateway('manila'), '--site', 'oslo', ...plain])
const back = (a, since) => a.events.find((e) => e.event === 'resumed' && e.seen_ms > since)

test('a node dies: its agents are free at its neighbour within a second of its being found dead', async (t) => {
	const agents = names.map(agent)
	await Promise.all(agents.map((a) => a.idle()))
	const lost = agents.filter((_, i) => c.agentsNow().find((x) => x.name === names[i]).node === 'oslo1')
	assert.ok(lost.length > 0)
	const since = performance.now()
	await c.lose('oslo', 1)
	await until('they are back', () => lost.every((a) => back(a, since)))
	const took = Math.max(...lost.map((a) => back(a, since).seen_ms - since))
	t.diagnostic(`killed to resumed at oslo2, the slowest of ${lost.length}: ${Math.round(took)} ms`)
	assert.ok(took < promised(1600), `${took} ms: 0.6 s until it is dead, one more`)
	await until('all are free', () => c.agentsNow().filter((x) => x.node === 'oslo2' && x.state === 'idle').length === names.length)
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'], 2)
	await until('one of them answers', () => c.calls()[0]?.state === 'bridged')
	await caller.stop()
	await Promise.all(agents.map((a) => a.stop()))
})

test('a whole site dies: its agents are free at another site', async (t) => {
	c.redis('oslo1-redis', c.ip('oslo', 1), 6401)
	c.daemon('broker', 'oslo-b1')
	c.daemon('node', 'oslo1')
	await c.healthy()
	const agents = names.map(agent)
	await Promise.all(agents.map((a) => a.idle()))
	const since = performance.now()
	c.signal('oslo-g1', 'SIGKILL')
	await Promise.all([c.lose('oslo', 1), c.lose('oslo', 2), c.kill('oslo-g1')])
	await until('they are back', () => agents.every((a) => back(a, since)))
	t.diagnostic(`site killed to resumed in Manila, the slowest: ${Math.round(Math.max(...agents.map((a) => back(a, since).seen_ms - since)))} ms`)
	await until('all are free', () => c.agentsNow().filter((x) => x.site === 'manila' && x.state === 'idle').length === names.length)
	const caller = c.caller('manila', 'support', ['--tone', '440', '--seconds', '20'], 1)
	await until('one of them answers', () => c.calls()[0]?.state === 'bridged')
	await caller.stop()
	await Promise.all(agents.map((a) => a.stop()))
	assert.equal(logged('manila1', 'node.dead').length + logged('manila2', 'node.dead').length, 0, 'nobody adopts across sites')
})
