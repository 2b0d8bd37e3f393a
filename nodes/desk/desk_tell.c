/*
 * The state of the queues for every page, a part of them at a time. Ten thousand sealed frames at
 * once would be more than the link to a gateway takes (its high-water mark), and a frame that is
 * not taken ends its session; and the calls of this node would wait as long as all of them take.
 *
 * A broker's figures come to all nodes of its site at the same moment, and with them it begins:
 * pages side by side show the same, whichever node theirs is.
 *
 *   QueueStats ──► d->tell: everybody with a page, in order ──► DESK_TELL_PART each DESK_TELL_MS
 */
#include "nodes/desk/desk_internal.h"

#include <string.h>

static bool note(struct le *le, void *arg)
{
	struct session *s = le->data;
	struct desk *d = arg;
	if (s->link && !s->tell_le.list)
		list_append(&d->tell, &s->tell_le, s);
	return false;
}

/* What everybody with the same skills is told is written once for a part. */
struct text {
	bool have;
	uint64_t skills;
	size_t len;
	char json[DESK_MESSAGE_MAX];
};

static void tell(struct session *s, struct text *t)
{
	if (!s->link)
		return;
	if (!t->have || t->skills != s->agent->skills) {
		json_t *msg = message_queues(s);
		t->len = msg ? json_dumpb(msg, t->json, sizeof(t->json), JSON_COMPACT) : 0;
		json_decref(msg);
		helio_assert(t->len > 0 && t->len <= sizeof(t->json));
		t->skills = s->agent->skills;
		t->have = true;
	}
	if (s->page_behind) /* as session_send() does */
		session_state_send(s);
	batch_send_text(s->link, t->json, t->len);
}

static void tell_part_h(void *arg)
{
	struct desk *d = arg;
	static struct text t; /* 16 KiB; the control thread's only */
	t.have = false;
	for (int i = 0; i < DESK_TELL_PART && d->tell.head; i++) {
		struct session *s = d->tell.head->data;
		list_unlink(&s->tell_le);
		tell(s, &t);
	}
	batch_flush();
	if (d->tell.head)
		tmr_start(&d->tmr_tell, DESK_TELL_MS, tell_part_h, d);
}

static void tell_all_h(void *arg)
{
	struct desk *d = arg;
	d->queues_changed = false;
	d->told_us = mono_us();
	(void)hash_apply(d->sessions, note, d);
	tell_part_h(d);
}

void desk_queues_came(struct desk *d, bool changed, uint32_t round)
{
	d->queues_changed = d->queues_changed || changed;
	/* A node that was late in one round is in time with the others again two later. */
	if (d->queues_changed && round % 2 == 0 && !tmr_isrunning(&d->tmr_tell) &&
	    mono_us() - d->told_us >= DESK_QUEUES_MS * 1000ull)
		tmr_start(&d->tmr_tell, DESK_QUEUES_WHOLE_MS, tell_all_h, d);
}
