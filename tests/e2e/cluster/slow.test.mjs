// A slow node is not a dead node: pages ride out a node that is held up for some seconds, new ones
// go elsewhere meanwhile, and the pages of a node that is killed are elsewhere soon.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Cluster, Lines, bin, password, promised, until } from '../lib/cluster.mjs'

const pages = 60
let c, l
test.before(async () => {
	c = await Cluster.start({
		// The cheapest: it is not passwords that are tested, and many sign in.
		passwordHash: spawnSync(join(bin, 'bench_floor'), ['hash', password], { encoding: 'utf8' }).stdout.split('\n')[0],
		sites: ['oslo'], nodes: 2, base: 180, gatewayArgs: ['--limit', 'per-address=200'],
		agents: Array.from({ length: 2 * pages }, (_, i) => ({ name: `s${i + 1}` })),
	})
	await c.reachable()
	l = signIn(1, pages)
	await until('all are signed in', () => ins(l) === pages && held('oslo1') + held('oslo2') === pages, 30000)
})
test.after(async () => { await c.stop() })

const signIn = (first, n) => {
	const l = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('oslo'), '--agents', String(n), '--first', String(first), '--name-pattern', 's%d',
		'--password-file', join(c.dir, 'password'), '--ramp', '100', '--audio', 'none', '--rest', '--duration', '120s', '--json'])
	c.lines.push(l)
	return l
}
const held = (name) => c.node(name)?.sessions ?? -1
const of = (l, what) => l.events.filter((e) => e.event === what)
const ins = (l) => of(l, 'signed_in').length + of(l, 'resumed').length
const gateway = () => c.node('oslo-g1')

test('pages of a node that is stopped for four seconds stay, and say everything again to the same node', async () => {
	const here = held('oslo1'), before = ins(l)
	assert.ok(here > 0 && here < pages, `${here} at oslo1`)
	const frames = gateway().counters.frames_to_browser
	c.signal('oslo1', 'SIGSTOP')
	const stopped = performance.now()
	try {
		// They ping every 5 s: most of its pages speak into this silence.
		await until('the gateway sends nobody there', () => !gateway().nodes.find((n) => n.name === 'oslo1').live)
		const late = signIn(pages + 1, 5)
		await until('new pages are signed in elsewhere', () => ins(late) === 5)
		await until('it has been four seconds', () => performance.now() - stopped >= 4000)
		assert.equal(of(l, 'down').length, 0, 'nobody has lost the link')
		await late.stop()
	} finally {
		c.signal('oslo1', 'SIGCONT')
	}
	await until('the gateway sends pages there again', () => gateway().nodes.find((n) => n.name === 'oslo1').live)
	// A round of pings: every page has spoken, and was understood.
	await until('all have spoken since', () => gateway().counters.frames_to_browser - frames >= 2 * pages)
	assert.equal(of(l, 'down').length, 0, JSON.stringify(of(l, 'down').slice(0, 3)))
	assert.equal(ins(l), before, 'nobody has signed in again')
	assert.equal(held('oslo1'), here)
	assert.equal(gateway().counters.node_lost, 0)
})

test('pages of a node that is killed have their session elsewhere within five seconds', async () => {
	await until('those of before are gone', () => held('oslo1') + held('oslo2') === pages, 30000)
	const there = held('oslo1'), downs = of(l, 'down').length
	const killed = performance.now()
	await c.kill('oslo1')
	await until('all are at the other node', () => held('oslo2') === pages)
	const took = performance.now() - killed
	assert.ok(took < promised(5000), `${Math.round(took)} ms`)
	assert.equal(of(l, 'down').length - downs, there, 'and only those of the dead one have moved')
})
