import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MESSAGE_MAX, NOTE_MAX_BYTES, noteThatFits, parseFromNode } from '../src/protocol';

test('what is no message of the protocol is null, never an exception', () => {
	for (const bad of [
		'', '{', 'null', '[]', '7', '"welcome"', '{}', '{"t":7}', '{"t":"unheard"}', '{"t":"welcome"}',
		'{"t":"state","state":"flying"}', '{"t":"ring","caller":"1"}', `{"t":"pong","x":"${'a'.repeat(MESSAGE_MAX)}"}`,
	]) assert.equal(parseFromNode(bad), null, bad.slice(0, 40));
});

test('wrong types become defaults; durations are never negative or absurd', () => {
	const m = parseFromNode('{"t":"ring","offer":"o","waited_ms":-5,"ring_ms":"x","caller":{},"queue":"q"}');
	assert.ok(m?.t === 'ring');
	assert.deepEqual([m.waitedMs, m.ringMs, m.caller, m.queueDisplay], [0, 0, '', 'q']);
	const s = parseFromNode('{"t":"state","state":"idle","since_ms":1e300}');
	assert.ok(s?.t === 'state' && s.sinceMs <= 7 * 86_400_000);
});

test('unknown fields are ignored and known ones are read', () => {
	const m = parseFromNode('{"t":"welcome","session":"s","agent":{"name":"maria"},"state":"idle","since_ms":5,"new":[1]}');
	assert.ok(m?.t === 'welcome');
	assert.equal(m.state.state, 'idle');
	assert.equal(m.state.sinceMs, 5);
	assert.equal(m.agent.display, 'maria');
	assert.equal(m.sdp, null);
});

test('a state inside welcome may be an object as well', () => {
	const m = parseFromNode('{"t":"welcome","session":"s","agent":{},"state":{"state":"wrap","wrap_ms":9}}');
	assert.ok(m?.t === 'welcome');
	assert.deepEqual([m.state.state, m.state.wrapMs], ['wrap', 9]);
});

test('a withheld number is no name', () => {
	const m = parseFromNode('{"t":"ring","offer":"o","caller":"Anonymous","caller_name":"anonymous"}');
	assert.ok(m?.t === 'ring');
	assert.deepEqual([m.caller, m.callerName], ['', '']);
});

test('lists are bounded', () => {
	const queues = Array.from({ length: 3000 }, (_, i) => ({ name: `q${i}` }));
	assert.equal(parseFromNode(JSON.stringify({ t: 'queues', queues })), null, 'longer than any message');
	const ok = parseFromNode(JSON.stringify({ t: 'queues', queues: queues.slice(0, 200).concat([{ name: '' }]) }));
	assert.ok(ok?.t === 'queues' && ok.queues.length === 200);
});

test('a note is cut to what a record holds, in bytes, between characters', () => {
	assert.equal(noteThatFits('short'), 'short');
	const cut = noteThatFits('ж'.repeat(400));
	assert.ok(new TextEncoder().encode(cut).length <= NOTE_MAX_BYTES);
	assert.equal(cut, 'ж'.repeat(255));
	assert.equal(noteThatFits('😀'.repeat(200)), '😀'.repeat(127));
});

test('a node may send us to another one', () => {
	assert.deepEqual(parseFromNode('{"t":"move"}'), { t: 'move' });
});
