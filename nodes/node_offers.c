/*
 * Offers: what travels beside GRANT and RINGING. The core decides who talks to whom; here live the
 * SRTP trunk between the two nodes and the caller's name for the page, keyed by offer and side
 * (when owner and agent share a node there is no trunk and no offer).
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
	memset(o->local.key, 0, sizeof(o->local.key));
	memset(o->remote.key, 0, sizeof(o->remote.key));
}

static struct offer *offer_make(struct node *n, const struct acd_msg *msg, uint16_t peer,
				enum offer_side side)
{
	struct offer *o = mem_zalloc(sizeof(*o), offer_destroy);
	if (!o)
		return NULL;
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

int offer_attach(struct node *n, const struct acd_msg *msg, uint16_t to, Acd *pb)
{
	bool grant = msg->type == ACD_MSG_GRANT;
	enum offer_side side = grant ? OFFER_OWNER : OFFER_AGENT;
	struct offer *o = offer_find(n, msg->offer.v, side);
	enum media_codec codec = MEDIA_PCMU;
	if (grant) {
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

void offer_note(struct node *n, const struct acd_msg *msg, uint16_t from, const Acd *pb)
{
	bool grant = msg->type == ACD_MSG_GRANT;
	enum offer_side side = grant ? OFFER_AGENT : OFFER_OWNER;
	struct offer *o = offer_find(n, msg->offer.v, side);
	struct media_trunk remote;
	if (o && (o->peer != from || o->call != msg->call.v))
		return; /* another triple under a known offer: the core answers NACK */
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
