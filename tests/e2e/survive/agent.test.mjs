// The agent's node dies. The caller hears "one moment", and the same agent has the same call again without
// a ring: at the node that came back, at another node of the site, and where call and agent share a node.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Trunk } from './trunk.mjs'

let c, trunk
test.before(async () => {
	c = await Cluster.start({ base: 197, nodes: 2, journal: true, agents: [{ name: 'o1', site: 'oslo' }, { name: 'm1', site: 'manila' }, { name: 'm2', site: 'manila' }, { name: 'm3', site: 'manila' }, { name: 'm4', site: 'manila' }, { name: 'm5', site: 'manila' }] })
	await c.reachable()
	trunk = await Trunk.open('127.0.197.20')
})
test.after(async () => {
	await trunk.close()
	await c.stop()
})
const standing = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--duration', '300s']
const count = (agent, what) => agent.events.filter((e) => e.event === what).length
const where = (name) => c.agentsNow().find((a) => a.name === name)?.node

async function talk(name, site, node = 1) {
	const agent = c.agent(name, [...standing, '--listen', '650'], site)
	await agent.idle()
	const line = await trunk.dial(c.queueUri('oslo', 'support', node))
	await until('they talk', () => line.tone.length > 20)
	const { call } = await until('the call', () => c.calls().find((x) => x.state === 'bridged'))
	return { agent, line, call }
}
async function done({ agent, line, call }) {
	await line.hangup()
	await agent.stop()
	await until('it has ended', () => c.calls().length === 0)
	assert.equal((await until('its record', () => { const r = c.records().filter((x) => x.call === call); return r.length && r })).length, 1)
}

test("the agent's node is killed and comes back: the same agent, the same call", async (t) => {
	const s = await talk('m1', 'manila')
	const node = where('m1'), killed = performance.now()
	await c.kill(node)
	c.daemon('node', node)
	await until('they talk again', () => s.line.heardAfter(killed + 500))
	t.diagnostic(`killed to talking again ${Math.round(s.line.heardAfter(killed + 500) - killed)} ms`)
	trunk.say(650)
	await s.agent.event('heard')
	trunk.say(440)
	assert.equal(count(s.agent, 'ring'), 1, 'it rang once, before')
	assert.equal(c.calls()[0].call, s.call)
	assert.ok(s.line.heardAfter(killed + 500) - killed < 10000)
	await done(s)
	await c.healthy()
})

test("the agent's node is dead for good: the page signs in at the other one and has the same call", async (t) => {
	const s = await talk('m2', 'manila')
	const node = where('m2'), killed = performance.now()
	await c.kill(node)
	await until('they talk again', () => s.line.heardAfter(killed + 500))
	t.diagnostic(`killed to talking again ${Math.round(s.line.heardAfter(killed + 500) - killed)} ms, at ${where('m2')}`)
	assert.notEqual(where('m2'), node)
	assert.equal(count(s.agent, 'ring'), 1)
	await done(s)
	c.daemon('node', node)
	await c.healthy()
})

// A node that was killed is there again, for everybody.
async function started(node) {
	c.daemon('node', node)
	await c.healthy()
	await c.reachable()
}
async function cleared(s, other, node) {
	await other.hangup()
	await s.agent.stop()
	await until('all has ended', () => c.calls().length === 0)
	await started(node)
}

test('others wait when its page signs in at the other node: its own call comes before theirs', async (t) => {
	const s = await talk('m2', 'manila')
	const other = await trunk.dial(c.queueUri('oslo', 'support'))
	await until('a second caller waits', () => c.calls().some((x) => x.state === 'queued'))
	const node = where('m2'), killed = performance.now()
	await c.kill(node)
	await until('they talk again', () => s.line.heardAfter(killed + 500))
	const again = s.line.heardAfter(killed + 500) - killed
	t.diagnostic(`killed to talking again ${Math.round(again)} ms, at ${where('m2')}`)
	assert.ok(again < 6000, 'not after another call')
	assert.equal(count(s.agent, 'ring'), 1, 'nobody else rang meanwhile')
	assert.equal(c.calls().find((x) => x.state === 'bridged').call, s.call)
	await s.line.hangup()
	await until('then the other', () => count(s.agent, 'ring') === 2)
	await cleared(s, other, node)
})

test('an own call that is over meanwhile keeps its agent from others for some seconds only', async (t) => {
	const s = await talk('m3', 'manila')
	const other = await trunk.dial(c.queueUri('oslo', 'support'))
	await until('a second caller waits', () => c.calls().some((x) => x.state === 'queued'))
	const node = where('m3'), killed = performance.now()
	await c.kill(node)
	await s.line.hangup()
	await until('the other caller rings', () => count(s.agent, 'ring') === 2)
	const took = s.agent.events.filter((e) => e.event === 'ring')[1].seen_ms - killed
	t.diagnostic(`killed to the next ring ${Math.round(took)} ms`)
	assert.ok(took < 8000)
	await cleared(s, other, node)
})

test('from node to node and back: one that was started anew has forgotten how often its agent signed in elsewhere', async (t) => {
	const s = await talk('m5', 'manila')
	for (let i = 0; i < 2; i++) {
		const node = where('m5'), killed = performance.now()
		await c.kill(node)
		await until('they talk again', () => s.line.heardAfter(killed + 500))
		t.diagnostic(`killed to talking again ${Math.round(s.line.heardAfter(killed + 500) - killed)} ms, at ${where('m5')}`)
		assert.notEqual(where('m5'), node)
		assert.equal(count(s.agent, 'ring'), 1, 'nothing rang')
		await started(node)
	}
	await done(s)
})

test('call and agent share the node that dies: both are back', async (t) => {
	const agent = c.agent('o1', [...standing], 'oslo')
	await agent.idle()
	const node = where('o1')
	const line = await trunk.dial(c.queueUri('oslo', 'support', Number(node.slice(-1))))
	await until('they talk', () => line.tone.length > 20)
	const { call } = c.calls().find((x) => x.state === 'bridged')
	await until('it is in the journal', () => c.node(node).unprotected === 0)
	const killed = performance.now()
	await c.kill(node)
	c.daemon('node', node)
	await until('they talk again', () => line.heardAfter(killed + 500))
	t.diagnostic(`killed to talking again ${Math.round(line.heardAfter(killed + 500) - killed)} ms`)
	assert.equal(count(agent, 'ring'), 1)
	await done({ agent, line, call })
	await c.healthy()
})

test('an agent who does not come back: after ten seconds the caller is first in the queue, with the old age', async (t) => {
	const s = await talk('m3', 'manila')
	const other = await trunk.dial(c.queueUri('oslo', 'support'))
	await until('a second caller waits', () => c.calls().some((x) => x.state === 'queued'))
	const node = where('m3'), killed = performance.now()
	s.agent.child.kill('SIGKILL')
	await c.kill(node)
	await until('the caller waits again', () => c.calls().find((x) => x.call === s.call)?.state === 'queued', 20000)
	t.diagnostic(`after ${Math.round(performance.now() - killed)} ms`)
	assert.ok(performance.now() - killed > 9000, 'the same agent first')
	c.daemon('node', node)
	await c.healthy()
	const next = c.agent('m4', standing)
	const ring = await next.event('ring')
	assert.equal(ring.call, s.call, 'before who came later')
	await s.line.hangup()
	await other.hangup()
	await next.stop()
	await until('all has ended', () => c.calls().length === 0)
})
