/* What the control thread asked for, done on the leg's own thread. */
#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "nodes/media/webrtc.h"

static void run_close(struct thread *t, struct leg *leg)
{
	struct media_event ev = {.type = MEDIA_EV_CLOSED, .leg = leg->handle};
	struct media *m = leg->m;
	relay_unbridge(leg);
	leg_stats(leg, &ev.stats);
	thread_remove_leg(t, leg);
	leg_free(leg);
	media_post(m, &ev);
}

static void run_detach(struct thread *t, struct leg *leg, struct command *cmd)
{
	struct thread *to = cmd->thread;
	relay_unbridge(leg);
	thread_remove_leg(t, leg);
	atomic_store(&leg->thread, NULL); /* nobody's: it may even come back to this thread */
	cmd->type = CMD_ADOPT;
	thread_adopt(to, cmd);
}

static void run_remote(struct thread *t, struct leg *leg, const struct media_remote *r)
{
	bool moved = ntohl(leg->to.sin_addr.s_addr) != r->ip4 || !leg->has_remote;
	/* A repeated offer with the same address keeps a port that symmetric RTP has found. */
	if (moved || !leg->latched)
		leg_set_address(&leg->to, r->ip4, r->port);
	leg_set_address(&leg->to_rtcp, r->ip4, (uint16_t)(r->port + 1));
	if (moved)
		leg->latched = false;
	leg->codec = r->codec;
	leg->pt = r->pt;
	leg->dtmf_pt = r->dtmf_pt;
	leg->play_frames = r->ptime_ms < 40 ? 1 : r->ptime_ms < 60 ? 2 : PLAY_FRAMES_MAX;
	leg->send = r->send;
	leg->recv = r->recv;
	leg->has_remote = r->ip4 != 0 && r->port != 0; /* 0.0.0.0: on hold, RFC 3264 §8.4 */
	leg->heard_us = t->now_us;
	leg->silent = false;
	leg->play.fresh = true;
}

static void run_add(struct thread *t, struct leg *leg)
{
	leg->heard_us = leg->stats_us = t->now_us;
	leg->report_us = t->now_us + 1000000; /* a first one soon */
	if (thread_add_leg(t, leg)) /* the handle lives until the control thread closes it */
		leg_event(leg, MEDIA_EV_FAILED, "the kernel refused to watch another socket");
}

static void run_listen(struct leg *leg, uint32_t hz)
{
	/* what an earlier ear said is no answer to the new question */
	atomic_store_explicit(&leg->m->slots[leg->slot].heard_permille, 0, memory_order_relaxed);
	if (ear_set(&leg->ear, hz))
		leg_event(leg, MEDIA_EV_FAILED, "not enough memory to listen");
}

void command_free(struct command *cmd)
{
	if (cmd->type == CMD_WEB_ANSWER)
		free(cmd->web);
	OPENSSL_cleanse(cmd, sizeof(*cmd)); /* it may have carried a key */
	free(cmd);
}

void command_run(struct thread *t, struct command *cmd)
{
	struct leg *leg = cmd->leg;
	switch (cmd->type) {
	case CMD_ADD:
	case CMD_ADOPT: run_add(t, leg); break;
	case CMD_DETACH: run_detach(t, leg, cmd); return;
	case CMD_CLOSE: run_close(t, leg); break;
	case CMD_REMOTE: run_remote(t, leg, &cmd->remote); break;
	case CMD_TRUNK_REMOTE: trunk_set_remote(t, leg, &cmd->trunk); break;
	case CMD_WEB_ANSWER: webrtc_set_remote(t, leg, cmd->web); break;
	case CMD_PLAY: play_set(t, leg, cmd->play.greeting, cmd->play.music); break;
	case CMD_BRIDGE: relay_bridge(t, leg, cmd->other); break;
	case CMD_UNBRIDGE: relay_unbridge(leg); break;
	case CMD_MUTE: leg->muted = cmd->value != 0; break;
	case CMD_TONE: play_tone(t, leg, cmd->value); break;
	case CMD_LISTEN: run_listen(leg, cmd->value); break;
	case CMD_STATS: leg->stats_wanted = cmd->value != 0; break;
	case CMD_LEASE: t->lease_us = cmd->until_us; break;
	}
	command_free(cmd);
}
