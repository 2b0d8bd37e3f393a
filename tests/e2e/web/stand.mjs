// One agent's page against the double of a node, and the words with which a test leads it through a day.
import assert from 'node:assert/strict';
import { PATIENCE_MS } from '../lib/cluster.mjs';

export const QUEUES = [
	{ name: 'support', display: 'Support' }, { name: 'orders', display: 'Orders' },
	{ name: 'kundesenter', display: 'Kundesenter' },
];
export const AGENT = {
	name: 'maria', display: 'Maria Santos', site: 'manila', language: 'en', codec: 'opus',
	supervisor: false,
};
export const CALL = {
	call: 'oslo1-2f-91', queue: 'support', queue_display: 'Support', caller: '+4722123456',
	caller_name: 'Kari Nordmann', waited_ms: 42000, site: 'oslo',
};

/** desk: a FakeDesk; page: a Playwright page; peer: the node's end of the audio, or null for none. */
export function stand(desk, page, peer) {
	const id = (name, on = page) => on.getByTestId(name);
	/** Waits until the page says it is in this state. */
	async function state(name, on = page) {
		await on.locator(`html[data-state="${name}"]`).waitFor({ state: 'attached', timeout: PATIENCE_MS });
	}
	let last = {}, who = AGENT, up = true;
	const agentState = (name, reason = 'none', more = {}) => {
		last = { t: 'state', state: name, reason, since_ms: 0, offer: '', wrap_ms: 0, ...more };
		desk.say(last);
	};
	/** The answer to a `resume` of a page whose audio still works: all is as it was. */
	function again() {
		desk.say({
			t: 'welcome', session: 's1', ticket: 'ab12', ticket_ms: 43200000, agent: who, node: desk.node,
			queues: QUEUES, state: 'grace',
		});
		desk.say(last);
		media(up);
	}
	/** Are both ends of the audio leg there? A page that is told no comes back for another one. */
	function media(on) {
		up = on;
		if (desk.open) desk.say({ t: 'media', up, why: up ? '' : 'silent' });
	}
	async function welcome(more = {}, { rtc = true } = {}) {
		who = more.agent ?? AGENT;
		desk.say({
			t: 'welcome', session: 's1', ticket: 'ab12', ticket_ms: 43200000, agent: who,
			node: desk.node, queues: QUEUES, state: 'not_ready',
			...(rtc && peer ? { rtc: { sdp: await peer.offer() } } : {}), ...more,
		});
		agentState(more.state ?? 'not_ready', 'signed_in');
		if (rtc && peer) {
			const { sdp } = await desk.heard('rtc.answer');
			await peer.answer(sdp);
			await peer.connected();
		}
		if (rtc) media(true);
	}
	async function becomeIdle() {
		agentState('idle');
		await state('idle');
	}
	async function ring(offer, more = {}) {
		agentState('ringing', 'none', { offer });
		desk.say({ t: 'ring', offer, ...CALL, ring_ms: 20000, ...more });
		await state('ringing');
	}
	async function talks(offer) {
		agentState('talking', 'none', { offer });
		desk.say({ t: 'talk', offer, call: CALL.call });
		await state('talking');
	}
	async function talk(offer, more = {}) {
		await ring(offer, more);
		await page.keyboard.press('a');
		assert.equal((await desk.heard('accept')).offer, offer);
		await talks(offer);
	}
	async function wrap(offer) {
		desk.say({ t: 'end', offer, call: CALL.call, why: 'caller_hung_up', talk_ms: 187000, wrap_ms: 15000 });
		agentState('wrap', 'none', { offer, wrap_ms: 15000 });
		await state('wrap');
	}
	return { id, state, agentState, again, media, welcome, becomeIdle, ring, talks, talk, wrap };
}
