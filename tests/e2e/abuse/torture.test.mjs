// Every message of RFC 4475 against a running node, over UDP and TCP: the right answer or silence,
// and the next good call works. [] is silence; a dialog is never made by any of them.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, root } from '../lib/cluster.mjs'
import { Udp, Tcp } from './sip.mjs'

const folder = join(root, 'tests/data/rfc4475')
// What may be answered; '' is silence, for what libre's decoder cannot read (nodes/sip/README.md) and
// for responses to nothing. The dialled names are no queues of ours: 404 says that all else was understood.
const right = {
	badaspec: '200 400', badbranch: '200 400', baddate: '404 400', baddn: '', badinv01: '', badvers: '', bcast: '',
	bext01: '420', bigcode: '', clerr: '400', cparam01: '405', cparam02: '405', dblreq: '405 400', esc01: '404',
	esc02: '501', escnull: '405 400', escruri: '404 400', insuf: '400', intmeth: '501', inv2543: '', invut: '415',
	longreq: '', ltgtruri: '', lwsdisp: '200', lwsruri: '', lwsstart: '', mcl01: '400', mismatch01: '400',
	mismatch02: '400', mpart01: '405', multi01: '400', ncl: '400', noreason: '', novelsc: '416', quotbal: '400',
	regaut01: '405', regbadct: '405', regescrt: '405', scalar02: '400', scalarlg: '', sdp01: '404 488',
	semiuri: '200', transports: '200', trws: '', unkscm: '416', unksm2: '', unreason: '', wsinv: '481', zeromf: '200',
}
// Its branch is another file's: taken for a repetition while that one's transaction lives.
const maybe = ['mismatch01']
// Two nodes: the same bytes by the other transport would be a repetition of the same transaction.
let c, callers
const at = (node) => ({ ip: c.ip('oslo'), port: 5058 + 2 * node })
test.before(async () => {
	c = await Cluster.start({ sites: ['oslo'], nodes: 2, base: 152 })
	callers = [await Udp.open('127.0.153.1', at(1)), await Tcp.open('127.0.153.1', at(2))]
})
test.after(async () => { callers?.forEach((e) => e.close()); await c?.stop() })

readdirSync(folder).filter((f) => f.endsWith('.dat')).forEach((file, i) => test(file, async () => {
	const bytes = readFileSync(join(folder, file))
	// Answers go to the port of the Via, most often 5060. An address of its own for each file,
	// because answers to INVITEs are repeated.
	const udp = await Udp.open(`127.0.153.${10 + i}`, at(1))
	udp.send(bytes)
	assert.equal((await udp.ask('OPTIONS', 'support', { id: 'sentinel' }))?.status, 200)
	udp.close()
	const tcp = await Tcp.open(`127.0.153.${10 + i}`, at(2))
	tcp.socket.end(bytes)
	await tcp.closed
	const of = (end) => end.got.filter((a) => a.id !== 'sentinel').map((a) => a.status)
	const name = file.slice(0, -4), may = right[name].split(' ').filter(Boolean).map(Number)
	const got = [...of(udp), ...of(tcp)]
	assert.ok(got.every((status) => may.includes(status)), `${got} are all of ${may}`)
	if (may.length && !maybe.includes(name)) assert.ok(got.length, `one of ${may} is answered`)
	for (const end of callers) {
		const a = await end.invite('support')
		assert.equal(a?.status, 200)
		assert.equal((await end.hangup(a, 'support')).status, 200)
	}
	assert.equal(c.calls().length, 0)
}))
