// Why does it wait, and why did it go to whom? From the configuration to the sentence.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '60s', '--tone', '880']
let c
test.before(async () => {
	c = await Cluster.start({
		base: 72, sites: ['oslo'],
		agents: [{ name: 'a1', skills: ['lang.en'] }, { name: 'a2', skills: ['lang.nb'] }],
		queues: {
			norsk: 'skills: [lang.nb], wrap_up: 0s, ring_timeout: 5s, strategy: fewest_calls',
			later: 'skills: {lang.nb: 3, lang.en: 2}, relax: [{after: 2s, skills: {lang.nb: 0}}], wrap_up: 0s, ring_timeout: 5s',
		},
	})
})
test.after(async () => { await c?.stop() })

const why = (call) => c.ctl('why', call).lines.join('\n')
async function waiting(queue) {
	const caller = c.caller('oslo', queue, ['--tone', '440', '--seconds', '30'])
	await caller.event('answered')
	const call = await until('the call is there', () => c.calls().find((x) => x.queue === queue)?.call)
	return { caller, call }
}

test('nobody is idle, then nobody is able, then who answered and why', async () => {
	const { caller, call } = await waiting('norsk')
	await until('nobody is idle', () => /no agent is idle here/.test(why(call)))
	const a1 = c.agent('a1', plain)
	await a1.idle()
	await until('the skill is named', () => /none of the 1 idle agent here is able: missing lang\.nb/.test(why(call)))
	const a2 = c.agent('a2', plain)
	await a2.event('talk')
	await until('the story is told', () => /a2 answered/.test(why(call)))
	assert.match(why(call), /offered to a2 at oslo1: of those able with the fewest calls/)
	await Promise.all([caller.stop(), a1.stop(), a2.stop()])
})

test('less is asked for after a while, and the story says so', async () => {
	const a1 = c.agent('a1', plain)
	await a1.idle()
	const { caller, call } = await waiting('later')
	assert.match(why(call), /in [0-9.]+ s the queue asks for less/)
	await a1.event('talk')
	await until('the story is told', () => /relaxed what it asks for 1 time/.test(why(call)))
	await Promise.all([caller.stop(), a1.stop()])
})

test('a call that nobody knows is said to be unknown', () => {
	const r = c.ctl('why', 'oslo1-1-fffff')
	assert.equal(r.lines.length, 0)
})
