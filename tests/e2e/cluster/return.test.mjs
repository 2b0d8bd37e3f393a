// A node killed with -9 and restarted takes its callers back from its journal: same dialogs, same
// ports, same place in the queue. (Who was talking: tests/e2e/survive.)
import test from 'node:test'
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Cluster, promised, until } from '../lib/cluster.mjs'

let c
test.before(async () => {
	c = await Cluster.start({ base: 75, journal: true, agents: [{ name: 'a1', site: 'manila' }, { name: 'a2', site: 'manila' }] })
})
test.after(async () => { await c.stop() })

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms']
const log_of = (what) => c.log('oslo1').split('\n').filter((l) => l.includes(`event=${what}`))

async function waiting(n, args = ['--tone', '440', '--seconds', '60']) {
	const callers = [], order = []
	for (let i = 0; i < n; i++) {
		const caller = c.caller('oslo', 'support', args)
		callers.push(caller)
		await caller.event('answered')
		order.push(await until('the caller waits', () => c.calls().map((x) => x.call).find((x) => !order.includes(x))))
	}
	return { callers, order }
}

test('waiting callers are back within two seconds, in their order, and are answered in it', async () => {
	const { callers, order } = await waiting(5)
	await c.kill('oslo1')
	const began = Date.now()
	c.daemon('node', 'oslo1')
	await until('all five are back', () => log_of('call.returned').length === 5)
	const took = Date.now() - began
	assert.ok(took < promised(2000), `${took} ms`)
	assert.deepEqual(c.calls().map((x) => x.call).sort(), [...order].sort())
	for (const call of c.calls()) assert.equal(call.state, 'queued')
	const agent = c.agent('a1', plain)
	await until('all are answered', () => agent.events.filter((e) => e.event === 'talk').length === 5)
	assert.deepEqual(agent.events.filter((e) => e.event === 'talk').map((e) => e.call), order)
	for (const caller of callers) assert.equal((await caller.event('ended')).by, 'far', 'our BYE ended it')
	await agent.stop()
	const records = await until('all five records', () => {
		const mine = c.records().filter((r) => order.includes(r.call))
		return mine.length === 5 && mine
	})
	for (const r of records) assert.equal(r.outcome, 'answered')
})

test('a caller who hangs up while the node is down is abandoned after its return', async () => {
	const { callers, order } = await waiting(1)
	await c.kill('oslo1')
	const gone = callers[0].stop() // its BYE is repeated until somebody answers
	c.daemon('node', 'oslo1')
	await gone
	const r = await until('the record', () => c.records().find((x) => x.call === order[0]))
	assert.equal(r.outcome, 'abandoned')
})

test('a journal that is frozen delays no caller, and says so', async () => {
	c.signal('redis', 'SIGSTOP')
	const began = Date.now()
	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '30'])
	await caller.event('answered')
	assert.ok(Date.now() - began < promised(1500))
	c.signal('redis', 'SIGCONT')
	await caller.stop()
	await until('the call has ended', () => c.calls().length === 0)
})

test('a call that cannot come back, its ACK never came, still has its one record', async () => {
	const socket = createSocket('udp4')
	await new Promise((r) => socket.bind(0, '127.0.0.1', r))
	const port = socket.address().port
	const sdp = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port + 1} RTP/AVP 0\r\n`
	const invite = `INVITE ${c.queueUri('oslo', 'support')} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK-never\r\nMax-Forwards: 70\r\n` +
		`From: <sip:+4711223344@127.0.0.1>;tag=never\r\nTo: <${c.queueUri('oslo', 'support')}>\r\nCall-ID: never-acked@127.0.0.1\r\nCSeq: 1 INVITE\r\n` +
		`Contact: <sip:x@127.0.0.1:${port}>\r\nContent-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`
	const answered = new Promise((r) => socket.on('message', (m) => String(m).startsWith('SIP/2.0 200') && r()))
	socket.send(invite, 5060, c.ip('oslo'))
	await answered
	const { call } = await until('it waits', () => c.calls()[0])
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	const r = await until('its record', () => c.healthy().then(() => c.records().find((x) => x.call === call)))
	assert.equal(r.outcome, 'failed')
	assert.equal(c.calls().length, 0)
	socket.close()
})
