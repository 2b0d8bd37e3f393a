// The sealed session in the browser: the twin of common/seal. Await sealReady() first.
export { openCert, type Cert } from './cert';
export { deviceKey, forgetDevice } from './device';
export { Bye, Frame, makeFrame, prologueFor, readFrame, type FrameType } from './frame';
export { Handshake, type HandshakeOptions } from './noise';
export { Session } from './session';
export {
	equal,
	fromHex,
	keyPairOf,
	newKeyPair,
	SealError,
	sealReady,
	toHex,
	type KeyPair,
	type SealFault,
} from './sodium';
