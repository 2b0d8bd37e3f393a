// The floor beside the page's state: it changes twice a second and must draw nothing else. Asked for
// only while somebody looks, and again after each welcome, because an ask ends with its link.
import type { ForceWhat, ToNode } from '../protocol';
import type { WallMessage } from './message';
import { EMPTY, take, type Floor } from './model';

export class WallStore {
	floor: Floor = EMPTY;
	/** What came of the last state that was decided here. */
	done: { agent: string; ok: boolean; why: string } | null = null;
	private wanted = false;
	private readonly listeners = new Set<() => void>();

	constructor(private readonly send: (m: ToNode) => void) {}

	subscribe(listener: () => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	look(on: boolean): void {
		if (this.wanted === on) return;
		this.wanted = on;
		this.send({ t: 'wall', on });
	}
	/** A link is open again: what was on screen stays until the node's first full message. */
	welcomed(): void {
		if (this.wanted) this.send({ t: 'wall', on: true });
	}
	take(m: WallMessage, at: number): void {
		this.floor = take(this.floor, m, at);
		this.draw();
	}
	force(agent: string, what: ForceWhat): void {
		this.done = null;
		this.send({ t: 'force', agent, what });
		this.draw();
	}
	forced(done: { agent: string; ok: boolean; why: string }): void {
		this.done = done;
		this.draw();
	}
	clear(): void {
		this.done = null;
		this.wanted = false;
		this.floor = EMPTY;
		this.draw();
	}
	private draw(): void {
		for (const listener of this.listeners) listener();
	}
}
