/*
 * What is said to one Redis. Redis may execute a command long after we left its connection (it was
 * frozen and finds it in a socket), even after the commands of the next connection: an entry that
 * has ended would rise again. So each hello raises a fence, `gen`, in the hash of our boot, and
 * every write carries the gen of its connection: of an older one, it changes nothing. The same
 * check finds out that the hash is gone (emptied); then all is written again.
 */
#include "nodes/journal/internal.h"
#include "common/base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct store *store_of(const redisAsyncContext *ac)
{
	return redis_link_of(ac)->arg;
}

static uint32_t entry_of(void *arg)
{
	return (uint32_t)(uintptr_t)arg;
}

/* ---- the hello ---- */

/* Nothing counts as being there until it has been written on this connection. */
static void none_acked(struct store *s)
{
	struct entries *es = &s->j->entries;
	for (uint32_t i = 0; i < es->fresh; i++)
		if (es->entry[i].state != ENTRY_FREE)
			entry_acked(es, i, s->i, false);
}

/* Of an earlier gen of this boot, and not held any more: forget it there. */
static void sweep(struct store *s, const redisReply *r)
{
	struct entries *es = &s->j->entries;
	for (size_t n = 0; n < r->elements; n++) {
		const redisReply *f = r->element[n];
		struct record_ref ref;
		if (f->type != REDIS_REPLY_STRING || record_field_parse(&ref, f->str, f->len))
			continue;
		uint32_t i = entry_find(es, ref);
		if (i == ENTRY_NONE) {
			i = entry_add(es, ref, ENTRY_DEL);
			if (i == ENTRY_NONE)
				return; /* full: the next hello looks again */
			es->entry[i].cepoch = UINT64_MAX;
		}
		if (es->entry[i].state == ENTRY_DEL)
			entry_mark(es, i, s->i);
	}
}

static void on_hello(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	struct entries *es = &s->j->entries;
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(&s->link, r))
		return;
	if (r->type != REDIS_REPLY_ARRAY || !s->sha[0]) {
		redis_link_refused(&s->link, r);
		return;
	}
	redis_link_is_up(&s->link);
	s->paired = false;
	s->beat_next_us = s->link.now_us;
	for (uint32_t i = 0; i < es->fresh; i++)
		if (es->entry[i].state == ENTRY_PUT || claim_is_due(&es->entry[i], s->i))
			entry_mark(es, i, s->i);
	sweep(s, r);
}

static void on_script(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(&s->link, r))
		return;
	if (r->type != REDIS_REPLY_STRING || str_copy(s->sha, sizeof(s->sha), r->str))
		redis_link_refused(&s->link, r);
}

static void hello(void *arg)
{
	struct store *s = arg;
	char gen[24], ttl[16];
	snprintf(gen, sizeof(gen), "%" PRIu64, ++s->gen);
	snprintf(ttl, sizeof(ttl), "%d", TTL_MS);
	const char *const load[] = {"SCRIPT", "LOAD", journal_script};
	const char *const say[] = {"EVAL", journal_script, "1", s->j->boot_key, "hello", gen, ttl};
	s->sha[0] = '\0';
	redis_link_command(&s->link, on_script, NULL, HELIO_ARRAY_LEN(load), load, NULL);
	redis_link_command(&s->link, on_hello, NULL, HELIO_ARRAY_LEN(say), say, NULL);
}

/* Whatever was to be said there is found out, or said again, by the next hello. */
static void gone(void *arg)
{
	struct store *s = arg;
	struct entries *es = &s->j->entries;
	s->sha[0] = '\0';
	s->beat_in_flight = false;
	none_acked(s);
	for (uint32_t i = 0; i < es->fresh; i++)
		if (es->entry[i].state != ENTRY_FREE)
			entry_unmark(es, i, s->i);
	helio_assert(entry_take(es, s->i) == ENTRY_NONE); /* skips, and settles, all of them */
}

void store_begin(struct store *s, struct journal *j, uint32_t i, const struct conf_endpoint *at,
		 const struct conf_login *login)
{
	static const struct redis_link_timing timing = {CONNECT_TIMEOUT_MS, REPLY_TIMEOUT_MS,
							BACKOFF_MIN_MS, BACKOFF_MAX_MS};
	static const struct redis_link_handlers handlers = {hello, gone};
	s->j = j;
	s->i = i;
	if (!at || at->port == 0)
		return;
	s->present = true;
	struct conf_redis conf = {.n = 1, .at = {*at}};
	if (login)
		conf.login = *login;
	redis_link_init(&s->link, &conf, &timing, j->node, &handlers, s, j->now_us);
}

bool store_refused(struct store *s, const redisReply *r)
{
	if (redis_error_is(r, "NOSCRIPT") ||
	    (r->type == REDIS_REPLY_STRING && strcmp(r->str, SCRIPT_FENCED) == 0)) {
		/* Those that were sent before the new hello are refused too: one hello is enough.
		 */
		if (redis_link_usable(&s->link)) {
			none_acked(s);
			redis_link_again(&s->link);
		}
		return true;
	}
	if (redis_server_unfit(r)) {
		redis_link_refused(&s->link, r);
		return true;
	}
	return false;
}

