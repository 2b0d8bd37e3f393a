// A telephone at the carrier's side: one SIP call over UDP with real G.711, that says a steady tone and
// keeps, 50 times a second, how strong the agent's tone is in what it hears. So a gap in the audio is
// measured, not guessed (helio-caller says only that a tone was heard once).
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { PATIENCE_MS, until } from '../lib/cluster.mjs'

const FRAME = 160 // samples of 20 ms
const WINDOW = 10 // frames a strength is computed over

function ulaw(sample) {
	const sign = sample < 0 ? 0x80 : 0
	const value = Math.min(32635, Math.abs(sample)) + 132
	const exponent = 31 - Math.clz32(value) - 7
	return ~(sign | (exponent << 4) | ((value >> (exponent + 3)) & 15)) & 0xff
}
const LINEAR = Int16Array.from({ length: 256 }, (_, byte) => {
	const u = ~byte & 0xff
	const value = (((u & 15) << 3) + 132) << ((u >> 4) & 7)
	return u & 0x80 ? 132 - value : value - 132
})
// Goertzel: the share of the energy at hz, 0..1.
function share(samples, hz) {
	const k = 2 * Math.cos((2 * Math.PI * hz) / 8000)
	let a = 0, b = 0, energy = 0
	for (const x of samples) {
		const next = x + k * a - b
		b = a
		a = next
		energy += x * x
	}
	return energy < samples.length * 100 ? 0 : (a * a + b * b - k * a * b) / ((energy * samples.length) / 2)
}

export class Phone {
	// Dials, and resolves when it is answered.
	static async dial({ ip, uri, from = '+4722334455', name = '', tone = 440, listen = 880 }) {
		const p = new Phone()
		Object.assign(p, { ip, uri, from, name, hz: tone, listen, heard: [], ended: '', recent: [] })
		p.sip = createSocket('udp4')
		p.rtp = createSocket('udp4')
		p.sip.bind(0, ip)
		p.rtp.bind(0, ip)
		await Promise.all([once(p.sip, 'listening'), once(p.rtp, 'listening')])
		p.id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}@${ip}`
		p.tag = Math.random().toString(36).slice(2)
		p.cseq = 1
		p.sip.on('message', (m) => p.onSip(m.toString()))
		p.rtp.on('message', (m) => p.onRtp(m))
		const [host, port] = uri.split('@')[1].split(':')
		p.to = { host, port: Number(port) }
		p.invite()
		try {
			await until('the call is answered', () => p.remote || p.ended, 8000)
			if (p.ended) throw new Error(`the call was refused: ${p.ended}`)
		} catch (e) {
			p.close()
			throw e
		}
		p.speak()
		return p
	}
	send(lines, body = '') {
		this.sip.send([...lines, `Content-Length: ${body.length}`, '', body].join('\r\n'), this.to.port, this.to.host)
	}
	head(method, seq = this.cseq) {
		return [
			`${method} ${method === 'INVITE' ? this.uri : this.contact} SIP/2.0`,
			`Via: SIP/2.0/UDP ${this.ip}:${this.sip.address().port};branch=z9hG4bK${this.tag}${method}${seq};rport`,
			'Max-Forwards: 70',
			`From: ${this.name ? `"${this.name}" ` : ''}<sip:${this.from}@${this.ip}>;tag=${this.tag}`,
			`To: <${this.uri}>${this.toTag ? `;tag=${this.toTag}` : ''}`,
			`Call-ID: ${this.id}`, `CSeq: ${seq} ${method}`,
			`Contact: <sip:${this.from}@${this.ip}:${this.sip.address().port}>`,
		]
	}
	invite() {
		const body = ['v=0', `o=- 1 1 IN IP4 ${this.ip}`, 's=-', `c=IN IP4 ${this.ip}`, 't=0 0',
			`m=audio ${this.rtp.address().port} RTP/AVP 0`, 'a=rtpmap:0 PCMU/8000', 'a=sendrecv', ''].join('\r\n')
		this.send([...this.head('INVITE'), 'Content-Type: application/sdp'], body)
	}
	onSip(text) {
		const header = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(text)?.[1] ?? ''
		if (/^SIP\/2.0 2\d\d/.test(text) && /INVITE/.test(header('CSeq'))) {
			this.toTag = /;tag=([^;\s>]+)/.exec(header('To'))?.[1]
			this.contact = /<([^>]+)>/.exec(header('Contact'))?.[1]
			const ip = /^c=IN IP4 (\S+)/m.exec(text)?.[1], port = Number(/^m=audio (\d+)/m.exec(text)?.[1])
			if (ip) this.remote = { ip, port }
			this.send(this.head('ACK'))
		} else if (/^SIP\/2.0 [3-6]\d\d/.test(text) && /INVITE/.test(header('CSeq'))) {
			this.ended = text.split('\r\n')[0]
		} else if (!text.startsWith('SIP/2.0')) {
			if (text.startsWith('BYE')) this.ended = 'BYE'
			if (text.startsWith('ACK')) return
			const keep = text.split('\r\n').filter((l) => /^(via|from|to|call-id|cseq):/i.test(l))
			this.send(['SIP/2.0 200 OK', ...keep])
		}
	}
	speak() {
		let seq = 1, ts = 160, n = 0
		const ssrc = Math.floor(Math.random() * 2 ** 32), began = performance.now()
		this.timer = setInterval(() => {
			for (; n * 20 < performance.now() - began; n++) {
				const packet = Buffer.alloc(12 + FRAME)
				packet[0] = 0x80
				packet.writeUInt16BE(seq++ & 0xffff, 2)
				packet.writeUInt32BE(ts >>> 0, 4)
				packet.writeUInt32BE(ssrc, 8)
				for (let i = 0; i < FRAME; i++)
					packet[12 + i] = ulaw(Math.round(9000 * Math.sin((2 * Math.PI * this.hz * (n * FRAME + i)) / 8000)))
				ts += FRAME
				this.rtp.send(packet, this.remote.port, this.remote.ip)
			}
		}, 10)
	}
	onRtp(packet) {
		if (packet.length < 13 || (packet[1] & 0x7f) !== 0) return
		if (performance.now() - this.packetAt > 100) this.recent = [] // what was heard before a gap proves nothing
		this.packetAt = performance.now()
		this.recent.push(packet.subarray(12))
		if (this.recent.length > WINDOW) this.recent.shift()
		const samples = Float64Array.from(Buffer.concat(this.recent), (b) => LINEAR[b])
		if (share(samples, this.listen) > 0.5) this.heard.push(performance.now())
	}
	/** Waits until the agent's tone was heard after `since`; resolves to when. */
	async hears(since = performance.now(), ms = PATIENCE_MS) {
		return until(`the caller hears ${this.listen} Hz`, () => this.heard.find((at) => at > since), ms)
	}
	/** The longest time without the tone between two moments. The tone itself comes in bursts. */
	gap(from, to) {
		const at = [from, ...this.heard.filter((t) => t > from && t < to), to]
		return Math.max(...at.slice(1).map((t, i) => t - at[i]))
	}
	async hangup() {
		if (!this.ended) {
			this.cseq++
			this.send(this.head('BYE'))
			this.ended = 'hung up'
		}
		this.close()
	}
	close() {
		clearInterval(this.timer)
		if (this.closed) return
		this.closed = true
		// A last BYE may still need its answer: the sockets close with the event loop's next turns.
		setTimeout(() => { this.sip.close(); this.rtp.close() }, 200)
	}
}
