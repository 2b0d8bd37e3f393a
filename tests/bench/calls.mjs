// A hundred calls a second of callers in one site, answered by agents in another: from the INVITE to
// the ring at the agent, and what that costs. Then more callers than agents: how soon after one call
// the next one rings.
import { cluster, stop, figures, daemons, cpuMs, seconds } from './lib/programs.mjs'
import { Lines, until, bin } from '../e2e/lib/cluster.mjs'
import { median, quantile } from './lib/rows.mjs'
import { join } from 'node:path'

const rate = 100, parts = 3, calls = 1200, agents = 60
const few = 12, queued = 500
// The p99 of each third, and the middle one of them: one hiccup of a busy machine is not the system's.
const thirds = (values) => {
	const size = Math.floor(values.length / parts)
	return median(Array.from({ length: parts }, (_, i) => quantile(values.slice(i * size, (i + 1) * size), 0.99)))
}
// Between an INVITE and its ring, or a hang-up and the next ring, seven messages cross the mesh:
// announce, advert, reserve, claim, pick, grant, and the sealed frame to the gateway.
const hops = 7

const some = (prefix, n, skill) => Array.from({ length: n }, (_, i) => ({ name: `${prefix}${i + 1}`, site: 'manila', skills: [skill] }))
const text = (skill) => `skills: [${skill}], wrap_up: 0s, ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]`

async function signIn(c, prefix, n) {
	const l = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('manila'), '--agents', String(n), '--name-pattern', `${prefix}%d`,
		'--password-file', join(c.dir, 'password'), '--ramp', '100', '--audio', 'none', '--answer-after', '50ms', '--talk', '150ms', '--duration', '120s', '--json'])
	c.lines.push(l)
	await until(`${n} agents are idle`, () => l.events.filter((e) => e.event === 'state' && e.state === 'idle').length >= n, 20000)
	return l
}
const caller = (c, queue, n, perSecond) => c.caller('oslo', queue, ['--calls', String(n), '--rate', String(perSecond), '--seconds', '30', '--answer-within', '30', '--stamp', '--bind', '127.0.95.1'])

async function queueToRing(rows, c, floor) {
	const l = await signIn(c, 'a', agents)
	const pids = daemons(c)
	const cpu = cpuMs(pids)
	const load = caller(c, 'support', calls, rate)
	await load.exited
	const used = cpuMs(pids) - cpu
	const rings = l.events.filter((e) => e.event === 'ring' && /^t\d+$/.test(e.caller))
	const talks = l.events.filter((e) => e.event === 'talk').length
	if (rings.length < calls * 0.99 || talks < calls * 0.99) throw new Error(`of ${calls} calls ${rings.length} rang and ${talks} were answered`)
	// A call that rang twice is counted at its first ring.
	const began = new Map()
	for (const r of rings) if (!began.has(r.caller)) began.set(r.caller, (r.mono_us - Number(r.caller.slice(1))) / 1000)
	const ms = [...began.entries()].sort((a, b) => Number(a[0].slice(1)) - Number(b[0].slice(1))).map((e) => e[1])
	rows.add('queue_to_ring_p50_ms', quantile(ms, 0.5), 'ms', floor.p50_us / 1000)
	rows.add('queue_to_ring_p99_ms', thirds(ms), 'ms', floor.p99_us / 1000)
	rows.add('setup_cpu_ms_per_call', used / calls, 'ms', floor.cpu_ms)
	await l.stop()
}

async function freedToRing(rows, c, floor) {
	const l = await signIn(c, 'b', few)
	const load = caller(c, 'busy', queued, 250)
	await load.event('result', 40000)
	const freed = new Map()
	const ms = []
	for (const e of l.events) {
		if (e.event === 'hangup') freed.set(e.agent, e.mono_us)
		else if (e.event === 'ring' && freed.has(e.agent)) {
			ms.push((e.mono_us - freed.get(e.agent)) / 1000)
			freed.delete(e.agent)
		}
	}
	if (ms.length < queued / 2) throw new Error(`of ${queued} calls only ${ms.length} rang at an agent who had just ended another`)
	rows.add('freed_agent_rering_p50_ms', quantile(ms, 0.5), 'ms', floor.p50_us / 1000)
	rows.add('freed_agent_rering_p99_ms', thirds(ms), 'ms', floor.p99_us / 1000)
	await l.stop()
}

export default async function (rows) {
	const chains = []
	for (let i = 0; i < parts; i++) chains.push(...(await figures('bench_floor', ['chain', String(hops), '150', '100'], 15000)))
	const bare = []
	for (let i = 0; i < parts; i++) bare.push(...(await figures('bench_floor', ['call', '200', String(rate)], 15000)))
	const floor = { p50_us: median(chains.map((f) => f.p50_us)), p99_us: median(chains.map((f) => f.p99_us)), cpu_ms: median(bare.map((f) => f.cpu_ms_per_call)) }
	const c = await cluster({
		sites: ['oslo', 'manila'],
		agents: [...some('a', agents, 'lang.en'), ...some('b', few, 'lang.nb')],
		queues: { support: text('lang.en'), busy: text('lang.nb') },
	})
	try {
		await queueToRing(rows, c, floor)
	} finally {
		await freedToRing(rows, c, floor)
	}
	await stop(c)
}
