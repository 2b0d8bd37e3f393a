// What one more waiting caller (with music) and one more signed-in agent cost: growth of the private
// memory of all daemons of a site. The first ones, for whom pools and caches are made, are not in it.
import { cluster, stop, start, figures, daemons, privateKb, seconds } from './lib/programs.mjs'
import { Lines, until, bin } from '../e2e/lib/cluster.mjs'
import { join } from 'node:path'

const first = 200, more = 1000, agents = 120
const some = (prefix, n) => Array.from({ length: n }, (_, i) => ({ name: `${prefix}${i + 1}`, skills: ['lang.nb'] }))

// SIPp callers that stay until the node says goodbye; nobody reads the music that they are sent.
function callers(c, n, address) {
	return start('sipp', ['-sn', 'uac', '-s', 'support', '-i', address, '-p', '5060', '-mp', '6000',
		'-r', '250', '-m', String(n), '-l', String(n), '-d', '120000', '-nostdin', `${c.ip('oslo')}:5060`])
}
const callsNow = (c) => c.ctl('status').daemons?.find((d) => d.role === 'node')?.calls ?? -1

async function grown(c, pids, work) {
	await seconds(1)
	const before = privateKb(pids)
	await work()
	await seconds(2)
	return privateKb(pids) - before
}

// One program with this many agents, signed in and idle.
async function signIn(c, prefix, from, n, audio) {
	const l = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('oslo'), '--agents', String(n), '--first', String(from),
		'--name-pattern', `${prefix}%d`, '--password-file', join(c.dir, 'password'), '--ramp', '100', '--audio', audio,
		'--media-ports', audio === 'webrtc' ? '40000-49999' : '50000-59999', '--duration', '120s', '--json'])
	c.lines.push(l)
	await until(`${n} ${audio} agents are idle`, () => l.events.filter((e) => e.event === 'state' && e.state === 'idle').length >= n, 20000)
}

export default async function (rows) {
	const [floor] = await figures('bench_floor', ['memory', '2000', '900'], 10000)
	const c = await cluster({ sites: ['oslo'], agents: [...some('p', agents + 20), ...some('w', agents + 20)], limits: ', calls_max: 2000, sessions_max: 1000' })
	const pids = daemons(c)
	rows.add('idle_daemons_mb', privateKb(pids) / 1024, 'MB')

	// Agents first, in a queue of their own: they would answer.
	await signIn(c, 'p', 1, 20, 'none')
	const plain = await grown(c, pids, () => signIn(c, 'p', 21, agents, 'none'))
	rows.add('agent_session_kb', plain / agents, 'kB', floor.own_kb)
	await signIn(c, 'w', 1, 20, 'webrtc')
	const webrtc = await grown(c, pids, () => signIn(c, 'w', 21, agents, 'webrtc'))
	rows.add('agent_session_webrtc_kb', webrtc / agents, 'kB', floor.own_kb)

	callers(c, first, '127.0.95.1')
	await until(`${first} callers wait`, () => callsNow(c) >= first, 10000)
	const waiting = await grown(c, pids, async () => {
		callers(c, more, '127.0.95.2')
		await until(`${first + more} callers wait`, () => callsNow(c) >= first + more, 20000)
	})
	rows.add('waiting_call_kb', waiting / more, 'kB', floor.own_kb)
	rows.add('socket_in_kernel_kb', floor.kernel_kb, 'kB')
	await stop(c)
}
