// Prometheus' text format, read as strictly as Prometheus does, and the table of deploy/monitoring.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const folder = resolve(dirname(fileURLToPath(import.meta.url)), '../../../deploy/monitoring')

// name -> { type, labels, roles }; that it is what the daemons have is another test's business.
export function table() {
	const rows = new Map()
	for (const line of readFileSync(join(folder, 'METRICS.md'), 'utf8').split('\n')) {
		const m = /^\| `(heliograph_[a-z_]+)` \| (\w+) \| ([a-z_, ]*) \| ([a-z, ]+) \| /.exec(line)
		if (!m) continue
		const words = (s) => s.split(',').map((x) => x.trim()).filter(Boolean)
		rows.set(m[1], { type: m[2], labels: words(m[3]), roles: m[4] === 'all' ? ['node', 'broker', 'gateway'] : words(m[4]) })
	}
	assert.ok(rows.size > 50, 'METRICS.md has its table')
	return rows
}

const suffixes = ['_bucket', '_sum', '_count']
export function family(rows, name) {
	if (rows.has(name)) return name
	for (const s of suffixes) {
		const base = name.endsWith(s) ? name.slice(0, -s.length) : ''
		if (rows.get(base)?.type === 'histogram') return base
	}
	return undefined
}

export class Page {
	constructor(text) {
		this.text = text
		this.samples = []
		this.types = new Map()
		let now
		assert.ok(text.endsWith('\n'))
		for (const line of text.trimEnd().split('\n')) {
			let m
			if ((m = /^# HELP (\S+) \S.*$/.exec(line))) {
				assert.ok(!this.types.has(m[1]), `${m[1]} comes once`)
				now = m[1]
			} else if ((m = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line))) {
				assert.equal(m[1], now)
				this.types.set(m[1], m[2])
			} else {
				m = /^([a-z_]+)(?:\{(.*)\})? (\d+(?:\.\d{6})?)$/.exec(line)
				assert.ok(m, `a sample: ${line}`)
				assert.ok(m[1] === now || (this.types.get(now) === 'histogram' && suffixes.some((s) => now + s === m[1])), `${line} under its own head`)
				const labels = Object.fromEntries([...(m[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((x) => [x[1], x[2]]))
				this.samples.push({ name: m[1], labels, value: Number(m[3]) })
			}
		}
	}
	// The sum of all samples of this name with at least these labels.
	sum(name, labels = {}) {
		const found = this.samples.filter((s) => s.name === `heliograph_${name}` && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
		assert.ok(found.length, `heliograph_${name} ${JSON.stringify(labels)} is there`)
		return found.reduce((n, s) => n + s.value, 0)
	}
}

export async function scrape(address) {
	const r = await fetch(`http://${address}/metrics`)
	assert.equal(r.status, 200)
	assert.match(r.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
	return new Page(await r.text())
}
