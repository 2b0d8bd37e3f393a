/* Building the state in the memory handed in, and the step: event first, then what it stirred up.
 */
#include "common/acd/acd_internal.h"

#include <string.h>

/* --- the arena ----------------------------------------------------------------------------------
 * Called twice: with mem NULL to count bytes, then to place the arrays. */
enum { CACHE_LINE = 64 };

struct arena {
	unsigned char *mem;
	size_t used;
};

static void *cut(struct arena *a, size_t n, size_t size)
{
	void *p = a->mem ? a->mem + a->used : NULL;

	a->used += (n * size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	return p;
}

#define KEYS(entries, field) (a->mem ? &(entries)->field : NULL), sizeof(*(entries))

/* KEYS says where the keys of the entries lie. */
static void cut_table(struct arena *a, struct table *t, uint32_t max, const void *key,
		      size_t stride)
{
	uint32_t cap = 4;

	while (cap < 2 * max + 2)
		cap *= 2;
	t->slot = cut(a, cap, sizeof(*t->slot));
	t->key = key;
	t->stride = stride;
	t->narrow = false;
	t->mask = cap - 1;
	t->n = 0;
	for (uint32_t i = 0; a->mem && i < cap; i++)
		t->slot[i] = (struct table_slot){0, NIL};
}

static void cut_freelist(struct arena *a, struct freelist *f, uint32_t max)
{
	f->next = cut(a, max, sizeof(*f->next));
	f->head = max > 0 ? 0 : NIL;
	f->max = max;
	f->n = 0;
	for (uint32_t i = 0; a->mem && i < max; i++)
		f->next[i] = i + 1 < max ? i + 1 : NIL;
}

static uint32_t count_stages(const struct acd_conf *conf)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->queues_n; i++)
		n += 1u + conf->queues[i].relax_n + conf->queues[i].pref_n;
	return n;
}

static void cut_node(struct arena *a, struct acd *acd, const struct acd_conf *conf)
{
	bool node = conf->role == ACD_ROLE_NODE;
	uint32_t calls = node ? conf->calls_max : 0, agents = node ? conf->agents_max : 0;

	uint32_t members = node ? group_members_max(conf) : 0;

	acd->endings_max = node ? calls + agents + members + 256 : 0;
	acd->calls = cut(a, calls, sizeof(*acd->calls));
	cut_freelist(a, &acd->call_free, calls);
	cut_table(a, &acd->call_by_id, calls, KEYS(acd->calls, id.v));
	acd->members = cut(a, members, sizeof(*acd->members));
	cut_freelist(a, &acd->member_free, members);
	acd->agents = cut(a, agents, sizeof(*acd->agents));
	cut_freelist(a, &acd->agent_free, agents);
	cut_table(a, &acd->agent_by_session, agents, KEYS(acd->agents, session.v));
	cut_table(a, &acd->agent_by_offer, agents, KEYS(acd->agents, offer.v));
	cut_table(a, &acd->agent_by_late, agents, KEYS(acd->agents, late.offer.v));
	acd->endings = cut(a, acd->endings_max, sizeof(*acd->endings));
	cut_freelist(a, &acd->ending_free, acd->endings_max);
	cut_table(a, &acd->ending_by_key, acd->endings_max, KEYS(acd->endings, key));
	acd->stations = cut(a, ACD_BROKERS_PER_SITE_MAX, sizeof(*acd->stations));
}

