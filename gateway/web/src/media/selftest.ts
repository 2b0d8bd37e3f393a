// The test before the first call: a few seconds of the microphone, played back to the person, and
// what the line to the node does meanwhile. Nothing of it leaves this machine but what the leg sends
// anyway.
import type { LineFigures } from '../derive';
import type { LegCounters } from './leg';

export const RECORD_MS = 4000;
export type VoiceVerdict = 'good' | 'quiet' | 'loud' | 'silent';

const CLIPPED = 0.995;
/** Now and then a sample at the rim is the browser's gain control at work, and not heard. */
const CLIPPED_SHARE = 0.25;

/** From the loudest sample of each look: speech into a headset peaks between 0.05 and 0.9. */
export function voiceVerdict(peaks: readonly number[]): VoiceVerdict {
	const peak = Math.max(0, ...peaks);
	if (peak < 0.004) return 'silent';
	if (peak < 0.03) return 'quiet';
	return peaks.filter((p) => p >= CLIPPED).length > CLIPPED_SHARE * peaks.length ? 'loud' : 'good';
}

/** What happened to the line between two looks at its counters. */
export function lineBetween(from: LegCounters, to: LegCounters, linkRttMs: number): LineFigures {
	const share = (lost: number, whole: number): number =>
		(whole > 0 ? Math.min(1000, Math.max(0, Math.round((1000 * lost) / whole))) : 0);
	const lost = Math.max(0, to.lost - from.lost);
	return {
		rttMs: to.rttMs >= 0 ? Math.max(1, Math.round(to.rttMs)) : linkRttMs,
		lossPermille: Math.max(
			share(to.sentLost - from.sentLost, to.sent - from.sent),
			share(lost, to.received - from.received + lost)),
		jitterMs: Math.round(to.jitterMs),
	};
}

type SinkAudio = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

/** One recording and its playback. cancel() ends either at once; then the promises are rejected. */
export class VoiceTest {
	private audio: SinkAudio | null = null;
	private url = '';
	private over: (() => void) | null = null;

	async record(stream: MediaStream, ms = RECORD_MS): Promise<Blob> {
		const recorder = new MediaRecorder(stream);
		const parts: Blob[] = [];
		const timer = setTimeout(() => recorder.state !== 'inactive' && recorder.stop(), ms);
		try {
			await new Promise<void>((done, failed) => {
				this.over = () => failed(new Error('cancelled'));
				recorder.ondataavailable = (e) => parts.push(e.data);
				recorder.onerror = () => failed(new Error('recorder'));
				recorder.onstop = () => done();
				recorder.start();
			});
		} finally {
			clearTimeout(timer);
			this.over = null;
			if (recorder.state !== 'inactive') recorder.stop();
		}
		return new Blob(parts, { type: recorder.mimeType });
	}

	async play(blob: Blob, speaker: string): Promise<void> {
		const audio: SinkAudio = new Audio();
		this.audio = audio;
		this.url = URL.createObjectURL(blob);
		if (speaker) await audio.setSinkId?.(speaker).catch(() => undefined);
		try {
			await new Promise<void>((done, failed) => {
				this.over = () => failed(new Error('cancelled'));
				audio.onended = () => done();
				audio.onerror = () => failed(new Error('playback'));
				audio.src = this.url;
				audio.play().catch(failed);
			});
		} finally {
			this.over = null;
			this.cancel();
		}
	}

	cancel(): void {
		this.over?.();
		this.audio?.pause();
		this.audio = null;
		if (this.url) URL.revokeObjectURL(this.url);
		this.url = '';
	}
}
