// Sounds, calendars and customers travel with the configuration that names them.
import test from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { bin, promised, until } from '../lib/cluster.mjs'
import { started } from './signed.mjs'

// A steady tone as a WAV file.
function tone(path, hz, seconds, rate = 8000) {
	const n = seconds * rate, head = Buffer.alloc(44), body = Buffer.alloc(2 * n)
	head.write('RIFF', 0); head.writeUInt32LE(36 + 2 * n, 4); head.write('WAVEfmt ', 8)
	head.writeUInt32LE(16, 16); head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22); head.writeUInt32LE(rate, 24)
	head.writeUInt32LE(2 * rate, 28); head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34); head.write('data', 36); head.writeUInt32LE(2 * n, 40)
	for (let i = 0; i < n; i++) body.writeInt16LE(Math.round(10000 * Math.sin(2 * Math.PI * hz * i / rate)), 2 * i)
	writeFileSync(path, Buffer.concat([head, body]))
}
const hears = async (c, site, hz) => c.caller(site, 'support', ['--tone', '440', '--listen', String(hz), '--until-heard', '--seconds', '8']).exited
const kept = (c, name) => (existsSync(join(c.dir, 'state', name, 'files')) ? readdirSync(join(c.dir, 'state', name, 'files')) : [])
// The host's own folder has nothing of them: only the desk where the next version is made.
const queues = { support: 'music: "", skills: [lang.en], wrap_up: 0s, ring_timeout: 5s' }
const named = (more) => (s) => s.replace(/music: ""/, 'music: audio/music.wav' + more)

