// Who sits at the desk: a second tab, a second device, a lid that opens too late, wrong passwords.
import nodeTest from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Desk, inOrder, openBrowser } from './desk.mjs'
import { Phone } from './phone.mjs'

const BASE = 132
let c, browser, desk
const phones = []
const logs = () => [...c.children.keys()].map((n) => `--- ${n}\n${c.log(n).slice(-1200)}`).join('\n')
const test = inOrder(nodeTest, async () => `${await desk.look()}\n${logs()}`)

nodeTest.before(async () => {
	;[c, browser] = await Promise.all([
		Cluster.start({
			base: BASE, nodes: 2, agents: [{ name: 'maria', site: 'manila' }, { name: 'jose', site: 'manila' }],
			queues: { support: 'skills: [lang.en], wrap_up: 15s, ring_timeout: 6s, overflow: [{when: no_idle_here, to: any_open}]' },
		}),
		openBrowser(),
	])
})
nodeTest.after(async () => {
	for (const p of phones) await p.hangup()
	await browser?.close()
	await c?.stop()
})
const page = (site) => `http://${c.gateway(site)}/`
const open = async (site, options) => (desk = await Desk.open(browser, page(site), options))
async function talk(d) {
	const phone = await Phone.dial({ ip: `127.0.${BASE}.9`, uri: c.queueUri('oslo', 'support') })
	phones.push(phone)
	await d.state('ringing')
	await d.id('accept').click()
	await d.state('talking')
	await Promise.all([phone.hears(), d.hears()])
	return phone
}
const sessions = () => c.agentsNow().filter((a) => a.name === 'maria')

test('a wrong name and a wrong password get the same sentence; five wrong ones lock, with the time', async () => {
	await open('manila')
	const said = []
	for (const [name, word] of [['jose', 'wrong'], ['nobody', 'quiet-harbour']]) {
		await desk.signIn(name, word)
		await desk.page.locator('[data-testid=signin-error] .banner').waitFor()
		said.push(await desk.id('signin-error').textContent())
	}
	assert.equal(said[0], said[1])
	assert.match(said[0], /The name or the password is not right/)
	for (let i = 2; i <= 5; i++) {
		await desk.signIn('jose', `wrong${i}`)
		await desk.page.locator('[data-testid=signin-submit]:not([aria-busy])').waitFor()
	}
	await desk.id('signin-retry').waitFor()
	assert.match(await desk.id('signin-error').textContent(), /Too many tries.*You can try again in (1 min|5\d sec)/)
	await desk.shot('day-locked')
	// The right password does not open it either, or the lock would tell which one is right.
	await desk.signIn('jose')
	await desk.page.locator('[data-testid=signin-submit]:not([aria-busy])').waitFor()
	assert.match(await desk.id('signin-error').textContent(), /Too many tries/)
	await desk.context.close()
})

test('a second tab of the same browser takes over, with the call; the older one says so', async () => {
	const first = await open('manila')
	await first.start('maria')
	const phone = await talk(first)
	const second = await open('manila', { context: first.context })
	await second.id('continue').click()
	await second.state('talking')
	await first.state('taken_over')
	assert.match(await first.id('taken-over').textContent(), /open somewhere else/)
	await Promise.all([phone.hears(), second.hears()])
	assert.equal(await first.page.evaluate(() => navigator.mediaDevices !== undefined && document.documentElement.dataset.mic), 'unknown')
	await first.shot('day-taken-over')
	// And back: one click.
	await first.id('use-here').click()
	await first.state('talking')
	await second.state('taken_over')
	await Promise.all([phone.hears(), first.hears()])
	await second.page.close()
	await first.id('hangup').click()
	await first.id('wrap-done').click()
	await first.state('idle')
	assert.equal(sessions().length, 1)
	desk = first
})

test('a sign-in at another site while nothing is in hand: the older page stops and says so', async () => {
	const old = desk
	const other = await open('oslo')
	await other.signIn('maria')
	await other.state('not_ready')
	await old.state('taken_over')
	await until('one session is left', () => sessions().length === 1)
	await other.context.close()
	desk = old
})

test('a sign-in elsewhere during a call: the call is finished and noted on the older page, which says so', async () => {
	const old = desk
	await old.id('use-here').click()
	await old.state('not_ready')
	await old.canBeReady()
	await old.id('ready').click()
	await old.state('idle')
	const phone = await talk(old)
	const { call, agent_node } = c.calls().find((x) => x.agent === 'maria')
	// The other site's gateway offers its own nodes to who does not say where home is.
	const other = await open('oslo')
	await other.signIn('maria')
	await other.state('not_ready')
	await old.id('leaving').waitFor()
	assert.match(await old.id('leaving').textContent(), /Finish this call and its note here/)
	await old.shot('day-leaving')
	const from = performance.now()
	await phone.hears(from)
	await old.hears()
	assert.equal(await old.page.locator('html').getAttribute('data-state'), 'talking', `${call} at ${agent_node}`)
	// Not even a reload of it takes the call away.
	await old.page.reload()
	await old.state('talking')
	await old.id('leaving').waitFor()
	await old.hears()
	await old.id('hangup').click()
	await old.state('wrap')
	await old.id('outcome-complaint').click({ force: true })
	await old.id('wrap-note').fill('finished at the old desk')
	await old.id('wrap-done').click()
	await old.state('taken_over')
	await until('it is in the record', () => c.records().find((r) => r.call === call && r.disposition === 'complaint' && r.note === 'finished at the old desk'))
	await until('one session is left', () => sessions().length === 1)
	assert.equal(await other.page.locator('html').getAttribute('data-state'), 'not_ready')
	await old.context.close()
	desk = other
})

test('a lid that opens after a sign-in on another device takes nothing from it', async () => {
	const asleep = desk
	await asleep.context.setOffline(true)
	c.signal('oslo-g1', 'SIGSTOP') // its gateway cannot be reached: as if this page were not there
	await asleep.link('lost')
	const awake = await open('manila')
	await awake.signIn('maria')
	await awake.state('not_ready')
	c.signal('oslo-g1', 'SIGCONT')
	await asleep.context.setOffline(false)
	await asleep.state('taken_over')
	assert.equal(await awake.page.locator('html').getAttribute('data-state'), 'not_ready')
	assert.deepEqual(awake.complaints, [])
	await awake.signOut()
})
