/* The matcher's memory of its site, built from what the nodes announce. All of it is hints: a lost
 * or late message costs time, never a call. */
#include "common/acd/acd_internal.h"

#include <string.h>

uint32_t mnode_find(const struct acd *acd, struct acd_addr a)
{
	for (uint32_t i = 0; i < acd->mnodes_n; i++)
		if (same_addr(acd->mnodes[i].addr, a))
			return i;
	return NIL;
}

static void seen_in_sync(struct mnode *n, const struct acd_msg *m, uint64_t *mark)
{
	if (m->digest == 0 || m->digest != n->sync_id || *mark == m->digest)
		return;
	*mark = m->digest;
	n->sync_seen++;
}

/* --- calls ---------------------------------------------------------------------------------------
 */

void mirror_remove_call(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct mnode *n = &acd->mnodes[c->mnode];

	if (c->state == MCALL_WAITING)
		pool_call_out(acd, i);
	timer_stop(acd, TM_RIPE, i);
	if (c->claim != NIL)
		acd->claims[c->claim].mcall = NIL;
	n->sum -= announce_hash(c->id.v, c->version);
	n->count--;
	if (c->prev != NIL)
		acd->mcalls[c->prev].next = c->next;
	else
		n->calls = c->next;
	if (c->next != NIL)
		acd->mcalls[c->next].prev = c->prev;
	table_del(&acd->mcall_by_id, c->id.v);
	memset(c, 0, sizeof(*c));
	freelist_give(&acd->mcall_free, i);
}

static enum acd_verdict add_call(struct acd *acd, uint32_t node, uint32_t queue,
				 const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];
	const struct acd_queue_conf *q = &acd->queues[queue].conf;
	uint32_t i = freelist_take(&acd->mcall_free);

	if (i == NIL)
		return ACD_REFUSED_LIMIT;
	struct mcall *c = &acd->mcalls[i];
	memset(c, 0, sizeof(*c));
	heap_node_init(&c->node);
	c->used = true;
	c->id = m->call;
	c->mnode = node;
	c->queue = queue;
	c->priority = m->priority;
	c->queued_at = when(acd, m->age_us);
	c->version = m->version;
	c->claim = NIL;
	c->prev = NIL;
	c->next = n->calls;
	if (c->next != NIL)
		acd->mcalls[c->next].prev = i;
	n->calls = i;
	n->count++;
	n->sum += announce_hash(c->id.v, c->version);
	table_put(&acd->mcall_by_id, c->id.v, i);
	seen_in_sync(n, m, &c->mark);
	if (q->overflow_timed) {
		int64_t ripe_at = c->queued_at + (int64_t)(q->overflow_after_ms * US_PER_MS);
		c->ripe = ripe_at <= (int64_t)acd->now;
		if (!c->ripe)
			timer_set(acd, TM_RIPE, i, (acd_time_us)ripe_at);
	}
	pool_call_in(acd, i);
	return ACD_OK;
}

void mirror_ripe_timer(struct acd *acd, uint32_t i)
{
	bool waiting = acd->mcalls[i].state == MCALL_WAITING;

	if (waiting)
		pool_call_out(acd, i);
	acd->mcalls[i].ripe = true;
	if (waiting)
		pool_call_in(acd, i);
}

enum acd_verdict mirror_call_up(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t queue = queue_find(acd, m->queue);
	uint32_t i = table_get(&acd->mcall_by_id, m->call.v);

	if (queue == NIL)
		return ACD_REFUSED_UNKNOWN;
	if (i != NIL) {
		struct mcall *c = &acd->mcalls[i];
		if (c->mnode != node)
			return ACD_REFUSED_INVALID;
		if (m->version < c->version)
			return ACD_REFUSED_STALE;
		if (m->version == c->version) {
			seen_in_sync(&acd->mnodes[node], m, &c->mark);
			return ACD_OK;
		}
		mirror_remove_call(acd, i);
	}
	return add_call(acd, node, queue, m);
}

