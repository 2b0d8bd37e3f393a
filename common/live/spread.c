/*
 * From daemon to daemon. Digests before data: who hears of a newer version asks whoever said so,
 * part after part: for the list of its files, for those that it has not got, then for the bundle.
 *
 *   behind ──ConfigAsk(version, what, offset, 8)──► ahead
 *          ◄──ConfigPart × 8──────────────────────
 *          ──ConfigAsk(version, what, next, 8)────► …          then live_take()
 *
 * A file goes to the disk as it comes (page cache: nothing waits for the disk); live_take() hashes
 * and syncs it. What came of an earlier try is not asked for again.
 */
#include "common/live/live_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	news->files = l->mark;
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
	bool other = r->version != version || r->hash != hash;
	r->conflict_said = r->conflict_said && !other;
	r->files = other ? 0 : r->files;
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

	bool same = r->hash == l->now->hash && (!r->files || !l->mark || r->files == l->mark);

	if (!r->version || r->version != live_version(l) || same || r->conflict_said)
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
	struct live_fetch *f = &l->fetch;

	if (f->fd >= 0)
		(void)close(f->fd);
	free(f->bytes);
	free(f->list);
	*f = (struct live_fetch){.fd = -1};
}

static void fetch_refuse(struct live *l, uint64_t now_us, const char *why)
{
	struct live_fetch f = l->fetch;

	live_fetch_end(l);
	live_refuse(l, f.version, f.hash, f.mark, now_us, why);
}

static void ask(struct live *l, uint64_t now_us)
{
	Envelope env = Envelope_init_zero;
	struct live_fetch *f = &l->fetch;
	ConfigAsk *a = &env.body.config_ask;

	env.which_body = Envelope_config_ask_tag;
	a->version = f->version;
	a->offset = f->got;
	a->parts = LIVE_PARTS_MAX;
	a->what = f->what;
	if (f->what == WHAT_FILE) {
		a->file.size = CONF_FILE_HASH;
		memcpy(a->file.bytes, f->list->list[f->file].hash, CONF_FILE_HASH);
	}
	f->asked_us = now_us;
	(void)out(l, f->from, &env, NULL, 0);
}

/* The next thing to ask for, from its first byte. */
static void fetch_next(struct live *l, enum live_what what, uint64_t now_us)
{
	l->fetch.what = what;
	free(l->fetch.bytes);
	l->fetch.bytes = NULL;
	l->fetch.total = l->fetch.got = 0;
	ask(l, now_us);
}

static bool came_before(const struct live *l, const struct conf_listed *f)
{
	char path[STORE_PATH_SIZE];
	struct stat st;

	return store_has(l->store, f) || (!store_path(path, l->store, f->hash, STORE_NEW) &&
					  !stat(path, &st) && st.st_size == (off_t)f->bytes);
}

