// People all the time: carriers whose callers wait, talk and hear; agents signed in. Judges at the end.
//
//   node noc-load.mjs DIR
//
// Reads DIR/carriers and DIR/desks again and again, so that a site may come while others call:
//   carriers  SITE LINES NODE…   so many callers at a time; a node that refuses is followed by the next
//   desks     SITE PATTERN N GATEWAY…   so many agents, by helio-agent
// On SIGTERM nobody new calls, everybody else is served, agents leave; then DIR/verdict.json, and exit
// code 0 if no call and no session was lost.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'

const dir = process.argv[2]
const bin = process.env.HELIO_BIN
const TONE = 880 // of the agents: who hears it was really connected to one
const lines = (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')
	.split('\n').map((l) => l.trim().split(/\s+/)).filter((w) => w.length > 2)

let stopping = false
const calls = []
const desks = new Map()
const running = new Map() // child: the promise of its end

// A program that prints one JSON object a line.
function program(name, args, each) {
	const child = spawn(join(bin, name), args, { stdio: ['ignore', 'pipe', 'pipe'] })
	let rest = '', err = ''
	child.stdout.setEncoding('utf8').on('data', (text) => {
		const parts = (rest + text).split('\n')
		rest = parts.pop()
		for (const p of parts) try { each(JSON.parse(p)) } catch { /* not for us */ }
	})
	child.stderr.setEncoding('utf8').on('data', (t) => (err = (err + t).slice(-2000)))
	const done = new Promise((resolve) => child.on('close', (code) => { running.delete(child); resolve({ code, err }) }))
	running.set(child, done)
	return { child, done }
}

// One call to one node: how it went. Each has a number of its own, by which its record is known; the test
// calls of a roll have others.
let attempts = 0
async function attempt(node) {
	const r = { node, from: `+4790${String(++attempts).padStart(6, '0')}`, events: [] }
	const { done } = program('helio-caller', ['--to', `sip:support@${node}`, '--from', r.from, '--tone', '440', '--listen', String(TONE),
		'--seconds', '120', '--answer-within', '10', '--json'], (e) => {
		if (e.event === 'answered') r.answered = true
		if (e.event === 'heard') r.heard = true
		if (e.event === 'ended' || e.event === 'closed' || e.event === 'failed') Object.assign(r, { by: e.by, status: e.status ?? r.status, text: e.text })
		if (e.event !== 'result') r.events.push(e.event + (e.status ? ` ${e.status}` : ''))
	})
	r.stderr = (await done).err
	return r
}

// A caller's whole story: the carrier goes from node to node until one takes the call.
async function call(site, nodes) {
	const c = { site, at: Date.now(), refused: [] }
	calls.push(c)
	for (const node of nodes) {
		const r = await attempt(node)
		if (r.answered) {
			c.result = r
			break
		}
		c.refused.push(r)
	}
	c.took_ms = Date.now() - c.at
	c.lost = !c.result ? 'no node took it' : !c.result.heard ? 'never heard an agent' : c.result.by !== 'far' ? 'was not hung up by an agent' : ''
}

const lines_busy = new Map()
const waiting = new Set() // promises of calls
let turn = 0
function fill() {
	if (stopping) return
	for (const [site, n, ...nodes] of lines('carriers')) {
		while ((lines_busy.get(site) ?? 0) < Number(n)) {
			lines_busy.set(site, (lines_busy.get(site) ?? 0) + 1)
			const at = turn++ % nodes.length
			const story = call(site, [...nodes.slice(at), ...nodes.slice(0, at)]).then(() => {
				waiting.delete(story)
				lines_busy.set(site, lines_busy.get(site) - 1)
				setTimeout(fill, 100) // the next caller
			})
			waiting.add(story)
		}
	}
	for (const [site, pattern, n, ...gateways] of lines('desks')) {
		if (desks.has(pattern)) continue
		const d = { site, agents: new Map(), gaps: {}, summary: null }
		desks.set(pattern, d)
		const p = program('helio-agent', [...gateways.flatMap((g) => ['--gateway', g]), '--site', site, '--agents', n, '--name-pattern', pattern,
			'--password-file', join(dir, 'password'), '--audio', 'plain', '--media-address', process.env.MEDIA_ADDRESS, '--media-ports', `${50000 + 2000 * desks.size}-${51999 + 2000 * desks.size}`,
			'--tone', String(TONE), '--listen', '440', '--talk', '3s', '--answer-after', '100ms', '--duration', '20m', '--json', ...(existsSync(join(dir, 'agent-args')) ? readFileSync(join(dir, 'agent-args'), 'utf8').split(/\s+/).filter(Boolean) : [])], (e) => note(d, e))
		d.program = p
		p.done.then((r) => (d.ended = { at: Date.now(), ...r }))
	}
}
function note(d, e) {
	if (e.event === 'summary') { d.summary = e; return }
	if (!e.agent) return
	const a = d.agents.get(e.agent) ?? { in: false, downs: 0, resumed: 0, passwords: 0, gaps: [], denied: [] }
	d.agents.set(e.agent, a)
	if (e.event === 'down') {
		a.downs++
		if (a.down_at === undefined) Object.assign(a, { down_at: e.at_ms, down_why: e.why })
	}
	if (e.event === 'signed_in') a.passwords++
	if (e.event === 'resumed' || e.event === 'signed_in') {
		if (e.event === 'resumed') a.resumed++
		if (a.down_at !== undefined) {
			a.gaps.push(e.at_ms - a.down_at)
			d.gaps[a.down_why] = [...(d.gaps[a.down_why] ?? []), e.at_ms - a.down_at]
		}
		a.down_at = undefined
		a.in = true
	}
	if (e.event === 'denied') { a.denied.push(e.why); a.in = false }
}

async function judge() {
	const lost = calls.filter((c) => c.lost)
	const agents = [...desks.values()].flatMap((d) => [...d.agents].map(([name, a]) => ({ name, ...a })))
	const bad = agents.filter((a) => a.down_at !== undefined || !a.in || a.denied.some((w) => w !== 'draining'))
	const gone = [...desks.values()].filter((d) => d.ended && !stopping)
	const gaps = agents.flatMap((a) => a.gaps).sort((x, y) => x - y)
	const times = calls.filter((c) => !c.lost).map((c) => c.took_ms).sort((x, y) => x - y)
	const v = {
		calls: calls.length, lost: lost.length, tried_next_node: calls.filter((c) => c.refused.length).length,
		refusals: [...new Set(calls.flatMap((c) => c.refused.map((r) => `${r.status ?? ''} ${r.text ?? ''}`.trim() || r.events.join(', '))))],
		whole_call_ms_max: times.at(-1), agents: agents.length, sessions_lost: bad.length,
		came_back: agents.reduce((n, a) => n + a.resumed, 0), gap_ms_median: gaps[gaps.length >> 1], gap_ms_max: gaps.at(-1),
		// How long each page was away, by what it lost.
		gaps: [...desks].flatMap(([pattern, d]) => Object.entries(d.gaps).map(([why, ms]) => `${pattern} (${why}) ${ms.join(' ')}`)).join(', '),
		talks: [...desks.values()].map((d) => d.summary?.talks ?? d.summary?.counts ?? null),
		why: [...lost.slice(0, 8).map((c) => ({ site: c.site, after_ms: c.took_ms, lost: c.lost, result: c.result, refused: c.refused })), ...bad, ...gone.map((d) => d.ended)],
	}
	writeFileSync(join(dir, 'verdict.json'), JSON.stringify(v, null, 1) + '\n')
	return lost.length || bad.length || gone.length || !calls.length ? 1 : 0
}

// Until all of them are over, at most so long.
const settled = (promises, ms) => {
	let timer
	return Promise.race([Promise.all(promises), new Promise((r) => (timer = setTimeout(r, ms)))]).finally(() => clearTimeout(timer))
}
const tick = setInterval(() => {
	fill()
	writeFileSync(join(dir, 'now'), JSON.stringify({ calls: calls.length, done: calls.filter((c) => c.took_ms !== undefined).length, lost: calls.filter((c) => c.lost).length + [...desks.values()].filter((d) => d.ended && !stopping).length,
		in: [...desks.values()].reduce((n, d) => n + [...d.agents.values()].filter((a) => a.in && a.down_at === undefined).length, 0) }) + '\n')
}, 250)
process.on('SIGTERM', async () => {
	clearInterval(tick)
	stopping = true
	await settled(waiting, 60000)
	for (const c of calls) if (c.took_ms === undefined) c.lost = 'still waiting a minute after the last call'
	const code = await judge()
	for (const child of running.keys()) child.kill('SIGTERM')
	await settled(running.values(), 3000)
	process.exit(code)
})
fill()
