// What a real node and a real broker lived through, once more in the simulator: the same digest.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Traced, bin } from '../lib/cluster.mjs'

const replay = (...args) => {
	const r = spawnSync(join(bin, 'helio-sim'), ['--replay', ...args], { encoding: 'utf8' })
	return { code: r.status, text: r.stdout + r.stderr }
}

let c, traces
test.before(async () => {
	c = new Traced({ base: 234, agents: [{ name: 'a1', site: 'manila' }, { name: 'a2', site: 'oslo' }] })
	c.prepare()
	await c.up()
	const agents = ['a1', 'a2'].map((n) => c.agent(n, ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms']))
	await Promise.all(agents.map((a) => a.idle()))
	const callers = ['oslo', 'manila', 'oslo', 'manila'].map((s) => c.caller(s, 'support', ['--tone', '440', '--seconds', '20']))
	await Promise.all(callers.map((x) => x.exited))
	await Promise.all(agents.map((a) => a.stop()))
	// A clean end writes the digest; the folder goes with the cluster, so the traces are read first.
	const names = ['oslo1', 'manila1', 'oslo-b1', 'manila-b1']
	for (const n of names) await c.kill(n, 'SIGTERM')
	traces = Object.fromEntries(names.map((n) => [n, readFileSync(c.trace(n), 'utf8')]))
})
test.after(async () => { await c?.stop() })

for (const name of ['oslo1', 'manila1', 'oslo-b1', 'manila-b1'])
	test(`${name}'s trace ends in the same digest`, () => {
		assert.match(traces[name], /\ndigest [0-9a-f]{16}\n$/)
		const r = replay(c.trace(name))
		assert.equal(r.code, 0, r.text)
		assert.match(r.text, /the same digest/)
	})

test('a call was served in what is replayed', () => {
	const r = replay(c.trace('oslo1'), '--verbose')
	assert.match(r.text, /is bridged/)
})

test('one event less, and the digest differs', () => {
	const lines = traces['oslo1'].split('\n')
	const at = lines.findIndex((l) => /^ev type=2 /.test(l)) // CALL_ARRIVED
	assert.ok(at > 0)
	const file = join(c.dir, 'less.trace')
	writeFileSync(file, lines.filter((_, i) => i !== at).join('\n'))
	const r = replay(file)
	assert.equal(r.code, 1)
	assert.match(r.text, /FAILED .*digest/)
})

test('a trace cut short by a kill is replayed as far as it goes', () => {
	const file = join(c.dir, 'cut.trace')
	writeFileSync(file, traces['manila-b1'].slice(0, -40))
	const r = replay(file)
	assert.equal(r.code, 0, r.text)
	assert.match(r.text, /no digest in it/)
})

test('a line that is not a trace is refused by its number', () => {
	const file = join(c.dir, 'bad.trace')
	writeFileSync(file, traces['oslo1'].replace(/\nev /, '\nev who=1 '))
	const r = replay(file)
	assert.equal(r.code, 1)
	assert.match(r.text, /bad\.trace:\d+: /)
})