static void cut_matcher(struct arena *a, struct acd *acd, const struct acd_conf *conf)
{
	acd->mnodes_n = conf->role == ACD_ROLE_BROKER ? conf->nodes_n : 1;
	acd->claims_max = 2 * conf->agents_max + conf->calls_max + 256;
	acd->classes_max = conf->agents_max < CLASSES_MAX ? conf->agents_max : CLASSES_MAX;
	acd->mnodes = cut(a, acd->mnodes_n, sizeof(*acd->mnodes));
	acd->mcalls = cut(a, conf->calls_max, sizeof(*acd->mcalls));
	cut_freelist(a, &acd->mcall_free, conf->calls_max);
	cut_table(a, &acd->mcall_by_id, conf->calls_max, KEYS(acd->mcalls, id.v));
	acd->magents = cut(a, conf->agents_max, sizeof(*acd->magents));
	acd->magents_cold = cut(a, conf->agents_max, sizeof(*acd->magents_cold));
	acd->magents_orders = cut(a, conf->agents_max, sizeof(*acd->magents_orders));
	cut_freelist(a, &acd->magent_free, conf->agents_max);
	cut_table(a, &acd->magent_by_session, conf->agents_max, KEYS(acd->magents, session.v));
	acd->claims = cut(a, acd->claims_max, sizeof(*acd->claims));
	cut_freelist(a, &acd->claim_free, acd->claims_max);
	cut_table(a, &acd->claim_by_offer, acd->claims_max, KEYS(acd->claims, offer.v));
	acd->classes = cut(a, acd->classes_max, sizeof(*acd->classes));
	cut_freelist(a, &acd->class_free, acd->classes_max);
	cut_table(a, &acd->class_by_skills, acd->classes_max, KEYS(acd->classes, key));
	acd->links = cut(a, (size_t)acd->classes_max * acd->needs_n, sizeof(*acd->links));
	acd->wants = false;
	for (uint32_t i = 0; i < conf->queues_n; i++)
		acd->wants |= conf->queues[i].wants;
	cut_table(a, &acd->own_by_agent, acd->wants ? conf->calls_max : 0,
		  KEYS(acd->mcalls, own.v));
	cut_table(a, &acd->free_by_agent, acd->wants ? conf->agents_max : 0,
		  KEYS(acd->magents, id.v));
	acd->peers_n = 0;
	for (uint32_t i = 0; conf->role == ACD_ROLE_BROKER && i < conf->brokers_n; i++)
		acd->peers_n += site_of(conf->brokers[i]) != site_of(conf->self);
	acd->peers = cut(a, acd->peers_n, sizeof(*acd->peers));
	acd->slots = cut(a, (size_t)acd->queues_n * acd->peers_n, sizeof(*acd->slots));
}

static void cut_timers(struct arena *a, struct acd *acd, const struct acd_conf *conf)
{
	uint32_t n[TM_COUNT] = {
	    [TM_TICK] = 1,
	    [TM_ISLAND] = 1,
	    [TM_CALL] = acd->call_free.max,
	    [TM_AGENT] = acd->agent_free.max,
	    [TM_GRACE] = acd->agent_free.max,
	    [TM_ENDING] = acd->endings_max,
	    [TM_CLAIM] = acd->claims_max,
	    [TM_WAIT] = conf->calls_max,
	    [TM_ADVERT] = acd->queues_n,
	    [TM_IDLE_ADVERT] = acd->queues_n,
	    [TM_MEMBER] = acd->member_free.max,
	};

	acd->timer_base[0] = 0;
	for (uint32_t k = 0; k < TM_COUNT; k++)
		acd->timer_base[k + 1] = acd->timer_base[k] + n[k];
	acd->timer = cut(a, acd->timer_base[TM_COUNT], sizeof(*acd->timer));
	heap_init(&acd->timers);
	for (uint32_t s = 0; a->mem && s < acd->timer_base[TM_COUNT]; s++) {
		heap_node_init(&acd->timer[s].node);
		acd->timer[s].at = 0;
	}
}

