// A node's certificate, the twin of common/seal/cert.c:
// "HLC1" | len8 cluster | len8 node | addr be16 | pub 32 | nbf be64 | exp be64 | serial be32 | sig 64
import { KEY_LEN, SealError, verify } from './sodium';

export interface Cert {
	cluster: string;
	node: string;
	addr: number;
	noisePub: Uint8Array;
	notBefore: number; // seconds since 1970
	notAfter: number;
	serial: number;
}

export const CERT_LEN_MAX = 256;
const MAGIC = [0x48, 0x4c, 0x43, 0x31];
const SIG_LEN = 64;
const FIXED_LEN = 2 + KEY_LEN + 8 + 8 + 4;
const INT64_MAX = 2n ** 63n - 1n;

function bad(what: string): never {
	throw new SealError('bad', what);
}

/** Throws SealError: `bad` when malformed or not signed by clusterPub, `stale` outside its validity. */
export function openCert(bytes: Uint8Array, clusterPub: Uint8Array, nowSeconds: number): Cert {
	if (clusterPub.length !== KEY_LEN) bad('the pinned cluster key is no key');
	if (bytes.length > CERT_LEN_MAX || bytes.length < MAGIC.length + SIG_LEN)
		bad('this is no certificate');
	if (MAGIC.some((b, i) => bytes[i] !== b)) bad('this is no certificate');

	// The signature first: nothing is parsed that the cluster did not write.
	const body = bytes.subarray(0, bytes.length - SIG_LEN);
	if (!verify(bytes.subarray(body.length), body, clusterPub))
		bad('this node is not signed by the cluster');

	let at = MAGIC.length;
	const name = (): string => {
		const n = body[at++] ?? bad('truncated certificate');
		const text = String.fromCharCode(...body.subarray(at, at + n));
		at += n;
		if (at > body.length || n > 31 || !/^[a-z][a-z0-9-]*$/.test(text))
			bad('a name in the certificate is none');
		return text;
	};
	const cluster = name();
	const node = name();
	if (body.length - at !== FIXED_LEN) bad('the certificate has the wrong length');

	const view = new DataView(body.buffer, body.byteOffset + at, FIXED_LEN);
	const times = 2 + KEY_LEN;
	const notBefore = view.getBigUint64(times);
	const notAfter = view.getBigUint64(times + 8);
	if (notBefore > INT64_MAX || notAfter > INT64_MAX || notAfter < notBefore)
		bad('the validity of the certificate is none');
	const cert: Cert = {
		cluster,
		node,
		addr: view.getUint16(0),
		noisePub: body.slice(at + 2, at + 2 + KEY_LEN),
		notBefore: Number(notBefore),
		notAfter: Number(notAfter),
		serial: view.getUint32(times + 16),
	};
	// Negated, so that NaN is refused as well.
	if (!(nowSeconds >= cert.notBefore && nowSeconds <= cert.notAfter))
		throw new SealError('stale', `the certificate of ${node} is outside its validity`);
	return cert;
}
