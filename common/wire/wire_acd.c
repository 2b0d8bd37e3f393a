/* struct acd_msg <-> its wire form, field by field. */
#include "common/wire/mesh.h"
#include "common/acd/acd.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>

void wire_acd_to_pb(Acd *dst, const struct acd_msg *src)
{
	memset(dst, 0, sizeof(*dst));
	dst->type = (uint32_t)src->type;
	dst->offer = src->offer.v;
	dst->call = src->call.v;
	dst->session = src->session.v;
	dst->agent = src->agent.v;
	dst->skills = src->skills.bits;
	dst->queue = src->queue.v;
	dst->cepoch = src->cepoch;
	dst->version = src->version;
	dst->digest = src->digest;
	dst->age_us = src->age_us;
	dst->idle_us = src->idle_us;
	dst->count = src->count;
	dst->wanted = src->wanted;
	dst->wrap_up_ms = src->wrap_up_ms;
	dst->ring_timeout_ms = src->ring_timeout_ms;
	dst->node = src->node.v;
	dst->peer = src->peer.v;
	dst->site = src->site;
	dst->priority = src->priority;
	dst->state = src->state;
	dst->cause = src->cause;
	dst->talk_us = src->talk_us;
	dst->turn_us = src->turn_us;
	dst->taken = src->taken;
	dst->rank = src->rank;
	dst->stage = src->stage;
	while (dst->want_count < ACD_WANTS_MAX && src->want[dst->want_count].for_ms) {
		const struct acd_want *w = &src->want[dst->want_count];
		dst->want[dst->want_count++] = (Want){
		    .agent = w->agent.v, .pref = w->pref, .for_ms = w->for_ms, .site = w->site};
	}
	if (src->levels.w[0] | src->levels.w[1] | src->levels.w[2] | src->levels.w[3]) {
		dst->levels_count = HELIO_ARRAY_LEN(src->levels.w);
		memcpy(dst->levels, src->levels.w, sizeof(src->levels.w));
	}
}

/* A year: no call waits longer and no agent is idle longer, and sums of ages cannot overflow. */
static const uint64_t age_max_us = 366ull * 24 * 3600 * 1000000;

static bool wants_in_range(const Acd *src)
{
	for (pb_size_t i = 0; i < src->want_count; i++)
		if (src->want[i].pref > UINT8_MAX || src->want[i].site > UINT8_MAX)
			return false;
	return src->want_count <= ACD_WANTS_MAX;
}

static bool in_range(const Acd *src)
{
	return src->type > ACD_MSG_NONE && src->type < ACD_MSG_TYPE_COUNT &&
	       src->node <= UINT16_MAX && src->peer <= UINT16_MAX && src->site <= ACD_SITES_MAX &&
	       src->priority <= UINT8_MAX && src->state <= ACD_AGENT_GRACE &&
	       src->cause <= ACD_CAUSE_CLOSED && src->age_us <= age_max_us &&
	       src->idle_us <= age_max_us && src->talk_us <= age_max_us &&
	       src->turn_us <= age_max_us && src->rank <= UINT8_MAX && src->stage <= UINT8_MAX &&
	       (src->levels_count == 0 || src->levels_count == 4) && wants_in_range(src);
}

int wire_acd_from_pb(struct acd_msg *dst, const Acd *src)
{
	if (!in_range(src))
		return EBADMSG;
	*dst = (struct acd_msg){
	    .type = (enum acd_msg_type)src->type,
	    .offer = {src->offer},
	    .call = {src->call},
	    .session = {src->session},
	    .agent = {src->agent},
	    .skills = {src->skills},
	    .queue = {src->queue},
	    .cepoch = src->cepoch,
	    .version = src->version,
	    .digest = src->digest,
	    .age_us = src->age_us,
	    .idle_us = src->idle_us,
	    .count = src->count,
	    .wanted = src->wanted,
	    .wrap_up_ms = src->wrap_up_ms,
	    .ring_timeout_ms = src->ring_timeout_ms,
	    .node = {(uint16_t)src->node},
	    .peer = {(uint16_t)src->peer},
	    .site = (uint8_t)src->site,
	    .priority = (uint8_t)src->priority,
	    .state = (uint8_t)src->state,
	    .cause = (uint8_t)src->cause,
	    .talk_us = src->talk_us,
	    .turn_us = src->turn_us,
	    .taken = src->taken,
	    .rank = (uint8_t)src->rank,
	    .stage = (uint8_t)src->stage,
	};
	for (pb_size_t w = 0; w < src->want_count; w++)
		dst->want[w] = (struct acd_want){.agent = {src->want[w].agent},
						 .pref = (uint8_t)src->want[w].pref,
						 .for_ms = src->want[w].for_ms,
						 .site = (uint8_t)src->want[w].site};
	if (src->levels_count)
		memcpy(dst->levels.w, src->levels, sizeof(dst->levels.w));
	return 0;
}

bool wire_acd_other_skills(const Acd *src, uint32_t mark)
{
	return src->skills_of && src->skills_of != mark &&
	       (src->type == ACD_MSG_AGENT_UP || src->type == ACD_MSG_CLAIM);
}
