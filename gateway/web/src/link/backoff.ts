// How long to wait before the next try. The first is almost at once (a gateway that was restarted,
// a Wi-Fi that changed); then it doubles to a cap, with jitter over the whole span, so that five
// hundred desks that lost one gateway do not come back in step.

const FIRST_MS = 250;
const CAP_MS = 5000;       // a person watches: longer feels like nothing happens
const CAP_LATE_MS = 15000; // after some minutes nobody does
const LATE_AFTER = 20;

/** attempt counts from 0; random is in [0, 1). */
export function backoffMs(attempt: number, random: number): number {
	if (attempt <= 0) return Math.floor(random * FIRST_MS);
	const cap = attempt > LATE_AFTER ? CAP_LATE_MS : CAP_MS;
	const span = Math.min(cap, FIRST_MS * 2 ** Math.min(attempt, 10));
	return Math.floor(span / 4 + random * (span * 3) / 4);
}

/** Which door to try: its own twice, then the others in turn; so a dead gateway is left soon. */
export function doorFor(attempt: number, doors: number): number {
	return doors <= 1 || attempt < 2 ? 0 : (attempt - 1) % doors;
}

const OPEN_MS = 8000; // TCP, TLS and the handshake over a bad line; then another door
const DOOR_MS = 2500; // four round trips of a bad line; a machine that lost its power never answers

/** How long a link may take to be sealed; less while its socket has not even opened, as long as there
 * are other doors and not each of them was tried: a dead machine must not cost a talk. */
export function openMaxMs(attempt: number, doors: number, opened: boolean): number {
	return opened || doors <= 1 || attempt > doors ? OPEN_MS : DOOR_MS;
}

/** How long the answer to a ping may take that doubts the link: some round trips, so that a lost packet
 * is sent again in time. torn: sound stands still too, which a person hears; then it is left early. */
export function probeMaxMs(rttMs: number, torn: boolean): number {
	const [least, most] = torn ? [1000, 2500] : [2500, 5000];
	return Math.min(most, Math.max(least, 6 * rttMs));
}
