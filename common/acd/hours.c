/*
 * Which site answers which queue now, and with what weight. The shells say it (ACD_EV_HOURS) from
 * tables that their configuration gives; this core has no calendar. A weight is 0 where it is
 * closed, 1000 where it is open, and between where one site hands over to another:
 *
 *   1000 ┬──────────────╮ oslo          ╭──────────── bogota
 *        │               ╲            ╱
 *      0 ┴───────────────── ramp ── ramp ───────────►   wanted of each: in the ratio of the weights
 *
 * Three things follow. Agents of a site that is closed for a queue get none of its callers, from
 * wherever. Of several sites with idle agents those are asked for more that weigh more; a weight
 * never keeps a caller waiting while an agent of an open site is idle. And callers of a queue that
 * is closed everywhere end as its rule says.
 */
#include "common/acd/acd_internal.h"

#include <string.h>

/* Longer foresight than a table of fourteen days gives is a mistake. */
#define HOURS_AHEAD_MAX_US (UINT64_C(400) * 24 * 3600 * 1000000)

static struct site_hours *entry(const struct acd *acd, uint32_t q, uint8_t site)
{
	size_t conf = (size_t)(acd->queues[q].conf - acd->queue_conf);
	uint8_t no = acd->site_no[site];

	return no == 0 ? NULL : &acd->hours[conf * acd->sites_n + no - 1u];
}

static uint16_t said(const struct acd *acd, uint32_t q, uint8_t site)
{
	const struct site_hours *h = entry(acd, q, site);

#ifdef ACD_MUTATE_CLOSED_ANSWERS
	if (h && h->permille == 0)
		return 1;
#endif
	return h ? h->permille : ACD_OPEN;
}

/* Of the own site mostly: that lies with the queue. */
uint16_t hours_weight(const struct acd *acd, uint32_t q, uint8_t site)
{
	return site == site_of(acd->self) ? acd->queues[q].open_here : said(acd, q, site);
}

void hours_init(struct acd *acd, const struct acd_conf *conf)
{
	memset(acd->site_no, 0, sizeof(acd->site_no));
	acd->sites_n = 0;
	acd->site_no[site_of(conf->self)] = (uint8_t)++acd->sites_n;
	for (uint32_t i = 0; i < conf->brokers_n; i++)
		if (!acd->site_no[site_of(conf->brokers[i])])
			acd->site_no[site_of(conf->brokers[i])] = (uint8_t)++acd->sites_n;
}

/* Once peers are known. Until somebody says otherwise everything is open. */
void hours_start(struct acd *acd)
{
	for (size_t i = 0; i < (size_t)acd->confs_n * acd->sites_n; i++)
		acd->hours[i] = (struct site_hours){.permille = ACD_OPEN};
	for (uint32_t q = 0; q < acd->queues_n; q++) {
		acd->queues[q].open_here = ACD_OPEN;
		acd->queues[q].open_abroad = acd->peers_n;
	}
}

/* The queue's stages look at what holds here without another table. */
static void settle(struct acd *acd, uint32_t q)
{
	struct queue *first = &acd->queues[q];
	uint16_t weight = said(acd, q, site_of(acd->self));
	uint32_t open_abroad = 0;
	bool shut = true;

	for (uint32_t p = 0; p < acd->peers_n; p++)
		open_abroad += said(acd, q, site_of(acd->peers[p].addr)) > 0;
	for (unsigned site = 1; site <= ACD_SITES_MAX && shut; site++)
		shut = !acd->site_no[site] || said(acd, q, (uint8_t)site) == 0;
#ifdef ACD_MUTATE_CLOSED_HERE_ENDS
	shut = weight == 0;
#endif
	for (uint32_t at = q; at < queue_end(first); at++) {
		acd->queues[at].open_here = weight;
		acd->queues[at].open_abroad = open_abroad;
		acd->queues[at].shut = shut;
	}
}

/* Its callers here learn it one by one, by their timers: there may be thousands. */
static void tell_callers(struct acd *acd, uint32_t q)
{
	for (uint32_t i = 0; i < acd->call_free.max; i++)
		if (acd->calls[i].used && acd->calls[i].queue == q &&
		    acd->calls[i].state == ACD_CALL_QUEUED && !acd->calls[i].stays)
			timer_set(acd, TM_CALL, i, acd->now);
}

