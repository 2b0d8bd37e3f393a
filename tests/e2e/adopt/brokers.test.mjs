// Two brokers of a site work at once. One is killed under load: matching goes on, nobody is lost or given
// to two agents; its return disturbs nobody either. The same for one that freezes.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, promised, until } from '../lib/cluster.mjs'

const RATE = 10 // callers a second; each talks half a second with one of eight agents
const names = Array.from({ length: 8 }, (_, i) => `a${i + 1}`)
let c, agents
test.before(async () => {
	c = await Cluster.start({
		base: 208, machines: true, nodes: 2, sites: ['oslo', 'manila'],
		agents: names.map((name, i) => ({ name, site: i % 2 ? 'manila' : 'oslo' })),
	})
	await c.reachable()
	agents = names.map((name) => c.agent(name, ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms', '--duration', '300s']))
	await Promise.all(agents.map((a) => a.idle()))
})
test.after(async () => { await c.stop() })

const talks = () => agents.flatMap((a) => a.events.filter((e) => e.event === 'talk').map((e) => ({ ...e, agent: a })))
// The longest time without a new talk between two moments.
function stall(from, to) {
	const at = [from, ...talks().map((e) => e.seen_ms).filter((t) => t > from && t < to).sort((a, b) => a - b), to]
	return Math.max(...at.slice(1).map((t, i) => t - at[i]))
}

async function underLoad(t, what, back) {
	const before = talks().length, records = c.records().length
	const callers = [1, 2].map((node) => c.caller('oslo', 'support', ['--tone', '440', '--calls', `${RATE * 4}`, '--rate', `${RATE / 2}`, '--seconds', '60'], node))
	await until('it flows', () => talks().length > before + RATE)
	const since = performance.now()
	await what()
	await new Promise((r) => setTimeout(r, 3000)) // what is measured is a time without events
	const longest = stall(since, performance.now())
	t.diagnostic(`longest time without a new talk after it: ${Math.round(longest)} ms at ${RATE} calls a second`)
	assert.ok(longest < promised(1000) + 2 * 1000 / RATE, `${longest} ms`)
	await back()
	await Promise.all(callers.map((x) => x.exited))
	await until('the last talk is over', () => c.calls().length === 0)
	const mine = await until('all records', () => { const r = c.records(); return r.length >= records + RATE * 8 && r })
	assert.equal(mine.length, records + RATE * 8, 'one record each')
	assert.equal(new Set(mine.map((r) => r.call)).size, mine.length)
	for (const r of mine) assert.equal(r.outcome, 'answered', JSON.stringify(r))
	const seen = talks().slice(before).map((e) => e.call)
	assert.equal(new Set(seen).size, seen.length, 'nobody talked to two agents')
}

test('one of two brokers killed under load: matching stalls for a second at most, no call is lost', (t) =>
	underLoad(t, () => c.kill('oslo-b1'), async () => { c.daemon('broker', 'oslo-b1') }))

test('one of two brokers frozen under load, and thawed', (t) =>
	underLoad(t, () => c.signal('oslo-b2', 'SIGSTOP'), async () => c.signal('oslo-b2', 'SIGCONT')))
