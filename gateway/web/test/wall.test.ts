import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFromNode } from '../src/protocol';
import { bits, covers, type WallMessage } from '../src/wall/message';
import {
	EMPTY, everybody, NO_CHOICE, queues, roster, servedLevel, take, waitLevel, type Choice, type Floor,
} from '../src/wall/model';

function say(floor: Floor, m: object, at = 1000): Floor {
	const parsed = parseFromNode(JSON.stringify({ t: 'wall', ...m }));
	assert.equal(parsed?.t, 'wall');
	const before = [...floor.people.values()].map((p) => JSON.stringify(p)).join();
	const next = take(floor, parsed as WallMessage, at);
	assert.equal([...floor.people.values()].map((p) => JSON.stringify(p)).join(), before, 'written into');
	return next;
}
const agent = (name: string, more: object = {}): object => ({
	name, display: name.toUpperCase(), site: 'manila', node: 'manila1', state: 'idle', reason: 'none',
	since_ms: 0, queue: '', call: '', skills: '3', heard: true, ...more,
});
const share = (more: object = {}): object => ({
	queue: 'support', site: 'oslo', waiting: 0, longest_ms: 0, entered: 0, answered: 0, in_time: 0,
	abandoned: 0, wait_ms: 0, heard: true, ...more,
});
const start = (): Floor => say(EMPTY, {
	full: true, more: false,
	sites: [{ name: 'oslo', nodes: 2, heard: 2 }, { name: 'manila', nodes: 1, heard: 1 }],
	queues: [
		{ name: 'support', display: 'Support', skills: '1', within_ms: 20000, target_pct: 80 },
		{ name: 'orders', display: 'Orders', skills: '6', within_ms: 20000, target_pct: 80 },
	],
	agents: [
		agent('maria'), agent('jose', { state: 'talking', queue: 'support', call: 'oslo1-2f-91', since_ms: 5000, skills: '1' }),
		agent('ingrid', { site: 'oslo', state: 'not_ready', reason: 'pause', skills: '1' }),
		agent('åse', { site: 'oslo', skills: '7', display: 'Åse Berg' }),
	],
	figures: [share({ waiting: 3, longest_ms: 30000, answered: 8, in_time: 6, abandoned: 2, wait_ms: 80000 })],
});
const names = (floor: Floor, c: Partial<Choice>): string[] =>
	roster(floor, { ...NO_CHOICE, ...c }).items.map((i) => (i.kind === 'site' ? `# ${i.site}` : i.person.name));

test('a delta changes what it names and nothing else; who left is gone', () => {
	const a = start();
	const b = say(a, { full: false, more: false, agents: [agent('maria', { state: 'ringing' }), { name: 'jose', state: 'off' }] });
	assert.equal(b.people.get('maria')?.state, 'ringing');
	assert.equal(b.people.has('jose'), false);
	assert.equal(b.people.get('ingrid'), a.people.get('ingrid'));
	assert.equal(b.shares, a.shares);
	assert.equal(b.rank, a.rank, 'no name is new: nothing is sorted by words again');
	assert.deepEqual(everybody(b), { idle: 1, ringing: 1, talking: 0, wrap: 0, away: 1 });
});

test('a full message forgets everything before; it is complete when the last part has come', () => {
	const first = say(start(), { full: true, more: true, agents: [agent('zoe')] });
	assert.deepEqual([...first.people.keys()], ['zoe']);
	assert.equal(first.complete, false);
	const all = say(first, { full: false, more: false, agents: [agent('abe')] });
	assert.equal(all.complete, true);
	assert.deepEqual(names(all, {}), ['abe', 'zoe']);
});

test('times are ages: they go on by the clock of this page', () => {
	const f = start();
	assert.equal(f.people.get('jose')?.since, 1000 - 5000);
	assert.equal(queues(f)[1]?.headAt, 1000 - 30000);
});

test('a queue counts who serves it, and who has its call in hand counts for no other', () => {
	const [orders, support] = queues(start());
	assert.equal(orders?.name, 'orders');
	assert.deepEqual(orders?.crew, { idle: 1, ringing: 0, talking: 0, wrap: 0, away: 0 });
	assert.deepEqual(support?.crew, { idle: 2, ringing: 0, talking: 1, wrap: 0, away: 1 });
	assert.deepEqual(support?.parts.map((p) => [p.site, p.crew.idle, p.waiting]), [['manila', 1, 0], ['oslo', 1, 3]]);
	assert.equal(queues(start(), 'manila')[1]?.waiting, 0);
});

