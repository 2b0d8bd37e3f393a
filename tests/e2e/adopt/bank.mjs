// A carrier's side that counts: calls over UDP from one address, each with an RTP port of its own, that
// follow a re-INVITE, and remember from which address each packet came and when.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { until } from '../lib/cluster.mjs'

const header = (text, name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(text)?.[1]?.trim() ?? ''

class Line {
	constructor(bank, host, queue, number) {
		Object.assign(this, { bank, host, queue, number, id: randomBytes(8).toString('hex'), cseq: 1, rtpFrom: [], requests: [], ended: '', moves: 0 })
		this.rtp = createSocket('udp4')
		this.rtp.bind(0, bank.ip)
		this.rtp.on('message', (m, from) => this.rtpFrom.push([performance.now(), from.address]))
	}
	sdp() {
		return ['v=0', `o=- 1 ${this.moves + 1} IN IP4 ${this.bank.ip}`, 's=-', `c=IN IP4 ${this.bank.ip}`, 't=0 0',
			`m=audio ${this.rtp.address().port} RTP/AVP 0`, 'a=rtpmap:0 PCMU/8000', 'a=ptime:20', 'a=sendrecv', ''].join('\r\n')
	}
	head(method, seq = this.cseq) {
		const port = this.bank.sip.address().port
		return [`${method} ${this.contact ?? `sip:${this.queue}@${this.host}:5060`} SIP/2.0`,
			`Via: SIP/2.0/UDP ${this.bank.ip}:${port};branch=z9hG4bK${this.id}${method}${seq};rport`, 'Max-Forwards: 70',
			`From: <sip:${this.number}@${this.bank.ip}>;tag=${this.id}f`, `To: <sip:${this.queue}@${this.host}>${this.toTag ? `;tag=${this.toTag}` : ''}`,
			`Call-ID: ${this.id}`, `CSeq: ${seq} ${method}`, `Contact: <sip:${this.number}@${this.bank.ip}:${port}>`]
	}
	say(lines, body = '') {
		const [, host, port] = /([\d.]+):(\d+)/.exec(this.contact ?? `${this.host}:5060`)
		this.bank.sip.send([...lines, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body].join('\r\n'), Number(port), host)
	}
	take(text, from) {
		const answer = /^SIP\/2.0 (\d+)/.exec(text)
		if (answer) {
			if (!/INVITE/.test(header(text, 'CSeq')) || Number(answer[1]) < 200) return
			if (Number(answer[1]) >= 300) { this.ended ||= answer[1]; return }
			this.toTag = /;tag=([^;\s>]+)/.exec(header(text, 'To'))?.[1]
			this.contact = /<([^>]+)>/.exec(header(text, 'Contact'))?.[1]
			this.media = { ip: /^c=IN IP4 (\S+)/m.exec(text)?.[1], port: Number(/^m=audio (\d+)/m.exec(text)?.[1]) }
			this.answered = true
			this.say(this.head('ACK', Number(header(text, 'CSeq').split(' ')[0])))
			return
		}
		const method = text.split(' ')[0], cseq = Number(header(text, 'CSeq').split(' ')[0])
		this.requests.push({ at: performance.now(), method, cseq, from })
		if (method === 'ACK') return
		const keep = text.split('\r\n').filter((l) => /^(via|from|to|call-id|cseq):/i.test(l))
		const reply = (status, body = '') => this.bank.sip.send([`SIP/2.0 ${status}`, ...keep, `Contact: <sip:${this.number}@${this.bank.ip}:${this.bank.sip.address().port}>`,
			...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body].join('\r\n'), from.port, from.address)
		// RFC 3261 §12.2.2: what goes backwards is refused. This is what fences a zombie's requests.
		if (cseq <= (this.remoteCseq ?? -1) && !(cseq === this.remoteCseq)) return reply('500 Out of Order')
		this.remoteCseq = cseq
		if (method === 'INVITE') {
			this.moves++
			this.contact = /<([^>]+)>/.exec(header(text, 'Contact'))?.[1]
			this.media = { ip: /^c=IN IP4 (\S+)/m.exec(text)?.[1], port: Number(/^m=audio (\d+)/m.exec(text)?.[1]) }
			this.movedAt ??= performance.now()
			return reply('200 OK', this.sdp())
		}
		if (method === 'BYE') this.ended ||= 'BYE'
		reply('200 OK')
	}
	// RTP packets from this address since a moment.
	heardFrom(address, since = 0) { return this.rtpFrom.filter(([at, from]) => at >= since && from === address).length }
	// The longest time without any packet between two moments.
	gap(from, to) {
		const at = [from, ...this.rtpFrom.map(([t]) => t).filter((t) => t > from && t < to), to]
		return Math.max(...at.slice(1).map((t, i) => t - at[i]))
	}
	hangup() {
		if (this.ended || !this.answered) return
		this.cseq++
		this.say(this.head('BYE'))
		this.ended = 'hung up'
	}
}

export class Bank {
	static async open(ip) {
		const b = new Bank()
		Object.assign(b, { ip, lines: new Map() })
		b.sip = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
		b.sip.bind(0, ip)
		b.sip.on('message', (m, from) => {
			const text = m.toString()
			b.lines.get(header(text, 'Call-ID'))?.take(text, from)
		})
		await once(b.sip, 'listening')
		return b
	}
	async dial(host, queue, number = '+4722334455') {
		const line = new Line(this, host, queue, number)
		this.lines.set(line.id, line)
		await once(line.rtp, 'listening')
		const invite = () => line.say(line.head('INVITE'), line.sdp())
		invite()
		const again = setInterval(() => line.answered || line.ended || invite(), 500)
		await until('the call is answered', () => line.answered || line.ended, 8000).finally(() => clearInterval(again))
		if (line.ended) throw new Error(`refused: ${line.ended}`)
		return line
	}
	close() {
		for (const l of this.lines.values()) { l.hangup(); l.rtp.close() }
		this.sip.close()
	}
}
