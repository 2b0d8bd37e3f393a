// What being watched costs a node: 1,000 callers wait with music in one of many queues, the page is
// asked for again and again. Prints one JSON line; fails if a page holds the node's loop up for so
// long that a caller could notice.
//
//   HELIO_BIN=build/release/bin node tests/e2e/metrics/cost.mjs
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Cluster, until } from '../lib/cluster.mjs'
import { scrape } from './scrape.mjs'

const callers = 1000, queues = 200, pages = 40, loop_ms_max = 20
const c = new Cluster({
	base: 122,
	sites: ['oslo'],
	limits: ', calls_max: 2000',
	queues: Object.fromEntries(Array.from({ length: queues }, (_, i) => [i ? `q${i}` : 'support', 'skills: [lang.en]'])),
})
const cpu_s = (pid) => {
	const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
	return (Number(f[11]) + Number(f[12])) / 100
}
const quantile = (v, q) => [...v].sort((a, b) => a - b)[Math.floor(q * (v.length - 1))]
let sipp
try {
	c.prepare()
	await c.up()
	const ip = c.ip('oslo'), at = `${ip}:9101`
	sipp = spawn('sipp', ['-sn', 'uac', '-s', 'support', '-i', ip, '-p', '49200', '-mp', '49300', '-m', String(callers), '-l', String(callers), '-r', '100', '-d', '60000', '-nostdin', `${ip}:5060`], { stdio: 'ignore', cwd: c.dir })
	const ended = new Promise((r) => sipp.on('close', r))
	await until(`${callers} callers wait`, async () => (await scrape(at)).sum('queue_waiting', { queue: 'support' }) === callers, 40000)
	const window = async (ask) => {
		const before = cpu_s(c.pid('oslo1')), began = performance.now()
		await ask()
		return (100 * (cpu_s(c.pid('oslo1')) - before)) / ((performance.now() - began) / 1000)
	}
	const alone = await window(() => new Promise((r) => setTimeout(r, 8000))) // a window of time is what is measured
	const loop = [], whole = []
	let bytes = 0
	const asked = await window(async () => {
		const end = performance.now() + 8000
		for (let i = 0; i < pages; i++) {
			const began = performance.now()
			const p = await scrape(at)
			whole.push(performance.now() - began)
			loop.push(1000 * p.sum('scrape_seconds')) // of the page before
			bytes = p.text.length
			await new Promise((r) => setTimeout(r, Math.max(0, (end - performance.now()) / (pages - i))))
		}
	})
	const figures = {
		callers, queues, page_kb: Math.round(bytes / 1024),
		loop_ms_p50: +quantile(loop, 0.5).toFixed(2), loop_ms_max: +Math.max(...loop).toFixed(2),
		answer_ms_p50: +quantile(whole, 0.5).toFixed(1),
		node_cpu_pct_alone: +alone.toFixed(1), node_cpu_pct_at_5_pages_a_second: +asked.toFixed(1),
	}
	console.log(JSON.stringify(figures))
	sipp.kill('SIGKILL')
	await ended
	assert.ok(quantile(loop, 0.5) < loop_ms_max, `a page costs the loop ${quantile(loop, 0.5)} ms`)
} finally {
	sipp?.kill('SIGKILL')
	await c.stop()
}
