// The microphone: opened once at sign-in and kept open, so that a call begins at once and so that
// what is wrong with it is known before the call. Every failure has a name that the page has words
// and a remedy for; what mends itself (plugged in, allowed, freed) is picked up by itself.
import type { MicStatus } from '../state';

export interface MicEvents {
	status(status: MicStatus, label: string): void;
	/** The track to send; null while there is none. */
	track(track: MediaStreamTrack | null): void;
	/** The chosen device is gone, and the system's default took its place. */
	fallback(): void;
}

/** The name of a getUserMedia failure (W3C Media Capture and Streams, 10.2). permission: what
 * navigator.permissions says; Chromium reports a closed prompt and a block by the same error. */
export function micStatusOf(errorName: string, permission: string, had: boolean): MicStatus {
	switch (errorName) {
	case 'NotAllowedError':
	case 'SecurityError':
		return permission === 'prompt' ? 'dismissed' : 'denied';
	case 'NotFoundError':
	case 'OverconstrainedError':
	case 'DevicesNotFoundError':
		return had ? 'unplugged' : 'missing';
	case 'NotReadableError':
	case 'TrackStartError':
	case 'AbortError':
		return 'in_use';
	default:
		return 'failed';
	}
}

async function micPermission(): Promise<string> {
	try {
		const status = await navigator.permissions.query({ name: 'microphone' as PermissionName });
		return status.state;
	} catch {
		return 'unknown'; // a browser that does not know this permission by name
	}
}

export class Microphone {
	stream: MediaStream | null = null;
	status: MicStatus = 'unknown';
	private wanted = '';
	private had = false;
	private onFallback = false;
	private opening: Promise<void> | null = null;
	private readonly watch = () => void this.onDevices();

	constructor(private readonly events: MicEvents) {
		navigator.mediaDevices?.addEventListener('devicechange', this.watch);
		void this.watchPermission();
	}

	/** Opens the wanted device, or the system's default (''). Never throws: says the status. */
	open(deviceId = this.wanted): Promise<void> {
		this.wanted = deviceId;
		this.opening = (this.opening ?? Promise.resolve()).then(() => this.start());
		return this.opening;
	}

	mute(on: boolean): void {
		for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !on;
	}

	close(): void {
		this.stop();
		this.say('unknown', '');
	}

	private async start(): Promise<void> {
		if (!navigator.mediaDevices?.getUserMedia) {
			this.say('insecure', '');
			return;
		}
		const permission = await micPermission();
		if (permission === 'prompt') this.say('asking', '');
		let fallback = false;
		let stream: MediaStream;
		try {
			stream = await this.get(this.wanted);
		} catch (first) {
			if (!this.wanted || !(first instanceof Error)
				|| !/NotFound|Overconstrained/.test(first.name)) {
				await this.failed(first);
				return;
			}
			try {
				stream = await this.get('');
				fallback = true;
			} catch (second) {
				await this.failed(second);
				return;
			}
		}
		const track = stream.getAudioTracks()[0];
		if (!track) {
			await this.failed(new DOMException('no track', 'NotFoundError'));
			return;
		}
		const enabled = this.stream?.getAudioTracks()[0]?.enabled ?? true;
		this.stop();
		track.enabled = enabled; // a device change in a call must not undo a mute
		this.stream = stream;
		this.had = true;
		track.addEventListener('ended', () => {
			if (this.stream === stream) void this.open(); // unplugged: the default may do
		});
		this.events.track(track);
		this.say('ok', track.label);
		if (fallback && !this.onFallback) this.events.fallback();
		this.onFallback = fallback;
	}

	private get(deviceId: string): Promise<MediaStream> {
		return navigator.mediaDevices.getUserMedia({
			audio: {
				...(deviceId ? { deviceId: { exact: deviceId } } : {}),
				echoCancellation: true, noiseSuppression: true, autoGainControl: true,
			},
		});
	}

	private async failed(error: unknown): Promise<void> {
		const name = error instanceof Error ? error.name : '';
		const permission = await micPermission();
		this.stop();
		this.events.track(null);
		this.say(micStatusOf(name, permission, this.had), '');
	}

	private async onDevices(): Promise<void> {
		const broken = this.status !== 'ok' && this.status !== 'asking' && this.status !== 'unknown'
			&& this.status !== 'denied' && this.status !== 'dismissed';
		if (broken) {
			await this.open();
			return;
		}
		if (!this.onFallback) return;
		const devices = await navigator.mediaDevices.enumerateDevices();
		if (devices.some((d) => d.kind === 'audioinput' && d.deviceId === this.wanted))
			await this.open();
	}

	private async watchPermission(): Promise<void> {
		try {
			const p = await navigator.permissions.query({ name: 'microphone' as PermissionName });
			p.addEventListener('change', () => {
				if (this.status === 'unknown') return;
				if (p.state === 'granted' && this.status !== 'ok') void this.open();
			});
		} catch {
			// Not known by name here: the button "try again" remains.
		}
	}

	private stop(): void {
		for (const track of this.stream?.getTracks() ?? []) track.stop();
		this.stream = null;
	}

	private say(status: MicStatus, label: string): void {
		this.status = status;
		this.events.status(status, label);
	}
}
