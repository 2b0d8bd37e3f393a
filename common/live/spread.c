/*
 * From daemon to daemon. Digests before data: who hears of a newer version asks whoever said so,
 * part after part, and takes it whole.
 *
 *   behind ──ConfigAsk(version, offset, 8)──► ahead
 *          ◄──ConfigPart × 8────────────────
 *          ──ConfigAsk(version, next, 8)────► …          then live_take()
 */
#include "common/live/live_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/log/log.h"

static uint32_t index_of(const struct live *l, uint16_t addr)
{
	const struct conf_daemon *d = conf_daemon_by_addr(l->base, addr);

	return d ? (uint32_t)(d - l->base->daemons) : UINT32_MAX;
}

static int out(struct live *l, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	return l->ops.send ? l->ops.send(l->ops.arg, to, env, payload, len) : ENOTCONN;
}

/* ---- news ---- */

static uint32_t own_flags(const struct live *l)
{
	return (l->needs_roll ? ROW_NEEDS_ROLL : 0u) | (l->refused.version ? ROW_REFUSED : 0u);
}

static void news_fill(const struct live *l, ConfigNews *news)
{
	news->version = live_version(l);
	news->hash = l->now->hash;
	news->flags = own_flags(l);
	news->refused = l->refused.version;
}

/* A broker adds what it knows of its own site; in as many messages as it takes. */
static void news_send(struct live *l, uint16_t to, bool rows, uint64_t now_us)
{
	Envelope env = Envelope_init_zero;
	ConfigNews *news = &env.body.config_news;

	env.which_body = Envelope_config_news_tag;
	news_fill(l, news);
	for (uint32_t i = 0; rows && i < l->base->daemons_n; i++) {
		const struct live_row *r = &l->rows[i];
		uint16_t addr = l->base->daemons[i].addr;
		if (addr_site(addr) != addr_site(l->self->addr) || !r->heard_us ||
		    now_us - r->heard_us > LIVE_KNOWN_MS * 1000ull)
			continue;
		if (news->rows_count == HELIO_ARRAY_LEN(news->rows)) {
			(void)out(l, to, &env, NULL, 0);
			env = (Envelope)Envelope_init_zero;
			env.which_body = Envelope_config_news_tag;
			news_fill(l, news);
		}
		news->rows[news->rows_count++] =
		    (ConfigRow){.addr = addr,
				.version = r->version,
				.hash = r->hash,
				.flags = r->flags,
				.refused = r->refused,
				.heard_ms = (uint32_t)((now_us - r->heard_us) / 1000)};
	}
	(void)out(l, to, &env, NULL, 0);
}

static void news_round(struct live *l, bool far, uint64_t now_us)
{
	bool broker = l->self->role == CONF_BROKER;
	bool alone = now_us - l->broker_heard_us > LIVE_SILENT_MS * 1000ull;

	for (uint32_t i = 0; i < l->base->daemons_n; i++) {
		const struct conf_daemon *d = &l->base->daemons[i];
		bool near = addr_site(d->addr) == addr_site(l->self->addr);
		if (d == l->self || (!near && !(broker && far && d->role == CONF_BROKER)))
			continue;
		if (broker || d->role == CONF_BROKER || alone)
			news_send(l, d->addr, broker && d->role == CONF_BROKER, now_us);
	}
}

void live_news_all(struct live *l, uint64_t now_us)
{
	news_round(l, true, now_us);
}

static void row_set(struct live_row *r, uint32_t version, uint64_t hash, uint32_t flags,
		    uint32_t refused, uint64_t heard_us)
{
	if (r->heard_us > heard_us)
		return;
	r->conflict_said = r->conflict_said && r->version == version && r->hash == hash;
	r->version = version;
	r->hash = hash;
	r->flags = flags;
	r->refused = refused;
	r->heard_us = heard_us;
}

