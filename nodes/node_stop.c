/*
 * The node stops in order (SIGTERM, systemctl stop): who waits or talks goes on at the neighbour,
 * as if this machine had died, but nobody has to find that out first.
 *
 *   drain ──► the neighbour's Redis has all ──► not a word more, "I leave" ──► it takes the calls
 *     │       (half a second at most)                                         and tells everybody
 *     │                                                                              │
 *     │ no neighbour, or it stops too                                    its answer  │
 *     └──────────────────────────────► BYE to who is still here ◄────────────────────┘
 *                                                  │
 *                                                  └──► exit
 */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"

enum {
	POLL_MS = 20,
	/* A write takes a millisecond, and what is just coming here from a journal is ours before
	 * it can be handed on (LOAD_DEADLINE_MS); a Redis that does not answer is not waited for.
	 */
	SETTLE_MS = 500,
	/* Three hundred calls are taken over in a tenth of it. Longer silence is left to the
	 * neighbour's own watch: it may have them by now. */
	LEAVE_MS = 2000,
	/* BYE is repeated until each far end has answered, or nobody does for so long. */
	GOODBYE_MS = 2000,
};

static void deadline(struct node *n, uint32_t ms)
{
	n->stop_by_us = mono_us() + ms * 1000ull;
}

static void goodbye_h(void *arg)
{
	struct node *n = arg;
	if (!n->ua || !sip_ua_pending(n->ua) || mono_us() >= n->stop_by_us)
		re_cancel();
	else
		tmr_start(&n->tmr_stop, POLL_MS, goodbye_h, n);
}

void node_stop_left(struct node *n)
{
	bool held = n->time_held;
	n->time_held = held || node_neighbour_left(n); /* for what is left here we do speak */
	calls_goodbye(n);
	n->time_held = held;
	deadline(n, GOODBYE_MS);
	tmr_start(&n->tmr_stop, 0, goodbye_h, n);
}

static void leave_h(void *arg)
{
	struct node *n = arg;
	log_warn("node.not_answered", "calls=%u", (unsigned)n->calls_n);
	re_cancel();
}

static void settle_h(void *arg)
{
	struct node *n = arg;
	bool settled = !n->recovering && !node_neighbour_adopts(n) && node_journal_is_settled(n);
	if (!settled && mono_us() < n->stop_by_us) {
		tmr_start(&n->tmr_stop, POLL_MS, settle_h, n);
	} else if (node_neighbour_leave(n)) {
		tmr_start(&n->tmr_stop, LEAVE_MS, leave_h, n);
	} else {
		node_stop_left(n);
	}
}

void node_stop(struct node *n)
{
	if (n->stop_by_us) { /* a second Ctrl-C: at once */
		re_cancel();
		return;
	}
	log_info("node.stopping", "calls=%u", (unsigned)n->calls_n);
	deadline(n, SETTLE_MS);
	node_drain(n, true);
	tmr_start(&n->tmr_stop, 0, settle_h, n);
}
