/*
 * Offers: what travels beside GRANT, RINGING and COMMIT, and beside OWNER, RECALL and HOLD, which
 * set the same trunk up anew. COMMIT says again what RINGING said: on a bad line RINGING can be
 * lost, and the core bridges on COMMIT alone; a talk without the agent's key is dead air. The core
 * decides who talks to whom; here live the SRTP trunk between the two nodes and the caller's name
 * for the page, keyed by offer and side (when owner and agent share a node there is no trunk and no
 * offer).
 */
#include "nodes/node.h"
#include "nodes/node_tasks.h"

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>

static uint32_t offer_key(uint64_t id, enum offer_side side)
{
	return hash_fast((const char *)&id, sizeof(id)) ^ (uint32_t)side;
}

struct offer_query {
	uint64_t id;
	enum offer_side side;
};

static bool offer_match(struct le *le, void *arg)
{
	const struct offer *o = le->data;
	const struct offer_query *q = arg;
	return o->id == q->id && o->side == q->side;
}

struct offer *offer_find(const struct node *n, uint64_t id, enum offer_side side)
{
	struct offer_query q = {id, side};
	return list_ledata(hash_lookup(n->offers, offer_key(id, side), offer_match, &q));
}

static void offer_destroy(void *arg)
{
	struct offer *o = arg;
	hash_unlink(&o->he);
	node_silence_forget(o->n, &o->silence);
	memset(o->local.key, 0, sizeof(o->local.key));
	memset(o->remote.key, 0, sizeof(o->remote.key));
	memset(o->next.key, 0, sizeof(o->next.key));
}

static struct offer *offer_make(struct node *n, const struct acd_msg *msg, uint16_t peer,
				enum offer_side side)
{
	struct offer *o = mem_zalloc(sizeof(*o), offer_destroy);
	if (!o)
		return NULL;
	o->n = n;
	o->id = msg->offer.v;
	o->side = side;
	o->call = msg->call.v;
	o->peer = peer;
	hash_append(n->offers, offer_key(o->id, side), &o->he, o);
	return o;
}

void offer_drop(struct node *n, uint64_t id, enum offer_side side)
{
	struct offer *o = offer_find(n, id, side);
	if (!o)
		return;
	if (o->have_leg)
		media_leg_close(n->media, o->leg);
	mem_deref(o);
}

static int leg_make(struct node *n, struct offer *o, enum media_codec codec)
{
	if (o->have_leg)
		return 0;
	int err = media_leg_trunk(n->media, id_seq(o->call), codec, &o->leg, &o->local);
	if (err)
		return err;
	o->have_leg = true;
	if (o->have_remote)
		err = media_leg_trunk_remote(n->media, o->leg, &o->remote);
	return err;
}

static void media_to_pb(Media *pb, const struct media_trunk *t)
{
	pb->ip4 = t->ip4;
	pb->port = t->port;
	pb->ssrc = t->ssrc;
	pb->payload_type = t->codec == MEDIA_PCMA ? 8 : 0;
	pb->key.size = MEDIA_KEY_LEN;
	memcpy(pb->key.bytes, t->key, MEDIA_KEY_LEN);
}

static int media_from_pb(struct media_trunk *t, const Media *pb)
{
	if (!pb->ip4 || !pb->port || pb->port > 65535 || pb->key.size != MEDIA_KEY_LEN)
		return EBADMSG;
	if (pb->payload_type != 0 && pb->payload_type != 8)
		return EBADMSG;
	t->ip4 = pb->ip4;
	t->port = (uint16_t)pb->port;
	t->ssrc = pb->ssrc;
	t->codec = pb->payload_type == 8 ? MEDIA_PCMA : MEDIA_PCMU;
	memcpy(t->key, pb->key.bytes, MEDIA_KEY_LEN);
	return 0;
}

bool offer_carries(enum acd_msg_type type)
{
	return type == ACD_MSG_GRANT || type == ACD_MSG_RINGING || type == ACD_MSG_COMMIT ||
	       type == ACD_MSG_OWNER || type == ACD_MSG_RECALL || type == ACD_MSG_HOLD;
}

static bool from_owner(const struct acd_msg *msg)
{
	return msg->type == ACD_MSG_GRANT || msg->type == ACD_MSG_OWNER ||
	       msg->type == ACD_MSG_RECALL;
}

