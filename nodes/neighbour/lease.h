/*
 * May this node speak for its calls? Pure. Each beat that was answered by somebody who would object
 * to our being adopted renews the lease, from the moment at which the beat was sent, on our own
 * clock: it is shorter than what makes a node dead (adopt_after), so it is over before anybody can
 * have adopted.
 *
 *   held ──no answer for lease──► lapsed: nothing is sent ──► resumed when
 *                                    a. the adopter has said what it took (the usual way), or
 *                                    b. a witness says that the adopter is dead, or
 *                                    c. nobody answers, and there is no independent witness, or
 *                                    d. LEASE_ASK_MAX_MS: witnesses hear the adopter, we don't
 *
 * Who counts: the adopter; independent witnesses; those on the two machines only when no
 * independent one was heard lately. Before the first answer there is nothing to lose: no lease.
 */
#ifndef HELIO_NEIGHBOUR_LEASE_H
#define HELIO_NEIGHBOUR_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LEASE_PERMILLE = 700, /* of adopt_after */
	LEASE_RECENT_MS = 5000,
	LEASE_ALONE_MS = 1000,
	LEASE_ASK_MAX_MS = 10000,
};

struct lease {
	uint64_t after_us;       /* adopt_after */
	uint64_t until_us;       /* 0: there is none */
	uint64_t lapsed_us;      /* 0: held */
	uint64_t independent_us; /* when one was last heard */
	bool alone;              /* c. holds: as it was when it lapsed */
};

/* An answer to the beat that we sent at sent_us. */
void lease_answered(struct lease *l, uint64_t sent_us, bool adopter, bool independent,
		    uint64_t now_us);
/* True while nothing may be sent. */
bool lease_lapsed(struct lease *l, uint64_t now_us);
/* Given up before its time: this node stops in order. */
void lease_end(struct lease *l, uint64_t now_us);
/* a. is over: the adopter has told all. */
void lease_resume(struct lease *l, uint64_t now_us);
/* b. to d.; adopter_silent_us: as a witness that counts has said since the lapse, 0: none has.
 * True: it was resumed. */
bool lease_give_up(struct lease *l, uint64_t adopter_silent_us, uint64_t now_us);

#endif
