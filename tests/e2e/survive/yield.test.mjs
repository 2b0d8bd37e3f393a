// An agent has signed in at another node; the old session has just ended its wrap-up and is about to go
// when its node is held up for longer than its lease: nothing may be decided then, so the sign-out waits.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until, password } from '../lib/cluster.mjs'
import { Page, sealed, done } from '../abuse/page.mjs'

let c
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], base: 216, nodes: 2, machines: true, agents: [{ name: 'a1' }], queues: { support: 'skills: [lang.en], wrap_up: 3s, ring_timeout: 5s' } })
	await c.reachable()
	await sealed()
})
test.after(async () => { await c?.stop(); done() })

const signIn = async (node) => {
	const page = await (await Page.open(c, c.ip('oslo', 9), { path: `/desk?node=${node}` })).seal()
	const welcome = await page.login('a1', password)
	assert.equal(welcome.t, 'welcome')
	await page.ask({ t: 'plain.answer', ip: c.ip('oslo', 9), port: 40000 }, 'media')
	return page
}
const state = (page, name) => page.until(() => page.messages.filter((m) => m.t === 'state').at(-1)?.state === name)

test('a session that yields while the lease is over signs out once, and the node lives', async () => {
	const first = await signIn('oslo1')
	first.say({ t: 'ready' })
	await state(first, 'idle')
	const caller = c.caller('oslo', 'support', ['--seconds', '30'])
	const { offer } = await first.until(() => first.messages.find((m) => m.t === 'ring'))
	await first.ask({ t: 'accept', offer }, 'talk')
	await caller.stop()
	await state(first, 'wrap')
	const second = await signIn('oslo2')
	await first.until(() => first.messages.some((m) => m.t === 'taken_over'))
	await state(first, 'not_ready')
	c.signal('oslo1', 'SIGSTOP') // before its next tick, within a second
	await new Promise((r) => setTimeout(r, 1500))
	c.signal('oslo1', 'SIGCONT')
	await until('the node answers, and the old session is gone', () => {
		const node = c.node('oslo1')
		return node?.neighbour && !node.neighbour.lapsed && node.sessions === 0
	}, 15000)
	assert.equal(c.agentsNow().filter((a) => a.name === 'a1' && a.state !== 'off').length, 1)
	second.close()
	first.close()
})
