// A link that is doubted: with real seals over a socket of our own, and a clock of our own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sodium from 'libsodium-wrappers';
import { probeMaxMs } from '../src/link/backoff';
import { Link } from '../src/link/link';
import { PathWatch, type Vital } from '../src/media/path';
import { StallWatch } from '../src/media/stall';
import {
	Frame, Handshake, makeFrame, newKeyPair, prologueFor, readFrame, sealReady, type Session,
} from '../src/seal';
import { concat } from '../src/seal/sodium';

await sealReady();

const signer = sodium.crypto_sign_keypair();
const keys = newKeyPair();
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const short = (s: string): Uint8Array => concat(Uint8Array.of(s.length), text(s));

function cert(node: string): Uint8Array {
	const times = new Uint8Array(20); // not before 0, not after then, serial
	new DataView(times.buffer).setBigUint64(8, 4_000_000_000n);
	const body = concat(
		text('HLC1'), short('sunline'), short(node), Uint8Array.of(1, 1), keys.pub, times);
	return concat(body, sodium.crypto_sign_detached(body, signer.privateKey));
}

/** A gateway with one node behind it, as far as a browser sees it. */
class Socket {
	static readonly OPEN = 1;
	static readonly made: Socket[] = [];
	static node = 'oslo1'; // what new ones offer
	static deaf = false;
	readonly OPEN = 1;
	readyState = 1;
	binaryType = '';
	onmessage: ((e: { data: ArrayBuffer }) => void) | null = null;
	onclose: (() => void) | null = null;
	pings = 0;
	private session: Session | null = null;
	private readonly cert = cert(Socket.node);

	constructor(readonly url: string) {
		Socket.made.push(this);
		this.say(makeFrame(Frame.Cert, this.cert));
	}
	private say(frame: Uint8Array): void {
		queueMicrotask(() => this.onmessage?.({ data: frame.slice().buffer }));
	}
	send(frame: Uint8Array): void {
		const { type, body } = readFrame(frame);
		if (type === Frame.Msg1) {
			const hs = new Handshake({ initiator: false, own: keys, prologue: prologueFor(this.cert) });
			hs.read(body);
			const reply = hs.write();
			this.session = hs.session;
			this.say(makeFrame(Frame.Msg2, reply));
			return;
		}
		const m = JSON.parse(new TextDecoder().decode(this.session!.decrypt(body))) as { t: string; n: number };
		this.pings++;
		if (!Socket.deaf)
			this.say(makeFrame(Frame.Data, this.session!.encrypt(text(JSON.stringify({ t: 'pong', n: m.n })))));
	}
	close(): void {
		this.readyState = 3;
	}
}
/** The page's clock and chance, in the place of the browser's. */
class Clock {
	private now = 1_800_000_000_000;
	private id = 0;
	private readonly due = new Map<number, { at: number; every: number; run: () => void }>();
	private readonly real = { setTimeout, clearTimeout, setInterval, clearInterval, now: Date.now, random: Math.random };

	constructor() {
		const start = (run: () => void, ms: number, every: number): number => {
			this.due.set(++this.id, { at: this.now + ms, every, run });
			return this.id;
		};
		const stop = (id: number): void => void this.due.delete(id);
		Object.assign(globalThis, {
			WebSocket: Socket, clearTimeout: stop, clearInterval: stop,
			setTimeout: (run: () => void, ms: number) => start(run, ms, 0),
			setInterval: (run: () => void, ms: number) => start(run, ms, ms),
		});
		Date.now = () => this.now;
		Math.random = () => 0;
	}
	tick(ms: number): void {
		this.now += ms;
		for (const [id, timer] of [...this.due]) {
			if (timer.at > this.now || !this.due.has(id)) continue;
			if (timer.every) timer.at += timer.every;
			else this.due.delete(id);
			timer.run();
		}
	}
	restore(): void {
		const { now, random, ...timers } = this.real;
		Object.assign(globalThis, timers);
		Date.now = now;
		Math.random = random;
	}
}
let clock: Clock;
let talking = false, legDown = false;
const host = (s: Socket | undefined): string => new URL(s?.url ?? '').host;
// Sockets speak in microtasks.
const settle = async (): Promise<void> => {
	for (let i = 0; i < 20; i++) await Promise.resolve();
};

async function begin(): Promise<Link> {
	clock = new Clock();
	Socket.made.length = 0;
	Socket.node = 'oslo1';
	Socket.deaf = false;
	const link = new Link({
		doors: ['ws://one', 'ws://two', 'ws://three'], cluster: 'sunline',
		clusterPub: signer.publicKey, device: newKeyPair(), site: () => '', home: () => 'oslo1', talking: () => talking, legDown: () => legDown,
		events: {
			phase: () => undefined, message: () => undefined, rtt: () => undefined,
			refused: (why) => assert.fail(why),
		},
	});
	link.open();
	await settle();
	assert.equal(link.phase, 'sealed');
	return link;
}
async function pass(ms: number): Promise<void> {
	for (let at = 0; at < ms; at += 50) {
		clock.tick(50);
		await settle();
	}
}
function end(link: Link): void {
	link.close();
	clock.restore();
}

