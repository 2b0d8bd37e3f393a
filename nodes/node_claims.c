/*
 * A CLAIM in flight to a broker that is killed is lost, and the agent would stay reserved for it
 * as long as the core is patient (common/acd/late.c). The kernel of that machine closes the link at
 * once: while a claim may be unanswered, its link is looked at. (A machine that dies says nothing:
 * then that patience is over sooner than there is any other sign.)
 */
#include "nodes/node.h"

#include <errno.h>
#include <stdlib.h>

enum {
	/* Before a broken link is up again pass at least 100 ms (RECONNECT_MS in
	 * common/wire/mesh.c) and a handshake: it cannot go and come between two looks. */
	LOOK_MS = 50,
	/* An agent is not rung for a claim that is older (twice claim_ms, common/acd/late.c). */
	CLAIM_MS = 2000,
};

int node_claims_open(struct node *n)
{
	tmr_init(&n->tmr_claims);
	n->claimed_us = calloc(n->conf->daemons_n, sizeof(*n->claimed_us));
	return n->claimed_us ? 0 : ENOMEM;
}

void node_claims_close(struct node *n)
{
	tmr_cancel(&n->tmr_claims);
	free(n->claimed_us);
	n->claimed_us = NULL;
}

static void gone(struct node *n, uint32_t i)
{
	struct acd_event ev = {.type = ACD_EV_NODE_GONE, .from = {n->conf->daemons[i].addr}};
	n->claimed_us[i] = 0;
	(void)node_event(n, &ev);
}

static void look_h(void *arg)
{
	struct node *n = arg;
	bool more = false;
	uint64_t now = mono_us();
	for (uint32_t i = 0; i < n->conf->daemons_n; i++) {
		if (n->claimed_us[i] && !mesh_up(n->mesh, n->conf->daemons[i].addr))
			gone(n, i);
		else if (n->claimed_us[i] && now - n->claimed_us[i] > CLAIM_MS * 1000ull)
			n->claimed_us[i] = 0;
		more |= n->claimed_us[i] != 0;
	}
	if (more)
		tmr_start(&n->tmr_claims, LOOK_MS, look_h, n);
}

void node_claim_sent(struct node *n, uint16_t to, int err)
{
	const struct conf_daemon *broker = conf_daemon_by_addr(n->conf, to);
	if (!broker || broker->role != CONF_BROKER)
		return; /* in island mode a node claims of itself */
	uint32_t i = (uint32_t)(broker - n->conf->daemons);
	if (err) {
		gone(n, i);
		return;
	}
	n->claimed_us[i] = mono_us();
	if (!tmr_isrunning(&n->tmr_claims))
		tmr_start(&n->tmr_claims, LOOK_MS, look_h, n);
}
