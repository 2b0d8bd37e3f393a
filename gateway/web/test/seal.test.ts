// The sealed session: the published vectors, and everything that must be refused.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sodium from 'libsodium-wrappers';
import {
	Frame,
	fromHex,
	Handshake,
	keyPairOf,
	makeFrame,
	newKeyPair,
	openCert,
	prologueFor,
	readFrame,
	SealError,
	sealReady,
	toHex,
	type KeyPair,
	type SealFault,
	type Session,
} from '../src/seal';
import { concat } from '../src/seal/sodium';

declare const HELIO_WEB_ROOT: string;

await sealReady();

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const prologue = prologueFor(text('a certificate'));

function refuses(fault: SealFault, what: () => unknown, message?: string): void {
	assert.throws(what, (e) => e instanceof SealError && e.fault === fault, message);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
	const out = bytes.slice();
	out[bit >> 3]! ^= 1 << (bit & 7);
	return out;
}

interface Ends {
	device: KeyPair;
	node: KeyPair;
	initiator: Handshake;
	responder: Handshake;
}

function ends(pinned?: Uint8Array): Ends {
	const device = newKeyPair();
	const node = newKeyPair();
	return {
		device,
		node,
		initiator: new Handshake({
			initiator: true,
			own: device,
			remoteStatic: pinned ?? node.pub,
			prologue,
		}),
		responder: new Handshake({ initiator: false, own: node, prologue }),
	};
}

function sessions(): [Session, Session] {
	const { initiator, responder } = ends();
	responder.read(initiator.write(text('{"v":1}')));
	initiator.read(responder.write());
	return [initiator.session!, responder.session!];
}

test('every published vector passes', () => {
	interface Vector {
		protocol_name: string;
		handshake_hash: string;
		messages: { payload: string; ciphertext: string }[];
		[key: string]: unknown;
	}
	const file = join(HELIO_WEB_ROOT, '../../tests/data/noise_vectors.json');
	const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };
	assert.equal(vectors.length, 3);
	for (const v of vectors) {
		const [, name] = v.protocol_name.split('_');
		assert.ok(name === 'IK' || name === 'NK' || name === 'XX', `no vector is passed over: ${name}`);
		const bytes = (key: string): Uint8Array | null =>
			typeof v[key] === 'string' ? fromHex(v[key]) : null;
		const side = (who: 'init' | 'resp'): Handshake => {
			const own = bytes(`${who}_static`);
			const remoteStatic = bytes(`${who}_remote_static`);
			return new Handshake({
				pattern: name,
				initiator: who === 'init',
				prologue: bytes(`${who}_prologue`)!,
				ephemeral: keyPairOf(bytes(`${who}_ephemeral`)!),
				...(own ? { own: keyPairOf(own) } : {}),
				...(remoteStatic ? { remoteStatic } : {}),
			});
		};
		const sides = [side('init'), side('resp')];
		v.messages.forEach((m, i) => {
			const from = sides[i % 2]!;
			const to = sides[(i + 1) % 2]!;
			const plain = fromHex(m.payload);
			const wire = from.session ? from.session.encrypt(plain) : from.write(plain);
			assert.equal(toHex(wire), m.ciphertext);
			const back = to.session ? to.session.decrypt(wire) : to.read(wire);
			assert.equal(toHex(back), m.payload);
		});
		for (const s of sides) assert.equal(toHex(s.session!.hash), v.handshake_hash);
	}
});

test('both ends know each other and share one channel binding', () => {
	const { device, node, initiator, responder } = ends();
	assert.deepEqual(responder.read(initiator.write(text('hello'))), text('hello'));
	assert.deepEqual(initiator.read(responder.write(text('welcome'))), text('welcome'));
	assert.deepEqual(responder.session!.peer, device.pub);
	assert.deepEqual(initiator.session!.peer, node.pub);
	assert.deepEqual(initiator.session!.hash, responder.session!.hash);
});

test('any single flipped bit of message 1 is refused', () => {
	const { initiator, node } = ends();
	const msg = initiator.write(text('x'));
	for (let bit = 0; bit < msg.length * 8; bit++) {
		const responder = new Handshake({ initiator: false, own: node, prologue });
		refuses('bad', () => responder.read(flipped(msg, bit)), `bit ${bit}`);
		refuses('turn', () => responder.write(), 'a refusal is final');
	}
});

