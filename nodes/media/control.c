/* The control thread's verbs: checked here, done on the leg's thread. */
#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media/webrtc.h"

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
	return media_leg_plain_at(m, group, 0, NULL, ret, ret_port);
}

int media_leg_numbers(struct media *m, struct media_leg leg, struct media_numbers *ret)
{
	const struct leg *l = media_find(m, leg);
	if (!l)
		return ENOENT;
	const struct slot *s = &m->slots[l->slot];
	*ret = (struct media_numbers){
	    .ssrc = s->ssrc,
	    .seq = (uint16_t)atomic_load_explicit(&s->out_seq, memory_order_relaxed),
	    .ts = atomic_load_explicit(&s->out_ts, memory_order_relaxed)};
	return 0;
}

int media_leg_plain_at(struct media *m, uint32_t group, uint16_t wanted,
		       const struct media_numbers *from, struct media_leg *ret, uint16_t *ret_port)
{
	struct leg *leg;
	int err = media_leg_make(m, group, LEG_PLAIN, MEDIA_PCMU, wanted, &leg);
	if (err)
		return err;
	if (from)
		media_leg_goes_on(leg, from);
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

/* ---- trunks */

int media_leg_trunk(struct media *m, uint32_t group, enum media_codec codec, struct media_leg *ret,
		    struct media_trunk *ret_local)
{
	struct leg *leg;
	struct in_addr in;
	if (codec > MEDIA_OPUS)
		return EINVAL;
	int err = media_leg_make(m, group, LEG_TRUNK, codec, 0, &leg);
	if (err)
		return err;
	err = trunk_new(leg);
	if (err) {
		media_leg_unmake(leg);
		return err;
	}
	struct media_leg handle = leg->handle;
	struct media_trunk local = *leg->trunk;
	inet_pton(AF_INET, m->advertise, &in);
	local.ip4 = ntohl(in.s_addr);
	err = leg_add(m, leg);
	if (!err) {
		*ret = handle;
		*ret_local = local;
	}
	OPENSSL_cleanse(&local, sizeof(local));
	return err;
}

int media_leg_trunk_remote(struct media *m, struct media_leg handle,
			   const struct media_trunk *remote)
{
	struct leg *leg = media_find(m, handle);
	if (!leg)
		return ENOENT;
	/* leg->codec of a trunk never changes, so it may be read here */
	if (leg->kind != LEG_TRUNK || remote->codec != leg->codec || !remote->port)
		return EINVAL;
	struct slot *s = &m->slots[leg->slot];
	if (s->answered && CRYPTO_memcmp(s->trunk_key, remote->key, sizeof(s->trunk_key)))
		return EEXIST;
	struct command cmd = {.type = CMD_TRUNK_REMOTE, .trunk = *remote};
	int err = media_command(m, leg, &cmd);
	OPENSSL_cleanse(&cmd, sizeof(cmd));
	if (!err) {
		s->answered = true;
		memcpy(s->trunk_key, remote->key, sizeof(s->trunk_key));
	}
	return err;
}

/* ---- WebRTC */

/* Takes d. */
static int web_command(struct media *m, struct leg *leg, struct web_description *d)
{
	int err = media_command(m, leg, &(struct command){.type = CMD_WEB_ANSWER, .web = d});
	if (err)
		free(d);
	else
		m->slots[leg->slot].answered = true;
	return err;
}

static int web_make(struct media *m, uint32_t group, enum media_codec codec, bool controlling,
		    struct leg **ret)
{
	int err = media_leg_make(m, group, LEG_WEBRTC, codec, 0, ret);
	if (err)
		return err;
	err = webrtc_new(*ret, controlling);
	if (err)
		media_leg_unmake(*ret);
	return err;
}

int media_leg_webrtc(struct media *m, uint32_t group, enum media_codec codec, struct media_leg *ret,
		     char ret_offer[MEDIA_SDP_MAX])
{
	struct leg *leg;
	struct web_description d;
	if (codec > MEDIA_OPUS)
		return EINVAL;
	int err = web_make(m, group, codec, false, &leg);
	if (err)
		return err;
	struct media_leg handle = leg->handle;
	webrtc_describe(leg, &d);
	err = websdp_write(ret_offer, &d);
	if (err) {
		media_leg_unmake(leg);
		return err;
	}
	err = leg_add(m, leg);
	if (!err)
		*ret = handle;
	return err;
}

int media_leg_webrtc_answer(struct media *m, struct media_leg handle, const char *answer,
			    char ret_why[96])
{
	struct leg *leg = media_find(m, handle);
	struct web_description d;
	int err = 0;
	if (!leg || leg->kind != LEG_WEBRTC || m->slots[leg->slot].answered) {
		str_copy(ret_why, 96, leg ? "this leg expects no answer" : "this leg is gone");
		return leg ? EINVAL : ENOENT;
	}
	err = websdp_parse(&d, answer, ret_why);
	if (err)
		return err;
	if (d.setup == WEB_ACTPASS || d.lite) {
		str_copy(ret_why, 96, "an answer says setup:active or passive, and no ice-lite");
		return EINVAL;
	}
	if (d.codec != leg->codec) { /* its thread changes it at the answer only: not yet */
		str_copy(ret_why, 96, "the answer names a codec that was not offered");
		return EINVAL;
	}
	struct web_description *copy = malloc(sizeof(*copy));
	if (!copy) {
		str_copy(ret_why, 96, "not enough memory");
		return ENOMEM;
	}
	*copy = d;
	return web_command(m, leg, copy);
}

static int check_offer(struct web_description *d, const char *offer, char ret_why[96])
{
	int err = websdp_parse(d, offer, ret_why);
	if (!err && (!d->port || d->setup == WEB_ACTIVE)) {
		str_copy(ret_why, 96,
			 d->port ? "the offer says setup:active" : "no IPv4 host candidate");
		err = EINVAL;
	}
	return err;
}

int media_leg_webrtc_dial(struct media *m, uint32_t group, const char *offer, struct media_leg *ret,
			  char ret_answer[MEDIA_SDP_MAX], char ret_why[96])
{
	struct leg *leg;
	struct web_description *d = malloc(sizeof(*d)), own;
	str_copy(ret_why, 96, "not enough memory");
	int err = d ? check_offer(d, offer, ret_why) : ENOMEM;
	if (!err && (err = web_make(m, group, d->codec, true, &leg)))
		str_copy(ret_why, 96, strerror(err));
	if (err) {
		free(d);
		return err;
	}
	struct media_leg handle = leg->handle;
	webrtc_describe(leg, &own);
	own.pt = d->pt;
	own.dtmf_pt = d->dtmf_pt;
	str_copy(own.mid, sizeof(own.mid), d->mid);
	err = websdp_write(ret_answer, &own);
	if (err) {
		free(d);
		media_leg_unmake(leg);
		return err;
	}
	err = leg_add(m, leg);
	if (err) {
		free(d);
		return err;
	}
	err = web_command(m, leg, d);
	if (err)
		media_leg_close(m, handle);
	else
		*ret = handle;
	return err;
}

/* ---- what a leg hears and says */

int media_leg_play(struct media *m, struct media_leg leg, struct media_sound greeting,
		   struct media_sound music)
{
	struct command cmd = {.type = CMD_PLAY};
	if (greeting.v > MEDIA_SOUNDS_MAX || music.v > MEDIA_SOUNDS_MAX)
		return EINVAL;
	cmd.play.greeting = sounds_take(m, greeting);
	cmd.play.music = sounds_take(m, music);
	int err = media_command(m, media_find(m, leg), &cmd);
	if (err) {
		sound_let_go(cmd.play.greeting);
		sound_let_go(cmd.play.music);
	}
	return err;
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

int media_leg_silent_us(struct media *m, struct media_leg leg, uint64_t *ret_us)
{
	struct leg *l = media_find(m, leg);
	uint64_t now = mono_us();
	if (!l)
		return ENOENT;
	uint64_t at = atomic_load_explicit(&m->slots[l->slot].heard_us, memory_order_relaxed);
	*ret_us = at && at < now ? now - at : 0; /* 0: its thread has not seen it yet */
	return 0;
}

void media_leg_close(struct media *m, struct media_leg leg)
{
	struct leg *l = media_find(m, leg);
	if (!l)
		return;
	struct slot *s = &m->slots[l->slot];
	int err = media_command(m, l, &(struct command){.type = CMD_CLOSE});
	helio_assert(!err); /* a leg that cannot be closed would hold its port for ever */
	s->closing = true;  /* l is its thread's to free from here on */
	s->leg = NULL;
}
