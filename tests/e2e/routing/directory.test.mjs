// What the directory says of a caller decides who is asked first: the own manager at another site, one
// of a kind, anybody; and a call that rings at all.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Cluster, password, until } from '../lib/cluster.mjs'

class Customers extends Cluster {
	must(program, args) {
		if (program === 'helio-keys')
			writeFileSync(join(this.dir, 'customers.csv'),
				'number,segment,owner,debt\n+47 22 00 00 01,key,m1,0\n4722000002,,,99.50\n+4722000003,key,away,0\n')
		return super.must(program, args)
	}
}
const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '150s']
const rings = ['--audio', 'plain', '--answer-after', '60s', '--duration', '150s']
let c
before(async () => {
	// The hash first: it is made in a folder without these agents, whom a rule names.
	const plainer = new Cluster({ base: 192, agents: [{ name: 'x' }] })
	plainer.prepare()
	const passwordHash = plainer.hash(password)
	rmSync(plainer.dir, { recursive: true })
	c = new Customers({
		base: 192, passwordHash, extra: 'directory: customers.csv\n',
		agents: [{ name: 'o1' }, { name: 'o2', skills: ['lang.en', 'lang.nb'] }, { name: 'm1', site: 'manila' }, { name: 'away' }],
		queues: {
			vip: `skills: [lang.en], wrap_up: 0s, ring_timeout: 20s, same_agent_within: 1h, route: [
      {who: key, ask: [{to: owner, for: 3s}, {to: any_of, name: lang.nb, for: 3s}]},
      {who: debt, ask: [{to: agent, name: o2, for: 3s}]},
      {who: new, ask: [{to: last, for: 3s}]}]`,
			all: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 20s, strategy: ring_all, ring_at_once: 2',
		},
	})
	c.prepare()
	await c.up()
})
after(async () => { await c?.stop() })

async function call(queue, from) {
	const caller = c.caller('oslo', queue, ['--tone', '440', '--seconds', '60', '--from', from])
	await caller.event('answered')
	return { caller, id: await until('the call is there', () => c.calls().find((x) => x.queue === queue)?.call) }
}
const why = (id) => c.ctl('why', id).lines.join('\n')
const routes = () => [...c.log('oslo1').matchAll(/event=call\.route .*/g)].map((m) => m[0])

test('a key customer gets the own manager, though somebody here is idle', async () => {
	const o1 = c.agent('o1', plain), m1 = c.agent('m1', plain)
	await Promise.all([o1.idle(), m1.idle()])
	const { caller } = await call('vip', '+4722000001')
	await m1.event('talk')
	assert.match(routes().at(-1), /who=key ask="owner:m1,any_of:lang\.nb"/)
	await caller.stop()
	await Promise.all([m1.stop(), o1.stop()])
})

test('while the manager is busy the caller is kept, then one of a kind may, then anybody', async () => {
	const m1 = c.agent('m1', plain), o1 = c.agent('o1', plain)
	await Promise.all([m1.idle(), o1.idle()])
	const other = c.caller('manila', 'all', ['--tone', '440', '--seconds', '60'])
	await m1.event('talk')
	const { caller, id } = await call('vip', '+4722000001')
	assert.match(why(id), /step 1: for .* more it is kept for m1/)
	await until('the second step has come', () => /step 2: for .* kept for those who have lang\.nb/.test(why(id)))
	await o1.event('talk')
	await until('the story is told', () => /o1 answered/.test(why(id)))
	await Promise.all([caller.stop(), other.stop()])
	await Promise.all([m1.stop(), o1.stop()])
})

test('who is not signed in is not waited for; a debt goes to who is named; the same agent as last time', async () => {
	const o1 = c.agent('o1', plain), o2 = c.agent('o2', plain)
	await Promise.all([o1.idle(), o2.idle()])
	let { caller } = await call('vip', '+4722000003')
	await o2.event('talk') // one of the kind, at once
	assert.match(routes().at(-1), /owner:away\(not signed in\)/)
	await caller.stop()
	await until('o2 is idle', () => c.agentsNow().find((a) => a.name === 'o2')?.state === 'idle')
	caller = (await call('vip', '+4722000002')).caller
	await until('o2 talks again', () => o2.events.filter((e) => e.event === 'talk').length === 2)
	await caller.stop()

	await o2.stop()
	caller = (await call('vip', '+4799999999')).caller // new: nobody yet
	await o1.event('talk')
	await caller.stop()
	const back = c.agent('o2', plain)
	await back.idle()
	await until('o1 is idle', () => c.agentsNow().find((a) => a.name === 'o1')?.state === 'idle')
	caller = (await call('vip', '+4799999999')).caller // o2 has been idle for longer, o1 served last
	await until('o1 talks again', () => o1.events.filter((e) => e.event === 'talk').length === 2)
	assert.match(routes().at(-1), /who=new ask="last:o1"/)
	await caller.stop()
	await Promise.all([o1.stop(), back.stop()])
})

test('a call rings at two; who accepts has it, the other stops ringing', async () => {
	const o1 = c.agent('o1', rings)
	await o1.idle()
	const { caller } = await call('all', '+4711111111')
	await o1.event('ring')
	const o2 = c.agent('o2', plain)
	await o2.event('talk')
	assert.equal((await o1.event('ring_end')).why, 'call_gone')
	await until('o1 is free', () => c.agentsNow().find((a) => a.name === 'o1')?.state === 'idle')
	await caller.stop()
	await Promise.all([o1.stop(), o2.stop()])
})

test('helioctl config check reads the customers, and says what is wrong with them', () => {
	assert.equal(c.ctl('config', 'check', c.config).customers, 3)
	writeFileSync(join(c.dir, 'customers.csv'), 'number,owner\n1234,nobody\n')
	assert.equal(c.ctl('config', 'check', c.config).ok, false)
})
