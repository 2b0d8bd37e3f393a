// How many short calls a second one core takes: one node, one broker, one gateway and Redis pinned to
// core 0, SIPp pinned to core 1. A call is answered, heard for a moment and hung up by its caller.
// The floor is SIPp against SIPp, pinned alike.
import { cluster, stop, run, start, daemons, cpuMs, pin } from './lib/programs.mjs'
import { readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const rates = [100, 200, 300, 400, 500, 600, 700, 800, 1000, 1200, 1400, 1700, 2000, 2500, 3000, 4000]
const secondsEach = 1.5, tries = 3, failLimit = 0.01

// One load: how many calls were asked for, how many succeeded, and how long it took.
async function load(dir, target, rate, from) {
	const calls = Math.round(rate * secondsEach), stats = join(dir, 'stat.csv')
	rmSync(stats, { force: true })
	const began = performance.now()
	const r = await run('taskset', ['-c', '1', 'sipp', '-sn', 'uac', '-s', 'support', '-i', from, '-r', String(rate), '-m', String(calls), '-l', '4000', '-d', '0',
		'-recv_timeout', '3000', '-nostdin', '-trace_stat', '-stf', stats, '-fd', '1', target], 15000)
	const elapsed = (performance.now() - began) / 1000
	const lines = readFileSync(stats, 'utf8').trim().split('\n').map((l) => l.split(';'))
	const value = (name) => Number(lines.at(-1)[lines[0].indexOf(name)])
	if (Number.isNaN(value('SuccessfulCall(C)'))) throw new Error(`sipp: ${r.stderr || r.stdout.slice(-200)}`)
	return { calls, good: value('SuccessfulCall(C)'), elapsed }
}
// Fast enough: at most 1 % failed, and the whole was not much later than asked for.
const held = (r) => r.good >= r.calls * (1 - failLimit) && r.elapsed < secondsEach + 1

// The highest rate that held in most of the tries.
async function climb(dir, target, from, seconds) {
	const end = performance.now() + seconds * 1000
	let best = 0
	for (const rate of rates) {
		let good = 0, bad = 0
		while (good < 1 && bad < tries - 1) held(await load(dir, target, rate, from)) ? good++ : bad++
		if (!good) break
		best = rate
		if (performance.now() > end) break
	}
	return best
}

export default async function (rows) {
	const dir = mkdtempSync(join(tmpdir(), 'helio-rate-'))
	try {
		const uas = start('taskset', ['-c', '0', 'sipp', '-sn', 'uas', '-i', '127.0.96.1', '-p', '5060', '-nostdin'])
		const floorCpu = await perCall(dir, '127.0.96.1:5060', [uas.pid])
		const floor = await climb(dir, '127.0.96.1:5060', '127.0.96.2', 20)
		uas.kill('SIGKILL')
		// What is measured is the machine's limit, not the configured one.
		const c = await cluster({ sites: ['oslo'], limits: ', calls_max: 2000', extra: 'sip_limits: {trunk_new_calls: 20000, trunk_requests: 200000}\n' })
		pin([...c.children.values()].map((e) => e.child.pid), 0)
		rows.add('short_call_cpu_ms', await perCall(dir, `${c.ip('oslo')}:5060`, daemons(c)), 'ms', floorCpu)
		rows.add('calls_per_s_core', await climb(dir, `${c.ip('oslo')}:5060`, '127.0.96.3', 35), '1/s', floor)
		await stop(c)
	} finally {
		rmSync(dir, { recursive: true, force: true })
	}
}

// CPU of all these processes for one short call, at a rate that is easy; the first calls warm up.
async function perCall(dir, target, pids) {
	await load(dir, target, 100, '127.0.96.4')
	const before = cpuMs(pids)
	let calls = 0
	for (let i = 0; i < 2; i++) calls += (await load(dir, target, 200, '127.0.96.4')).calls
	return (cpuMs(pids) - before) / calls
}