/* The core holds on under the new owner: the old trunk's key and far end are gone for good. */
static void next_take(struct node *n, struct offer *o, uint16_t to)
{
	if (!o->have_next || o->next_peer != to)
		return;
	o->have_next = false;
	if (o->have_remote && o->peer == to &&
	    memcmp(o->remote.key, o->next.key, sizeof(o->next.key)) == 0)
		return; /* OWNER again: our HOLD was lost */
	if (o->have_leg)
		media_leg_close(n->media, o->leg);
	o->have_leg = false;
	o->peer = to;
	o->remote = o->next;
	o->have_remote = true;
}

int offer_attach(struct node *n, const struct acd_msg *msg, uint16_t to, Acd *pb)
{
	enum offer_side side = from_owner(msg) ? OFFER_OWNER : OFFER_AGENT;
	struct offer *o = offer_find(n, msg->offer.v, side);
	enum media_codec codec = MEDIA_PCMU;
	if (from_owner(msg)) {
		const struct call *c = node_call_find(n, msg->call.v);
		if (!c)
			return node_tasks_grant(n, msg->call.v, pb);
		if (!o)
			o = offer_make(n, msg, to, side);
		if (!o)
			return ENOMEM;
		codec = c->codec == SIP_PCMA ? MEDIA_PCMA : MEDIA_PCMU;
		(void)str_copy(pb->caller, sizeof(pb->caller), c->caller ? c->caller : "");
		(void)str_copy(pb->caller_name, sizeof(pb->caller_name),
			       c->caller_name ? c->caller_name : "");
	} else {
		if (o && o->task)
			return 0;
		if (o)
			next_take(n, o, to);
		if (!o || !o->have_remote)
			return ENOENT; /* a GRANT without media: nothing to talk to */
		codec = o->remote.codec;
	}
	int err = leg_make(n, o, codec);
	if (err)
		return err;
	pb->has_media = true;
	media_to_pb(&pb->media, &o->local);
	return 0;
}

/* Nothing is changed yet: it may be the message of an owner of old. */
static void owner_note(struct node *n, const struct acd_msg *msg, uint16_t from,
		       const struct media_trunk *remote)
{
	struct offer *o = offer_find(n, msg->offer.v, OFFER_AGENT);
	if (!o) /* the call was here until its node died: there was no trunk */
		o = offer_make(n, msg, from, OFFER_AGENT);
	if (!o || o->call != msg->call.v)
		return;
	o->next = *remote;
	o->next_peer = from;
	o->have_next = true;
}

void offer_note(struct node *n, const struct acd_msg *msg, uint16_t from, const Acd *pb)
{
	bool grant = from_owner(msg);
	enum offer_side side = grant ? OFFER_AGENT : OFFER_OWNER;
	struct offer *o = offer_find(n, msg->offer.v, side);
	struct media_trunk remote;
	if (grant && pb->task && !o) {
		o = offer_make(n, msg, from, side);
		if (!o)
			return;
		o->task = pb->task == TASK_VOICEMAIL ? TASK_VOICEMAIL : TASK_CALLBACK;
		(void)str_copy(o->caller, sizeof(o->caller), pb->caller);
		(void)str_copy(o->caller_name, sizeof(o->caller_name), pb->caller_name);
		return;
	}
	if (!pb->has_media || media_from_pb(&remote, &pb->media))
		return;
	if (msg->type == ACD_MSG_OWNER) {
		owner_note(n, msg, from, &remote);
		return;
	}
	if (o && (o->peer != from || o->call != msg->call.v))
		return; /* another triple under a known offer: the core answers NACK */
	if (!o && grant)
		o = offer_make(n, msg, from, side);
	if (!o || o->have_remote)
		return;
	o->remote = remote;
	o->have_remote = true;
	if (grant) {
		(void)str_copy(o->caller, sizeof(o->caller), pb->caller);
		(void)str_copy(o->caller_name, sizeof(o->caller_name), pb->caller_name);
	} else if (o->have_leg) {
		int err = media_leg_trunk_remote(n->media, o->leg, &o->remote);
		if (err)
			log_warn("offer.trunk_remote", "err=%d", err);
	}
}

void offer_note_end(struct node *n, uint64_t id)
{
	struct offer *o = offer_find(n, id, OFFER_AGENT);
	if (!o || !o->have_next)
		return;
	o->have_next = false; /* refused */
	if (!o->have_leg && !o->have_remote)
		offer_drop(n, id, OFFER_AGENT);
}
