/*
 * How long a newcomer is likely to wait: the callers before it and itself, each taking as long as
 * the last ones took to be served (a moving average over about eight). It foretells from what was,
 * so it lags when agents come or go; how wrong it was is averaged too and shown beside it.
 */
#include "common/acd/acd_internal.h"

uint32_t queue_waiting_all(const struct acd *acd, uint32_t q)
{
	const struct queue *first = &acd->queues[acd->queues[q].first];
	uint32_t n = 0;

	for (uint32_t k = 0; k < (uint32_t)first->stages + first->prefs; k++)
		n += queue_waiting(&first[k]) + first[k].own.n;
	return n;
}

uint64_t ewt_us(const struct acd *acd, uint32_t q)
{
	const struct queue *first = &acd->queues[acd->queues[q].first];
	uint32_t waiting = queue_waiting_all(acd, q);

	if (waiting == 0 && first->open_here > 0 && acd->needs[first->need].idle > 0)
		return 0;
	uint64_t gap = first->gap_us;
	/* Nobody has been served for longer than usual: it is at least that slow now. */
	acd_time_us since =
	    first->served_at > first->busy_since ? first->served_at : first->busy_since;
	if (waiting > 0 && acd->now - since > gap)
		gap = acd->now - since;
	uint64_t ewt = gap * (waiting + UINT64_C(1));
	return ewt < AGE_MAX_US ? ewt : AGE_MAX_US;
}

static uint64_t average(uint64_t old, uint64_t sample)
{
	return old ? old - old / 8 + sample / 8 : sample;
}

/* A caller that has just arrived (its age is about nothing), not one heard of again. */
void ewt_came(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct queue *first = &acd->queues[acd->queues[c->queue].first];

	if (queue_waiting_all(acd, c->queue) == 0)
		first->busy_since = acd->now;
	c->ewt_us = ewt_us(acd, c->queue);
}

void ewt_served(struct acd *acd, const struct claim *cl)
{
	struct queue *first = &acd->queues[acd->queues[cl->queue].first];
	acd_time_us since =
	    first->served_at > first->busy_since ? first->served_at : first->busy_since;
	uint64_t waited = age(acd, cl->picked_at), told = cl->picked_ewt_us;

	first->gap_us = average(first->gap_us, acd->now > since ? acd->now - since : 0);
	first->ewt_error_us =
	    average(first->ewt_error_us, waited > told ? waited - told : told - waited);
	first->served_at = acd->now;
}
