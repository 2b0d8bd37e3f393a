// Between sites presence goes through stunnel, and never past it: Sentinel's addresses are what the
// servers are called, the table says how they are reached.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { until } from '../lib/cluster.mjs'
import { PresenceCluster, redisPort, sentinelPort } from './presence.mjs'
import { Redis } from './redis.mjs'

const base = 160, tlsRedis = 50110, tlsSentinel = 50210
const server = (i) => `127.0.${base + 2}.${i}`, entrance = (i) => `127.0.${base + 3}.${i}`
let c, dir

// The three servers stand in three other sites; the node's site has the tunnels to them.
class Tunnelled extends PresenceCluster {
	prepare() {
		super.prepare()
		dir = join(this.dir, 'tunnels')
		this.tool('tunnels', ['--net', `127.0.${base + 2}`, '--entrance', `127.0.${base + 3}`, '--redis', redisPort, '--sentinel', sentinelPort,
			'--tls-redis', tlsRedis, '--tls-sentinel', tlsSentinel, dir, 'oslo=9@127.0.160.9', ...[1, 2, 3].map((i) => `s${i}=${i}@${server(i)}`)])
		const made = readFileSync(join(dir, 'presence.yaml'), 'utf8')
			.replace(`${entrance(9)}:${sentinelPort}, `, '').replace(/password_file: .*/, `password_file: ${join(this.secrets, 'password.node')}`)
		const text = readFileSync(this.config, 'utf8').replace(/^presence:\n(  .*\n)*/m, made)
		writeFileSync(this.config, text)
		this.must('helioctl', ['config', 'check', this.config])
		for (const i of [1, 2, 3]) this.stunnel(`s${i}`, 'in')
		this.stunnel('oslo', 'out')
	}
	stunnel(site, way) { return this.launch(`stunnel-${site}-${way}`, 'stunnel4', [join(dir, site, `${way}.conf`)]) }
}

test.before(async () => {
	c = new Tunnelled({ base, sites: ['oslo'], agents: [{ name: 'a1', site: 'oslo' }] })
	try {
		c.prepare()
		await c.up()
	} catch (e) {
		await c.stop().catch((x) => console.log(x.message))
		throw e
	}
})
test.after(async () => { await c?.stop() })

const state = async () => {
	const i = await c.masterNow()
	return c.look(i, (r) => r.ask('HGET', 'helio:agent:a1', 'state'))
}

test('presence goes through the tunnel to whom Sentinel names', async () => {
	const agent = c.agent('a1', ['--audio', 'none'])
	await agent.idle()
	await until('the directory knows a1', async () => (await state()) === 'idle')
	assert.ok(c.log('oslo1').includes(`event=presence.up redis=${entrance(1)}:${redisPort}`), c.log('oslo1'))
	assert.match(c.log('stunnel-s1-in'), /accepted connection|connected/i)
})

test('the tunnel cut: nothing goes past it, calls go on, and it is right again', async () => {
	const agent = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms'])
	await agent.idle()
	await c.kill('stunnel-s1-in', 'SIGTERM')
	await until('the node is gone from Redis', async () => (await c.nodesAt(1)) === 0)
	assert.equal(await c.masterNow(), 1)
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '10'])
	await agent.event('talk')
	await caller.stop()
	assert.equal(await c.nodesAt(1), 0, 'not past the tunnel')
	c.stunnel('s1', 'in')
	await until('the node is back', async () => (await c.nodesAt(1)) === 1)
	await agent.stop()
})

test('a failover is followed through another tunnel', async () => {
	await c.settled()
	await c.look(1, (r) => r.ask('SENTINEL', 'FAILOVER', 'presence'), sentinelPort)
	const i = await until('Sentinel names another one', async () => { const m = await c.masterNow(); return m !== 1 && m }, 20000)
	await until('the node is there', async () => (await c.nodesAt(i)) === 1)
	assert.ok(c.log('oslo1').includes(`event=presence.up redis=${entrance(i)}:${redisPort}`))
})

test('without a certificate of the authority, or below TLS 1.2, there is no way in', async () => {
	const ask = (...args) => spawnSync('openssl', ['s_client', '-quiet', '-connect', `${server(2)}:${tlsRedis}`, ...args], { input: 'PING\r\n', encoding: 'utf8', timeout: 2000 })
	const site = ['-cert', join(dir, 's3/site.pem'), '-key', join(dir, 's3/site.pem'), '-CAfile', join(dir, 'ca.pem')]
	assert.doesNotMatch(ask().stdout, /NOAUTH/)
	assert.doesNotMatch(ask(...site, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0').stdout, /NOAUTH/)
	const r = new Redis(server(2), tlsRedis)
	await assert.rejects(r.ask('PING'))
	r.close()
	// And that this question can be answered at all:
	const good = spawnSync('sh', ['-c', `(printf 'PING\\r\\n'; head -c 1 >/dev/null) | timeout 2 openssl s_client -quiet -connect ${server(2)}:${tlsRedis} ${site.join(' ')} 2>/dev/null | head -n 1`], { encoding: 'utf8', input: '' })
	assert.match(good.stdout, /NOAUTH/)
})

test('an address that is not in the table is not connected to, and a line says so', async () => {
	const text = readFileSync(c.config, 'utf8')
	const i = await c.masterNow()
	writeFileSync(c.config, text.replace(`    "${server(i)}:${redisPort}": ${entrance(i)}:${redisPort}\n`, ''))
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	await until('the log says so', () => c.log('oslo1').includes('why="the master\'s address is not in tunnels: and is not connected to"'))
	assert.equal(await c.nodesAt(i), 0)
})
