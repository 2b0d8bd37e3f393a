// A node always sends sound while somebody talks; when nothing comes for a moment the far end may be
// silent (muted, on hold), or the node's machine is gone, and perhaps our gateway with it. A browser
// calls its connection disconnected only after five seconds: packets tell it at once.

/** Thirty packets: more than the jitter of a line that can be talked over. */
const STALL_MS = 600;
/** While it lasts; a ping a second costs nothing, and the machine may die during a silence. */
const AGAIN_MS = 1000;

export class StallWatch {
	private packets = -1;
	private movedAt = 0;
	private toldAt = 0;
	/** Sound stood still when it was last looked at in a talk, and nothing has come since. */
	standing = false;

	/** How many packets have come so far; null: no talk, or no leg. True: the link is to be doubted. */
	stalled(packets: number | null, now: number): boolean {
		if (packets === null || packets !== this.packets) {
			this.packets = packets ?? -1;
			this.movedAt = now;
			this.toldAt = -Infinity;
			if (packets !== null) this.standing = false;
			return false;
		}
		if (now - this.movedAt < STALL_MS || now - this.toldAt < AGAIN_MS) return false;
		this.toldAt = now;
		this.standing = true;
		return true;
	}
}
