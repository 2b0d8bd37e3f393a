// An agent has signed in at another node, and the old session yields: it ends when its work is done, unless
// the newer one's node dies first and its page comes here.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until, password } from '../lib/cluster.mjs'
import { Page, sealed, done } from '../abuse/page.mjs'

let c
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], base: 216, nodes: 2, machines: true, agents: ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => ({ name })), queues: {
		support: 'skills: [lang.en], wrap_up: 3s, ring_timeout: 5s', notes: 'skills: [lang.en], wrap_up: 60s, ring_timeout: 5s' } })
	await c.reachable()
	await sealed()
})
test.after(async () => { await c?.stop(); done() })

const hears = (page) => page.ask({ t: 'plain.answer', ip: c.ip('oslo', 9), port: 40000 }, 'media')
// At this node, not at another one that the gateway gives while it has not heard of it.
const open = async (node, own) => {
	let page
	await until(`the gateway gives ${node}`, async () => {
		page = await (await Page.open(c, c.ip('oslo', 9), { path: `/desk?node=${node}` })).seal(own)
		return page.node === node || page.close()
	})
	return page
}
const signIn = async (node, name, own) => {
	const page = await open(node, own)
	page.welcome = await page.login(name, password)
	assert.equal(page.welcome.t, 'welcome')
	await hears(page)
	return page
}
// A browser's page comes back by itself, with its ticket and the session it had.
const comeBack = async (node, page, more) => {
	const back = await open(node, page.own)
	await back.ask({ t: 'resume', ticket: page.welcome.ticket, session: page.welcome.session, audio: 'plain', again: true, ...more }, 'welcome')
	await hears(back)
	return back
}
const all = (page, t) => page.messages.filter((m) => m.t === t)
const state = (page, name) => page.until(() => all(page, 'state').at(-1)?.state === name)
const talk = async (page, queue) => {
	page.say({ t: 'ready' })
	await state(page, 'idle')
	const caller = c.caller('oslo', queue, ['--seconds', '60'])
	const { offer, call } = await page.until(() => all(page, 'ring').at(-1))
	await page.ask({ t: 'accept', offer }, 'talk')
	return { caller, call, offer }
}
const told = (page, finish) => page.until(() => all(page, 'taken_over').at(-1)?.finish === finish)
const restart = async () => {
	c.daemon('node', 'oslo2')
	await c.healthy()
	await c.reachable()
}
const here = (name) => c.agentsNow().filter((a) => a.name === name && a.state !== 'off').map((a) => a.node)

test('a session that yields while the lease is over signs out once, and the node lives', async () => {
	const first = await signIn('oslo1', 'a1')
	const { caller } = await talk(first, 'support')
	await caller.stop()
	await state(first, 'wrap')
	const second = await signIn('oslo2', 'a1')
	await told(first, true)
	await state(first, 'not_ready')
	// Nothing may be decided while the lease is over: the sign-out waits.
	c.signal('oslo1', 'SIGSTOP') // before its next tick, within a second
	await new Promise((r) => setTimeout(r, 1500))
	c.signal('oslo1', 'SIGCONT')
	await until('the node answers, and the old session is gone', () => {
		const node = c.node('oslo1')
		return node?.neighbour && !node.neighbour.lapsed && node.sessions === 0
	}, 15000)
	assert.deepEqual(here('a1'), ['oslo2'])
	second.close()
	first.close()
	await c.healthy()
	await c.reachable()
})

test('the node of a talk dies, and its page comes where its agent still writes the note of an older one: it has the desk, and its talk', async () => {
	const first = await signIn('oslo1', 'a2')
	const older = await talk(first, 'notes')
	await older.caller.stop()
	await state(first, 'wrap')
	const second = await signIn('oslo2', 'a2', first.own)
	await told(first, true)
	const { caller, call } = await talk(second, 'support')
	await c.kill('oslo2')
	const back = await comeBack('oslo1', second, { ready: true, talking: true })
	await told(first, false)
	await back.until(() => all(back, 'talk').some((m) => m.call === call))
	await caller.stop()
	await state(back, 'wrap')
	await state(back, 'idle')
	assert.deepEqual(all(back, 'taken_over'), [])
	assert.deepEqual(here('a2'), ['oslo1'])
	back.close()
	await restart()
})

test('the newer page comes where the older one still talks: it has the desk, with that talk, and is not signed out after it', async () => {
	const first = await signIn('oslo1', 'a3')
	const { caller, call } = await talk(first, 'support')
	const second = await signIn('oslo2', 'a3', first.own)
	await told(first, true)
	const reloaded = await comeBack('oslo1', first) // takes nothing from the newer one
	await told(reloaded, true)
	await c.kill('oslo2')
	const back = await comeBack('oslo1', second)
	await told(reloaded, false)
	await back.until(() => all(back, 'talk').some((m) => m.call === call))
	await caller.stop()
	await state(back, 'wrap')
	await state(back, 'not_ready')
	back.say({ t: 'ready' })
	await state(back, 'idle')
	assert.deepEqual(all(back, 'taken_over'), [])
	assert.deepEqual(here('a3'), ['oslo1'])
	back.close()
	await restart()
})

test('the node of a wrap-up dies: the note goes on where its page comes, and nobody else can write it', async () => {
	const first = await signIn('oslo2', 'a4')
	const { caller, call, offer } = await talk(first, 'notes')
	await caller.stop()
	await state(first, 'wrap')
	const { slip } = all(first, 'state').at(-1)
	const note = (text) => ({ t: 'wrap', offer, slip, disposition: 'other', note: text, done: false })
	first.say(note('she will'))
	const noted = () => c.records().find((r) => r.call === call)?.note
	await until('it is in the record', () => noted() === 'she will')
	await c.kill('oslo2')
	const back = await comeBack('oslo1', first)
	const other = await signIn('oslo1', 'a5')
	assert.equal((await other.ask(note('nonsense'), 'error')).what, 'wrap')
	back.say(note('she will call'))
	await until('the record has the rest', () => noted() === 'she will call')
	other.close()
	back.close()
})