/* The same number on other bytes: two people signed at once. Shown; the next version ends it. */
static void conflict_look(struct live *l, uint32_t i)
{
	struct live_row *r = &l->rows[i];

	if (!r->version || r->version != live_version(l) || r->hash == l->now->hash ||
	    r->conflict_said)
		return;
	r->conflict_said = true;
	l->conflicts++;
	log_error("config.conflict",
		  "version=%u peer=%s theirs=%016llx ours=%016llx remedy=\"helioctl config sign "
		  "and apply once more: the higher version wins everywhere\"",
		  r->version, l->base->daemons[i].name, (unsigned long long)r->hash,
		  (unsigned long long)l->now->hash);
}

/* ---- fetching ---- */

void live_fetch_end(struct live *l)
{
	free(l->fetch.bytes);
	memset(&l->fetch, 0, sizeof(l->fetch));
}

static void ask(struct live *l, uint64_t now_us)
{
	Envelope env = Envelope_init_zero;

	env.which_body = Envelope_config_ask_tag;
	env.body.config_ask.version = l->fetch.version;
	env.body.config_ask.offset = l->fetch.got;
	env.body.config_ask.parts = LIVE_PARTS_MAX;
	l->fetch.asked_us = now_us;
	(void)out(l, l->fetch.from, &env, NULL, 0);
}

static bool refused_lately(const struct live *l, uint32_t version, uint64_t hash, uint64_t now_us)
{
	return l->refused.version == version && (!l->refused.hash || l->refused.hash == hash) &&
	       now_us - l->refused.at_us < LIVE_REFUSED_MS * 1000ull;
}

static void fetch_consider(struct live *l, uint16_t from, const ConfigNews *news, uint64_t now_us)
{
	if (news->version <= live_version(l) || news->version <= l->fetch.version ||
	    refused_lately(l, news->version, news->hash, now_us))
		return;
	live_fetch_end(l);
	l->fetch.from = from;
	l->fetch.version = news->version;
	l->fetch.hash = news->hash;
	log_info("config.fetch", "version=%u from=%u.%u running=%u", news->version, addr_site(from),
		 addr_ordinal(from), live_version(l));
	ask(l, now_us);
}

static void fetch_tick(struct live *l, uint64_t now_us)
{
	if (!l->fetch.from || now_us - l->fetch.asked_us < LIVE_ASK_AGAIN_MS * 1000ull)
		return;
	if (++l->fetch.tries < LIVE_ASK_TRIES) {
		ask(l, now_us);
		return;
	}
	log_warn("config.fetch_stuck", "version=%u from=%u.%u got=%u of=%u", l->fetch.version,
		 addr_site(l->fetch.from), addr_ordinal(l->fetch.from), l->fetch.got,
		 l->fetch.total);
	live_fetch_end(l);
}

static void fetched(struct live *l, uint64_t now_us)
{
	struct bundle *b = NULL;
	char why[256];
	uint32_t version = l->fetch.version;
	uint64_t hash = l->fetch.hash;
	int err = bundle_parse(&b, l->fetch.bytes, l->fetch.total);

	if (!err && b->sig.version != version) {
		free(b);
		err = EBADMSG;
	}
	live_fetch_end(l);
	if (!err) {
		if (live_take(l, b, now_us, why) && l->refused.version == version)
			l->refused.hash = hash;
		return;
	}
	l->refused.version = version;
	l->refused.hash = hash;
	l->refused.at_us = now_us;
	snprintf(l->refused.why, sizeof(l->refused.why), "what came was not a configuration");
	l->refusals++;
	log_error("config.refused", "version=%u running=%u why=\"%s\"", version, live_version(l),
		  l->refused.why);
}

