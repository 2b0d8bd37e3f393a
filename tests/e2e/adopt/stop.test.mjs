// A node that stops in order (systemctl stop) hands who talks and who waits to its neighbour at once:
// nobody has to find out that it is gone. Without a neighbour they hear goodbye.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Traced, bin, until } from '../lib/cluster.mjs'
import { Bank } from './bank.mjs'

const names = ['a1', 'a2', 'a3', 'a4']
let c, bank
test.before(async () => {
	c = new Traced({
		base: 252, machines: true, nodes: 2, agents: names.map((name) => ({ name, site: 'oslo' })),
		queues: { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]', later: 'skills: [lang.nb], wrap_up: 0s' },
	})
	c.prepare()
	await c.up()
	bank = await Bank.open('127.0.252.20')
	await c.reachable()
})
test.after(async () => {
	bank.close()
	await c.stop()
})

const args = ['--site', 'oslo', '--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--duration', '200s']
const logged = (name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what} `))
const rings = (a) => a.events.filter((e) => e.event === 'ring').length
let lines, waiting

test('SIGTERM with calls and agents on it: all go on at the neighbour, in their order, sooner than a death is noticed', async (t) => {
	await until('each could take over', () => [1, 2].every((k) => c.node(`oslo${k}`).neighbour.hears === 1 && c.node(`oslo${k}`).neighbour.journal))
	const agents = names.map((name) => c.agent(name, ['--gateway', c.gateway('manila'), ...args]))
	await Promise.all(agents.map((a) => a.idle()))
	lines = []
	for (let i = 0; i < names.length; i++) lines.push(await bank.dial(c.ip('oslo', 1 + i % 2), 'support', `+47223344${20 + i}`))
	await until('all talk', () => c.calls().filter((x) => x.state === 'bridged').length === 4)
	waiting = []
	const order = []
	for (let i = 0; i < 3; i++) {
		waiting.push(await bank.dial(c.ip('oslo', 1), 'later', `+47223355${20 + i}`))
		order.push(await until('it waits', () => c.calls().find((x) => x.queue === 'later' && !order.includes(x.call))?.call))
	}
	lines.push(...waiting)
	await until('the agents are heard', () => lines.every((l) => l.heardFrom(c.ip('oslo', 1)) + l.heardFrom(c.ip('oslo', 2)) > 25))
	const calls = c.calls(), who = Object.fromEntries(calls.map((x) => [x.call, x.agent]))
	const rang = agents.map(rings), owned = calls.filter((x) => x.node === 'oslo1').length
	assert.ok(owned >= 5)
	const since = performance.now()
	assert.equal((await c.kill('oslo1', 'SIGTERM')).code, 0)
	const stopped = performance.now() - since
	await until('all are at the neighbour', () => c.calls().filter((x) => x.node === 'oslo2').length === 7, 5000)
	const moved = performance.now() - since
	await until('who talked talks again', () => c.calls().filter((x) => x.state === 'bridged').length === 4, 8000)
	await until('and all are heard', () => { const from = performance.now() - 400; return lines.every((l) => l.heardFrom(c.ip('oslo', 2), from) > 10) }, 5000)
	const gaps = lines.map((l) => Math.round(l.gap(since - 200, performance.now())))
	t.diagnostic(`${owned} calls handed over: stopped after ${Math.round(stopped)} ms, all there after ${Math.round(moved)} ms; silences ${gaps.join(', ')} ms`)
	const left = logged('oslo1', 'node.left')[0] ?? ''
	assert.match(left, new RegExp(`to=oslo2 calls=${owned} `), left)
	assert.match(logged('oslo2', 'node.leaves')[0] ?? '', /node=oslo1 /)
	assert.equal(logged('oslo2', 'node.dead').length, 0, 'nothing was detected')
	const { adoptions, adopted } = c.node('oslo2').neighbour
	assert.deepEqual([adoptions, adopted], [0, owned], 'no machine is said to be lost')
	const waited = gaps.slice(4)
	assert.ok(Math.max(...waited) < 550, `who waits hears music again sooner than a death is noticed: ${waited}`)
	for (const l of lines) assert.equal(l.ended, '', 'nobody was hung up on')
	for (const x of c.calls()) assert.equal(x.agent ?? '', who[x.call] ?? '', 'the same agents')
	assert.deepEqual(agents.map(rings), rang, 'no page rang again')
	const again = c.calls().filter((x) => x.queue === 'later').sort((a, b) => b.age_ms - a.age_ms).map((x) => x.call)
	assert.deepEqual(again, order)
	for (const l of lines.slice(0, 4)) l.hangup()
	await until('they have ended', () => c.calls().length === 3)
	const records = await until('their records', () => { const r = c.records().filter((x) => x.queue === 'support'); return r.length >= 4 && r })
	assert.equal(records.length, 4, 'one each')
	for (const r of records) assert.equal(r.outcome, 'answered', JSON.stringify(r))
	await Promise.all(agents.map((a) => a.stop()))
})

test('SIGTERM where no neighbour is left: BYE to each, at once', async () => {
	const since = performance.now()
	assert.equal((await c.kill('oslo2', 'SIGTERM')).code, 0)
	for (const l of waiting) assert.equal(l.ended, 'BYE')
	assert.ok(performance.now() - since < 2000)
	assert.equal(logged('oslo2', 'node.left').length, 0)
})

test('the traces of all that keep every rule, and replay to the same digest', async () => {
	const names = ['oslo1', 'oslo2', 'manila1', 'manila2', 'oslo-b1', 'oslo-b2', 'manila-b1', 'manila-b2']
	for (const n of names.slice(2)) await c.kill(n, 'SIGTERM')
	const sim = (...args) => spawnSync(join(bin, 'helio-sim'), args, { encoding: 'utf8' })
	for (const n of names) {
		const r = sim('--replay', c.trace(n))
		assert.equal(r.status, 0, `${n}: ${r.stdout}${r.stderr}`)
	}
	const r = sim('--history', ...names.map((n) => c.trace(n)))
	assert.equal(r.status, 0, r.stdout + r.stderr)
})
