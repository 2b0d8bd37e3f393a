import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, doorFor, openMaxMs } from '../src/link/backoff';
import { checkPin, loadPin, readCluster, savePin } from '../src/link/cluster';
import { micStatusOf } from '../src/media/mic';
import { levelOf } from '../src/media/sound';

const PUB = 'ab'.repeat(32);

test('the first try is almost at once, later ones are spread and capped', () => {
	assert.ok(backoffMs(0, 0.999) < 250);
	for (let n = 1; n < 60; n++) {
		const [lo, hi] = [backoffMs(n, 0), backoffMs(n, 0.999)];
		assert.ok(lo >= 100, `${n}: ${lo}`);
		assert.ok(hi <= (n > 20 ? 15000 : 5000), `${n}: ${hi}`);
		assert.ok(hi > 2 * lo, 'jitter spans most of the wait');
	}
});

test('the own door first, then the others, and back', () => {
	assert.deepEqual([0, 1, 2, 3, 4, 5].map((n) => doorFor(n, 3)), [0, 0, 1, 2, 0, 1]);
	assert.equal(doorFor(9, 1), 0);
});

test('a door that does not open is left soon while there are others, and waited for when none does', () => {
	assert.equal(openMaxMs(0, 2, false), 2500);
	assert.equal(openMaxMs(2, 2, false), 2500);
	assert.equal(openMaxMs(3, 2, false), 8000); // each was tried: perhaps the line is that bad
	assert.equal(openMaxMs(0, 1, false), 8000);
	assert.equal(openMaxMs(0, 2, true), 8000);
	assert.equal(doorFor(Math.max(0, 1) + 1, 2), 1); // after the own door was deaf: the next one
});

test('a cluster is read only when it is one', () => {
	assert.equal(readCluster(null), null);
	assert.equal(readCluster({ cluster: 'sunline' }), null);
	assert.equal(readCluster({ cluster: 'sunline', sign_pub: 'zz' }), null);
	assert.equal(readCluster({ cluster: '<b>', sign_pub: PUB }), null);
	const c = readCluster({
		cluster: 'sunline', sign_pub: PUB.toUpperCase(), site: 'oslo', sites: [{ name: 'oslo', number: 1 }, 7],
		gateways: ['ws://127.0.2.1:8080', 'javascript:alert(1)', 'ws://x/path'],
	});
	assert.deepEqual(c, {
		cluster: 'sunline', signPub: PUB, site: 'oslo', sites: [{ name: 'oslo', number: 1 }],
		gateways: ['ws://127.0.2.1:8080'],
	});
});

test('a pin is trusted at first sight and held from then on', () => {
	const kept = new Map<string, string>();
	const store = {
		getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v),
	} as unknown as Storage;
	assert.equal(checkPin(loadPin(store), { cluster: 'a', signPub: PUB }), 'first');
	savePin(store, { cluster: 'a', signPub: PUB });
	assert.equal(checkPin(loadPin(store), { cluster: 'a', signPub: PUB }), 'same');
	assert.equal(checkPin(loadPin(store), { cluster: 'a', signPub: '00'.repeat(32) }), 'changed');
	assert.equal(checkPin(loadPin(store), { cluster: 'b', signPub: PUB }), 'changed');
	kept.set('helio.pin', '{broken');
	assert.equal(loadPin(store), null);
});

test('each failure of the microphone has the name that its remedy needs', () => {
	assert.equal(micStatusOf('NotAllowedError', 'denied', false), 'denied');
	assert.equal(micStatusOf('NotAllowedError', 'prompt', false), 'dismissed');
	assert.equal(micStatusOf('NotFoundError', 'granted', false), 'missing');
	assert.equal(micStatusOf('NotFoundError', 'granted', true), 'unplugged');
	assert.equal(micStatusOf('NotReadableError', 'granted', true), 'in_use');
	assert.equal(micStatusOf('SomethingNew', 'granted', true), 'failed');
});

test('the level meter moves on a scale of decibels', () => {
	assert.equal(levelOf(0), 0);
	assert.equal(levelOf(1), 1);
	assert.ok(Math.abs(levelOf(0.1) - 2 / 3) < 0.01);
});
