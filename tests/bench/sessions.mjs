// Ten thousand signed-in pages on one gateway, with TLS, idle but for their pings: what each costs,
// and how long a message to all of them takes to reach the last ones. One caller who waits makes
// that message: every page is told the state of its queue every two seconds.
import { cluster, stop, privateKb, cpuMs, daemons, seconds } from './lib/programs.mjs'
import { Lines, until, bin } from '../e2e/lib/cluster.mjs'
import { median } from './lib/rows.mjs'
import { join } from 'node:path'

const warm = 500, all = Number(process.env.SESSIONS ?? 10000), waves = 5
const wanted = warm + all

export default async function (rows) {
	const c = await cluster({
		sites: ['oslo'], nodes: 2, tls: true, base: 97,
		agents: Array.from({ length: wanted }, (_, i) => ({ name: `s${i + 1}` })),
		// Two nodes: each session has a leg, each leg two sockets, and a process 20,000 of them here.
		limits: ', sessions_max: 6000', mediaPorts: ['10000-20999', '21000-31999'],
		queues: { support: 'skills: [lang.en], ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]' },
		gatewayArgs: ['--limit', `connections=${wanted + 500}`],
	})
	const gateway = [c.pid('oslo-g1')], nodes = [c.pid('oslo1'), c.pid('oslo2')]
	const signIn = (first, n) => {
		const l = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('oslo'), '--agents', String(n), '--first', String(first),
			'--name-pattern', 's%d', '--password-file', join(c.dir, 'password'), '--ramp', '400', '--audio', 'none', '--rest',
			'--from', '127.0.98.1', '--from-addresses', '200', '--duration', '600s', '--json', '--quiet', '--waves', ...c.agentTls()])
		c.lines.push(l)
		return l
	}
	const held = () => c.ctl('status').daemons.filter((d) => d.role === 'node').reduce((sum, d) => sum + d.sessions, 0)
	const open = () => c.healthz('oslo').then((h) => h?.connections ?? 0)
	// What a failure says: how far it came, and what the gateway sent away.
	const signedIn = async (n, ms) => {
		let last = ''
		const all = async () => {
			await seconds(1)
			const at = [held(), await open()], k = c.node('oslo-g1')?.counters ?? {}
			last = `${at[0]} sessions, ${at[1]} open, node_lost ${k.node_lost}, closed by a node ${k.closed_by_node}, no_node ${k.no_node}, send_failed ${k.send_failed}`
			return at[0] === n && at[1] === n
		}
		const ended = () => c.lines.map((l) => l.code === undefined ? '' : `; helio-agent ended: ${l.signal ?? l.code} ${l.stderr.slice(-200)}`).join('')
		await until(`${n} pages are signed in`, all, ms).catch((e) => { throw new Error(`${e.message} (${last}${ended()})`) })
	}

	signIn(1, warm)
	await signedIn(warm, 30000)
	await seconds(1)
	const before = { gateway: privateKb(gateway), nodes: privateKb(nodes) }
	const began = performance.now()
	const pages = signIn(warm + 1, all)
	await signedIn(wanted, 200000)
	const took = (performance.now() - began) / 1000
	await seconds(3)
	const grown = { gateway: (privateKb(gateway) - before.gateway) / all, nodes: (privateKb(nodes) - before.nodes) / all }
	const cpu = cpuMs(daemons(c)), cpuGateway = cpuMs(gateway)
	await seconds(4)
	const idleCpu = (cpuMs(daemons(c)) - cpu) / 40, idleGateway = (cpuMs(gateway) - cpuGateway) / 40

	c.caller('oslo', 'support', ['--seconds', '60'])
	const whole = () => pages.events.filter((e) => e.event === 'wave' && e.n >= all)
	const told = () => pages.events.reduce((sum, e) => sum + (e.event === 'wave' ? e.n : 0), 0)
	await until('the first pages were told', () => told() > 0, 10000)
	const seen = whole().length, base = { told: told(), cpu: cpuMs(daemons(c)), gateway: cpuMs(gateway), at: performance.now() }
	await until(`${waves} rounds of queues reached all`, () => whole().length >= seen + waves, 30000)
	const rounds = whole().slice(seen)
	// What is left of the CPU without the pings, for ten thousand pages.
	const each = (pids, before, idlePct) =>
		((cpuMs(pids) - before - (idlePct * (performance.now() - base.at)) / 100) * 10000) / (told() - base.told)
	const cost = { all: each(daemons(c), base.cpu, idleCpu), gateway: each(gateway, base.gateway, idleGateway) }
	rows.add('sessions_per_gateway', await open(), 'sessions')
	rows.add('idle_session_kb', grown.gateway + grown.nodes, 'kB')
	rows.add('idle_session_gateway_kb', grown.gateway, 'kB')
	rows.add('idle_session_node_kb', grown.nodes, 'kB')
	rows.add('broadcast_10000_p99_ms', median(rounds.map((w) => w.p99_ms)), 'ms')
	rows.add('broadcast_10000_max_ms', Math.max(...rounds.map((w) => w.max_ms)), 'ms')
	rows.add('broadcast_10000_cpu_ms', cost.all, 'ms')
	rows.add('broadcast_10000_gateway_cpu_ms', cost.gateway, 'ms')
	rows.add('idle_10000_cpu_pct', idleCpu, '% of a core')
	rows.add('idle_10000_gateway_cpu_pct', idleGateway, '% of a core')
	rows.add('sign_ins_per_s', all / took, '1/s')
	await stop(c)
}
