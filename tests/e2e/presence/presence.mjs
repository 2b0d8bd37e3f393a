// A cluster whose presence is as a centre has it: three Redis and three Sentinels, users with an
// ACL, all made from the templates of deploy/presence.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, root, until } from '../lib/cluster.mjs'
import { Redis } from './redis.mjs'

export const redisPort = 50100, sentinelPort = 50200, journalPort = 50300
export const downAfterMs = 1000

export class PresenceCluster extends Cluster {
	static async start(options) {
		const c = new PresenceCluster(options)
		try {
			c.prepare()
			await c.up()
		} catch (e) {
			await c.stop().catch(() => {})
			throw e
		}
		return c
	}
	// locked: nodes have a journal too, in a Redis with users.
	constructor(options) {
		super({ ...options, limits: options.locked ? `, journal: 127.0.${options.base + 2}.1:${journalPort}` : '' })
		this.locked = options.locked
		this.secrets = join(this.dir, 'presence')
		this.host = (i) => `127.0.${this.base + 2}.${i}`
	}
	prepare() {
		this.tool('acl', [this.secrets])
		super.prepare()
		const list = (port) => [1, 2, 3].map((i) => `${this.host(i)}:${port}`).join(', ')
		const text = readFileSync(this.config, 'utf8').replace(/^presence:.*$/m, `presence:
  sentinels: [${list(sentinelPort)}]
  user: node
  password_file: ${join(this.secrets, 'password.node')}${this.locked ? `\njournal: {user: journal, password_file: ${join(this.secrets, 'password.journal')}}` : ''}`)
		writeFileSync(this.config, text)
		this.must('helioctl', ['config', 'check', this.config])
	}
	tool(name, args) {
		const r = spawnSync(join(root, 'deploy/presence', name), args, { encoding: 'utf8' })
		if (r.status !== 0) throw new Error(`${name}: ${r.stderr}`)
		return r.stdout
	}
	password(role) { return readFileSync(join(this.secrets, `password.${role}`), 'utf8').trim() }

