// A thousand callers who wait while nobody is ready: what the daemons use of a core, with music and
// without any. One far socket takes all of the music; its kernel drops what nobody reads.
import { cluster, stop, start, daemons, cpuMs, seconds } from './lib/programs.mjs'
import { until } from '../e2e/lib/cluster.mjs'
import { median } from './lib/rows.mjs'

const callers = 1000, rounds = 3, each = 4

export default async function (rows) {
	const c = await cluster({
		sites: ['oslo'], base: 97, mediaPorts: ['10000-29999'], limits: ', calls_max: 2500',
		queues: { support: 'skills: [lang.en]', still: 'skills: [lang.en], music: "", greeting: ""' },
	})
	const calls = () => c.node('oslo1')?.calls ?? -1
	const used = async () => {
		const pct = []
		for (let i = 0; i < rounds; i++) {
			const before = cpuMs(daemons(c)), at = performance.now()
			await seconds(each)
			pct.push(((cpuMs(daemons(c)) - before) * 100) / (performance.now() - at))
		}
		return median(pct)
	}
	const cost = async (queue, address, all) => {
		start('sipp', ['-sn', 'uac', '-s', queue, '-i', address, '-p', '5060', '-mp', '6000', '-r', '200',
			'-m', String(callers), '-l', String(callers), '-d', '120000', '-nostdin', `${c.ip('oslo')}:5060`])
		await until(`${all} callers wait`, () => calls() >= all, 20000)
		await seconds(3) // the greeting is over
		return used()
	}
	// The still ones first: what they cost is in the second figure, and taken out of it.
	const idle = await used()
	rows.add('idle_daemons_cpu_pct', idle, '% of a core')
	const still = await cost('still', '127.0.98.1', callers)
	rows.add('waiting_1000_silent_cpu_pct', still - idle, '% of a core')
	rows.add('waiting_1000_cpu_pct', (await cost('support', '127.0.98.2', 2 * callers)) - still, '% of a core')
	await stop(c)
}
