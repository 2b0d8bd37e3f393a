// A hand-made SIP end on an address of its own: says exactly what a test wants to be said.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import { PATIENCE_MS } from '../lib/cluster.mjs'

export const sdp = (ip, formats = '0 8', port = 40000) =>
	`v=0\r\no=- 1 1 IN IP4 ${ip}\r\ns=-\r\nc=IN IP4 ${ip}\r\nt=0 0\r\nm=audio ${port} RTP/AVP ${formats}\r\n`

// One answer, taken apart: {status, method, id, headers, text}
function answer(text) {
	const head = text.split('\r\n\r\n')[0].split('\r\n')
	const first = /^SIP\/2\.0 (\d{3})/.exec(head[0])
	const headers = {}
	for (const line of head.slice(1)) {
		const colon = line.indexOf(':')
		headers[line.slice(0, colon).toLowerCase()] ??= line.slice(colon + 1).trim()
	}
	return { status: first ? Number(first[1]) : 0, request: first ? '' : head[0], id: headers['call-id'], cseq: headers.cseq, headers, text }
}

class End {
	constructor(ip, port, to) {
		Object.assign(this, { ip, port, to, got: [], waiters: [] })
	}
	take(text) {
		const a = answer(text)
		this.got.push(a)
		this.waiters = this.waiters.filter((w) => !w(a))
	}
	// The first answer, past or to come, for which what() holds; null after ms.
	wait(what, ms = PATIENCE_MS) {
		const past = this.got.find(what)
		if (past) return Promise.resolve(past)
		return new Promise((done) => {
			const timer = setTimeout(() => done(null), ms)
			this.waiters.push((a) => what(a) && (clearTimeout(timer), done(a), true))
		})
	}
	// A request as text; id is its Call-ID. Headers of `more` replace those of the same name.
	request(method, user, { id = randomBytes(8).toString('hex'), body = '', cseq = 1, tag = '', from = 'a', branch, vias = [], more = {}, type = 'application/sdp', transport = 'UDP' } = {}) {
		const host = `${this.to.ip}:${this.to.port}`
		const headers = {
			Via: `SIP/2.0/${transport} ${this.ip}:${this.port};branch=z9hG4bK${branch ?? randomBytes(8).toString('hex')};rport`,
			From: `<sip:${from}@${this.ip}>;tag=${id}f`,
			To: `<sip:${user}@${host}>${tag ? `;tag=${tag}` : ''}`,
			'Call-ID': id,
			CSeq: `${cseq} ${method}`,
			Contact: `<sip:${from}@${this.ip}:${this.port}>`,
			'Max-Forwards': '70',
			...(body ? { 'Content-Type': type } : {}),
			'Content-Length': String(Buffer.byteLength(body)),
			...more,
		}
		const lines = Object.entries(headers).filter(([, v]) => v !== null).map(([k, v]) => `${k}: ${v}`)
		lines.splice(1, 0, ...vias.map((v) => `Via: ${v}`))
		return { id, text: `${method} sip:${user}@${host} SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n${body}` }
	}
	// Sends it and returns the final answer to it, or null (silence).
	async ask(method, user, options = {}, ms = PATIENCE_MS) {
		const r = this.request(method, user, { transport: this.transport, ...options })
		this.send(r.text)
		const a = await this.wait((x) => x.id === r.id && x.status >= 200 && x.cseq?.endsWith(` ${method}`), ms)
		if (a && method === 'INVITE') this.ack(a, user, options)
		return a
	}
	invite(user, options = {}, ms) {
		return this.ask('INVITE', user, { body: sdp(this.ip), ...options }, ms)
	}
	ack(a, user, options = {}) {
		const tag = /tag=([^;\s]+)/.exec(a.headers.to ?? '')?.[1]
		const branch = a.status >= 300 ? /branch=z9hG4bK([^;\s]+)/.exec(a.headers.via ?? '')?.[1] : undefined
		this.send(this.request('ACK', user, { transport: this.transport, id: a.id, tag, branch, cseq: options.cseq ?? 1 }).text)
	}
	async hangup(a, user) {
		const tag = /tag=([^;\s]+)/.exec(a.headers.to)[1]
		return this.ask('BYE', user, { id: a.id, tag, cseq: 2 })
	}
}

export class Udp extends End {
	transport = 'UDP'
	static async open(ip, to, port = 5060) {
		const e = new Udp(ip, port, to)
		e.socket = createSocket('udp4')
		e.socket.on('message', (m) => e.take(m.toString('latin1')))
		e.socket.on('error', () => {})
		await new Promise((done, fail) => { e.socket.once('error', fail); e.socket.bind(port, ip, done) })
		e.port = e.socket.address().port
		return e
	}
	send(text) { this.socket.send(typeof text === 'string' ? Buffer.from(text, 'latin1') : text, this.to.port, this.to.ip) }
	close() { this.socket.close() }
}

export class Tcp extends End {
	transport = 'TCP'
	static async open(ip, to) {
		const e = new Tcp(ip, 0, to)
		e.socket = connect({ host: to.ip, port: to.port, localAddress: ip, noDelay: true })
		let rest = ''
		e.socket.on('data', (d) => {
			rest += d.toString('latin1')
			for (;;) {
				rest = rest.replace(/^(\r\n)+/, '') // answers to keepalives
				const end = rest.indexOf('\r\n\r\n')
				if (end < 0) return
				const length = Number(/\r\n(?:content-length|l):\s*(\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
				if (rest.length < end + 4 + length) return
				e.take(rest.slice(0, end + 4 + length))
				rest = rest.slice(end + 4 + length)
			}
		})
		e.closed = new Promise((done) => e.socket.once('close', done))
		e.socket.on('error', () => {})
		await new Promise((done) => { e.socket.once('connect', done); e.socket.once('close', done) })
		e.port = e.socket.localPort
		return e
	}
	send(text) { this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text) }
	// true: the other side closed it within ms.
	gone(ms = PATIENCE_MS) {
		let timer
		return Promise.race([this.closed.then(() => true), new Promise((r) => { timer = setTimeout(r, ms, false) })]).finally(() => clearTimeout(timer))
	}
	close() { this.socket.destroy() }
}
