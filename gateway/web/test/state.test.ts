import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFromNode, type FromNode } from '../src/protocol';
import { inCall, keepsNote, lineFigures, outcomes, pageState, quality, readyBlock, wantsCalls } from '../src/derive';
import { PENDING_MAX_MS, reduce, RETURN_MS } from '../src/reduce';
import { initialState, type Action, type State } from '../src/state';

/** A desk that lives through messages and presses, at times of the test's choosing. */
class Desk {
	s: State = initialState();
	at = 1000;
	do(action: Action): this {
		const before = JSON.stringify(this.s);
		const was = this.s;
		this.s = reduce(was, { ...action, at: this.at });
		assert.equal(JSON.stringify(was), before, 'the reducer changed what it was given');
		return this;
	}
	say(m: object): this {
		const parsed = parseFromNode(JSON.stringify(m));
		assert.ok(parsed, `refused: ${JSON.stringify(m)}`);
		return this.do({ a: 'message', m: parsed as FromNode });
	}
	/** As the shell does: the link is open when the node has welcomed us. */
	welcomed(m: object): this {
		return this.say(m).do({ a: 'link', status: 'open', attempt: 0, retryMs: 0 });
	}
	lost(): this {
		return this.do({ a: 'link', status: 'lost', attempt: 0, retryMs: 0 });
	}
	later(ms: number): this {
		this.at += ms;
		return this;
	}
}
const CALL = {
	call: 'c1', queue: 'support', queue_display: 'Support', caller: '+4722123456',
	caller_name: 'Kari', waited_ms: 42000, site: 'oslo',
};
const WELCOME = {
	t: 'welcome', session: 's1', ticket: 'x', ticket_ms: 1000, node: 'manila1', state: 'not_ready',
	agent: { name: 'maria', display: 'Maria', site: 'manila' },
	queues: [{ name: 'support', display: 'Support' }], rtc: { sdp: 'v=0' },
};
const agent = (state: string, more: object = {}): object =>
	({ t: 'state', state, reason: 'none', since_ms: 0, offer: '', wrap_ms: 0, ...more });
function signedIn(): Desk {
	return new Desk()
		.do({ a: 'cluster', known: null, cluster: { cluster: 'sunline', signPub: '', site: 'manila', sites: [], gateways: [] } })
		.welcomed(WELCOME).say(agent('not_ready', { reason: 'signed_in' }))
		.do({ a: 'mic', status: 'ok', label: 'Headset' }).say({ t: 'media', up: true, why: '' });
}
const ringing = (): Desk => signedIn().say(agent('idle')).say(agent('ringing', { offer: 'o1' }))
	.say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 20000 });
const talking = (): Desk => ringing().later(3000).say(agent('talking', { offer: 'o1' }))
	.say({ t: 'talk', offer: 'o1', call: 'c1' });

test('a sign-in leads to a desk that is not ready', () => {
	const d = signedIn();
	assert.equal(pageState(d.s), 'not_ready');
	assert.equal(d.s.session?.agent.display, 'Maria');
	assert.equal(readyBlock(d.s), null);
});

test('ready is blocked by the link, the microphone and the leg, in this order', () => {
	const d = signedIn();
	d.say({ t: 'media', up: false, why: 'ice' });
	assert.equal(readyBlock(d.s), 'leg_down');
	d.do({ a: 'mic', status: 'in_use', label: '' });
	assert.equal(readyBlock(d.s), 'mic_in_use');
	d.do({ a: 'link', status: 'lost', attempt: 1, retryMs: 500 });
	assert.equal(readyBlock(d.s), 'link');
});

test('a ring carries who, where and how long, and ends by the clock of this page', () => {
	const d = ringing();
	assert.equal(pageState(d.s), 'ringing');
	assert.equal(d.s.ring?.callerName, 'Kari');
	assert.equal(d.s.ring?.endsAt, 21000);
	assert.equal(d.s.ring?.queuedAt, 1000 - 42000);
	assert.equal(d.s.say.key, 'ringing');
	assert.equal(d.s.say.urgent, true);
});

