/*
 * Island mode: no broker of the site has been heard for broker_silent_ms, so the node is its own
 * broker: the same matcher, over a mirror of its own registers, with messages to itself. Brokers
 * are told as before, so that the first that comes back knows everything.
 */
#include "common/acd/acd_internal.h"

static void show(struct acd *acd, bool on)
{
	acd->island = acd->matching = acd->unheld = on;
	fx_push(acd, ACD_FX_ISLAND)->on = on;
}

void island_heard(struct acd *acd)
{
	acd->broker_heard = acd->now;
	if (acd->island) {
		mirror_forget(acd, 0, UINT64_MAX, UINT64_MAX);
		claim_forget_all(acd);
		show(acd, false);
	}
	timer_set(acd, TM_ISLAND, 0, after_ms(acd, acd->tm.broker_silent_ms));
}

void island_timer(struct acd *acd)
{
	if (acd->island) { /* the pause after other queues came is over */
		acd->unheld = true;
		return;
	}
	show(acd, true);
	island_mirror(acd);
}

void island_mirror(struct acd *acd)
{
	struct acd_msg m;

	for (uint32_t i = 0; i < acd->call_free.max; i++) {
		if (!acd->calls[i].announced)
			continue;
		call_up_msg(acd, &acd->calls[i], &m);
		mirror_call_up(acd, 0, &m);
	}
	for (uint32_t i = 0; i < acd->agent_free.max; i++) {
		if (!acd->agents[i].announced)
			continue;
		agent_up_msg(acd, &acd->agents[i], &m);
		mirror_agent_up(acd, 0, &m);
	}
}
