// Configuration that lives: changed under load, spread, refused whole, never going back.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, until } from '../lib/cluster.mjs'
import { audio, newAgent, newQueue, started } from './signed.mjs'

test('under load: a queue and an agent come, a queue goes, nobody is lost, and the traces replay', async (t) => {
	const c = await started({
		base: 170, agents: [{ name: 'a1', site: 'oslo' }, { name: 'a2', site: 'manila' }, { name: 'gone', site: 'oslo', skills: ['lang.nb'] }],
		queues: { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]', old: 'skills: [lang.nb], wrap_up: 0s, ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]' },
	}, t)
	const a1 = c.agent('a1', [...audio]), a2 = c.agent('a2', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '200ms'])
	const gone = c.agent('gone', audio)
	await Promise.all([a1.idle(), a2.idle(), gone.idle()])
	// a1 talks through all of it; `gone` talks when its name is taken out of the file.
	const talk = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'])
	await a1.event('talk')
	const last = c.caller('oslo', 'old', ['--tone', '440', '--seconds', '60'])
	await gone.event('talk')
	const waits = c.caller('oslo', 'old', ['--tone', '440', '--seconds', '60'])
	await until('somebody waits in old', () => c.calls().some((x) => x.queue === 'old' && x.state === 'queued'))
	let load = true
	const stream = (async () => {
		const codes = []
		while (load) codes.push(await c.caller('manila', 'support', ['--tone', '440', '--seconds', '20']).exited)
		return codes
	})()

	c.edit('cluster.yaml', (s) => newQueue('fresh', ', overflow: [{when: no_idle_here, to: any_open}]')(s.replace(/\n {2}old: .*/, '')))
	c.edit('agents.yaml', (s) => newAgent('b1', 'manila')(s.replace(/\n {2}gone: .*/, '')))
	const signed = c.sign()
	assert.equal(signed.code, 0, signed.text)
	const applied = c.apply()
	assert.equal(applied.code, 0, applied.text)
	assert.match(applied.text, /6 of 6 daemons run it/)
	assert.match(applied.text, /no restart is needed/)
	assert.deepEqual(c.versions(), [2, 2, 2, 2, 2, 2])

	// The new queue is reachable at both sites and the new agent signs in at both.
	const b1 = c.agent('b1', audio, 'oslo')
	await b1.event('signed_in')
	const second = c.caller('manila', 'fresh', ['--tone', '440', '--seconds', '60'])
	// Who waits in the removed queue waits longer and is served; then the new queue's caller.
	await b1.event('talk')
	await until('both calls of the removed queue are served', () => c.calls().filter((x) => x.queue === 'old' && x.state === 'bridged').length === 2).catch((e) => { throw new Error(`${e.message} ${JSON.stringify([c.calls(), c.agentsNow()])}`) })
	await waits.stop()
	await until('the new queue is served', () => c.calls().some((x) => x.queue === 'fresh' && x.state === 'bridged'))
	// The removed queue takes nobody new.
	const refused = c.caller('oslo', 'old', ['--seconds', '5'])
	await refused.exited
	assert.notEqual(refused.code, 0)
	// Who was removed finishes the call and cannot come back.
	assert.ok(c.agentsNow().some((a) => a.name === 'gone'))
	await last.stop()
	await until('gone is signed out', () => !c.agentsNow().some((a) => a.name === 'gone'))
	await gone.stop()
	// The talk that began before it all is still there.
	assert.ok(c.calls().some((x) => x.state === 'bridged' && x.queue === 'support'), JSON.stringify(c.calls()))
	load = false
	const codes = await stream
	assert.ok(codes.length > 3)
	assert.deepEqual(codes.filter((x) => x !== 0), [])
	await talk.stop()
	await second.stop()
	await Promise.all([a1, a2, b1].map((a) => a.stop()))
	const records = await until('every call has its record', () => { const r = c.records(); return r.length >= codes.length + 4 && r })
	assert.deepEqual(records.filter((r) => r.outcome !== 'answered').map((r) => `${r.queue} ${r.outcome} ${r.cause}`), [])

	for (const name of ['oslo1', 'oslo-b1', 'manila1', 'manila-b1']) {
		assert.equal((await c.kill(name, 'SIGTERM')).code, 0)
		assert.match(readFileSync(c.trace(name), 'utf8'), /\nreconf \d+\n/)
		const r = spawnSync(join(bin, 'helio-sim'), ['--replay', c.trace(name)], { encoding: 'utf8' })
		assert.equal(r.status, 0, r.stdout + r.stderr)
		assert.match(r.stdout, /the same digest/)
	}
})

