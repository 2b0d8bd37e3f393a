/*
 * Reading what a predecessor left, from one Redis or both at once:
 *
 *   boots ──► for each earlier boot: HSCAN, page by page ──► opened, kept ──► all: sorted, each
 *                                                                            (kind, id) once
 *
 * The two copies need not be equal (one Redis was away), an entry may stand under two boots (it was
 * claimed, and only one Redis knows), and HSCAN may show one twice: the latest of all is handed
 * over.
 */
#include "nodes/journal/internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ITEMS_MAX = 2 * JOURNAL_ENTRIES_MAX, /* both copies of a full node */
	PAGE = 128,                          /* 256 KiB of dialogs: a millisecond of Redis */
};

struct item {
	struct record_ref ref;
	uint32_t boot;
	uint64_t cepoch, seq;
	uint64_t ahead_us; /* the writer's clock minus ours, modulo 2^64 */
	uint8_t *data;
	size_t len;
};

struct source_boot {
	uint32_t boot;
	uint64_t ahead_us, at_ahead_us; /* its clock, and the moment of its last heartbeat */
	uint64_t m_us;
};

struct source {
	bool wanted, started, done, failed;
	uint32_t boots_n, at;
	struct source_boot boot[JOURNAL_BOOTS_MAX]; /* latest first */
	char cursor[24];
	uint64_t sent_us;
	uint32_t tampered;
};

struct load {
	char node[CONF_NAME_SIZE];
	uint64_t until_us;
	struct journal_load_handlers h;
	struct source source[JOURNAL_LINKS];
	struct item *item;
	size_t items_n, items_cap;
};

static void scan(struct store *s);

/* ---- the list of boots ---- */

static void boot_add(struct source *src, const struct source_boot *b)
{
	uint32_t at = src->boots_n;
	while (at > 0 && src->boot[at - 1].boot < b->boot)
		at--;
	if (at == JOURNAL_BOOTS_MAX)
		return;
	if (src->boots_n < JOURNAL_BOOTS_MAX)
		src->boots_n++;
	memmove(&src->boot[at + 1], &src->boot[at], (src->boots_n - at - 1) * sizeof(src->boot[0]));
	src->boot[at] = *b;
}

/* The reply is of the middle of its round trip. */
static void boots_read(struct store *s, struct source *src, const redisReply *r)
{
	struct journal *j = s->j;
	uint64_t mid = src->sent_us + (s->link.now_us - src->sent_us) / 2;
	uint64_t time = strtoull(redis_text_at(r, 0), NULL, 10);
	for (size_t n = 1; n + 1 < r->elements; n += 2) {
		struct record_beat beat;
		char *end;
		unsigned long boot = strtoul(redis_text_at(r, n), &end, 10);
		if (*end || boot > UINT32_MAX ||
		    record_beat_parse(&beat, redis_text_at(r, n + 1))) {
			src->tampered++;
			continue;
		}
		if (boot == j->boot && strcmp(j->load->node, j->node) == 0)
			continue; /* ourselves */
		struct source_boot b = {.boot = (uint32_t)boot,
					.m_us = beat.m_us,
					.ahead_us = beat.m_us + (time - beat.t_us) - mid,
					.at_ahead_us = time - beat.at_us - mid};
		boot_add(src, &b);
	}
}

/* The source that this reply is for; NULL if its load is over, or the reply never came. */
static struct source *source_of(struct store *s, const redisReply *r, void *arg)
{
	bool came = redis_link_reply(&s->link, r);
	if (!s->j->load || s->j->load_serial != (uintptr_t)arg)
		return NULL;
	struct source *src = &s->j->load->source[s->i];
	if (!came) { /* once more on the next connection, if the deadline allows */
		src->started = false;
		src->boots_n = 0;
	}
	return came ? src : NULL;
}

static void on_boots(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	const redisReply *r = reply;
	struct source *src = source_of(s, r, arg);
	if (!src)
		return;
	if (store_refused(s, r)) {
		src->started = false; /* once more after the hello */
		return;
	}
	if (r->type != REDIS_REPLY_ARRAY) {
		src->done = src->failed = true;
		return;
	}
	boots_read(s, src, r);
	(void)str_copy(src->cursor, sizeof(src->cursor), "0");
	src->at = 0;
	scan(s);
}

