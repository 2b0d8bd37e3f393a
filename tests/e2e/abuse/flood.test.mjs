// One who scans, floods, drips or hoards, and one who just calls: the second must not notice.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, promised, until } from '../lib/cluster.mjs'
import { Udp, Tcp, sdp } from './sip.mjs'

// A sanitizer keeps what was freed for a while: little, so that growth can be seen.
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1`

let c, trunk
const at = () => ({ ip: c.ip('oslo'), port: 5060 })
const extra = `trunks: [127.0.155.1]
sip_limits: {new_calls: 5, calls: 4, requests: 50, connections: 3, strikes: 10, lockout: 2s}
`
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], base: 154, extra })
	trunk = await Udp.open('127.0.155.1', at())
})
test.after(async () => { trunk?.close(); await c?.stop() })

const shield = () => c.node('oslo1').counters.shield
const goodCall = async (end = trunk) => {
	const a = await end.invite('support')
	assert.equal(a?.status, 200)
	assert.equal((await end.hangup(a, 'support')).status, 200)
}

test('who tries names is locked out, for longer each time; one line of log for each', async () => {
	const scanner = await Udp.open('127.0.155.10', at())
	for (let round = 1; round <= 2; round++) {
		const statuses = []
		for (let i = 0; i < 10; i++) statuses.push((await scanner.invite(`user${i}`, {}, 2000))?.status)
		assert.deepEqual(statuses, Array(10).fill(404))
		assert.equal(await scanner.ask('OPTIONS', 'support', {}, 500), null, 'silence')
		assert.equal(await scanner.invite('support', {}, 300), null, 'to a queue too')
		await goodCall()
		assert.equal(shield().lockouts, round)
		const lines = c.log('oslo1').split('\n').filter((l) => l.includes('sip.locked_out') && l.includes('127.0.155.10'))
		assert.deepEqual(lines.map((l) => /for_s=(\d+)/.exec(l)[1]), ['2', '4'].slice(0, round))
		const began = performance.now()
		await until('it is heard again', () => scanner.ask('OPTIONS', 'support', {}, 200))
		assert.ok(performance.now() - began > (round - 1) * 2000, 'not before its time')
	}
	scanner.close()
})

test('a trunk is never locked out', async () => {
	for (let i = 0; i < 40; i++) assert.equal((await trunk.invite('nobody')).status, 404)
	await goodCall()
})

test('rubbish is dropped in silence and locks its sender out', async () => {
	const noise = await Udp.open('127.0.155.11', at())
	const before = shield().lockouts
	for (let i = 0; i < 12; i++) noise.send(Buffer.from(`GET / HTTP/1.1\r\nHost: x${i}\r\n\r\n`))
	await until('locked out', () => shield().lockouts === before + 1)
	assert.equal(noise.got.length, 0)
	assert.doesNotMatch(c.log('oslo1'), /msg decode err/)
	noise.close()
	await goodCall()
})

test('more calls at once, or a second, than one stranger may have: 503 with Retry-After', async () => {
	const pbx = await Udp.open('127.0.155.12', at())
	const held = []
	for (let i = 0; i < 4; i++) held.push(await pbx.invite('support'))
	assert.deepEqual(held.map((a) => a.status), [200, 200, 200, 200])
	const more = await pbx.invite('support')
	assert.equal(more.status, 503)
	assert.ok(Number(more.headers['retry-after']) >= 1)
	await goodCall()
	for (const a of held) assert.equal((await pbx.hangup(a, 'support')).status, 200)
	// Three seconds' worth at once, and no more.
	const rest = []
	for (let i = 0; i < 20; i++) {
		const a = await pbx.invite('support')
		if (a.status === 200) await pbx.hangup(a, 'support')
		rest.push(a.status)
	}
	assert.ok(rest.includes(503) && rest.includes(200), `${rest}`)
	assert.equal(shield().limited > 0, true)
	pbx.close()
})

const scenario = (ip) => `<?xml version="1.0"?><scenario name="flood"><send><![CDATA[
INVITE sip:support@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:flood@[local_ip]>;tag=[pid]f[call_number]
To: <sip:support@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:flood@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

${sdp(ip).replaceAll('\r', '')}]]></send></scenario>`

test('a flood of INVITEs from one address: every call from another one succeeds', async (t) => {
	const ip = '127.0.155.20', file = join(c.dir, 'flood.xml')
	writeFileSync(file, scenario(ip))
	const before = shield().silenced
	// Nobody waits for an answer: they are over as soon as they are sent.
	const sipp = spawn('sipp', ['-sf', file, '-i', ip, '-p', '5060', '-t', 'u1', '-r', '5000', '-rp', '1000', '-m', '30000', '-l', '100000', '-nostdin', '-nd', `${at().ip}:${at().port}`], { cwd: c.dir, stdio: 'ignore' })
	const ended = new Promise((r) => sipp.on('close', r))
	try {
		await until('the flood has come', () => shield().silenced > before + 500)
		const times = []
		while (sipp.exitCode === null && times.length < 2000) {
			const from = performance.now()
			await goodCall()
			times.push(performance.now() - from)
		}
		times.sort((a, b) => a - b)
		t.diagnostic(`flood: ${shield().silenced - before} messages dropped; ${times.length} good calls during it, worst ${times.at(-1).toFixed(0)} ms, median ${times[times.length >> 1].toFixed(0)} ms`)
		assert.ok(times.length >= 5, 'calls were made while it went on')
		assert.ok(times.at(-1) < promised(2000))
	} finally {
		sipp.kill('SIGKILL')
		await ended
	}
	assert.match(c.log('oslo1'), /sip\.flood source=127\.0\.155\.20/)
	// It hoards nothing: four calls at most, unanswered by an ACK, that end by themselves.
	assert.ok(c.calls().length <= 4)
})

test('OPTIONS and REGISTER in floods leave nothing behind', async () => {
	const end = await Udp.open('127.0.155.21', at())
	const rss = () => Number(/VmRSS:\s+(\d+)/.exec(c.procStatus('oslo1'))[1])
	const flood = (n) => {
		for (let i = 0; i < n; i++) end.send(end.request(i % 2 ? 'OPTIONS' : 'REGISTER', 'support').text)
		return goodCall()
	}
	await flood(1000)
	const small = rss()
	for (let i = 0; i < 10; i++) await flood(1000)
	assert.ok(rss() - small < 4096, `grew from ${small} to ${rss()} kB`)
	end.close()
})

test('TCP: an address has so many connections; others still connect', async () => {
	const held = []
	for (let i = 0; i < 3; i++) held.push(await Tcp.open('127.0.155.30', at()))
	for (const h of held) assert.equal((await h.ask('OPTIONS', 'support')).status, 200)
	const one = await Tcp.open('127.0.155.30', at())
	assert.equal(await one.gone(), true, 'the fourth is closed')
	assert.equal((await held[0].ask('OPTIONS', 'support')).status, 200)
	const good = await Tcp.open('127.0.155.1', at())
	await goodCall(good)
	for (const e of [...held, good]) e.close()
	await until('its places are free again', async () => {
		const e = await Tcp.open('127.0.155.30', at())
		const a = await e.ask('OPTIONS', 'support', {}, 500)
		e.close()
		return a
	})
})

test('TCP: headers without end, a body too large and two lengths are cut off', async () => {
	const tails = {
		endless: `X: ${'x'.repeat(1000)}\r\n`.repeat(40),
		large: 'Content-Length: 70000\r\n\r\n',
		two: 'Content-Length: 3\r\nl: 4\r\n\r\nabcd',
		'not a number': 'Content-Length: 1e3\r\n\r\n',
	}
	for (const [what, tail] of Object.entries(tails)) {
		const e = await Tcp.open('127.0.155.31', at())
		e.send(`OPTIONS sip:support@${at().ip} SIP/2.0\r\n${tail}`)
		assert.equal(await e.gone(), true, what)
	}
	await goodCall()
})

test('TCP: a request in single bytes is answered; one that never ends is cut off', async () => {
	const drip = await Tcp.open('127.0.155.1', at())
	const r = drip.request('OPTIONS', 'support', { transport: 'TCP' })
	for (const byte of r.text) drip.send(byte)
	assert.equal((await drip.wait((a) => a.id === r.id))?.status, 200)
	// Two in one segment, and a keepalive between them.
	const [a, b] = [drip.request('OPTIONS', 'support', { transport: 'TCP' }), drip.request('OPTIONS', 'support', { transport: 'TCP' })]
	drip.send(`${a.text}\r\n\r\n${b.text}`)
	assert.equal((await drip.wait((x) => x.id === b.id))?.status, 200)
	const cut = shield().tcp_cut
	const [half, mute] = [await Tcp.open('127.0.155.1', at()), await Tcp.open('127.0.155.1', at())]
	half.send('INVITE sip:support@x SIP/2.0\r\nVia: ')
	assert.equal(await half.gone(), true, 'half a request')
	assert.equal(await mute.gone(), true, 'not a word')
	assert.equal(shield().tcp_cut, cut + 2)
	assert.equal((await drip.ask('OPTIONS', 'support')).status, 200)
	drip.close()
})

test('TCP: a flood on one connection ends it', async () => {
	const e = await Tcp.open('127.0.155.32', at())
	for (let i = 0; i < 300; i++) e.send(e.request('OPTIONS', 'support', { transport: 'TCP' }).text)
	assert.equal(await e.gone(), true)
	await goodCall()
})
