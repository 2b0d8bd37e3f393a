// What people load into Prometheus and Grafana names only metrics, and labels, that exist.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { family, folder, table } from '../../e2e/metrics/scrape.mjs'

const rows = table()
// They come with the target; `le` with a histogram's buckets.
const target = ['cluster', 'site', 'role', 'daemon', 'instance', 'job', 'le']

// The rules as alerts.yml writes them: a list of maps of scalars, strings and two inner maps.
function rules(text) {
	const list = []
	let now, block, key
	for (const [i, line] of text.split('\n').entries()) {
		if (!line.trim() || line.trim().startsWith('#')) continue
		const indent = line.search(/\S/)
		const at = `alerts.yml:${i + 1}`
		let m
		if ((m = /^ {6}- alert: (\w+)$/.exec(line))) {
			list.push((now = { alert: m[1], at }))
			block = undefined
		} else if (now && indent === 8 && (m = /^ {8}(\w+):(?: (.*))?$/.exec(line))) {
			key = m[1]
			assert.ok(!(key in now), `${at}: ${key} twice`)
			block = m[2] === '|' ? 'text' : m[2] === undefined ? 'map' : undefined
			now[key] = block === 'text' ? '' : block === 'map' ? {} : scalar(m[2], at)
		} else if (now && indent >= 10 && block === 'text') {
			now[key] += line.trim() + ' '
		} else if (now && indent === 10 && block === 'map' && (m = /^ {10}(\w+): (".*")$/.exec(line))) {
			now[key][m[1]] = JSON.parse(m[2])
		} else {
			assert.ok(!now && /^(groups:| {2}- name: heliograph| {4}rules:)$/.test(line), `${at}: not understood: ${line}`)
		}
	}
	return list
}
function scalar(text, at) {
	const map = /^\{severity: (\w+)\}$/.exec(text)
	if (map) return { severity: map[1] }
	assert.ok(!/^["'[{&*!%@`]|: | #/.test(text), `${at}: needs quotes: ${text}`)
	return text
}

function check(expression, where) {
	assert.equal(expression.split('(').length, expression.split(')').length, `${where}: brackets`)
	const named = [...expression.matchAll(/\b(heliograph_[a-z_]+)\b(?:\{([^}]*)\})?/g)]
	const used = new Set(target)
	for (const [, name, labels] of named) {
		const base = family(rows, name)
		assert.ok(base, `${where}: there is no ${name}`)
		for (const l of rows.get(base).labels) used.add(l)
		for (const [, l] of (labels ?? '').matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g))
			assert.ok(rows.get(base).labels.includes(l) || target.includes(l), `${where}: ${name} has no label ${l}`)
		if (rows.get(base).type === 'counter')
			assert.match(expression, /\b(rate|increase|label_values)\(/, `${where}: ${name} only grows; its rate says something`)
	}
	for (const [, list] of expression.matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g))
		for (const l of list.split(',').map((x) => x.trim()).filter(Boolean)) assert.ok(used.has(l), `${where}: no label ${l} here`)
	return { named: named.map((m) => m[1]), used }
}

test('every alert names metrics and labels that exist, how bad it is and what to do first', () => {
	const list = rules(readFileSync(join(folder, 'alerts.yml'), 'utf8'))
	assert.ok(list.length >= 10)
	assert.equal(new Set(list.map((r) => r.alert)).size, list.length)
	for (const r of list) {
		const { named, used } = check(r.expr, r.at)
		assert.ok(named.length || /^up\{/.test(r.expr), r.at)
		if (r.for) assert.match(r.for, /^\d+[smh]$/, r.at)
		assert.ok(['page', 'ticket'].includes(r.labels?.severity), `${r.at}: severity`)
		for (const key of ['summary', 'runbook']) {
			const text = r.annotations?.[key]
			assert.ok(text?.length > 20, `${r.at}: ${key}`)
			for (const [, l] of text.matchAll(/\$labels\.(\w+)/g)) assert.ok(used.has(l), `${r.at}: no label ${l}`)
			for (const [name] of text.matchAll(/heliograph_[a-z_]+/g)) assert.ok(family(rows, name), `${r.at}: there is no ${name}`)
		}
		assert.match(r.annotations.runbook, /\.$/, `${r.at}: a sentence`)
	}
})

test('what must wake somebody has a rule', () => {
	const all = rules(readFileSync(join(folder, 'alerts.yml'), 'utf8')).map((r) => r.expr).join('\n')
	for (const name of ['up{', 'island', 'presence_up', 'calls_unprotected', 'queue_longest_wait_seconds', 'records_pending', 'cert_expiry_timestamp_seconds', 'config_info', 'site_queue_coexist_seconds_total', 'mesh_dropped_total', 'journal_up'])
		assert.ok(all.includes(name), name)
})

test('every panel of the dashboard names metrics and labels that exist, and lies on the page once', () => {
	const board = JSON.parse(readFileSync(join(folder, 'grafana.json'), 'utf8'))
	const seen = new Set(), ids = new Set(), cells = new Set()
	for (const v of board.templating.list) if (v.type === 'query') check(v.query.query, `variable ${v.name}`)
	for (const p of board.panels) {
		assert.ok(!ids.has(p.id))
		ids.add(p.id)
		const { x, y, w, h } = p.gridPos
		assert.ok(x >= 0 && x + w <= 24)
		for (let i = x; i < x + w; i++) for (let k = y; k < y + h; k++) {
			assert.ok(!cells.has(`${i},${k}`), `${p.title} lies on another panel`)
			cells.add(`${i},${k}`)
		}
		if (p.type === 'row') continue
		assert.ok(p.title && p.targets.length, `panel ${p.id}`)
		for (const t of p.targets) {
			const { named, used } = check(t.expr, p.title)
			for (const n of named) seen.add(family(rows, n))
			for (const [, l] of t.legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(used.has(l), `${p.title}: no label ${l}`)
			for (const [, v] of t.expr.matchAll(/\$(\w+)/g)) assert.ok(board.templating.list.some((x) => x.name === v), `${p.title}: no variable ${v}`)
		}
	}
	assert.ok(seen.size > 30)
})