static size_t layout(struct acd *acd, unsigned char *mem, const struct acd_conf *conf)
{
	struct arena a = {mem, 0};

	cut(&a, 1, sizeof(*acd));
	/* memory as by malloc begins anywhere in a line; each array begins with one */
	a.used += mem ? (CACHE_LINE - (uintptr_t)mem % CACHE_LINE) % CACHE_LINE : CACHE_LINE - 1;
	acd->confs_n = conf->queues_n;
	acd->queues_n = count_stages(conf);
	acd->needs_n = pool_needs_count(conf);
	acd->calls_max = conf->calls_max;
	acd->agents_max = conf->agents_max;
	acd->out = cut(&a, OUTBOX_MAX, sizeof(*acd->out));
	acd->boots = cut(&a, (ACD_SITES_MAX + 1) * ADDR_ORDINALS, sizeof(*acd->boots));
	acd->queues = cut(&a, acd->queues_n, sizeof(*acd->queues));
	acd->queue_conf = cut(&a, acd->confs_n, sizeof(*acd->queue_conf));
	acd->queue_next = cut(&a, acd->queues_n, sizeof(*acd->queue_next));
	acd->needs = cut(&a, acd->needs_n, sizeof(*acd->needs));
	cut_table(&a, &acd->queue_by_id, acd->confs_n, mem ? &acd->queues->id.v : NULL,
		  sizeof(*acd->queues));
	acd->queue_by_id.narrow = true;
	hours_init(acd, conf);
	acd->hours = cut(&a, (size_t)acd->confs_n * acd->sites_n, sizeof(*acd->hours));
	cut_node(&a, acd, conf);
	cut_matcher(&a, acd, conf);
	cut_timers(&a, acd, conf);
	return a.used;
}

static bool queues_ok(const struct acd_conf *conf)
{
	for (uint32_t i = 0; i < conf->queues_n; i++) {
		if (conf->queues[i].id.v == 0)
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (conf->queues[i].id.v == conf->queues[j].id.v)
				return false;
	}
	return true;
}

static bool conf_ok(const struct acd_conf *conf)
{
	bool node = conf->role == ACD_ROLE_NODE;

	if (node ? !addr_is_node(conf->self.v) : !addr_is_broker(conf->self.v))
		return false;
	if (conf->calls_max == 0 || conf->calls_max > ENTRIES_MAX || conf->agents_max == 0 ||
	    conf->agents_max > ENTRIES_MAX || conf->queues_n > QUEUES_MAX ||
	    conf->nodes_n > ACD_NODES_PER_SITE_MAX || conf->brokers_n > BROKERS_MAX ||
	    conf->boot >= 1u << ID_BOOT_BITS)
		return false;
	uint32_t own = 0;
	for (uint32_t i = 0; i < conf->brokers_n; i++)
		own += site_of(conf->brokers[i]) == site_of(conf->self);
	return own <= ACD_BROKERS_PER_SITE_MAX && queues_ok(conf) && conf_levels_ok(conf);
}

size_t acd_size(const struct acd_conf *conf)
{
	struct acd acd;

	return conf_ok(conf) ? layout(&acd, NULL, conf) : 0;
}

static void init_families(struct acd *acd)
{
	acd->family[HK_TIMER] = (struct heap_family){(unsigned char *)&acd->timer->node,
						     sizeof(struct timer), less_timer};
	acd->family[HK_MCALL] = (struct heap_family){(unsigned char *)&acd->mcalls->node,
						     sizeof(struct mcall), less_mcall};
	acd->family[HK_SLOT] = (struct heap_family){(unsigned char *)&acd->slots->node,
						    sizeof(struct slot), less_slot};
	acd->family[HK_QUEUE] = (struct heap_family){(unsigned char *)&acd->queues->node,
						     sizeof(struct queue), less_queue};
	static bool (*const less[ORDER_COUNT])(const struct acd *, uint32_t,
					       uint32_t) = {[BY_IDLE] = less_idle,
							    [BY_CALLS] = less_calls,
							    [BY_TALK] = less_talk,
							    [BY_TURN] = less_turn,
							    [BY_RANK] = less_rank};
	acd->family[HK_MAGENT + BY_IDLE] = (struct heap_family){
	    (unsigned char *)&acd->magents->idle, sizeof(struct magent), less[BY_IDLE]};
	for (uint32_t k = BY_IDLE + 1; k < ORDER_COUNT; k++)
		acd->family[HK_MAGENT + k] =
		    (struct heap_family){(unsigned char *)&acd->magents_orders->node[k - 1],
					 sizeof(struct magent_orders), less[k]};
	acd->family[HK_LINK] = (struct heap_family){(unsigned char *)&acd->links->node,
						    sizeof(struct link), less_link};
}

