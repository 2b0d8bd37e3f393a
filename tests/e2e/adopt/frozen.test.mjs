// A node that is frozen for long is taken for dead, and when it thaws it says nothing: not one packet of
// sound or SIP for the calls that its neighbour has. One that is merely slow is left alone.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Bank } from './bank.mjs'

const logged = (c, name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what}`))
// A time that passes is the stimulus itself here, or the proof that nothing comes in it; all else is waited for.
const during = (ms) => new Promise((r) => setTimeout(r, ms))

let c, bank
test.before(async () => {
	c = await Cluster.start({ base: 202, machines: true, nodes: 2 })
	bank = await Bank.open('127.0.202.20')
})
test.after(async () => {
	bank.close()
	await c.stop()
})

test('slow is not dead: stopped for 300 ms again and again, it keeps its calls', async (t) => {
	const line = await bank.dial(c.ip('oslo', 1), 'support')
	for (let i = 0; i < 8; i++) {
		c.signal('oslo1', 'SIGSTOP')
		await during(300)
		const woken = performance.now()
		c.signal('oslo1', 'SIGCONT')
		await until('it plays again', () => line.heardFrom(c.ip('oslo', 1), woken) > 10)
	}
	assert.equal(logged(c, 'oslo2', 'node.dead').length, 0)
	assert.equal(c.calls()[0].node, 'oslo1')
	const from = performance.now()
	await until('music goes on', () => line.heardFrom(c.ip('oslo', 1), from) > 20)
	assert.equal(line.moves, 0)
	t.diagnostic(`leases that ran out meanwhile: ${logged(c, 'oslo1', 'lease.over').length}`)
	line.hangup()
	await until('it has ended', () => c.calls().length === 0)
})

test('frozen, taken over, thawed: nothing comes from the old node', async (t) => {
	const lines = []
	for (let i = 0; i < 20; i++) lines.push(await bank.dial(c.ip('oslo', 1), 'support', `+47223344${10 + i}`))
	await until('music is heard on all lines', () => lines.every((l) => l.heardFrom(c.ip('oslo', 1)) > 10))
	await until('they are in the journal', () => c.node('oslo1').unprotected === 0)
	const frozen = performance.now()
	c.signal('oslo1', 'SIGSTOP')
	await until('all have moved', () => lines.every((l) => l.moves > 0))
	await until('music comes from the neighbour', () => lines.every((l) => l.heardFrom(c.ip('oslo', 2)) > 5))
	t.diagnostic(`frozen to last re-INVITE: ${Math.round(Math.max(...lines.map((l) => l.movedAt)) - frozen)} ms, longest silence ${Math.round(Math.max(...lines.map((l) => l.gap(frozen - 500, performance.now()))))} ms`)
	await during(1000) // it wakes much later
	const thawed = performance.now()
	c.signal('oslo1', 'SIGCONT')
	await until('it has asked', () => logged(c, 'oslo1', 'lease.again').length > 0)
	await during(1500) // the proof of silence: a zombie would play 75 packets a line in it
	const rtp = lines.reduce((n, l) => n + l.heardFrom(c.ip('oslo', 1), thawed), 0)
	const sip = lines.reduce((n, l) => n + l.requests.filter((r) => r.at > thawed && r.from.address === c.ip('oslo', 1)).length, 0)
	t.diagnostic(`packets of the zombie: RTP ${rtp}, SIP ${sip}; ${logged(c, 'oslo1', 'lease.again')[0]}`)
	assert.equal(rtp, 0, 'not one packet of sound')
	assert.equal(sip, 0, 'not one request')
	assert.equal(c.node('oslo1').calls, 0, 'it has let go of all')
	assert.equal(c.calls().filter((x) => x.node === 'oslo2').length, 20)
	for (const l of lines) assert.equal(l.ended, '')
	for (const l of lines) l.hangup()
	await until('they have ended', () => c.calls().length === 0)
	const records = await until('their records', () => {
		const all = c.records().filter((r) => r.site === 'oslo')
		return all.length >= 21 && all
	})
	assert.equal(records.length, 21, 'one each, none of them twice')
})

test('and the old node takes new calls again', async () => {
	const line = await bank.dial(c.ip('oslo', 1), 'support')
	await until('its music', () => line.heardFrom(c.ip('oslo', 1)) > 10)
	line.hangup()
})

test('frozen, taken over, and asked to stop as it thaws: it leaves without a word, the neighbour keeps the call', async () => {
	const line = await bank.dial(c.ip('oslo', 1), 'support')
	await until('its music', () => line.heardFrom(c.ip('oslo', 1)) > 10)
	await until('it is in the journal', () => c.node('oslo1').unprotected === 0)
	c.signal('oslo1', 'SIGSTOP')
	await until('music comes from the neighbour', () => line.moves > 0 && line.heardFrom(c.ip('oslo', 2)) > 5)
	const ended = c.kill('oslo1', 'SIGTERM'), thawed = performance.now()
	c.signal('oslo1', 'SIGCONT')
	assert.equal((await ended).code, 0)
	assert.equal(logged(c, 'oslo1', 'node.left to=oslo2').length, 1)
	const after = performance.now()
	await until('music goes on', () => line.heardFrom(c.ip('oslo', 2), after) > 20)
	assert.equal(line.heardFrom(c.ip('oslo', 1), thawed), 0, 'not one packet of sound')
	assert.equal(line.requests.filter((r) => r.at > thawed && r.from.address === c.ip('oslo', 1)).length, 0, 'not one request')
	assert.equal(line.ended, '')
	line.hangup()
})
