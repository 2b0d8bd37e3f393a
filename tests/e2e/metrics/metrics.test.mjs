// A real cluster, watched: every daemon tells what the table says it tells, the figures agree with
// the records, /healthz says yes and no, and events come as they happen.
import test from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Cluster, Lines, bin, until } from '../lib/cluster.mjs'
import { scrape, table } from './scrape.mjs'

const rows = table()
const ports = { node: 9101, broker: 9164, gateway: 9196 }
const plain = ['--audio', 'plain', '--answer-after', '0ms']
let c
test.before(async () => {
	c = await Cluster.start({
		base: 120,
		agents: [{ name: 'a1', site: 'oslo' }, { name: 'a2', site: 'manila' }],
		queues: {
			support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 3s, service_level: {answer_within: 2s, target: 80%}, overflow: [{when: no_idle_here, to: any_open}]',
			orders: 'skills: [lang.nb]',
		},
	})
})
test.after(async () => { await c.stop() })

const at = (site, role) => `${c.ip(site)}:${ports[role]}`
const page = (site, role) => scrape(at(site, role))
const healthz = async (site, role) => {
	const r = await fetch(`http://${at(site, role)}/healthz`)
	return { status: r.status, ...(await r.json()) }
}
const ended = (n) => until(`${n} records`, () => c.records().length === n && c.records())

test('each daemon tells all that the table says, and nothing else', async () => {
	for (const site of c.sites) {
		for (const role of Object.keys(ports)) {
			const p = await page(site, role)
			const expected = [...rows].filter(([, r]) => r.roles.includes(role))
			assert.deepEqual([...p.types.keys()].sort(), expected.map(([name]) => name).sort(), role)
			for (const [name, r] of expected) assert.equal(p.types.get(name), r.type, name)
			for (const s of p.samples) {
				const base = p.types.has(s.name) ? s.name : s.name.replace(/_(bucket|sum|count)$/, '')
				const labels = [...rows.get(base).labels, ...(s.name === `${base}_bucket` ? ['le'] : [])]
				assert.deepEqual(Object.keys(s.labels), labels, s.name)
			}
			assert.equal(p.sum('healthy'), 1)
			assert.equal(p.sum('build_info', { cluster: 'e2e' }), 1)
		}
	}
	const hashes = new Set()
	for (const site of c.sites) for (const role of Object.keys(ports)) hashes.add((await page(site, role)).samples.find((s) => s.name === 'heliograph_config_info').labels.hash)
	assert.equal(hashes.size, 1, 'one configuration')
})

test('the figures agree with the records', async () => {
	const agent = c.agent('a1', [...plain, '--talk', '1200ms'])
	await agent.idle()
	for (let i = 0; i < 2; i++) assert.equal(await c.caller('oslo', 'support', ['--tone', '440', '--seconds', '10']).exited, 0)
	await agent.stop()
	// One waits past answer_within, then is answered from the other site; one gives up.
	const late = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'])
	await late.event('answered')
	const gone = c.caller('oslo', 'orders', ['--tone', '440', '--seconds', '1'])
	await gone.exited
	await until('the late one has waited 2 s', async () => (await page('oslo', 'node')).sum('queue_longest_wait_seconds', { queue: 'support' }) > 2.1)
	const waiting = await page('oslo', 'node')
	assert.equal(waiting.sum('queue_waiting', { queue: 'support' }), 1)
	assert.equal(waiting.sum('calls', { state: 'queued' }), 1)
	assert.ok(waiting.sum('media_legs') >= 1 && waiting.sum('media_ports_used') >= 2)
	await until('the broker knows', async () => (await page('oslo', 'broker')).sum('site_queue_waiting', { queue: 'support' }) === 1)
	const missed = c.agent('a2', ['--audio', 'plain', '--answer', 'ignore'])
	await missed.event('ring')
	await until('it was missed', async () => (await page('manila', 'node')).sum('offers_ended_total', { cause: 'agent_no_answer' }) === 1)
	await missed.stop()
	const second = c.agent('a2', [...plain, '--talk', '300ms'])
	await second.event('talk')
	await late.exited
	const records = await ended(4)
	await second.stop()

	const p = await until('the node has no call any more', async () => {
		const x = await page('oslo', 'node')
		return x.sum('calls') === 0 && x
	})
	for (const queue of ['support', 'orders']) {
		const mine = records.filter((r) => r.queue === queue)
		assert.equal(p.sum('calls_entered_total', { queue }), mine.length)
		for (const outcome of ['answered', 'abandoned', 'callback', 'voicemail', 'overflow_out', 'failed'])
			assert.equal(p.sum('calls_ended_total', { queue, outcome }), mine.filter((r) => r.outcome === outcome).length, `${queue} ${outcome}`)
		const answered = mine.filter((r) => r.outcome === 'answered')
		assert.equal(p.sum('calls_answered_total', { queue }), answered.length)
		const within = queue === 'support' ? 2000 : 20000
		assert.equal(p.sum('calls_answered_within_total', { queue }), answered.filter((r) => r.wait_ms <= within).length)
		assert.equal(p.sum('wait_seconds_count', { queue }), answered.length)
		assert.equal(p.sum('talk_seconds_count', { queue }), answered.length)
		for (const [name, key] of [['wait', 'wait_ms'], ['talk', 'talk_ms']]) {
			const sum = answered.reduce((n, r) => n + r[key] / 1000, 0)
			const told = p.sum(`${name}_seconds_sum`, { queue })
			assert.ok(Math.abs(told - sum) < 0.05, `${queue} ${name}: ${told} against ${sum} of the records`)
		}
	}
	assert.equal(p.sum('calls_answered_total', { queue: 'support' }) - p.sum('calls_answered_within_total', { queue: 'support' }), 1)
	assert.ok(p.sum('calls_requeued_total', { queue: 'support' }) >= 1, 'the missed call went back')
	assert.equal(p.sum('records_total', { result: 'written' }), records.length)
	assert.equal(p.sum('records_pending'), 0)
	assert.equal(p.sum('offers_total'), records.reduce((n, r) => n + r.offers, 0))
	assert.ok(p.sum('media_packets_total', { direction: 'in' }) > 100)
	assert.ok(p.sum('sip_events_total', { event: 'invite' }) >= 4)
	assert.equal(p.sum('presence_up'), 1)
	assert.ok(p.sum('cert_expiry_timestamp_seconds') > Date.now() / 1000)
	const gateway = await page('oslo', 'gateway')
	assert.ok(gateway.sum('gateway_opened_total') >= 1) // an agent whose first try came too early tries again
	assert.ok(gateway.sum('gateway_frames_total', { direction: 'to_node' }) > 3)
	const broker = await page('manila', 'broker')
	assert.ok(broker.sum('acd_messages_total', { direction: 'out', type: 'RESERVE' }) >= 2)
	assert.equal(broker.sum('site_queue_coexist_seconds_total'), 0, 'rule L1 held')
})