	// A server from its template, in a folder of its own; more: lines of this test.
	server(name, template, values, more = '', args = []) {
		const dir = join(this.dir, name)
		mkdirSync(dir, { recursive: true, mode: 0o700 })
		const pairs = Object.entries({ DIR: dir, ...values }).map(([k, v]) => `${k}=${v}`)
		const text = this.tool('render', [join(root, 'deploy/presence', template), this.secrets, ...pairs])
		writeFileSync(join(dir, template), text + more, { mode: 0o600 })
		return this.launch(name, 'redis-server', [join(dir, template), ...args])
	}
	redisServer(i) {
		const replica = i === 1 ? '' : `replicaof ${this.host(1)} ${redisPort}\n`
		return this.server(`redis${i}`, 'redis.conf', { ADDRESS: this.host(i), PORT: redisPort, ACL: join(this.secrets, 'users.acl') }, replica)
	}
	sentinelServer(i) {
		return this.server(`sentinel${i}`, 'sentinel.conf', {
			ADDRESS: this.host(i), PORT: sentinelPort, ACL: join(this.secrets, 'sentinel-users.acl'),
			MASTER: this.host(1), MASTER_PORT: redisPort, QUORUM: 2, DOWN_AFTER_MS: downAfterMs, FAILOVER_MS: 6000,
		}, '', ['--sentinel'])
	}
	// Instead of the one Redis of other tests.
	redis() {
		for (const i of [1, 2, 3]) this.redisServer(i)
		if (this.locked)
			this.launch('journal', 'redis-server', ['--bind', this.host(1), '--port', String(journalPort), '--save', '', '--appendonly', 'no', '--dir', this.dir, '--aclfile', join(this.secrets, 'journal-users.acl')])
	}
	again(name) { // a server that was killed, with the configuration as it stands now
		const sentinel = name.startsWith('sentinel')
		return this.launch(name, 'redis-server', [join(this.dir, name, sentinel ? 'sentinel.conf' : 'redis.conf'), ...(sentinel ? ['--sentinel'] : [])])
	}
	async up() {
		this.redis()
		await until('two replicas follow the master', async () => {
			const info = await this.look(1, (r) => r.ask('INFO', 'replication')).catch(() => '')
			return /connected_slaves:2/.test(info) && (info.match(/state=online/g) ?? []).length === 2
		})
		for (const i of [1, 2, 3]) this.sentinelServer(i)
		// A server that comes back is told within two seconds whom to follow, not within ten.
		for (const i of [1, 2, 3])
			await until('the Sentinel answers', () => this.look(i, (r) => r.ask('SENTINEL', 'DEBUG', 'INFO-PERIOD', 500, 'PUBLISH-PERIOD', 500), sentinelPort).catch(() => false))
		await until('every Sentinel knows the two others and both replicas', async () => {
			for (const i of [1, 2, 3]) {
				const m = await this.master(i).catch(() => null)
				if (m?.['num-other-sentinels'] !== '2' || m['num-slaves'] !== '2') return false
			}
			return true
		}, 20000)
		this.redis = () => {}
		await super.up()
	}
	// No failover is under way, and every Sentinel has seen two replicas follow: only then it lets
	// one be promoted without another one undoing it.
	async settled(ms = 20000) {
		await until('every Sentinel sees one master and two replicas', async () => {
			const masters = new Set()
			for (const i of [1, 2, 3]) {
				masters.add(await this.masterNow(i).catch(() => 0))
				const list = await this.look(i, (r) => r.ask('SENTINEL', 'REPLICAS', 'presence'), sentinelPort).catch(() => [])
				const good = list.filter((x) => x[x.indexOf('flags') + 1] === 'slave' && x[x.indexOf('role-reported') + 1] === 'slave' && x[x.indexOf('master-link-status') + 1] === 'ok')
				if (list.length !== 2 || good.length !== 2) return false
			}
			return masters.size === 1
		}, ms)
	}
	async look(i, what, port = redisPort) {
		const r = new Redis(this.host(i), port, 'operator', this.password('operator'))
		try { return await what(r) } finally { r.close() }
	}
	// What Sentinel i knows of the master, by name.
	async master(i) {
		const list = await this.look(i, (r) => r.ask('SENTINEL', 'MASTER', 'presence'), sentinelPort)
		return Object.fromEntries(list.flatMap((x, k) => (k % 2 ? [] : [[x, list[k + 1]]])))
	}
	// Connections of nodes at server i.
	async nodesAt(i) {
		const list = await this.look(i, (r) => r.ask('CLIENT', 'LIST')).catch(() => '')
		return (list.match(/ user=node /g) ?? []).length
	}
	// Number of the server that Sentinel i calls the master.
	async masterNow(i = 3) {
		const [host] = await this.look(i, (r) => r.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'presence'), sentinelPort)
		return Number(host.split('.')[3])
	}
}

// Reads the directory of whoever is the master, over and over, as a wallboard does, and keeps the
// highest (login_no, version) of each agent. back: what went backwards, with when.
export class Watch {
	constructor(c, agents) {
		Object.assign(this, { c, agents, best: new Map(), now: new Map(), back: [], reads: 0 })
		this.running = this.run()
	}
	async run() {
		while (!this.over) {
			await this.read().catch(() => {})
			await new Promise((r) => setTimeout(r, 50))
		}
	}
	async read() {
		const began = performance.now()
		const i = await this.c.masterNow()
		const r = new Redis(this.c.host(i), redisPort, 'reader', this.c.password('reader'))
		try {
			const rows = await Promise.all(this.agents.map((a) => r.ask('HMGET', `helio:agent:${a}`, 'login_no', 'version', 'state', 'node')))
			this.master = i
			this.reads++
			rows.forEach(([login, version, state, node], k) => this.take(this.agents[k], { at: began, login: Number(login), version: Number(version), state, node }))
		} finally {
			r.close()
		}
	}
	take(agent, row) {
		const b = this.best.get(agent) ?? { login: 0, version: 0 }
		this.now.set(agent, row)
		if (row.login < b.login || (row.login === b.login && row.version < b.version))
			this.back.push({ agent, at: performance.now(), master: this.master, was: b, is: row })
		else
			this.best.set(agent, row)
	}
	// As read after that moment, nothing is behind what was once seen.
	right(since) {
		return this.agents.every((a) => {
			const b = this.best.get(a), n = this.now.get(a)
			return n?.at > since && (n.login > b.login || (n.login === b.login && n.version >= b.version))
		})
	}
	async stop() {
		this.over = true
		await this.running
	}
}