test('a ring that comes before its state, and a state before its ring, come to the same', () => {
	const ringFirst = signedIn().say(agent('idle')).say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 9 })
		.say(agent('ringing', { offer: 'o1' }));
	const stateFirst = signedIn().say(agent('idle')).say(agent('ringing', { offer: 'o1' }))
		.say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 9 });
	assert.deepEqual(ringFirst.s.ring, stateFirst.s.ring);
	assert.equal(pageState(ringFirst.s), pageState(stateFirst.s));
});

test('an answered call keeps what the ring said, and counts once', () => {
	const d = talking();
	assert.equal(d.s.call?.callerName, 'Kari');
	assert.equal(d.s.call?.since, 4000);
	assert.equal(d.s.ring, null);
	assert.equal(d.s.today.answered, 1);
	d.say({ t: 'talk', offer: 'o1', call: 'c1' });
	assert.equal(d.s.today.answered, 1);
});

test('the end of a call opens wrap-up with its countdown, in either order of messages', () => {
	const end = { t: 'end', offer: 'o1', call: 'c1', why: 'caller_hung_up', talk_ms: 9000, wrap_ms: 15000 };
	for (const order of [[agent('wrap', { offer: 'o1' }), end], [end, agent('wrap', { offer: 'o1', wrap_ms: 15000 })]]) {
		const d = talking().later(9000);
		for (const m of order) d.say(m);
		assert.equal(pageState(d.s), 'wrap');
		assert.equal(d.s.wrap?.about?.callerName, 'Kari');
		assert.equal(d.s.wrap?.endsAt, d.at + 15000);
		assert.equal(d.s.wrap?.talkMs, 9000);
		assert.equal(d.s.today.talkMs, 9000);
		assert.equal(d.s.call, null);
	}
});

test('an end or ring_end of an older offer touches nothing', () => {
	const d = talking();
	const call = d.s.call;
	d.say({ t: 'end', offer: 'o0', call: 'c0', why: 'forced', talk_ms: 1, wrap_ms: 1 });
	assert.equal(d.s.call, call);
	const r = ringing();
	r.say({ t: 'ring_end', offer: 'o0', call: 'c0', why: 'agent_no_answer' });
	assert.equal(r.s.ring?.offer, 'o1');
	assert.equal(r.s.today.missed, 0);
});

test('a missed call is remembered until one is ready again', () => {
	const d = ringing().say({ t: 'ring_end', offer: 'o1', call: 'c1', why: 'agent_no_answer' })
		.say(agent('not_ready', { reason: 'missed' }));
	assert.equal(d.s.missed?.callerName, 'Kari');
	assert.equal(d.s.today.missed, 1);
	assert.equal(d.s.say.key, 'missed');
	d.say(agent('idle'));
	assert.equal(d.s.missed, null);
});

test('a resume in a call brings the call back without ringing and without counting', () => {
	const d = talking().do({ a: 'mute', on: true }).later(5000)
		.do({ a: 'link', status: 'lost', attempt: 0, retryMs: 100 }).later(1000)
		.do({ a: 'link', status: 'connecting', attempt: 0, retryMs: 0 })
		.say({ ...WELCOME, rtc: undefined, state: 'grace' });
	assert.equal(d.s.call?.callerName, 'Kari', 'the call stays on screen through the grace');
	d.say(agent('talking', { offer: 'o1' })).say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 20000 })
		.say({ t: 'talk', offer: 'o1', call: 'c1' }).say(agent('talking', { offer: 'o1' }));
	assert.equal(pageState(d.s), 'talking');
	assert.equal(d.s.ring, null);
	assert.equal(d.s.call?.since, 4000);
	assert.equal(d.s.call?.muted, true);
	assert.equal(d.s.today.answered, 1);
});

