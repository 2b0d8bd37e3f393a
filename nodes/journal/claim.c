/*
 * Adoption: a compare-and-set on the register of the old boot's hash, in the Redis that all who may
 * claim it have agreed on (the arbiter). In one script the register is raised, so that the old
 * owner is refused from then on, the old value goes, and ours is written under our own boot. Said
 * twice (the connection broke before the reply), it gives the same answer. The other Redis is told
 * afterwards; what it answers decides nothing.
 */
#include "nodes/journal/internal.h"
#include "common/base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool claim_is_due(const struct entry *e, uint32_t link)
{
	return e->claim && e->claim->due[link] &&
	       (e->state == ENTRY_PUT || (e->state == ENTRY_CLAIM && link == e->claim->arbiter));
}

bool claim_send(struct store *s, uint32_t i)
{
	const struct entry *e = &s->j->entries.entry[i];
	const struct entry_claim *c = e->claim;
	char old[RECORD_KEY_SIZE], field[RECORD_FIELD_SIZE];
	char cepoch[RECORD_CEPOCH_LEN + 1], expected[RECORD_CEPOCH_LEN + 1];
	record_boot_key(old, c->node, c->boot);
	record_field(field, "", e->ref);
	snprintf(cepoch, sizeof(cepoch), "%020" PRIu64, e->cepoch);
	snprintf(expected, sizeof(expected), "%020" PRIu64, c->cepoch);
	const char *const keys[] = {s->j->boot_key, old};
	/* The entry of a node that is restarted may be missing there: that Redis was away when it
	 * was written, and only the node itself can know. To others, missing means over. */
	bool same = strcmp(c->node, s->j->node) == 0;
	const char *const argv[] = {
	    "claim",  field,           cepoch, s->j->owner, (const char *)e->sealed,
	    expected, same ? "1" : "0"};
	const size_t lens[] = {0, 0, 0, 0, e->len, 0, 0};
	return store_script(s, store_on_entry, (void *)(uintptr_t)i, 2, keys, HELIO_ARRAY_LEN(argv),
			    argv, lens);
}

/* Every link knows: nothing is left to say about how it came here. */
static void claim_said(struct entry *e, uint32_t link)
{
	e->claim->due[link] = false;
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		if (e->claim->due[l])
			return;
	free(e->claim);
	e->claim = NULL;
}

static void won(struct store *s, uint32_t i)
{
	struct journal *j = s->j;
	struct entry *e = &j->entries.entry[i];
	journal_claimed_h *claimed_h = e->claim->claimed_h;
	void *arg = e->claim->arg;
	struct record_ref ref = e->ref;
	uint64_t cepoch = e->cepoch;
	e->state = ENTRY_PUT;
	claim_said(e, s->i);
	entry_acked(&j->entries, i, s->i, true);
	if (s->i != 0)
		entry_wait(&j->entries, i, j->now_us); /* not yet in our own Redis */
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		if (l != s->i && j->store[l].present && redis_link_usable(&j->store[l].link))
			entry_mark(&j->entries, i, l);
	claimed_h(ref.kind, ref.id, JOURNAL_WON, cepoch, j->owner, arg);
}

static void not_won(struct store *s, uint32_t i, const redisReply *r)
{
	struct journal *j = s->j;
	struct entry *e = &j->entries.entry[i];
	journal_claimed_h *claimed_h = e->claim->claimed_h;
	void *arg = e->claim->arg;
	struct record_ref ref = e->ref;
	enum journal_verdict verdict = JOURNAL_GONE;
	char owner[JOURNAL_OWNER_SIZE] = "";
	uint64_t cepoch = 0;
	if (r->type == REDIS_REPLY_STRING) {
		verdict = JOURNAL_LOST;
		if (record_register_parse(r->str, &cepoch, owner))
			s->link.errors++;
	} else if (r->type != REDIS_REPLY_INTEGER) {
		s->link.errors++; /* keys of another type: nothing of ours is there */
	}
	entry_drop(&j->entries, i);
	entry_settle(&j->entries, i);
	claimed_h(ref.kind, ref.id, verdict, cepoch, owner, arg);
}

void claim_reply(struct store *s, uint32_t i, const redisReply *r)
{
	struct entries *es = &s->j->entries;
	struct entry *e = &es->entry[i];
	bool yes = r->type == REDIS_REPLY_INTEGER && r->integer == 1;
	if (!e->claim || !e->claim->due[s->i]) {
		entry_settle(es, i); /* given up meanwhile */
	} else if (e->state == ENTRY_CLAIM) {
		yes ? won(s, i) : not_won(s, i, r);
	} else {
		claim_said(e, s->i);
		if (yes && !e->at[s->i].dirty)
			store_acked(s, i);
		else
			entry_mark(es, i, s->i); /* as any other entry */
	}
}
