// Each role may do what it needs and nothing else, and a wrong password is a line in a log, not a
// caller's trouble.
import test from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readFileSync, renameSync, writeFileSync, chmodSync, statSync, readdirSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { bin, until } from '../lib/cluster.mjs'
import { PresenceCluster, redisPort, sentinelPort, journalPort } from './presence.mjs'
import { Redis } from './redis.mjs'

let c
test.before(async () => {
	c = await PresenceCluster.start({ base: 160, locked: true, sites: ['oslo'], agents: [{ name: 'a1', site: 'oslo' }, { name: 'a2', site: 'oslo' }] })
})
test.after(async () => { await c?.stop() })

async function as(role, what, port = redisPort, i = undefined) {
	const r = new Redis(c.host(i ?? (await c.masterNow())), port, role, c.password(role))
	try { return await what(r) } finally { r.close() }
}
const refused = async (role, words, why = /NOPERM/, port = redisPort, i = undefined) =>
	assert.rejects(as(role, (r) => r.ask(...words), port, i), why, `${role}: ${words.join(' ')}`)

// helioctl says that presence is down, and ends with an error: right, and no reason to wait.
async function restarted() {
	const ups = () => c.log('oslo1').split('event=node.up').length
	const before = ups()
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	await until('the node is up again', () => ups() > before)
	await until('the gateway sees it', async () => (await (await fetch(`http://${c.gateway('oslo')}/healthz`)).json()).nodes_live === 1)
}

test('passwords are random, in files that nobody else can read, and not in the ACL', () => {
	const files = readdirSync(c.secrets)
	for (const f of files) assert.equal(statSync(join(c.secrets, f)).mode & 0o777, 0o600, f)
	const passwords = files.filter((f) => f.startsWith('password.')).map((f) => readFileSync(join(c.secrets, f), 'utf8').trim())
	assert.equal(new Set(passwords).size, passwords.length)
	for (const f of files.filter((x) => x.endsWith('.acl')))
		for (const p of passwords) assert.ok(!readFileSync(join(c.secrets, f), 'utf8').includes(p), f)
	const before = passwords.join()
	c.tool('acl', [c.secrets])
	assert.equal(files.filter((f) => f.startsWith('password.')).map((f) => c.password(f.slice(9))).join(), before, 'the same folder gives the same passwords')
})

