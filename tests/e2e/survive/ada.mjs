// One person, ada, at a desk in a real Chromium, and whoever calls her.
import { Cluster, promised } from '../lib/cluster.mjs'
import { AGENT_HZ, CALLER_HZ, openBrowser } from '../day/desk.mjs'
import { Phone } from '../day/phone.mjs'

export const PROMISE_MS = promised(3000) // DESIGN §10, for a browser

export async function stage(options) {
	const [c, browser] = await Promise.all([
		Cluster.start({ nodes: 2, agents: [{ name: 'ada' }], queues: { support: 'skills: [lang.en], wrap_up: 0s, ring_timeout: 20s' }, ...options }),
		openBrowser(),
	])
	await c.reachable()
	return { c, browser, node: () => c.agentsNow().find((a) => a.name === 'ada')?.node }
}
// They talk, both ways; nobody needs to click from here on (desk's __clicks).
export async function talk(desk, ip, uri) {
	const phone = await Phone.dial({ ip, uri, tone: CALLER_HZ, listen: AGENT_HZ })
	await desk.state('ringing')
	await desk.id('accept').click()
	await desk.state('talking')
	await Promise.all([desk.hears(), phone.hears()])
	await desk.page.evaluate(() => { window.__clicks = 0; addEventListener('click', () => window.__clicks++, true) })
	return phone
}
export const clicks = (desk) => desk.page.evaluate(() => window.__clicks)
