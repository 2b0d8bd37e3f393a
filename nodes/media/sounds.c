/*
 * The sounds that are decoded, by path and time of change. An entry never moves: legs point at it,
 * and commands on their way to them. What configuration does not name any more goes when nobody
 * plays it.
 *
 *   free ──load──► named ──keep() without it──► dropped ──nobody plays it──► free
 *                    ▲───────asked for again───────┘
 */
#include "nodes/media/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int mtime_of(const char *path, int64_t *ret_ns, char why[256])
{
	struct stat st;
	if (stat(path, &st)) {
		int err = errno;
		snprintf(why, 256, "%.180s: %s", path, strerror(err));
		return err;
	}
	*ret_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

static void entry_free(struct sound_entry *e)
{
	sound_free(&e->sound);
	free(e->path);
	*e = (struct sound_entry){0};
}

/* With the lock. A sound that is dropped gets no new users: who asks for it names it first. */
static void sweep(struct media *m)
{
	m->sounds_dropped = 0;
	for (uint32_t i = 0; i < m->sounds_len; i++) {
		struct sound_entry *e = &m->sounds[i];
		if (!e->dropped)
			continue;
		if (atomic_load(&e->sound.users) == 0)
			entry_free(e);
		else
			m->sounds_dropped++;
	}
}

/* With the lock. */
static struct media_sound find(struct media *m, const char *path, int64_t mtime_ns)
{
	for (uint32_t i = 0; i < m->sounds_len; i++) {
		struct sound_entry *e = &m->sounds[i];
		if (e->path && e->mtime_ns == mtime_ns && !strcmp(e->path, path)) {
			e->dropped = false;
			return (struct media_sound){i + 1};
		}
	}
	return (struct media_sound){0};
}

static struct media_sound cached(struct media *m, const char *path, int64_t mtime_ns)
{
	pthread_mutex_lock(&m->sounds_lock);
	struct media_sound found = find(m, path, mtime_ns);
	pthread_mutex_unlock(&m->sounds_lock);
	return found;
}

bool media_sound_known(struct media *m, const char *path)
{
	char why[256];
	int64_t mtime_ns = 0;
	return mtime_of(path, &mtime_ns, why) || cached(m, path, mtime_ns).v;
}

/* e's parts go to the table; 0: there is no room. */
static struct media_sound add(struct media *m, const struct sound_entry *e)
{
	uint32_t i = 0;
	pthread_mutex_lock(&m->sounds_lock);
	sweep(m);
	while (i < m->sounds_len && m->sounds[i].path)
		i++;
	if (i < MEDIA_SOUNDS_MAX) {
		m->sounds[i].sound.frames = e->sound.frames;
		m->sounds[i].sound.ulaw = e->sound.ulaw;
		m->sounds[i].sound.alaw = e->sound.alaw;
		m->sounds[i].path = e->path;
		m->sounds[i].mtime_ns = e->mtime_ns;
		if (i == m->sounds_len)
			m->sounds_len++;
	}
	pthread_mutex_unlock(&m->sounds_lock);
	return (struct media_sound){i < MEDIA_SOUNDS_MAX ? i + 1 : 0};
}

int media_sound_load(struct media *m, struct media_sound *ret, const char *path, char ret_why[256])
{
	struct sound_entry e = {0};
	int err = mtime_of(path, &e.mtime_ns, ret_why);
	if (err)
		return err;
	struct media_sound known = cached(m, path, e.mtime_ns);
	if (known.v) {
		*ret = known;
		return 0;
	}
	err = sound_decode(path, &e.sound, ret_why);
	if (err)
		return err;
	e.path = strdup(path);
	if (e.path)
		known = add(m, &e);
	if (known.v) {
		*ret = known;
		return 0;
	}
	if (e.path)
		snprintf(ret_why, 256, "%.150s: more than %d sounds are named or played", path,
			 MEDIA_SOUNDS_MAX);
	else
		snprintf(ret_why, 256, "not enough memory");
	err = e.path ? ENOSPC : ENOMEM;
	entry_free(&e);
	return err;
}

void media_sounds_keep(struct media *m, const char *(*name_h)(uint32_t k, void *arg), void *arg)
{
	char why[256];
	const char *path;
	pthread_mutex_lock(&m->sounds_lock);
	for (uint32_t i = 0; i < m->sounds_len; i++)
		m->sounds[i].dropped = m->sounds[i].path;
	for (uint32_t k = 0; (path = name_h(k, arg)); k++) {
		int64_t mtime_ns;
		if (*path && !mtime_of(path, &mtime_ns, why))
			(void)find(m, path, mtime_ns);
	}
	sweep(m);
	pthread_mutex_unlock(&m->sounds_lock);
}

void sounds_leg_gone(struct media *m)
{
	pthread_mutex_lock(&m->sounds_lock);
	if (m->sounds_dropped)
		sweep(m);
	pthread_mutex_unlock(&m->sounds_lock);
}

void sounds_free(struct media *m)
{
	for (uint32_t i = 0; i < m->sounds_len; i++)
		entry_free(&m->sounds[i]);
}

struct sound *sounds_take(struct media *m, struct media_sound s)
{
	struct sound *sound = s.v && m->sounds[s.v - 1].path ? &m->sounds[s.v - 1].sound : NULL;
	if (sound)
		atomic_fetch_add(&sound->users, 1);
	return sound;
}

void sound_let_go(struct sound *s)
{
	if (s)
		helio_assert(atomic_fetch_sub(&s->users, 1) > 0);
}