test('a page is the same to the daemon, however often it is asked for at once', async () => {
	const before = (await page('oslo', 'node')).sum('scrapes_total', { code: '200' })
	await Promise.all(Array.from({ length: 12 }, () => page('oslo', 'node')))
	const after = await until('a fresh page', async () => {
		const p = await page('oslo', 'node')
		return p.sum('scrapes_total', { code: '200' }) >= before + 12 && p
	})
	assert.ok(after.sum('scrape_seconds') < 0.05)
})

test('/healthz: yes, no while draining, and a note while the node is an island', async () => {
	for (const site of c.sites) {
		for (const role of Object.keys(ports)) {
			const h = await healthz(site, role)
			assert.deepEqual([h.status, h.ok, h.role, h.why], [200, true, role, []])
		}
	}
	c.must('helioctl', ['drain', 'oslo1', '--config', c.config])
	const h = await healthz('oslo', 'node')
	assert.equal(h.status, 503)
	assert.match(h.why[0], /^draining/)
	assert.equal((await until('the page says it', async () => {
		const p = await page('oslo', 'node')
		return p.sum('draining') === 1 && p
	})).sum('healthy'), 0)
	c.must('helioctl', ['drain', 'oslo1', '--undo', '--config', c.config])
	assert.equal((await healthz('oslo', 'node')).status, 200)
	await c.kill('oslo-b1')
	await until('oslo1 is an island', async () => (await page('oslo', 'node')).sum('island') === 1)
	const island = await healthz('oslo', 'node')
	assert.equal(island.status, 200, 'it still takes calls')
	assert.match(island.notes.join(), /no broker/)
	await until('manila-b1 misses its peer', async () => (await page('manila', 'broker')).sum('peers_up', { peer_site: 'oslo' }) === 0)
	c.daemon('broker', 'oslo-b1')
	await c.healthy()
})

test('helioctl events follows all daemons, and a restarted one from its first line', async () => {
	const follow = new Lines(join(bin, 'helioctl'), ['events', '--follow', '--json', '--config', c.config])
	try {
		// Behind everything that was there before: what comes now is new.
		await until('it follows', () => follow.events.length > 0)
		c.must('helioctl', ['drain', 'manila1', '--config', c.config])
		c.must('helioctl', ['drain', 'manila1', '--undo', '--config', c.config])
		const on = await follow.event('drain.on', 5000, (e) => e.daemon === 'manila1')
		assert.equal(on.site, 'manila')
		assert.equal(on.level, 'info')
		assert.equal(on.fields.calls, '0')
		assert.ok(Math.abs(on.at_ms - Date.now()) < 10000)
		await follow.event('drain.off', 5000, (e) => e.daemon === 'manila1')
		await c.kill('oslo-g1')
		await follow.event('ctl.silent', 5000, (e) => e.daemon === 'oslo-g1')
		c.daemon('gateway', 'oslo-g1')
		await follow.event('ctl.answers', 5000, (e) => e.daemon === 'oslo-g1')
		await follow.event('gateway.ready', 5000, (e) => e.daemon === 'oslo-g1' && e.at_ms > on.at_ms)
		assert.equal(follow.events.filter((e) => e.event === 'drain.on' && e.at_ms === on.at_ms).length, 1, 'each line once')
	} finally {
		await follow.stop()
	}
	const warnings = c.must('helioctl', ['events', '--json', '--level', 'warn', '--site', 'oslo', '--config', c.config]).trim().split('\n').map((l) => JSON.parse(l))
	assert.ok(warnings.some((e) => e.event === 'island.on' && e.daemon === 'oslo1'))
	assert.ok(warnings.every((e) => ['warn', 'error'].includes(e.level) && e.site === 'oslo'))
	const text = c.must('helioctl', ['events', '--since', '1h', '--daemon', 'oslo1', '--config', c.config])
	assert.match(text, /^\d\d:\d\d:\d\d\.\d{3} oslo1 info  call\.entered /m)
	assert.doesNotMatch(text, /oslo-b1 /)
	await c.healthy()
})

test('helioctl config targets says where all of this is', async () => {
	const targets = JSON.parse(c.must('helioctl', ['config', 'targets', '--config', c.config]))
	assert.equal(targets.length, 6)
	for (const t of targets) {
		const p = await scrape(t.targets[0])
		assert.ok(p.types.has(t.labels.role === 'node' ? 'heliograph_calls' : t.labels.role === 'broker' ? 'heliograph_peers_up' : 'heliograph_gateway_connections'))
		assert.equal(t.labels.cluster, 'e2e')
	}
})
