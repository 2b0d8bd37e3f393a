// Figures: one row each, written as it is measured and shown in one table at the end.

// What each figure is held against; at most, unless it says at least.
const targets = {
	queue_to_ring_p99_ms: { target: 10 },
	setup_cpu_ms_per_call: { target: 2 },
	relay_webrtc_core_pct_per_call: { target: 0.12 },
	waiting_call_kb: { target: 32 },
	calls_per_s_core: { target: 400, atLeast: true },
	freed_agent_rering_p99_ms: { target: 20 },
	sessions_per_gateway: { target: 10000, atLeast: true },
	idle_session_kb: { target: 30 },
	broadcast_10000_p99_ms: { target: 250 },
	mass_return_s: { target: 5 },
	journal_cpu_pct: { target: 5 },
	waiting_1000_cpu_pct: { target: 12 },
	waiting_1000_silent_cpu_pct: { target: 1 },
	presence_updates_per_s: { target: 10000, atLeast: true },
	acd_decisions_per_s: { target: 500000, atLeast: true },
	acd_decision_p99_us: { target: 20 },
	acd_growth_1k_to_100k: { target: 1.67 },
	sim_events_per_s: { target: 1000000, atLeast: true },
}

export const targetText = (row) => (row.target === null ? '-' : `${targets[row.name]?.atLeast ? '≥' : '≤'} ${row.target}`)

const round = (v) => (v === null || v === undefined || !Number.isFinite(v) ? null : Number(v.toPrecision(4)))

export class Rows {
	constructor(written) {
		this.rows = []
		this.written = written
	}
	has(name) { return this.rows.some((r) => r.name === name) }
	// A measured value beside its floor: the same work with nothing of ours around it.
	add(name, value, unit, floor = null) {
		const t = targets[name]
		const met = t ? (t.atLeast ? value >= t.target : value <= t.target) : null
		this.put({ name, value: round(value), unit, floor: round(floor), ratio: floor ? round(value / floor) : null, target: t?.target ?? null, met })
	}
	// A row that another program printed in the same form.
	pass(row) {
		const t = targets[row.name]
		this.put({ name: row.name, value: round(row.value), unit: row.unit, floor: round(row.floor), ratio: round(row.ratio), target: t?.target ?? row.target ?? null, met: row.met ?? null })
	}
	missing(name, why) {
		this.put({ name, value: null, unit: '', floor: null, ratio: null, target: targets[name]?.target ?? null, met: false, why: `not measured: ${why}` })
	}
	put(row) {
		if (this.has(row.name)) return
		this.rows.push(row)
		this.written(row)
	}
	met() {
		const held = this.rows.filter((r) => r.target !== null)
		return `${held.filter((r) => r.met).length} of ${held.length} targets met`
	}
	table(colour) {
		const paint = (code, s) => (colour ? `\x1b[${code}m${s}\x1b[0m` : s)
		const text = (v) => (v === null || v === undefined ? '-' : String(v))
		const said = (r) => (r.met === null ? '-' : r.met ? 'yes' : 'NO')
		const head = ['figure', 'value', 'unit', 'floor', 'ratio', 'target', 'met']
		const body = this.rows.map((r) => [r.name, text(r.value), r.why ?? r.unit, text(r.floor), text(r.ratio), targetText(r), said(r)])
		// A reason may be long: it stands at its place, but does not widen the column.
		const width = head.map((h, i) => Math.max(h.length, ...body.map((c) => (c[i].startsWith('not measured') ? 0 : c[i].length))))
		const right = [false, true, false, true, true, true, false]
		const cell = (s, i) => (right[i] ? s.padStart(width[i]) : s.padEnd(width[i]))
		const line = (cells) => cells.map(cell).join('  ').trimEnd()
		return [paint('1', line(head)), ...body.map((cells) => {
			const met = cells[6]
			const shown = line(cells)
			return met === 'NO' ? paint('31', shown) : met === 'yes' ? paint('32', shown) : shown
		})].join('\n')
	}
}

export const median = (values) => {
	const v = [...values].sort((a, b) => a - b)
	return v.length ? v[Math.floor(v.length / 2)] : NaN
}
export const quantile = (values, q) => {
	const v = [...values].sort((a, b) => a - b)
	return v.length ? v[Math.min(v.length - 1, Math.floor(v.length * q))] : NaN
}
