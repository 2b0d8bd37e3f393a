/* Start, stop, handles, the queues between the control thread and the media threads. */
#include <sys/socket.h>

#include <re.h>

#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/media/dtls.h"
#include "nodes/media/g711.h"

/* A handle is generation << 20 | slot; generation 1… so that 0 is none. */
enum { SLOT_BITS = 20, SLOT_MASK = (1 << SLOT_BITS) - 1, GENERATION_MASK = 0xfff };

static uint32_t slot_of(const struct media *m, struct media_leg handle)
{
	uint32_t i = handle.v & SLOT_MASK;
	if (!i || i > m->conf.legs_max || m->slots[i].generation != handle.v >> SLOT_BITS)
		return 0;
	return i;
}

struct leg *media_find(struct media *m, struct media_leg handle)
{
	uint32_t i = slot_of(m, handle);
	return i ? m->slots[i].leg : NULL;
}

static uint32_t slot_take(struct media *m)
{
	uint32_t i = m->slot_free;
	if (!i)
		return 0;
	struct slot *s = &m->slots[i];
	uint32_t generation = (s->generation + 1) & GENERATION_MASK;
	m->slot_free = s->next_free;
	memset(s, 0, sizeof(*s));
	s->generation = generation ? generation : 1;
	return i;
}

static void slot_give(struct media *m, uint32_t i)
{
	struct slot *s = &m->slots[i];
	ports_release(m, s->port, s->pair);
	s->leg = NULL;
	s->generation = (s->generation + 1) & GENERATION_MASK; /* old handles are dead at once */
	s->next_free = m->slot_free;
	m->slot_free = i;
}

int media_leg_make(struct media *m, uint32_t group, enum leg_kind kind, enum media_codec codec,
		   uint16_t wanted, struct leg **ret)
{
	uint32_t i = slot_take(m), ssrc;
	if (!i)
		return ENOSPC;
	struct slot *s = &m->slots[i];
	struct leg *leg = calloc(1, sizeof(*leg));
	int err = leg ? ports_bind(m, kind == LEG_PLAIN, wanted, leg->fd, &s->port) : ENOMEM;
	if (err) {
		free(leg);
		s->next_free = m->slot_free;
		m->slot_free = i;
		return err;
	}
	s->pair = kind == LEG_PLAIN;
	s->thread = group % m->threads_len;
	s->leg = leg;
	random_bytes(&ssrc, sizeof(ssrc));
	rtp_out_init(&leg->out, ssrc);
	s->ssrc = ssrc;
	s->out_seq = (uint16_t)leg->out.top;
	s->out_ts = leg->out.ts;
	leg->m = m;
	leg->index = leg->play_index = -1;
	leg->kind = kind;
	leg->codec = codec;
	leg->pt = leg->dtmf_pt = RTP_PT_NONE;
	leg->send = leg->recv = true;
	leg->play_frames = 1;
	leg->slot = i;
	leg->handle.v = s->generation << SLOT_BITS | i;
	*ret = leg;
	return 0;
}

void media_leg_goes_on(struct leg *leg, const struct media_numbers *from)
{
	struct slot *s = &leg->m->slots[leg->slot];
	rtp_out_resume(&leg->out, from->ssrc, from->seq, from->ts, mono_us());
	s->ssrc = from->ssrc;
	s->out_seq = from->seq;
	s->out_ts = from->ts;
}

void media_leg_unmake(struct leg *leg)
{
	struct media *m = leg->m;
	uint32_t i = leg->slot;
	leg_free(leg);
	slot_give(m, i);
}

int media_command(struct media *m, struct leg *leg, const struct command *cmd)
{
	if (!leg)
		return ENOENT;
	struct command *copy = malloc(sizeof(*copy));
	if (!copy)
		return ENOMEM;
	*copy = *cmd;
	copy->leg = leg;
	thread_push(&m->threads[m->slots[leg->slot].thread], copy);
	return 0;
}

