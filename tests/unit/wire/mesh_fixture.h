/* A small configuration with keys in a temporary folder, and waiting for messages by deadline. */
#ifndef HELIO_TEST_MESH_FIXTURE_H
#define HELIO_TEST_MESH_FIXTURE_H

#include "common/wire/mesh.h"
#include "common/conf/conf.h"
#include "common/base/base.h"

#include <czmq.h>

/* Oslo (1) and Manila (2): a broker and a node each. */
enum {
	OSLO_B1 = 0x0140,
	OSLO1 = 0x0101,
	MANILA_B1 = 0x0240,
	MANILA1 = 0x0201,
	FIXTURE_DAEMONS = 4,
	DEADLINE_MS = 10000, /* for a loaded machine; each wait ends at its event */
};

struct fixture {
	struct conf *conf;
	char dir[64];
};

/* Ports first_port.. are taken for the four daemons. */
struct fixture *fixture_new(uint16_t first_port);
struct fixture *fixture_free(struct fixture *f);
const struct conf_daemon *fixture_daemon(const struct fixture *f, uint16_t addr);
zcert_t *fixture_cert(const struct fixture *f, uint16_t addr); /* with the secret key */

/* Opens a mesh; prints why and exits if it cannot. */
struct mesh *fixture_mesh(const struct fixture *f, uint16_t addr, uint32_t boot);

/* The next message within the deadline, waiting on mesh_fd(): 0 or ETIMEDOUT. */
int fixture_recv(struct mesh *m, Envelope *ret, const uint8_t **ret_payload, size_t *ret_len);

/* Sends pings until one has arrived at `to`: the link is up, and nothing is left under way. */
int fixture_link_up(struct mesh *from, struct mesh *to, uint16_t to_addr);

/* Waits until *counter (of mesh_counters(m)) is at least n, receiving and ignoring messages. */
int fixture_count(struct mesh *m, const uint64_t *counter, uint64_t n);

/* Says by seq/token that it is the test's own. */
Envelope fixture_ping(uint64_t token);

/* A DEALER outside of the mesh, connected to the daemon's ROUTER with these keys, for messages that
 * no mesh would send. Owner closes it before zsys ends. */
zsock_t *fixture_dealer(const struct fixture *f, uint16_t to, zcert_t *as);
/* Sends an envelope with the given head as is. 0 or errno. */
int fixture_raw_send(zsock_t *dealer, const Envelope *env);

#endif
