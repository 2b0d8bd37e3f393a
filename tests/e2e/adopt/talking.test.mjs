// Who was talking when a machine was lost talks again: at the neighbour of the call's node with the same
// agent, whose page does not ring; or with the same agent at another node, when the agent's node was lost.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Bank } from './bank.mjs'

const names = ['a1', 'a2', 'a3', 'a4']
let c, bank
test.before(async () => {
	c = await Cluster.start({ base: 230, machines: true, nodes: 2, agents: names.map((name) => ({ name, site: 'oslo' })) })
	bank = await Bank.open('127.0.230.20')
	await c.reachable()
})
test.after(async () => {
	bank.close()
	await c.stop()
})

const args = ['--site', 'oslo', '--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--duration', '200s']
const talks = (a) => a.events.filter((e) => e.event === 'talk')
const rings = (a) => a.events.filter((e) => e.event === 'ring')
const at = (name) => c.agentsNow().find((x) => x.name === name)
const ready = () => until('each could take over', () => [1, 2].every((k) => c.node(`oslo${k}`).neighbour.hears === 1 && c.node(`oslo${k}`).neighbour.journal))

test('a machine is lost with calls and agents on it: all who talked talk again, with the same agents, in one record each', async (t) => {
	await ready()
	const agents = Object.fromEntries(names.map((name) => [name, c.agent(name, ['--gateway', c.gateway('manila'), ...args])]))
	await Promise.all(names.map((name) => agents[name].idle()))
	const lines = []
	for (let i = 0; i < names.length; i++) lines.push(await bank.dial(c.ip('oslo', 1 + i % 2), 'support', `+47223344${20 + i}`))
	const calls = await until('all talk', () => { const all = c.calls(); return all.length === 4 && all.every((x) => x.state === 'bridged') && all })
	await until('the agents are heard', () => lines.every((l) => l.heardFrom(c.ip('oslo', 1)) + l.heardFrom(c.ip('oslo', 2)) > 25))
	await until('the journal knows', () => [1, 2].every((k) => c.node(`oslo${k}`).unprotected === 0))
	const who = Object.fromEntries(calls.map((x) => [x.call, x.agent]))
	const ringsBefore = names.map((name) => rings(agents[name]).length)
	const owned = calls.filter((x) => x.node === 'oslo1').length, held = names.filter((name) => at(name).node === 'oslo1').length
	const since = performance.now()
	await c.lose('oslo', 1)
	await until('all talk again', () => { const now = c.calls(); return now.length === 4 && now.every((x) => x.state === 'bridged' && x.node === 'oslo2') })
	const took = performance.now() - since
	await until('and are heard', () => { const from = performance.now() - 400; return lines.every((l) => l.heardFrom(c.ip('oslo', 2), from) > 10) })
	const gaps = lines.map((l) => Math.round(l.gap(since - 200, performance.now())))
	t.diagnostic(`${owned} calls and ${held} agents were on the lost machine: all bridged again after ${Math.round(took)} ms; longest silences ${gaps.join(', ')} ms`)
	for (const x of c.calls()) assert.equal(x.agent, who[x.call], 'the same agent')
	assert.deepEqual(names.map((name) => rings(agents[name]).length), ringsBefore, 'no page rang again')
	assert.equal(new Set(c.calls().map((x) => x.agent)).size, 4, 'nobody has two')
	for (const l of lines) { assert.equal(l.ended, ''); l.hangup() }
	await until('they have ended', () => c.calls().length === 0)
	const records = await until('the records', () => { const r = c.records().filter((x) => who[x.call]); return r.length >= 4 && r })
	assert.equal(records.length, 4, 'one each')
	for (const r of records) assert.equal(r.outcome, 'answered', JSON.stringify(r))
	for (const r of records) assert.equal(r.agent, who[r.call])
	await Promise.all(names.map((name) => agents[name].stop()))
	assert.ok(talks(agents.a1).length >= 1)
})