void media_lease_set(struct media *m, uint64_t until_us)
{
	for (uint32_t i = 0; i < m->threads_len; i++) {
		struct command *cmd = malloc(sizeof(*cmd));
		if (!cmd)
			return; /* the next beat says it again */
		*cmd = (struct command){.type = CMD_LEASE, .until_us = until_us};
		thread_push(&m->threads[i], cmd);
	}
}

/* ---- events */

static bool is_lossy(enum media_event_type type)
{
	return type == MEDIA_EV_DTMF || type == MEDIA_EV_STATS;
}

void media_post(struct media *m, const struct media_event *ev)
{
	uint64_t one = 1;
	struct event_node *node = malloc(sizeof(*node));
	helio_assert(node || is_lossy(ev->type)); /* a CLOSED lost would leak its port for ever */
	if (!node)
		return;
	*node = (struct event_node){.ev = *ev};
	pthread_mutex_lock(&m->event_lock);
	bool full = m->events_len >= EVENTS_MAX && is_lossy(ev->type);
	bool first = !m->event_head;
	if (!full) {
		*m->event_tail = node;
		m->event_tail = &node->next;
		m->events_len++;
	}
	pthread_mutex_unlock(&m->event_lock);
	if (full)
		free(node);
	else if (first)
		helio_assert(write(m->event_fd, &one, sizeof(one)) == sizeof(one));
}

static struct event_node *events_take(struct media *m)
{
	pthread_mutex_lock(&m->event_lock);
	struct event_node *head = m->event_head;
	m->event_head = NULL;
	m->event_tail = &m->event_head;
	m->events_len = 0;
	pthread_mutex_unlock(&m->event_lock);
	return head;
}

static void on_events(int flags, void *arg)
{
	struct media *m = arg;
	uint64_t n;
	(void)flags;
	if (read(m->event_fd, &n, sizeof(n)) != sizeof(n))
		return;
	for (struct event_node *node = events_take(m), *next; node; node = next) {
		uint32_t i = slot_of(m, node->ev.leg);
		next = node->next;
		/* after media_leg_close() only CLOSED is of interest */
		if (i && (node->ev.type == MEDIA_EV_CLOSED || !m->slots[i].closing))
			m->event_h(&node->ev, m->arg);
		if (i && node->ev.type == MEDIA_EV_CLOSED) {
			slot_give(m, i);
			sounds_leg_gone(m);
		}
		free(node);
	}
}

/* ---- start and stop */

static int check_conf(struct media *m, const struct media_conf *conf, char ret_why[256])
{
	struct in_addr bind, advertise;
	if (!conf->bind || inet_pton(AF_INET, conf->bind, &bind) != 1) {
		snprintf(ret_why, 256, "bind: an IPv4 address is needed");
		return EINVAL;
	}
	if (!conf->advertise || inet_pton(AF_INET, conf->advertise, &advertise) != 1) {
		snprintf(ret_why, 256, "advertise: an IPv4 address is needed");
		return EINVAL;
	}
	if (conf->port_min < 1024 || conf->port_min > conf->port_max) {
		snprintf(ret_why, 256, "media_ports: FROM-TO with 1024 or more, FROM below TO");
		return EINVAL;
	}
	if (conf->threads < 1 || conf->threads > THREADS_MAX || conf->legs_max < 1 ||
	    conf->legs_max > SLOT_MASK || conf->opus_complexity < 0 || conf->opus_complexity > 10) {
		snprintf(ret_why, 256,
			 "1 to %d media threads, 1 to %d legs, Opus complexity 0 to 10",
			 THREADS_MAX, SLOT_MASK);
		return EINVAL;
	}
	m->conf = *conf;
	str_copy(m->bind, sizeof(m->bind), conf->bind);
	str_copy(m->advertise, sizeof(m->advertise), conf->advertise);
	m->conf.bind = m->bind;
	m->conf.advertise = m->advertise;
	m->conf.identity = NULL; /* the caller's; used once */
	m->conf.identity_len = 0;
	m->bind_ip4 = ntohl(bind.s_addr);
	if (!m->conf.silent_ms)
		m->conf.silent_ms = 7000;
	return 0;
}