static void init_neighbours(struct acd *acd, const struct acd_conf *conf)
{
	uint32_t peer = 0;

	memset(acd->mnodes, 0, acd->mnodes_n * sizeof(*acd->mnodes));
	for (uint32_t i = 0; i < acd->mnodes_n; i++) {
		acd->mnodes[i].addr = acd->role == ACD_ROLE_BROKER ? conf->nodes[i] : conf->self;
		acd->mnodes[i].calls = acd->mnodes[i].agents = NIL;
		acd->mnode_no[addr_ordinal(acd->mnodes[i].addr.v)] = (uint8_t)(i + 1);
	}
	memset(acd->slots, 0, (size_t)acd->queues_n * acd->peers_n * sizeof(*acd->slots));
	for (uint32_t i = 0; i < acd->queues_n * acd->peers_n; i++)
		heap_node_init(&acd->slots[i].node);
	for (uint32_t i = 0; i < conf->brokers_n; i++) {
		struct acd_addr b = conf->brokers[i];
		if (site_of(b) != site_of(conf->self)) {
			if (acd->role == ACD_ROLE_BROKER)
				acd->peers[peer++].addr = b;
		} else if (acd->role == ACD_ROLE_BROKER) {
			acd->rivals += !same_addr(b, conf->self);
		} else {
			acd->stations[acd->stations_n++] = (struct station){.addr = b};
		}
	}
}

static void init_queues(struct acd *acd, const struct acd_conf *conf)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct acd_queue_conf *c = &conf->queues[i];
		acd->queue_conf[i] = *c;
		for (uint32_t k = 0; k <= c->relax_n; k++) {
			acd->queues[n + k] = (struct queue){
			    .conf = &acd->queue_conf[i],
			    .id = c->id,
			    .prefs = c->pref_n,
			    .overflows = c->overflow_no_idle || c->overflow_timed ||
					 c->overflow_longer || c->overflow_ewt_ms ||
					 c->overflow_closed,
			    .stage = (uint8_t)k,
			    .stages = (uint8_t)(1 + c->relax_n),
			    .first = n,
			    .waits =
				c->overflow_timed || c->relax_n > 0 || c->ageing_ms > 0 || c->wants,
			    .needs = k == 0 ? able_needed(acd, c->skills, c->levels)
					    : able_needed(acd, c->relax[k - 1].skills,
							  c->relax[k - 1].levels)};
		}
		for (uint32_t k = 0; k < c->pref_n; k++) {
			struct queue *pref = &acd->queues[n + 1 + c->relax_n + k];
			*pref = acd->queues[n];
			pref->stage = (uint8_t)(ACD_PREF_STAGE + k);
			pref->needs.skills |= c->pref[k].bits;
		}
		table_put(&acd->queue_by_id, c->id.v, n);
		n += 1u + c->relax_n + c->pref_n;
	}
	helio_assert(n == acd->queues_n);
}

struct acd *acd_init(void *mem, const struct acd_conf *conf)
{
	struct acd *acd = mem;

