// The sealed link to a node: a WebSocket through any gateway, the handshake, and what keeps it alive.
//
//	idle ─open()─► connecting ─CERT, MSG1, MSG2─► sealed ─silence, close, refusal─► lost ─backoff─┐
//	                   ▲────────────────────────────────────────────────────────────────────────────┘
//
// It carries messages and knows nothing of their meaning. Who owns it says after `sealed` who he is.
import { MESSAGE_MAX, parseFromNode, type FromNode, type ToNode } from '../protocol';
import {
	Bye, Frame, Handshake, makeFrame, openCert, prologueFor, readFrame, SealError,
	type KeyPair, type Session,
} from '../seal';
import { backoffMs, doorFor, openMaxMs, probeMaxMs } from './backoff';

export type LinkPhase = 'idle' | 'connecting' | 'sealed' | 'lost';
export interface LinkEvents {
	/** retryMs: until the next try; 0: none is planned. */
	phase(phase: LinkPhase, attempt: number, retryMs: number): void;
	message(m: FromNode): void;
	rtt(ms: number): void;
	/** The node's certificate was refused: trying again would only hide it. The link is idle. */
	refused(why: string): void;
}
export interface LinkOptions {
	/** Addresses to try, the page's own first: ws(s)://host[:port]. */
	doors: string[];
	cluster: string;
	clusterPub: Uint8Array;
	device: KeyPair;
	/** The agent's home site, once known. */
	site: () => string;
	/** The node that holds our session, once there is one. Any node would take us in, but only this
	 * one has the call and the audio: the gateway is asked for it. */
	home: () => string;
	/** A call is in hand: what is lost is missed sooner. */
	talking: () => boolean;
	/** Our node does not answer on the audio leg either. */
	legDown: () => boolean;
	events: LinkEvents;
}

const PING_MS = 5000;        // PROTOCOL.md
/** In a talk: with the longest patience of probeMaxMs on a good line, controls are back in five seconds
 * (DESIGN §10) even when the gateway froze without a word. */
const PING_TALK_MS = 2000;
/** How long we insist on the node of our session while a gateway offers another, from its first offer
 * on. It gives us the one we ask for, if it knows it; one that has just come back, however long it was
 * away, hears of its nodes one after the other. A node that is dead must not cost more than this. */
const HOME_MAX_MS = 2000;
const HOME_RETRY_MS = 150;
/** When its leg is dead as well: a gateway may have lost it for this long and find it again. */
const HOME_DOWN_MS = 300;
/** Timers that come this late mean that the machine slept: the node has given the link up. */
const ASLEEP_MS = 20000;
const TICK_MS = 1000;

export class Link {
	phase: LinkPhase = 'idle';
	/** What the node said of itself in the handshake. */
	node = '';
	/** When a frame came last, on the page's monotonic clock. */
	heardAt = 0;
	private ws: WebSocket | null = null;
	private session: Session | null = null;
	private attempt = 0;
	private insistUntil: number | null = null; // null: no other node was offered yet
	private startedAt = 0;
	private pingAt = 0;
	private pings = new Map<number, number>();
	private pingN = 0;
	private probing: ReturnType<typeof setTimeout> | null = null;
	private torn = false; // what the probe is for: sound has stopped in a talk
	private rttMs = 0;
	/** Where a try begins: the door that opened last, or the next one when that was deaf. */
	private firstDoor = 0;
	private door = 0;
	private tickAt = 0;
	private ticker: ReturnType<typeof setInterval> | null = null;
	private retry: ReturnType<typeof setTimeout> | null = null;

	constructor(private readonly o: LinkOptions) {}

	/** Connects, and stays connected until close(). */
	open(): void {
		if (this.phase === 'connecting' || this.phase === 'sealed') return;
		this.attempt = 0;
		this.insistUntil = null;
		this.connect();
	}

	close(): void {
		this.drop();
		this.say('idle', 0);
	}

	/** Gives the present connection up and makes a new one at once. */
	renew(): void {
		if (this.phase === 'idle') return;
		this.drop();
		this.attempt = 0;
		this.insistUntil = null;
		this.connect();
	}

	/** The line may be back, or another one (online, tab shown): do not wait for the timers. anew: what
	 * was begun before went into the line that is gone. */
	hurry(anew = false): void {
		if (anew) this.attempt = 0;
		if ((this.phase === 'lost' && this.retry) || (this.phase === 'connecting' && anew)) this.connect();
		else this.probe();
	}

	/** Is it still there? Told by a ping of its own, instead of by the long silence. torn: a talk's sound
	 * stands still, so it is left sooner; and then for any node, as ours is gone if its gateway is not. */
	probe(torn = false): void {
		if (this.phase !== 'sealed' || (this.probing && (this.torn || !torn))) return;
		this.answered();
		this.torn = torn;
		this.probing = setTimeout(() => this.deaf(), probeMaxMs(this.rttMs, torn));
		this.ping();
	}

	private answered(): void {
		if (this.probing) clearTimeout(this.probing);
		this.probing = null;
	}

	private deaf(): void {
		const { torn } = this;
		this.firstDoor = (this.door + 1) % Math.max(1, this.o.doors.length);
		this.lost();
		if (torn) this.insistUntil = 0;
	}

	/** False: there is no sealed session, and nothing was sent. */
	send(message: ToNode): boolean {
		const ws = this.ws;
		if (!this.session || !ws || ws.readyState !== WebSocket.OPEN) return false;
		const bytes = new TextEncoder().encode(JSON.stringify(message));
		if (bytes.length > MESSAGE_MAX) return false;
		ws.send(makeFrame(Frame.Data, this.session.encrypt(bytes)));
		return true;
	}