static int check_bind(struct media *m, char ret_why[256])
{
	int fd[2];
	uint16_t port;
	int err = ports_bind(m, false, 0, fd, &port);
	if (!err) {
		close(fd[0]);
		ports_release(m, port, false);
	} else if (err == ENOSPC) {
		snprintf(ret_why, 256, "media_ports %u-%u: every port is in use by another program",
			 m->conf.port_min, m->conf.port_max);
	} else {
		snprintf(ret_why, 256, "cannot bind to %s: %s; is it an address of this machine?",
			 m->bind, strerror(err));
	}
	return err;
}

static int start_threads(struct media *m, char ret_why[256])
{
	int err = 0;
	for (uint32_t i = 0; !err && i < m->conf.threads; i++, m->threads_len++)
		err = thread_start(&m->threads[i], m, i);
	if (err)
		snprintf(ret_why, 256, "cannot start a media thread: %s", strerror(err));
	return err;
}

static int start_events(struct media *m, char ret_why[256])
{
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = m->event_fd < 0 ? errno : fd_listen(m->event_fd, FD_READ, on_events, m);
	if (err)
		snprintf(ret_why, 256, "cannot listen to media events: %s", strerror(err));
	return err;
}

static int start(struct media *m, const struct media_conf *conf, char ret_why[256])
{
	int err = check_conf(m, conf, ret_why);
	if (err)
		return err;
	m->slots = calloc(m->conf.legs_max + 1, sizeof(*m->slots));
	if (!m->slots) {
		snprintf(ret_why, 256, "not enough memory for %u legs", m->conf.legs_max);
		return ENOMEM;
	}
	for (uint32_t i = m->conf.legs_max; i > 0; i--) {
		m->slots[i].next_free = m->slot_free;
		m->slot_free = i;
	}
	g711_init();
	err = dtls_identity_new(&m->identity, conf->identity, conf->identity_len);
	if (err) {
		snprintf(ret_why, 256, "OpenSSL cannot make a P-256 certificate");
		return err;
	}
	err = check_bind(m, ret_why);
	if (!err)
		err = start_events(m, ret_why);
	return err ? err : start_threads(m, ret_why);
}

int media_start(struct media **ret_media, const struct media_conf *conf, media_event_h *event_h,
		void *arg, char ret_why[256])
{
	struct media *m = calloc(1, sizeof(*m));
	if (!m) {
		snprintf(ret_why, 256, "not enough memory");
		return ENOMEM;
	}
	m->event_h = event_h;
	m->arg = arg;
	m->event_fd = -1;
	m->event_tail = &m->event_head;
	pthread_mutex_init(&m->event_lock, NULL);
	pthread_mutex_init(&m->sounds_lock, NULL);
	int err = start(m, conf, ret_why);
	if (err)
		media_stop(m);
	else
		*ret_media = m;
	return err;
}

const char *media_identity(const struct media *m, size_t *ret_len)
{
	return dtls_identity_text(m->identity, ret_len);
}

struct media *media_stop(struct media *m)
{
	if (!m)
		return NULL;
	for (int pass = 0; pass < 2; pass++) /* join all, then tear down */
		for (uint32_t i = 0; i < THREADS_MAX; i++)
			thread_stop(&m->threads[i]);
	if (m->event_fd >= 0) {
		fd_close(m->event_fd);
		close(m->event_fd);
	}
	for (struct event_node *node = events_take(m), *next; node; node = next) {
		next = node->next;
		free(node);
	}
	sounds_free(m);
	dtls_identity_free(m->identity);
	pthread_mutex_destroy(&m->event_lock);
	pthread_mutex_destroy(&m->sounds_lock);
	free(m->slots);
	free(m);
	return NULL;
}
