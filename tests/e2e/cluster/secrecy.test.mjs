// S11: what a gateway can see holds no plain text of a session. The gateway's own --dump writes
// every payload that passes; a whole sign-in and call goes through; known texts are looked for.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, password, until } from '../lib/cluster.mjs'

test('a gateway that writes down all it sees has written no secret', async () => {
	const c = new Cluster({ base: 70, sites: ['oslo'], agents: [{ name: 'agnes', display: 'Agnes Quill' }] })
	try {
		c.gatewayArgs = ['--dump', join(c.dir, 'dump')]
		c.prepare()
		await c.up()
		const agent = c.agent('agnes', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms'])
		await agent.idle()
		const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20', '--from', '+4722998877'])
		await agent.event('end', 15000)
		await Promise.all([agent.stop(), caller.stop()])
		const dump = await until('the dump holds the session', () => {
			const d = readFileSync(join(c.dir, 'dump'))
			return d.length > 2000 && d
		})
		for (const text of ['agnes', 'Agnes', password, '22998877', 'support', 'welcome', 'ready', '"t"', 'fingerprint', 'ticket'])
			assert.equal(dump.includes(text), false, `the gateway saw "${text}"`)
	} finally {
		await c.stop()
	}
})