test('a bad configuration is refused whole, a tampered one too, and an older one never comes back', async (t) => {
	const c = await started({ base: 172, agents: [{ name: 'a1', site: 'oslo' }] }, t)
	// Wrong content: helioctl itself refuses, and so does a daemon that is handed it.
	c.edit('cluster.yaml', newQueue('loud', ', ring_timeout: 5parsecs').bind(null))
	let r = c.sign()
	assert.equal(r.code, 1)
	assert.match(r.text, /ring_timeout/)
	cpSync(join(c.dir, 'cluster.yaml'), c.draft)

	// Tampered after it was signed.
	c.edit('agents.yaml', newAgent('b1', 'manila'))
	assert.equal(c.sign().code, 0)
	c.edit('agents.yaml', newAgent('mallory', 'oslo'))
	r = c.apply()
	assert.equal(r.code, 1)
	assert.match(r.text, /signature of other files/)
	assert.deepEqual(c.versions(), [1, 1, 1, 1, 1, 1])

	// The file on a host tampered with: the daemon does not read it, and does not start with it.
	const agents = readFileSync(join(c.dir, 'agents.yaml'), 'utf8')
	writeFileSync(join(c.dir, 'agents.yaml'), newAgent('mallory', 'oslo')(agents), { mode: 0o600 })
	r = c.run('reload', 'oslo1')
	assert.notEqual(r.code, 0)
	assert.match(r.text, /signature is that of other/)
	await c.kill('oslo-b1', 'SIGTERM')
	const broken = c.daemon('broker', 'oslo-b1')
	await broken.exited
	assert.equal(broken.code, 1)
	assert.match(c.log('oslo-b1'), /start\.failed part=configuration why=.*cluster\.sig.*helioctl config sign/)
	writeFileSync(join(c.dir, 'agents.yaml'), agents, { mode: 0o600 })
	c.children.delete('oslo-b1')
	c.daemon('broker', 'oslo-b1')

	// Down while a version is applied: catches up by itself, though its host's files are older.
	await c.healthy()
	await c.kill('manila1', 'SIGTERM')
	rmSync(join(c.desk, 'agents.yaml'))
	writeFileSync(join(c.desk, 'agents.yaml'), newAgent('b1', 'manila')(agents), { mode: 0o600 })
	assert.equal(c.sign().code, 0)
	r = c.apply('--wait', '3s')
	assert.equal(r.code, 1)
	assert.match(r.text, /not everywhere: manila1( \(silent\))?;/) // silent: nobody has heard of it for 15 s
	const host = { ...Object.fromEntries(['cluster.yaml', 'agents.yaml', 'cluster.sig'].map((f) => [f, readFileSync(join(c.dir, 'config/current', f))])) }
	c.daemon('node', 'manila1')
	await c.healthy().catch((e) => { throw new Error(`${e.message}\n${c.run('status').text}`) })
	assert.ok(c.versions().every((v) => v === c.versions()[0] && v > 1), JSON.stringify(c.versions()))

	// An older version, rightly signed, comes by hand: refused, and not after a restart either.
	const version = c.versions()[0]
	assert.notEqual(c.run('apply', '--back').code, 0) // there is none
	await c.kill('oslo1', 'SIGTERM')
	c.daemon('node', 'oslo1')
	await until('oslo1 runs what it ran', () => c.status('oslo1')?.config?.version === version)
	assert.ok(host['cluster.sig'].length)
	const b1 = c.agent('b1', audio, 'oslo')
	await b1.idle()
})

test('two people sign the same number: both keep what they have, all say so, the next version ends it', async (t) => {
	const c = await started({ base: 174, sites: ['oslo'], agents: [{ name: 'a1', site: 'oslo' }] }, t)
	const other = join(c.dir, 'other')
	cpSync(c.desk, other, { recursive: true, verbatimSymlinks: true })
	c.edit('agents.yaml', newAgent('b1', 'oslo'))
	assert.equal(c.sign().code, 0)
	writeFileSync(join(other, 'agents.yaml'), newAgent('b2', 'oslo')(readFileSync(join(other, 'agents.yaml'), 'utf8')), { mode: 0o600 })
	assert.equal(c.run('config', 'sign', join(other, 'cluster.yaml')).code, 0)
	// The node is away while the others take the one, and comes back with the other on its disk.
	await c.kill('oslo1', 'SIGTERM')
	c.apply('--wait', '1s')
	const own = join(c.dir, 'own')
	cpSync(other, own, { recursive: true, verbatimSymlinks: true })
	writeFileSync(join(own, 'cluster.yaml'), readFileSync(join(own, 'cluster.yaml'), 'utf8').replace('{keys: keys, state: state, run: run', '{keys: ../keys, state: ../state, run: ../run'))
	assert.equal(c.run('config', 'sign', join(own, 'cluster.yaml')).code, 0) // its bytes differ: version 3 …
	cpSync(join(c.dir, 'cluster.sig'), join(own, 'cluster.sig')) // … but signed after version 1 it is 2
	assert.equal(c.run('config', 'sign', join(own, 'cluster.yaml')).code, 0)
	c.launch('oslo1', join(bin, 'helio-node'), ['--config', join(own, 'cluster.yaml'), '--name', 'oslo1'])
	await until('the broker says so', () => /config\.conflict version=2 peer=oslo1/.test(c.log('oslo-b1')))
	await until('helioctl shows it', () => /with other bytes than elsewhere/.test(c.run('status').text))
	c.edit('agents.yaml', newAgent('b2', 'oslo'))
	assert.equal(c.sign().code, 0)
	const r = c.apply()
	assert.equal(r.code, 0, r.text)
	assert.deepEqual(c.versions(), [3, 3, 3])
	assert.ok(existsSync(join(c.dir, 'state/oslo1/config-3.bundle')))
	assert.ok(readdirSync(join(c.dir, 'state/oslo1')).filter((f) => f.endsWith('.bundle')).length <= 3)
})
