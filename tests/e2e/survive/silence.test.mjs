// The media lease: a far end that sends nothing any more, while its signalling lives, is flagged and then
// ended; one that is muted (RTCP goes on) or has put us on hold is left alone.
import test from 'node:test'
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Cluster, until } from '../lib/cluster.mjs'
import { Desk, openBrowser } from '../day/desk.mjs'
import { Trunk } from './trunk.mjs'

let c, trunk, browser, cut = false
const sockets = []
test.before(async () => {
	c = await Cluster.start({ base: 246, sites: ['oslo'], agents: ['a1', 'a2', 'a3', 'page', 'next'].map((name) => ({ name })), extra: 'media_silent_flag: 2s\nmedia_silent_end: 6s\n', queues: { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 20s' } })
	await c.reachable()
	trunk = await Trunk.open('127.0.246.20')
})
test.after(async () => {
	await browser?.close()
	await trunk?.close()
	await c?.stop()
	for (const s of sockets) s.close()
})
const standing = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--tone', '880', '--duration', '300s']
const call = (id) => c.calls().find((x) => x.call === id)
async function dial() {
	const before = c.calls().map((x) => x.call)
	const line = await trunk.dial(c.queueUri('oslo', 'support'))
	line.call = await until('the call is seen', () => c.calls().map((x) => x.call).find((x) => !before.includes(x)))
	return line
}

test('a caller who falls silent is flagged, is not when he speaks again, and is let go in the end', async () => {
	const agents = ['a1', 'a2', 'a3'].map((name) => c.agent(name, standing))
	await Promise.all(agents.map((a) => a.idle()))
	const lines = [await dial(), await dial(), await dial()]
	const [silent, muted, held] = lines
	await until('all talk', () => lines.every((l) => call(l.call)?.state === 'bridged'))
	const reports = setInterval(() => muted.report(), 500)
	silent.quiet = muted.quiet = true
	await held.hold()
	await until('it is flagged', () => call(silent.call).silent_ms >= 2000)
	assert.match(c.must('helioctl', ['calls', '--config', c.config]), /silent/)
	silent.quiet = false
	await until('he speaks again', () => call(silent.call).silent_ms === 0)
	silent.quiet = true
	await until('he is let go', () => silent.ended === 'BYE', 15000)
	const record = await until('its record', () => c.records().find((r) => r.call === silent.call))
	assert.equal(record.cause, 'media_failed')
	assert.equal(record.outcome, 'answered')
	for (const l of [muted, held]) {
		assert.equal(call(l.call).state, 'bridged')
		assert.equal(call(l.call).silent_ms, 0, 'muted or on hold is not silent')
	}
	clearInterval(reports)
	await muted.hangup()
	await held.hangup()
	await Promise.all(agents.map((a) => a.stop()))
})

// Between the page and its node: nothing passes while it is cut.
async function relay(ip, port) {
	const near = createSocket('udp4'), far = createSocket('udp4')
	let page
	sockets.push(near, far)
	await Promise.all([near, far].map((s) => new Promise((r) => s.bind(0, ip, r))))
	near.on('message', (m, from) => { page = from; if (!cut) far.send(m, port, ip) })
	far.on('message', (m) => { if (!cut && page) near.send(m, page.port, page.address) })
	return near.address().port
}

test('a browser whose audio is cut while its link lives: the caller goes to the next agent', async () => {
	browser = await openBrowser()
	const desk = await Desk.open(browser, `http://${c.gateway('oslo')}/`, { relay })
	await desk.start('page')
	const line = await dial()
	await desk.state('ringing')
	await desk.id('accept').click()
	await desk.state('talking')
	await desk.hears()
	cut = true
	const next = c.agent('next', standing)
	await next.idle()
	const ring = await next.event('ring', 30000)
	assert.equal(ring.call, line.call)
	await until('they talk', () => call(line.call)?.agent === 'next' && call(line.call).state === 'bridged')
	assert.match(c.log('oslo1'), /event=call.silent_end .*side=agent agent=page/)
	await desk.link('open')
	await line.hangup()
	await next.stop()
})
