import test from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, bin, until } from '../lib/cluster.mjs'

const dir = mkdtempSync(join(tmpdir(), 'helio-tasks-'))
const never = join(dir, 'never.ics')
const stamp = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
writeFileSync(never, ['BEGIN:VCALENDAR', 'BEGIN:VEVENT', `DTSTART:${stamp(Date.now() + 200 * 86400000)}`, 'DURATION:PT1H', 'END:VEVENT', 'END:VCALENDAR', ''].join('\r\n'))

const common = 'wrap_up: 1s, ring_timeout: 5s, task_retry: 1s, task_tries: 2'
let c
test.before(async () => {
	c = await Cluster.start({
		base: 210, sites: ['oslo', 'manila'], journal: true,
		agents: [{ name: 'a', site: 'oslo' }, { name: 'm', site: 'manila', skills: ['lang.nb'] }],
		queues: {
			support: `skills: [lang.en], ${common}, overflow: [{when: no_idle_here, to: any_open}, {after: 2s, to: callback}]`,
			far: `skills: [lang.nb], ${common}, overflow: [{when: no_idle_here, to: any_open}, {after: 1s, to: callback}]`,
			night: `skills: [lang.en], ${common}, hours: {oslo: ${never}}, overflow: [{when: closed_everywhere, to: voicemail}]`,
		},
	})
})
test.after(async () => {
	rmSync(dir, { recursive: true, force: true })
	await c?.stop()
})

const ctl = (...args) => spawnSync(join(bin, 'helioctl'), [...args, '--config', c.config], { encoding: 'utf8' })
const tasks = (queue) => c.ctl('tasks', '--queue', queue).tasks
const task = (queue, state) => until(`a task of ${queue} is ${state}`, () => tasks(queue).find((t) => t.state === state), 20000)
// What watches a site sees of its tasks.
const figure = async (name) => Number(new RegExp(`^heliograph_${name} (\\d+)$`, 'm').exec(await (await fetch(`http://${c.ip('oslo')}:9101/metrics`)).text())?.[1])
// A caller who waits until it is let go; resolves with the record of its call.
async function let_go(queue, site = 'oslo') {
	const before = new Set(c.records().map((r) => r.call))
	const caller = c.caller(site, queue, ['--tone', '440', '--seconds', '60'])
	await caller.exited
	return until('the call has its record', () => c.records().find((r) => !before.has(r.call) && r.queue === queue && ['callback', 'voicemail'].includes(r.outcome)))
}

test('who waited too long is let go as callback, its task waits with the place, and an agent gets it', async () => {
	const r = await let_go('support')
	assert.equal(r.outcome, 'callback')
	assert.ok(r.wait_ms >= 1900)
	const open = await task('support', 'open')
	assert.equal(open.call, r.call)
	assert.equal(open.caller, r.caller)
	assert.equal(await figure('tasks_open'), 1)
	await until('its copy is at the partner', async () => (await figure('tasks_uncopied')) === 0)
	const waiting = await until('it waits in the queue', () => c.calls().find((x) => x.queue === 'support' && x.state === 'queued'), 15000)
	assert.ok(waiting.age_ms >= 1900, 'with the age that the caller had')

	const agent = c.agent('a', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '500ms', '--disposition', 'resolved'])
	const ring = await agent.event('ring', 15000)
	assert.equal(ring.caller, r.caller)
	await agent.event('talk')
	const done = await task('support', 'done')
	assert.equal(done.id, open.id)
	assert.equal(done.agent, 'a')
	assert.equal(done.tries, 1)
	await until('it is open no more', async () => (await figure('tasks_open')) === 0)
	assert.equal(await figure('tasks_errors_total'), 0)
	await agent.stop()
	assert.equal(c.records().filter((x) => x.queue === 'support').length, 2, 'the caller\'s and the attempt\'s')
	assert.equal(c.calls().length, 0)
})

test('nobody reached: it comes again, and is given up after the last try', async () => {
	await let_go('far')
	const agent = c.agent('m', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms', '--disposition', 'not_reached'])
	const up = await task('far', 'given_up')
	assert.equal(up.tries, 2)
	assert.equal(agent.events.filter((e) => e.event === 'talk').length, 2)
	await agent.stop()
})

test('closed everywhere: the caller becomes a voicemail that waits until somebody opens', async () => {
	const caller = c.caller('oslo', 'night', ['--seconds', '20'])
	await caller.exited
	const open = await task('night', 'open')
	assert.equal(open.kind, 'voicemail')
	assert.equal(ctl('tasks', 'cancel', open.id).status, 0)
	await task('night', 'cancelled')
	await until('it waits no more', () => !c.calls().some((x) => x.queue === 'night'))
})

test('kill -9 of the node: the task is there again, once, and is done', async () => {
	await let_go('support')
	const open = await task('support', 'open')
	await c.kill('oslo1')
	c.daemon('node', 'oslo1')
	await c.healthy()
	const agent = c.agent('a', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms', '--disposition', 'order'])
	const done = await until('it is done', () => tasks('support').find((t) => t.id === open.id && t.state === 'done'), 30000)
	assert.equal(done.tries, 1)
	await agent.stop()
})

test('a lost site: its partner has the copy, and does it once a person has said so', async () => {
	await let_go('far')
	const open = await task('far', 'open')
	await until('the partner has a copy', () => c.ctl('tasks', '--queue', 'far').tasks.length && !/without a copy/.test(ctl('tasks').stdout))
	for (const d of ['oslo1', 'oslo-b1', 'oslo-g1']) await c.kill(d)
	const agent = c.agent('m', ['--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms', '--disposition', 'resolved'])
	await agent.idle()
	assert.match(ctl('site', 'declare-lost', 'manila', '--yes').stderr, /is not lost/)
	assert.match(ctl('site', 'declare-lost', 'oslo').stderr, /--yes/)
	assert.equal(ctl('site', 'declare-lost', 'oslo', '--yes').status, 0)
	const done = await until('it is done at manila', () => c.ctl('tasks', '--queue', 'far', '--site', 'manila').tasks?.find((t) => t.id === open.id && t.state === 'done'), 30000)
	assert.equal(done.owner, 'manila1')
	await agent.stop()
	// It comes back, and learns that the task is done elsewhere.
	for (const [role, d] of [['broker', 'oslo-b1'], ['node', 'oslo1'], ['gateway', 'oslo-g1']]) c.daemon(role, d)
	await until('oslo knows', () => c.ctl('tasks', '--queue', 'far', '--site', 'oslo').tasks?.find((t) => t.id === open.id && t.state === 'done'), 30000)
	assert.equal(c.calls().length, 0)
})
