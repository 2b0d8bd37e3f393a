/*
 * Taking a version: checked on the loop, then at once if nothing slow is to be done, else
 *
 *   loop    live_take() ──► thread                                    finish() or refused
 *   thread               gather files ─► read the text ─► prepare() ─► done ──┘ live_taking_look()
 */
#include "common/live/copies.h"
#include "common/live/live_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/log/log.h"

void live_offer_free(struct live_offer *o)
{
	free(o->b);
	free(o->files);
	conf_free(o->c);
	conf_free(o->from);
	*o = (struct live_offer){0};
}

void live_first_line(char why[256], const char *said)
{
	snprintf(why, 256, "%.*s", (int)(said ? strcspn(said, "\n") : 0), said ? said : "");
	if (!*why)
		snprintf(why, 256, "it cannot be used here");
}

int live_text_read(const struct live *l, const struct bundle *b, const struct conf_files *files,
		   struct conf **ret, char why[256])
{
	char *said = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&said, &n);
	int err = conf_load_placed(ret, l->path, (const char *)b->bytes + b->cluster_at,
				   b->cluster_n, (const char *)b->bytes + b->agents_at, b->agents_n,
				   files, l->store, f);

	if (f)
		fclose(f);
	if (err)
		live_first_line(why, said);
	free(said);
	return err ? EINVAL : 0;
}

void live_sweep(struct live *l)
{
	const struct conf_files *keep[COPIES_KEPT + 2];
	struct conf_files *kept[COPIES_KEPT + 1] = {NULL};
	size_t n = 0, m = 0;
	uint32_t v = UINT32_MAX;

	/* What is on its way is nobody's yet. */
	if (l->fetch.from || l->put.list || l->taking.on)
		return;
	if (l->files)
		keep[n++] = l->files;
	while (m < HELIO_ARRAY_LEN(kept) && (v = copies_below(l->state, v)))
		if (!copies_files(&kept[m], l->state, v) && kept[m])
			keep[n++] = kept[m++];
	store_sweep(l->store, keep, n);
	while (m)
		free(kept[--m]);
}

void live_refuse(struct live *l, uint32_t version, uint64_t hash, uint64_t mark, uint64_t now_us,
		 const char *why)
{
	l->refused.version = version;
	l->refused.hash = hash;
	l->refused.mark = mark;
	l->refused.at_us = now_us;
	str_copy(l->refused.why, sizeof(l->refused.why), why);
	l->refusals++;
	log_error("config.refused", "version=%u running=%u why=%s", version, live_version(l),
		  log_quote(why));
}

/* The new one in place of what runs. c is consumed. */
static int use(struct live *l, struct conf *c, char why[256])
{
	char roll[256] = "";
	bool needs_roll = conf_needs_roll(l->base, c, l->name, roll);
	int err = conf_live(c, l->base, l->now, l->ops.keep_agent, l->ops.arg);

	if (err)
		snprintf(why, 256, "%s",
			 err == E2BIG ? "too many queues, counting removed ones that are still "
					"served; roll the daemons first"
				      : strerror(err));
	else
		err = l->ops.use ? l->ops.use(l->ops.arg, c, why) : 0;
	if (err) {
		conf_free(c);
		return EINVAL;
	}
	if (l->now != l->base)
		conf_free(l->now);
	l->now = c;
	if (needs_roll && (!l->needs_roll || strcmp(roll, l->roll_why) != 0))
		log_warn("config.needs_roll", "why=%s remedy=\"deploy/roll\"", log_quote(roll));
	l->needs_roll = needs_roll;
	memcpy(l->roll_why, roll, sizeof(roll));
	l->taken++;
	return 0;
}

/* What was removed may still have callers after a restart: the version before stays, too. */
static void keep(struct live *l, uint32_t before)
{
	int err = 0;

	if (before && copies_below(l->state, before + 1) != before)
		err = copies_put(l->state, l->bundle, l->files);
	if (err)
		log_error("config.not_kept", "version=%u dir=%s err=%s", before,
			  log_quote(l->state), log_quote(strerror(err)));
}

/* In use from here on, or refused: with nothing changed. */
static int finish(struct live *l, struct live_offer *o, uint64_t now_us, char why[256])
{
	uint32_t before = live_version(l), version = o->b ? o->b->sig.version : 0;
	int err = use(l, o->c, why);

	o->c = NULL;
	if (err) {
		if (o->b)
			live_refuse(l, version, o->hash, o->mark, now_us, why);
		live_offer_free(o);
		return err;
	}
	if (o->b) {
		if (l->fetch.version <= version)
			live_fetch_end(l);
		if (l->put.list && l->put.list->version <= version) {
			free(l->put.list);
			l->put.list = NULL;
		}
		if (version != before)
			keep(l, before);
		free(l->bundle);
		free(l->files);
		l->bundle = o->b;
		l->files = o->files;
		l->mark = files_mark(l->files);
		o->b = NULL;
		o->files = NULL;
		memset(&l->refused, 0, sizeof(l->refused));
		int unkept = copies_put(l->state, l->bundle, l->files);
		if (unkept)
			log_error("config.not_kept", "version=%u dir=%s err=%s", version,
				  log_quote(l->state), log_quote(strerror(unkept)));
	}
	live_offer_free(o);
	live_sweep(l);
	log_info("config.taken", "version=%u before=%u hash=%016llx files=%u", version, before,
		 (unsigned long long)l->now->hash, l->files ? l->files->n : 0);
	if (version)
		live_news_all(l, now_us);
	return 0;
}