	private connect(): void {
		this.drop();
		const doors = this.o.doors.length;
		this.door = (this.firstDoor + doorFor(this.attempt, doors)) % Math.max(1, doors);
		const door = this.o.doors[this.door] ?? '';
		const query = new URLSearchParams();
		if (this.o.site()) query.set('site', this.o.site());
		if (this.o.home()) query.set('node', this.o.home());
		this.say('connecting', 0);
		this.startedAt = this.tickAt = Date.now();
		this.ticker = setInterval(() => this.tick(), TICK_MS);
		let ws: WebSocket;
		try {
			ws = new WebSocket(
				`${door}/desk${query.size ? `?${query.toString()}` : ''}`, 'heliograph.1');
		} catch {
			this.lost();
			return;
		}
		this.ws = ws;
		ws.binaryType = 'arraybuffer';
		let handshake: Handshake | null = null;
		ws.onmessage = (event: MessageEvent<unknown>) => {
			if (ws !== this.ws || !(event.data instanceof ArrayBuffer)) return;
			this.answered();
			this.heardAt = performance.now();
			try {
				handshake = this.onFrame(new Uint8Array(event.data), handshake);
			} catch (e) {
				// Tampered, truncated, out of order: this session is over, a new one is made.
				if (!(e instanceof SealError)) throw e;
				if (e.fault === 'stale' || (this.phase === 'connecting' && !handshake)) {
					this.close();
					this.o.events.refused(e.message);
				} else {
					this.lost();
				}
			}
		};
		ws.onclose = () => {
			if (ws === this.ws) this.lost();
		};
	}

	private onFrame(data: Uint8Array, handshake: Handshake | null): Handshake | null {
		const { type, body } = readFrame(data);
		switch (type) {
		case Frame.Cert: {
			if (handshake || this.session) throw new SealError('turn', 'a second certificate');
			const cert = openCert(body, this.o.clusterPub, Date.now() / 1000);
			if (cert.cluster !== this.o.cluster)
				throw new SealError('bad', 'the certificate is of another cluster');
			const home = this.o.home();
			if (home && cert.node !== home) {
				this.insistUntil ??= Date.now() + HOME_MAX_MS;
				if (this.o.legDown())
					this.insistUntil = Math.min(this.insistUntil, Date.now() + HOME_DOWN_MS);
				if (Date.now() < this.insistUntil) {
					this.again(HOME_RETRY_MS);
					return null;
				}
			}
			const hs = new Handshake({
				initiator: true, own: this.o.device, remoteStatic: cert.noisePub,
				prologue: prologueFor(body),
			});
			this.ws?.send(makeFrame(Frame.Msg1, hs.write(new TextEncoder().encode('{"v":1}'))));
			this.node = cert.node;
			return hs;
		}
		case Frame.Msg2:
			if (!handshake) throw new SealError('turn', 'no handshake goes on');
			handshake.read(body);
			this.session = handshake.session;
			this.attempt = 0;
			this.firstDoor = this.door;
			this.say('sealed', 0);
			this.ping(); // how far the node is, from the first second on
			return null;
		case Frame.Data: {
			if (!this.session) throw new SealError('turn', 'nothing is sealed yet');
			const m = parseFromNode(new TextDecoder().decode(this.session.decrypt(body)));
			if (m?.t === 'pong') this.onPong(m.n);
			else if (m) this.o.events.message(m);
			return handshake;
		}
		case Frame.Bye:
			// A hint by the gateway, which cannot be trusted with more than "try again".
			if (body[0] === Bye.NoNode || body[0] === Bye.Limit) this.attempt++;
			this.lost();
			if (body[0] === Bye.NodeLost) this.insistUntil = 0; // it is gone: any other, at once
			return null;
		default:
			throw new SealError('turn', 'not for this side');
		}
	}

	private onPong(n: number): void {
		const sentAt = this.pings.get(n);
		if (sentAt === undefined) return;
		this.pings.clear();
		this.rttMs = Math.max(0, Math.round(performance.now() - sentAt));
		this.o.events.rtt(this.rttMs);
	}

	private tick(): void {
		const now = Date.now();
		const slept = now - this.tickAt > ASLEEP_MS;
		this.tickAt = now;
		if (this.phase === 'connecting') {
			const opened = this.ws?.readyState === WebSocket.OPEN;
			if (now - this.startedAt <= openMaxMs(this.attempt, this.o.doors.length, opened)) return;
			if (!opened) this.attempt = Math.max(this.attempt, 1); // not the same door again
			this.lost();
			return;
		}
		if (this.phase !== 'sealed') return;
		if (slept) this.lost();
		else if (now - this.pingAt >= (this.o.talking() ? PING_TALK_MS : PING_MS) - TICK_MS / 2) this.probe();
	}

	private ping(): void {
		this.pingAt = Date.now();
		this.pings.set(++this.pingN, performance.now());
		this.send({ t: 'ping', n: this.pingN });
	}

	private lost(): void {
		if (this.phase === 'sealed') this.insistUntil = null;
		this.again(backoffMs(this.attempt++, Math.random()));
	}

	private again(wait: number): void {
		this.drop();
		this.retry = setTimeout(() => this.connect(), wait);
		this.say('lost', wait);
	}

	private drop(): void {
		if (this.retry) clearTimeout(this.retry);
		if (this.ticker) clearInterval(this.ticker);
		this.retry = this.ticker = null;
		this.answered();
		this.pings.clear();
		this.session?.close();
		this.session = null;
		const ws = this.ws;
		this.ws = null;
		if (ws) {
			ws.onmessage = ws.onclose = null;
			ws.close();
		}
	}

	private say(phase: LinkPhase, retryMs: number): void {
		this.phase = phase;
		this.o.events.phase(phase, this.attempt, retryMs);
	}
}