test('a talk without sound and a link without an answer: the next door within a second, and any node', async () => {
	const link = await begin();
	Socket.deaf = true;
	Socket.node = 'oslo2';
	link.probe(true);
	await pass(900);
	assert.equal(Socket.made.length, 1);
	await pass(200);
	assert.equal(Socket.made.length, 2);
	assert.equal(host(Socket.made[1]), 'two');
	assert.equal(link.phase, 'sealed');
	assert.equal(link.node, 'oslo2');
	end(link);
});

test('a far end that sends nothing costs a ping, and the link stays', async () => {
	const link = await begin();
	const before = Socket.made[0]!.pings;
	link.probe(true);
	await pass(3000);
	assert.equal(Socket.made[0]!.pings, before + 1);
	assert.equal(Socket.made.length, 1);
	assert.equal(link.phase, 'sealed');
	end(link);
});

test('a silent link is left in the middle of a talk too: a regular ping that nobody answers is enough', async () => {
	const link = await begin();
	Socket.deaf = true;
	await pass(4500);
	assert.equal(Socket.made.length, 1);
	await pass(4500);
	assert.equal(host(Socket.made[1]), 'two');
	end(link);
});

test('a patient probe that runs is made a short one when sound stops as well; our node is insisted on until then', async () => {
	const link = await begin();
	Socket.deaf = true;
	link.probe();
	await pass(300);
	link.probe(true);
	await pass(1100);
	assert.equal(Socket.made.length, 2);
	Socket.node = 'oslo2';
	link.probe(); // sound goes on: our node lives
	await pass(2600);
	assert.equal(host(Socket.made[2]), 'three');
	assert.notEqual(link.phase, 'sealed', 'another node will not do yet');
	end(link);
});

test('in a talk a silent link is left within five seconds', async () => {
	talking = true;
	const link = await begin();
	Socket.deaf = true;
	await pass(4900);
	assert.equal(Socket.made.length, 2);
	talking = false;
	end(link);
});

test('another node than ours is taken after a moment when our leg is dead too, else after two seconds', async () => {
	const tried = async (): Promise<number> => {
		const link = await begin();
		Socket.node = 'oslo2';
		link.renew();
		let ms = 0;
		for (; link.node !== 'oslo2'; ms += 50) await pass(50);
		end(link);
		return ms;
	};
	assert.ok((await tried()) >= 2000);
	legDown = true;
	assert.ok((await tried()) <= 500);
	legDown = false;
});

test('back online: what was begun before is given up, and the next try is at once', async () => {
	const link = await begin();
	link.renew();
	link.hurry(true);
	await pass(50);
	assert.deepEqual([Socket.made.length, link.phase], [3, 'sealed']);
	link.hurry(true); // it may live: a ping tells
	assert.equal(Socket.made.length, 3);
	end(link);
});

test('a leg whose questions nobody answers is gone; one whose far end is silent is not, nor one that asks seldom', () => {
	const run = (vital: (at: number) => Vital | null): number => {
		const watch = new PathWatch();
		for (let at = 0; at <= 9000; at += 250) if (watch.gone(vital(at), at)) return at;
		return -1;
	};
	const none = { packets: 50, answers: 4 };
	assert.equal(run((at) => ({ ...none, asked: at / 50 })), 1500);
	assert.equal(run((at) => ({ ...none, asked: at / 1250 })), 3750);
	assert.equal(run((at) => ({ ...none, asked: at / 50, answers: at / 50 })), -1);
	assert.equal(run((at) => ({ ...none, asked: at / 50, packets: at / 20 })), -1);
	assert.equal(run(() => ({ ...none, asked: 7 })), -1);
	assert.equal(run(() => null), -1);
});

test('the longer the way, the longer an answer may take, within limits', () => {
	assert.deepEqual([0, 100, 300, 9000].map((rtt) => probeMaxMs(rtt, true)), [1000, 1000, 1800, 2500]);
	assert.deepEqual([0, 100, 700, 9000].map((rtt) => probeMaxMs(rtt, false)), [2500, 2500, 4200, 5000]);
});

test('sound that stands still is told after thirty packets, then once a second; no talk is never told', () => {
	const watch = new StallWatch();
	const told: number[] = [];
	for (let at = 0; at <= 4000; at += 250)
		if (watch.stalled(at < 1000 ? at / 20 : 40, at)) told.push(at);
	assert.deepEqual(told, [1750, 2750, 3750]);
	assert.equal(watch.standing, true);
	assert.equal(watch.stalled(41, 4250), false);
	assert.equal(watch.standing, false);
	for (let at = 4500; at < 8000; at += 250) assert.equal(watch.stalled(null, at), false);
	assert.equal(watch.stalled(41, 8000), false);
	assert.equal(watch.stalled(41, 8590), false);
	assert.equal(watch.stalled(41, 8600), true);
});
