// A day that ends in one place begins in another: sites open and close while callers wait.
//
//   oslo.ics    open 12 s, closed 12 s, and so on for ten minutes; a test waits for the phase it needs
//   manila.ics  always open          never.ics  was open once, in a year to come
import test from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, root, until } from '../lib/cluster.mjs'
import { calendar, shifts, stamp } from '../lib/sun.mjs'

const phase = 12000
const dir = mkdtempSync(join(tmpdir(), 'helio-hours-'))
const start = Math.ceil(Date.now() / 1000) * 1000
const { file: oslo, opens } = shifts(dir, 'oslo.ics', start, phase)
const manila = calendar(dir, 'manila.ics', ['DTSTART;TZID=Asia/Manila;VALUE=DATE:20260101', 'RRULE:FREQ=DAILY'])
const never = calendar(dir, 'never.ics', [`DTSTART:${stamp(start + 200 * 86400000)}`, 'DURATION:PT1H'])

const plain = ['--audio', 'plain', '--answer-after', '0ms', '--talk', 'caller', '--duration', '60s', '--tone', '880']
const common = 'skills: [lang.en], wrap_up: 0s, ring_timeout: 5s'
let c
test.before(async () => {
	c = await Cluster.start({
		base: 185, sites: ['oslo', 'manila'],
		agents: [{ name: 'o', site: 'oslo' }, { name: 'm', site: 'manila' }],
		queues: {
			sun: `${common}, hours: {oslo: ${oslo}, manila: ${manila}}, overflow: [{when: closed_site, to: any_open}]`,
			stay: `${common}, hours: {oslo: ${oslo}}`,
			gone: `${common}, hours: {oslo: ${never}}, overflow: [{when: closed_everywhere, to: refuse}]`,
			told: `${common}, hours: {oslo: ${never}}, overflow: [{when: closed_everywhere, to: announce}], closed_announcement: ${join(root, 'deploy/audio/moment.wav')}, closed_after: 2s`,
			shift: `${common}, hours: {oslo: ${oslo}}, overflow: [{when: closed_everywhere, to: refuse}]`,
		},
	})
	await c.reachable() // else an agent's first page goes to another site's node
})
test.after(async () => {
	rmSync(dir, { recursive: true, force: true })
	await c?.stop()
})

// The next moment at which oslo opens or closes with at least `ahead` ms to prepare for it.
const next = (ahead, closes) => opens.map((t) => t + (closes ? phase : 0)).find((t) => t > Date.now() + ahead)
const clock = (ms) => until('the time has come', () => Date.now() >= ms, ms - Date.now() + 5000)
const why = (call) => c.ctl('why', call).lines.join('\n')
async function waiting(queue, seconds = 60) {
	const caller = c.caller('oslo', queue, ['--tone', '440', '--seconds', String(seconds)])
	await caller.event('answered')
	const call = await until('the call is there', () => c.calls().find((x) => x.queue === queue)?.call)
	return { caller, call }
}

test('a site closes while a caller waits: an agent of the site that is open answers', async () => {
	const m = c.agent('m', plain)
	await m.idle()
	const closes = next(5000, true)
	await clock(closes - phase + 1500) // oslo is open, and has nobody
	const { caller, call } = await waiting('sun')
	assert.match(why(call), /no agent is idle here/)
	assert.ok(Date.now() < closes - 1000, 'this machine is too slow for the test')
	await m.event('talk', 20000)
	const late = Date.now() - closes
	assert.ok(late > -500 && late < 3000, `answered ${late} ms after the closing`)
	await Promise.all([caller.stop(), m.stop()])
})

test('agents of a closed site rest until it opens, and why says so', async () => {
	const o = c.agent('o', plain)
	await o.idle()
	const at = next(9000, false)
	await clock(at - 8000) // closed
	const { caller, call } = await waiting('stay')
	const text = why(call)
	assert.match(text, /closed at every site by its hours/)
	assert.match(text, /this site opens in [0-9.]+ s/)
	assert.ok(!o.events.some((e) => e.event === 'talk'))
	assert.ok(Date.now() < at - 500, 'this machine is too slow for the test')
	await o.event('talk', 20000)
	const late = Date.now() - at
	assert.ok(late > -500 && late < 3000, `answered ${late} ms after the opening`)
	await Promise.all([caller.stop(), o.stop()])
})

test('closed everywhere: refused with 480, and no record is written of it', async () => {
	const caller = c.caller('oslo', 'gone', ['--tone', '440', '--seconds', '5'])
	const ended = await caller.event('ended')
	assert.equal(ended.status, 480)
	assert.equal(c.records().filter((r) => r.queue === 'gone').length, 0)
})

test('closed everywhere: the announcement, then the end, in the record too', async () => {
	const caller = c.caller('oslo', 'told', ['--tone', '440', '--seconds', '30'])
	const answered = await caller.event('answered')
	const ended = await caller.event('ended')
	assert.equal(ended.by, 'far')
	const lasted = ended.at_ms - answered.at_ms
	assert.ok(lasted > 1500 && lasted < 4000, `ended ${lasted} ms after the answer`)
	const record = await until('its record', () => c.records().find((r) => r.queue === 'told'))
	assert.equal(record.outcome, 'failed')
	assert.equal(record.cause, 'closed')
})

test('who waits when the last site closes hears the end by the rule', async () => {
	const closes = next(5000, true)
	await clock(closes - phase + 1500)
	const { caller } = await waiting('shift')
	const ended = await caller.event('ended', 20000)
	const late = Date.now() - closes
	assert.equal(ended.by, 'far')
	assert.ok(late > -500 && late < 3000, `ended ${late} ms after the closing`)
	assert.equal((await until('its record', () => c.records().find((r) => r.queue === 'shift'))).cause, 'closed')
})

test('helioctl hours says the same as the daemons do', () => {
	const sun = c.ctl('hours', 'sun')
	assert.deepEqual(sun.sites.map((s) => s.site), ['oslo', 'manila'])
	assert.equal(sun.sites[1].open, true)
	assert.equal(sun.sites[1].changes, 'always')
	const at = (ms) => c.ctl('hours', 'stay', '--at', new Date(ms).toISOString().replace(/\.\d+/, '')).answered
	assert.equal(at(opens[3] + 1000), true)
	assert.equal(at(opens[3] + phase + 1000), false)
	const week = c.ctl('hours', 'gone', '--week', new Date(start).toISOString().slice(0, 10))
	assert.equal(week.gaps, 1)
	assert.equal(week.gap_s, 7 * 86400)
})
