// Browsers that break the rules at a real gateway and node, and people who mistype.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until, password } from '../lib/cluster.mjs'
import { Page, frame, sealed, done } from './page.mjs'

let c, good
const agents = ['good', 'a1', 'a2', 'a3'].map((name) => ({ name, site: 'oslo' }))
const gateway = () => c.node('oslo-g1').counters
const shield = () => c.node('oslo1').counters.shield

test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], base: 158, agents, gatewayArgs: ['--limit', 'handshake-ms=1500', '--limit', 'per-address=8', '--limit', 'burst=1000', '--limit', 'rate=1000'] })
	await c.reachable()
	await sealed() // building it takes longer than a handshake may
	good = await (await Page.open(c, '127.0.159.1')).seal()
	assert.equal((await good.login('good', password)).t, 'welcome')
})
test.after(async () => { good?.close(); await c?.stop(); done() })
// Whatever others do, this one's session lives on the same connection.
const goodLives = async () => assert.equal((await good.ask({ t: 'ping', n: 7 }, 'pong')).n, 7)

test('wrong origins, paths and protocols are refused before the upgrade', async () => {
	const before = gateway()
	for (const [options, status] of [[{ origin: 'http://evil.test' }, 403], [{ origin: null }, 403], [{ origin: 'null' }, 403], [{ path: '/admin' }, 404], [{ protocol: 'chat' }, 400]]) {
		const p = await Page.open(c, '127.0.159.2', options)
		assert.equal(p.status, status, JSON.stringify(options))
		p.close()
	}
	assert.equal(gateway().upgrade_bad_origin - before.upgrade_bad_origin, 3)
	assert.equal(gateway().upgrade_bad_request - before.upgrade_bad_request, 2)
	await goodLives()
})

test('text, too large, unmasked, and garbage after the handshake end the connection only', async () => {
	const cases = {
		text: [frame(Buffer.from('hello'), { opcode: 1 }), 1003],
		'too large': [frame(Buffer.alloc(200000)), 1009],
		'large in pieces': [Buffer.concat([frame(Buffer.alloc(60000), { fin: false }), ...Array.from({ length: 6 }, () => frame(Buffer.alloc(60000), { opcode: 0, fin: false }))]), 1009],
		unmasked: [frame(Buffer.from([2, 1, 2]), { mask: false }), null],
		'no frame at all': [Buffer.alloc(500, 0xff), null],
		'out of turn': [frame(Buffer.concat([Buffer.from([4]), Buffer.alloc(40)])), null],
		'a wrong message 1': [frame(Buffer.concat([Buffer.from([2]), Buffer.alloc(120, 7)])), 1002],
	}
	for (const [what, [bytes, code]] of Object.entries(cases)) {
		const p = await Page.open(c, '127.0.159.3')
		await p.until(() => p.frames.length)
		p.socket.write(bytes)
		await p.until(() => p.closed)
		if (code) assert.equal(p.code, code, what)
	}
	await goodLives()
})

test('a sealed session that is tampered with ends, and no other', async () => {
	const p = await (await Page.open(c, '127.0.159.3')).seal()
	const before = shield().desk_bad_frames
	p.send(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]))
	await p.until(() => p.closed)
	assert.equal(p.code, 1002) // the node's reason is not for the page
	await until('counted', () => shield().desk_bad_frames > before)
	await goodLives()
})

test('message 1 replayed by another gives it nothing', async () => {
	const p = await (await Page.open(c, '127.0.159.4')).seal()
	assert.equal((await p.login('a1', password)).t, 'welcome')
	const agentsBefore = c.agentsNow().length
	const thief = await Page.open(c, '127.0.159.5')
	await thief.until(() => thief.frames.length)
	thief.send(p.msg1)
	await thief.until(() => thief.frames.some((f) => f[0] === 3)) // an answer it cannot read
	assert.equal(c.agentsNow().length, agentsBefore, 'no session was made or moved')
	thief.send(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]))
	await thief.until(() => thief.closed)
	assert.equal(thief.code, 1002)
	assert.equal((await p.ask({ t: 'ping', n: 1 }, 'pong')).n, 1)
	p.close()
	await goodLives()
})

