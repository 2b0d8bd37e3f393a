#include "common/wire/mesh_internal.h"
#include "common/wire/envelope.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>

int mesh_connect(struct mesh *mesh, struct mesh_peer *peer)
{
	if (peer->dealer)
		return 0;
	void *dealer = zmq_socket(mesh->ctx, ZMQ_DEALER);
	const int none = 1;
	if (!dealer)
		return errno;
	/* Between a gateway and a node: a page's session does not survive a missing frame. */
	int err =
	    mesh_socket_options(dealer, addr_is_gateway(mesh->self) || addr_is_gateway(peer->addr));
	/* Nothing of ours ever comes back on this socket and nobody reads it: hold at most one. */
	if (!err && (zmq_setsockopt(dealer, ZMQ_RCVHWM, &none, sizeof(none)) ||
		     zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, peer->key, MESH_KEY_LEN) ||
		     zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, mesh->public_key, MESH_KEY_LEN) ||
		     zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, mesh->secret_key, MESH_KEY_LEN) ||
		     zmq_connect(dealer, peer->endpoint)))
		err = errno;
	if (err) {
		zmq_close(dealer);
		return err;
	}
	peer->dealer = dealer;
	return 0;
}

void mesh_keys_follow(struct mesh *mesh)
{
	uint32_t now = mesh_zap_generation(mesh->zap);
	if (now == mesh->keys_seen)
		return;
	mesh->keys_seen = now;
	for (uint32_t i = 0; i < mesh->peers_n; i++) {
		struct mesh_peer *p = &mesh->peers[i];
		uint8_t key[MESH_KEY_LEN];
		mesh_zap_key(mesh->zap, i, key);
		if (memcmp(key, p->key, MESH_KEY_LEN) == 0)
			continue;
		memcpy(p->key, key, MESH_KEY_LEN);
		if (!p->dealer)
			continue;
		/* The daemon has restarted: nothing on this link reaches it any more. */
		zmq_close(p->dealer);
		p->dealer = NULL;
		(void)mesh_connect(mesh, p); /* else at the next send */
	}
}

/* libzmq counts its high-water mark in whole messages, so the second part cannot be refused alone;
 * if the link breaks between the parts, libzmq drops both. */
static int send_parts(void *dealer, const uint8_t *env, size_t env_len, const void *payload,
		      size_t payload_len)
{
	int more = payload_len ? ZMQ_SNDMORE : 0;
	if (zmq_send(dealer, env, env_len, ZMQ_DONTWAIT | more) < 0)
		return errno;
	if (payload_len && zmq_send(dealer, payload, payload_len, ZMQ_DONTWAIT) < 0)
		return errno;
	return 0;
}

bool mesh_up(struct mesh *mesh, uint16_t to)
{
	const struct mesh_peer *peer = mesh_peer_find(mesh, to);
	int events = 0;
	size_t size = sizeof(events);
	return peer && peer->dealer &&
	       zmq_getsockopt(peer->dealer, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLOUT);
}

int mesh_send(struct mesh *mesh, uint16_t to, Envelope *env, const void *payload,
	      size_t payload_len)
{
	uint8_t buf[Envelope_size];
	size_t len;
	if (payload_len > MESH_PAYLOAD_MAX) {
		mesh->counters->too_big++;
		return EMSGSIZE;
	}
	/* Only a gateway's frames carry a payload; the receiver would drop anything else. */
	helio_assert(payload_len == 0 || env->which_body == Envelope_gw_tag ||
		     env->which_body == Envelope_config_part_tag);
	struct mesh_peer *peer = mesh_peer_find(mesh, to);
	if (!peer || to == mesh->self)
		return ENOENT;
	mesh_keys_follow(mesh);
	int err = mesh_connect(mesh, peer);
	env->version = MESH_PROTOCOL_VERSION;
	env->from = mesh->self;
	env->boot = mesh->boot;
	env->seq = peer->seq_out + 1;
	if (!err)
		err = envelope_encode(buf, &len, env);
	if (!err)
		err = send_parts(peer->dealer, buf, len, payload, payload_len);
	if (err) {
		mesh->counters->send_dropped++;
		return err == EBADMSG ? err : EAGAIN;
	}
	peer->seq_out++;
	mesh->counters->sent++;
	return 0;
}
