/* What a message must look like before any entry is looked at: one row per type says who may send
 * it to whom and which fields it cannot do without. */
#include "common/acd/acd_internal.h"

enum sender {
	FROM_NOBODY,
	FROM_OWN_NODE,    /* a node of the broker's site; on an island the node itself */
	FROM_ANY_NODE,    /* to a node */
	FROM_CLAIMER,     /* a node of any site to a broker; on an island the node itself */
	FROM_MATCHER,     /* a broker of the node's site, or the node itself */
	FROM_ANY_MATCHER, /* a broker of any site to a node, or the node itself */
	FROM_DIGESTER,    /* node to its broker, and the broker's echo */
	FROM_PEER,        /* a broker of another site to a broker */
};

enum field {
	F_OFFER = 1,
	F_CALL = 2,
	F_SESSION = 4,
	F_AGENT = 8,
	F_QUEUE = 16,
	F_VERSION = 32,
	F_CEPOCH = 64,
	F_SIDE = 128,
	F_CAUSE = 256,
	F_TRIPLE = F_OFFER | F_CALL | F_CEPOCH,
	F_WHO = F_SESSION | F_AGENT,
};

static const struct row {
	enum sender sender;
	unsigned fields;
} rows[ACD_MSG_TYPE_COUNT] = {
    [ACD_MSG_CALL_UP] = {FROM_OWN_NODE, F_CALL | F_QUEUE | F_VERSION},
    [ACD_MSG_CALL_DOWN] = {FROM_OWN_NODE, F_CALL | F_VERSION},
    [ACD_MSG_AGENT_UP] = {FROM_OWN_NODE, F_WHO | F_VERSION},
    [ACD_MSG_AGENT_DOWN] = {FROM_OWN_NODE, F_WHO | F_VERSION},
    [ACD_MSG_DIGEST] = {FROM_DIGESTER, 0},
    [ACD_MSG_SYNC_REQ] = {FROM_MATCHER, 0},
    [ACD_MSG_SYNC_BEGIN] = {FROM_OWN_NODE, F_VERSION},
    [ACD_MSG_SYNC_END] = {FROM_OWN_NODE, F_VERSION},
    [ACD_MSG_ADVERT] = {FROM_PEER, F_QUEUE | F_VERSION},
    [ACD_MSG_AGENT_ADVERT] = {FROM_PEER, F_QUEUE | F_VERSION},
    [ACD_MSG_NEED] = {FROM_PEER, F_AGENT | F_QUEUE},
    [ACD_MSG_RESERVE] = {FROM_MATCHER, F_OFFER | F_WHO | F_QUEUE},
    [ACD_MSG_RESERVE_NACK] = {FROM_OWN_NODE, F_OFFER | F_WHO | F_CAUSE},
    [ACD_MSG_CLAIM] = {FROM_CLAIMER, F_OFFER | F_WHO | F_QUEUE},
    [ACD_MSG_CLAIM_NACK] = {FROM_ANY_MATCHER, F_OFFER | F_QUEUE | F_CAUSE},
    [ACD_MSG_PICK] = {FROM_MATCHER, F_OFFER | F_CALL | F_WHO | F_QUEUE},
    [ACD_MSG_PICK_NACK] = {FROM_OWN_NODE, F_OFFER | F_CALL | F_CAUSE},
    [ACD_MSG_PICK_OK] = {FROM_OWN_NODE, F_OFFER | F_CALL},
    [ACD_MSG_GRANT] = {FROM_ANY_NODE, F_TRIPLE | F_WHO | F_QUEUE},
    [ACD_MSG_RINGING] = {FROM_ANY_NODE, F_TRIPLE},
    [ACD_MSG_COMMIT] = {FROM_ANY_NODE, F_TRIPLE},
    [ACD_MSG_BRIDGED] = {FROM_ANY_NODE, F_TRIPLE},
    [ACD_MSG_KEEP] = {FROM_ANY_NODE, F_TRIPLE | F_SIDE},
    [ACD_MSG_RELEASE] = {FROM_ANY_NODE, F_TRIPLE | F_SIDE | F_CAUSE},
    [ACD_MSG_RELEASED] = {FROM_ANY_NODE, F_TRIPLE | F_SIDE},
    [ACD_MSG_NACK] = {FROM_ANY_NODE, F_TRIPLE | F_SIDE | F_CAUSE},
    [ACD_MSG_OWNER] = {FROM_ANY_NODE, F_TRIPLE | F_VERSION},
    [ACD_MSG_RECALL] = {FROM_ANY_NODE, F_TRIPLE | F_WHO | F_QUEUE},
    [ACD_MSG_HOLD] = {FROM_ANY_NODE, F_TRIPLE | F_WHO},
};