test('a node writes agents, leases and sets, and nothing else', async () => {
	assert.equal(await as('node', (r) => r.ask('HSET', 'helio:agent:x', 'state', 'idle')), 1)
	assert.equal(await as('node', (r) => r.ask('EVAL', "return redis.call('DEL', KEYS[1])", 1, 'helio:agent:x')), 1)
	for (const words of [['FLUSHALL'], ['KEYS', '*'], ['SCAN', '0'], ['SET', 'other', '1'], ['GET', 'helio:journal:oslo1'], ['CONFIG', 'GET', '*'], ['ACL', 'LIST'],
		['SHUTDOWN'], ['REPLICAOF', 'NO', 'ONE'], ['CLIENT', 'LIST'], ['MONITOR'], ['SCRIPT', 'FLUSH'], ['MODULE', 'LIST']])
		await refused('node', words)
	// A script has the rights of its caller.
	await refused('node', ['EVAL', "return redis.call('FLUSHALL')", 0], /NOPERM|permission|can't run|ACL/i)
	await refused('node', ['EVAL', "return redis.call('SET', 'other', '1')", 0], /NOPERM|permission|can't access|ACL/i)
	assert.equal(await as('operator', (r) => r.ask('EXISTS', 'other')), 0)
})

test('a reader reads the directory and writes nothing', async () => {
	assert.ok(Array.isArray(await as('reader', (r) => r.ask('SMEMBERS', 'helio:agents:oslo1'))))
	for (const words of [['HSET', 'helio:agent:x', 'state', 'idle'], ['SET', 'helio:lease:oslo1', '1'], ['DEL', 'helio:agent:x'], ['FLUSHALL'], ['KEYS', '*'], ['GET', 'helio:journal:oslo1'], ['EVAL', 'return 1', 0]])
		await refused('reader', words)
})

test('who does not sign in may do nothing; at a Sentinel a node only asks', async () => {
	const r = new Redis(c.host(1), redisPort)
	await assert.rejects(r.ask('PING'), /NOAUTH/)
	r.close()
	assert.equal((await as('node', (r) => r.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'presence'), sentinelPort, 1)).length, 2)
	for (const words of [['SENTINEL', 'FAILOVER', 'presence'], ['SENTINEL', 'REMOVE', 'presence'], ['SENTINEL', 'SET', 'presence', 'quorum', '1'], ['SHUTDOWN']])
		await assert.rejects(as('node', (r) => r.ask(...words), sentinelPort, 1), /NOPERM/, words.join(' '))
})

test('the journal user keeps a journal and reaches nothing else', async () => {
	await until('the node beats in its journal', () => c.look(1, (r) => r.ask('EXISTS', 'helio:journal:oslo1'), journalPort).then((n) => n === 1))
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '10'])
	await caller.event('answered')
	const boot = /boot=(\d+)/.exec(c.log('oslo1'))[1]
	await until('a call is in it', () => c.look(1, (r) => r.ask('HKEYS', `helio:journal:oslo1:${boot}`), journalPort).then((keys) => keys.some((k) => k.startsWith('v:c:'))))
	await caller.stop()
	assert.ok(!c.log('oslo1').includes('journal.trouble'))
	for (const words of [['GET', 'helio:lease:oslo1'], ['HSET', 'helio:agent:a1', 'state', 'off'], ['FLUSHALL'], ['KEYS', '*'], ['DEL', 'helio:journal:oslo1']])
		await refused('journal', words, /NOPERM/, journalPort, 1)
})

test('a wrong password: one line that says so, and calls go on; the right one needs no restart', async () => {
	const file = join(c.secrets, 'password.node'), right = readFileSync(file, 'utf8')
	const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms']
	await until('presence is up', () => c.log('oslo1').includes('event=presence.up'))
	const lines = (what) => c.log('oslo1').split('\n').filter((l) => l.includes(what))
	writeFileSync(`${file}.new`, 'not the password\n', { mode: 0o600 })
	renameSync(`${file}.new`, file)
	await restarted()
	await until('the log says so', () => lines('event=presence.trouble').length === 1)
	const agent = c.agent('a1', plain)
	await agent.idle()
	for (let i = 0; i < 3; i++) {
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '10'])
		await until('the call is answered by the agent', () => agent.events.filter((e) => e.event === 'talk').length > i)
		await caller.stop()
	}
	assert.match(spawnSync(join(bin, 'helioctl'), ['status', '--config', c.config], { encoding: 'utf8' }).stdout, /presence Redis does not answer; calls are routed all the same/)
	const said = lines('event=presence.trouble')
	assert.equal(said.length, 1, said.join('\n'))
	assert.match(said[0], /level=warn .*why="Redis refuses user and password"/)
	assert.ok(!c.log('oslo1').includes('not the password') && !c.log('oslo1').includes(right.trim()), 'no password in the log')

	writeFileSync(`${file}.new`, right, { mode: 0o600 })
	renameSync(`${file}.new`, file)
	await until('the directory knows the agent', () => as('reader', (r) => r.ask('HGET', 'helio:agent:a1', 'state')).then((s) => s === 'idle'))
	await agent.stop()
})

test('a password file that others can read is not used', async () => {
	const file = join(c.secrets, 'password.node')
	chmodSync(file, 0o644)
	await restarted()
	await until('the log says so', () => c.log('oslo1').includes('why="the password file is open to others than its owner: chmod 600"'))
	const said = c.log('oslo1').length
	chmodSync(file, 0o600)
	await until('presence is up', () => c.log('oslo1').slice(said).includes('event=presence.up'))
})
