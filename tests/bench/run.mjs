// The driver of all benches. Each bench is a module that measures some figures and may take so many
// seconds; whatever goes wrong with one becomes rows that say why, and the next one runs.

import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadavg } from 'node:os'
import { Rows } from './lib/rows.mjs'
import { stopAll } from './lib/programs.mjs'
import { writeReadme } from './lib/readme.mjs'

// What each measures, so that a bench that fails still says which figures are missing; seconds is
// what it may take at most.
const benches = [
	{ name: 'acd', seconds: 60, figures: ['acd_decisions_per_s', 'acd_decision_p99_us', 'acd_agent_bytes', 'acd_call_bytes', 'acd_growth_1k_to_100k', 'sim_events_per_s'] },
	{ name: 'relay', seconds: 60, figures: ['relay_webrtc_core_pct_per_call'] },
	{ name: 'sealed', seconds: 30, figures: ['sealed_frames_per_s'] },
	{ name: 'presence', seconds: 20, figures: ['presence_updates_per_s'] },
	{ name: 'memory', seconds: 60, figures: ['waiting_call_kb', 'agent_session_kb', 'agent_session_webrtc_kb'] },
	{ name: 'calls', seconds: 75, figures: ['queue_to_ring_p99_ms', 'setup_cpu_ms_per_call', 'freed_agent_rering_p99_ms'] },
	{ name: 'waiting', seconds: 75, figures: ['waiting_1000_cpu_pct', 'waiting_1000_silent_cpu_pct'] },
	{ name: 'return', seconds: 45, figures: ['mass_return_s'] },
	{ name: 'sessions', seconds: 280, figures: ['sessions_per_gateway', 'idle_session_kb', 'broadcast_10000_p99_ms'] },
	{ name: 'journal', seconds: 100, figures: ['journal_call_ms', 'journal_cpu_pct'] },
	{ name: 'rate', seconds: 75, figures: ['calls_per_s_core'] },
]
const allSeconds = 620

const usage = `usage: tests/bench/run BIN_DIR OUT.jsonl [BENCH…]
       tests/bench/run --readme OUT.jsonl [OUT.jsonl…]

  BENCH   ${benches.map((b) => b.name).join(' | ')};
          none: all of them, until ${Math.ceil(allSeconds / 60)} minutes are over

Prints a table and writes {"name","value","unit","floor","ratio","target","met"}, one a line. Every
floor is measured in the same run. The exit status is 0 even when a figure is missed or missing.
--readme writes the table of README.md from the files of whole runs, and fails where they are none.`

const args = process.argv.slice(2)
if (args[0] === '--readme') {
	try {
		if (args.length < 2) throw new Error('--readme needs the file of a run')
		writeReadme(fileURLToPath(new URL('README.md', import.meta.url)), args.slice(1))
	} catch (e) {
		console.error(`tests/bench/run: ${e.message}`)
		process.exit(1)
	}
	process.exit(0)
}
const [binDir, out, ...only] = args
if (!binDir || !out || binDir.startsWith('-')) {
	console.log(usage)
	process.exit(0)
}
process.env.HELIO_BIN = resolve(binDir)

const file = createWriteStream(out)
const rows = new Rows((row) => file.write(JSON.stringify(row) + '\n'))
const began = performance.now()
rows.add('load_average_before', loadavg()[0], '') // a run beside other work says so
const spent = () => (performance.now() - began) / 1000

async function withDeadline(work, seconds) {
	let timer
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not done within ${Math.round(seconds)} s`)), seconds * 1000)
	})
	try {
		return await Promise.race([work, late])
	} finally {
		clearTimeout(timer)
	}
}

for (const signal of ['SIGINT', 'SIGTERM']) {
	process.on(signal, async () => {
		await stopAll()
		process.exit(0)
	})
}

for (const b of benches) {
	if (only.length && !only.includes(b.name)) continue
	const seconds = Math.min(b.seconds, allSeconds - spent())
	let why = 'the time of the whole bench is used up'
	if (seconds > 5) {
		console.error(`bench ${b.name} …`)
		try {
			const { default: measure } = await import(`./${b.name}.mjs`)
			await withDeadline(measure(rows), seconds)
			why = 'the bench ended without it'
		} catch (e) {
			why = String(e.message).split('\n')[0].slice(0, 300)
			if (process.env.HELIO_VERBOSE) console.error(e)
		}
		await stopAll()
	}
	for (const name of b.figures) if (!rows.has(name)) rows.missing(name, why)
}

console.log(rows.table(process.stdout.isTTY && !process.env.NO_COLOR))
console.log(`${Math.round(spent())} s; ${rows.met()}`)
await new Promise((r) => file.end(r))
process.exit(0)