test('any single flipped bit of message 2 is refused', () => {
	const seed = keyPairOf(new Uint8Array(32).fill(7));
	const device = newKeyPair();
	const node = newKeyPair();
	const start = (): Handshake =>
		new Handshake({
			initiator: true,
			own: device,
			remoteStatic: node.pub,
			prologue,
			ephemeral: seed,
		});
	const responder = new Handshake({ initiator: false, own: node, prologue });
	responder.read(start().write());
	const msg = responder.write(text('y'));
	for (let bit = 0; bit < msg.length * 8; bit++) {
		const initiator = start();
		initiator.write();
		refuses('bad', () => initiator.read(flipped(msg, bit)), `bit ${bit}`);
	}
});

test('a truncated handshake message is refused at every length', () => {
	const { initiator, node } = ends();
	const msg = initiator.write(text('x'));
	for (let n = 0; n < msg.length; n++) {
		const responder = new Handshake({ initiator: false, own: node, prologue });
		refuses('bad', () => responder.read(msg.slice(0, n)), `length ${n}`);
	}
});

test('message 1 to another node is refused', () => {
	const { initiator, responder } = ends(newKeyPair().pub);
	refuses('bad', () => responder.read(initiator.write()));
});

test('another certificate in the prologue is refused', () => {
	const { initiator, node } = ends();
	const other = new Handshake({
		initiator: false,
		own: node,
		prologue: prologueFor(text('another certificate')),
	});
	refuses('bad', () => other.read(initiator.write()));
});

test('keys of low order are refused on both sides', () => {
	const low = [
		'0000000000000000000000000000000000000000000000000000000000000000',
		'0100000000000000000000000000000000000000000000000000000000000000',
		'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
		'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
		'5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
	].map(fromHex);
	for (const pub of low) {
		refuses('bad', () => ends(pub).initiator.write(), 'as the pinned key');
		const { responder } = ends();
		refuses('bad', () => responder.read(concat(pub, new Uint8Array(64))), 'as e');
	}
});

test('a frame that was touched, cut, replayed, reordered or dropped does not open', () => {
	const cases: Record<string, (frames: Uint8Array[]) => Uint8Array[]> = {
		replayed: ([a]) => [a!, a!],
		reordered: ([a, b]) => [b!, a!],
		dropped: ([, b]) => [b!],
		truncated: ([a]) => [a!.slice(0, -1)],
		empty: () => [new Uint8Array(0)],
		longer: ([a]) => [concat(a!, Uint8Array.of(0))],
	};
	for (const [what, change] of Object.entries(cases)) {
		const [tx, rx] = sessions();
		const frames = change([tx.encrypt(text('one')), tx.encrypt(text('two'))]);
		refuses('bad', () => frames.forEach((f) => rx.decrypt(f)), what);
	}
	const [probe] = sessions();
	const bits = probe.encrypt(text('one')).length * 8;
	for (let bit = 0; bit < bits; bit++) {
		const [tx, rx] = sessions();
		refuses('bad', () => rx.decrypt(flipped(tx.encrypt(text('one')), bit)), `bit ${bit}`);
	}
});

test('a session that refused one frame opens no other', () => {
	const [tx, rx] = sessions();
	const good = tx.encrypt(text('one'));
	refuses('bad', () => rx.decrypt(flipped(good, 0)));
	refuses('closed', () => rx.decrypt(good));
	refuses('closed', () => rx.encrypt(text('x')));
});

test('what one end sends does not open at the same end', () => {
	const [tx] = sessions();
	refuses('bad', () => tx.decrypt(tx.encrypt(text('mirror'))));
});

test('the largest message passes and one byte more does not', () => {
	const [tx, rx] = sessions();
	const largest = new Uint8Array(65535 - 16).fill(1);
	assert.deepEqual(rx.decrypt(tx.encrypt(largest)), largest);
	refuses('size', () => tx.encrypt(new Uint8Array(65535 - 15)));
});