test('a reload in a call learns the caller from the repeated ring, and the clock from the node', () => {
	const d = new Desk().welcomed({ ...WELCOME, state: 'grace' })
		.say(agent('talking', { offer: 'o1', since_ms: 800 }))
		.say({ t: 'ring', offer: 'o1', ...CALL, ring_ms: 20000 }).say({ t: 'talk', offer: 'o1', call: 'c1' });
	assert.equal(pageState(d.s), 'talking');
	assert.equal(d.s.call?.callerName, 'Kari');
	assert.equal(d.s.call?.since, 200);
	assert.equal(d.s.today.answered, 0);
	assert.notEqual(d.s.say.key, 'ringing');
});

test('a resume in wrap-up keeps what was typed', () => {
	const d = talking().say({ t: 'end', offer: 'o1', call: 'c1', why: 'caller_hung_up', talk_ms: 1, wrap_ms: 15000 })
		.do({ a: 'wrap', disposition: 'order', note: 'two boxes' })
		.lost().welcomed({ ...WELCOME, rtc: undefined, state: 'grace' }).say(agent('wrap', { offer: 'o1', wrap_ms: 9000 }));
	assert.equal(d.s.wrap?.note, 'two boxes');
	assert.equal(d.s.wrap?.disposition, 'order');
	assert.equal(d.s.wrap?.endsAt, d.at + 9000);
});

// Its node is gone; the one that takes the page in has not been given the call yet.
const elsewhere = (): Desk => talking().later(9000).lost().later(500)
	.say(agent('not_ready', { reason: 'signed_in' }))
	.welcomed({ ...WELCOME, session: 's2', node: 'oslo1' })
	.say(agent('not_ready', { reason: 'signed_in' })).say(agent('idle'));

test('through another node: the call stays on the page while it is brought back, and nothing else is said', () => {
	const d = elsewhere();
	assert.equal(pageState(d.s), 'grace');
	assert.equal(d.s.call?.callerName, 'Kari');
	assert.equal(d.s.say.key, 'returning');
	assert.ok(inCall(d.s) && wantsCalls(d.s), 'said to the next node too, should this one go as well');
	d.later(800).say(agent('talking', { offer: 'o7' })).say({ t: 'talk', offer: 'o7', call: 'c1' })
		.say({ t: 'ring', again: true, offer: 'o7', ...CALL, ring_ms: 0 });
	assert.equal(pageState(d.s), 'talking');
	assert.deepEqual([d.s.call?.callerName, d.s.call?.offer, d.s.call?.since], ['Kari', 'o7', 4000]);
	assert.equal(d.s.say.key, 'returned');
	assert.deepEqual([d.s.returning, d.s.today.answered], [null, 1]);
	d.later(RETURN_MS).do({ a: 'tick' });
	assert.equal(pageState(d.s), 'talking');
});

test('a call that does not come back is said in words, and the page is what the node says', () => {
	const d = elsewhere().later(RETURN_MS - 1).do({ a: 'tick' });
	assert.equal(pageState(d.s), 'grace');
	d.later(1).do({ a: 'tick' });
	assert.equal(pageState(d.s), 'idle');
	assert.deepEqual([d.s.call, d.s.returning], [null, null]);
	assert.deepEqual([d.s.say.key, d.s.say.urgent], ['not_returned', true]);
	assert.equal(d.s.notices.at(-1)?.key, 'not_returned');
});

test('another call rings first: it is shown as what it is', () => {
	const d = elsewhere().say(agent('ringing', { offer: 'o9' })).say({ t: 'ring', offer: 'o9', ...CALL, caller_name: 'Ola', ring_ms: 9000 });
	assert.equal(pageState(d.s), 'ringing');
	assert.deepEqual([d.s.ring?.callerName, d.s.call, d.s.returning], ['Ola', null, null]);
});

