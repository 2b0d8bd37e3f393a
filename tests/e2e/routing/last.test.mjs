// The same agent as last time: known at every node of a site, after the restart of one (its neighbour
// tells it) and of all (their records do), and forgotten after the limit.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster, until } from '../lib/cluster.mjs'

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '150s']
const common = 'skills: [lang.en], wrap_up: 0s, ring_timeout: 20s'
const customer = '+4799000001', other = '+4799000002', missed = '+4799000004'
let c
before(async () => {
	c = await Cluster.start({
		base: 46, sites: ['oslo'], nodes: 2, agents: [{ name: 'o1' }, { name: 'o2' }],
		queues: {
			known: `${common}, same_agent_within: 1h, route: [{who: any, ask: [{to: last, for: 5s}]}]`,
			brief: `${common}, same_agent_within: 2s, route: [{who: any, ask: [{to: last, for: 5s}]}]`,
		},
	})
})
after(async () => { await c?.stop() })

const routes = (node) => [...c.log(`oslo${node}`).matchAll(/event=call\.route .*/g)].map((m) => m[0])
async function signedIn(...names) {
	const agents = []
	for (const name of names) { // in this order: who came first has been idle for longest
		agents.push(c.agent(name, plain))
		await agents.at(-1).idle()
	}
	await until('both are seen idle', () => c.agentsNow().filter((a) => a.state === 'idle').length === names.length)
	return agents
}
// A call that asks for `last`, and is answered by agent.
async function talk(agent, queue, from, node, last) {
	const before = agent.events.filter((e) => e.event === 'talk').length
	const known = routes(node).length
	const caller = c.caller('oslo', queue, ['--tone', '440', '--seconds', '60', '--from', from], node)
	await until('its way is chosen', () => routes(node).length > known)
	assert.match(routes(node).at(-1), last === 'nobody' ? /last:\(nobody\)/ : new RegExp(`ask="last:${last}"$`))
	await until('they talk', () => agent.events.filter((e) => e.event === 'talk').length > before)
	await caller.stop()
}

test('who calls again at the other node of the site meets the same agent', async () => {
	const [o1] = await signedIn('o1')
	await talk(o1, 'known', customer, 1, 'nobody')
	await o1.stop()
	const agents = await signedIn('o2', 'o1')
	await talk(agents[1], 'known', customer, 2, 'o1')
	await talk(agents[0], 'known', other, 2, 'nobody') // nobody's yet: who has been idle for longest
	await Promise.all(agents.map((a) => a.stop()))
})

test('a node that was killed is told by its neighbour', async () => {
	await c.kill('oslo2', 'SIGKILL')
	const [o2] = await signedIn('o2')
	await talk(o2, 'known', missed, 1, 'nobody') // nothing of it is in oslo2's records
	await o2.stop()
	c.daemon('node', 'oslo2')
	await c.healthy()
	const agents = await signedIn('o1', 'o2')
	await until('it has been told', () => /event=last\.told peer=oslo2 talks=[1-9]/.test(c.log('oslo1')))
	await talk(agents[1], 'known', missed, 2, 'o2')
	await Promise.all(agents.map((a) => a.stop()))
})

test('the whole site stopped and started: its records know', async () => {
	await c.kill('oslo1', 'SIGTERM')
	await c.kill('oslo2', 'SIGTERM')
	c.daemon('node', 'oslo1')
	c.daemon('node', 'oslo2')
	await c.healthy()
	const agents = await signedIn('o1', 'o2')
	await talk(agents[1], 'known', missed, 2, 'o2') // it was this node's call
	await Promise.all(agents.map((a) => a.stop()))
})

test('a talk longer ago than same_agent_within does not count', async () => {
	const [o1] = await signedIn('o1')
	await talk(o1, 'brief', '+4799000003', 1, 'nobody')
	await talk(o1, 'brief', '+4799000003', 1, 'o1')
	const at = Date.now()
	await until('two seconds have passed', () => Date.now() > at + 2100)
	await talk(o1, 'brief', '+4799000003', 1, 'nobody')
	await o1.stop()
})
