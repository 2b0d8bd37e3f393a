// Noise_*_25519_ChaChaPoly_BLAKE2b, the twin of common/seal/noise.c: The Noise Protocol Framework,
// revision 34, section 5. Heliograph speaks IK; NK and XX are rows of the same table, so that every
// published vector runs against the code that IK uses.
import { Cipher, Session } from './session';
import {
	concat,
	dh,
	hash,
	HASH_LEN,
	KEY_LEN,
	MSG_MAX,
	newKeyPair,
	SealError,
	TAG_LEN,
	wipe,
	type KeyPair,
} from './sodium';

export type PatternName = 'IK' | 'NK' | 'XX';
type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss';

const PATTERNS: Record<PatternName, { responderKnown: boolean; messages: Token[][] }> = {
	IK: { responderKnown: true, messages: [['e', 'es', 's', 'ss'], ['e', 'ee', 'se']] },
	NK: { responderKnown: true, messages: [['e', 'es'], ['e', 'ee']] },
	XX: { responderKnown: false, messages: [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']] },
};

const BLAKE2B_BLOCK = 128;
const NOTHING = new Uint8Array(0);

/** HMAC (RFC 2104) over BLAKE2b; the key is always one hash long, so never longer than a block. */
function hmac(key: Uint8Array, ...data: Uint8Array[]): Uint8Array {
	const inner = new Uint8Array(BLAKE2B_BLOCK).fill(0x36);
	const outer = new Uint8Array(BLAKE2B_BLOCK).fill(0x5c);
	key.forEach((b, i) => {
		inner[i]! ^= b;
		outer[i]! ^= b;
	});
	const out = hash(outer, hash(inner, ...data));
	wipe(inner, outer);
	return out;
}

function hkdf(ck: Uint8Array, ikm: Uint8Array): [Uint8Array, Uint8Array] {
	const temp = hmac(ck, ikm);
	const first = hmac(temp, Uint8Array.of(1));
	const second = hmac(temp, first, Uint8Array.of(2));
	wipe(temp);
	return [first, second];
}

export interface HandshakeOptions {
	initiator: boolean;
	/** Own static key pair; absent only for an NK initiator. */
	own?: KeyPair;
	/** The responder's static key, for an initiator of IK or NK. */
	remoteStatic?: Uint8Array;
	prologue: Uint8Array;
	pattern?: PatternName;
	/** Tests only: in place of a random one. */
	ephemeral?: KeyPair;
}

/** One handshake; dead after its first refusal. When the last message has gone through, `session` is
 * there and the handshake is of no further use. */
export class Handshake {
	/** Set once the handshake is over. */
	session: Session | null = null;

	private h: Uint8Array;
	private ck: Uint8Array;
	private cipher: Cipher | null = null;
	private e: KeyPair | null = null;
	private rs: Uint8Array | null = null;
	private re: Uint8Array | null = null;
	private step = 0;
	private dead = false;
	private readonly messages: Token[][];

	constructor(private readonly options: HandshakeOptions) {
		const name = options.pattern ?? 'IK';
		const pattern = PATTERNS[name];
		this.messages = pattern.messages;
		this.h = new Uint8Array(HASH_LEN);
		this.h.set(new TextEncoder().encode(`Noise_${name}_25519_ChaChaPoly_BLAKE2b`));
		this.ck = this.h.slice();
		this.mixHash(options.prologue);
		if (!pattern.responderKnown) return;
		const responder = options.initiator ? options.remoteStatic : options.own?.pub;
		if (responder?.length !== KEY_LEN) throw new SealError('bad', 'no key of the responder');
		if (options.initiator) this.rs = responder;
		this.mixHash(responder);
	}

	/** The next handshake message, around payload. */
	write(payload: Uint8Array = NOTHING): Uint8Array {
		const tokens = this.turn(true);
		const extra = this.overhead(tokens);
		if (payload.length + extra > MSG_MAX) throw new SealError('size', 'message too long');
		return this.guarded(() => {
			const out: Uint8Array[] = [];
			for (const token of tokens) {
				if (token === 'e') {
					this.e = this.options.ephemeral ?? newKeyPair();
					this.mixHash(this.e.pub);
					out.push(this.e.pub);
				} else if (token === 's') {
					out.push(this.encryptAndHash(this.ownStatic().pub));
				} else {
					this.mixDh(token);
				}
			}
			out.push(this.encryptAndHash(payload));
			this.advance();
			return concat(...out);
		});
	}

	/** Reads the next message and returns its payload. */
	read(message: Uint8Array): Uint8Array {
		const tokens = this.turn(false);
		return this.guarded(() => {
			if (message.length < this.overhead(tokens) || message.length > MSG_MAX)
				throw new SealError('bad', 'this is no handshake message');
			let at = 0;
			const take = (n: number): Uint8Array => message.slice(at, (at += n));
			for (const token of tokens) {
				if (token === 'e') {
					this.re = take(KEY_LEN);
					this.mixHash(this.re);
				} else if (token === 's') {
					this.rs = this.decryptAndHash(take(KEY_LEN + (this.cipher ? TAG_LEN : 0)));
				} else {
					this.mixDh(token);
				}
			}
			const payload = this.decryptAndHash(message.slice(at));
			this.advance();
			return payload;
		});
	}

	/** Forgets all secrets. */
	close(): void {
		this.dead = true;
		this.cipher?.wipe();
		wipe(this.ck, this.h);
		if (this.e && !this.options.ephemeral) wipe(this.e.key);
	}

	private turn(writing: boolean): Token[] {
		const tokens = this.messages[this.step];
		const mine = this.options.initiator === (this.step % 2 === 0);
		if (this.dead || !tokens || mine !== writing)
			throw new SealError('turn', 'not the turn of this side');
		return tokens;
	}

	private guarded<T>(work: () => T): T {
		try {
			return work();
		} catch (e) {
			this.close();
			throw e;
		}
	}

	/** What a message adds to its payload, known from its tokens alone. */
	private overhead(tokens: Token[]): number {
		let hasKey = this.cipher !== null;
		let n = 0;
		for (const token of tokens) {
			if (token === 'e') n += KEY_LEN;
			else if (token === 's') n += KEY_LEN + (hasKey ? TAG_LEN : 0);
			else hasKey = true;
		}
		return n + (hasKey ? TAG_LEN : 0);
	}

	private ownStatic(): KeyPair {
		if (!this.options.own) throw new SealError('bad', 'this pattern needs a static key');
		return this.options.own;
	}

	private mixHash(data: Uint8Array): void {
		this.h = hash(this.h, data);
	}

	private mixKey(ikm: Uint8Array): void {
		const [ck, k] = hkdf(this.ck, ikm);
		wipe(this.ck);
		this.cipher?.wipe();
		this.ck = ck;
		this.cipher = new Cipher(k.slice(0, KEY_LEN));
		wipe(k);
	}

	/** The first letter of a token is the initiator's key, the second the responder's. */
	private mixDh(token: Token): void {
		const [mine, theirs] = this.options.initiator
			? [token[0], token[1]]
			: [token[1], token[0]];
		const own = mine === 'e' ? this.e : this.ownStatic();
		const peer = theirs === 'e' ? this.re : this.rs;
		if (!own || !peer) throw new SealError('bad', 'a key is missing');
		const shared = dh(own.key, peer);
		this.mixKey(shared);
		wipe(shared);
	}

	private encryptAndHash(plain: Uint8Array): Uint8Array {
		const out = this.cipher ? this.cipher.seal(this.h, plain) : plain.slice();
		this.mixHash(out);
		return out;
	}

	private decryptAndHash(wire: Uint8Array): Uint8Array {
		const out = this.cipher ? this.cipher.open(this.h, wire) : wire.slice();
		this.mixHash(wire);
		return out;
	}

	private advance(): void {
		if (++this.step < this.messages.length) return;
		const [k1, k2] = hkdf(this.ck, NOTHING).map((k) => new Cipher(k.slice(0, KEY_LEN)));
		const [tx, rx] = this.options.initiator ? [k1!, k2!] : [k2!, k1!];
		this.session = new Session(tx, rx, this.h.slice(), (this.rs ?? NOTHING).slice());
		this.close();
	}
}
