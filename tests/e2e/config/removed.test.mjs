// A queue is removed while somebody waits in it, and the daemons die.
import test from 'node:test'
import assert from 'node:assert/strict'
import { until } from '../lib/cluster.mjs'
import { audio, started } from './signed.mjs'

test('node and broker killed while somebody waits in a removed queue: the caller comes back to it and is served', async (t) => {
	const c = await started({
		base: 238, sites: ['oslo'], journal: true, agents: [{ name: 'a1', site: 'oslo', skills: ['lang.nb'] }],
		queues: { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 5s', old: 'skills: [lang.nb], wrap_up: 0s, ring_timeout: 5s' },
	}, t)
	const waits = c.caller('oslo', 'old', ['--tone', '440', '--listen', '880', '--seconds', '120'])
	const call = await until('somebody waits in old', () => c.calls().find((x) => x.queue === 'old' && x.state === 'queued'))
	c.edit('cluster.yaml', (s) => s.replace(/\n {2}old: .*/, ''))
	assert.equal(c.sign().code, 0)
	const r = c.apply()
	assert.equal(r.code, 0, r.text)
	await c.kill('oslo1')
	await c.kill('oslo-b1')
	c.daemon('node', 'oslo1')
	c.daemon('broker', 'oslo-b1')
	await until('both are back', () => ['oslo1', 'oslo-b1'].every((n) => c.status(n)?.config?.version === 2))
	await until('the caller waits again, in the same queue', () => c.calls().some((x) => x.call === call.call && x.queue === 'old' && x.state === 'queued'))
	const a1 = c.agent('a1', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '1s', '--tone', '880'])
	await a1.event('talk')
	assert.equal(await waits.exited, 0)
	const record = await until('the record', () => c.records().find((x) => x.queue === 'old'))
	assert.equal(record.outcome, 'answered')
	// Nobody new gets in.
	const refused = c.caller('oslo', 'old', ['--seconds', '5'])
	assert.notEqual(await refused.exited, 0)
})
