// A gateway dies at once, and with it the sockets of five hundred pages: until the last of them has
// its controls back, by its ticket, through another gateway. The worst of three deaths.
import { cluster, stop, seconds } from './lib/programs.mjs'
import { Lines, until, bin } from '../e2e/lib/cluster.mjs'
import { join } from 'node:path'

const pages = 500, rounds = 3

export default async function (rows) {
	const c = await cluster({
		sites: ['oslo', 'manila'], tls: true, base: 97, limits: ', sessions_max: 1000',
		agents: Array.from({ length: pages }, (_, i) => ({ name: `r${i + 1}`, site: 'oslo' })),
	})
	const agents = new Lines(join(bin, 'helio-agent'), ['--gateway', c.gateway('oslo'), '--gateway', c.gateway('manila'), '--together', '--site', 'oslo',
		'--agents', String(pages), '--name-pattern', 'r%d', '--password-file', join(c.dir, 'password'), '--ramp', '200', '--audio', 'none',
		'--duration', '120s', '--json', ...c.agentTls()])
	c.lines.push(agents)
	const seen = (event, from = 0) => agents.events.slice(from).filter((e) => e.event === event)
	await until(`${pages} agents are idle`, () => seen('state').filter((e) => e.state === 'idle').length >= pages, 20000)
	const took = []
	for (let i = 0; i < rounds; i++) {
		const site = ['oslo', 'manila'][i % 2], from = agents.events.length
		await c.kill(`${site}-g1`)
		const back = () => new Set(seen('resumed', from).map((e) => e.agent)).size >= pages
		await until(`${pages} pages are back after ${site}'s gateway died`, back, 20000)
		const down = seen('down', from)[0].mono_us, last = Math.max(...seen('resumed', from).map((e) => e.mono_us))
		took.push((last - down) / 1e6)
		c.daemon('gateway', `${site}-g1`)
		await until('the gateway is back', () => c.healthz(site), 10000)
		await seconds(1)
	}
	rows.add('mass_return_s', Math.max(...took), 's')
	await stop(c)
}
