#include "deploy/caller/caller_priv.h"

#include <errno.h>
#include <rem.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

enum { ANSWER_WITHIN_S = 32, CATCH_UP_FRAMES = 10 };

static void say(struct leg *leg, enum caller_event_type type, uint16_t status, const char *text)
{
	struct caller_event ev = {.type = type, .status = status};
	(void)str_copy(ev.text, sizeof(ev.text), text ? text : "");
	caller_say(leg, &ev);
}

static void leg_destructor(void *arg)
{
	struct leg *leg = arg;
	list_unlink(&leg->le);
	mem_deref(leg->sess);
	mem_deref(leg->sdp);
	mem_deref(leg->rtp);
}

/* A packet, or the end: how long it was silent until now. In microseconds. */
static uint64_t silence_end(struct leg *leg)
{
	uint64_t now = mono_us(), gap = leg->packet_us ? now - leg->packet_us : 0;
	if (gap > leg->gap_us) {
		leg->gap_us = gap;
		leg->gap_began_us = leg->packet_us;
	}
	return gap;
}

static void leg_end(struct leg *leg, uint16_t status, bool by_far_end, const char *text)
{
	struct caller_event ev = {.type = CALLER_ENDED, .status = status, .by_far_end = by_far_end};
	if (leg->ended)
		return;
	leg->ended = true;
	silence_end(leg);
	ev.gap_ms = (uint32_t)(leg->gap_us / 1000);
	ev.gap_began_us = leg->gap_began_us;
	leg->sess = mem_deref(leg->sess); /* CANCEL or BYE, if there is anything left to end */
	(void)str_copy(ev.text, sizeof(ev.text), text);
	caller_say(leg, &ev);
	caller_leg_over(leg);
}

void leg_hangup(struct leg *leg)
{
	leg_end(leg, 0, false, "");
}

/* ---- hearing ---- */

static void window_judge(struct leg *leg)
{
	struct caller *c = leg->caller;
	double level = caller_tone_level(leg->window, WINDOW, c->conf->listen_hz);
	if (level > c->result->level_best)
		c->result->level_best = level;
	if (leg->heard || level < HEARD_LEVEL)
		return;
	leg->heard = true;
	struct caller_event ev = {.type = CALLER_HEARD, .hz = c->conf->listen_hz, .level = level};
	caller_say(leg, &ev);
}

static void rtp_handler(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct leg *leg = arg;
	struct caller *c = leg->caller;
	struct rtp_header hdr;
	(void)src;
	if (leg->ended || rtp_hdr_decode(&hdr, mb) ||
	    (hdr.pt != CALLER_PCMU && hdr.pt != CALLER_PCMA))
		return;
	c->result->rtp_received++;
	uint64_t silent = silence_end(leg);
	if (silent >= GAP_MS * 1000u) {
		struct caller_event ev = {.type = CALLER_GAP,
					  .gap_ms = (uint32_t)(silent / 1000),
					  .gap_began_us = leg->packet_us};
		caller_say(leg, &ev);
	}
	leg->packet_us = mono_us();
	leg->gap_told = false;
	if (!leg->audio) {
		leg->audio = true;
		say(leg, CALLER_AUDIO, 0, "");
	}
	if (c->conf->listen_hz <= 0)
		return;
	while (mbuf_get_left(mb) > 0) {
		uint8_t b = mbuf_read_u8(mb);
		leg->window[leg->window_n++] =
		    hdr.pt == CALLER_PCMA ? g711_alaw2pcm(b) : g711_ulaw2pcm(b);
		if (leg->window_n == WINDOW) {
			leg->window_n = 0;
			window_judge(leg);
		}
	}
}

/* ---- talking ---- */

static void frame_send(struct leg *leg)
{
	struct caller *c = leg->caller;
	struct mbuf *mb = c->packet;
	struct rtp_header hdr = {.ver = RTP_VERSION,
				 .pt = leg->pt,
				 .seq = leg->seq++,
				 .ts = leg->ts,
				 .ssrc = leg->ssrc,
				 .m = !leg->talked};
	uint8_t key[4];
	bool marker;
	uint32_t key_ts;
	mbuf_rewind(mb);
	bool is_key = leg->dtmf_pt && keys_next(&leg->keys, leg->ts, key, &marker, &key_ts);
	if (is_key) {
		hdr.pt = leg->dtmf_pt;
		hdr.ts = key_ts;
		hdr.m = marker;
	}
	leg->talked = true;
	int err = rtp_hdr_encode(mb, &hdr);
	if (is_key) {
		err |= mbuf_write_mem(mb, key, sizeof(key));
	} else {
		for (uint32_t i = 0; i < FRAME; i++) {
			err |= mbuf_write_u8(mb, c->voice.data[leg->at]);
			leg->at = (leg->at + 1) % c->voice.n;
		}
	}
	leg->ts += FRAME;
	leg->sent_frames++;
	mb->pos = 0;
	if (!err && leg->may_send && !udp_send(leg->rtp, &leg->remote, mb))
		c->result->rtp_sent++;
}

