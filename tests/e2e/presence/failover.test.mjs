// The master of presence dies, is moved by hand, freezes and thaws, and everything of presence
// freezes, while calls flow: no caller waits for any of it, and the directory is right again.
import test from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Lines, bin, until } from '../lib/cluster.mjs'
import { PresenceCluster, Watch, downAfterMs, sentinelPort } from './presence.mjs'

const agents = Array.from({ length: 12 }, (_, i) => ({ name: `a${i + 1}`, site: 'manila' }))
const names = agents.map((a) => a.name)
const perSecond = 15
// Detection, election, promotion, the next question of a node (1 s), and what it has to write.
const repairMs = downAfterMs + 7000
// What a loaded machine of two cores does to a single call without any fault; a call that waited for
// Redis would wait for a timeout, which is a second at least.
const noiseMs = 500

let c, desk, watch, calm
test.before(async () => {
	// One more, whom no call of these reaches.
	c = await PresenceCluster.start({ base: 160, agents: [...agents, { name: 'late', site: 'manila', skills: ['lang.nb'] }] })
	desk = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('manila'), '--agents', String(agents.length), '--name-pattern', 'a%d',
		'--password-file', join(c.dir, 'password'), '--ramp', '100', '--audio', 'none', '--answer-after', '20ms', '--talk', '150ms', '--duration', '120s', '--json'])
	c.lines.push(desk)
	await until('all are ready', () => desk.events.filter((e) => e.event === 'state' && e.state === 'idle').length >= agents.length, 20000)
	watch = new Watch(c, names)
	await until('the directory knows all', () => names.every((n) => watch.now.get(n)?.state === 'idle'))
})
test.after(async () => {
	await watch?.stop()
	await c?.stop()
})

// Calls at a steady rate for so long, and what happens meanwhile: how long each waited, INVITE to
// ring, in ms.
async function calls(seconds, meanwhile = async () => {}) {
	const n = seconds * perSecond, from = Number(process.hrtime.bigint() / 1000n)
	const load = c.caller('oslo', 'support', ['--calls', String(n), '--rate', String(perSecond), '--seconds', '20', '--stamp', '--bind', `127.0.${c.base + 3}.1`])
	await load.event('answered')
	await meanwhile()
	await load.exited
	const waits = new Map()
	for (const e of desk.events) {
		if (e.event !== 'ring' || !/^t\d+$/.test(e.caller)) continue
		const began = Number(e.caller.slice(1))
		if (began >= from && !waits.has(e.caller)) waits.set(e.caller, (e.mono_us - began) / 1000)
	}
	assert.equal(waits.size, n, 'every call has rung')
	const ms = [...waits.values()].sort((a, b) => a - b)
	return { p50: ms[ms.length >> 1], max: ms[ms.length - 1] }
}
function nobodyWaited(t, got) {
	t.diagnostic(`INVITE to ring: p50 ${got.p50.toFixed(1)} ms, longest ${got.max.toFixed(0)} ms; without a fault ${calm.p50.toFixed(1)} and ${calm.max.toFixed(0)} ms`)
	assert.ok(got.max <= calm.max + noiseMs, `a call waited ${got.max} ms`)
}
// From a fault at this moment on: the directory is right again, and nothing in it goes backwards
// after that. Until a master is repaired it may lack what the dead one had not passed on.
async function repaired(t, since, what) {
	await until(`the directory of ${what} is right again`, () => watch.right(since) && leases(), repairMs)
	t.diagnostic(`${what}: right again after ${Math.round(performance.now() - since)} ms`)
	const back = watch.back.length
	return () => assert.deepEqual(watch.back.slice(back), [], 'nothing goes backwards after the repair')
}
// Nobody calls any more: the directory says of each agent what the nodes themselves say.
async function agrees() {
	const since = performance.now()
	await until('the directory agrees with the nodes', () => {
		const truth = new Map(c.agentsNow().map((a) => [a.name, a]))
		return names.every((n) => {
			const row = watch.now.get(n)
			return row.at > since && row.state === truth.get(n)?.state && row.node === truth.get(n)?.node
		})
	}, repairMs)
}
const leases = async () => {
	const i = await c.masterNow().catch(() => 0)
	if (!i) return false
	const got = await c.look(i, (r) => Promise.all(['oslo1', 'manila1'].map((n) => r.ask('PTTL', `helio:lease:${n}`)))).catch(() => [0])
	return got.every((ms) => ms > 0) && (await c.nodesAt(i)) === 2
}
const role = (i) => c.look(i, (r) => r.ask('ROLE')).then((r) => r[0]).catch(() => '')