	helio_assert(conf_ok(conf));
	memset(acd, 0, sizeof(*acd));
	layout(acd, mem, conf);
	acd->role = conf->role;
	acd->self = conf->self;
	acd->boot = conf->boot;
	acd->tm = conf->timers;
	acd->matching = acd->role == ACD_ROLE_BROKER;
	acd->ending_oldest = acd->ending_youngest = NIL;
	memset(acd->boots, 0, (ACD_SITES_MAX + 1) * ADDR_ORDINALS * sizeof(*acd->boots));
	memset(acd->calls, 0, acd->call_free.max * sizeof(*acd->calls));
	memset(acd->agents, 0, acd->agent_free.max * sizeof(*acd->agents));
	memset(acd->members, 0, acd->member_free.max * sizeof(*acd->members));
	memset(acd->endings, 0, acd->endings_max * sizeof(*acd->endings));
	memset(acd->mcalls, 0, acd->mcall_free.max * sizeof(*acd->mcalls));
	memset(acd->magents, 0, acd->magent_free.max * sizeof(*acd->magents));
	memset(acd->magents_cold, 0, acd->magent_free.max * sizeof(*acd->magents_cold));
	for (uint32_t i = 0; i < acd->magent_free.max; i++)
		for (uint32_t k = 0; k < ORDER_COUNT - 1; k++)
			heap_node_init(&acd->magents_orders[i].node[k]);
	memset(acd->claims, 0, acd->claims_max * sizeof(*acd->claims));
	init_families(acd);
	memset(acd->queues, 0, acd->queues_n * sizeof(*acd->queues));
	skills_init(acd, conf);
	init_queues(acd, conf);
	init_neighbours(acd, conf);
	pool_init(acd);
	hours_start(acd);
	return acd;
}

/* --- the step ----------------------------------------------------------------------------- */

uint32_t *boot_of(struct acd *acd, struct acd_addr a)
{
	unsigned ordinal = addr_ordinal(a.v);

	if (ordinal == 0 || ordinal >= ADDR_ORDINALS || site_of(a) == 0)
		return NULL;
	return &acd->boots[site_of(a) * ADDR_ORDINALS + ordinal];
}

uint32_t queue_find(const struct acd *acd, struct acd_queue_id id)
{
	return table_get(&acd->queue_by_id, id.v);
}

uint32_t queue_stage_find(const struct acd *acd, struct acd_queue_id id, uint8_t stage)
{
	uint32_t q = queue_find(acd, id);

	if (q == NIL)
		return NIL;
	if (stage >= ACD_PREF_STAGE)
		return stage - ACD_PREF_STAGE < acd->queues[q].prefs
			   ? q + acd->queues[q].stages + stage - ACD_PREF_STAGE
			   : NIL;
	return stage < acd->queues[q].stages ? q + stage : NIL;
}

uint64_t acd_id_next(struct acd *acd)
{
	/* 28 bits: after 2^28 ids of one boot the oldest, weeks gone, are used again. */
#ifdef ACD_MUTATE_REMEMBERS_LAST_RUN
	static uint32_t last;
	acd->seq = last++;
#endif
	acd->seq = (acd->seq + 1) & ((1u << ID_SEQ_BITS) - 1);
	if (acd->seq == 0)
		acd->seq = 1;
	return (uint64_t)acd->self.v << (ID_SEQ_BITS + ID_BOOT_BITS) |
	       (uint64_t)acd->boot << ID_SEQ_BITS | acd->seq;
}

static recv_fn *const receivers[ACD_MSG_TYPE_COUNT] = {
    [ACD_MSG_CALL_UP] = recv_call_up,
    [ACD_MSG_CALL_DOWN] = recv_call_down,
    [ACD_MSG_AGENT_UP] = recv_agent_up,
    [ACD_MSG_AGENT_DOWN] = recv_agent_down,
    [ACD_MSG_DIGEST] = recv_digest,
    [ACD_MSG_SYNC_REQ] = recv_sync_req,
    [ACD_MSG_SYNC_BEGIN] = recv_sync_begin,
    [ACD_MSG_SYNC_END] = recv_sync_end,
    [ACD_MSG_ADVERT] = recv_advert,
    [ACD_MSG_AGENT_ADVERT] = recv_agent_advert,
    [ACD_MSG_NEED] = recv_need,
    [ACD_MSG_RESERVE] = recv_reserve,
    [ACD_MSG_RESERVE_NACK] = recv_reserve_nack,
    [ACD_MSG_CLAIM] = recv_claim,
    [ACD_MSG_CLAIM_NACK] = recv_claim_nack,
    [ACD_MSG_PICK] = recv_pick,
    [ACD_MSG_PICK_NACK] = recv_pick_nack,
    [ACD_MSG_PICK_OK] = recv_pick_ok,
    [ACD_MSG_GRANT] = recv_grant,
    [ACD_MSG_RINGING] = recv_ringing,
    [ACD_MSG_COMMIT] = recv_commit,
    [ACD_MSG_BRIDGED] = recv_bridged,
    [ACD_MSG_KEEP] = recv_keep,
    [ACD_MSG_RELEASE] = recv_release,
    [ACD_MSG_RELEASED] = recv_released,
    [ACD_MSG_NACK] = recv_nack,
    [ACD_MSG_OWNER] = recv_owner,
    [ACD_MSG_RECALL] = recv_recall,
    [ACD_MSG_HOLD] = recv_hold,
};

