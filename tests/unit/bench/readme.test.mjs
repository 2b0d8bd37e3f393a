// The table that tests/bench/run --readme writes: every figure of every run, nothing else touched.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readRun, written } from '../../bench/lib/readme.mjs'

const marks = '<!-- written by tests/bench/run --readme -->\nold\n<!-- end -->'
const line = (row) => JSON.stringify({ unit: 'ms', floor: null, ratio: null, target: null, met: null, ...row })

function runs(t, ...texts) {
	const dir = mkdtempSync(join(tmpdir(), 'helio-readme-'))
	t.after(() => rmSync(dir, { recursive: true }))
	return texts.map((text, i) => {
		const file = join(dir, `${i}.jsonl`)
		writeFileSync(file, text)
		return file
	})
}

test('two runs stand side by side, with what was not measured in one of them', (t) => {
	const files = runs(t,
		[line({ name: 'setup_cpu_ms_per_call', value: 1.9, target: 2, met: true }), line({ name: 'calls_per_s_core', value: 800, unit: '1/s', floor: 2500, target: 400, met: true })].join('\n') + '\n',
		line({ name: 'setup_cpu_ms_per_call', value: null, target: 2, met: false, why: 'not measured: late' }))
	const text = written(`before\n${marks}\nafter`, files.map(readRun), 'a machine')
	assert.match(text, /^before\n<!-- written/)
	assert.match(text, /<!-- end -->\nafter$/)
	assert.ok(!text.includes('old'))
	assert.match(text, /2 whole runs; a machine\./)
	assert.ok(text.includes('| `setup_cpu_ms_per_call` | 1.9; - | ms | -; - | ≤ 2 | yes; not measured |'))
	assert.ok(text.includes('| `calls_per_s_core` | 800; - | 1/s | 2500; - | ≥ 400 | yes; - |'))
	assert.equal(written(text, files.map(readRun), 'a machine'), text)
})

test('what is no run is named, and nothing is written', (t) => {
	const [bad, empty] = runs(t, `${line({ name: 'a', value: 1 })}\nrubbish\n`, '')
	assert.throws(() => readRun(bad), /0\.jsonl:2: not a row/)
	assert.throws(() => readRun(empty), /no rows/)
	assert.throws(() => written('no marks', [], ''), /no part/)
})

test('the README has the marks', () => {
	const readme = readFileSync(new URL('../../bench/README.md', import.meta.url), 'utf8')
	assert.match(readme, /<!-- written by tests\/bench\/run --readme -->\n[\s\S]*<!-- end -->/)
})
