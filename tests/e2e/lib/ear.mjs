/** For addInitScript, before the page's own code: what its peer connections receive can be listened to.
 * window.__ear(hz) is the strength of a tone now, in decibels: the height of its bin over the mean of all
 * bins from 100 to 3,600 Hz. window.__onTrack(context, source), where there is one, gets each new track. */
export function ear() {
	const Native = window.RTCPeerConnection
	window.RTCPeerConnection = class extends Native {
		constructor(...args) {
			super(...args)
			this.addEventListener('track', (e) => {
				const context = new AudioContext()
				const source = context.createMediaStreamSource(new MediaStream([e.track]))
				const analyser = context.createAnalyser()
				analyser.fftSize = 8192
				analyser.smoothingTimeConstant = 0
				source.connect(analyser)
				window.__ear = (hz) => {
					const bins = new Float32Array(analyser.frequencyBinCount)
					analyser.getFloatFrequencyData(bins)
					const at = (f) => Math.round((f * analyser.fftSize) / context.sampleRate)
					const power = (b) => 10 ** (bins[b] / 10)
					let sum = 0
					for (let b = at(100); b < at(3600); b++) sum += power(b)
					let peak = 0
					for (let b = at(hz) - 2; b <= at(hz) + 2; b++) peak = Math.max(peak, power(b))
					return 10 * Math.log10((peak * (at(3600) - at(100))) / sum)
				}
				window.__onTrack?.(context, source)
			})
		}
	}
}
