// People and configuration: a thousand agents, one who is hired now, one whose password is changed, the way back.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../lib/cluster.mjs'
import { audio, newQueue, started } from './signed.mjs'

const hashes = (c) => [...new Set(c.ctl('status').daemons.map((d) => d.config?.hash))]

test('a thousand agents travel in parts; who is hired signs in elsewhere at once; back is the next version', async (t) => {
	const c = await started({ base: 176, agents: [{ name: 'a1', site: 'oslo' }] }, t)
	const a1 = c.agent('a1', audio)
	await a1.idle()
	c.edit('agents.yaml', (text) => {
		const line = /\n {2}a1: .*/.exec(text)[0]
		return text.trimEnd() + Array.from({ length: 1000 }, (_, i) => line.replace('a1:', `crew-${i}:`).replace('"a1"', `"Crew number ${i}"`)).join('') + '\n'
	})
	assert.ok(statSync(join(c.desk, 'agents.yaml')).size > 200000)
	assert.equal(c.sign().code, 0)
	let r = c.apply()
	assert.equal(r.code, 0, r.text)
	assert.match(r.text, /6 of 6 daemons run it/)
	const thousand = hashes(c)
	assert.equal(thousand.length, 1)
	const crew = c.agent('crew-999', audio, 'manila')
	await crew.idle()

	// One command where the key is; the other site knows the agent when it returns.
	c.typed = 'quiet-harbour'
	const hired = c.there('agent', 'add', 'late', '--site', 'oslo', '--skills', 'lang.en', '--codec', 'pcmu', '--password-stdin')
	assert.equal(hired.status, 0, hired.stdout + hired.stderr)
	const late = c.agent('late', audio, 'manila')
	await late.idle()

	// Twice applied on this host, then back: the bytes of before, a number of its own, everywhere.
	c.edit('cluster.yaml', newQueue('bad'))
	assert.equal(c.sign().code, 0)
	r = c.apply()
	assert.equal(r.code, 0, r.text)
	const bad = c.versions()[0]
	assert.equal(c.ctl('queues').queues.some((q) => q.queue === 'bad' || q.name === 'bad'), true)
	r = c.run('apply', '--back')
	assert.equal(r.code, 0, r.text)
	assert.match(r.text, new RegExp(`signed as version ${bad + 1}`))
	assert.deepEqual(c.versions(), Array(6).fill(bad + 1))
	assert.deepEqual(hashes(c), thousand)
	// Also after a restart.
	await c.kill('manila1', 'SIGTERM')
	c.daemon('node', 'manila1')
	await until('manila1 runs it', () => c.status('manila1')?.config?.version === bad + 1)
	assert.equal(a1.code, undefined)
})

test('another password or a lock ends the session that is open: at once if idle, else after the call', async (t) => {
	const c = await started({ base: 178, agents: [{ name: 'a1', site: 'oslo' }, { name: 'a2', site: 'manila' }, { name: 'a3', site: 'oslo', skills: ['lang.nb'] }] }, t)
	const [a1, a2, a3] = [c.agent('a1', audio), c.agent('a2', audio), c.agent('a3', audio)]
	await Promise.all([a1.idle(), a2.idle(), a3.idle()])
	const call = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'])
	await a1.event('talk')
	writeFileSync(join(c.dir, 'other'), 'silent-harbour', { mode: 0o600 })
	c.typed = 'silent-harbour'
	let r = c.there('agent', 'passwd', 'a1', '--password-stdin')
	assert.equal(r.status, 0, r.stdout + r.stderr)
	r = c.there('agent', 'passwd', 'a2', '--lock')
	assert.equal(r.status, 0, r.stdout + r.stderr)
	// a2 was idle: it is out, its page is told, and it cannot come back.
	await a2.event('state', 10000, (e) => e.state === 'off')
	await until('a2 is signed out', () => !c.agentsNow().some((a) => a.name === 'a2'))
	await a2.stop()
	await c.agent('a2', audio).event('denied')
	// a1 talks on; a3, whose line did not change, stays.
	assert.ok(c.calls().some((x) => x.state === 'bridged'))
	assert.equal(call.code, undefined)
	await call.stop()
	await until('a1 is signed out after the call', () => !c.agentsNow().some((a) => a.name === 'a1'))
	await a1.event('state', 10000, (e) => e.state === 'off')
	await a1.stop()
	await c.agent('a1', audio).event('denied')
	assert.ok(c.agentsNow().some((a) => a.name === 'a3'))
	assert.match(readFileSync(join(c.dir, 'oslo1.log'), 'utf8'), /session\.dismissed agent=a1 why=password/)
	assert.match(readFileSync(join(c.dir, 'manila1.log'), 'utf8'), /session\.dismissed agent=a2 why=locked/)
	const again = c.agent('a1', [...audio, '--password-file', join(c.dir, 'other')])
	await again.idle()
})