test('service level: in time of those whose fate is known', () => {
	const support = queues(start())[1];
	assert.ok(support);
	assert.equal(support.servedPct, 60);
	assert.equal(servedLevel(support), 'bad');
	assert.equal(servedLevel({ ...support, servedPct: 70 }), 'warn');
	assert.equal(servedLevel({ ...support, servedPct: 80 }), 'good');
	assert.equal(servedLevel({ ...support, servedPct: null }), 'none');
	assert.equal(support.averageWaitMs, 10000);
	assert.equal(queues(start())[0]?.servedPct, null);
	assert.equal(waitLevel(support, 20000, 1000), 'bad');
	assert.equal(waitLevel(support, 20000, 1000 - 15000), 'warn');
	assert.equal(waitLevel(support, 20000, 1000 - 25000), 'good');
	assert.equal(waitLevel({ waiting: 0, headAt: Infinity }, 20000, 1000), 'none');
});

test('the list is filtered by site, queue, state and words, also without their accents', () => {
	const f = start();
	assert.deepEqual(names(f, { site: 'oslo' }), ['åse', 'ingrid']);
	assert.deepEqual(names(f, { queue: 'orders' }), ['åse']);
	assert.deepEqual(names(f, { duty: 'talking' }), ['jose']);
	assert.deepEqual(names(f, { text: 'ase' }), ['åse']);
	assert.deepEqual(names(f, { text: '2f-91' }), ['jose']);
	assert.deepEqual(names(f, { text: 'maria oslo' }), []);
});

test('the list is sorted, either way, and grouped by site with its sums', () => {
	const f = start();
	assert.deepEqual(names(f, {}), ['åse', 'ingrid', 'jose', 'maria']);
	assert.deepEqual(names(f, { down: true }), ['maria', 'jose', 'ingrid', 'åse']);
	assert.equal(names(f, { sort: 'state' })[0], 'jose');
	assert.equal(names(f, { sort: 'since', down: true })[0], 'jose');
	assert.deepEqual(names(f, { grouped: true }), ['# manila', 'jose', 'maria', '# oslo', 'åse', 'ingrid']);
	const head = roster(f, { ...NO_CHOICE, grouped: true }).items[0];
	assert.deepEqual(head?.kind === 'site' && [head.n, head.crew.talking], [2, 1]);
});

test('skills are sets of 64', () => {
	assert.ok(covers(bits('8000000000000001'), bits('8000000000000000')));
	assert.ok(!covers(bits('1'), bits('8000000000000000')));
	assert.ok(covers(bits('1'), bits('')));
	assert.deepEqual(bits('zz'), { high: 0, low: 0 });
});

test('what a node says wrongly is left out, and never breaks the page', () => {
	const f = say(EMPTY, {
		full: true, agents: [null, 7, { name: 'x', state: 'dancing' }, agent('ok', { since_ms: -5, display: 9 })],
		figures: 'no', sites: [{}], queues: [{ name: '' }],
	});
	assert.deepEqual([...f.people.keys()], ['ok']);
	assert.equal(f.people.get('ok')?.display, 'ok');
	assert.deepEqual(queues(f), []);
});

test('a thousand people are sorted and counted within a frame', () => {
	const many = Array.from({ length: 1000 }, (_, i) => agent(`agent${i}`, { skills: (1 + (i % 7)).toString(16) }));
	let f = start();
	for (let i = 0; i < many.length; i += 50) f = say(f, { full: false, more: i < 950, agents: many.slice(i, i + 50) });
	const began = performance.now();
	const rounds = 20;
	for (let i = 0; i < rounds; i++) {
		f = say(f, { full: false, more: false, agents: [agent(`agent${i}`, { state: 'talking', queue: 'support' })] });
		queues(f);
		roster(f, { ...NO_CHOICE, sort: 'state' });
	}
	const each = (performance.now() - began) / rounds;
	console.log(`# 1,000 people: ${each.toFixed(2)} ms a change`);
	assert.ok(each < 100, `${each} ms`);
});

test('hours: of a site, of all together, and gone with a configuration that has none', () => {
	const told = [
		{ queue: 'support', site: '', open: true, changes_ms: 60000, gaps: 6, gaps_ms: 3600000 },
		{ queue: 'support', site: 'oslo', open: false },
	];
	const a = say(start(), { full: false, more: false, hours: told }, 5000);
	const all = queues(a).find((q) => q.name === 'support');
	assert.equal(all?.hours?.open, true);
	assert.equal(all?.hours?.changesAt, 65000);
	assert.equal(all?.hours?.gaps, 6);
	assert.deepEqual(all?.parts.map((p) => [p.site, p.hours?.open]), [['manila', undefined], ['oslo', false]]);
	const oslo = queues(a, 'oslo').find((q) => q.name === 'support');
	assert.equal(oslo?.hours?.open, false);
	assert.equal(oslo?.hours?.changesAt, null, 'nobody knows when');
	assert.equal(queues(a).find((q) => q.name === 'orders')?.hours, null, 'always open');
	const b = say(a, { full: false, more: false, hours: [{ queue: 'support', site: '', none: true }] });
	assert.equal(queues(b).find((q) => q.name === 'support')?.hours, null);
});