enum acd_verdict mirror_call_down(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->mcall_by_id, m->call.v);

	if (i == NIL)
		return ACD_OK;
	if (acd->mcalls[i].mnode != node || m->version < acd->mcalls[i].version)
		return ACD_REFUSED_STALE;
	mirror_remove_call(acd, i);
	return ACD_OK;
}

/* --- agents --------------------------------------------------------------------------------------
 */

void mirror_remove_agent(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];
	struct mnode *n = &acd->mnodes[a->mnode];

	if (heap_holds(&a->node))
		pool_agent_out(acd, i);
	pool_class_release(acd, a->cls);
	n->sum -= announce_hash(a->session.v, a->version);
	n->count--;
	if (a->prev != NIL)
		acd->magents[a->prev].next = a->next;
	else
		n->agents = a->next;
	if (a->next != NIL)
		acd->magents[a->next].prev = a->prev;
	table_del(&acd->magent_by_session, a->session.v);
	memset(a, 0, sizeof(*a));
	freelist_give(&acd->magent_free, i);
}

static enum acd_verdict add_agent(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];
	uint32_t cls;

	if (!pool_class_of(acd, m->skills, &cls))
		return ACD_REFUSED_LIMIT;
	uint32_t i = freelist_take(&acd->magent_free);
	if (i == NIL) {
		pool_class_release(acd, cls);
		return ACD_REFUSED_LIMIT;
	}
	struct magent *a = &acd->magents[i];
	memset(a, 0, sizeof(*a));
	heap_node_init(&a->node);
	a->used = true;
	a->session = m->session;
	a->id = m->agent;
	a->skills = m->skills;
	a->mnode = node;
	a->cls = cls;
	a->claim = NIL;
	a->idle_since = when(acd, m->age_us);
	a->version = m->version;
	a->prev = NIL;
	a->next = n->agents;
	if (a->next != NIL)
		acd->magents[a->next].prev = i;
	n->agents = i;
	n->count++;
	n->sum += announce_hash(a->session.v, a->version);
	table_put(&acd->magent_by_session, a->session.v, i);
	seen_in_sync(n, m, &a->mark);
	pool_agent_in(acd, i);
	return ACD_OK;
}

enum acd_verdict mirror_agent_up(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->magent_by_session, m->session.v);

	if (i != NIL) {
		struct magent *a = &acd->magents[i];
		if (a->mnode != node)
			return ACD_REFUSED_INVALID;
		if (m->version < a->version)
			return ACD_REFUSED_STALE;
		if (m->version == a->version) {
			seen_in_sync(&acd->mnodes[node], m, &a->mark);
			return ACD_OK;
		}
		mirror_remove_agent(acd, i);
	}
	return add_agent(acd, node, m);
}

enum acd_verdict mirror_agent_down(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->magent_by_session, m->session.v);

	if (i == NIL)
		return ACD_OK;
	struct magent *a = &acd->magents[i];
	if (a->mnode != node || m->version < a->version)
		return ACD_REFUSED_STALE;
	/* Reserved by us for another site: the claim goes there directly, our part is done. */
	if (a->claim != NIL && acd->claims[a->claim].slot != NIL)
		claim_free(acd, a->claim);
	mirror_remove_agent(acd, i);
	return ACD_OK;
}

/* Everything of a node that a SYNC did not mention, or all of it (unless_mark matches nothing). */
void mirror_forget(struct acd *acd, uint32_t node, uint64_t unless_mark, uint64_t up_to_version)
{
	for (uint32_t i = acd->mnodes[node].calls, next; i != NIL; i = next) {
		next = acd->mcalls[i].next;
		if (acd->mcalls[i].mark != unless_mark && acd->mcalls[i].version <= up_to_version)
			mirror_remove_call(acd, i);
	}
	for (uint32_t i = acd->mnodes[node].agents, next; i != NIL; i = next) {
		next = acd->magents[i].next;
		if (acd->magents[i].mark != unless_mark && acd->magents[i].version <= up_to_version)
			mirror_remove_agent(acd, i);
	}
}
