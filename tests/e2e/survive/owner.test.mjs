// The node that owns the calls is killed with -9 and started again: who talked talks on, without a ring,
// who waited keeps the exact place, and each call has one record.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, promised, until } from '../lib/cluster.mjs'
import { Trunk } from './trunk.mjs'

const TALK = 20, WAIT = 20
const names = Array.from({ length: TALK }, (_, i) => `a${i + 1}`)
let c, trunk
test.before(async () => {
	c = await Cluster.start({ base: 195, journal: true, agents: names.map((name) => ({ name, site: 'manila' })) })
	trunk = await Trunk.open('127.0.195.20')
})
test.after(async () => {
	await trunk.close()
	await c.stop()
})
const logged = (name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what} `))

test(`kill -9 with ${TALK} talking and ${WAIT} waiting`, async (t) => {
	const agents = names.map((name) => c.agent(name, ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--listen', '650', '--duration', '300s']))
	await Promise.all(agents.map((a) => a.idle()))
	const lines = [], order = []
	for (let i = 0; i < TALK + WAIT; i++) {
		const line = await trunk.dial(c.queueUri('oslo', 'support'), `+47223300${10 + i}`)
		line.call = await until('the call is seen', () => c.calls().map((x) => x.call).find((x) => !order.includes(x)))
		lines.push(line)
		order.push(line.call)
		if (i < TALK) await until('it talks', () => c.calls().find((x) => x.call === line.call)?.state === 'bridged')
	}
	const talking = lines.slice(0, TALK), waiting = lines.slice(TALK)
	await until('all talking lines hear their agents', () => talking.every((l) => l.tone.length > 50))
	await until('all are in the journal', () => c.node('oslo1').unprotected === 0)
	const rings = agents.map((a) => a.events.filter((e) => e.event === 'ring').length)
	const partner = Object.fromEntries(c.agentsNow().map((a) => [a.name, a.call]))

	const killed = performance.now()
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	await until('all talk again', () => talking.every((l) => l.heardAfter(killed + 200))).catch((e) => {
		const deaf = talking.filter((l) => !l.heardAfter(killed + 200))
		throw new Error(`${e.message}: not ${deaf.map((l) => `${l.call} ended=${l.ended} packets=${l.packets} tone=${l.tone.length} ${JSON.stringify([...l.streams])}`).join('; ')}`)
	})
	const back = talking.map((l) => l.heardAfter(killed + 200) - killed).sort((a, b) => a - b)
	const up = logged('oslo1', 'node.up').length
	t.diagnostic(`killed to talking again: first ${Math.round(back[0])} ms, last ${Math.round(back.at(-1))} ms; boots ${up}`)
	assert.ok(back.at(-1) < promised(2000), `${back.at(-1)} ms`)

	// Both ways: the callers now say something else, and their agents hear it.
	trunk.say(650)
	await Promise.all(agents.map((a) => a.event('heard', 20000, (e) => e.ok !== false)))
	const gap = Math.max(...talking.map((l) => l.gap(killed - 200)))
	t.diagnostic(`longest silence on a trunk line ${Math.round(gap)} ms`)
	// Nobody was rung, nobody has two calls, each has the one he had.
	agents.forEach((a, i) => assert.equal(a.events.filter((e) => e.event === 'ring').length, rings[i], 'no ring'))
	assert.equal(agents.filter((a) => a.events.some((e) => e.event === 'end')).length, 0, 'no end')
	for (const a of c.agentsNow()) assert.equal(a.call, partner[a.name], `${a.name} has the same call`)
	const states = Object.fromEntries(c.calls().map((x) => [x.call, x.state]))
	for (const l of talking) assert.equal(states[l.call], 'bridged')
	for (const l of waiting) assert.equal(states[l.call], 'queued')
	// One stream a line, its numbers never go back.
	for (const l of lines) {
		assert.equal(l.streams.size, 1, 'the same SSRC')
		assert.equal([...l.streams.values()][0].back, 0, 'numbers only grow')
	}
	// The place: as agents become free one by one, the callers come in their order.
	for (let i = 0; i < WAIT; i++) {
		await talking[i % TALK].hangup()
		const next = await until('the next one rings', () => c.calls().find((x) => waiting.slice(i).some((l) => l.call === x.call) && x.state === 'bridged'))
		assert.equal(next.call, waiting[i].call, `place ${i + 1}`)
	}
	await Promise.all(lines.map((l) => l.hangup()))
	await Promise.all(agents.map((a) => a.stop()))
	const records = await until('all records', () => {
		const mine = c.records().filter((r) => order.includes(r.call))
		return mine.length >= order.length && mine
	})
	assert.equal(records.length, order.length, 'one each')
	for (const r of records) assert.equal(r.outcome, 'answered')
})

test('killed again and again, the same talk goes on', async (t) => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--duration', '120s'])
	await agent.idle()
	const line = await trunk.dial(c.queueUri('oslo', 'support'))
	await until('it talks', () => line.tone.length > 20)
	const gaps = []
	for (let i = 0; i < 3; i++) {
		await until('it is in the journal', () => c.node('oslo1')?.unprotected === 0)
		const at = performance.now()
		await c.kill('oslo1')
		c.daemon('node', 'oslo1')
		await until('it talks again', () => line.heardAfter(at + 200))
		gaps.push(Math.round(line.heardAfter(at + 200) - at))
		await until('the journal knows', () => c.calls()[0]?.state === 'bridged')
	}
	t.diagnostic(`gaps ${gaps.join(', ')} ms`)
	assert.equal(agent.events.filter((e) => e.event === 'ring').length, 1)
	await line.hangup()
	await agent.stop()
	await until('it has ended', () => c.calls().length === 0)
})

test('the agent hangs up while the node is dead: the call is over, and not put back into the queue', async () => {
	const agent = c.agent('a2', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '3s', '--tone', '880', '--duration', '120s'])
	await agent.idle()
	const line = await trunk.dial(c.queueUri('oslo', 'support'))
	await until('it talks', () => line.tone.length > 20)
	const { call } = c.calls()[0]
	await until('it is in the journal', () => c.node('oslo1').unprotected === 0)
	await c.kill('oslo1')
	await agent.event('end')
	c.daemon('node', 'oslo1')
	const record = await until('its record', () => c.healthy().then(() => c.records().find((r) => r.call === call)))
	assert.equal(record.outcome, 'answered')
	assert.equal(c.calls().length, 0)
	await until('the caller was told', () => line.ended === 'BYE')
	await agent.stop()
	assert.equal(agent.events.filter((e) => e.event === 'ring').length, 1)
})

test('a call that cannot come back, for its ACK was never heard: one record, and the caller gets a BYE', async () => {
	const line = await trunk.dial(c.queueUri('oslo', 'support'), undefined, { mute: true })
	const call = await until('the call is seen', () => c.calls()[0]?.call)
	await until('it is in the journal', () => c.node('oslo1').unprotected === 0)
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	await until('the caller was told', () => line.ended === 'BYE')
	assert.ok(line.lastCseq > 64 << 20, `of the new epoch: CSeq ${line.lastCseq}`)
	const record = await until('its record', () => c.healthy().then(() => c.records().find((r) => r.call === call)))
	assert.equal(record.outcome, 'failed')
	assert.equal(c.calls().length, 0)
})
