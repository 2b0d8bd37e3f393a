/*
 * What callers hear, from the files of their queue. Decoding takes long (a minute of music at
 * 44 kHz: 0.3 s) and nobody is served meanwhile, so it is done before the first call, on another
 * thread for a configuration that comes while the node runs (live_ops.prepare), and on one of our
 * own for what the start leaves.
 */
#include "nodes/node.h"
#include "nodes/node_sounds.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	/* A node that comes back has callers who wait for it. */
	AT_START_MS = 300,
	QUEUE_SOUNDS = 5,
};

/* Its files, "" where there is none. */
static const char *sound_of(const struct conf_queue *q, int k)
{
	switch (k) {
	case 0: return q->greeting;
	case 1: return q->music;
	case 2: return q->moment;
	case 3: return q->closed_announcement;
	default: return q->task_announcement;
	}
}

/* The k-th of all sounds of a configuration; NULL: there are no more. */
static const char *sound_at(const struct conf *conf, uint32_t k)
{
	return k / QUEUE_SOUNDS < conf->queues_n
		   ? sound_of(&conf->queues[k / QUEUE_SOUNDS], (int)(k % QUEUE_SOUNDS))
		   : NULL;
}

static struct media_sound load(struct node *n, const char *file)
{
	struct media_sound s = {0};
	char why[256];
	if (*file && media_sound_load(n->media, &s, file, why))
		log_warn("sound.bad", "file=%s why=%s", log_quote(file), log_quote(why));
	return s;
}

void node_sounds_play(struct node *n, struct media_leg leg, const char *once, const char *then)
{
	struct media_sound a = load(n, once), b = load(n, then);
	(void)media_leg_play(n->media, leg, a, b);
}

bool node_sounds_ready(struct node *n, const struct conf *conf)
{
	const char *file;
	for (uint32_t k = 0; (file = sound_at(conf, k)); k++)
		if (*file && !media_sound_known(n->media, file))
			return false;
	return true;
}

void node_sounds_prepare(struct node *n, const struct conf *conf, const atomic_bool *stop)
{
	const char *file;
	for (uint32_t k = 0; !atomic_load(stop) && (file = sound_at(conf, k)); k++)
		if (*file && !media_sound_known(n->media, file))
			(void)load(n, file);
}

static const char *name_h(uint32_t k, void *arg)
{
	return sound_at(arg, k);
}

void node_sounds_keep(struct node *n, const struct conf *conf)
{
	media_sounds_keep(n->media, name_h, (void *)conf);
}

/* ---- the start ---- */

struct node_sounds {
	pthread_t thread;
	atomic_bool stop;
	struct node *n;
	const struct conf *conf; /* what the node started with: it stays as long as the node */
};

static void *rest(void *arg)
{
	struct node_sounds *s = arg;
	node_sounds_prepare(s->n, s->conf, &s->stop);
	return NULL;
}

int node_sounds_open(struct node *n)
{
	uint64_t until = mono_us() + AT_START_MS * 1000u;
	const char *file = "";
	for (uint32_t k = 0; mono_us() < until && (file = sound_at(n->conf, k)); k++)
		(void)load(n, file);
	if (!file)
		return 0;
	struct node_sounds *s = calloc(1, sizeof(*s));
	if (!s)
		return ENOMEM;
	s->n = n;
	s->conf = n->conf;
	int err = pthread_create(&s->thread, NULL, rest, s);
	if (err)
		free(s);
	else
		n->sounds = s;
	return err;
}

void node_sounds_close(struct node *n)
{
	struct node_sounds *s = n->sounds;
	if (!s)
		return;
	atomic_store(&s->stop, true);
	(void)pthread_join(s->thread, NULL);
	free(s);
	n->sounds = NULL;
}