/* ---- the slow part ---- */

static void *work(void *arg)
{
	struct live *l = arg;
	struct live_taking *t = &l->taking;
	struct live_offer *o = &t->offer;

	if (o->files)
		t->err =
		    store_gather(l->store, o->files, l->role, o->from, false, &t->stop, t->why);
	if (!t->err && !o->c)
		t->err = live_text_read(l, o->b, o->files, &o->c, t->why);
	if (!t->err && l->ops.prepare)
		l->ops.prepare(l->ops.arg, o->c, &t->stop);
	atomic_store(&t->done, true);
	return NULL;
}

void live_taking_look(struct live *l, uint64_t now_us)
{
	struct live_taking *t = &l->taking;
	char why[256] = "";

	if (!t->on || !atomic_load(&t->done))
		return;
	(void)pthread_join(t->thread, NULL);
	t->on = false;
	struct live_offer o = t->offer;
	t->offer = (struct live_offer){0};
	if (!t->err) {
		if (finish(l, &o, now_us, why))
			log_error("config.not_taken", "why=%s", log_quote(why));
		return;
	}
	if (o.b)
		live_refuse(l, o.b->sig.version, o.hash, o.mark, now_us, t->why);
	live_offer_free(&o);
}

void live_taking_end(struct live *l)
{
	struct live_taking *t = &l->taking;

	if (!t->on)
		return;
	atomic_store(&t->stop, true);
	(void)pthread_join(t->thread, NULL);
	t->on = false;
	live_offer_free(&t->offer);
}

static int begin(struct live *l, struct live_offer *o, char why[256])
{
	struct live_taking *t = &l->taking;

	memset(t->why, 0, sizeof(t->why));
	t->err = 0;
	t->offer = *o;
	*o = (struct live_offer){0};
	atomic_store(&t->done, false);
	atomic_store(&t->stop, false);
	int err = pthread_create(&t->thread, NULL, work, l);
	if (err) {
		snprintf(why, 256, "no thread to read it in: %s", strerror(err));
		live_offer_free(&t->offer);
		return EINVAL;
	}
	t->on = true;
	return EINPROGRESS;
}

/* ---- what comes ---- */

/* Is it ours, and news? */
static int check(const struct live *l, const struct live_offer *o, char why[256])
{
	uint32_t runs = live_version(l), version = o->b->sig.version;
	/* A version that came without its files, by a daemon that knows no such lists, gets them.
	 */
	bool more = version == runs && o->files && !l->files && o->b->n == l->bundle->n &&
		    !memcmp(o->b->bytes, l->bundle->bytes, o->b->n);

	if (!l->has_pub) {
		snprintf(why, 256, "no %.150s/cluster.pub to check it with", l->base->keys_dir);
		return EINVAL;
	}
	int err = bundle_verify(o->b, l->pub, l->base->cluster, why);
	if (err)
		return EINVAL;
	if (o->files && (!files_belong(o->files, &o->b->sig) ||
			 files_verify(o->files, l->pub, l->base->cluster))) {
		snprintf(why, 256, "its list of files is not of this version");
		return EINVAL;
	}
	if (version > runs || more)
		return 0;
	snprintf(why, 256, "version %u runs already; sign it anew for a higher number", runs);
	return EALREADY;
}

int live_take(struct live *l, struct live_offer *o, uint64_t now_us, char ret_why[256])
{
	uint32_t version = o->b ? o->b->sig.version : 0;
	bool slow = o->files && !store_has_all(l->store, o->files, l->role);
	int err = 0;

	if (l->taking.on) {
		snprintf(ret_why, 256, "another version is being read in; again in a moment");
		err = EBUSY;
	}
	if (!err && o->b)
		err = check(l, o, ret_why);
	if (!err && !slow && !o->c)
		err = live_text_read(l, o->b, o->files, &o->c, ret_why);
	if (!err && !slow)
		slow = l->ops.ready && !l->ops.ready(l->ops.arg, o->c);
	if (!err && !slow)
		return finish(l, o, now_us, ret_why);
	if (!err) {
		err = begin(l, o, ret_why);
		if (err == EINPROGRESS)
			snprintf(ret_why, 256, "it is in use as soon as its files are read in");
	}
	if (err == EINVAL && version)
		live_refuse(l, version, o->hash, o->mark, now_us, ret_why);
	live_offer_free(o);
	return err;
}
