// A carrier's side that listens: calls over UDP whose every RTP packet is looked at: which stream, which
// number, and whether it carries the agent's tone. It speaks a tone of its own on all lines.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { until } from '../lib/cluster.mjs'

const header = (text, name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(text)?.[1]?.trim() ?? ''

const linear = Array.from({ length: 256 }, (_, i) => {
	const u = ~i & 255, t = (((u & 15) << 3) + 132) << ((u & 112) >> 4)
	return u & 128 ? 132 - t : t - 132
})
const mulaw = (x) => {
	const sign = x < 0 ? 128 : 0
	let m = Math.min(Math.abs(x), 32635) + 132, e = 7
	for (let mask = 0x4000; e > 0 && !(m & mask); mask >>= 1) e--
	return ~(sign | e << 4 | (m >> (e + 3) & 15)) & 255
}

// Is most of this frame's energy at hz (Goertzel)?
function carries(payload, hz) {
	const w = 2 * Math.cos(2 * Math.PI * hz / 8000)
	let s1 = 0, s2 = 0, all = 0
	for (const u of payload) {
		const x = linear[u], s = x + w * s1 - s2
		s2 = s1
		s1 = s
		all += x * x
	}
	return all > 1e6 && (s1 * s1 + s2 * s2 - w * s1 * s2) * 2 / payload.length > 0.5 * all
}

class Line {
	constructor(trunk, uri, number) {
		Object.assign(this, { trunk, uri, number, id: randomBytes(8).toString('hex'), cseq: 1, ended: '', tone: [], packets: 0, streams: new Map(), seq: 0, ts: 0 })
		this.ssrc = randomBytes(4).readUInt32BE()
		this.rtp = createSocket('udp4')
		this.rtp.bind(0, trunk.ip)
		this.rtp.on('message', (m) => this.heard(m))
	}
	heard(m) {
		if (m.length < 172) return
		const ssrc = m.readUInt32BE(8), seq = m.readUInt16BE(2)
		this.packets++
		const s = this.streams.get(ssrc)
		if (!s) this.streams.set(ssrc, { first: seq, last: seq, back: 0 })
		else {
			const d = (seq - s.last) << 16 >> 16
			if (d <= 0) s.back++
			else s.last = seq
		}
		if (carries(m.subarray(12, 172), this.trunk.listen)) this.tone.push(performance.now())
	}
	speak() {
		if (!this.media || this.ended || this.quiet) return
		const p = Buffer.alloc(172)
		p[0] = 128
		p.writeUInt16BE(this.seq++ & 0xffff, 2)
		p.writeUInt32BE(this.ts >>> 0, 4)
		p.writeUInt32BE(this.ssrc, 8)
		this.trunk.frame.copy(p, 12)
		this.ts += 160
		this.rtp.send(p, this.media.port, this.media.ip)
	}
	head(method, seq = this.cseq) {
		const port = this.trunk.sip.address().port
		return [`${method} ${this.contact ?? this.uri} SIP/2.0`, `Via: SIP/2.0/UDP ${this.trunk.ip}:${port};branch=z9hG4bK${this.id}${method}${seq};rport`,
			'Max-Forwards: 70', `From: <sip:${this.number}@${this.trunk.ip}>;tag=${this.id}f`, `To: <${this.uri}>${this.toTag ? `;tag=${this.toTag}` : ''}`,
			`Call-ID: ${this.id}`, `CSeq: ${seq} ${method}`, `Contact: <sip:${this.number}@${this.trunk.ip}:${port}>`]
	}
	say(lines, body = '') {
		const [, host, port] = /([\d.]+):(\d+)/.exec(this.contact ?? this.uri)
		this.trunk.sip.send([...lines, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body].join('\r\n'), Number(port), host)
	}
	take(text, from) {
		const answer = /^SIP\/2.0 (\d+)/.exec(text)
		if (answer) {
			if (/BYE/.test(header(text, 'CSeq'))) this.byeAnswered = true
			if (!/INVITE/.test(header(text, 'CSeq')) || Number(answer[1]) < 200) return
			if (Number(answer[1]) >= 300) { this.ended ||= answer[1]; return }
			this.toTag = /;tag=([^;\s>]+)/.exec(header(text, 'To'))?.[1]
			this.contact = /<([^>]+)>/.exec(header(text, 'Contact'))?.[1]
			this.invited = Number(header(text, 'CSeq').split(' ')[0])
			this.media = { ip: /^c=IN IP4 (\S+)/m.exec(text)?.[1], port: Number(/^m=audio (\d+)/m.exec(text)?.[1]) }
			if (!this.mute) this.say(this.head('ACK', Number(header(text, 'CSeq').split(' ')[0])))
			return
		}
		const method = text.split(' ')[0]
		if (method === 'ACK') return
		this.lastCseq = Number(header(text, 'CSeq').split(' ')[0])
		if (method === 'BYE') this.ended ||= 'BYE'
		const keep = text.split('\r\n').filter((l) => /^(via|from|to|call-id|cseq):/i.test(l))
		this.trunk.sip.send(['SIP/2.0 200 OK', ...keep, 'Content-Length: 0', '', ''].join('\r\n'), from.port, from.address)
	}
	// When the agent was heard first after this moment; undefined: not yet.
	heardAfter(at) { return this.tone.find((t) => t > at) }
	// The longest time without the agent's voice since a moment.
	gap(from, to = performance.now()) {
		const at = [from, ...this.tone.filter((t) => t > from && t < to), to]
		return Math.max(...at.slice(1).map((t, i) => t - at[i]))
	}
	// An empty receiver report (RFC 3550 §6.4.2), as one who is muted goes on sending.
	report() {
		const p = Buffer.alloc(8)
		p[0] = 128
		p[1] = 201
		p.writeUInt16BE(1, 2)
		p.writeUInt32BE(this.ssrc, 4)
		this.rtp.send(p, this.media.port + 1, this.media.ip)
	}
	// Puts the node on hold (RFC 3264 §8.4): it is told so, and nothing is sent from then on.
	async hold() {
		const seq = ++this.cseq
		this.quiet = true
		this.say(this.head('INVITE', seq), this.sdp('inactive', 2))
		await until('the hold is answered', () => this.invited === seq)
	}
	sdp(direction, version) {
		return ['v=0', `o=- 1 ${version} IN IP4 ${this.trunk.ip}`, 's=-', `c=IN IP4 ${this.trunk.ip}`, 't=0 0', `m=audio ${this.rtp.address().port} RTP/AVP 0`,
			'a=rtpmap:0 PCMU/8000', 'a=ptime:20', `a=${direction}`, ''].join('\r\n')
	}
	async hangup() {
		if (this.ended) return
		this.ended = 'hung up'
		this.cseq++
		await until('the BYE is answered', () => this.byeAnswered || (this.say(this.head('BYE')), false), 8000)
	}
}

export class Trunk {
	static async open(ip, listen = 880) {
		const t = new Trunk()
		Object.assign(t, { ip, listen, lines: [] })
		t.sip = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
		t.sip.bind(0, ip)
		t.sip.on('message', (m, from) => {
			const text = m.toString()
			t.lines.find((l) => l.id === header(text, 'Call-ID'))?.take(text, from)
		})
		await once(t.sip, 'listening')
		t.say(440)
		t.timer = setInterval(() => t.lines.forEach((l) => l.speak()), 20)
		return t
	}
	// What all callers say from now on: 20 ms hold whole periods of any multiple of 50 Hz.
	say(hz) {
		this.frame = Buffer.from(Array.from({ length: 160 }, (_, i) => mulaw(Math.round(8000 * Math.sin(2 * Math.PI * hz * i / 8000)))))
	}
	async dial(uri, number = '+4722334455', { mute = false } = {}) {
		const line = Object.assign(new Line(this, uri, number), { mute }) // mute: its ACKs are lost
		this.lines.push(line)
		await once(line.rtp, 'listening')
		const sdp = line.sdp('sendrecv', 1)
		let sent = 0
		await until('the call is answered', () => {
			if (performance.now() > sent + 500) { line.say(line.head('INVITE'), sdp); sent = performance.now() }
			return line.media || line.ended
		}, 8000)
		if (line.ended) throw new Error(`refused: ${line.ended}`)
		return line
	}
	async close() {
		clearInterval(this.timer)
		await Promise.all(this.lines.map((l) => l.hangup().catch(() => {})))
		for (const l of this.lines) l.rtp.close()
		this.sip.close()
	}
}