static void sources_start(struct journal *j)
{
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		struct source *src = &j->load->source[i];
		struct store *s = &j->store[i];
		char key[RECORD_KEY_SIZE], ttl[16];
		if (!src->wanted || src->started || src->done || !redis_link_usable(&s->link) ||
		    !s->sha[0])
			continue;
		record_beats_key(key, j->load->node);
		snprintf(ttl, sizeof(ttl), "%d", TTL_MS);
		const char *const argv[] = {"EVALSHA", s->sha, "1", key, "boots", ttl};
		src->sent_us = j->now_us;
		src->tampered = 0;
		src->started = redis_link_command(&s->link, on_boots, (void *)j->load_serial,
						  HELIO_ARRAY_LEN(argv), argv, NULL);
	}
}

/* ---- the entries of one boot ---- */

static int item_add(struct load *l, const struct item *it)
{
	if (l->items_n >= ITEMS_MAX)
		return ENOSPC;
	if (l->items_n == l->items_cap) {
		size_t cap = l->items_cap ? 2 * l->items_cap : 256;
		struct item *p = realloc(l->item, cap * sizeof(*p));
		if (!p)
			return ENOMEM;
		l->item = p;
		l->items_cap = cap;
	}
	l->item[l->items_n++] = *it;
	return 0;
}

/* EBADMSG: not of ours. */
static int item_read(struct journal *j, const struct source_boot *b, const redisReply *field,
		     const redisReply *value)
{
	uint8_t plain[JOURNAL_DATA_MAX];
	char key[RECORD_KEY_SIZE];
	struct item it = {.boot = b->boot, .ahead_us = b->ahead_us};
	if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
	    record_field_parse(&it.ref, field->str, field->len))
		return EBADMSG;
	record_boot_key(key, j->load->node, b->boot);
	if (record_open(j->key, key, it.ref, (const uint8_t *)value->str, value->len, &it.cepoch,
			&it.seq, plain, sizeof(plain), &it.len))
		return EBADMSG;
	it.data = malloc(it.len ? it.len : 1);
	if (!it.data)
		return ENOMEM;
	memcpy(it.data, plain, it.len);
	sodium_memzero(plain, it.len); /* holds numbers and SRTP keys */
	int err = item_add(j->load, &it);
	if (err)
		free(it.data);
	return err;
}

static bool page_ok(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
	       r->element[0]->type == REDIS_REPLY_STRING &&
	       r->element[1]->type == REDIS_REPLY_ARRAY;
}

static void on_page(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	const redisReply *r = reply;
	struct source *src = source_of(s, r, arg);
	if (!src)
		return;
	if (!page_ok(r) || str_copy(src->cursor, sizeof(src->cursor), redis_text_at(r, 0))) {
		src->failed = true;
		src->at++; /* a key of another type: the other boots may still be read */
		(void)str_copy(src->cursor, sizeof(src->cursor), "0");
		scan(s);
		return;
	}
	const redisReply *page = r->element[1];
	for (size_t n = 0; n + 1 < page->elements; n += 2) {
		int err =
		    item_read(s->j, &src->boot[src->at], page->element[n], page->element[n + 1]);
		if (err == EBADMSG)
			src->tampered++;
		else if (err)
			src->failed = true;
	}
	if (strcmp(src->cursor, "0") == 0)
		src->at++;
	scan(s);
}

static void scan(struct store *s)
{
	struct source *src = &s->j->load->source[s->i];
	char key[RECORD_KEY_SIZE], count[8];
	if (src->at >= src->boots_n) {
		src->done = true;
		return;
	}
	record_boot_key(key, s->j->load->node, src->boot[src->at].boot);
	snprintf(count, sizeof(count), "%d", PAGE);
	const char *const argv[] = {"HSCAN", key, src->cursor, "MATCH", "v:*", "COUNT", count};
	if (!redis_link_command(&s->link, on_page, (void *)s->j->load_serial, HELIO_ARRAY_LEN(argv),
				argv, NULL))
		src->done = src->failed = true;
}

/* ---- the end ---- */

