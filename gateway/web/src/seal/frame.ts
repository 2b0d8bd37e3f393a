// One WebSocket message = one type byte and a body (enum seal_frame in common/seal/seal.h).
import { concat, SealError } from './sodium';

export const Frame = {
	Cert: 1, // gateway -> browser: a node's certificate; answer with Msg1
	Msg1: 2, // browser -> node: Noise message 1; no side effects
	Msg2: 3, // node -> browser: Noise message 2
	Data: 4, // either way: a sealed application message
	Bye: 5, // gateway -> browser, plain: one byte says why
} as const;
export type FrameType = (typeof Frame)[keyof typeof Frame];

/** The byte of a Bye frame. Not sealed: a hint from the gateway, never more. */
export const Bye = { NodeLost: 1, NoNode: 2, Limit: 3 } as const;

export const PROLOGUE = 'heliograph/1 desk';

/** Binds the handshake to the certificate that was shown: a gateway cannot show one and use another. */
export function prologueFor(certBytes: Uint8Array): Uint8Array {
	return concat(new TextEncoder().encode(PROLOGUE), certBytes);
}

export function makeFrame(type: FrameType, body: Uint8Array): Uint8Array {
	return concat(Uint8Array.of(type), body);
}

/** Throws SealError `bad` for what is no frame. */
export function readFrame(data: ArrayBuffer | Uint8Array): { type: FrameType; body: Uint8Array } {
	const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
	const type = bytes[0];
	if (type === undefined || type < Frame.Cert || type > Frame.Bye)
		throw new SealError('bad', 'this is no frame');
	return { type: type as FrameType, body: bytes.subarray(1) };
}