test('sound that is lost in a call is said, and that it is back; beside a lost link, and without a call, it is not', () => {
	const d = talking().do({ a: 'leg', status: 'down', why: 'path' });
	assert.deepEqual([d.s.say.key, d.s.say.urgent], ['sound_lost', true]);
	const before = d.s.say.n;
	d.do({ a: 'leg', status: 'down', why: 'path' });
	assert.equal(d.s.say.n, before, 'once');
	d.do({ a: 'link', status: 'connecting', attempt: 0, retryMs: 0 });
	assert.equal(d.s.say.n, before, 'our own doing is not a lost connection');
	d.welcomed({ ...WELCOME, state: 'grace' }).say(agent('talking', { offer: 'o1' })).say({ t: 'media', up: true, why: '' });
	assert.equal(d.s.say.key, 'sound_back');
	d.lost().do({ a: 'leg', status: 'down', why: 'path' });
	assert.equal(d.s.say.key, 'link_lost');
	assert.equal(signedIn().do({ a: 'leg', status: 'down', why: 'path' }).s.say.key, 'not_ready');
});

test('a pause asked for in a call waits for its end', () => {
	const d = talking().do({ a: 'intent', what: 'pause', reason: 'lunch' });
	assert.equal(d.s.afterCall, 'lunch');
	assert.equal(d.s.pending.what, null);
	d.do({ a: 'intent', what: 'ready' });
	assert.equal(d.s.afterCall, null);
	d.do({ a: 'intent', what: 'pause', reason: 'break' }).say(agent('not_ready', { reason: 'pause' }));
	assert.equal(d.s.afterCall, null);
	assert.equal(d.s.pauseReason, 'break');
});

test('a press that stays unanswered is offered again', () => {
	const d = signedIn().do({ a: 'intent', what: 'ready' });
	assert.equal(d.s.pending.what, 'ready');
	d.later(PENDING_MAX_MS + 1).do({ a: 'tick' });
	assert.equal(d.s.pending.what, null);
});

test('a node that repeats the state answers a press that it refused', () => {
	const d = signedIn().do({ a: 'intent', what: 'ready' }).say(agent('not_ready', { reason: 'signed_in' }));
	assert.equal(d.s.pending.what, null);
	assert.equal(d.s.desk.since, 1000, 'the clock of the state did not start anew');
});

test('being denied leads back to the sign-in with the time to wait', () => {
	const d = new Desk().do({ a: 'signin' }).say({ t: 'denied', why: 'locked', retry_ms: 30000 });
	assert.equal(pageState(d.s), 'signin');
	assert.deepEqual(d.s.signin, { busy: false, why: 'locked', retryAt: 31000 });
});

test('who is signed out by another password is told at the sign-in, and anybody else is not', () => {
	const off = parseFromNode('{"t":"state","state":"off","ended":"password"}');
	assert.ok(off?.t === 'state' && off.ended === 'password');
	const told = (why: string) => reduce(initialState(), { a: 'signed_out', known: null, why, at: 0 }).signin.why;
	assert.equal(told('ended_password'), 'ended_password');
	assert.equal(told(''), '');
});

test('another tab takes over: nothing of a call is left here', () => {
	const d = talking().say({ t: 'taken_over' });
	assert.equal(pageState(d.s), 'taken_over');
	assert.equal(d.s.call, null);
});

test('notices are few, info goes by itself, warnings stay', () => {
	const d = signedIn();
	for (const key of ['a', 'b', 'c', 'd']) d.do({ a: 'notice', kind: key === 'd' ? 'warn' : 'info', key });
	assert.equal(d.s.notices.length, 3);
	d.later(60_000).do({ a: 'tick' });
	assert.deepEqual(d.s.notices.map((n) => n.key), ['d']);
});

test('the line is as good as its worst part', () => {
	const d = talking().do({ a: 'rtt', rttMs: 40 });
	assert.equal(quality(d.s), 'good');
	d.say({ t: 'stats', loss_permille: 35, jitter_ms: 3, rtt_ms: 90 });
	assert.equal(quality(d.s), 'fair');
	d.do({ a: 'ear', ear: { lossPermille: 120, jitterMs: 3, rttMs: 90 } });
	assert.equal(quality(d.s), 'poor');
	d.do({ a: 'link', status: 'lost', attempt: 0, retryMs: 0 });
	assert.equal(quality(d.s), 'lost');
});