enum acd_verdict ev_hours(struct acd *acd, const struct acd_event *ev)
{
	uint32_t q = queue_find(acd, ev->queue);

	if (ev->permille > ACD_OPEN || ev->age_us > HOURS_AHEAD_MAX_US || ev->site == 0)
		return ACD_REFUSED_INVALID;
	struct site_hours *h = q == NIL ? NULL : entry(acd, q, ev->site);
	if (!h)
		return ACD_REFUSED_UNKNOWN;
	struct queue before = acd->queues[q];
	h->permille = ev->permille;
	h->until = ev->age_us ? acd->now + ev->age_us : 0;
	settle(acd, q);
	const struct queue *queue = &acd->queues[q];
	if (acd->role == ACD_ROLE_NODE && queue->shut != before.shut &&
	    queue->conf->closed_to != ACD_CLOSED_WAIT)
		tell_callers(acd, q);
	for (uint32_t at = q; at < queue_end(queue); at++)
		if (queue->open_here != before.open_here ||
		    queue->open_abroad != before.open_abroad) {
			pool_hours_changed(acd, at);
			advert_hours_changed(acd, at);
		}
	if (queue->open_here > 0 && before.open_here == 0)
		want_hours_changed(acd);
	return ACD_OK;
}

bool hours_end_call(const struct acd *acd, uint32_t q)
{
#ifdef ACD_MUTATE_CLOSED_WAITS_ON
	return false;
#endif
	return acd->queues[q].shut && acd->queues[q].conf->closed_to != ACD_CLOSED_WAIT;
}

enum acd_outcome closed_outcome(uint8_t closed)
{
	switch ((enum acd_closed)closed) {
	case ACD_CLOSED_CALLBACK: return ACD_OUTCOME_CALLBACK;
	case ACD_CLOSED_VOICEMAIL: return ACD_OUTCOME_VOICEMAIL;
	case ACD_CLOSED_WAIT:
	case ACD_CLOSED_REFUSE:
	case ACD_CLOSED_ANNOUNCE:
	case ACD_CLOSED_COUNT: break;
	}
	return ACD_OUTCOME_FAILED;
}

static uint64_t left(acd_time_us now, acd_time_us until)
{
	return until > now ? until - now : 0;
}

/* Of the sites that are open now the one that stays so for longest; else who opens first. */
void hours_why(const struct acd *acd, uint32_t q, acd_time_us now, struct acd_why *ret)
{
	const struct site_hours *own = entry(acd, q, site_of(acd->self));

	ret->closed_here = acd->queues[q].open_here == 0;
	ret->closed_everywhere = acd->queues[q].shut;
	ret->opens_in_us = ret->closed_here && own ? left(now, own->until) : 0;
	for (unsigned site = 1; site <= ACD_SITES_MAX; site++) {
		const struct site_hours *h = entry(acd, q, (uint8_t)site);
		if (!h || site == site_of(acd->self) || (h->permille == 0) != acd->queues[q].shut)
			continue;
		uint64_t in = left(now, h->until);
		bool better = acd->queues[q].shut
				  ? in && (!ret->other_in_us || in < ret->other_in_us)
				  : !in || in > ret->other_in_us;
		if (!ret->other_site || better) {
			ret->other_site = (uint8_t)site;
			ret->other_in_us = in;
		}
		if (!in && !acd->queues[q].shut)
			return; /* always open */
	}
}

/* To a core with other queues; what is new to it is open until the shell says otherwise. */
void hours_copy(struct acd *acd, const struct acd *old)
{
	for (uint32_t q = 0; q < acd->queues_n; q = queue_end(&acd->queues[q])) {
		uint32_t from = queue_find(old, acd->queues[q].id);
		for (unsigned site = 1; from != NIL && site <= ACD_SITES_MAX; site++) {
			struct site_hours *to = entry(acd, q, (uint8_t)site);
			const struct site_hours *h = entry(old, from, (uint8_t)site);
			if (to && h)
				*to = *h;
		}
		settle(acd, q);
	}
}
