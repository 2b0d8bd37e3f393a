/* Opening and closing of the mesh; the limits and timeouts of its sockets, each with its why. */
#include "common/wire/mesh_internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <czmq.h>

enum {
	/* Messages that may wait for one peer. What waits longer than the protocol's own repetition
	 * is worth nothing, but a snapshot of a full node (by default 1,000 calls, 500
	 * sessions) must fit, twice over, or it would be asked for again for ever. */
	HWM = 4096,
	/* When a connection is given up for a new one. Nothing is decided by that: who is silent
	 * the core, the brokers and neighbours see by messages, with timers of their own. A bad line
	 * (600 ms there and back, 5 % lost) keeps an answer for 2 s often enough: TCP repeats after
	 * 1 to 2 s. A new connection costs five round trips there, which lose packets as well. Less
	 * than the 5 s of healing (DESIGN §10). */
	HEARTBEAT_MS = 500,
	HEARTBEAT_TIMEOUT_MS = 4000,
	/* A node that was held up for some seconds must find what its pages sent meanwhile, and so
	 * a gateway. Whether the other is dead they judge by other signs (gateway/nodes.h), before
	 * this. The end that only receives is patient as well: nothing is decided there. */
	PATIENT_HWM = 16384, /* pings of 10,000 pages for 8 s */
	PATIENT_TIMEOUT_MS = 12000,
	/* A restarted broker must be found again within the second that matching may stall; more
	 * often would be knocking all day at a site that is down. libzmq adds jitter. */
	RECONNECT_MS = 100,
	RECONNECT_MAX_MS = 500,
	/* SYNs into a cut line: healing has 5 s, the kernel alone would wait a minute or more. */
	CONNECT_TIMEOUT_MS = 2000,
	/* CURVE takes four round trips; 300 ms each between continents, 700 ms on a bad line, where
	 * two of the dozen packets may have to come again after 1 to 2 s each. libzmq gives 30 s,
	 * which is long for a stranger to hold a socket. */
	HANDSHAKE_MS = 8000,
	/* Daemons of the whole cluster may reconnect at once after a site's router rebooted. */
	BACKLOG = 512,
	/* A frame beyond our largest (payload and its CURVE box) ends the connection. */
	FRAME_MAX = MESH_PAYLOAD_MAX + 256,
	ADDRESSES = 65536,
};

/* A number of libzmq's since 4.3.0, but named by its header only with the draft API. It makes
 * libzmq refuse, instead of admit, when no ZAP handler answers; a libzmq without it fails the open.
 */
enum { ZAP_ENFORCE_DOMAIN = 93 };

static int set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value)) ? errno : 0;
}