test('ten thousand random messages and presses never break it', () => {
	let seed = 7;
	const pick = <T>(of: readonly T[]): T => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return of[seed % of.length] as T;
	};
	const d = signedIn();
	for (let i = 0; i < 10_000; i++) {
		const offer = pick(['o1', 'o2', '']);
		const m = pick<object>([
			agent(pick(['idle', 'not_ready', 'ringing', 'committed', 'talking', 'wrap', 'grace', 'reserved']), { offer, wrap_ms: pick([0, 5000]) }),
			{ t: 'ring', offer: offer || 'o3', ...CALL, ring_ms: 100 }, { t: 'ring_end', offer, why: pick(['agent_no_answer', 'caller_hung_up']) },
			{ t: 'talk', offer }, { t: 'end', offer, why: '', talk_ms: 1, wrap_ms: pick([0, 9]) }, WELCOME,
			{ ...WELCOME, state: pick(['talking', 'wrap', 'grace']), rtc: undefined },
		]);
		d.later(10).say(m).do(pick<Action>([
			{ a: 'tick' }, { a: 'mute', on: true }, { a: 'intent', what: 'accept' },
			{ a: 'wrap', disposition: 'order', note: 'n' }, { a: 'intent', what: 'pause', reason: 'lunch' },
		]));
		const s = d.s;
		if (s.desk.state === 'idle') assert.ok(!s.ring && !s.call && !s.wrap, 'idle holds nothing');
		if (s.desk.state === 'wrap') assert.ok(s.wrap, 'wrap-up has a form');
		if (s.desk.state === 'talking') assert.ok(s.call && !s.ring, 'a talk has a call');
		assert.ok(Number.isFinite(s.desk.since));
	}
});

test('signed in elsewhere with a call in hand: it is finished here, noted, and then the page stops', () => {
	const d = talking().say({ t: 'taken_over', finish: true });
	assert.equal(pageState(d.s), 'talking');
	assert.ok(d.s.leaving && d.s.call, 'the call stays, and the page knows');
	d.later(9000).say({ t: 'end', offer: 'o1', call: 'c1', why: 'caller_hung_up', talk_ms: 9000, wrap_ms: 20000 })
		.say(agent('wrap', { offer: 'o1', wrap_ms: 20000 }));
	assert.equal(d.s.wrap?.offer, 'o1');
	d.say(agent('off'));
	assert.equal(pageState(d.s), 'taken_over');
	assert.equal(d.s.leaving, false);
});

test('a free colleague is never oneself', () => {
	const queues = (idle: number): object => ({ t: 'queues', queues: [{ name: 'support', waiting: 0, longest_ms: 0, idle }] });
	assert.equal(signedIn().say(queues(1)).s.queues[0]?.idle, 1);
	assert.equal(signedIn().say(agent('idle')).say(queues(1)).s.queues[0]?.idle, 0);
	assert.equal(signedIn().say(agent('idle')).say(queues(3)).s.queues[0]?.idle, 2);
	assert.equal(signedIn().say(agent('idle')).say(queues(0)).s.queues[0]?.idle, 0);
});

test('a round trip that is not known is not said to be none', () => {
	const d = talking();
	assert.equal(lineFigures(d.s).rttMs, -1);
	d.say({ t: 'stats', loss_permille: 0, jitter_ms: 0, rtt_ms: 0 });
	assert.equal(lineFigures(d.s).rttMs, -1);
	d.say({ t: 'stats', loss_permille: 30, jitter_ms: 4, rtt_ms: 90 });
	assert.deepEqual(lineFigures(d.s), { rttMs: 90, lossPermille: 30, jitterMs: 4 });
	assert.equal(quality(d.s), 'fair');
});

test('a wrap-up that comes back after a reload has its offer, and one that could not be saved is not "saved"', () => {
	const d = signedIn().say({ ...WELCOME, state: 'wrap' }).say(agent('wrap', { offer: 'o1', wrap_ms: 9000 }));
	assert.equal(d.s.wrap?.offer, 'o1');
	d.do({ a: 'wrap', disposition: 'other', note: 'x' }).do({ a: 'wrap_sent' });
	assert.equal(d.s.wrap?.saved, 'sent');
	d.say({ t: 'error', what: 'wrap', why: '', remedy: '' });
	assert.equal(d.s.wrap?.saved, 'dirty');
});

