// A call in hand, and what happens to a page meanwhile: reload, a dead gateway, no network, a bad line.
import nodeTest from 'node:test'
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Cluster, promised, until } from '../lib/cluster.mjs'
import { CALLER_HZ, Desk, inOrder, openBrowser } from './desk.mjs'
import { Phone } from './phone.mjs'

const BASE = 130
const RETURN_MS = promised(3000) // design §10: what a reload may cost a caller
const CONTROLS_MS = promised(5000) // and what a gateway's death may cost an operator
let c, browser, desk, phone
const phones = []
let drop = 0 // share of the page's audio packets that get lost, either way
const relays = []

/** A way for the page's WebRTC packets that can lose some. */
async function relay(ip, port) {
	const near = createSocket('udp4'), far = createSocket('udp4')
	relays.push(near, far)
	near.bind(0, ip)
	far.bind(0, ip)
	await Promise.all([once(near, 'listening'), once(far, 'listening')])
	let browserAt = null
	near.on('message', (m, from) => {
		browserAt = from
		if (Math.random() >= drop) far.send(m, port, ip)
	})
	far.on('message', (m) => browserAt && Math.random() >= drop && near.send(m, browserAt.port, browserAt.address))
	return near.address().port
}

const logs = () => [...c.children.keys()].map((n) => `--- ${n}\n${c.log(n).slice(-1500)}`).join('\n')
const test = inOrder(nodeTest, async () => `${await desk.look()}\n${logs()}`)

nodeTest.before(async () => {
	;[c, browser] = await Promise.all([
		Cluster.start({
			base: BASE, nodes: 2, agents: [{ name: 'maria', display: 'Maria Santos', site: 'manila', codec: 'opus' }],
			queues: { support: 'skills: [lang.en], wrap_up: 20s, ring_timeout: 4s, overflow: [{when: no_idle_here, to: any_open}]' },
		}),
		openBrowser(),
	])
	desk = await Desk.open(browser, `http://${c.gateway('manila')}/`, { relay })
})
nodeTest.after(async () => {
	for (const p of phones) await p.hangup()
	await browser?.close()
	for (const socket of relays) socket.close()
	await c?.stop()
})

const dial = async (options = {}) => {
	phone = await Phone.dial({ ip: `127.0.${BASE}.9`, uri: c.queueUri('oslo', 'support', 2), ...options })
	phones.push(phone)
	return phone
}
const theCall = () => c.calls().find((x) => x.agent === 'maria')
async function talk() {
	await dial()
	await desk.state('ringing')
	await desk.id('accept').click()
	await desk.state('talking')
	await Promise.all([phone.hears(), desk.hears()])
}
async function finish(outcome = 'resolved', note = '') {
	await desk.id('hangup').click()
	await desk.state('wrap')
	await desk.id(`outcome-${outcome}`).click({ force: true })
	await desk.id('wrap-note').fill(note)
	await desk.id('wrap-done').click()
	await desk.state('idle')
	await until('the caller was hung up on', () => phone.ended)
}

test('a whole call by the keyboard alone, and its record', async () => {
	const { page } = desk
	await desk.state('signin')
	await page.keyboard.type('maria')
	await page.keyboard.press('Tab')
	await page.keyboard.type('quiet-harbour')
	await page.keyboard.press('Enter')
	await desk.state('not_ready')
	await desk.canBeReady()
	await page.keyboard.press('r')
	await desk.state('idle')
	await dial({ name: 'Kari Nordmann' })
	await desk.state('ringing')
	await page.locator('[data-testid=accept]:focus').waitFor()
	await page.keyboard.press('Enter')
	await desk.state('talking')
	await Promise.all([phone.hears(), desk.hears()])
	const { call } = theCall()
	await page.keyboard.press('m')
	await page.locator('[data-testid=mute][aria-pressed=true]').waitFor()
	await page.keyboard.press('m')
	await phone.hears()
	await page.keyboard.press('h')
	await desk.state('wrap')
	await page.keyboard.press('2')
	await desk.id('wrap-note').focus()
	await page.keyboard.type('rang by keys')
	await page.keyboard.press('Control+Enter')
	await desk.state('idle')
	const record = await until('the record has its outcome', () => c.records().find((r) => r.call === call && r.disposition))
	assert.deepEqual([record.disposition, record.note, record.agent], ['callback', 'rang by keys', 'maria'])
	await desk.shot('day-idle')
})

test('reloaded in mid-call: the same call, heard both ways again, and ready after the wrap-up', async () => {
	await talk()
	const before = theCall().call
	const session = (await desk.figures()).session
	const began = performance.now()
	await desk.page.reload()
	await desk.state('talking')
	const controls = performance.now() - began
	await desk.hears(CALLER_HZ, RETURN_MS)
	const agentHears = performance.now() - began
	// Heard after the new page's own microphone opened: the old page's last words are not proof.
	const callerHears = (await phone.hears(began + controls, RETURN_MS)) - began
	console.log(`# reload: controls ${Math.round(controls)} ms, agent hears ${Math.round(agentHears)} ms, caller hears ${Math.round(callerHears)} ms`)
	assert.ok(Math.max(agentHears, callerHears) < RETURN_MS, 'within the time of the design')
	assert.equal((await desk.figures()).session, session)
	assert.equal(theCall().call, before)
	assert.equal(await desk.id('caller').textContent(), '+47 22 33 44 55')
	await finish()
})

