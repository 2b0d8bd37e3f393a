// Test files run side by side: no two of them may start a cluster on the same addresses.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './cluster.mjs'

const e2e = join(root, 'tests/e2e')
const locked = 'presence' // one after the other, by a lock (RESOURCE_LOCK), on four blocks

// One address block a site: [file, block] of every `base: N` and `BASE = N`.
function* blocks() {
	for (const file of readdirSync(e2e, { recursive: true }).filter((f) => f.endsWith('.test.mjs'))) {
		const text = readFileSync(join(e2e, file), 'utf8'), shared = file.startsWith(locked)
		for (const line of text.split('\n')) {
			const base = /\bbase(?::| =) (\d+)/i.exec(line)?.[1]
			if (!base) continue
			const sites = shared ? 4 : /sites: \[([^\]]*)\]/.exec(/BASE/.test(line) ? text : line)?.[1].split(',').length ?? 2
			for (let i = 0; i < sites; i++) yield [shared ? locked : file, Number(base) + i]
		}
	}
}

test('each test file has addresses of its own', () => {
	const owner = new Map()
	for (const [file, block] of blocks()) {
		assert.ok(block < 256, `${file}: 127.0.${block}.x`)
		assert.equal(owner.get(block) ?? file, file, `127.0.${block}.x`)
		owner.set(block, file)
	}
	assert.ok(owner.size > 40, `${owner.size} blocks were found`)
})
