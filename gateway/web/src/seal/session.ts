// A finished session: one cipher each way. Nonces are implicit counters, so a frame that was replayed,
// reordered, dropped or touched does not open; and then the session is over.
import { aeadOpen, aeadSeal, MSG_MAX, SealError, TAG_LEN, wipe } from './sodium';

const NONCE_RESERVED = 2n ** 64n - 1n; // by the Noise specification
const NO_AD = new Uint8Array(0);

/** Noise CipherState: four zero bytes and a little-endian counter make the nonce. */
export class Cipher {
	private n = 0n;
	private readonly nonce = new Uint8Array(12);

	constructor(private readonly key: Uint8Array) {}

	private nextNonce(): Uint8Array {
		if (this.n >= NONCE_RESERVED) throw new SealError('spent', 'no nonces left');
		new DataView(this.nonce.buffer).setBigUint64(4, this.n, true);
		return this.nonce;
	}

	seal(ad: Uint8Array, plain: Uint8Array): Uint8Array {
		const out = aeadSeal(this.key, this.nextNonce(), ad, plain);
		this.n++;
		return out;
	}

	open(ad: Uint8Array, sealed: Uint8Array): Uint8Array {
		const out = aeadOpen(this.key, this.nextNonce(), ad, sealed);
		if (out === null) throw new SealError('bad', 'this does not open');
		this.n++;
		return out;
	}

	wipe(): void {
		wipe(this.key);
	}
}

export class Session {
	private closed = false;

	/** hash: channel binding. peer: the other side's static key. */
	constructor(
		private readonly tx: Cipher,
		private readonly rx: Cipher,
		readonly hash: Uint8Array,
		readonly peer: Uint8Array,
	) {}

	encrypt(plain: Uint8Array): Uint8Array {
		if (this.closed) throw new SealError('closed', 'this session has ended');
		if (plain.length > MSG_MAX - TAG_LEN) throw new SealError('size', 'message too long');
		return this.tx.seal(NO_AD, plain);
	}

	/** After one refusal the session opens nothing more: make a new one. */
	decrypt(sealed: Uint8Array): Uint8Array {
		if (this.closed) throw new SealError('closed', 'this session has ended');
		try {
			if (sealed.length > MSG_MAX) throw new SealError('bad', 'frame too long');
			return this.rx.open(NO_AD, sealed);
		} catch (e) {
			this.close();
			throw e;
		}
	}

	close(): void {
		this.closed = true;
		this.tx.wipe();
		this.rx.wipe();
	}
}
