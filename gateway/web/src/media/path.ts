// Is there still a way to the node? A browser goes on asking the other end (STUN, RFC 7675): every 2.5 s
// while all is well, many times a second once nothing has come for 2.5 s. It calls its connection
// disconnected only after five seconds, and failed after fifteen or more. Asked some times, and nothing
// came: the address has changed (another Wi-Fi, a cable pulled) and this leg will not come back, whatever
// the far end does. A far end that is merely silent answers.

/** What a leg has heard and asked so far. */
export interface Vital {
	packets: number; // of sound
	asked: number;
	answers: number;
}

/** One question or its answer may get lost. */
const ASKED_MIN = 3;
/** Longer than the questions of a bad line are under way. */
const GONE_MS = 1500;

export class PathWatch {
	private heard = -1;
	/** When something came last. */
	heardAt = 0;
	private askedThen = 0;

	/** null: there is no leg, or it is not up yet. */
	gone(vital: Vital | null, now: number): boolean {
		const heard = vital ? vital.packets + vital.answers : -1;
		if (!vital || heard !== this.heard) {
			this.heard = heard;
			this.heardAt = now;
			this.askedThen = vital?.asked ?? 0;
			return false;
		}
		return vital.asked - this.askedThen >= ASKED_MIN && now - this.heardAt >= GONE_MS;
	}
}