test('what is applied on one host is heard at every site: new sounds, a changed one, and back again', async (t) => {
	const c = await started({ base: 42, queues }, t)
	mkdirSync(join(c.desk, 'audio'))
	tone(join(c.desk, 'audio/music.wav'), 700, 2)
	writeFileSync(join(c.desk, 'office.ics'), 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Oslo:20260101T000000\r\nDURATION:P1D\r\nRRULE:FREQ=DAILY\r\nSUMMARY:open\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n')
	writeFileSync(join(c.desk, 'customers.csv'), 'number,segment\n+4722334455,key\n')
	c.edit('cluster.yaml', (s) => named(', hours: {oslo: office.ics, manila: office.ics}, overflow: [{when: no_idle_here, to: any_open}]')(s).replace('agents: agents.yaml', 'agents: agents.yaml\ndirectory: customers.csv'))
	let r = c.sign()
	assert.equal(r.code, 0, r.text)
	r = c.apply()
	assert.equal(r.code, 0, r.text)
	assert.match(r.text, /\+ audio\/music\.wav +sound, 32 kB/)
	assert.match(r.text, /6 of 6 daemons run it/)
	for (const name of ['oslo1', 'manila1', 'oslo-b1', 'manila-b1']) assert.equal(kept(c, name).length, 3, name)
	// A gateway faces browsers: of these it gets the calendar alone.
	for (const name of ['oslo-g1', 'manila-g1']) assert.equal(kept(c, name).length, 1, name)
	assert.deepEqual(await Promise.all(['oslo', 'manila'].map((s) => hears(c, s, 700))), [0, 0])

	// The same text, another sound: another version, and the plan says why.
	tone(join(c.desk, 'audio/music.wav'), 1100, 3)
	r = c.run('plan', c.draft)
	assert.match(r.text, /~ audio\/music\.wav +sound, 32 kB → 48 kB/)
	r = c.apply()
	assert.equal(r.code, 1)
	assert.match(r.text, /not as they were when .*cluster\.sig was made/)
	assert.match(c.sign().text, /version 3 signed/)
	assert.match(c.sign().text, /version 3 is signed already/)
	await c.kill('manila1', 'SIGTERM')
	r = c.apply('--wait', '2s')
	assert.match(r.text, /not everywhere: manila1/)
	// One that was away comes back to it; files that rotted on its disk are fetched anew.
	rmSync(join(c.dir, 'state/manila1/files'), { recursive: true })
	c.daemon('node', 'manila1')
	await until('all run version 3', () => c.versions().every((v) => v === 3), 20000)
	assert.deepEqual(await Promise.all(['oslo', 'manila'].map((s) => hears(c, s, 1100))), [0, 0])

	// Back: the old sound, too, as the next version; and a restart runs what was taken.
	r = c.run('apply', '--back')
	assert.equal(r.code, 0, r.text)
	assert.match(r.text, /files of version 2, signed as version 4/)
	await c.kill('oslo1', 'SIGTERM')
	c.daemon('node', 'oslo1')
	await until('oslo1 is back', () => c.status('oslo1')?.config?.version === 4)
	assert.deepEqual(await Promise.all(['oslo', 'manila'].map((s) => hears(c, s, 700))), [0, 0])
	const folder = readdirSync(join(c.dir, 'config/4/files'))
	assert.equal(folder.length, 3)
	assert.deepEqual(folder.map((f) => readFileSync(join(c.dir, 'config/2/files', f)).equals(readFileSync(join(c.dir, 'config/4/files', f)))), [true, true, true])
})

// How long the node's loop leaves an OPTIONS without an answer.
async function worstAnswer(ip, work) {
	const socket = createSocket('udp4'), sent = new Map()
	let worst = 0, n = 0, answers = 0
	await new Promise((r) => socket.bind(0, ip, r))
	const port = socket.address().port
	socket.on('message', (m) => {
		const k = /branch=z9hG4bK(\d+)x/.exec(m.toString())?.[1]
		if (!sent.has(k)) return
		worst = Math.max(worst, performance.now() - sent.get(k))
		sent.delete(k)
		answers++
	})
	const tick = setInterval(() => {
		n++
		sent.set(String(n), performance.now())
		socket.send(`OPTIONS sip:support@${ip}:5060 SIP/2.0\r\nVia: SIP/2.0/UDP ${ip}:${port};branch=z9hG4bK${n}x\r\nMax-Forwards: 70\r\nFrom: <sip:p@${ip}>;tag=${n}\r\nTo: <sip:support@${ip}>\r\nCall-ID: ${n}@probe\r\nCSeq: ${n} OPTIONS\r\nContent-Length: 0\r\n\r\n`, 5060, ip)
	}, 20)
	await work()
	clearInterval(tick)
	await until('the last is answered', () => sent.size === 0)
	socket.close()
	return { worst, answers }
}

test('ten minutes of new music are fetched and decoded while the node answers', async (t) => {
	const c = await started({ base: 42, sites: ['oslo'], queues }, t)
	mkdirSync(join(c.desk, 'audio'))
	tone(join(c.desk, 'audio/music.wav'), 700, 590, 16000)
	c.edit('cluster.yaml', named(''))
	assert.equal(c.sign().code, 0)
	const began = Date.now()
	const { worst, answers } = await worstAnswer(c.ip('oslo'), () => new Promise((r) => spawn(join(bin, 'helioctl'), ['apply', c.draft, '--config', c.config, '--wait', '60s']).on('close', r)))
	const took = Date.now() - began
	t.diagnostic(`19 MB in use everywhere after ${took} ms; the longest an OPTIONS waited: ${worst.toFixed(0)} ms (${answers} answers)`)
	assert.deepEqual(c.versions(), [2, 2, 2])
	assert.ok(answers > 50)
	// Decoding it takes more than a second.
	assert.ok(worst < promised(500), `${worst} ms`)
	assert.equal(await hears(c, 'oslo', 700), 0)
})

test('a million customers are read in while the node answers', async (t) => {
	const c = await started({ base: 42, sites: ['oslo'], queues }, t)
	const rows = ['number,segment']
	for (let i = 0; i < 1000000; i++) rows.push(`+47${10000000 + ((i * 7919) % 90000000)},key`)
	c.edit('cluster.yaml', (s) => s.replace('agents: agents.yaml', 'agents: agents.yaml\ndirectory: customers.csv'))
	// A loop that reads them stands still for a second, each time; a busy machine does now and then.
	const waited = []
	while (waited.length < 4 && !(Math.min(...waited) < 60)) {
		rows.push(`+479${waited.length}000,new`)
		writeFileSync(join(c.desk, 'customers.csv'), rows.join('\n') + '\n')
		assert.equal(c.sign().code, 0)
		const { worst, answers } = await worstAnswer(c.ip('oslo'), () => new Promise((r) => spawn(join(bin, 'helioctl'), ['apply', c.draft, '--config', c.config, '--wait', '60s']).on('close', r)))
		waited.push(worst)
		assert.deepEqual(c.versions(), Array(3).fill(1 + waited.length))
		assert.ok(answers > 20)
	}
	t.diagnostic(`the longest an OPTIONS waited: ${waited.map((ms) => ms.toFixed(0)).join(', ')} ms`)
	assert.ok(Math.min(...waited) < 60, `${waited} ms`)
})
