/*
 * The nodes that the gateway may give a browser to: every node of the configuration, and what each
 * said of itself last (NodeStatus, every 500 ms). Pure: no I/O, the caller passes the time.
 *
 *   live  = heard within 2 s and not draining: gets new browsers
 *   slow  = silent for longer, but its machine still answers for its port: it keeps the browsers
 *           it has, for what they send waits in the mesh; new ones go elsewhere
 *   lost  = its browsers are told to go elsewhere: its port refuses (the process is gone), nothing
 *           answers there for 3 s (the machine or the line is), it is silent for 10 s, its
 *           neighbour has taken it for dead, or it is back in a later life
 * Silence counts only while we listened: a gateway that was itself held up has heard nobody.
 */
#ifndef HELIO_GATEWAY_NODES_H
#define HELIO_GATEWAY_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;

enum {
	GW_CERT_MAX = 256,
	/* Four missed statuses: later than a lost message or two, sooner than a person gives up. */
	GW_NODE_LIVE_US = 2000000,
	/* Two missed statuses: from then on its port is knocked at. */
	GW_NODE_KNOCK_US = 1000000,
	/* Neither the node nor the kernel below it says anything: the session's promise is 5 s. */
	GW_NODE_AWAY_US = 3000000,
	/* Its port is open, so it is held up or hangs. Browsers give it up after 15 s by
	 * themselves; what they send meanwhile waits in the mesh, which lets a link live for 12 s.
	 */
	GW_NODE_LOST_US = 10000000,
	/* An open port is good for so long: two knocks. */
	GW_NODE_PORT_US = 2500000,
	/* Our own ticks come each 250 ms. */
	GW_PAUSE_US = 750000,
};

enum gw_port { GW_PORT_OPEN, GW_PORT_REFUSED };

struct gw_node {
	uint16_t addr;
	uint32_t site; /* index in the order of the configuration, for "nearest" */
	uint32_t boot; /* 0: never heard */
	uint64_t heard_us;
	uint64_t open_us; /* its port was open then; 0: not since it was heard */
	bool refused;     /* its port was closed since it was heard */
	bool lost;        /* its browsers were told; until it is heard again */
	bool draining;
	uint32_t sessions; /* as it said, plus those opened since by us */
	uint32_t calls, calls_max, sessions_max;
	uint64_t config_hash;
	uint8_t cert[GW_CERT_MAX];
	size_t cert_len;
};

struct gw_nodes {
	struct gw_node *v;
	size_t n;
	uint64_t looked_us, listening_us; /* silence counts from listening_us at the earliest */
};

/* What a status says, without the wire's own types, so that tests need no wire. */
struct gw_node_status {
	uint32_t boot, sessions, calls, calls_max;
	bool draining;
	uint64_t config_hash;
	const uint8_t *cert;
	size_t cert_len;
};

enum gw_heard { GW_HEARD_UNKNOWN, GW_HEARD_AGAIN, GW_HEARD_REBOOTED };

int gw_nodes_init(struct gw_nodes *nodes, const struct conf *conf);
void gw_nodes_wipe(struct gw_nodes *nodes);

struct gw_node *gw_nodes_find(const struct gw_nodes *nodes, uint16_t addr);
/* Takes a status in. REBOOTED: its boot number rose, so whatever it held before is gone. An older
 * boot number or an impossible certificate is UNKNOWN and changes nothing. */
enum gw_heard gw_nodes_heard(struct gw_nodes *nodes, uint16_t addr,
			     const struct gw_node_status *status, uint64_t now_us);
/* Any other message of its present life: a status may be stuck behind thousands of frames. */
void gw_nodes_alive(struct gw_nodes *nodes, uint16_t addr, uint32_t boot, uint64_t now_us);
/* Before silence is judged, each tick. all_read: nothing that has arrived waits to be read. */
void gw_nodes_look(struct gw_nodes *nodes, bool all_read, uint64_t now_us);
/* True: it is silent and not lost yet: somebody should knock at its port … */
bool gw_node_doubtful(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us);
/* … and say what came of it. */
void gw_node_knocked(struct gw_node *node, enum gw_port port, uint64_t now_us);

bool gw_node_live(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us);
size_t gw_nodes_live(const struct gw_nodes *nodes, uint64_t now_us);
/* Its neighbour has taken it for dead in this life: as if it had been silent for long. False: it is
 * unknown, known already, or lives a later life. */
bool gw_nodes_gone(struct gw_nodes *nodes, uint16_t addr, uint32_t boot);
/* Marks and returns the next node that is lost, NULL when there is none. */
struct gw_node *gw_nodes_next_lost(struct gw_nodes *nodes, uint64_t now_us);

/* The node for a browser that wants `site` (index): live, not among `tried`; the `wanted` one (an
 * address, 0: none) if it can be had, else of the nearest site in the order of the configuration,
 * there the one with the least sessions. NULL: none. */
struct gw_node *gw_nodes_choose(const struct gw_nodes *nodes, uint32_t site, uint16_t wanted,
				const uint16_t *tried, size_t tried_n, uint64_t now_us);

#endif
