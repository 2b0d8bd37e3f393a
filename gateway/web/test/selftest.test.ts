import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineBetween, voiceVerdict } from '../src/media/selftest';

const none = { sent: 0, sentLost: 0, received: 0, lost: 0, jitterMs: 0, rttMs: -1, reports: 0 };

test('a voice is judged by its loudest moment', () => {
	const of = (...peaks: number[]): string => voiceVerdict([0, ...peaks]);
	assert.deepEqual([of(), of(0.001), of(0.01), of(0.3), of(0.98), of(1, 1, 1)], ['silent', 'silent', 'quiet', 'good', 'good', 'loud']);
	assert.equal(of(0.2, 0.3, 0.2, 1, 0.2), 'good', 'once at the rim is not loud');
	assert.equal(voiceVerdict([]), 'silent');
});

test('the line is judged by what was lost meanwhile, either way, not by what was lost before', () => {
	const from = { ...none, sent: 1000, sentLost: 500, received: 100, lost: 50 };
	assert.deepEqual(lineBetween(from, { ...from, sent: 1300, rttMs: 12.4, jitterMs: 3.3 }, 99), { rttMs: 12, lossPermille: 0, jitterMs: 3 });
	assert.equal(lineBetween(from, { ...from, sent: 1300, sentLost: 530 }, -1).lossPermille, 100);
	assert.equal(lineBetween(from, { ...from, received: 190, lost: 60 }, -1).lossPermille, 100);
});

test('a line without figures of its own has the round trip of the link; one that is not known stays so', () => {
	assert.equal(lineBetween(none, none, 40).rttMs, 40);
	assert.equal(lineBetween(none, none, -1).rttMs, -1);
	assert.equal(lineBetween(none, { ...none, rttMs: 0.2 }, -1).rttMs, 1);
	assert.equal(lineBetween({ ...none, sentLost: 9 }, none, -1).lossPermille, 0);
});
