// A cluster whose configuration is signed, with a folder beside it where the next version is made.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cluster, bin } from '../lib/cluster.mjs'

export class Signed extends Cluster {
	prepare() {
		super.prepare()
		this.must('helioctl', ['config', 'sign', this.config])
		this.desk = join(this.dir, 'next')
		this.draft = join(this.desk, 'cluster.yaml')
		mkdirSync(this.desk)
		for (const f of ['cluster.yaml', 'agents.yaml', 'cluster.sig']) cpSync(join(this.dir, f), join(this.desk, f))
		for (const d of ['keys', 'run', 'state']) symlinkSync(`../${d}`, join(this.desk, d))
	}
	trace(name) { return join(this.dir, `${name}.trace`) }
	daemon(role, name, extra = []) {
		return super.daemon(role, name, role === 'gateway' ? extra : [...extra, '--trace', this.trace(name)])
	}
	edit(file, change) {
		const path = join(this.desk, file)
		writeFileSync(path, change(readFileSync(path, 'utf8')), { mode: 0o600 })
	}
	sign() { return this.run('config', 'sign', this.draft) }
	apply(...args) { return this.run('apply', this.draft, ...args) }
	// As where the files and the key are kept.
	there(...args) { return spawnSync(join(bin, 'helioctl'), [...args, '--config', this.draft], { encoding: 'utf8', input: this.typed ?? '' }) }
	run(...args) {
		const r = spawnSync(join(bin, 'helioctl'), [...args, '--config', this.config], { encoding: 'utf8' })
		return { code: r.status, text: r.stdout + r.stderr }
	}
	status(name) { return this.ctl('status').daemons.find((d) => d.name === name) }
	versions() { return this.ctl('status').daemons.map((d) => d.config?.version) }
	daemons() { return this.sites.flatMap((s) => [`${s}-b1`, `${s}1`, `${s}-g1`]) }
}

export const started = async (options, t) => {
	const c = new Signed(options)
	t.after(async () => { await c.stop() })
	c.prepare()
	await c.up()
	return c
}
export const newQueue = (name, more = '') => (text) => `${text.trimEnd()}\n  ${name}: {display: ${name}, skills: [lang.nb], wrap_up: 0s, ring_timeout: 5s${more}}\n`
export const newAgent = (name, site, skills = 'lang.nb') => (text) => {
	const hash = /password: ("[^"]+")/.exec(text)[1]
	return `${text.trimEnd()}\n  ${name}: {display: ${name}, site: ${site}, language: en, codec: pcmu, skills: [${skills}], password: ${hash}}\n`
}
export const audio = ['--audio', 'plain', '--answer-after', '0ms', '--talk', '120s']
