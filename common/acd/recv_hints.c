/* Announcements of nodes, as a broker takes them in; and DIGEST and SYNC that repair them. */
#include "common/acd/acd_internal.h"

/* So many in a row are lost once in six hundred times at 20 % loss; then its callers wait for one
 * round trip more. */
enum { NODE_LOST_DIGESTS = 4 };

typedef enum acd_verdict mirror_fn(struct acd *acd, uint32_t node, const struct acd_msg *m);

/* A node that was restarted holds nothing of what it announced before. */
static bool meet(struct acd *acd, uint32_t node, uint32_t boot)
{
	struct mnode *n = &acd->mnodes[node];

	if (boot <= n->boot)
		return false;
	mirror_forget(acd, node, UINT64_MAX, UINT64_MAX);
	claims_node_lost(acd, node);
	n->boot = boot;
	n->sync_id = 0;
	n->synced = false;
	n->asked = false;
	n->digest_at = 0;
	return true;
}

/* Nothing of it can be matched, but nothing is wrong either: its next DIGEST differs, and it says
 * all again. Calls and agents of a node that is dead would be tried first, for ever. */
static void lose(struct acd *acd, uint32_t node)
{
	mirror_forget(acd, node, UINT64_MAX, UINT64_MAX);
	claims_node_lost(acd, node);
	acd->mnodes[node].sync_id = 0;
}

enum acd_verdict mirror_node_gone(struct acd *acd, struct acd_addr addr, uint32_t boot)
{
	uint32_t node = mnode_find(acd, addr);

	if (acd->role == ACD_ROLE_NODE && addr_is_broker(addr.v)) {
		agents_broker_gone(acd, addr);
		return ACD_OK;
	}
	if (!addr_is_node(addr.v) || same_addr(addr, acd->self))
		return ACD_REFUSED_INVALID;
	if (acd->role == ACD_ROLE_NODE) {
		calls_node_gone(acd, addr, boot);
		return ACD_OK;
	}
	if (node == NIL)
		return ACD_REFUSED_UNKNOWN;
	if (acd->mnodes[node].boot > boot)
		return ACD_REFUSED_STALE;
	lose(acd, node);
	return ACD_OK;
}

void mirror_tick(struct acd *acd)
{
	for (uint32_t i = 0; i < acd->mnodes_n; i++) {
		const struct mnode *n = &acd->mnodes[i];
		if (n->count && n->digest_at &&
		    acd->now > n->digest_at + NODE_LOST_DIGESTS * acd->tm.digest_ms * US_PER_MS)
			lose(acd, i);
	}
}

void sync_ask(struct acd *acd, struct mnode *n)
{
	n->asked = true;
	n->asked_at = acd->now;
	fx_send(acd, n->addr, &(struct acd_msg){.type = ACD_MSG_SYNC_REQ});
}

static enum acd_verdict hint(struct acd *acd, struct acd_addr from, uint32_t boot,
			     const struct acd_msg *m, mirror_fn *take)
{
	uint32_t node = mnode_find(acd, from);

	if (acd->role != ACD_ROLE_BROKER || node == NIL)
		return ACD_REFUSED_INVALID;
	bool anew = meet(acd, node, boot);
	enum acd_verdict v = take(acd, node, m);
	/* What was asked at the start went into a link that was not up yet. */
	if (anew && !acd->unheld && !acd->mnodes[node].asked)
		sync_ask(acd, &acd->mnodes[node]);
	return anew ? ACD_OK : v; /* meeting it changed something, whatever it said */
}

enum acd_verdict recv_call_up(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	return hint(acd, from, boot, m, mirror_call_up);
}

enum acd_verdict recv_call_down(struct acd *acd, struct acd_addr from, uint32_t boot,
				const struct acd_msg *m)
{
	return hint(acd, from, boot, m, mirror_call_down);
}

enum acd_verdict recv_agent_up(struct acd *acd, struct acd_addr from, uint32_t boot,
			       const struct acd_msg *m)
{
	return hint(acd, from, boot, m, mirror_agent_up);
}

enum acd_verdict recv_agent_down(struct acd *acd, struct acd_addr from, uint32_t boot,
				 const struct acd_msg *m)
{
	return hint(acd, from, boot, m, mirror_agent_down);
}

static void synced(struct acd *acd, struct mnode *n)
{
	n->synced = true;
	for (uint32_t i = 0; i < acd->mnodes_n; i++)
		if (!acd->mnodes[i].synced)
			return;
	acd->unheld = true;
}

static enum acd_verdict take_digest(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];
	bool equal = n->sum == m->digest && n->count == m->count;
	/* Silent for longer than one DIGEST may be lost: what came since may have lain somewhere,
	 * and its age with it. The sums do not show that. */
	if (n->digest_at && acd->now > n->digest_at + 2 * acd->tm.digest_ms * US_PER_MS)
		equal = false;
	n->digest_at = acd->now;

	if (equal)
		synced(acd, n);
	else if (!n->asked || acd->now >= n->asked_at + acd->tm.digest_ms * US_PER_MS / 2)
		sync_ask(acd, n);
	/* The echo tells the node that a broker of its site lives. */
	fx_send(acd, n->addr,
		&(struct acd_msg){.type = ACD_MSG_DIGEST,
				  .digest = n->sum,
				  .count = n->count,
				  .version = m->version});
	return ACD_OK;
}

enum acd_verdict recv_digest(struct acd *acd, struct acd_addr from, uint32_t boot,
			     const struct acd_msg *m)
{
	if (acd->role == ACD_ROLE_NODE)
		return ACD_OK; /* acd.c has noted that it was heard */
	return hint(acd, from, boot, m, take_digest);
}

static enum acd_verdict take_sync_begin(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	acd->mnodes[node].sync_id = m->version;
	acd->mnodes[node].sync_seen = 0;
	return ACD_OK;
}

enum acd_verdict recv_sync_begin(struct acd *acd, struct acd_addr from, uint32_t boot,
				 const struct acd_msg *m)
{
	return hint(acd, from, boot, m, take_sync_begin);
}

static enum acd_verdict take_sync_end(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];

	if (n->sync_id != m->version)
		return ACD_REFUSED_STALE;
	/* Incomplete: forget nothing; the next DIGEST differs and asks again. */
	if (n->sync_seen == m->count) {
#ifndef ACD_MUTATE_SYNC_FORGETS_NOTHING
		mirror_forget(acd, node, n->sync_id, n->sync_id);
#endif
		synced(acd, n);
	}
	n->sync_id = 0;
	return ACD_OK;
}

enum acd_verdict recv_sync_end(struct acd *acd, struct acd_addr from, uint32_t boot,
			       const struct acd_msg *m)
{
	return hint(acd, from, boot, m, take_sync_end);
}