const noting = (): Desk => talking().later(60000).say(agent('wrap', { offer: 'o1', wrap_ms: 30000, slip: 'sealed' }))
	.do({ a: 'wrap', disposition: 'other', note: 'she will call' }).do({ a: 'wrap_sent' }).lost().later(1000)
	.welcomed({ ...WELCOME, session: 's2', node: 'manila2' }).say(agent('not_ready', { reason: 'signed_in' }));

test('the node of a wrap-up dies: the form stays, is to be sent again, and calls come when it is done', () => {
	const d = noting();
	assert.equal(pageState(d.s), 'wrap');
	assert.deepEqual([d.s.wrap?.note, d.s.wrap?.saved, d.s.wrap?.slip, d.s.noting?.ready], ['she will call', 'dirty', 'sealed', true]);
	d.lost().welcomed({ ...WELCOME, session: 's2', state: 'grace' }).say(agent('not_ready'));
	assert.equal(d.s.wrap?.note, 'she will call', 'also over another gateway');
	d.do({ a: 'wrap_sent' }).do({ a: 'note_done' });
	assert.equal(pageState(d.s), 'not_ready');
	assert.deepEqual([d.s.wrap, d.s.noting], [null, null]);
});

test('a form whose node is gone ends with its time, but not before its words could be sent', () => {
	const d = noting().lost().later(30000).do({ a: 'tick' });
	assert.equal(pageState(d.s), 'wrap');
	d.welcomed({ ...WELCOME, session: 's2' }).do({ a: 'tick' });
	assert.equal(pageState(d.s), 'not_ready');
});

test('a form is not kept for somebody else, nor where no node would take its note', () => {
	const d = talking().say(agent('wrap', { offer: 'o1', wrap_ms: 30000 })).lost();
	assert.ok(!keepsNote(d.s));
	assert.equal(d.welcomed({ ...WELCOME, session: 's2' }).s.wrap, null);
	const other = { ...WELCOME, session: 's3', agent: { ...WELCOME.agent, name: 'jose' } };
	assert.equal(noting().lost().welcomed(other).s.wrap, null);
	assert.equal(noting().say(agent('ringing', { offer: 'o2' })).s.noting, null);
});

test('who wanted calls still wants them at another node; who did not, does not', () => {
	const s = initialState();
	const at = (state: State['desk']['state'], afterCall: State['afterCall'] = null): boolean =>
		wantsCalls({ ...s, desk: { ...s.desk, state }, afterCall });
	assert.deepEqual([at('idle'), at('ringing'), at('talking'), at('wrap')], [true, true, true, true]);
	assert.deepEqual([at('not_ready'), at('talking', 'break'), at('off')], [false, false, false]);
});

test('who was in a call says so at another node', () => {
	const s = initialState();
	const at = (state: State['desk']['state']): boolean => inCall({ ...s, desk: { ...s.desk, state } });
	assert.deepEqual((['committed', 'talking', 'ringing', 'wrap', 'idle'] as const).map(at), [true, true, false, false, false]);
});

test('nobody reached is an outcome of who is called, not of who called', () => {
	const wrap = { offer: '1', about: null, endsAt: 0, wrapMs: 0, talkMs: 0, why: '', disposition: '', note: '', saved: 'clean' } as const;
	assert.ok(!outcomes(wrap).includes('not_reached'));
	assert.ok(outcomes({ ...wrap, disposition: 'not_reached' }).includes('not_reached'), 'what was chosen stays in sight');
	const about = {
		offer: '1', call: '', queue: '', queueDisplay: '', caller: '', callerName: '', waitedMs: 0, site: '', task: 'callback',
	} as const;
	assert.equal(outcomes({ ...wrap, about }).at(-1), 'not_reached');
});
