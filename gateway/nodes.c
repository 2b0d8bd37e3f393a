#include "gateway/nodes.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int gw_nodes_init(struct gw_nodes *nodes, const struct conf *conf)
{
	struct gw_node *v = calloc(conf->daemons_n ? conf->daemons_n : 1, sizeof(*v));
	if (!v)
		return ENOMEM;
	size_t n = 0;
	for (uint32_t s = 0; s < conf->sites_n; s++) {
		const struct conf_site *site = &conf->sites[s];
		for (uint32_t d = 0; d < site->daemons_n; d++) {
			const struct conf_daemon *daemon = &conf->daemons[site->first + d];
			if (daemon->role != CONF_NODE)
				continue;
			v[n++] = (struct gw_node){
			    .addr = daemon->addr, .site = s, .sessions_max = daemon->sessions_max};
		}
	}
	*nodes = (struct gw_nodes){.v = v, .n = n};
	return 0;
}

void gw_nodes_wipe(struct gw_nodes *nodes)
{
	free(nodes->v);
	*nodes = (struct gw_nodes){0};
}

struct gw_node *gw_nodes_find(const struct gw_nodes *nodes, uint16_t addr)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->v[i].addr == addr)
			return &nodes->v[i];
	return NULL;
}

static void heard(struct gw_node *node, uint64_t now_us)
{
	node->heard_us = now_us;
	node->open_us = 0;
	node->refused = false;
}

enum gw_heard gw_nodes_heard(struct gw_nodes *nodes, uint16_t addr,
			     const struct gw_node_status *status, uint64_t now_us)
{
	struct gw_node *node = gw_nodes_find(nodes, addr);
	if (!node || status->boot < node->boot || status->boot == 0 ||
	    status->cert_len > sizeof(node->cert))
		return GW_HEARD_UNKNOWN;
	bool rebooted = node->boot != 0 && status->boot > node->boot;
	node->boot = status->boot;
	node->lost = false;
	heard(node, now_us);
	node->draining = status->draining;
	node->sessions = status->sessions;
	node->calls = status->calls;
	node->calls_max = status->calls_max;
	node->config_hash = status->config_hash;
	if (status->cert_len)
		memcpy(node->cert, status->cert, status->cert_len);
	node->cert_len = status->cert_len;
	return rebooted ? GW_HEARD_REBOOTED : GW_HEARD_AGAIN;
}

void gw_nodes_alive(struct gw_nodes *nodes, uint16_t addr, uint32_t boot, uint64_t now_us)
{
	struct gw_node *node = gw_nodes_find(nodes, addr);
	if (node && boot && node->boot == boot && !node->lost)
		heard(node, now_us);
}

void gw_nodes_look(struct gw_nodes *nodes, bool all_read, uint64_t now_us)
{
	if (!all_read || now_us - nodes->looked_us > GW_PAUSE_US)
		nodes->listening_us = now_us;
	nodes->looked_us = now_us;
}

static uint64_t silent_us(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us)
{
	uint64_t from = node->heard_us > nodes->listening_us ? node->heard_us : nodes->listening_us;
	return now_us > from ? now_us - from : 0;
}

bool gw_node_doubtful(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us)
{
	return node->boot && !node->lost && silent_us(nodes, node, now_us) > GW_NODE_KNOCK_US;
}

void gw_node_knocked(struct gw_node *node, enum gw_port port, uint64_t now_us)
{
	if (port == GW_PORT_OPEN)
		node->open_us = now_us;
	node->refused = port == GW_PORT_REFUSED;
}

static bool is_there(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us)
{
	return node->boot && node->cert_len && !node->lost &&
	       silent_us(nodes, node, now_us) <= GW_NODE_LIVE_US;
}

bool gw_nodes_gone(struct gw_nodes *nodes, uint16_t addr, uint32_t boot)
{
	struct gw_node *node = gw_nodes_find(nodes, addr);
	if (!node || !node->boot || node->boot > boot || node->lost)
		return false;
	node->lost = true;
	return true;
}

bool gw_node_live(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us)
{
	return is_there(nodes, node, now_us) && !node->draining;
}

size_t gw_nodes_live(const struct gw_nodes *nodes, uint64_t now_us)
{
	size_t live = 0;
	for (size_t i = 0; i < nodes->n; i++)
		live += gw_node_live(nodes, &nodes->v[i], now_us);
	return live;
}

static bool is_lost(const struct gw_nodes *nodes, const struct gw_node *node, uint64_t now_us)
{
	uint64_t silent = silent_us(nodes, node, now_us);
	if (silent <= GW_NODE_KNOCK_US)
		return false;
	if (node->refused)
		return true;
	bool open = node->open_us && now_us - node->open_us <= GW_NODE_PORT_US;
	return silent > (open ? GW_NODE_LOST_US : GW_NODE_AWAY_US);
}

struct gw_node *gw_nodes_next_lost(struct gw_nodes *nodes, uint64_t now_us)
{
	for (size_t i = 0; i < nodes->n; i++) {
		struct gw_node *node = &nodes->v[i];
		if (!node->boot || node->lost || !is_lost(nodes, node, now_us))
			continue;
		node->lost = true;
		return node;
	}
	return NULL;
}

static bool was_tried(uint16_t addr, const uint16_t *tried, size_t tried_n)
{
	for (size_t i = 0; i < tried_n; i++)
		if (tried[i] == addr)
			return true;
	return false;
}

static bool is_full(const struct gw_node *node)
{
	return node->sessions_max && node->sessions >= node->sessions_max;
}

/* Full ones last (they may have room by now and can refuse), then near ones, then empty ones. */
static bool is_better(const struct gw_node *a, const struct gw_node *b, uint32_t site)
{
	uint32_t far_a = a->site > site ? a->site - site : site - a->site;
	uint32_t far_b = b->site > site ? b->site - site : site - b->site;
	if (is_full(a) != is_full(b))
		return is_full(b);
	if (far_a != far_b)
		return far_a < far_b;
	return a->sessions < b->sessions;
}

struct gw_node *gw_nodes_choose(const struct gw_nodes *nodes, uint32_t site, uint16_t wanted,
				const uint16_t *tried, size_t tried_n, uint64_t now_us)
{
	struct gw_node *best = NULL;
	for (size_t i = 0; i < nodes->n; i++) {
		struct gw_node *node = &nodes->v[i];
		if (was_tried(node->addr, tried, tried_n))
			continue;
		if (node->addr == wanted && is_there(nodes, node, now_us))
			return node; /* even a draining one: it still holds the session */
		if (!gw_node_live(nodes, node, now_us))
			continue;
		if (!best || is_better(node, best, site))
			best = node;
	}
	return best;
}