test('steps out of turn are refused', () => {
	const { initiator, responder } = ends();
	refuses('turn', () => initiator.read(new Uint8Array(96)));
	refuses('turn', () => responder.write());
	responder.read(initiator.write());
	refuses('turn', () => initiator.write());
});

const DAY = 86400;
const NOW = 1_800_000_000;
const signer = sodium.crypto_sign_keypair();

function be(n: number, length: number): Uint8Array {
	const out = new Uint8Array(length);
	let v = BigInt.asUintN(64, BigInt(n));
	for (let i = length - 1; i >= 0; i--, v >>= 8n) out[i] = Number(v & 255n);
	return out;
}

interface CertShape {
	magic: string;
	node: string;
	nodeLength: number;
	notBefore: number;
	notAfter: number;
	more: Uint8Array;
}

function cert(change: Partial<CertShape> = {}, key = signer.privateKey): Uint8Array {
	const c: CertShape = {
		magic: 'HLC1',
		node: 'oslo1',
		nodeLength: (change.node ?? 'oslo1').length,
		notBefore: NOW - DAY,
		notAfter: NOW + DAY,
		more: new Uint8Array(0),
		...change,
	};
	const body = concat(
		text(c.magic),
		Uint8Array.of(7),
		text('sunline'),
		Uint8Array.of(c.nodeLength),
		text(c.node),
		be(257, 2),
		new Uint8Array(32).fill(9),
		be(c.notBefore, 8),
		be(c.notAfter, 8),
		be(42, 4),
		c.more,
	);
	return concat(body, sodium.crypto_sign_detached(body, key));
}

test('a certificate says what was signed', () => {
	assert.deepEqual(openCert(cert(), signer.publicKey, NOW), {
		cluster: 'sunline',
		node: 'oslo1',
		addr: 257,
		noisePub: new Uint8Array(32).fill(9),
		notBefore: NOW - DAY,
		notAfter: NOW + DAY,
		serial: 42,
	});
});

test('a certificate of another signer is refused', () => {
	const other = sodium.crypto_sign_keypair();
	refuses('bad', () => openCert(cert({}, other.privateKey), signer.publicKey, NOW));
	refuses('bad', () => openCert(cert(), new Uint8Array(32), NOW));
});

test('a certificate outside its validity is stale', () => {
	openCert(cert(), signer.publicKey, NOW - DAY);
	openCert(cert(), signer.publicKey, NOW + DAY);
	refuses('stale', () => openCert(cert(), signer.publicKey, NOW - DAY - 1));
	refuses('stale', () => openCert(cert(), signer.publicKey, NOW + DAY + 1));
	refuses('stale', () => openCert(cert(), signer.publicKey, Number.NaN));
});

test('a malformed certificate is refused even when the cluster signed it', () => {
	const shapes: Partial<CertShape>[] = [
		{ magic: 'HLC2' },
		{ node: '' },
		{ node: 'Oslo1' },
		{ node: 'os<o1' },
		{ node: 'o'.repeat(32) },
		{ nodeLength: 250 },
		{ nodeLength: 4 },
		{ notAfter: NOW - 2 * DAY },
		{ notBefore: -1 },
		{ more: Uint8Array.of(0) },
	];
	for (const shape of shapes)
		refuses('bad', () => openCert(cert(shape), signer.publicKey, NOW), JSON.stringify(shape));
});

test('any single flipped bit, and any cut, of a certificate is refused', () => {
	const good = cert();
	for (let bit = 0; bit < good.length * 8; bit++)
		refuses('bad', () => openCert(flipped(good, bit), signer.publicKey, NOW), `bit ${bit}`);
	for (let n = 0; n < good.length; n++)
		refuses('bad', () => openCert(good.slice(0, n), signer.publicKey, NOW), `length ${n}`);
});

test('frames carry their type, and what is no frame is refused', () => {
	const frame = makeFrame(Frame.Data, text('body'));
	assert.deepEqual(readFrame(frame), { type: Frame.Data, body: text('body') });
	assert.deepEqual(readFrame(frame.slice().buffer as ArrayBuffer).body, text('body'));
	for (const junk of [[], [0], [6], [255, 1]])
		refuses('bad', () => readFrame(Uint8Array.from(junk)));
});
