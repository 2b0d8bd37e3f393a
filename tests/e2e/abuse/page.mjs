// A browser that does as it is told: WebSocket by hand over TCP from an address of its own, sealed with
// the page's own code.
import { connect } from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { loadSeal } from '../web/seal.mjs'
import { PATIENCE_MS } from '../lib/cluster.mjs'

let loaded
export const sealed = async () => (loaded ??= await loadSeal())
export const done = () => { if (loaded) rmSync(loaded.out, { recursive: true, force: true }) }

// One client frame; mask false breaks the rules.
export function frame(payload, { opcode = 2, mask = true, fin = true } = {}) {
	const n = payload.length
	const head = n < 126 ? Buffer.from([0, n]) : n < 65536 ? Buffer.from([0, 126, n >> 8, n & 255]) : Buffer.concat([Buffer.from([0, 127]), Buffer.from(new BigUint64Array([BigInt(n)]).buffer).reverse()])
	head[0] = (fin ? 0x80 : 0) | opcode
	if (!mask) return Buffer.concat([head, payload])
	head[1] |= 0x80
	const key = randomBytes(4), body = Buffer.from(payload)
	for (let i = 0; i < n; i++) body[i] ^= key[i & 3]
	return Buffer.concat([head, key, body])
}

export class Page {
	// ip: where it comes from. Resolves when the upgrade was answered: status 101, or what it was.
	static async open(c, ip, { origin, path = '/desk', protocol = 'heliograph.1', raw = false } = {}) {
		const p = new Page()
		Object.assign(p, { c, messages: [], frames: [], waiters: [], code: undefined, status: 0, rest: Buffer.alloc(0) })
		const [host, port] = c.gateway(c.sites[0]).split(':')
		p.socket = connect({ host, port: Number(port), localAddress: ip, noDelay: true })
		p.gone = new Promise((r) => p.socket.once('close', () => { p.closed = true; p.wake(); r(p.code) }))
		p.socket.on('error', () => {})
		p.socket.on('data', (d) => p.take(d))
		if (raw) return p
		const key = randomBytes(16).toString('base64')
		const lines = { Host: `${host}:${port}`, Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Protocol': protocol, Origin: origin === undefined ? `http://${host}:${port}` : origin }
		p.socket.write(`GET ${path} HTTP/1.1\r\n${Object.entries(lines).filter(([, v]) => v !== null).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`)
		p.accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
		await p.until(() => p.status || p.closed)
		return p
	}
	take(data) {
		this.rest = Buffer.concat([this.rest, data])
		if (!this.status) {
			const end = this.rest.indexOf('\r\n\r\n')
			if (end < 0) return
			this.status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(this.rest.toString('latin1'))?.[1] ?? 0)
			this.rest = this.rest.subarray(end + 4)
		}
		while (this.status === 101 && this.rest.length >= 2) {
			let n = this.rest[1] & 127, at = 2
			if (n === 126) { if (this.rest.length < 4) break; n = this.rest.readUInt16BE(2); at = 4 }
			if (n === 127) { if (this.rest.length < 10) break; n = Number(this.rest.readBigUInt64BE(2)); at = 10 }
			if (this.rest.length < at + n) break
			const opcode = this.rest[0] & 15, body = this.rest.subarray(at, at + n)
			this.rest = this.rest.subarray(at + n)
			if (opcode === 8) this.code = body.length >= 2 ? body.readUInt16BE(0) : 1005
			else if (opcode === 9) this.socket.write(frame(body, { opcode: 10 }))
			else if (opcode === 2) this.onFrame(Buffer.from(body))
		}
		this.wake()
	}
	onFrame(bytes) {
		this.frames.push(bytes)
		if (!this.session) return
		if (bytes[0] === 4) this.messages.push(JSON.parse(Buffer.from(this.session.decrypt(new Uint8Array(bytes.subarray(1)))).toString()))
	}
	wake() { this.waiters = this.waiters.filter((w) => !w()) }
	until(what, ms = PATIENCE_MS) {
		return new Promise((ok, fail) => {
			const timer = setTimeout(() => fail(new Error(`not within ${ms} ms: ${what}; code ${this.code}, had ${JSON.stringify(this.messages.slice(-4))}`)), ms)
			const look = () => { const v = what(); if (v) { clearTimeout(timer); ok(v) } return v }
			if (!look()) this.waiters.push(look)
		})
	}
	// The Noise handshake with the node that the gateway chose; own: the key of a browser known before.
	async seal(own) {
		const { seal } = await sealed()
		this.own = own ?? seal.newKeyPair()
		const info = await (await fetch(`http://${this.c.gateway(this.c.sites[0])}/cluster.json`)).json()
		const cert = new Uint8Array((await this.until(() => this.frames.find((f) => f[0] === 1))).subarray(1))
		const noise = seal.openCert(cert, seal.fromHex(info.sign_pub), Date.now() / 1000)
		this.node = noise.node
		const hs = new seal.Handshake({ initiator: true, own: this.own, remoteStatic: noise.noisePub, prologue: seal.prologueFor(cert) })
		this.msg1 = Buffer.from(seal.makeFrame(2, hs.write(new TextEncoder().encode('{"v":1}'))))
		this.send(this.msg1)
		hs.read(new Uint8Array((await this.until(() => this.frames.find((f) => f[0] === 3))).subarray(1)))
		this.session = hs.session
		return this
	}
	send(bytes) { this.socket.write(frame(bytes)) }
	say(message) {
		const bytes = typeof message === 'string' || message instanceof Uint8Array ? Buffer.from(message) : Buffer.from(JSON.stringify(message))
		this.send(Buffer.concat([Buffer.from([4]), this.session.encrypt(new Uint8Array(bytes))]))
	}
	// The next message of this type from now on.
	async next(type, ms) {
		const from = this.messages.length
		return this.until(() => this.messages.slice(from).find((m) => m.t === type), ms)
	}
	async ask(message, type, ms) {
		const answer = this.next(type, ms)
		this.say(message)
		return answer
	}
	login(name, password) {
		const from = this.messages.length
		this.say({ t: 'login', name, password, audio: 'plain', lang: 'en' })
		return this.until(() => this.messages.slice(from).find((m) => m.t === 'welcome' || m.t === 'denied'), 30000)
	}
	close() { this.socket.destroy() }
}
