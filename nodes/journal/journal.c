#include "nodes/journal/internal.h"
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_endpoint(const struct conf_endpoint *a, const struct conf_endpoint *b)
{
	return a && b && a->port == b->port && strcmp(a->host, b->host) == 0;
}

int journal_open(struct journal **ret, const struct journal_conf *conf, uint64_t now_us)
{
	if (!conf->node || !*conf->node)
		return EINVAL;
	struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return ENOMEM;
	int err =
	    str_copy(j->node, sizeof(j->node), conf->node) ? EINVAL : entries_init(&j->entries);
	if (err) {
		free(j);
		return err;
	}
	j->boot = conf->boot;
	j->now_us = now_us;
	j->h = conf->h;
	j->arg = conf->arg;
	memcpy(j->key, conf->key, sizeof(j->key));
	record_boot_key(j->boot_key, j->node, j->boot);
	snprintf(j->owner, sizeof(j->owner), "%.31s/%u", j->node, j->boot);
	store_begin(&j->store[0], j, 0, conf->own, conf->login);
	store_begin(&j->store[1], j, 1,
		    same_endpoint(conf->own, conf->adopter) ? NULL : conf->adopter, conf->login);
	*ret = j;
	return 0;
}

struct journal *journal_close(struct journal *j)
{
	if (!j)
		return NULL;
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		if (!j->store[i].present)
			continue;
		redis_link_flush(&j->store[i].link);
		redis_link_deinit(&j->store[i].link);
	}
	load_free(j);
	entries_deinit(&j->entries);
	sodium_memzero(j->key, sizeof(j->key));
	free(j);
	return NULL;
}

int journal_fd(const struct journal *j, uint32_t i, short *ret_events)
{
	*ret_events = 0;
	helio_assert(i < JOURNAL_LINKS);
	return j->store[i].present ? redis_link_fd(&j->store[i].link, ret_events) : -1;
}

uint64_t journal_fd_serial(const struct journal *j, uint32_t i)
{
	helio_assert(i < JOURNAL_LINKS);
	return j->store[i].link.reconnects;
}

unsigned links_of(const struct journal *j, enum journal_at at)
{
	if (j->store[1].present || !(at & JOURNAL_ADOPTER))
		return (unsigned)at;
	return JOURNAL_OWN;
}

static void clock_to(struct journal *j, uint64_t now_us)
{
	if (now_us > j->now_us)
		j->now_us = now_us;
}

static bool late(const struct journal *j, const struct entry *e)
{
	return !journal_is_up(j, JOURNAL_OWN) || j->now_us >= e->put_us + JOURNAL_ACK_MS * 1000ull;
}

/* Those that nobody shall wait for any longer. A handler may put again: each is told once a step.
 */
static void tell_late(struct journal *j)
{
	for (uint32_t n = j->entries.used_n; n > 0 && j->entries.oldest != ENTRY_NONE; n--) {
		uint32_t i = j->entries.oldest;
		struct record_ref ref = j->entries.entry[i].ref;
		if (!late(j, &j->entries.entry[i]))
			break;
		entry_wait_end(&j->entries, i);
		j->counters.late++;
		if (j->h.late_h)
			j->h.late_h(ref.kind, ref.id, j->arg);
	}
}

void journal_step(struct journal *j, const short revents[JOURNAL_LINKS], uint64_t now_us)
{
	clock_to(j, now_us);
	j->in_step = true;
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
		if (j->store[i].present)
			redis_link_step(&j->store[i].link, revents[i], j->now_us);
	load_step(j);
	tell_late(j);
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		if (!j->store[i].present)
			continue;
		beat_step(&j->store[i]);
		store_pump(&j->store[i]);
	}
	j->in_step = false;
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
		if (j->store[i].present)
			redis_link_finish(&j->store[i].link);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t journal_deadline(const struct journal *j)
{
	uint64_t t = load_deadline(j);
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		if (!j->store[i].present)
			continue;
		t = sooner(t, redis_link_deadline(&j->store[i].link));
		t = sooner(t, beat_deadline(&j->store[i]));
	}
	if (j->entries.oldest != ENTRY_NONE) {
		const struct entry *e = &j->entries.entry[j->entries.oldest];
		t = sooner(t, late(j, e) ? j->now_us : e->put_us + JOURNAL_ACK_MS * 1000ull);
	}
	return t;
}

static bool is_kind(enum journal_kind kind)
{
	return kind == JOURNAL_CALL || kind == JOURNAL_SESSION;
}

/* Seals into the entry; what it held before stays if that fails. */
static int fill(struct journal *j, struct entry *e, uint64_t cepoch, const void *data, size_t len)
{
	size_t n;
	int err = entry_reserve(e, len + RECORD_OVERHEAD);
	if (!err)
		err = record_seal(j->key, j->boot_key, e->ref, cepoch, ++j->seq, data, len,
				  e->sealed, e->cap, &n);
	if (err)
		return err;
	e->len = (uint32_t)n;
	e->cepoch = cepoch;
	return 0;
}

static void mark(struct journal *j, uint32_t i)
{
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++) {
		if (!j->store[l].present)
			continue;
		entry_acked(&j->entries, i, l, false);
		/* A link that comes up is told everything then. */
		if (redis_link_usable(&j->store[l].link))
			entry_mark(&j->entries, i, l);
	}
}