int mesh_socket_options(void *socket, bool patient)
{
	const int timeout_ms = patient ? PATIENT_TIMEOUT_MS : HEARTBEAT_TIMEOUT_MS;
	const struct {
		int option, value;
	} table[] = {
	    {ZMQ_LINGER, 0},
	    {ZMQ_SNDHWM, patient ? PATIENT_HWM : HWM},
	    {ZMQ_RCVHWM, HWM},
	    {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
	    {ZMQ_HEARTBEAT_TIMEOUT, timeout_ms},
	    {ZMQ_HEARTBEAT_TTL, timeout_ms},
	    {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
	    {ZMQ_RECONNECT_IVL, RECONNECT_MS},
	    {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
	    {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
	    {ZMQ_BACKLOG, BACKLOG},
	    {ZMQ_IMMEDIATE, 1},
	};
	int64_t frame_max = FRAME_MAX;
	int err = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max)) ? errno : 0;
	for (size_t i = 0; !err && i < HELIO_ARRAY_LEN(table); i++)
		err = set_int(socket, table[i].option, table[i].value);
	return err;
}

struct mesh_peer *mesh_peer_find(struct mesh *mesh, unsigned addr)
{
	if (addr >= ADDRESSES || mesh->peer_at[addr] == 0)
		return NULL;
	return &mesh->peers[mesh->peer_at[addr] - 1];
}

static int router_open(struct mesh *mesh, const char *endpoint)
{
	static const char domain[] = "mesh";
	size_t fd_size = sizeof(mesh->fd);
	mesh->router = zmq_socket(mesh->ctx, ZMQ_ROUTER);
	if (!mesh->router)
		return errno;
	int err = mesh_socket_options(mesh->router, true);
	if (!err)
		err = set_int(mesh->router, ZMQ_CURVE_SERVER, 1);
	if (!err)
		err = set_int(mesh->router, ZAP_ENFORCE_DOMAIN, 1);
	if (err)
		return err;
	if (zmq_setsockopt(mesh->router, ZMQ_ZAP_DOMAIN, domain, sizeof(domain) - 1) ||
	    zmq_setsockopt(mesh->router, ZMQ_CURVE_SECRETKEY, mesh->secret_key, MESH_KEY_LEN) ||
	    zmq_bind(mesh->router, endpoint) ||
	    zmq_getsockopt(mesh->router, ZMQ_FD, &mesh->fd, &fd_size))
		return errno;
	return 0;
}

/*
 * Links are made at the start, not at the first message: that message would be dropped (nothing is
 * queued for a peer that is not there), and a caller would wait for its repetition. Measured: a
 * first call between two fresh sites rang after 3.0 s with links on demand, after 0.6 s with these.
 */
static int connect_all(struct mesh *mesh)
{
	int err = 0;
	for (uint32_t i = 0; !err && i < mesh->peers_n; i++) {
		struct mesh_peer *p = &mesh->peers[i];
		/* Gateways and brokers have nothing to say to each other, nor gateways among
		 * themselves. */
		bool node = addr_is_node(mesh->self) || addr_is_node(p->addr);
		bool brokers = addr_is_broker(mesh->self) && addr_is_broker(p->addr);
		if (p->addr != mesh->self && (node || brokers))
			err = mesh_connect(mesh, p);
	}
	return err;
}

static int context_open(struct mesh *mesh)
{
	mesh->ctx = zmq_ctx_new();
	if (!mesh->ctx)
		return errno;
	/* A DEALER for each peer, the ROUTER, ZAP and its probe. */
	return zmq_ctx_set(mesh->ctx, ZMQ_MAX_SOCKETS, (int)mesh->peers_n + 16) ? errno : 0;
}

static int open_sockets(struct mesh *mesh, const char *keys_dir, char ret_why[static 256])
{
	int err = context_open(mesh);
	if (!err)
		err = mesh_zap_start(&mesh->zap, mesh->ctx, mesh->peers, mesh->peers_n, keys_dir,
				     mesh->public_key);
	if (err) {
		snprintf(ret_why, 256, "the guard of the mesh (ZAP) does not answer: %s",
			 zmq_strerror(err));
		return err;
	}
	const struct mesh_peer *self = mesh_peer_find(mesh, mesh->self);
	err = router_open(mesh, self->endpoint);
	if (err == EADDRINUSE)
		snprintf(ret_why, 256, "%s is in use: is this daemon running already?",
			 self->endpoint);
	else if (err)
		snprintf(ret_why, 256, "cannot listen on %s: %s", self->endpoint,
			 zmq_strerror(err));
	return err ? err : connect_all(mesh);
}

int mesh_open(struct mesh **ret_mesh, const struct conf *conf, uint16_t self, uint32_t boot,
	      char ret_why[256])
{
	char waste[256], *why = ret_why ? ret_why : waste;
	why[0] = '\0';
	helio_assert(boot > 0 && boot < 1u << ID_BOOT_BITS);
	/* czmq would take SIGINT and SIGTERM for itself. */
	zsys_handler_set(NULL);
	struct mesh *mesh = calloc(1, sizeof(*mesh));
	if (!mesh)
		return ENOMEM;
	zmq_msg_init(&mesh->payload);
	mesh->self = self;
	mesh->boot = boot;
	mesh->fd = -1;
	mesh->peer_at = calloc(ADDRESSES, sizeof(*mesh->peer_at));
	mesh->counters = calloc(1, sizeof(*mesh->counters));
	int err = mesh->peer_at && mesh->counters ? mesh_keys_load(mesh, conf, why) : ENOMEM;
	if (!err)
		err = open_sockets(mesh, conf->keys_dir, why);
	if (err) {
		if (!why[0])
			snprintf(why, 256, "%s", zmq_strerror(err));
		mesh_free(mesh);
		return err;
	}
	*ret_mesh = mesh;
	return 0;
}

/* The guard leaves last: first every socket, then ZAP, then the context. */
struct mesh *mesh_free(struct mesh *mesh)
{
	if (!mesh)
		return NULL;
	for (uint32_t i = 0; i < mesh->peers_n; i++)
		if (mesh->peers[i].dealer)
			zmq_close(mesh->peers[i].dealer);
	if (mesh->router)
		zmq_close(mesh->router);
	if (mesh->ctx)
		zmq_ctx_shutdown(mesh->ctx);
	mesh_zap_join(mesh->zap);
	zmq_msg_close(&mesh->payload);
	while (mesh->ctx && zmq_ctx_term(mesh->ctx) && errno == EINTR)
		;
	explicit_bzero(mesh->secret_key, sizeof(mesh->secret_key));
	free(mesh->counters);
	free(mesh->peer_at);
	free(mesh->peers);
	free(mesh);
	return NULL;
}

int mesh_fd(const struct mesh *mesh)
{
	return mesh->fd;
}

const struct mesh_counters *mesh_counters(const struct mesh *mesh)
{
	/* The guard counts in its own thread. */
	mesh->counters->refused = mesh_zap_refused(mesh->zap);
	return mesh->counters;
}
