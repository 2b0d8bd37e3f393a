// What is noted of a call: kept per tab with every letter, so that a reload neither loses nor overwrites
// it; sent a moment after the last key, and once more when the wrap-up ends.
import { loadDraft, saveDraft, type Draft } from './prefs';
import { DISPOSITIONS, noteThatFits, type Disposition, type ToNode } from './protocol';
import type { Action, State, Wrap } from './state';

const SAVE_MS = 900; // after the last key: a note is a few messages, not one per letter

function keepDraft(wrap: Wrap): void {
	const { caller = '', callerName = '', queueDisplay = '', task = '' } = wrap.about ?? {};
	const { offer, disposition, note } = wrap;
	saveDraft({ offer, disposition, note, caller, callerName, queueDisplay, task });
}

export class WrapUp {
	private timer: ReturnType<typeof setTimeout> | null = null;

	/** `send` is false when it could not be. */
	constructor(
		private readonly desk: { readonly state: State; dispatch(action: Action): void },
		private readonly send: (m: ToNode) => boolean,
	) {}

	note(disposition: Disposition | '', note: string, draft?: Draft): void {
		const about = draft && {
			offer: draft.offer, call: '', queue: '', queueDisplay: draft.queueDisplay,
			caller: draft.caller, callerName: draft.callerName, waitedMs: 0, site: '', task: draft.task,
		};
		this.desk.dispatch({ a: 'wrap', disposition, note: noteThatFits(note), ...(about ? { about } : {}) });
		if (this.timer) clearTimeout(this.timer);
		this.timer = setTimeout(() => this.save(false), SAVE_MS);
	}

	finish(): void {
		if (!this.desk.state.wrap || this.desk.state.pending.what) return;
		if (this.save(true)) this.desk.dispatch(this.desk.state.noting ? { a: 'note_done' } : { a: 'intent', what: 'finish' });
		else this.desk.dispatch({ a: 'notice', kind: 'info', key: 'no_link' });
	}

	save(done: boolean): boolean {
		if (this.timer) clearTimeout(this.timer);
		this.timer = null;
		const wrap = this.desk.state.wrap;
		if (!wrap || (!done && wrap.saved !== 'dirty')) return false;
		const sent = this.say(wrap, done);
		if (sent) this.desk.dispatch({ a: 'wrap_sent' });
		return sent;
	}

	/** The state has another wrap-up, or none any more. */
	changed(before: Wrap | null, after: Wrap | null): void {
		if (after && after.offer !== before?.offer) {
			const draft = loadDraft(after.offer);
			const disposition = DISPOSITIONS.find((d) => d === draft?.disposition) ?? '';
			if (!draft) keepDraft(after);
			else if (!after.note && !after.disposition) this.note(disposition, draft.note, draft);
		} else if (after && after.saved === 'dirty') {
			keepDraft(after);
		}
		if (!before || before.offer === after?.offer) return;
		// The time ran out, or the line was away, with the last words not yet sent.
		if (before.saved === 'dirty') this.say(before, false);
		if (!after) saveDraft(null);
	}

	private say(wrap: Wrap, done: boolean): boolean {
		const { offer, disposition, note, slip = '' } = wrap;
		return this.send({ t: 'wrap', offer, disposition, note, done, slip });
	}
}
