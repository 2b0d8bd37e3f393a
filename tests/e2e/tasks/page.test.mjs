// A callback at a real page: it rings like a call, shows whom to call, and ends with an outcome.
import nodeTest from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Desk, inOrder, openBrowser } from '../day/desk.mjs'

let c, browser, desk
const test = inOrder(nodeTest, async () => `${await desk?.look()}\n${c.log('oslo1').slice(-2000)}`)
nodeTest.before(async () => {
	;[c, browser] = await Promise.all([
		Cluster.start({
			base: 212, sites: ['oslo'], agents: [{ name: 'maria', site: 'oslo' }],
			queues: { support: 'skills: [lang.en], wrap_up: 30s, ring_timeout: 20s, overflow: [{after: 1s, to: callback}]' },
		}),
		openBrowser(),
	])
})
nodeTest.after(async () => {
	await browser?.close()
	await c?.stop()
})

test('the page says who is to be called, and what is noted ends the task', async () => {
	await c.caller('oslo', 'support', ['--seconds', '20', '--from', '+4722334455']).exited
	const task = await until('there is a task', () => c.ctl('tasks').tasks[0])
	desk = await Desk.open(browser, `http://${c.gateway('oslo')}/`)
	await desk.signIn('maria')
	await desk.state('not_ready')
	await desk.id('ready').click()
	await desk.state('ringing')
	assert.match(await desk.page.locator('body').innerText(), /Callback/)
	await desk.shot('task-ringing')
	await desk.id('accept').click()
	await desk.state('talking')
	assert.equal(await desk.id('task-dial').getAttribute('href'), `tel:${task.caller}`)
	assert.equal(await desk.page.locator('[data-testid=mute]').count(), 0, 'there is nobody to be muted for')
	await desk.shot('task-talking')
	await desk.id('hangup').click()
	await desk.state('wrap')
	await desk.page.keyboard.press('1')
	const done = await until('the task is done', () => c.ctl('tasks').tasks.find((t) => t.id === task.id && t.state === 'done'))
	assert.equal(done.disposition, 'resolved')
})