bool store_script(struct store *s, redisCallbackFn *fn, void *arg, int keys_n,
		  const char *const *keys, int argc, const char *const *argv, const size_t *lens)
{
	const char *a[16];
	size_t l[16];
	char gen[24];
	int at = 0;
	helio_assert(keys_n >= 1 && keys_n <= 2 && 4 + keys_n + argc <= 16);
	snprintf(gen, sizeof(gen), "%" PRIu64, s->gen);
	a[at++] = "EVALSHA";
	a[at++] = s->sha;
	a[at++] = keys_n == 1 ? "1" : "2";
	for (int i = 0; i < keys_n; i++)
		a[at++] = keys[i];
	a[at++] = argv[0];
	a[at++] = gen;
	for (int i = 0; i < at; i++)
		l[i] = strlen(a[i]);
	for (int i = 1; i < argc; i++, at++) {
		a[at] = argv[i];
		l[at] = lens && lens[i] ? lens[i] : strlen(argv[i]);
	}
	return redis_link_command(&s->link, fn, arg, at, a, l);
}

/* ---- one entry ---- */

void store_acked(struct store *s, uint32_t i)
{
	struct journal *j = s->j;
	struct entry *e = &j->entries.entry[i];
	struct record_ref ref = e->ref;
	if (s->i != 0) {
		j->counters.adopter_acks++;
		entry_acked(&j->entries, i, s->i, !e->at[s->i].dirty);
		return;
	}
	j->counters.acks++;
	if (e->at[0].dirty || e->state != ENTRY_PUT)
		return; /* a newer state follows, or the end */
	uint64_t rtt = s->link.now_us - e->put_us;
	bool told = e->at[0].acked; /* rewritten only */
	entry_acked(&j->entries, i, 0, true);
	if (e->waiting)
		j->counters.last_rtt_us = rtt;
	entry_wait_end(&j->entries, i);
	if (!told && j->h.acked_h)
		j->h.acked_h(ref.kind, ref.id, rtt, j->arg);
}

static void lost(struct store *s, uint32_t i, const redisReply *r)
{
	struct journal *j = s->j;
	struct entry *e = &j->entries.entry[i];
	struct record_ref ref = e->ref;
	char owner[JOURNAL_OWNER_SIZE];
	uint64_t cepoch;
	if (record_register_parse(r->str, &cepoch, owner)) {
		s->link.errors++;
		return;
	}
	if (e->state != ENTRY_PUT || e->cepoch > cepoch)
		return; /* already over, or a newer epoch of ours is on its way */
	entry_drop(&j->entries, i);
	entry_settle(&j->entries, i);
	j->counters.lost++;
	if (j->h.lost_h)
		j->h.lost_h(ref.kind, ref.id, cepoch, owner, j->arg);
}

static void put_reply(struct store *s, uint32_t i, const redisReply *r)
{
	if (r->type == REDIS_REPLY_INTEGER)
		store_acked(s, i);
	else if (r->type == REDIS_REPLY_STRING)
		lost(s, i, r);
	else
		s->link.errors++; /* a key of another type: nothing of ours can help */
}

void store_on_entry(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	struct entries *es = &s->j->entries;
	const redisReply *r = reply;
	uint32_t i = entry_of(arg);
	enum entry_op op = es->entry[i].at[s->i].op;
	bool answered = redis_link_reply(&s->link, r);
	if (answered && store_refused(s, r)) {
		entry_mark(es, i, s->i);
		answered = false;
	}
	entry_back(es, i, s->i);
	if (answered && op == OP_CLAIM) {
		claim_reply(s, i, r);
		return;
	}
	if (answered && op == OP_PUT && es->entry[i].state == ENTRY_PUT) {
		put_reply(s, i, r);
		return;
	}
	entry_settle(es, i);
}

static void send_put(struct store *s, uint32_t i)
{
	const struct entry *e = &s->j->entries.entry[i];
	const char *key = s->j->boot_key;
	bool put = e->state == ENTRY_PUT;
	char field[RECORD_FIELD_SIZE], cepoch[RECORD_CEPOCH_LEN + 1];
	record_field(field, "", e->ref);
	snprintf(cepoch, sizeof(cepoch), "%020" PRIu64, e->cepoch);
	const char *const argv[] = {put ? "put" : "del", field, cepoch, s->j->owner,
				    (const char *)e->sealed};
	const size_t lens[] = {0, 0, 0, 0, e->len};
	if (!store_script(s, store_on_entry, (void *)(uintptr_t)i, 1, &key, put ? 5 : 4, argv,
			  lens))
		entry_back(&s->j->entries, i, s->i);
	else if (put)
		s->j->counters.bytes += e->len;
}

static void send_entry(struct store *s, uint32_t i)
{
	struct entry *e = &s->j->entries.entry[i];
	struct entry_link *at = &e->at[s->i];
	if (claim_is_due(e, s->i)) {
		at->op = OP_CLAIM;
		if (!claim_send(s, i))
			entry_back(&s->j->entries, i, s->i);
		return;
	}
	if (e->state == ENTRY_CLAIM) {
		entry_back(&s->j->entries, i, s->i); /* the arbiter first */
		return;
	}
	at->op = e->state == ENTRY_PUT ? OP_PUT : OP_DEL;
	send_put(s, i);
}

void store_pump(struct store *s)
{
	while (redis_link_usable(&s->link) && s->sha[0] && s->link.outstanding < WINDOW) {
		uint32_t i = entry_take(&s->j->entries, s->i);
		if (i == ENTRY_NONE)
			break;
		send_entry(s, i);
	}
}

void store_pump_all(struct journal *j)
{
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++) {
		struct store *s = &j->store[l];
		bool idle = s->link.outstanding == 0;
		if (!s->present)
			continue;
		store_pump(s);
		if (idle && !j->in_step)
			redis_link_flush(&s->link);
	}
}
