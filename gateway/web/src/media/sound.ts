// Everything made by WebAudio: the ring, and the level of the microphone. No sound files: two soft
// notes are written here, so there is nothing to load when a caller waits.

type SinkContext = AudioContext & { setSinkId?: (id: string) => Promise<void> };

/** A falling and rising pair, like a door chime: heard through a headset without a start. */
const CHIME: readonly { hz: number; at: number; length: number }[] = [
	{ hz: 784, at: 0, length: 0.5 },
	{ hz: 988, at: 0.18, length: 0.7 },
];
const CHIME_EVERY_MS = 2200;

export class Ringer {
	private context: SinkContext | null = null;
	private timer: ReturnType<typeof setInterval> | null = null;
	volume = 0.6;
	private device = '';

	/** Browsers start sound only after a click or a key: called on each until it runs. */
	unlock(): void {
		const c = this.use();
		if (c.state === 'suspended') void c.resume().catch(() => undefined);
	}

	async setDevice(deviceId: string): Promise<void> {
		this.device = deviceId;
		await this.context?.setSinkId?.(deviceId).catch(() => undefined);
	}

	start(): void {
		if (this.timer) return;
		this.chime();
		this.timer = setInterval(() => this.chime(), CHIME_EVERY_MS);
	}

	stop(): void {
		if (this.timer) clearInterval(this.timer);
		this.timer = null;
	}

	chime(): void {
		const c = this.use();
		if (c.state === 'suspended') void c.resume().catch(() => undefined);
		for (const note of CHIME) {
			for (const [times, share] of [[1, 0.8], [2, 0.2]] as const) {
				const tone = c.createOscillator();
				const gain = c.createGain();
				const from = c.currentTime + note.at;
				tone.frequency.value = note.hz * times;
				gain.gain.setValueAtTime(0, from);
				gain.gain.linearRampToValueAtTime(this.volume * share * 0.5, from + 0.02);
				gain.gain.exponentialRampToValueAtTime(0.0001, from + note.length);
				tone.connect(gain).connect(c.destination);
				tone.start(from);
				tone.stop(from + note.length);
			}
		}
	}

	private use(): SinkContext {
		if (!this.context) {
			this.context = new AudioContext();
			if (this.device) void this.setDevice(this.device);
		}
		return this.context;
	}
}

/** How loud the microphone is, 0..1 on a scale that moves like speech (−60 dB to 0 dB). */
export class LevelMeter {
	private context: AudioContext | null = null;
	private source: MediaStreamAudioSourceNode | null = null;
	private analyser: AnalyserNode | null = null;
	private buffer = new Float32Array(new ArrayBuffer(1024 * 4));

	attach(stream: MediaStream | null): void {
		this.source?.disconnect();
		this.source = null;
		if (!stream) return;
		this.context ??= new AudioContext();
		this.analyser ??= this.context.createAnalyser();
		this.analyser.fftSize = 1024;
		this.source = this.context.createMediaStreamSource(stream);
		this.source.connect(this.analyser);
		this.unlock();
	}

	unlock(): void {
		if (this.context?.state === 'suspended') void this.context.resume().catch(() => undefined);
	}

	/** The browser starts no sound before a click: after a reload, nobody may have clicked yet. */
	get blocked(): boolean {
		return this.context?.state === 'suspended';
	}

	/** Loudest sample now, 0..1; null: nothing can be said (not attached, or the browser waits). */
	peak(): number | null {
		if (!this.source || !this.analyser || this.context?.state !== 'running') return null;
		this.analyser.getFloatTimeDomainData(this.buffer);
		let peak = 0;
		for (const sample of this.buffer) peak = Math.max(peak, Math.abs(sample));
		return peak;
	}

	level(): number {
		return levelOf(this.peak() ?? 0);
	}
}

export function levelOf(peak: number): number {
	if (peak <= 0.001) return 0;
	return Math.min(1, 1 + (20 * Math.log10(peak)) / 60);
}
