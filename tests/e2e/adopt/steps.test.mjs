// A key customer waits for the own manager when the node is killed, or its machine is gone: the steps
// of who is asked first (`route:`) outlive it, with the age at which they follow each other.
import test from 'node:test'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, until } from '../lib/cluster.mjs'

const STEP_MS = 12000 // the manager's
class Customers extends Cluster {
	must(program, args) {
		if (program === 'helio-keys')
			writeFileSync(join(this.dir, 'customers.csv'), 'number,segment,owner,debt\n+4722000001,key,m1,0\n')
		return super.must(program, args)
	}
}
const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '150s']
const logged = (name, what) => c.log(name).split('\n').filter((l) => l.includes(`event=${what} `))
const why = (id) => c.ctl('why', id).lines.join('\n')
const talks = (a) => a.events.filter((e) => e.event === 'talk')

let c, manager, anybody
test.before(async () => {
	c = new Customers({
		base: 250, machines: true, nodes: 2, extra: 'directory: customers.csv\n',
		agents: [{ name: 'm1', site: 'manila' }, { name: 'o1' }],
		queues: {
			vip: `skills: [lang.en], wrap_up: 0s, ring_timeout: 20s, overflow: [{when: no_idle_here, to: any_open}], route: [
      {who: key, ask: [{to: owner, for: ${STEP_MS}ms}, {to: any_of, name: lang.nb, for: 60s}]}]`,
			support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 20s',
		},
	})
	c.prepare()
	await c.up()
	manager = c.agent('m1', plain)
	anybody = c.agent('o1', plain)
	await Promise.all([manager.idle(), anybody.idle()])
	await until('the neighbour has the journal', () => c.node('oslo1').neighbour.journal)
})
test.after(async () => { await c?.stop() })

// The manager talks to somebody; then the customer calls, at the first node.
async function customer() {
	const busy = c.caller('manila', 'support', ['--tone', '440', '--seconds', '100'])
	const n = talks(manager).length
	await until('the manager talks', () => talks(manager).length === n + 1)
	// A node that has just come back hears a moment later who is signed in elsewhere: then the customer calls again.
	return until('the customer waits for the manager', async () => {
		const caller = c.caller('oslo', 'vip', ['--tone', '440', '--seconds', '100', '--from', '+4722000001'])
		await caller.event('answered')
		const at = performance.now()
		const id = await until('the customer waits', () => c.calls().find((x) => x.queue === 'vip')?.call)
		if (/step 1: for .* more it is kept for m1/.test(why(id))) return { busy, caller, id, at }
		await caller.stop()
		await until('the call is over', () => !c.calls().some((x) => x.queue === 'vip'))
	})
}

// Nobody else has the customer, though one is idle; the manager is free and has.
async function served({ busy, caller, id }) {
	assert.match(why(id), /step 1: for .* more it is kept for m1/)
	const n = talks(manager).length
	await busy.stop()
	const talk = await until('the manager talks to the customer', () => talks(manager)[n])
	assert.equal(talk.call, id)
	assert.equal(talks(anybody).length, 0)
	await caller.stop()
}

test('its node is killed and started again: the customer is still the manager\'s', async () => {
	const waits = await customer()
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	// At its own node, or, where that is slow to start, at the neighbour.
	await until('the call is back', () => ['oslo1', 'oslo2'].some((n) => logged(n, 'call.returned').some((l) => l.includes(waits.id))))
	await until('a page is signed in again', () => c.agentsNow().some((a) => a.name === 'o1' && a.state === 'idle'))
	await served(waits)
})

test('its machine is gone: the neighbour keeps to the steps, and to their ages', async () => {
	await until('the neighbour has the journal', () => c.node('oslo1').neighbour.journal)
	const waits = await customer()
	await c.lose('oslo', 1)
	await until('the call is at the neighbour', () => logged('oslo2', 'call.returned').some((l) => l.includes(waits.id)))
	assert.match(why(waits.id), /step 1: for .* more it is kept for m1/)
	await until('the second step has come', () => /step 2: for .* kept for those who have lang\.nb/.test(why(waits.id)))
	const after = performance.now() - waits.at
	assert.ok(after > STEP_MS - 1000 && after < STEP_MS + 2500, `the second step came after ${after} ms`)
	assert.equal(talks(anybody).length, 0)
	await Promise.all([waits.caller.stop(), waits.busy.stop()])
	await until('both are gone', () => c.calls().length === 0)
})