static enum acd_verdict ev_msg(struct acd *acd, const struct acd_event *ev)
{
	uint32_t *boot = boot_of(acd, ev->from);

	if (!boot || !msg_valid(acd, ev->from, &ev->msg) || !receivers[ev->msg.type])
		return ACD_REFUSED_INVALID;
	if (ev->from_boot < *boot)
		return ACD_REFUSED_STALE;
	enum acd_verdict v = receivers[ev->msg.type](acd, ev->from, ev->from_boot, &ev->msg);
	if (v != ACD_OK)
		return v;
	if (ev->from_boot != *boot) {
		acd->boots_sum += mix64((uint64_t)ev->from.v << 32 | ev->from_boot) -
				  mix64((uint64_t)ev->from.v << 32 | *boot);
		*boot = ev->from_boot;
	}
	if (acd->role == ACD_ROLE_NODE && addr_is_broker(ev->from.v) &&
	    site_of(ev->from) == site_of(acd->self))
		island_heard(acd);
	return ACD_OK;
}

static enum acd_verdict ev_drain(struct acd *acd, const struct acd_event *ev)
{
	if (acd->role != ACD_ROLE_NODE)
		return ACD_REFUSED_STATE;
	if (acd->draining != ev->on) {
		acd->draining = ev->on;
		agent_announce_all(acd);
	}
	return ACD_OK;
}

static bool while_suspended(enum acd_event_type type)
{
	return type == ACD_EV_TIME || type == ACD_EV_RECOVER || type == ACD_EV_CALL_ADOPTED ||
	       type == ACD_EV_CALL_FENCED || type == ACD_EV_HOURS || type == ACD_EV_SUSPEND;
}

static enum acd_verdict handle(struct acd *acd, const struct acd_event *ev)
{
	if (ev->type > ACD_EV_MSG && ev->type != ACD_EV_DRAIN && ev->type != ACD_EV_HOURS &&
	    ev->type != ACD_EV_NODE_GONE && acd->role != ACD_ROLE_NODE)
		return ACD_REFUSED_STATE;
	if (acd->suspended && !while_suspended(ev->type))
		return ACD_REFUSED_STATE;
	switch (ev->type) {
	case ACD_EV_TIME: return ACD_OK;
	case ACD_EV_MSG: return ev_msg(acd, ev);
	case ACD_EV_CALL_ARRIVED: return ev_call_arrived(acd, ev);
	case ACD_EV_CALL_GONE: return ev_call_gone(acd, ev);
	case ACD_EV_AGENT_SIGN_IN:
	case ACD_EV_AGENT_SIGN_OUT:
	case ACD_EV_AGENT_READY:
	case ACD_EV_AGENT_NOT_READY:
	case ACD_EV_AGENT_ACCEPT:
	case ACD_EV_AGENT_REJECT:
	case ACD_EV_AGENT_HANGUP:
	case ACD_EV_AGENT_WRAP_DONE:
	case ACD_EV_SESSION_LOST:
	case ACD_EV_AGENT_SKILLS:
	case ACD_EV_SESSION_RESUMED: return ev_agent(acd, ev);
	case ACD_EV_MEDIA_FAILED: return ev_media_failed(acd, ev);
	case ACD_EV_DRAIN: return ev_drain(acd, ev);
	case ACD_EV_AGENT_FORCE: return ev_agent_force(acd, ev);
	case ACD_EV_RECOVER: return ev_recover(acd, ev);
	case ACD_EV_CALL_ADOPTED: return ev_call_adopted(acd, ev);
	case ACD_EV_CALL_FENCED: return ev_call_fenced(acd, ev);
	case ACD_EV_AGENT_SEEN: return ev_agent_seen(acd, ev);
	case ACD_EV_HOURS: return ev_hours(acd, ev);
	case ACD_EV_SUSPEND: acd->suspended = ev->on; return ACD_OK;
	case ACD_EV_NODE_GONE: return mirror_node_gone(acd, ev->from, ev->from_boot);
	case ACD_EV_TYPE_COUNT: break;
	}
	return ACD_REFUSED_INVALID;
}