/* A new entry could not be filled. */
static int undo(struct journal *j, uint32_t i, int err)
{
	entry_drop(&j->entries, i);
	entry_settle(&j->entries, i);
	return err;
}

int journal_put(struct journal *j, enum journal_kind kind, uint64_t id, uint64_t cepoch,
		const void *data, size_t len, uint64_t now_us)
{
	struct record_ref ref = {kind, id};
	clock_to(j, now_us);
	if (id == 0 || !is_kind(kind))
		return EINVAL;
	if (len > JOURNAL_DATA_MAX)
		return EMSGSIZE;
	uint32_t i = entry_find(&j->entries, ref);
	bool new = i == ENTRY_NONE;
	if (new)
		i = entry_add(&j->entries, ref, ENTRY_PUT);
	if (i == ENTRY_NONE)
		return ENOSPC;
	struct entry *e = &j->entries.entry[i];
	if (e->state == ENTRY_CLAIM)
		return EBUSY;
	if (!new && e->state == ENTRY_PUT && cepoch < e->cepoch)
		return ESTALE;
	int err = fill(j, e, cepoch, data, len);
	if (err)
		return new ? undo(j, i, err) : err;
	entry_revive(&j->entries, i);
	j->counters.puts++;
	mark(j, i);
	entry_wait(&j->entries, i, j->now_us);
	store_pump_all(j);
	return 0;
}

int journal_del(struct journal *j, enum journal_kind kind, uint64_t id, uint64_t now_us)
{
	uint32_t i = entry_find(&j->entries, (struct record_ref){kind, id});
	clock_to(j, now_us);
	if (i == ENTRY_NONE || j->entries.entry[i].state == ENTRY_DEL)
		return ENOENT;
	j->counters.dels++;
	entry_drop(&j->entries, i);
	/* One that is not up finds at its hello that the entry should not be there. */
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		if (j->store[l].present && redis_link_usable(&j->store[l].link))
			entry_mark(&j->entries, i, l);
	entry_settle(&j->entries, i);
	store_pump_all(j);
	return 0;
}

int journal_claim(struct journal *j, const struct journal_claim *c, uint64_t now_us)
{
	struct record_ref ref = {c->kind, c->id};
	uint32_t arbiter = links_of(j, c->arbiter) == JOURNAL_ADOPTER;
	clock_to(j, now_us);
	if (c->id == 0 || !is_kind(c->kind) || !c->claimed_h || c->cepoch_new <= c->cepoch ||
	    c->arbiter == JOURNAL_BOTH || !j->store[arbiter].present ||
	    strlen(c->node) >= CONF_NAME_SIZE ||
	    (c->boot == j->boot && strcmp(c->node, j->node) == 0))
		return EINVAL;
	if (c->len > JOURNAL_DATA_MAX)
		return EMSGSIZE;
	if (entry_find(&j->entries, ref) != ENTRY_NONE)
		return EEXIST;
	uint32_t i = entry_add(&j->entries, ref, ENTRY_CLAIM);
	if (i == ENTRY_NONE)
		return ENOSPC;
	struct entry *e = &j->entries.entry[i];
	int err = fill(j, e, c->cepoch_new, c->data, c->len);
	if (!err && !(e->claim = calloc(1, sizeof(*e->claim))))
		err = ENOMEM;
	if (err)
		return undo(j, i, err);
	(void)str_copy(e->claim->node, sizeof(e->claim->node), c->node);
	e->claim->boot = c->boot;
	e->claim->cepoch = c->cepoch;
	e->claim->arbiter = arbiter;
	e->claim->claimed_h = c->claimed_h;
	e->claim->arg = c->arg;
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		e->claim->due[l] = j->store[l].present;
	if (redis_link_usable(&j->store[arbiter].link))
		entry_mark(&j->entries, i, arbiter);
	store_pump_all(j);
	return 0;
}

bool journal_is_protected(const struct journal *j, enum journal_kind kind, uint64_t id)
{
	uint32_t i = entry_find(&j->entries, (struct record_ref){kind, id});
	return i != ENTRY_NONE && j->entries.entry[i].state == ENTRY_PUT &&
	       j->entries.entry[i].at[0].acked;
}

const char *journal_trouble(struct journal *j, uint32_t i)
{
	struct store *s = &j->store[i];
	if (s->link.trouble == s->told)
		return NULL;
	s->told = s->link.trouble;
	return s->told;
}

bool journal_is_up(const struct journal *j, enum journal_at at)
{
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		if (links_of(j, at) & 1u << l &&
		    (!j->store[l].present || !redis_link_usable(&j->store[l].link)))
			return false;
	return true;
}

bool journal_is_settled(const struct journal *j, enum journal_at at)
{
	const struct entries *es = &j->entries;
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++) {
		if (!(links_of(j, at) & 1u << l) || !j->store[l].present)
			continue;
		for (uint32_t i = 0; i < es->fresh; i++)
			if (es->entry[i].state != ENTRY_FREE &&
			    (es->entry[i].at[l].queued || es->entry[i].at[l].in_flight))
				return false;
	}
	return true;
}

void journal_counters(const struct journal *j, struct journal_counters *ret)
{
	*ret = j->counters;
	ret->held = j->entries.live_n;
	ret->unprotected = j->entries.bare_n;
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++) {
		ret->errors += j->store[l].link.errors;
		ret->reconnects += j->store[l].link.reconnects;
		ret->timeouts += j->store[l].link.timeouts;
	}
}
