// A real cluster for tests: real daemons, real redis-server, on loopback addresses of its own, in a
// temporary folder, all of it gone at the end. Used by tests/e2e/cluster and tests/bench.
//
//   const c = await Cluster.start({ sites: ['oslo', 'manila'], agents: [{ name: 'a', site: 'manila' }] })
//   const agent = c.agent('a', ['--answer-after', '100ms'])
//   const caller = c.caller('oslo', 'support', ['--tone', '440'])
//   await agent.event('talk'); ... ; await c.stop()

import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { get as getSecure } from 'node:https'
import { mkdtempSync, mkdirSync, writeFileSync, readFileSync, rmSync, openSync, closeSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const bin = process.env.HELIO_BIN ?? join(root, 'build/release/bin')
export const password = 'quiet-harbour' // of every agent of a test

// How long a test waits where no figure is meant: other clusters run beside it. What is promised has a
// limit of its own.
export const PATIENCE_MS = 20000

// What is promised is promised for a build without sanitizers; with them (ctest sets HELIO_SLOW) it may
// take longer by that factor.
export const promised = (ms) => ms * Number(process.env.HELIO_SLOW ?? 1)

// Asks again until what() is truthy: a wait for a condition, with a deadline that names it.
export async function until(what, condition, ms = PATIENCE_MS) {
	const end = Date.now() + ms
	for (;;) {
		const got = await condition()
		if (got) return got
		if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
		await new Promise((r) => setTimeout(r, 20))
	}
}

// A program that prints one JSON object a line; events can be awaited by type and filter.
export class Lines {
	constructor(command, args, options = {}) {
		this.name = command.split('/').pop()
		this.events = []
		this.waiters = []
		this.stderr = ''
		this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
		let rest = ''
		this.child.stdout.setEncoding('utf8').on('data', (text) => {
			rest += text
			const lines = rest.split('\n')
			rest = lines.pop()
			for (const line of lines) this.take(line)
		})
		this.child.stderr.setEncoding('utf8').on('data', (t) => (this.stderr = (this.stderr + t).slice(-8000)))
		this.exited = new Promise((r) => this.child.on('close', (code, signal) => {
			this.code = code ?? -1
			this.signal = signal
			for (const w of this.waiters.splice(0)) w.fail()
			r(this.code)
		}))
	}
	take(line) {
		let event
		try { event = JSON.parse(line) } catch { return }
		event.seen_ms = performance.now()
		this.events.push(event)
		this.waiters = this.waiters.filter((w) => !w.try(event))
	}
	// The first event, past or to come, of this type for which filter holds.
	event(type, ms = PATIENCE_MS, filter = () => true) {
		const match = (e) => (e.event ?? e.t ?? e.type) === type && filter(e)
		const past = this.events.find(match)
		if (past) return Promise.resolve(past)
		return new Promise((resolve, reject) => {
			const fail = (why) => reject(new Error(`${this.name}: no "${type}" ${why}; had ${JSON.stringify(this.events.slice(-8))} ${this.stderr.slice(-1500)}`))
			const timer = setTimeout(() => fail(`within ${ms} ms`), ms)
			this.waiters.push({
				try: (e) => match(e) && (clearTimeout(timer), resolve(e), true),
				fail: () => { clearTimeout(timer); fail('before it ended') },
			})
			if (this.code !== undefined) { clearTimeout(timer); fail('and it has ended') }
		})
	}
	// helio-agent: signed in, its audio up, waiting for a call.
	idle(ms = PATIENCE_MS) {
		return this.event('state', ms, (e) => e.state === 'idle')
	}
	async stop(signal = 'SIGTERM') {
		if (this.code === undefined) this.child.kill(signal)
		return this.exited
	}
}

// Does a gateway hand out the certificate of this node? It hears of a node a moment before it can
// send to it; until then it says "try again", which a page does and a test need not.
function opens(host, node) {
	const [ip, port] = host.split(':')
	return new Promise((resolve) => {
		const req = request({
			host: ip, port, path: `/desk?node=${node}`,
			headers: {
				Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, Origin: `http://${host}`,
				'Sec-WebSocket-Key': randomBytes(16).toString('base64'), 'Sec-WebSocket-Protocol': 'heliograph.1',
			},
		})
		const done = (ok) => { req.destroy(); resolve(ok) }
		req.on('response', () => done(false)).on('error', () => resolve(false)).setTimeout(2000, () => done(false))
		req.on('upgrade', (res, socket, head) => {
			let data = head
			const look = () => {
				const at = (data[1] & 127) === 126 ? 4 : 2 // where the payload begins; its first byte: 1 is CERT
				if (data.length > at) {
					socket.destroy()
					resolve(data[at] === 1)
				}
			}
			socket.on('data', (more) => { data = Buffer.concat([data, more]); look() }).on('close', () => resolve(false)).on('error', () => resolve(false))
			look()
		})
		req.end()
	})
}

export class Cluster {
	static async start(options = {}) {
		const c = new Cluster(options)
		try {
			c.prepare()
			await c.up()
		} catch (e) {
			await c.stop().catch((more) => { e.message += `\n${more.message}` }) // why it did not start comes first
			throw e
		}
		return c
	}

	constructor({ sites = ['oslo', 'manila'], nodes = 1, agents = [], base = 50, queues, plain = true, limits = '', journal = false, gatewayArgs = [], nodeArgs = [], passwordHash, extra = '', gatewayExtra = '', machines = false, tls = false, mediaPorts = undefined }) {
		// Each node of a site on a machine of its own: address .1, .2 …, with its own Redis and broker;
		// the gateway on .9. A machine is lost when all of its processes are killed at once.
		this.machines = machines
		this.sites = sites
		this.nodes = nodes
		this.agents = agents
		this.base = base
		this.plain = plain
		this.limits = limits + (journal ? `, journal: 127.0.${base}.1:6400` : '')
		this.queues = queues ?? { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 5s, overflow: [{when: no_idle_here, to: any_open}]' }
		this.gatewayArgs = gatewayArgs
		this.nodeArgs = nodeArgs
		this.passwordHash = passwordHash
		this.extra = extra // more lines of the cluster file
		this.gatewayExtra = gatewayExtra // more options of each gateway, or what says them by site
		this.tls = tls // gateways speak TLS, with a certificate of the test's own
		this.mediaPorts = mediaPorts // "A-B" of the first node, of the second, …
		this.dir = mkdtempSync(join(tmpdir(), 'helio-e2e-'))
		this.config = join(this.dir, 'cluster.yaml')
		this.children = new Map()
		this.lines = []
	}
	ip(site, machine = 1) { return `127.0.${this.base + this.sites.indexOf(site)}.${machine}` }
	gateway(site) { return `${this.ip(site, this.machines ? 9 : 1)}:8080` }
	queueUri(site, queue, node = 1) {
		return this.machines ? `sip:${queue}@${this.ip(site, node)}:5060` : `sip:${queue}@${this.ip(site)}:${5058 + 2 * node}`
	}
	brokers() { return this.machines ? this.nodes : 1 }
	ofGateway(site) { return typeof this.gatewayExtra === 'function' ? this.gatewayExtra(site) : this.gatewayExtra }

	certificate() {
		const r = spawnSync('openssl', ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', join(this.dir, 'tls.key'), '-out', join(this.dir, 'tls.pem'),
			'-subj', '/CN=desk.test', '-addext', `subjectAltName=${this.sites.map((s) => `IP:${this.gateway(s).split(':')[0]}`).join(',')}`, '-days', '30'], { encoding: 'utf8' })
		if (r.status !== 0) throw new Error(`openssl: ${r.stderr}`)
		this.gatewayExtra += `, tls: {cert: ${this.dir}/tls.pem, key: ${this.dir}/tls.key}`
	}
	prepare() {
		if (this.tls) this.certificate()
		const sound = (name) => join(root, 'deploy/audio', name)
		const site = (name, i) => {
			const ip = this.ip(name)
			const nodes = Array.from({ length: this.nodes }, (_, k) => this.machines
				? `      ${name}${k + 1}: {ordinal: ${k + 1}, address: ${this.ip(name, k + 1)}, mesh: 7101, metrics: 9101, sip: 5060, media_ports: 20000-23999, journal: ${this.ip(name, k + 1)}:6401${this.limits}}`
				: `      ${name}${k + 1}: {ordinal: ${k + 1}, address: ${ip}, mesh: ${7101 + k}, metrics: ${9101 + k}, sip: ${5060 + 2 * k}, media_ports: ${this.mediaPorts?.[k] ?? `${20000 + 4000 * k}-${23999 + 4000 * k}`}${this.limits}}`)
			return `  ${name}:
    number: ${i + 1}
    timezone: Europe/Oslo
    languages: [en]
    brokers:
${Array.from({ length: this.brokers() }, (_, k) => `      ${name}-b${k + 1}: {ordinal: ${64 + k}, address: ${this.ip(name, k + 1)}, mesh: 7001, metrics: 9164}`).join('\n')}
    nodes:
${nodes.join('\n')}
    gateways:
      ${name}-g1: {ordinal: 96, address: ${this.machines ? this.ip(name, 9) : ip}, mesh: 7201, http: 8080, metrics: 9196${this.ofGateway(name)}}
`
		}
		const queues = Object.entries(this.queues).map(([name, text]) =>
			`  ${name}: {display: ${name}, ${/music:/.test(text) ? '' : `greeting: ${sound('moment.wav')}, music: ${sound('music.wav')}, `}${text}}`)
		writeFileSync(this.config, `cluster: e2e
agents: agents.yaml
paths: {keys: keys, state: state, run: run, web: ${join(root, 'gateway/web/dist')}}
presence: {redis: [127.0.${this.base}.1:6400]}
allow_plain_agents: ${this.plain}
${this.extra}sites:
${this.sites.map(site).join('')}skills: [lang.en, lang.nb]
queues:
${queues.join('\n')}
`)
		// One hash for all: Argon2id costs 0.1 s each, and the password is not what is tested.
		const hash = this.passwordHash ?? (this.agents.length ? this.hash(password) : '')
		const agent = (a) => `  ${a.name}: {display: "${a.display ?? a.name}", site: ${a.site ?? this.sites[0]}, language: en, codec: ${a.codec ?? 'pcmu'}, skills: [${(a.skills ?? ['lang.en']).join(', ')}], password: "${hash}"}`
		writeFileSync(join(this.dir, 'agents.yaml'), `version: 1\nagents:${this.agents.length ? '' : ' {}'}\n${this.agents.map(agent).join('\n')}\n`, { mode: 0o600 })
		writeFileSync(join(this.dir, 'password'), password, { mode: 0o600 })
		for (const d of ['run', 'state']) mkdirSync(join(this.dir, d), { mode: 0o700, recursive: true })
		this.must('helio-keys', ['from-config', this.config])
		this.must('helioctl', ['config', 'check', this.config])
	}
	hash(password) {
		const file = join(this.dir, 'hash')
		const probe = join(this.dir, 'probe')
		mkdirSync(probe, { recursive: true })
		writeFileSync(join(probe, 'cluster.yaml'), readFileSync(this.config))
		writeFileSync(join(probe, 'agents.yaml'), 'version: 1\nagents:\n  probe: {display: Probe, site: ' + this.sites[0] + ', language: en, codec: pcmu, skills: [lang.en], password: "!"}\n', { mode: 0o600 })
		const r = spawnSync(join(bin, 'helioctl'), ['agent', 'passwd', 'probe', '--password-stdin', '--config', join(probe, 'cluster.yaml')], { input: password, encoding: 'utf8' })
		if (r.status !== 0) throw new Error(`helioctl agent passwd: ${r.stderr}${r.stdout}`)
		const found = /"(\$argon2id\$[^"]+)"/.exec(readFileSync(join(probe, 'agents.yaml'), 'utf8')) ?? /(\$argon2id\$[^\s,}"']+)/.exec(readFileSync(join(probe, 'agents.yaml'), 'utf8'))
		writeFileSync(file, found[1])
		return found[1]
	}
	must(program, args) {
		const r = spawnSync(join(bin, program), args, { encoding: 'utf8' })
		if (r.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${r.status}\n${r.stderr}${r.stdout}`)
		return r.stdout
	}

	// A process of the cluster, by name; its log is DIR/NAME.log.
	launch(name, command, args) {
		const log = openSync(join(this.dir, `${name}.log`), 'a')
		const child = spawn(command, args, { stdio: ['ignore', log, log] })
		closeSync(log)
		const entry = { child, command, args, code: undefined }
		entry.exited = new Promise((r) => child.on('close', (code, signal) => {
			entry.code = code
			entry.signal = signal
			r(code)
		}))
		child.on('error', (e) => { entry.error = e })
		this.children.set(name, entry)
		return entry
	}
	redis(name = 'redis', ip = `127.0.${this.base}.1`, port = 6400) {
		return this.launch(name, 'redis-server', ['--bind', ip, '--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', this.dir, '--daemonize', 'no'])
	}
	daemon(role, name, extra = []) {
		return this.launch(name, join(bin, `helio-${role}`), ['--config', this.config, '--name', name, ...extra])
	}
	async up() {
		this.redis()
		for (const s of this.sites) {
			for (let k = 1; k <= this.brokers(); k++) this.daemon('broker', `${s}-b${k}`)
			for (let k = 1; this.machines && k <= this.nodes; k++) this.redis(`${s}${k}-redis`, this.ip(s, k), 6401)
			for (let k = 1; k <= this.nodes; k++) this.daemon('node', `${s}${k}`, this.nodeArgs)
			this.daemon('gateway', `${s}-g1`, this.gatewayArgs)
		}
		await this.healthy()
	}
	async healthy(ms = 3 * PATIENCE_MS) {
		await until('every daemon answers and every gateway sees a node', async () => {
			for (const [name, e] of this.children)
				if (e.code !== undefined) throw new Error(`${name} ended with ${e.code ?? e.signal}: ${this.log(name).slice(-3000)}`)
			if (spawnSync(join(bin, 'helioctl'), ['status', '--config', this.config]).status !== 0) return false
			for (const s of this.sites) {
				if ((await this.healthz(s))?.nodes_live !== this.sites.length * this.nodes) return false
			}
			return true
		}, ms)
	}
	// What a gateway says of itself; null: it does not, or is not well.
	healthz(site) {
		if (!this.tls) return fetch(`http://${this.gateway(site)}/healthz`).then((r) => (r.ok ? r.json() : null)).catch(() => null)
		return new Promise((resolve) => {
			getSecure(`https://${this.gateway(site)}/healthz`, { rejectUnauthorized: false, agent: false }, (r) => {
				let body = ''
				r.on('data', (d) => (body += d)).on('end', () => resolve(r.statusCode === 200 ? JSON.parse(body) : null))
			}).on('error', () => resolve(null))
		})
	}
	// For a test whose page does not try again: each gateway can send to each node of its site.
	async reachable() {
		for (const s of this.sites)
			for (let k = 1; k <= this.nodes; k++)
				await until(`${s}'s gateway reaches ${s}${k}`, () => opens(this.gateway(s), `${s}${k}`))
	}
	log(name) {
		const file = join(this.dir, `${name}.log`)
		return existsSync(file) ? readFileSync(file, 'utf8') : ''
	}
	// A whole machine at once.
	async lose(site, machine) {
		const names = [`${site}${machine}`, `${site}${machine}-redis`, `${site}-b${machine}`]
		for (const name of names) this.signal(name, 'SIGKILL')
		await Promise.all(names.map((name) => this.kill(name)))
	}
	// What a node says of itself (`helioctl status`).
	node(name) { return this.ctl('status').daemons.find((d) => d.name === name) }
	procStatus(name) { return readFileSync(`/proc/${this.pid(name)}/status`, 'utf8') }
	pid(name) { return this.children.get(name).child.pid }
	signal(name, signal) { this.children.get(name).child.kill(signal) }
	async kill(name, signal = 'SIGKILL') {
		const e = this.children.get(name)
		if (e.code === undefined && e.signal === undefined) e.child.kill(signal)
		await e.exited
		this.children.delete(name)
		return e
	}
	ctl(...args) {
		const r = spawnSync(join(bin, 'helioctl'), [...args, '--json', '--config', this.config], { encoding: 'utf8' })
		try { return JSON.parse(r.stdout) } catch { throw new Error(`helioctl ${args.join(' ')}: ${r.status} ${r.stdout}${r.stderr}`) }
	}
	records() { return this.ctl('records', '--limit', '1000').records }
	calls() { return this.ctl('calls').calls }
	agentsNow() { return this.ctl('agents').agents }
	redisCli(...args) {
		return spawnSync('redis-cli', ['-h', `127.0.${this.base}.1`, '-p', '6400', ...args], { encoding: 'utf8', timeout: 3000 }).stdout?.trim() ?? ''
	}

	agent(name, args = [], site = undefined) {
		const home = site ?? this.agents.find((a) => a.name === name)?.site ?? this.sites[0]
		const l = new Lines(join(bin, 'helio-agent'), ['--gateway', this.gateway(home), '--name', name, '--password-file', join(this.dir, 'password'), '--json', ...this.agentTls(), ...args])
		this.lines.push(l)
		return l
	}
	// What helio-agent needs to speak to gateways with TLS.
	agentTls() {
		return this.tls ? ['--ca', join(this.dir, 'tls.pem'), '--cluster-pub', join(this.dir, 'keys/cluster.pub')] : []
	}
	caller(site, queue, args = [], node = 1) {
		const l = new Lines(join(bin, 'helio-caller'), ['--to', this.queueUri(site, queue, node), '--json', ...args])
		this.lines.push(l)
		return l
	}
	// Stops everything; throws if a daemon had ended by itself or did not end cleanly (a sanitizer's
	// report is a bad exit code).
	async stop() {
		await Promise.all(this.lines.map((l) => l.stop()))
		const bad = []
		for (const [name, e] of this.children) {
			if (e.code === undefined) {
				e.child.kill('SIGCONT')
				e.child.kill('SIGTERM')
			}
		}
		for (const [name, e] of this.children) {
			const timer = setTimeout(() => e.child.kill('SIGKILL'), 15000)
			await e.exited
			clearTimeout(timer)
			if (e.code !== 0) bad.push(`${name} ended with ${e.code ?? e.signal}:\n${this.log(name).slice(-4000)}`)
		}
		this.children.clear()
		if (!process.env.HELIO_KEEP) rmSync(this.dir, { recursive: true, force: true })
		if (bad.length) throw new Error(bad.join('\n'))
	}
}

// Daemons of this cluster write traces from their first event on.
export class Traced extends Cluster {
	trace(name) { return join(this.dir, `${name}.trace`) }
	daemon(role, name, extra = []) {
		const traced = role === 'gateway' ? [] : ['--trace', this.trace(name)]
		return super.daemon(role, name, [...extra, ...traced])
	}
}
