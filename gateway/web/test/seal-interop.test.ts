// The browser's end of a session with the node's: TypeScript here, C behind a pipe (seal_echo).
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { Handshake, newKeyPair, openCert, prologueFor, sealReady, type Session } from '../src/seal';
import { concat } from '../src/seal/sodium';

await sealReady();

const echo = process.env.SEAL_ECHO;
const options = { skip: echo ? false : 'SEAL_ECHO names no program: ctest sets it', timeout: 20_000 };
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** Items of a be16 length and that many bytes, both ways. */
class Pipe {
	private readonly child: ChildProcessWithoutNullStreams;
	private buffer = new Uint8Array(0);
	private wake: () => void = () => {};
	readonly exit: Promise<number | null>;

	constructor(program: string, t: TestContext) {
		this.child = spawn(program);
		t.after(() => this.child.kill());
		this.exit = new Promise((resolve) => this.child.on('exit', (code) => resolve(code)));
		this.child.stdin.on('error', () => {}); // it may have refused us and gone
		this.child.stdout.on('data', (chunk: Uint8Array) => {
			this.buffer = new Uint8Array(concat(this.buffer, chunk));
			this.wake();
		});
	}

	give(bytes: Uint8Array): void {
		this.child.stdin.write(concat(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes));
	}

	async take(): Promise<Uint8Array> {
		for (;;) {
			const n = (this.buffer[0] ?? 0) * 256 + (this.buffer[1] ?? 0);
			if (this.buffer.length >= 2 && this.buffer.length >= 2 + n) {
				const item = this.buffer.slice(2, 2 + n);
				this.buffer = this.buffer.slice(2 + n);
				return item;
			}
			await new Promise<void>((resolve) => (this.wake = resolve));
		}
	}

	end(): Promise<number | null> {
		this.child.stdin.end();
		return this.exit;
	}
}

async function greet(pipe: Pipe): Promise<Handshake> {
	const clusterPub = await pipe.take();
	const certBytes = await pipe.take();
	const cert = openCert(certBytes, clusterPub, Date.now() / 1000);
	assert.equal(cert.node, 'oslo1');
	assert.equal(cert.addr, 257);
	return new Handshake({
		initiator: true,
		own: newKeyPair(),
		remoteStatic: cert.noisePub,
		prologue: prologueFor(certBytes),
	});
}

async function connect(pipe: Pipe): Promise<Session> {
	const handshake = await greet(pipe);
	pipe.give(handshake.write(text('{"v":1}')));
	assert.deepEqual(handshake.read(await pipe.take()), text('{"v":1}'));
	return handshake.session!;
}

test('browser and node understand each other, frame after frame', options, async (t) => {
	const pipe = new Pipe(echo!, t);
	const session = await connect(pipe);
	const longest = 65535 - 16;
	for (const length of [0, 1, 63, 64, 65, 1000, 16384, longest, ...Array(300).fill(20)]) {
		const plain = new Uint8Array(length).map((_, i) => (i * 7 + length) & 255);
		pipe.give(session.encrypt(plain));
		assert.deepEqual(session.decrypt(await pipe.take()), plain);
	}
	assert.equal(await pipe.end(), 0);
});

test('the node refuses a message 1 that was touched', options, async (t) => {
	const pipe = new Pipe(echo!, t);
	const msg = (await greet(pipe)).write(text('{"v":1}'));
	msg[40]! ^= 1;
	pipe.give(msg);
	assert.equal(await pipe.exit, 3);
});

test('the node refuses a frame that was replayed', options, async (t) => {
	const pipe = new Pipe(echo!, t);
	const session = await connect(pipe);
	const frame = session.encrypt(text('once'));
	pipe.give(frame);
	await pipe.take();
	pipe.give(frame);
	assert.equal(await pipe.exit, 3);
});

test('the node refuses a frame that overtook another', options, async (t) => {
	const pipe = new Pipe(echo!, t);
	const session = await connect(pipe);
	session.encrypt(text('lost on the way'));
	pipe.give(session.encrypt(text('second')));
	assert.equal(await pipe.exit, 3);
});
