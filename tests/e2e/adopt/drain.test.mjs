// Drain: a node, then a whole site, is emptied without a caller or an agent losing anything.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Cluster, bin, promised, until } from '../lib/cluster.mjs'

let c
const names = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']
test.before(async () => {
	c = await Cluster.start({ base: 204, machines: true, nodes: 2, agents: names.map((name) => ({ name, site: 'oslo' })) })
	await c.reachable()
})
test.after(async () => { await c.stop() })

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '120s']
const at = (node) => c.agentsNow().filter((a) => a.node === node)
const drain = (...args) => c.must('helioctl', ['drain', ...args, '--config', c.config])

test('a node is drained: idle agents are free at the other one within seconds, who talks goes on and follows after', async () => {
	const agents = names.map((name) => c.agent(name, plain))
	await Promise.all(agents.map((a) => a.idle()))
	const here = at('oslo1'), there = at('oslo2')
	assert.ok(here.length >= 2 && there.length >= 1, 'spread over both')
	// One of its agents talks.
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'])
	const talking = await until('somebody talks', () => c.agentsNow().find((a) => a.state === 'talking'))
	const from = talking.node, to = from === 'oslo1' ? 'oslo2' : 'oslo1'
	const began = Date.now()
	drain(from)
	await until('only who talks is left', () => at(from).length === 1 && at(to).filter((a) => a.state === 'idle').length === names.length - 1)
	assert.ok(Date.now() - began < promised(6000), `${Date.now() - began} ms`)
	assert.equal(at(from)[0].name, talking.name)
	assert.equal(c.calls()[0].state, 'bridged', 'the call went on')
	const wait = spawn(join(bin, 'helioctl'), ['drain', from, '--wait', '30s', '--config', c.config])
	const said = []
	wait.stdout.setEncoding('utf8').on('data', (text) => said.push(text))
	await once(wait.stdout, 'data') // how far it is
	await caller.stop()
	await once(wait, 'close')
	assert.match(said[0], /, 1 agents talking,/)
	assert.match(said.join(''), /is empty and may be stopped/)
	await until('all are at the other node', () => at(to).filter((a) => a.state === 'idle').length === names.length)
	c.must('helioctl', ['undrain', from, '--config', c.config])
	assert.equal(c.node(from).draining, false)
	await Promise.all(agents.map((a) => a.stop()))
	assert.equal(agents.filter((a) => a.events.some((e) => e.event === 'taken_over')).length, 0, 'nobody was told to stop')
	for (const r of c.records()) assert.equal(r.outcome, 'answered')
})

test('a site is drained: its agents serve on from another site', async () => {
	const agents = names.slice(0, 3).map((name) => c.agent(name, plain))
	await Promise.all(agents.map((a) => a.idle()))
	drain('oslo', '--wait', '20s')
	await until('all are in Manila', () => at('manila1').concat(at('manila2')).filter((a) => a.state === 'idle').length === 3)
	const caller = c.caller('manila', 'support', ['--tone', '440', '--seconds', '20'])
	await until('one of them answers', () => c.calls()[0]?.state === 'bridged')
	await caller.stop()
	c.must('helioctl', ['undrain', 'oslo', '--config', c.config])
	await Promise.all(agents.map((a) => a.stop()))
})