test('reloaded in the wrap-up: what was noted is still there, and goes into the record', async () => {
	await talk()
	const { call } = theCall()
	await desk.id('hangup').click()
	await desk.state('wrap')
	await desk.id('outcome-order').click({ force: true })
	await desk.id('wrap-note').fill('two lamps')
	await desk.page.reload()
	await desk.state('wrap')
	await desk.page.locator('[data-testid=outcome-order]:checked').waitFor({ state: 'attached' })
	assert.equal(await desk.id('wrap-note').inputValue(), 'two lamps')
	assert.equal(await desk.id('wrap-caller').textContent(), '+47 22 33 44 55')
	assert.match(await desk.id('wrap-left').textContent(), /^(1\d|20) sec left/)
	await desk.shot('day-wrap-reloaded')
	await desk.id('wrap-done').click()
	await desk.state('idle')
	const record = await until('the note is in the record', () => c.records().find((r) => r.call === call && r.note))
	assert.deepEqual([record.disposition, record.note], ['order', 'two lamps'])
	assert.notEqual(record.site, record.agent_site, 'owner and agent were on different nodes')
})

test('the gateway killed in mid-call: controls are back in time, the audio does not notice', async () => {
	await talk()
	const { call } = theCall()
	const killed = performance.now()
	await c.kill('manila-g1')
	await desk.link('lost')
	await desk.shot('day-gateway-dead')
	const heard = desk.hears()
	c.daemon('gateway', 'manila-g1')
	await desk.link('open', CONTROLS_MS)
	const back = performance.now() - killed
	await heard
	await desk.id('mute').click()
	await desk.page.locator('[data-testid=mute][aria-pressed=true]').waitFor()
	const muted = performance.now()
	const gap = phone.gap(killed, muted)
	console.log(`# gateway: controls after ${Math.round(back)} ms, longest silence ${Math.round(gap)} ms of a tone that pauses 300 ms a second`)
	assert.ok(back < CONTROLS_MS, `controls after ${back} ms`)
	assert.ok(gap < promised(800), `a gap of ${gap} ms`)
	assert.equal(theCall().call, call)
	await desk.id('mute').click()
	await c.healthy()
	await finish()
})

test('a line that loses packets shows: the mark falls, the figures of both ends are there', async () => {
	await talk()
	await until('figures of the node and of the browser', async () => {
		const f = await desk.figures()
		return f.node_stats?.rttMs > 0 && f.own_stats?.rttMs > 0 && f.rtt_ms >= 0
	}, 12000)
	assert.equal(await desk.id('link-mark').getAttribute('data-quality'), 'good')
	assert.match(await desk.id('link-mark').getAttribute('title'), /Round trip [1-9]\d* ms · Loss 0\s?% · Jitter/)
	drop = 0.25
	await desk.page.locator('[data-testid=link-mark][data-quality=poor]').waitFor({ timeout: 15000 })
	await desk.shot('day-poor-line')
	drop = 0
	await finish()
})

test('offline for a moment: the page says so, and is the same desk when the network is back', async () => {
	await talk()
	const { call } = theCall()
	await desk.context.setOffline(true)
	// The browser keeps open sockets open: the other end of this one goes silent, as it would be.
	c.signal('manila-g1', 'SIGSTOP')
	await desk.link('lost')
	assert.match(await desk.id('link-banner').textContent(), /Connection lost/)
	await desk.shot('day-offline')
	await desk.context.setOffline(false)
	const back = performance.now()
	c.signal('manila-g1', 'SIGCONT')
	await desk.link('open', CONTROLS_MS)
	console.log(`# back online: controls after ${Math.round(performance.now() - back)} ms`)
	assert.equal(await desk.page.locator('html').getAttribute('data-state'), 'talking')
	assert.equal(theCall().call, call)
	await Promise.all([phone.hears(), desk.hears()])
	await finish()
})

test('a note that is still being typed when the wrap-up runs out is in the record all the same', async () => {
	await talk()
	const { call } = theCall()
	await desk.id('hangup').click()
	await desk.state('wrap')
	await desk.id('outcome-other').click({ force: true })
	await until('the record is written', () => c.records().find((r) => r.call === call))
	await desk.id('wrap-note').fill('late')
	await until('a later note is added to it', () => c.records().find((r) => r.call === call && r.note === 'late'))
	await desk.id('wrap-note').fill('last words')
	await desk.page.evaluate(() => document.querySelector('[data-testid=wrap-done]').click())
	await desk.state('idle')
	await until('the last words too', () => c.records().find((r) => r.call === call && r.note === 'last words'))
})

test('a missed call is explained, and one click makes ready again', async () => {
	await dial()
	await desk.state('ringing')
	await desk.state('not_ready')
	assert.match(await desk.id('missed').textContent(), /kept their place/)
	await desk.shot('day-missed')
	await phone.hangup()
	await desk.id('ready').click()
	await desk.state('idle')
})

test('nothing was complained of in the console', () => {
	assert.deepEqual(desk.complaints, [])
})
