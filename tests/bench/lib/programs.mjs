// Programs and clusters of a bench, with what they cost; whatever was started here is stopped by
// stopAll(), also after a bench that failed or took too long.

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, bin, password } from '../../e2e/lib/cluster.mjs'

const running = new Set()
const clusters = new Set()

// Runs a program to its end and gives its output; it is killed after so many milliseconds.
export function run(command, args, ms = 30000) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
		let stdout = '', stderr = ''
		const timer = setTimeout(() => child.kill('SIGKILL'), ms)
		running.add(child)
		child.stdout.on('data', (d) => (stdout += d))
		child.stderr.on('data', (d) => (stderr = (stderr + d).slice(-2000)))
		child.on('error', (e) => reject(new Error(`${command}: ${e.message}`)))
		child.on('close', (code, signal) => {
			clearTimeout(timer)
			running.delete(child)
			resolve({ code, signal, stdout, stderr })
		})
	})
}

// The JSON objects that one of our own programs prints.
export async function figures(program, args, ms) {
	const r = await run(join(bin, program), args, ms)
	const lines = r.stdout.split('\n').filter((l) => l.startsWith('{'))
	if (!lines.length) throw new Error(`${program}: ${r.stderr.trim().split('\n').pop() || r.signal || `status ${r.code}`}`)
	return lines.map((l) => JSON.parse(l))
}

export function start(command, args) {
	const child = spawn(command, args, { stdio: 'ignore' })
	running.add(child)
	child.ended = new Promise((r) => {
		child.on('error', r)
		child.on('close', () => { running.delete(child); r() })
	})
	return child
}

// A cluster on the benches' addresses; agents sign in with the cheapest hash, because Argon2id is
// not what is measured.
export async function cluster(options) {
	const [passwordHash] = (await run(join(bin, 'bench_floor'), ['hash', password])).stdout.split('\n')
	const c = new Cluster({ base: 90, passwordHash, ...options })
	clusters.add(c)
	c.prepare()
	await c.up()
	return c
}

export async function stop(c) {
	clusters.delete(c)
	await c.stop()
}

export async function stopAll() {
	for (const child of running) child.kill('SIGKILL')
	for (const c of clusters) {
		clusters.delete(c)
		await c.stop().catch(() => {})
	}
}

// The daemons of a cluster; Redis apart, because an adopter has it anyway.
export const daemons = (c) => [...c.children].filter(([name]) => name !== 'redis').map(([, e]) => e.child.pid)

// CPU milliseconds that these processes have used, all threads: utime + stime, in ticks of 10 ms.
export function cpuMs(pids) {
	let ticks = 0
	for (const pid of pids) {
		const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
		ticks += Number(fields[11]) + Number(fields[12])
	}
	return ticks * 10
}

// Memory that would come back if these processes ended.
export function privateKb(pids) {
	let kb = 0
	for (const pid of pids)
		for (const m of readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').matchAll(/^Private_\w+:\s+(\d+) kB/gm)) kb += Number(m[1])
	return kb
}

export function pin(pids, core) {
	for (const pid of pids) {
		const r = spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)])
		if (r.status !== 0) throw new Error(`taskset: ${r.stderr}`)
	}
}

export const seconds = (s) => new Promise((r) => setTimeout(r, s * 1000))
