// The nailed-up audio leg to the node: answers the node's offer, plays what comes, sends the
// microphone. It is answered at once and with or without a microphone (a sender without a track
// sends nothing), so that the leg tells the truth about the line only; devices change later by
// replaceTrack, without a word to the node.
import type { LegStatus } from '../state';
import type { Vital } from './path';

export interface LegEvents {
	status(status: LegStatus, why: string): void;
	/** The node's end is silent: for good, or for seconds. */
	doubt(): void;
	/** The browser refused to play until somebody clicks. */
	blocked(on: boolean): void;
}
export interface LegFigures {
	lossPermille: number;
	jitterMs: number;
	rttMs: number;
	packets: number; // heard on this leg so far
}

export interface LegCounters {
	sent: number;
	sentLost: number;
	received: number;
	lost: number;
	jitterMs: number;
	rttMs: number; // -1: not known
	reports: number;
}

type SinkAudio = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

export class Leg {
	private pc: RTCPeerConnection | null = null;
	private sender: RTCRtpSender | null = null;
	private track: MediaStreamTrack | null = null;
	private readonly audio: SinkAudio = new Audio();
	private last = { received: 0, lost: 0 };

	constructor(private readonly events: LegEvents) {
		this.audio.autoplay = true;
	}

	/** True while the connection made for the last offer still carries audio. */
	get up(): boolean {
		return this.pc?.connectionState === 'connected';
	}

	/** Makes a new connection for the node's offer; returns the answer's SDP. The older one ends. */
	async answer(offer: string): Promise<string> {
		this.close();
		const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
		this.pc = pc;
		this.last = { received: 0, lost: 0 };
		pc.ontrack = (event) => {
			this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
			void this.play();
		};
		pc.onconnectionstatechange = () => {
			if (pc !== this.pc) return;
			// "disconnected" may mend by itself within seconds; "failed" does not.
			if (pc.connectionState === 'connected') this.events.status('up', '');
			else if (pc.connectionState === 'failed') this.events.status('down', 'ice');
			else if (pc.connectionState === 'disconnected') this.events.doubt();
		};
		await pc.setRemoteDescription({ type: 'offer', sdp: offer });
		const transceiver = pc.getTransceivers()[0];
		if (!transceiver) throw new Error('the offer has no audio');
		transceiver.direction = 'sendrecv';
		this.sender = transceiver.sender;
		await this.sender.replaceTrack(this.track);
		await pc.setLocalDescription(await pc.createAnswer());
		// The node is ICE-lite: it learns our address from our checks and needs no candidates.
		return pc.localDescription?.sdp ?? '';
	}

	async setTrack(track: MediaStreamTrack | null): Promise<void> {
		this.track = track;
		await this.sender?.replaceTrack(track).catch(() => undefined);
	}

	async setSpeaker(deviceId: string): Promise<void> {
		await this.audio.setSinkId?.(deviceId).catch(() => this.audio.setSinkId?.(''));
	}

	async play(): Promise<void> {
		try {
			await this.audio.play();
			this.events.blocked(false);
		} catch (e) {
			if (e instanceof DOMException && e.name === 'NotAllowedError') this.events.blocked(true);
		}
	}

	/** What this leg has heard so far; null: it is not up. */
	async vital(): Promise<Vital | null> {
		const pc = this.pc;
		const receiver = pc?.getReceivers()[0];
		if (!receiver || pc?.connectionState === 'connecting' || pc?.connectionState === 'new') return null;
		const out: Vital = { packets: 0, asked: 0, answers: 0 };
		(await receiver.getStats()).forEach((entry: Record<string, unknown>) => {
			const n = (key: string): number => (typeof entry[key] === 'number' ? entry[key] : 0);
			if (entry.type === 'inbound-rtp') out.packets += n('packetsReceived');
			if (entry.type !== 'candidate-pair') return;
			out.asked += n('requestsSent') + n('consentRequestsSent');
			out.answers += n('responsesReceived');
		});
		return out;
	}

	/** What arrives here, since the last time it was asked; null: no connection. */
	async figures(): Promise<LegFigures | null> {
		if (!this.pc) return null;
		const out: LegFigures = { lossPermille: 0, jitterMs: 0, rttMs: 0, packets: 0 };
		const report = await this.pc.getStats();
		report.forEach((entry: Record<string, unknown>) => {
			const n = (key: string): number => (typeof entry[key] === 'number' ? entry[key] : 0);
			if (entry.type === 'inbound-rtp') {
				const received = n('packetsReceived') - this.last.received;
				const lost = Math.max(0, n('packetsLost') - this.last.lost);
				this.last = { received: n('packetsReceived'), lost: n('packetsLost') };
				if (received + lost > 0)
					out.lossPermille = Math.round((1000 * lost) / (received + lost));
				out.packets = this.last.received;
				out.jitterMs = Math.round(n('jitter') * 1000);
			} else if (entry.type === 'candidate-pair' && entry.nominated === true) {
				// Up, never to 0: that would say it is not known.
				out.rttMs = Math.ceil(n('currentRoundTripTime') * 1000);
			}
		});
		return out;
	}

	/** Counters since the leg began, of both ways; null: no connection. What the far end hears of us
	 * comes in its reports, every few seconds; an idle line has nothing to say of the other way. */
	async counters(): Promise<LegCounters | null> {
		if (!this.pc) return null;
		const out: LegCounters = { sent: 0, sentLost: 0, received: 0, lost: 0, jitterMs: 0, rttMs: -1, reports: 0 };
		const report = await this.pc.getStats();
		report.forEach((entry: Record<string, unknown>) => {
			const n = (key: string): number => (typeof entry[key] === 'number' ? entry[key] : 0);
			switch (entry.type) {
			case 'outbound-rtp':
				out.sent = n('packetsSent');
				break;
			case 'remote-inbound-rtp':
				out.sentLost = n('packetsLost');
				out.jitterMs = Math.max(out.jitterMs, n('jitter') * 1000);
				out.reports = n('roundTripTimeMeasurements');
				break;
			case 'inbound-rtp':
				out.received = n('packetsReceived');
				out.lost = n('packetsLost');
				if (out.received) out.jitterMs = Math.max(out.jitterMs, n('jitter') * 1000);
				break;
			case 'candidate-pair':
				if (entry.nominated === true && typeof entry.currentRoundTripTime === 'number')
					out.rttMs = n('currentRoundTripTime') * 1000;
				break;
			}
		});
		return out;
	}

	close(): void {
		const pc = this.pc;
		this.pc = null;
		this.sender = null;
		this.audio.srcObject = null;
		if (pc) {
			pc.ontrack = pc.onconnectionstatechange = null;
			pc.close();
		}
	}
}