enum {
	/* Nobody wraps up for a day or lets it ring for an hour: a misread configuration. */
	WRAP_UP_MAX_MS = 24 * 3600 * 1000,
	RING_MAX_MS = 3600 * 1000,
};

static bool sender_ok(const struct acd *acd, struct acd_addr from, enum sender sender)
{
	bool node = acd->role == ACD_ROLE_NODE, broker = !node;
	bool self = same_addr(from, acd->self);
	bool own_site = site_of(from) == site_of(acd->self);
	bool from_node = addr_is_node(from.v), from_broker = addr_is_broker(from.v);

	switch (sender) {
	case FROM_NOBODY: return false;
	case FROM_OWN_NODE: return node ? self : from_node && own_site;
	case FROM_ANY_NODE: return node && from_node;
	case FROM_CLAIMER: return node ? self : from_node;
	case FROM_MATCHER: return node && (self || (from_broker && own_site));
	case FROM_ANY_MATCHER: return node && (self || from_broker);
	case FROM_DIGESTER: return own_site && (node ? from_broker : from_node);
	case FROM_PEER: return broker && from_broker && !own_site;
	}
	return false;
}

static bool fields_ok(const struct acd_msg *m, unsigned f)
{
	return !((f & F_OFFER && m->offer.v == 0) || (f & F_CALL && m->call.v == 0) ||
		 (f & F_SESSION && m->session.v == 0) || (f & F_AGENT && m->agent.v == 0) ||
		 (f & F_QUEUE && m->queue.v == 0) || (f & F_VERSION && m->version == 0) ||
		 (f & F_CEPOCH && m->cepoch == 0) || (f & F_CAUSE && m->cause == ACD_CAUSE_NONE) ||
		 (f & F_SIDE && m->state != ACD_SIDE_OWNER && m->state != ACD_SIDE_AGENT));
}

/* An epoch names the node that minted it, and calls never leave their site. */
static bool owner_ok(struct acd_addr owner, const struct acd_msg *m)
{
	return (m->cepoch & 63) == addr_ordinal(owner.v) &&
	       addr_site(id_addr(m->call.v)) == site_of(owner);
}

static bool stage_ok(uint8_t stage)
{
	return stage <= ACD_RELAX_MAX ||
	       (stage >= ACD_PREF_STAGE && stage < ACD_PREF_STAGE + ACD_PREFS_MAX);
}

bool msg_valid(const struct acd *acd, struct acd_addr from, const struct acd_msg *m)
{
	if ((unsigned)m->type >= ACD_MSG_TYPE_COUNT)
		return false;
	const struct row *row = &rows[m->type];
	if (!sender_ok(acd, from, row->sender) || !fields_ok(m, row->fields))
		return false;
	if (m->cause > ACD_CAUSE_CLOSED || m->age_us > AGE_MAX_US || m->idle_us > AGE_MAX_US ||
	    m->talk_us > AGE_MAX_US || m->turn_us > AGE_MAX_US || !stage_ok(m->stage) ||
	    m->wrap_up_ms > WRAP_UP_MAX_MS || m->ring_timeout_ms > RING_MAX_MS)
		return false;
	/* Versions only grow; one near the end of its range would shut out all that follow. */
	if (m->version >= UINT64_MAX / 2 || m->wanted > m->count)
		return false;

	bool from_owner = m->type == ACD_MSG_GRANT || m->type == ACD_MSG_BRIDGED ||
			  m->type == ACD_MSG_OWNER || m->type == ACD_MSG_RECALL ||
			  (row->fields & F_SIDE && m->state == ACD_SIDE_OWNER);
	if (from_owner)
		return owner_ok(from, m);
	if ((m->type == ACD_MSG_AGENT_UP || m->type == ACD_MSG_CLAIM) && !levels_valid(m->levels))
		return false;
	if (m->type == ACD_MSG_CALL_UP) /* a site announces only its own calls */
		return addr_site(id_addr(m->call.v)) == site_of(from) && acd_wants_ok(m->want);
	if (m->type == ACD_MSG_HOLD)
		return m->state == ACD_AGENT_RINGING || m->state == ACD_AGENT_COMMITTED ||
		       m->state == ACD_AGENT_TALKING;
	if (m->type == ACD_MSG_RESERVE)
		return m->site == site_of(m->peer) &&
		       (addr_is_broker(m->peer.v) || same_addr(m->peer, acd->self));
	if (m->type == ACD_MSG_CLAIM)
		return same_addr(m->node, from);
	if (m->type == ACD_MSG_PICK)
		return addr_is_node(m->node.v) && site_of(m->node) != 0;
	return true;
}
