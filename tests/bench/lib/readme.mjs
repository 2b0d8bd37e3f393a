// The table "Measured" of README.md, from what runs have written: nobody copies figures by hand.
//
//   tests/bench/run --readme OUT.jsonl [OUT.jsonl…]

import { readFileSync, writeFileSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { targetText } from './rows.mjs'

const begins = '<!-- written by tests/bench/run --readme -->', ends = '<!-- end -->'

// One run: its rows by name, in their order, and when it ended.
export function readRun(file) {
	const rows = new Map()
	for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
		if (!line) continue
		try {
			const row = JSON.parse(line)
			if (typeof row.name !== 'string') throw new Error('no name')
			rows.set(row.name, row)
		} catch (e) {
			throw new Error(`${file}:${i + 1}: not a row of a bench (${e.message})`)
		}
	}
	if (!rows.size) throw new Error(`${file}: no rows; write it with tests/bench/run BIN_DIR ${file}`)
	return { rows, at: statSync(file).mtime }
}

export function table(runs) {
	const names = [...new Set(runs.flatMap((r) => [...r.rows.keys()]))]
	const each = (name, what) => runs.map((r) => what(r.rows.get(name))).join('; ')
	const number = (v) => (v === null || v === undefined ? '-' : String(v))
	const met = (row) => (!row || row.met === null ? '-' : row.met ? 'yes' : row.value === null ? 'not measured' : 'no')
	return ['| figure | value | unit | floor | target | met |', '|---|---|---|---|---|---|', ...names.map((name) => {
		const row = runs.map((r) => r.rows.get(name)).find(Boolean)
		return `| \`${name}\` | ${each(name, (r) => number(r?.value))} | ${row.unit || '-'} | ${each(name, (r) => number(r?.floor))} | ${targetText(row)} | ${each(name, met)} |`
	})].join('\n')
}

const day = (date) => date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })

// The text of the README with the part between the marks written anew.
export function written(text, runs, cpu) {
	const from = text.indexOf(begins), to = text.indexOf(ends)
	if (from < 0 || to < from) throw new Error(`the README has no part between "${begins}" and "${ends}"`)
	const when = [...new Set(runs.map((r) => day(r.at)))].join(', ')
	const head = `${when}; ${runs.length > 1 ? `${runs.length} whole runs` : 'one run'}; ${cpu}.`
	return `${text.slice(0, from)}${begins}\n${head}\n\n${table(runs)}\n${text.slice(to)}`
}

export function writeReadme(readme, files) {
	const list = cpus()
	writeFileSync(readme, written(readFileSync(readme, 'utf8'), files.map(readRun), `${list.length} cores, ${list[0]?.model.trim() ?? 'unknown'}`))
}