/* From list[at] on: the first file that is missing here, then the bundle. */
static void fetch_files(struct live *l, uint32_t at, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;
	char path[STORE_PATH_SIZE];

	while (at < f->list->n && (!store_wants(l->role, f->list->list[at].kind) ||
				   came_before(l, &f->list->list[at])))
		at++;
	if (at == f->list->n) {
		fetch_next(l, WHAT_BUNDLE, now_us);
		return;
	}
	f->file = at;
	int err = mkdir(l->store, 0700) && errno != EEXIST ? errno : 0;
	if (!err)
		err = store_path(path, l->store, f->list->list[at].hash, STORE_NEW);
	if (!err && (f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
		err = errno;
	if (err) {
		fetch_refuse(l, now_us, strerror(err));
		return;
	}
	fetch_next(l, WHAT_FILE, now_us);
}

static bool refused_lately(const struct live *l, const ConfigNews *n, uint64_t now_us)
{
	return l->refused.version == n->version &&
	       (!l->refused.hash || l->refused.hash == n->hash) && l->refused.mark == n->files &&
	       now_us - l->refused.at_us < LIVE_REFUSED_MS * 1000ull;
}

/* Newer than what runs, and than what is on its way. Or what runs, with the files that came without
 * it: from a daemon of before there were lists. */
static bool is_news(const struct live *l, const ConfigNews *n)
{
	if (n->version == live_version(l))
		return n->version && n->files && !l->files && n->hash == l->now->hash &&
		       !l->fetch.from;
	return n->version > live_version(l) && n->version > l->fetch.version;
}

static void fetch_consider(struct live *l, uint16_t from, const ConfigNews *news, uint64_t now_us)
{
	/* A gateway keeps no sounds. */
	if (news->files && addr_is_gateway(from) && l->role != CONF_GATEWAY)
		return;
	if (!is_news(l, news) || refused_lately(l, news, now_us) || l->taking.on)
		return;
	live_fetch_end(l);
	l->fetch.from = from;
	l->fetch.version = news->version;
	l->fetch.hash = news->hash;
	l->fetch.mark = news->files;
	log_info("config.fetch", "version=%u from=%u.%u running=%u", news->version, addr_site(from),
		 addr_ordinal(from), live_version(l));
	fetch_next(l, news->files ? WHAT_LIST : WHAT_BUNDLE, now_us);
}

static void fetch_tick(struct live *l, uint64_t now_us)
{
	if (!l->fetch.from || now_us - l->fetch.asked_us < LIVE_ASK_AGAIN_MS * 1000ull)
		return;
	if (++l->fetch.tries < LIVE_ASK_TRIES) {
		ask(l, now_us);
		return;
	}
	log_warn("config.fetch_stuck", "version=%u from=%u.%u what=%d got=%u of=%u",
		 l->fetch.version, addr_site(l->fetch.from), addr_ordinal(l->fetch.from),
		 l->fetch.what, l->fetch.got, l->fetch.total);
	live_fetch_end(l);
}

static void fetched_list(struct live *l, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;

	if (conf_files_parse(&f->list, (const char *)f->bytes, f->total) ||
	    f->list->version != f->version || !l->has_pub ||
	    files_verify(f->list, l->pub, l->base->cluster))
		fetch_refuse(l, now_us, "what came is not its list of files");
	else
		fetch_files(l, 0, now_us);
}

static void fetched_bundle(struct live *l, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;
	struct live_offer o = {.hash = f->hash, .mark = f->mark};
	char why[256];
	int err = bundle_parse(&o.b, f->bytes, f->total);

	if (err || o.b->sig.version != f->version) {
		live_offer_free(&o);
		fetch_refuse(l, now_us, "what came is not a configuration");
		return;
	}
	o.files = f->list;
	f->list = NULL;
	live_fetch_end(l);
	(void)live_take(l, &o, now_us, why);
}

static void fetched(struct live *l, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;

	switch (f->what) {
	case WHAT_LIST: fetched_list(l, now_us); break;
	case WHAT_BUNDLE: fetched_bundle(l, now_us); break;
	case WHAT_FILE:
		(void)close(f->fd);
		f->fd = -1;
		fetch_files(l, f->file + 1, now_us);
		break;
	}
}

/* Is it a part of what was asked for, and the next one? */
static bool part_fits(const struct live_fetch *f, uint16_t from, const ConfigPart *p, size_t len)
{
	static const uint32_t most[] = {
	    [WHAT_BUNDLE] = BUNDLE_MAX, [WHAT_LIST] = CONF_FILES_TEXT_MAX};

	if (from != f->from || p->version != f->version || p->what != (uint32_t)f->what || !len ||
	    p->offset != f->got || !p->total || (f->total && p->total != f->total) ||
	    p->offset > p->total || len > p->total - p->offset)
		return false;
	if (f->what != WHAT_FILE)
		return p->total <= most[f->what];
	const struct conf_listed *x = &f->list->list[f->file];
	return p->total == x->bytes && p->file.size == CONF_FILE_HASH &&
	       !memcmp(p->file.bytes, x->hash, CONF_FILE_HASH);
}

static int part_keep(struct live_fetch *f, const void *payload, size_t len)
{
	if (f->what == WHAT_FILE) {
		ssize_t n = write(f->fd, payload, len);
		return n < 0 ? errno : (size_t)n < len ? ENOSPC : 0;
	}
	if (!f->bytes && !(f->bytes = malloc(f->total)))
		return ENOMEM;
	memcpy(f->bytes + f->got, payload, len);
	return 0;
}

static void got_part(struct live *l, uint16_t from, const ConfigPart *p, const void *payload,
		     size_t len, uint64_t now_us)
{
	struct live_fetch *f = &l->fetch;

	if (!part_fits(f, from, p, len))
		return; /* late, doubled, or a hole: asked for again */
	f->total = p->total;
	int err = part_keep(f, payload, len);
	if (err) {
		fetch_refuse(l, now_us, strerror(err));
		return;
	}
	f->got += (uint32_t)len;
	f->tries = 0;
	if (f->got == f->total)
		fetched(l, now_us);
	else if (f->got / LIVE_PART_BYTES % LIVE_PARTS_MAX == 0)
		ask(l, now_us);
}

/* ---- giving ---- */

/* What an ask is about: bytes in memory, or a file. */
struct given {
	uint8_t *bytes; /* owned: the list; NULL: the bundle, or a file */
	const uint8_t *from;
	int fd;
	size_t n;
};

static bool given_find(const struct live *l, const ConfigAsk *a, struct given *ret)
{
	char path[STORE_PATH_SIZE];
	struct stat st;

	*ret = (struct given){.fd = -1};
	switch (a->what) {
	case WHAT_BUNDLE:
		ret->from = l->bundle->bytes;
		ret->n = l->bundle->n;
		return true;
	case WHAT_LIST:
		ret->bytes = l->files ? (uint8_t *)conf_files_print(l->files, &ret->n) : NULL;
		ret->from = ret->bytes;
		return ret->bytes != NULL;
	case WHAT_FILE:
		for (uint32_t i = 0; l->files && a->file.size == CONF_FILE_HASH && i < l->files->n;
		     i++)
			if (!memcmp(l->files->list[i].hash, a->file.bytes, CONF_FILE_HASH) &&
			    !store_path(path, l->store, a->file.bytes, ""))
				ret->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (ret->fd < 0 || fstat(ret->fd, &st))
			return false;
		ret->n = (size_t)st.st_size;
		return true;
	default: return false;
	}
}

static void give(struct live *l, uint16_t to, const ConfigAsk *a, const struct given *g)
{
	uint32_t parts = a->parts < LIVE_PARTS_MAX ? a->parts : LIVE_PARTS_MAX;
	uint8_t buf[LIVE_PART_BYTES];

	for (size_t at = a->offset; parts && at < g->n && l->parts_left; parts--) {
		size_t left = g->n - at, len = left < LIVE_PART_BYTES ? left : LIVE_PART_BYTES;
		Envelope env = Envelope_init_zero;
		ConfigPart *p = &env.body.config_part;
		if (g->fd >= 0 && pread(g->fd, buf, len, (off_t)at) != (ssize_t)len)
			return;
		env.which_body = Envelope_config_part_tag;
		p->version = a->version;
		p->total = (uint32_t)g->n;
		p->offset = (uint32_t)at;
		p->what = a->what;
		memcpy(&p->file, &a->file, sizeof(p->file));
		if (out(l, to, &env, g->fd >= 0 ? buf : g->from + at, len))
			return;
		l->parts_left--;
		l->parts_sent++;
		at += len;
	}
}

static void got_ask(struct live *l, uint16_t from, const ConfigAsk *a, uint64_t now_us)
{
	struct given g;

	if (!l->bundle || a->version != live_version(l)) { /* it has moved on since */
		news_send(l, from, false, now_us);
		return;
	}
	if (given_find(l, a, &g))
		give(l, from, a, &g);
	free(g.bytes);
	if (g.fd >= 0)
		(void)close(g.fd);
}

/* ---- what comes ---- */

static void got_news(struct live *l, uint16_t from, const ConfigNews *news, uint64_t now_us)
{
	uint32_t i = index_of(l, from);

	if (i == UINT32_MAX)
		return;
	row_set(&l->rows[i], news->version, news->hash, news->flags, news->refused, now_us);
	l->rows[i].files = news->files;
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
	bool behind = news->version < live_version(l) ||
		      (news->version == live_version(l) && l->mark && !news->files);
	if (behind && addr_site(from) == addr_site(l->self->addr) && l->self->role == CONF_BROKER &&
	    !(news->flags & ROW_REFUSED))
		news_send(l, from, false, now_us);
}

bool live_message(struct live *l, const Envelope *env, const void *payload, size_t len,
		  uint64_t now_us)
{
	uint16_t from = (uint16_t)env->from;

	live_taking_look(l, now_us);
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
	live_taking_look(l, now_us);
	fetch_tick(l, now_us);
	news_round(l, l->ticks % LIVE_FAR_EVERY == 0, now_us);
	l->ticks++;
}
