// A thousand callers who wait while nobody is ready: what the daemons use of a core, with music and
// without any. One far socket takes all of the music; its kernel drops what nobody reads.
import { cluster, stop, start, daemons, cpuMs, seconds } from './lib/programs.mjs'
import { until } from '../e2e/lib/cluster.mjs'
import { median } from './lib/rows.mjs'

const callers = 1000, rounds = 3, each = 4

export default async function (rows) {
	const c = await cluster({
		sites: ['oslo'], base: 97, limits: ', calls_max: 2000',
		queues: { support: 'skills: [lang.en]', still: 'skills: [lang.en], music: "", greeting: ""' },
	})
	const calls = () => c.node('oslo1')?.calls ?? -1
	for (const [queue, name] of [['support', 'waiting_1000_cpu_pct'], ['still', 'waiting_1000_silent_cpu_pct']]) {
		const sipp = start('sipp', ['-sn', 'uac', '-s', queue, '-i', '127.0.98.1', '-p', '5060', '-mp', '6000', '-r', '200',
			'-m', String(callers), '-l', String(callers), '-d', '120000', '-nostdin', `${c.ip('oslo')}:5060`])
		await until(`${callers} callers wait`, () => calls() >= callers, 20000)
		await seconds(3) // the greeting is over
		const pct = []
		for (let i = 0; i < rounds; i++) {
			const before = cpuMs(daemons(c))
			const at = performance.now()
			await seconds(each)
			pct.push((cpuMs(daemons(c)) - before) * 100 / (performance.now() - at))
		}
		rows.add(name, median(pct), '% of a core')
		sipp.kill('SIGUSR1') // says goodbye to all
		await until('they are gone', () => calls() === 0, 40000).catch(() => {})
		sipp.kill('SIGKILL')
	}
	await stop(c)
}