void leg_tick(struct leg *leg, uint64_t now_us)
{
	const struct caller_conf *conf = leg->caller->conf;
	if (leg->ended)
		return;
	if (!leg->answered) {
		uint32_t within = conf->answer_within_s ? conf->answer_within_s : ANSWER_WITHIN_S;
		if (now_us - leg->start_us > (uint64_t)within * 1000000u)
			leg_end(leg, 408, false, "No answer in time");
		return;
	}
	if (leg->packet_us && !leg->gap_told && now_us > leg->packet_us &&
	    now_us - leg->packet_us >= GAP_LASTING_MS * 1000u) {
		struct caller_event ev = {.type = CALLER_GAP,
					  .gap_ms = (uint32_t)((now_us - leg->packet_us) / 1000),
					  .gap_began_us = leg->packet_us,
					  .lasting = true};
		leg->gap_told = true;
		caller_say(leg, &ev);
	}
	uint64_t due = (now_us - leg->answer_us) / (PTIME_MS * 1000u);
	if (due > leg->sent_frames + CATCH_UP_FRAMES)
		leg->sent_frames = due - 1; /* we were stopped: do not send a burst */
	while (leg->sent_frames < due)
		frame_send(leg);
	if (now_us - leg->answer_us >= (uint64_t)conf->seconds * 1000000u ||
	    (conf->until_heard && leg->heard))
		leg_hangup(leg);
}

/* ---- signalling ---- */

/* What the far end's SDP says now: at the answer, and at each re-INVITE. */
static int remote_read(struct leg *leg)
{
	const struct sdp_format *f =
	    sdp_media_rformat(leg->media, leg->pt == CALLER_PCMA ? "PCMA" : "PCMU");
	const struct sdp_format *dtmf = sdp_media_rformat(leg->media, "telephone-event");
	if (!f || sdp_media_rport(leg->media) == 0)
		return ENOTSUP;
	leg->remote = *sdp_media_raddr(leg->media);
	leg->dtmf_pt = dtmf ? (uint8_t)dtmf->pt : 0;
	leg->may_send = (sdp_media_dir(leg->media) & SDP_SENDONLY) != 0;
	return 0;
}

static int answer_handler(const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	int err = sdp_decode(leg->sdp, msg->mb, false);
	return err ? err : remote_read(leg);
}

static int offer_handler(struct mbuf **descp, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	bool got = mbuf_get_left(msg->mb) > 0;
	int err = got ? sdp_decode(leg->sdp, msg->mb, true) : 0;
	if (!err && got)
		err = remote_read(leg);
	return err ? err : sdp_encode(descp, leg->sdp, !got);
}

static void progress_handler(const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	if (msg->scode > 100)
		say(leg, CALLER_RINGING, msg->scode, "");
}

static void established_handler(const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	(void)msg;
	if (leg->ended)
		return;
	leg->answered = true;
	leg->answer_us = mono_us();
	say(leg, CALLER_ANSWERED, 200, "");
}

static void close_handler(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;
	char text[80] = "";
	if (msg && !msg->req)
		(void)re_snprintf(text, sizeof(text), "%r", &msg->reason);
	else if (err && !leg->answered)
		(void)str_copy(text, sizeof(text), strerror(err));
	uint16_t status = msg && !msg->req ? msg->scode : 0;
	if (!leg->answered && status == 0)
		status = 408; /* silence, or a transport that failed */
	leg_end(leg, leg->answered ? 0 : status, true, text);
}

static int sdp_make(struct leg *leg)
{
	struct caller *c = leg->caller;
	struct sa rtp_addr;
	bool pcma = c->conf->codec == CALLER_PCMA;
	int err = udp_local_get(leg->rtp, &rtp_addr);
	if (!err)
		err = sdp_session_alloc(&leg->sdp, &c->local);
	if (!err)
		err = sdp_media_add(&leg->media, leg->sdp, sdp_media_audio, sa_port(&rtp_addr),
				    sdp_proto_rtpavp);
	if (!err)
		err =
		    sdp_format_add(NULL, leg->media, false, pcma ? "8" : "0",
				   pcma ? "PCMA" : "PCMU", RATE, 1, NULL, NULL, NULL, false, NULL);
	if (!err)
		err = sdp_format_add(NULL, leg->media, false, "101", "telephone-event", RATE, 1,
				     NULL, NULL, NULL, false, "0-15");
	return err;
}

static int invite_send(struct leg *leg)
{
	struct caller *c = leg->caller;
	struct mbuf *desc = NULL;
	char from[160];
	int err = sdp_encode(&desc, leg->sdp, true);
	if (!err)
		err = sipsess_connect(&leg->sess, c->sock, c->conf->to, c->conf->from_name,
				      caller_from_uri(leg, from), "caller", NULL, 0,
				      "application/sdp", desc, NULL, NULL, false, offer_handler,
				      answer_handler, progress_handler, established_handler, NULL,
				      NULL, close_handler, leg, "%s", "");
	mem_deref(desc);
	return err;
}

int leg_start(struct leg **ret, struct caller *c, uint32_t index)
{
	struct sa any = c->local;
	struct leg *leg = mem_zalloc(sizeof(*leg), leg_destructor);
	if (!leg)
		return ENOMEM;
	leg->caller = c;
	leg->index = index;
	leg->pt = (uint8_t)c->conf->codec;
	leg->seq = rand_u16();
	leg->ts = rand_u32();
	leg->ssrc = rand_u32();
	leg->start_us = mono_us();
	keys_init(&leg->keys, c->conf->dtmf);
	sa_set_port(&any, 0);
	int err = udp_listen(&leg->rtp, &any, rtp_handler, leg);
	if (!err) {
		udp_rxsz_set(leg->rtp, 2048);
		err = sdp_make(leg);
	}
	if (!err)
		err = invite_send(leg);
	if (err) {
		mem_deref(leg);
		return err;
	}
	list_append(&c->legs, &leg->le, leg);
	*ret = leg;
	say(leg, CALLER_TRYING, 0, "");
	return 0;
}
