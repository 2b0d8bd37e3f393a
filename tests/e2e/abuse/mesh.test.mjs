// Strangers, impostors, rubbish and the past on the mesh of a running node and a running broker: all of it
// is dropped and counted, and calls go on.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Cluster, until, bin } from '../lib/cluster.mjs'

let c
const targets = [['oslo1', 7101], ['oslo-b1', 7001]]
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo', 'manila'], base: 236, agents: [{ name: 'a1', site: 'manila' }] })
})
test.after(async () => { await c?.stop() })

const address = (site, ordinal) => (c.sites.indexOf(site) + 1) * 256 + ordinal
const say = (as, [to, port], from, boot, what) => spawnSync(join(bin, 'mesh_stranger'), [join(c.dir, 'keys'), as, to, `${c.ip('oslo')}:${port}`, String(from), String(boot), what], { encoding: 'utf8', timeout: 20000 }).status
// Counters of the mesh, by the same names for both roles.
const counters = (name) => {
	const { mesh, shield = {} } = c.node(name).counters
	return { refused: shield.mesh_refused, ...mesh }
}
const rises = (name, what, before, n = 1) => until(`${what} of ${name} rises`, () => counters(name)[what] >= before[what] + n)
const goodCall = async () => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '200ms'])
	await agent.idle()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'])
	await agent.event('talk')
	await caller.stop()
	await agent.stop()
}

for (const target of targets) {
	const name = target[0]
	test(`${name}: a key that nobody knows is refused`, async () => {
		const before = counters(name)
		assert.equal(say('-', target, address('oslo', 64), 1, 'ping'), 3)
		await rises(name, 'refused', before)
		assert.equal(counters(name).bad_sender, before.bad_sender)
	})
	test(`${name}: garbage of one who has a key is dropped`, async () => {
		const before = counters(name)
		// The other site's gateway: some of the rubbish is a life of it that has not been yet.
		assert.equal(say('manila-g1', target, address('manila', 96), 1, 'garbage'), 0)
		await rises(name, 'bad_decode', before, 10)
	})
	test(`${name}: a site that speaks for another, and a daemon for its neighbour, are not heard`, async () => {
		const before = counters(name)
		assert.equal(say('manila-b1', target, address('oslo', 1), 100, 'acd'), 0)
		assert.equal(say('manila1', target, address('manila', 64), 100, 'claims'), 0)
		await rises(name, 'bad_sender', before, 100)
	})
}

test('an older life of a daemon is not heard', async () => {
	for (const target of targets) {
		const as = (boot) => say('manila-g1', target, address('manila', 96), boot, 'ping')
		const before = counters(target[0])
		assert.equal(as(100001), 0)
		await rises(target[0], 'received', before, 50)
		assert.equal(counters(target[0]).stale_boot, before.stale_boot)
		assert.equal(as(100000), 0)
		await rises(target[0], 'stale_boot', before, 50)
	}
	await until('the broker says who, and what to do', () => /event=mesh.older_life peer=manila-g1 .*remedy=/.test(c.log('oslo-b1')))
})

test('what a true key says about calls and sessions that are not there moves nothing', async () => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '200ms'])
	await agent.idle()
	for (const target of targets)
		for (const what of ['acd', 'claims', 'ping']) assert.equal(say('manila1', target, address('manila', 1), 1, what), 0)
	assert.equal(c.agentsNow().filter((a) => a.state === 'idle').length, 1)
	assert.equal(c.calls().length, 0)
	await agent.stop()
})

test('a gateway notes nothing in a record: only nodes say what agents wrote', async () => {
	await goodCall()
	await goodCall()
	const calls = await until('both calls have a record', () => {
		const found = c.records().filter((r) => r.node === 'oslo1')
		return found.length >= 2 && found.map((r) => r.call)
	})
	const number = (call) => {
		const [boot, seq] = call.split('-').slice(-2).map((x) => BigInt(`0x${x}`))
		return (BigInt(address('oslo', 1)) << 48n) | (boot << 28n) | seq
	}
	const before = counters('oslo1').received
	assert.equal(say('manila-g1', targets[0], address('manila', 96), 100002, `wrap=${number(calls[0])}`), 0)
	await until('the node has heard the gateway', () => counters('oslo1').received >= before + 50)
	assert.equal(say('manila1', targets[0], address('manila', 1), 1, `wrap=${number(calls[1])}`), 0)
	const disposition = (call) => c.records().find((r) => r.call === call).disposition
	await until('what a node said is noted', () => disposition(calls[1]) === 'written')
	assert.equal(disposition(calls[0]), '')
})

test('and calls between the sites go on', goodCall)
