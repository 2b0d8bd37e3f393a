#include "common/wire/mesh_internal.h"
#include "common/wire/envelope.h"

#include <errno.h>
#include <stdlib.h>

/* The next part; *ret_more says whether another one follows. */
static int part_recv(void *router, zmq_msg_t *msg, bool *ret_more)
{
	while (zmq_msg_recv(msg, router, ZMQ_DONTWAIT) < 0)
		if (errno != EINTR)
			return errno;
	*ret_more = zmq_msg_more(msg);
	return 0;
}

/* One ZeroMQ message into env and payload; a second payload part or more makes *ret_whole false.
 * libzmq hands over whole messages only, so that EAGAIN can come at the first part alone. */
static int message_recv(struct mesh *mesh, zmq_msg_t *env, bool *ret_whole)
{
	bool more = false;
	zmq_msg_t waste;
	unsigned parts = 0;
	zmq_msg_close(&mesh->payload);
	zmq_msg_init(&mesh->payload);
	int err = part_recv(mesh->router, env, &more); /* the connection's routing id: unused */
	if (err)
		return err;
	zmq_msg_init(&waste);
	for (; !err && more; parts++) {
		zmq_msg_t *dst = parts == 0 ? env : parts == 1 ? &mesh->payload : &waste;
		err = part_recv(mesh->router, dst, &more);
	}
	zmq_msg_close(&waste);
	*ret_whole = parts == 1 || parts == 2;
	return err;
}

/* Who sent it, by the name that ZAP gave to its key; NULL if ZAP gave none. */
static struct mesh_peer *sender(struct mesh *mesh, zmq_msg_t *msg)
{
	const char *id = zmq_msg_gets(msg, "addr");
	return id ? mesh_peer_find(mesh, (unsigned)strtoul(id, NULL, 10)) : NULL;
}

/* Boots only grow. A new one starts its count anew; within one, holes are counted. A message of an
 * older connection of the same boot may come late and is let through: the protocol bears it. */
static bool boot_and_seq(struct mesh *mesh, struct mesh_peer *peer, const Envelope *env)
{
	if (env->boot < peer->boot_in) {
		mesh->counters->stale_boot++;
		mesh->counters->stale_from = peer->addr;
		return false;
	}
	if (env->boot > peer->boot_in) {
		peer->boot_in = env->boot;
		peer->seq_in = env->seq;
		return true;
	}
	if (env->seq > peer->seq_in) {
		mesh->counters->gaps += env->seq - peer->seq_in - 1;
		peer->seq_in = env->seq;
	}
	return true;
}

static bool accept_message(struct mesh *mesh, zmq_msg_t *msg, bool whole, Envelope *ret_env)
{
	struct mesh_counters *c = mesh->counters;
	size_t len = zmq_msg_size(msg), payload_len = zmq_msg_size(&mesh->payload);
	struct mesh_peer *peer = sender(mesh, msg);
	if (!peer || peer->addr == mesh->self) {
		c->bad_sender++;
		return false;
	}
	if (!whole) {
		c->bad_decode++;
		return false;
	}
	if (payload_len > MESH_PAYLOAD_MAX) {
		c->too_big++;
		return false;
	}
	int err = envelope_decode(ret_env, zmq_msg_data(msg), len);
	if (!err && payload_len && ret_env->which_body != Envelope_gw_tag &&
	    ret_env->which_body != Envelope_config_part_tag)
		err = EBADMSG;
	if (err) {
		*(err == EPROTONOSUPPORT ? &c->bad_version : &c->bad_decode) += 1;
		return false;
	}
	if (ret_env->from != peer->addr) {
		c->bad_sender++;
		return false;
	}
	return boot_and_seq(mesh, peer, ret_env);
}

int mesh_recv(struct mesh *mesh, Envelope *ret_env, const uint8_t **ret_payload,
	      size_t *ret_payload_len)
{
	zmq_msg_t msg;
	bool whole, ok = false;
	int err = 0;
	zmq_msg_init(&msg);
	while (!err && !ok) {
		err = message_recv(mesh, &msg, &whole);
		if (!err)
			ok = accept_message(mesh, &msg, whole, ret_env);
	}
	zmq_msg_close(&msg);
	if (err)
		return err;
	mesh->counters->received++;
	*ret_payload_len = zmq_msg_size(&mesh->payload);
	*ret_payload = *ret_payload_len ? zmq_msg_data(&mesh->payload) : NULL;
	return 0;
}
