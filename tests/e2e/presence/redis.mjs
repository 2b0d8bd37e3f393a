// A connection to one Redis or Sentinel, as a person at redis-cli would have it, without starting a
// process for each question.
import { connect } from 'node:net'

export class Redis {
	constructor(host, port, user, password) {
		this.waiting = []
		this.rest = Buffer.alloc(0)
		this.socket = connect(port, host)
		this.socket.on('data', (d) => this.take(d))
		this.socket.on('error', (e) => (this.error = e))
		this.socket.on('close', () => {
			this.closed = true
			for (const w of this.waiting.splice(0)) w.reject(this.error ?? new Error('closed'))
		})
		if (user) this.ask('AUTH', user, password).catch(() => {})
	}
	// The reply; an error of Redis is thrown. Not within ms: an error too.
	ask(...words) {
		return new Promise((resolve, reject) => {
			if (this.closed) return reject(this.error ?? new Error('closed'))
			const timer = setTimeout(() => this.socket.destroy(new Error(`no reply: ${words[0]}`)), 3000)
			const settle = (f) => (x) => { clearTimeout(timer); f(x) }
			this.waiting.push({ resolve: settle(resolve), reject: settle(reject) })
			this.socket.write(`*${words.length}\r\n${words.map((w) => `$${Buffer.byteLength(String(w))}\r\n${w}\r\n`).join('')}`)
		})
	}
	take(data) {
		this.rest = Buffer.concat([this.rest, data])
		for (let got; (got = parse(this.rest, 0)); ) {
			this.rest = this.rest.subarray(got.end)
			const w = this.waiting.shift()
			if (got.value instanceof Error) w?.reject(got.value)
			else w?.resolve(got.value)
		}
	}
	close() { this.socket.destroy() }
}

// RESP2; null while the reply is not whole.
function parse(b, at) {
	const eol = b.indexOf('\r\n', at)
	if (eol < 0) return null
	const text = b.toString('utf8', at + 1, eol), n = Number(text), end = eol + 2
	switch (String.fromCharCode(b[at])) {
	case '+': return { value: text, end }
	case '-': return { value: new Error(text), end }
	case ':': return { value: n, end }
	case '$':
		if (n < 0) return { value: null, end }
		return b.length < end + n + 2 ? null : { value: b.toString('utf8', end, end + n), end: end + n + 2 }
	case '*': {
		if (n < 0) return { value: null, end }
		const value = []
		for (let i = 0, from = end; ; i++) {
			if (i === n) return { value, end: from }
			const item = parse(b, from)
			if (!item) return null
			value.push(item.value)
			from = item.end
		}
	}
	default: throw new Error(`not RESP: ${b.toString('utf8', at, at + 40)}`)
	}
}
