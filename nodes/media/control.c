/* The control thread's verbs: checked here, done on the leg's thread. */
#include "nodes/media/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Hands a finished leg to its thread; on error nothing is left. */
static int leg_add(struct media *m, struct leg *leg)
{
	int err = media_command(m, leg, &(struct command){.type = CMD_ADD});
	if (err)
		media_leg_unmake(leg);
	return err;
}

int media_leg_plain(struct media *m, uint32_t group, struct media_leg *ret, uint16_t *ret_port)
{
	struct leg *leg;
	int err = media_leg_make(m, group, LEG_PLAIN, MEDIA_PCMU, &leg);
	if (err)
		return err;
	struct media_leg handle = leg->handle;
	uint16_t port = m->slots[leg->slot].port;
	err = leg_add(m, leg);
	if (err)
		return err;
	*ret = handle;
	*ret_port = port;
	return 0;
}

int media_leg_remote(struct media *m, struct media_leg handle, const struct media_remote *remote)
{
	struct leg *leg = media_find(m, handle);
	if (remote->codec > MEDIA_OPUS || remote->pt > 127 ||
	    (remote->dtmf_pt > 127 && remote->dtmf_pt != RTP_PT_NONE))
		return EINVAL;
	if (leg && leg->kind != LEG_PLAIN)
		return EINVAL;
	return media_command(m, leg, &(struct command){.type = CMD_REMOTE, .remote = *remote});
}

/* ---- sounds */

static struct media_sound sound_cached(const struct media *m, const char *path, int64_t mtime_ns)
{
	for (uint32_t i = 0; i < m->sounds_len; i++)
		if (m->sounds[i].mtime_ns == mtime_ns && !strcmp(m->sounds[i].path, path))
			return (struct media_sound){i + 1};
	return (struct media_sound){0};
}

int media_sound_load(struct media *m, struct media_sound *ret, const char *path, char ret_why[256])
{
	struct stat st;
	if (stat(path, &st)) {
		int err = errno;
		snprintf(ret_why, 256, "%.180s: %s", path, strerror(err));
		return err;
	}
	int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	struct media_sound known = sound_cached(m, path, mtime_ns);
	if (known.v) {
		*ret = known;
		return 0;
	}
	if (m->sounds_len == SOUNDS_MAX) {
		snprintf(ret_why, 256, "%.150s: more than %d sounds were loaded", path, SOUNDS_MAX);
		return ENOSPC;
	}
	struct sound_entry e = {.mtime_ns = mtime_ns};
	int err = sound_decode(path, &e.sound, ret_why);
	if (err)
		return err;
	e.path = strdup(path);
	if (!e.path) {
		sound_free(&e.sound);
		snprintf(ret_why, 256, "not enough memory");
		return ENOMEM;
	}
	m->sounds[m->sounds_len++] = e; /* never moves: legs point at it */
	ret->v = m->sounds_len;
	return 0;
}

static const struct sound *sound_get(const struct media *m, struct media_sound s)
{
	return s.v && s.v <= m->sounds_len ? &m->sounds[s.v - 1].sound : NULL;
}

/* ---- what a leg hears and says */

int media_leg_play(struct media *m, struct media_leg leg, struct media_sound greeting,
		   struct media_sound music)
{
	if (greeting.v > m->sounds_len || music.v > m->sounds_len)
		return EINVAL;
	return media_command(
	    m, media_find(m, leg),
	    &(struct command){.type = CMD_PLAY,
			      .play = {sound_get(m, greeting), sound_get(m, music)}});
}

int media_leg_quiet(struct media *m, struct media_leg leg)
{
	return media_leg_play(m, leg, (struct media_sound){0}, (struct media_sound){0});
}

static int move_leg(struct media *m, struct leg *leg, uint32_t thread)
{
	struct command cmd = {.type = CMD_DETACH, .thread = &m->threads[thread]};
	int err = media_command(m, leg, &cmd);
	if (!err)
		m->slots[leg->slot].thread = thread;
	return err;
}

int media_bridge(struct media *m, struct media_leg a, struct media_leg b)
{
	struct leg *leg = media_find(m, a), *other = media_find(m, b);
	if (!leg || !other)
		return ENOENT;
	if (leg == other)
		return EINVAL;
	uint32_t thread = m->slots[leg->slot].thread;
	int err = m->slots[other->slot].thread == thread ? 0 : move_leg(m, other, thread);
	if (err)
		return err;
	return media_command(m, leg, &(struct command){.type = CMD_BRIDGE, .other = other});
}

int media_unbridge(struct media *m, struct media_leg a)
{
	return media_command(m, media_find(m, a), &(struct command){.type = CMD_UNBRIDGE});
}

static int set_value(struct media *m, struct media_leg leg, enum command_type type, uint32_t value)
{
	return media_command(m, media_find(m, leg),
			     &(struct command){.type = type, .value = value});
}

int media_leg_mute(struct media *m, struct media_leg leg, bool mute)
{
	return set_value(m, leg, CMD_MUTE, mute);
}

int media_leg_tone(struct media *m, struct media_leg leg, uint32_t hz)
{
	return hz >= 4000 ? EINVAL : set_value(m, leg, CMD_TONE, hz);
}

int media_leg_listen(struct media *m, struct media_leg leg, uint32_t hz)
{
	return hz >= 4000 ? EINVAL : set_value(m, leg, CMD_LISTEN, hz);
}

uint32_t media_leg_heard_permille(struct media *m, struct media_leg leg)
{
	struct leg *l = media_find(m, leg);
	return l ? atomic_load_explicit(&m->slots[l->slot].heard_permille, memory_order_relaxed)
		 : 0;
}

int media_leg_stats(struct media *m, struct media_leg leg, bool every_second)
{
	return set_value(m, leg, CMD_STATS, every_second);
}

int media_leg_stats_get(struct media *m, struct media_leg leg, struct media_stats *ret)
{
	struct leg *l = media_find(m, leg);
	if (!l)
		return ENOENT;
	struct slot *s = &m->slots[l->slot];
	*ret = (struct media_stats){
	    .rx_packets = atomic_load_explicit(&s->rx_packets, memory_order_relaxed),
	    .tx_packets = atomic_load_explicit(&s->tx_packets, memory_order_relaxed),
	    .rx_bytes = atomic_load_explicit(&s->rx_bytes, memory_order_relaxed),
	    .rx_lost = atomic_load_explicit(&s->rx_lost, memory_order_relaxed),
	    .rx_bad = atomic_load_explicit(&s->rx_bad, memory_order_relaxed),
	    .jitter_us = atomic_load_explicit(&s->jitter_us, memory_order_relaxed),
	    .rtt_us = atomic_load_explicit(&s->rtt_us, memory_order_relaxed),
	    .loss_permille = atomic_load_explicit(&s->loss_permille, memory_order_relaxed),
	};
	return 0;
}

void media_leg_close(struct media *m, struct media_leg leg)
{
	struct leg *l = media_find(m, leg);
	if (!l)
		return;
	int err = media_command(m, l, &(struct command){.type = CMD_CLOSE});
	helio_assert(!err); /* a leg that cannot be closed would hold its port for ever */
	m->slots[l->slot].closing = true;
	m->slots[l->slot].leg = NULL;
}
