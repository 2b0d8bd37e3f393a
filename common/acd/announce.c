/*
 * What a node tells the brokers of its site: waiting calls and free agents, as they come and go.
 * Each UP has a version of its own, so that a broker drops what arrives late; DIGEST (sum over id
 * and version) shows what got lost, and SYNC says everything again, bit by bit.
 */
#include "common/acd/acd_internal.h"

#include <string.h>

uint64_t announce_hash(uint64_t id, uint64_t version)
{
	return mix64(id ^ mix64(version));
}

static void to_stations(struct acd *acd, const struct acd_msg *m)
{
	for (uint32_t i = 0; i < acd->stations_n; i++)
		fx_send(acd, acd->stations[i].addr, m);
}

void call_up_msg(const struct acd *acd, const struct call *c, struct acd_msg *ret)
{
	*ret = (struct acd_msg){
	    .type = ACD_MSG_CALL_UP,
	    .call = c->id,
	    .queue = acd->queues[c->queue].id,
	    .priority = c->priority,
	    .age_us = age(acd, c->queued_at),
	    .version = c->ann_version,
	    .cepoch = c->cepoch,
	    .state = c->state,
	};
	memcpy(ret->want, c->want, sizeof(ret->want));
}

void agent_up_msg(const struct acd *acd, const struct agent *a, struct acd_msg *ret)
{
	*ret = (struct acd_msg){
	    .type = ACD_MSG_AGENT_UP,
	    .agent = a->id,
	    .session = a->session,
	    .skills = a->skills,
	    .levels = a->levels,
	    .talk_us = a->talk_us,
	    .turn_us = age(acd, (int64_t)a->turn_at),
	    .taken = a->taken,
	    .rank = a->rank,
	    .age_us = age(acd, a->idle_since),
	    .version = a->ann_version,
	    .state = a->state,
	    .peer = a->in_vain,
	};
}

void announce_call(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];
	bool up =
	    c->state == ACD_CALL_QUEUED || (c->state == ACD_CALL_GRANTED && group_open(acd, c));
#ifdef ACD_MUTATE_GRANT_WHILE_AWAITED
	up |= c->state == ACD_CALL_AWAIT_AGENT;
#endif
	/* one more agent has been found: now for the next */
	bool more = c->state == ACD_CALL_GRANTED;
	bool again = up && c->announced && (more || c->told_more);
	struct acd_msg m;

#ifdef ACD_MUTATE_DROP_ON_REQUEUE
	up = up && c->ann_version == 0;
#endif
	if (up == c->announced && !again)
		return;
	c->told_more = more;
	if (again) {
		acd->ann_count--;
		acd->ann_sum -= announce_hash(c->id.v, c->ann_version);
	}
	if (up) {
		c->ann_version = ++acd->ann_version;
		call_up_msg(acd, c, &m);
	} else {
		m = (struct acd_msg){
		    .type = ACD_MSG_CALL_DOWN, .call = c->id, .version = ++acd->ann_version};
	}
	c->announced = up;
	acd->ann_count += up ? 1 : UINT32_MAX;
	uint64_t hash = announce_hash(c->id.v, c->ann_version);
	acd->ann_sum = up ? acd->ann_sum + hash : acd->ann_sum - hash;
	to_stations(acd, &m);
	if (acd->island && up)
		mirror_call_up(acd, 0, &m);
	else if (acd->island)
		mirror_call_down(acd, 0, &m);
}

void announce_agent(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	bool up = agent_available(acd, a);
	struct acd_msg m;

	if (up == a->announced)
		return;
	if (up) {
		a->ann_version = ++acd->ann_version;
		agent_up_msg(acd, a, &m);
	} else {
		m = (struct acd_msg){.type = ACD_MSG_AGENT_DOWN,
				     .agent = a->id,
				     .session = a->session,
				     .version = ++acd->ann_version};
	}
	a->announced = up;
	acd->ann_count += up ? 1 : UINT32_MAX;
	uint64_t hash = announce_hash(a->session.v, a->ann_version);
	acd->ann_sum = up ? acd->ann_sum + hash : acd->ann_sum - hash;
	to_stations(acd, &m);
	if (acd->island && up)
		mirror_agent_up(acd, 0, &m);
	else if (acd->island)
		mirror_agent_down(acd, 0, &m);
}

void announce_agent_again(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	struct acd_msg m;

	if (!a->announced)
		return;
	acd->ann_sum -= announce_hash(a->session.v, a->ann_version);
	a->ann_version = ++acd->ann_version;
	acd->ann_sum += announce_hash(a->session.v, a->ann_version);
	agent_up_msg(acd, a, &m);
	to_stations(acd, &m);
	if (acd->island)
		mirror_agent_up(acd, 0, &m);
}

void announce_digest(struct acd *acd)
{
	to_stations(acd, &(struct acd_msg){.type = ACD_MSG_DIGEST,
					   .digest = acd->ann_sum,
					   .count = acd->ann_count,
					   .version = acd->ann_version});
}

/* --- SYNC: calls first, so that a matcher knows the oldest before it sees who is free ----- */

enum acd_verdict recv_sync_req(struct acd *acd, struct acd_addr from, uint32_t boot,
			       const struct acd_msg *m)
{
	(void)boot;
	(void)m;
	for (uint32_t i = 0; i < acd->stations_n; i++) {
		struct station *s = &acd->stations[i];
		if (!same_addr(s->addr, from))
			continue;
		*s = (struct station){.addr = from, .sync_on = true};
		return ACD_OK;
	}
	return ACD_REFUSED_UNKNOWN;
}

/* One entry of the walk over both registers; false when there is none left. */
static bool sync_entry(struct acd *acd, struct station *s)
{
	struct acd_msg m;

	while (s->sync_at < acd->call_free.max + acd->agent_free.max) {
		uint32_t i = s->sync_at++;
		if (i < acd->call_free.max) {
			if (!acd->calls[i].announced)
				continue;
			call_up_msg(acd, &acd->calls[i], &m);
		} else {
			if (!acd->agents[i - acd->call_free.max].announced)
				continue;
			agent_up_msg(acd, &acd->agents[i - acd->call_free.max], &m);
		}
		m.digest = s->sync_id;
		fx_send(acd, s->addr, &m);
		s->sync_sent++;
		return true;
	}
	return false;
}

bool announce_sync_some(struct acd *acd)
{
	for (uint32_t i = 0; i < acd->stations_n; i++) {
		struct station *s = &acd->stations[i];
		if (!s->sync_on)
			continue;
		if (!s->sync_begun) {
			s->sync_begun = true;
			s->sync_id = ++acd->ann_version;
			fx_send(
			    acd, s->addr,
			    &(struct acd_msg){.type = ACD_MSG_SYNC_BEGIN, .version = s->sync_id});
			return true;
		}
		if (sync_entry(acd, s))
			return true;
		s->sync_on = false;
		fx_send(acd, s->addr,
			&(struct acd_msg){.type = ACD_MSG_SYNC_END,
					  .version = s->sync_id,
					  .count = s->sync_sent,
					  .digest = acd->ann_sum});
		return true;
	}
	return false;
}