/* Everything that an event stirs up and that may be longer than one batch of effects. */
static bool pump_once(struct acd *acd)
{
	/* Matches first: an advert must not offer to others what somebody here takes. */
	return match_some(acd) || advert_some(acd) || timer_fire_next(acd) ||
	       announce_sync_some(acd);
}

static bool pump(struct acd *acd)
{
	if (acd->suspended)
		return false;
	while (fx_room(acd))
		if (!pump_once(acd))
			return false;
	return true;
}

void matcher_ask(struct acd *acd)
{
	/* A matcher with an empty memory waits for what the nodes hold, so that the first caller it
	 * hears of is not taken for the oldest. A link may need a while to come up, and takes no
	 * question before; then each node says a DIGEST, and one round more is for the answer. Not
	 * longer: a site's only broker is waited for (1 s at most, DESIGN §10). */
	acd->hold_until = after_ms(acd, acd->tm.digest_ms + acd->tm.advert_ms);
	timer_set(acd, TM_ISLAND, 0, acd->hold_until);
	for (uint32_t i = 0; i < acd->mnodes_n; i++)
		sync_ask(acd, &acd->mnodes[i]);
}

/* The first event tells what time it is; timers start from there. */
static void start(struct acd *acd)
{
	acd->started = true;
	acd->broker_heard = acd->now;
	timer_set(acd, TM_TICK, 0, acd->now);
	if (acd->role == ACD_ROLE_BROKER)
		matcher_ask(acd);
	else
		timer_set(acd, TM_ISLAND, 0,
			  acd->stations_n > 0 ? after_ms(acd, acd->tm.broker_silent_ms) : acd->now);
}

enum acd_verdict acd_step(struct acd *acd, const struct acd_event *ev, struct acd_effects *ret_fx)
{
	enum acd_verdict v = ACD_REFUSED_LIMIT;

	bool room = acd->out_n < OUTBOX_REFUSE;
	fx_begin(acd, ret_fx);
	if (room) {
		acd_time_us before = acd->now;
		if (ev->now > acd->now)
			acd->now = ev->now;
		v = handle(acd, ev);
		if (v == ACD_OK) {
			if (!acd->started)
				start(acd);
			pump(acd);
		} else {
			acd->now = before;
		}
	}
	fx_end(acd);
	ret_fx->more = acd->out_n > 0 || acd_deadline(acd) <= acd->now;
	return v;
}

acd_time_us acd_deadline(const struct acd *acd)
{
	if (!acd->started || acd->out_n > 0)
		return acd->now;
	if (acd->suspended)
		return UINT64_MAX;
	if (acd->round.on)
		return acd->now;
	if (acd->matching && acd->unheld &&
	    (acd->dirty_needs.head != NIL || acd->dirty_classes.head != NIL ||
	     acd->asked.head != NIL))
		return acd->now;
	for (uint32_t i = 0; i < acd->stations_n; i++)
		if (acd->stations[i].sync_on)
			return acd->now;
	return acd->timers.root == NIL ? UINT64_MAX : acd->timer[acd->timers.root].at;
}
