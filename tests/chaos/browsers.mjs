// Agents of a drill in a real Chromium: each is a person of its own at the page, who answers, talks, and
// comes back by what the page does alone. Says what helio-agent says, one JSON object a line, and how long
// it heard nothing of its caller: the tone is looked for in what the browser plays, each 40 ms.
//
//   node browsers.mjs --password-file FILE [--talk SECONDS] --gateway IP:PORT --agent NAME …   (pairs)
//
// helio-chaos run --browsers N starts it in the lab.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CALLER_HZ, Desk, openBrowser } from '../e2e/day/desk.mjs'

const { values: o } = parseArgs({
	options: {
		gateway: { type: 'string', multiple: true, default: [] }, agent: { type: 'string', multiple: true, default: [] },
		'password-file': { type: 'string' }, talk: { type: 'string', default: '0' },
	},
})
const mono = () => Number(process.hrtime.bigint() / 1000n)
const say = (agent, event, more = {}) => console.log(JSON.stringify({ mono_us: mono(), agent, event, ...more }))
const password = readFileSync(o['password-file'], 'utf8').trim()

// In the page. Each leg is listened to; when the caller was heard last is known to all of them.
function listen(hz) {
	const EVERY_MS = 40, GAP_MS = 300, LATE_MS = 200
	let heard = 0, looked = 0
	const level = (samples, rate) => {
		const coeff = 2 * Math.cos((2 * Math.PI * hz) / rate)
		let s1 = 0, s2 = 0, energy = 0
		for (const x of samples) {
			const s0 = x + coeff * s1 - s2
			s2 = s1
			s1 = s0
			energy += x * x
		}
		const power = s1 * s1 + s2 * s2 - coeff * s1 * s2
		return energy > 1e-6 * samples.length ? (2 * power) / (samples.length * energy) : 0
	}
	window.__onTrack = (context, source) => {
		const analyser = context.createAnalyser()
		analyser.fftSize = 2048
		source.connect(analyser)
		const samples = new Float32Array(analyser.fftSize)
		setInterval(() => {
			analyser.getFloatTimeDomainData(samples)
			if (level(samples, context.sampleRate) < 0.3) return
			const now = performance.now()
			if (heard && now - heard >= GAP_MS) void window.__said('gap', now - heard)
			heard = now
		}, EVERY_MS)
	}
	// What the page shows; a silence counts within one talk.
	setInterval(() => {
		const now = performance.now(), root = document.documentElement
		const talking = root?.dataset.state === 'talking'
		// A page that was not run could not hear: what it says of silence is then its own.
		if (talking && looked && now - looked > LATE_MS) void window.__said('late', now - looked)
		looked = talking ? now : 0
		if (!talking) heard = 0
	}, EVERY_MS)
	let state = '', link = ''
	new MutationObserver(() => {
		const root = document.documentElement
		if (root.dataset.state !== state) void window.__said('state', state = root.dataset.state)
		if (root.dataset.link !== link) void window.__said('link', link = root.dataset.link)
	}).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-state', 'data-link'] })
}

// Opening pages is the hardest work of all, and everything else starts beside it.
const SLOW_MS = 30000, TRIES = 3

class Person {
	constructor(name) {
		this.name = name
		this.state = this.link = ''
		this.calls = 0
	}
	said(what, value) {
		if (what === 'gap' || what === 'late')
			say(this.name, what, { gap_ms: Math.round(value), gap_began_us: mono() - Math.round(value * 1000) })
		else if (what === 'link') this.linked(value)
		else void this.went(value).catch((e) => say(this.name, 'trouble', { why: String(e) }))
	}
	linked(link) {
		if (this.ready && this.link === 'open' && link !== 'open') say(this.name, 'down')
		if (this.ready && this.link !== 'open' && link === 'open') say(this.name, 'resumed')
		this.link = link
	}
	async went(state) {
		const was = this.state
		this.state = state
		if (was === 'talking' && state !== 'talking') clearTimeout(this.talk)
		if (was === 'talking' && (state === 'idle' || state === 'wrap' || state === 'not_ready')) say(this.name, 'end', { call: '' })
		if (state === 'ringing') {
			say(this.name, 'ring', { call: '' })
			await this.desk.id('accept').click()
		} else if (state === 'talking' && was !== 'talking') {
			say(this.name, 'talk', { call: '', number: ++this.calls })
			if (Number(o.talk) > 0) this.talk = setTimeout(() => this.hangUp(), 2000 * Math.random() * Number(o.talk))
		}
	}
	hangUp() {
		say(this.name, 'hangup', { call: '' })
		void this.desk.id('hangup').click().catch((e) => say(this.name, 'trouble', { why: String(e) }))
	}
	async start(browser, url) {
		this.desk = await Desk.open(browser, url, {
			init: `(${listen})(${CALLER_HZ})`,
			expose: { __said: (what, value) => this.said(what, value) },
		})
		this.desk.page.setDefaultTimeout(SLOW_MS)
		await this.desk.signIn(this.name, password)
		await this.desk.state('not_ready', SLOW_MS)
		await this.desk.canBeReady()
		await this.desk.id('ready').click()
		await this.desk.state('idle', SLOW_MS)
		this.ready = true
		say(this.name, 'signed_in')
	}
}

const origins = o.gateway.map((g) => `http://${g}`) // of each agent
// A lab has no certificates; a page that is not secure has no microphone.
const browser = await openBrowser('fake', [`--unsafely-treat-insecure-origin-as-secure=${[...new Set(origins)].join(',')}`])
for (const [i, name] of o.agent.entries()) {
	for (let at = 1, ok = false; !ok && at <= TRIES; at++) {
		const person = new Person(name)
		ok = await person.start(browser, origins[i]).then(() => true, async (e) => {
			say(name, 'trouble', { why: String(e), page: await person.desk?.look().catch(String) })
			await person.desk?.context.close().catch(() => {})
		})
	}
}
