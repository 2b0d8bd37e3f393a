// What protection costs: short calls with and without a journal, and by how much the journal makes
// the CPU of a call (all daemons; Redis apart, the adopter has it anyway) dearer. Turn by turn, so
// that a machine that slows down slows both.
import { join } from 'node:path'
import { cluster, stop, daemons, cpuMs } from './lib/programs.mjs'
import { Lines, until, bin } from '../e2e/lib/cluster.mjs'
import { median } from './lib/rows.mjs'

const calls = 500, rate = 100, agents = 60, turns = 3

async function perCall(journal) {
	const c = await cluster({
		sites: ['oslo', 'manila'], journal,
		agents: Array.from({ length: agents }, (_, i) => ({ name: `a${i + 1}`, site: 'manila' })),
	})
	const l = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('manila'), '--agents', String(agents), '--name-pattern', 'a%d',
		'--password-file', join(c.dir, 'password'), '--ramp', '100', '--audio', 'none', '--answer-after', '50ms', '--talk', '150ms', '--duration', '120s', '--json'])
	c.lines.push(l)
	await until(`${agents} agents are idle`, () => l.events.filter((e) => e.event === 'state' && e.state === 'idle').length >= agents, 20000)
	const pids = daemons(c), cpu = cpuMs(pids)
	const load = c.caller('oslo', 'support', ['--calls', String(calls), '--rate', String(rate), '--seconds', '30', '--answer-within', '30', '--bind', '127.0.95.1'])
	await load.exited
	const used = cpuMs(pids) - cpu
	const talks = l.events.filter((e) => e.event === 'talk').length
	if (talks < calls * 0.99) throw new Error(`of ${calls} calls ${talks} were answered`)
	await l.stop()
	await stop(c)
	return used / calls
}

export default async function (rows) {
	const without = [], held = []
	for (let i = 0; i < turns; i++) {
		without.push(await perCall(false))
		held.push(await perCall(true))
	}
	rows.add('journal_call_ms', median(held), 'ms', median(without))
	rows.add('journal_cpu_pct', (median(held) / median(without) - 1) * 100, '%')
}
