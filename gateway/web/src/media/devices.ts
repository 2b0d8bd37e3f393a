// Which microphones and outputs there are. Names are empty until the microphone was allowed once.

export interface Device { id: string; label: string }
export interface Devices { inputs: Device[]; outputs: Device[] }

export async function listDevices(): Promise<Devices> {
	const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
	// "default" and "communications" are Chromium's doubles of real devices: '' means the default.
	const of = (kind: MediaDeviceKind): Device[] => all
		.filter((d) => d.kind === kind && d.deviceId !== 'default' && d.deviceId !== 'communications'
			&& d.deviceId !== '')
		.map((d) => ({ id: d.deviceId, label: d.label }));
	return { inputs: of('audioinput'), outputs: of('audiooutput') };
}

export function canChooseOutput(): boolean {
	return 'setSinkId' in HTMLMediaElement.prototype;
}
