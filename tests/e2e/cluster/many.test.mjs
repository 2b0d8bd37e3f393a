// A cluster with more queues than anybody looks at: each page sees its own, however far down the file
// they stand.
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import assert from 'node:assert/strict'
import { Cluster, bin, password } from '../lib/cluster.mjs'
import { Page, sealed, done } from '../abuse/page.mjs'

const QUEUES = 300, last = `q${QUEUES - 1}`
let c
test.before(async () => {
	const queues = Object.fromEntries(Array.from({ length: QUEUES }, (_, i) => [`q${i}`, `skills: [${i === QUEUES - 1 ? 'lang.nb' : 'lang.en'}]`]))
	c = await Cluster.start({ sites: ['oslo'], base: 214, queues, agents: [{ name: 'a1', skills: ['lang.nb'] }] })
	await c.reachable()
	await sealed()
})
test.after(async () => { await c?.stop(); done() })

test(`who serves the last of ${QUEUES} queues sees who waits in it`, async () => {
	const page = await (await Page.open(c, c.ip('oslo'))).seal()
	assert.equal((await page.login('a1', password)).t, 'welcome')
	const caller = c.caller('oslo', last, ['--seconds', '60'])
	await page.until(() => page.messages.some((m) => m.t === 'queues' && m.queues.some((q) => q.name === last && q.waiting === 1)), 20000)
	page.close()
	await caller.stop()
})

test('who starts a node twice by mistake hears so, and the first one is none the older', () => {
	const boot = () => readFileSync(join(c.dir, 'state/oslo1/boot'), 'utf8')
	const before = boot()
	const r = spawnSync(join(bin, 'helio-node'), ['--config', c.config, '--name', 'oslo1'], { encoding: 'utf8', timeout: 20000 })
	assert.equal(r.status, 1)
	assert.match(r.stderr, /event=start.failed part=admin why=.*running already/)
	assert.equal(boot(), before)
	assert.equal(c.node('oslo1').name, 'oslo1')
})

test('a port that somebody else has costs no boot number, however often the node is started again', async (t) => {
	const boot = () => readFileSync(join(c.dir, 'state/oslo1/boot'), 'utf8')
	const start = () => spawnSync(join(bin, 'helio-node'), ['--config', c.config, '--name', 'oslo1'], { encoding: 'utf8', timeout: 20000 })
	const [, host, port] = /([\d.]+):(\d+)/.exec(c.queueUri('oslo', 'q0'))
	await c.kill('oslo1')
	const before = boot()
	const udp = createSocket('udp4').bind(Number(port), host)
	await once(udp, 'listening')
	t.after(() => udp.close())
	const first = start()
	assert.equal(first.status, 1)
	assert.match(first.stderr, new RegExp(`event=start.failed part=ports why=.*${host}:${port} \\(sip, UDP\\).*in use`))
	const mesh = Number(/^ +oslo1:.*?mesh: (\d+)/m.exec(readFileSync(c.config, 'utf8'))[1])
	const tcp = createServer().listen(mesh, host)
	await once(tcp, 'listening')
	t.after(() => tcp.close())
	const second = start()
	assert.equal(second.status, 1)
	assert.match(second.stderr, new RegExp(`part=ports why=.*${host}:${mesh} \\(mesh\\).*in use`))
	assert.equal(boot(), before)
})