static int ascending(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Same entry together, its latest state first. */
static int item_order(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int d = ascending(a->ref.kind, b->ref.kind);
	if (!d)
		d = ascending(a->ref.id, b->ref.id);
	if (!d)
		d = ascending(b->cepoch, a->cepoch);
	if (!d)
		d = ascending(b->boot, a->boot);
	return d ? d : ascending(b->seq, a->seq);
}

static void beats_tell(struct journal_load_result *res, const struct source *src, uint64_t now)
{
	for (uint32_t n = 0; n < src->boots_n; n++) {
		const struct source_boot *b = &src->boot[n];
		struct journal_beat beat = {.boot = b->boot,
					    .last_now_us = b->m_us,
					    .ago_us = b->ahead_us + now - b->m_us,
					    .silent_us = b->at_ahead_us + now};
		uint32_t at = 0;
		while (at < res->beats_n && res->beats[at].boot > b->boot)
			at++;
		if (at == JOURNAL_BOOTS_MAX)
			continue;
		if (at < res->beats_n && res->beats[at].boot == b->boot) {
			if (beat.silent_us < res->beats[at].silent_us)
				res->beats[at] = beat;
			continue;
		}
		if (res->beats_n < JOURNAL_BOOTS_MAX)
			res->beats_n++;
		memmove(&res->beats[at + 1], &res->beats[at],
			(res->beats_n - at - 1) * sizeof(beat));
		res->beats[at] = beat;
	}
}

static void hand_over(const struct load *l, const struct item *it, uint64_t now)
{
	const struct journal_loaded e = {.kind = it->ref.kind,
					 .id = it->ref.id,
					 .cepoch = it->cepoch,
					 .boot = it->boot,
					 .data = it->data,
					 .len = it->len,
					 .owner_now_us = it->ahead_us + now};
	if (l->h.entry_h)
		l->h.entry_h(&e, l->h.arg);
}

static void free_load(struct load *l)
{
	if (!l)
		return;
	for (size_t n = 0; n < l->items_n; n++) {
		sodium_memzero(l->item[n].data, l->item[n].len);
		free(l->item[n].data);
	}
	free(l->item);
	free(l);
}

void load_free(struct journal *j)
{
	free_load(j->load);
	j->load = NULL;
}

static void finish(struct journal *j)
{
	struct load *l = j->load;
	struct journal_load_result res = {.complete = true};
	j->load = NULL; /* a handler may load again */
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		const struct source *src = &l->source[i];
		if (!src->wanted)
			continue;
		if (!src->done || src->failed)
			res.complete = false;
		res.tampered += src->tampered;
		beats_tell(&res, src, j->now_us);
	}
	j->counters.tampered += res.tampered;
	if (l->items_n)
		qsort(l->item, l->items_n, sizeof(*l->item), item_order);
	for (size_t n = 0; n < l->items_n; n++) {
		const struct item *it = &l->item[n];
		if (n > 0 && it->ref.kind == it[-1].ref.kind && it->ref.id == it[-1].ref.id)
			continue;
		res.entries++;
		hand_over(l, it, j->now_us);
	}
	if (l->h.done_h)
		l->h.done_h(&res, l->h.arg);
	free_load(l);
}

void load_step(struct journal *j)
{
	if (!j->load)
		return;
	bool done = true;
	sources_start(j);
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
		done = done && (!j->load->source[i].wanted || j->load->source[i].done);
	if (done || j->now_us >= j->load->until_us)
		finish(j);
}

uint64_t load_deadline(const struct journal *j)
{
	return j->load ? j->load->until_us : UINT64_MAX;
}

int journal_load(struct journal *j, enum journal_at at, const char *node, uint32_t deadline_ms,
		 const struct journal_load_handlers *h, uint64_t now_us)
{
	if (j->load)
		return EALREADY;
	if (!*node || strlen(node) >= CONF_NAME_SIZE)
		return EINVAL;
	struct load *l = calloc(1, sizeof(*l));
	if (!l)
		return ENOMEM;
	bool any = false;
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		l->source[i].wanted = links_of(j, at) & 1u << i && j->store[i].present;
		any = any || l->source[i].wanted;
	}
	if (!any) {
		free(l);
		return EINVAL;
	}
	if (now_us > j->now_us)
		j->now_us = now_us;
	(void)str_copy(l->node, sizeof(l->node), node);
	l->until_us = j->now_us + deadline_ms * 1000ull;
	l->h = *h;
	j->load = l;
	j->load_serial++;
	sources_start(j);
	if (!j->in_step)
		for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
			if (l->source[i].wanted)
				redis_link_flush(&j->store[i].link);
	return 0;
}