static void got_part(struct live *l, uint16_t from, const ConfigPart *p, const void *payload,
		     size_t len, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;

	if (from != f->from || p->version != f->version || !len || p->offset != f->got ||
	    !p->total || p->total > BUNDLE_MAX || (f->bytes && p->total != f->total) ||
	    len > p->total - p->offset)
		return; /* late, doubled, or a hole: asked for again */
	if (!f->bytes) {
		f->bytes = malloc(p->total);
		f->total = p->total;
	}
	if (!f->bytes) {
		live_fetch_end(l);
		return;
	}
	memcpy(f->bytes + f->got, payload, len);
	f->got += (uint32_t)len;
	f->tries = 0;
	if (f->got == f->total)
		fetched(l, now_us);
	else if (f->got / LIVE_PART_BYTES % LIVE_PARTS_MAX == 0)
		ask(l, now_us);
}

/* ---- giving ---- */

static void got_ask(struct live *l, uint16_t from, const ConfigAsk *a, uint64_t now_us)
{
	const struct bundle *b = l->bundle;
	uint32_t parts = a->parts < LIVE_PARTS_MAX ? a->parts : LIVE_PARTS_MAX;

	if (!b || a->version != b->sig.version) { /* it has moved on since */
		news_send(l, from, false, now_us);
		return;
	}
	for (uint32_t at = a->offset; parts && at < b->n && l->parts_left; parts--) {
		size_t left = b->n - at, len = left < LIVE_PART_BYTES ? left : LIVE_PART_BYTES;
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_config_part_tag;
		env.body.config_part.version = a->version;
		env.body.config_part.total = (uint32_t)b->n;
		env.body.config_part.offset = at;
		if (out(l, from, &env, b->bytes + at, len))
			return;
		l->parts_left--;
		l->parts_sent++;
		at += (uint32_t)len;
	}
}

/* ---- what comes ---- */

static void got_news(struct live *l, uint16_t from, const ConfigNews *news, uint64_t now_us)
{
	uint32_t i = index_of(l, from);

	if (i == UINT32_MAX)
		return;
	row_set(&l->rows[i], news->version, news->hash, news->flags, news->refused, now_us);
	conflict_look(l, i);
	if (addr_is_broker(from) && addr_site(from) == addr_site(l->self->addr))
		l->broker_heard_us = now_us;
	/* Only a broker speaks for others, and only for its own site. */
	for (pb_size_t k = 0; addr_is_broker(from) && k < news->rows_count; k++) {
		const ConfigRow *r = &news->rows[k];
		if (r->addr > UINT16_MAX || addr_site((uint16_t)r->addr) != addr_site(from) ||
		    r->addr == l->self->addr || r->heard_ms > LIVE_KNOWN_MS)
			continue;
		uint64_t age_us = r->heard_ms * 1000ull;
		i = index_of(l, (uint16_t)r->addr);
		if (i == UINT32_MAX || age_us >= now_us)
			continue;
		row_set(&l->rows[i], r->version, r->hash, r->flags, r->refused, now_us - age_us);
		conflict_look(l, i);
	}
	fetch_consider(l, from, news, now_us);
	/* Told at once what it misses: a daemon that comes back does not wait for the next round.
	 */
	if (news->version < live_version(l) && addr_site(from) == addr_site(l->self->addr) &&
	    l->self->role == CONF_BROKER && !(news->flags & ROW_REFUSED))
		news_send(l, from, false, now_us);
}

bool live_message(struct live *l, const Envelope *env, const void *payload, size_t len,
		  uint64_t now_us)
{
	uint16_t from = (uint16_t)env->from;

	switch (env->which_body) {
	case Envelope_config_news_tag: got_news(l, from, &env->body.config_news, now_us); break;
	case Envelope_config_ask_tag: got_ask(l, from, &env->body.config_ask, now_us); break;
	case Envelope_config_part_tag:
		got_part(l, from, &env->body.config_part, payload, len, now_us);
		break;
	default: return false;
	}
	return true;
}

void live_tick(struct live *l, uint64_t now_us)
{
	l->parts_left = LIVE_PARTS_A_TICK;
	fetch_tick(l, now_us);
	news_round(l, l->ticks % LIVE_FAR_EVERY == 0, now_us);
	l->ticks++;
}
