// The node of a wrap-up dies under who writes the note: the form stays, the words arrive, calls come after it.
import test from 'node:test'
import assert from 'node:assert/strict'
import { until } from '../lib/cluster.mjs'
import { Desk } from '../day/desk.mjs'
import { stage, talk } from './ada.mjs'

let c, browser, node
test.before(async () => {
	({ c, browser, node } = await stage({ base: 248, sites: ['oslo'], machines: true, queues: { support: 'skills: [lang.en], wrap_up: 60s, ring_timeout: 20s' } }))
})
test.after(async () => {
	await browser?.close()
	await c?.stop()
})

test('a note goes on in its form when the node dies', async () => {
	const desk = await Desk.open(browser, `http://${c.gateway('oslo')}/`)
	await desk.start('ada')
	const was = node(), other = was === 'oslo1' ? 2 : 1
	const phone = await talk(desk, c.ip('oslo', 20), c.queueUri('oslo', 'support', other))
	await desk.id('hangup').click()
	await desk.state('wrap')
	await desk.id('wrap-note').fill('she will call')
	await c.kill(was)
	await until('she is at the other node', () => node() === `oslo${other}`)
	assert.equal(await desk.id('wrap-note').inputValue(), 'she will call')
	await desk.id('wrap-note').fill('she will call again')
	await until('it is in the record', () => c.records()[0]?.note === 'she will call again')
	assert.equal(await desk.page.locator('html').getAttribute('data-state'), 'wrap')
	await desk.id('wrap-done').click()
	await desk.state('idle')
	assert.equal(c.records()[0].note, 'she will call again')
	await phone.hangup()
})