test('calls without a fault, for comparison', async () => {
	calm = await calls(4)
})

test('a failover by hand under load', async (t) => {
	await c.settled()
	const old = await c.masterNow()
	let check
	const got = await calls(4, async () => {
		const since = performance.now()
		await c.look(1, (r) => r.ask('SENTINEL', 'FAILOVER', 'presence'), sentinelPort)
		await until('Sentinel names another one', async () => (await c.masterNow()) !== old, repairMs)
		check = await repaired(t, since, 'a failover by hand')
	})
	await agrees()
	check()
	nobodyWaited(t, got)
})

test('the master killed under load: no call waits, the directory is right again', async (t) => {
	await c.settled()
	const old = await c.masterNow()
	let check
	const got = await calls(6, async () => {
		const since = performance.now()
		await c.kill(`redis${old}`)
		await until('Sentinel names another one', async () => (await c.masterNow().catch(() => old)) !== old, repairMs)
		t.diagnostic(`another master is named after ${Math.round(performance.now() - since)} ms`)
		check = await repaired(t, since, 'the new master')
	})
	await agrees()
	check()
	nobodyWaited(t, got)
	assert.ok(/event=presence\.up[^\n]*redis=/.test(c.log('manila1')))
	c.again(`redis${old}`)
})

test('the master frozen under load, and thawed: the old one does not win', async (t) => {
	await c.settled()
	const old = await c.masterNow()
	let check
	const got = await calls(6, async () => {
		const since = performance.now()
		c.signal(`redis${old}`, 'SIGSTOP')
		await until('Sentinel names another one', async () => (await c.masterNow().catch(() => old)) !== old, repairMs)
		check = await repaired(t, since, 'the master that took over')
		c.signal(`redis${old}`, 'SIGCONT')
		// It calls itself a master until the Sentinels have told it better.
		await until('the thawed one follows', async () => {
			const is = await role(old)
			if (is === 'master') assert.ok((await c.masterNow()) !== old)
			return is === 'slave' && (await c.nodesAt(old)) === 0
		}, 20000)
		assert.equal(await c.nodesAt(await c.masterNow()), 2)
	})
	await agrees()
	check()
	nobodyWaited(t, got)
})

test('every Redis and every Sentinel frozen: calls go on; right again after the thaw', async (t) => {
	const all = [1, 2, 3].flatMap((i) => [`sentinel${i}`, `redis${i}`])
	const said = c.log('manila1').length
	let late
	const got = await calls(5, async () => {
		for (const name of all) c.signal(name, 'SIGSTOP')
		await until('the node has left the frozen one', () => c.log('manila1').slice(said).includes('event=presence.down'))
		late = c.agent('late', ['--audio', 'none'])
		await late.idle()
	})
	nobodyWaited(t, got)
	const since = performance.now()
	for (const name of all) c.signal(name, 'SIGCONT')
	await until('who signed in meanwhile is in the directory', async () => {
		const i = await c.masterNow().catch(() => 0)
		return i && (await c.look(i, (r) => r.ask('HGET', 'helio:agent:late', 'state')).catch(() => '')) === 'idle'
	}, repairMs)
	t.diagnostic(`who signed in meanwhile is in the directory ${Math.round(performance.now() - since)} ms after the thaw`)
	await agrees()
	assert.deepEqual(watch.back.filter((b) => b.at > since), [], 'nothing went backwards')
	await late.stop()
})
