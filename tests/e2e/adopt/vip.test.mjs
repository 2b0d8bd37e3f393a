// An address that moves between the nodes of a site: callers always find the node that has it. Their
// dialogs go on at the node's own address. (Here whoever binds it first has it; the other one waits.)
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, until } from '../lib/cluster.mjs'
import { Bank } from './bank.mjs'

let c, bank
const vip = '127.0.232.100'
test.before(async () => {
	c = await Cluster.start({ base: 232, sites: ['oslo'], machines: true, nodes: 2, limits: `, vip: ${vip}` })
	bank = await Bank.open('127.0.232.20')
})
test.after(async () => {
	bank.close()
	await c.stop()
})

test('callers dial the moving address; the node that has it dies, its neighbour answers there, and has the old callers too', async (t) => {
	await until('they watch each other', () => [1, 2].every((k) => c.node(`oslo${k}`).neighbour.hears === 1 && c.node(`oslo${k}`).neighbour.journal))
	const first = await bank.dial(vip, 'support')
	const x = /127\.0\.232\.([12])/.exec(first.contact)?.[1]
	assert.ok(x, `the dialog goes on at the node's own address: ${first.contact}`)
	assert.match(first.media.ip, new RegExp(`^127\\.0\\.232\\.${x}$`))
	await until('music', () => first.heardFrom(c.ip('oslo', Number(x))) > 10)
	await until('in the journal', () => c.node(`oslo${x}`).unprotected === 0)
	const since = performance.now()
	await c.lose('oslo', Number(x))
	const second = await bank.dial(vip, 'support', '+4722334466')
	t.diagnostic(`killed to a new caller being answered at the same address: ${Math.round(performance.now() - since)} ms`)
	const y = x === '1' ? 2 : 1
	assert.match(second.contact, new RegExp(`127\\.0\\.232\\.${y}`))
	await until('the old caller is there too', () => first.moves > 0 && first.heardFrom(c.ip('oslo', y)) > 5)
	for (const l of [first, second]) {
		assert.equal(l.ended, '')
		l.hangup()
	}
	await until('both have ended', () => c.calls().length === 0)
})
