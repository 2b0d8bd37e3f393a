// A gateway and a node in one small process, for the page's states: serves the built page under the
// gateway's CSP, speaks the true sealed protocol as Noise responder, and does what a script says
// (`say`, `on`). It decides nothing by itself: the real node's behaviour is tested in tests/e2e.
import { createServer } from 'node:http';
import { EventEmitter } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { PATIENCE_MS } from '../lib/cluster.mjs';
import { loadSeal, requireWeb, webRoot } from './seal.mjs';

export const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
	+ "img-src 'self' data:; connect-src 'self' ws: wss:; media-src 'self' blob:; "
	+ "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const MIME = {
	'.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
	'.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json', '.wasm': 'application/wasm',
};

/** "HLC1" | len8 cluster | len8 node | addr | pub | nbf | exp | serial | signature (seal.h) */
function certificate(sodium, signKey, cluster, node, noisePub, nowS) {
	const name = (s) => Buffer.concat([Buffer.from([s.length]), Buffer.from(s)]);
	const tail = Buffer.alloc(2 + 32 + 8 + 8 + 4);
	tail.writeUInt16BE(0x0201, 0);
	Buffer.from(noisePub).copy(tail, 2);
	tail.writeBigInt64BE(BigInt(nowS - 3600), 34);
	tail.writeBigInt64BE(BigInt(nowS + 86400), 42);
	tail.writeUInt32BE(1, 50);
	const body = Buffer.concat([Buffer.from('HLC1'), name(cluster), name(node), tail]);
	return Buffer.concat([body, sodium.crypto_sign_detached(body, signKey)]);
}

/** Events: `message` (m), `link` (open), `cert` (one was shown), `raw` (bytes as they crossed the wire, either way). */
export class FakeDesk extends EventEmitter {
	cluster = 'sunline';
	site = 'manila';
	node = 'manila1';
	received = [];
	links = 0;
	#ws = null;
	#session = null;

	static async start(port, host = '127.0.0.1') {
		const desk = new FakeDesk();
		const { seal, sodium, out } = await loadSeal();
		desk.seal = seal;
		desk.sodium = sodium;
		desk.out = out;
		desk.sign = sodium.crypto_sign_keypair();
		desk.noise = seal.newKeyPair();
		desk.server = createServer((req, res) => desk.#serve(req, res));
		const { WebSocketServer } = requireWeb('ws');
		desk.wss = new WebSocketServer({
			server: desk.server, path: '/desk', maxPayload: 65536,
			handleProtocols: (offered) => (offered.has('heliograph.1') ? 'heliograph.1' : false),
		});
		desk.wss.on('connection', (ws) => desk.#accept(ws));
		await new Promise((resolve, reject) => {
			desk.server.once('error', reject);
			desk.server.listen(port, host, resolve);
		});
		desk.url = `http://${host}:${desk.server.address().port}`;
		return desk;
	}

	/** Sends a message, sealed, to the page that is connected now. */
	say(m) {
		if (!this.#session) throw new Error(`no page is connected to hear ${m.t}`);
		this.#frame(this.seal.Frame.Data, this.#session.encrypt(Buffer.from(JSON.stringify(m))));
	}

	/** The next message of this type, or one that has come since `clear()`. */
	async heard(type, timeoutMs = PATIENCE_MS) {
		const at = this.received.findIndex((m) => m.t === type);
		if (at >= 0) return this.received.splice(at, 1)[0];
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.off('message', on);
				reject(new Error(`the page did not send ${type} within ${timeoutMs} ms`));
			}, timeoutMs);
			const on = (m) => {
				if (m.t !== type) return;
				clearTimeout(timer);
				this.off('message', on);
				this.received.splice(this.received.indexOf(m), 1);
				resolve(m);
			};
			this.on('message', on);
		});
	}

	clear() {
		this.received = [];
	}

	/** A page is connected, and its session is sealed. */
	get open() {
		return this.#session !== null;
	}

	/** The gateway dies, or the line drops. */
	cut() {
		this.#ws?.terminate();
	}

	/** A rebuilt cluster: another signing key at the same address. */
	newKey() {
		this.sign = this.sodium.crypto_sign_keypair();
	}

	async stop() {
		for (const ws of this.wss.clients) ws.terminate();
		this.wss.close();
		this.server.closeAllConnections?.();
		await new Promise((resolve) => this.server.close(resolve));
	}

	#frame(type, body) {
		const bytes = Buffer.from(this.seal.makeFrame(type, body));
		this.emit('raw', bytes);
		this.#ws?.send(bytes);
	}

	#accept(ws) {
		const { Frame, Handshake, prologueFor, readFrame } = this.seal;
		const cert = certificate(this.sodium, (this.certSign ?? this.sign).privateKey, this.cluster,
			this.node, this.noise.pub, Math.floor(Date.now() / 1000));
		const hs = new Handshake({ initiator: false, own: this.noise, prologue: prologueFor(cert) });
		this.#ws = ws;
		this.#session = null;
		this.links++;
		ws.on('message', (data) => {
			if (ws !== this.#ws) return;
			this.emit('raw', data);
			const { type, body } = readFrame(data);
			if (type === Frame.Msg1) {
				hs.read(body);
				const hello = { v: 1, node: this.node, site: this.site, cluster: this.cluster };
				this.#frame(Frame.Msg2, hs.write(Buffer.from(JSON.stringify(hello))));
				this.#session = hs.session;
				this.emit('link', true);
			} else if (type === Frame.Data && this.#session) {
				const m = JSON.parse(Buffer.from(this.#session.decrypt(body)).toString());
				if (m.t === 'ping') {
					this.say({ t: 'pong', n: m.n });
					return;
				}
				this.received.push(m);
				this.emit('message', m);
			}
		});
		ws.on('close', () => {
			if (ws !== this.#ws) return;
			this.#ws = this.#session = null;
			this.emit('link', false);
		});
		this.#frame(Frame.Cert, cert);
		this.emit('cert');
	}

	#serve(req, res) {
		const path = new URL(req.url, 'http://x').pathname;
		res.setHeader('Content-Security-Policy', CSP);
		res.setHeader('X-Content-Type-Options', 'nosniff');
		if (path === '/cluster.json') {
			res.setHeader('Content-Type', 'application/json');
			res.end(JSON.stringify({
				cluster: this.cluster, sign_pub: this.seal.toHex(this.sign.publicKey), site: this.site,
				sites: [{ name: 'oslo', number: 1 }, { name: 'manila', number: 2 }],
			}));
			return;
		}
		const file = normalize(join(webRoot, 'dist', path === '/' ? 'index.html' : path));
		if (!file.startsWith(join(webRoot, 'dist')) || !existsSync(file)) {
			res.statusCode = 404;
			res.end();
			return;
		}
		res.setHeader('Content-Type', MIME[extname(file)] ?? 'application/octet-stream');
		res.end(readFileSync(file));
	}
}