test('half-open sockets and silent browsers are closed in time', async () => {
	const mute = await Page.open(c, '127.0.159.6', { raw: true })
	const half = await Page.open(c, '127.0.159.6', { raw: true })
	half.socket.write('GET /desk HTTP/1.1\r\nHost: x\r\n')
	const silent = await Page.open(c, '127.0.159.6')
	for (const p of [mute, half, silent]) await p.until(() => p.closed, 15000)
	assert.equal(silent.code, 1008)
	assert.ok(gateway().handshake_timeouts >= 1)
	await goodLives()
})

test('one address has so many connections, and others still get in', async () => {
	const held = []
	for (let i = 0; i < 8; i++) held.push(await Page.open(c, '127.0.159.7'))
	assert.deepEqual(held.map((p) => p.status), Array(8).fill(101))
	assert.equal((await Page.open(c, '127.0.159.7')).status, 429)
	const other = await Page.open(c, '127.0.159.8')
	assert.equal(other.status, 101)
	for (const p of [...held, other]) p.close()
	await goodLives()
})

test('JSON that is too deep, too long, doubled or broken is answered, and the session goes on', async () => {
	const p = await (await Page.open(c, '127.0.159.9')).seal()
	for (const bomb of ['['.repeat(15000), '{"a":'.repeat(3000), `{"t":${'['.repeat(9)}${']'.repeat(9)}}`, '{"t":"ping","t":"ping"}', '{"t":"ping","n":1', '', 'null', '7', '"t"', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), '{"t":"\\u0000"}', `{"t":"${'x'.repeat(16000)}"}`, '{"t":"nothing"}', '{"t":7}', '{"t":"login","name":7,"password":[]}', '{"t":"ready"}']) {
		const error = await p.ask(bomb, 'error')
		assert.ok(error.why.length < 100)
	}
	assert.equal((await p.ask({ t: 'ping', n: 3, x: ']]]"[[[{{{{{{{{{{{{' }, 'pong')).n, 3, 'brackets in a text are text')
	p.say('x'.repeat(16385)) // longer than a message may be
	await p.until(() => p.closed)
	await goodLives()
})

test('a signed-in page that floods is told and closed; its session waits for its return', async () => {
	const p = await (await Page.open(c, '127.0.159.10')).seal()
	assert.equal((await p.login('a2', password)).t, 'welcome')
	p.socket.cork() // at once: what came after its end would make TCP throw away what it was told
	for (let i = 0; i < 115; i++) p.say({ t: 'ping', n: i })
	p.socket.uncork()
	await p.until(() => p.closed)
	assert.equal(p.code, 1008)
	assert.ok(p.messages.some((m) => m.t === 'error' && m.why === 'too many messages'))
	const pongs = p.messages.filter((m) => m.t === 'pong').length
	assert.ok(pongs >= 100 && pongs < 115, `${pongs}`)
	assert.ok(shield().desk_too_fast >= 1)
	await goodLives()
})

test('wrong passwords: no hint which part was wrong; a name is locked after five', async () => {
	const p = await (await Page.open(c, '127.0.159.11')).seal()
	for (const name of ['a3', 'nobody-at-all']) {
		const got = []
		for (let i = 0; i < 5; i++) got.push((await p.login(name, `wrong${i}`)).why)
		assert.deepEqual(got, ['credentials', 'credentials', 'credentials', 'credentials', 'locked'], name)
		const locked = await p.login(name, password)
		assert.equal(locked.why, 'locked')
		assert.ok(locked.retry_ms > 1000 && locked.retry_ms <= 60000)
	}
	// A colleague at home behind the same address is not locked out by that.
	assert.equal((await p.login('a1', password)).t, 'welcome')
	p.close()
	assert.equal(shield().login_lockouts, 2)
	await goodLives()
})

test('many names from one address: it has sixty tries, and others are not held up', async () => {
	const p = await (await Page.open(c, '127.0.159.12')).seal()
	let wrong = 0, last
	while (wrong < 90 && (last = await p.login(`name${wrong}`, 'Summer2026')).why === 'credentials') wrong++
	assert.equal(last.why, 'locked')
	assert.ok(wrong >= 60 && wrong <= 80, `${wrong}`)
	assert.equal((await p.login('a2', password)).why, 'locked')
	const other = await (await Page.open(c, '127.0.159.13')).seal()
	assert.equal((await other.login('a2', password)).t, 'welcome')
	for (const x of [p, other]) x.close()
})
