/* What was heard of the nodes of the site and of the other brokers: for status and for the log. */
#include "broker/broker.h"

#include <errno.h>
#include <stdlib.h>

static bool concerns_us(const struct broker *b, const struct conf_daemon *d)
{
	if (d == b->self)
		return false;
	return d->role == CONF_BROKER ||
	       (d->role == CONF_NODE && addr_site(d->addr) == b->site->number);
}

int broker_peers_open(struct broker *b)
{
	b->peers = calloc(b->conf->daemons_n, sizeof(*b->peers));
	b->queue_quiet = calloc(b->conf->queues_n + 1, sizeof(*b->queue_quiet));
	if (!b->peers || !b->queue_quiet || beats_open(&b->beats, b->conf, b->now_us))
		return ENOMEM;
	for (uint32_t i = 0; i < b->conf->daemons_n; i++)
		if (concerns_us(b, &b->conf->daemons[i]))
			b->peers[b->peers_n++].daemon = &b->conf->daemons[i];
	return 0;
}

void broker_peers_close(struct broker *b)
{
	beats_close(&b->beats);
	free(b->peers);
	free(b->queue_quiet);
	b->peers = NULL;
	b->queue_quiet = NULL;
	b->peers_n = 0;
}

struct broker_peer *broker_peer_find(struct broker *b, uint16_t addr)
{
	for (uint32_t i = 0; i < b->peers_n; i++)
		if (b->peers[i].daemon->addr == addr)
			return &b->peers[i];
	return NULL;
}

void broker_peer_heard(struct broker *b, struct broker_peer *p, uint32_t boot)
{
	p->heard_us = b->now_us;
	if (p->up && p->boot == boot)
		return;
	log_info(p->boot && p->boot != boot ? "peer.restarted" : "peer.up", "peer=%s boot=%u",
		 p->daemon->name, (unsigned)boot);
	p->up = true;
	p->boot = boot;
}

void broker_peer_status(struct broker *b, struct broker_peer *p, const NodeStatus *st)
{
	if (st->config_hash != b->conf->hash &&
	    (!p->status_known || p->config_hash != st->config_hash))
		log_warn("config.differs",
			 "peer=%s theirs=%016llx ours=%016llx "
			 "remedy=\"the same cluster.yaml and agents.yaml everywhere\"",
			 p->daemon->name, (unsigned long long)st->config_hash,
			 (unsigned long long)b->conf->hash);
	if (st->draining != p->draining)
		log_info("peer.draining", "peer=%s on=%d", p->daemon->name, st->draining);
	p->status_known = true;
	p->draining = st->draining;
	p->sessions = st->sessions;
	p->calls = st->calls;
	p->calls_max = st->calls_max;
	p->config_hash = st->config_hash;
}

void broker_peers_check(struct broker *b)
{
	for (uint32_t i = 0; i < b->peers_n; i++) {
		struct broker_peer *p = &b->peers[i];
		if (!p->up || b->now_us - p->heard_us < BROKER_SILENT_MS * 1000ull)
			continue;
		p->up = false;
		log_warn("peer.silent", "peer=%s for_ms=%llu", p->daemon->name,
			 (unsigned long long)((b->now_us - p->heard_us) / 1000));
	}
}
