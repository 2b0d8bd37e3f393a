// A supervisor decides an agent's state: by helioctl, and from the floor of the page at another site.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Cluster, password, until } from '../lib/cluster.mjs'
import { openBrowser, openFloor } from '../web/browser.mjs'

class Floor extends Cluster {
	must(program, args) {
		if (program === 'helio-keys') {
			const file = join(this.dir, 'agents.yaml')
			writeFileSync(file, readFileSync(file, 'utf8').replace(/^( {2}boss: \{.*)\}$/m, '$1, supervisor: true}'), { mode: 0o600 })
		}
		return super.must(program, args)
	}
}
const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '120s']
let c, browser, a1
const state = (name) => c.agentsNow().find((a) => a.name === name)

before(async () => {
	c = new Floor({
		base: 190,
		agents: [{ name: 'boss', site: 'oslo', skills: ['lang.nb'] }, { name: 'a1', site: 'manila' }],
	})
	c.prepare()
	await c.up()
	a1 = c.agent('a1', plain)
	await a1.idle()
})
after(async () => {
	await browser?.close()
	await c?.stop()
})

test('helioctl sets an agent not ready and ready; the agent is told, the node keeps account', async () => {
	assert.equal(c.ctl('agent', 'force', 'a1', 'not-ready').forced[0], 'a1')
	assert.deepEqual([state('a1').state, state('a1').reason], ['not_ready', 'forced'])
	assert.equal((await a1.event('forced')).what, 'not-ready')
	assert.equal(c.ctl('agent', 'force', 'a1', 'ready').forced[0], 'a1')
	assert.equal(state('a1').state, 'idle')
	assert.match(c.log('manila1'), /event=agent\.forced agent=a1 what=not-ready by=helioctl done=1/)
})

test('who is not signed in, or has nothing in hand, is said to be so', () => {
	assert.equal(c.ctl('agent', 'force', 'boss', 'ready').forced.length, 0)
	assert.equal(c.ctl('agent', 'force', 'a1', 'release').forced.length, 0)
	assert.match(c.log('manila1'), /agent=a1 what=release by=helioctl done=0/)
})

test('a supervisor in Oslo decides for an agent in Manila, on the floor', async () => {
	browser = await openBrowser()
	const page = await browser.context.newPage()
	const id = (name) => page.getByTestId(name)
	page.setDefaultTimeout(15000)
	await page.setViewportSize({ width: 1400, height: 1000 })
	await openFloor(page, c.gateway('oslo'), 'boss', password)
	await page.locator('[data-testid="agent-a1"][data-state="idle"]').waitFor()
	await id('pick-a1').click()
	await id('force-not-ready').click()
	await page.locator('[data-testid="force-done"][data-ok="true"]').waitFor()
	await page.locator('[data-testid="agent-a1"][data-state="not_ready"]').waitFor()
	assert.match(c.log('manila1'), /event=agent\.forced agent=a1 what=not-ready by=boss done=1/)
	await id('force-ready').click()
	await page.locator('[data-testid="agent-a1"][data-state="idle"]').waitFor()

	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '60'])
	await a1.event('talk')
	await page.locator('[data-testid="agent-a1"][data-state="talking"]').waitFor()
	await id('force-release').click()
	assert.equal((await a1.event('end')).why, 'forced')
	await caller.exited
	const [record] = await until('the record is written', () => c.records().length && c.records())
	assert.equal(record.outcome, 'answered')
})
