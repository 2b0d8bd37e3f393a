// The node's end of the audio leg, in a page of the same browser: a real RTCPeerConnection that sends
// a tone and counts what it hears. It stands where the node's ICE-lite leg stands.

import { PATIENCE_MS } from '../lib/cluster.mjs';

/* global RTCPeerConnection, AudioContext, navigator, window */
export class Peer {
	constructor(page) {
		this.page = page;
	}

	static async open(context) {
		return new Peer(await context.newPage());
	}

	/** A new leg; the older one ends. Returns the offer. */
	offer() {
		return this.page.evaluate(async () => {
			window.pc?.close();
			const pc = new RTCPeerConnection();
			window.pc = pc;
			const context = new AudioContext();
			const tone = context.createOscillator();
			const out = context.createMediaStreamDestination();
			tone.frequency.value = 440;
			tone.connect(out);
			tone.start();
			pc.addTrack(out.stream.getAudioTracks()[0], out.stream);
			await pc.setLocalDescription(await pc.createOffer());
			if (pc.iceGatheringState !== 'complete') {
				await new Promise((resolve) => {
					pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
				});
			}
			return pc.localDescription.sdp;
		});
	}

	answer(sdp) {
		return this.page.evaluate((s) => window.pc.setRemoteDescription({ type: 'answer', sdp: s }), sdp);
	}

	connected(timeoutMs = PATIENCE_MS) {
		return this.page.evaluate((ms) => new Promise((resolve, reject) => {
			const { pc } = window;
			const look = () => pc.connectionState === 'connected' && resolve();
			pc.onconnectionstatechange = look;
			setTimeout(() => reject(new Error(`the leg is ${pc.connectionState}`)), ms);
			look();
		}), timeoutMs);
	}

	/** Packets of the agent's microphone that have arrived. */
	heard() {
		return this.page.evaluate(async () => {
			let n = 0;
			(await window.pc.getStats()).forEach((s) => {
				if (s.type === 'inbound-rtp') n += s.packetsReceived;
			});
			return n;
		});
	}
}
