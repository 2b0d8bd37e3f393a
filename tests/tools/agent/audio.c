#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	HEAR_EVERY_MS = 100, /* the ear looks at 500 ms of sound; a finer grid says no more */
	LEGS_SPARE = 16,
	/* As the page (gateway/web/src/media/stall.ts): in a talk a node always sends. */
	STALL_MS = 600,
	STALL_LOOK_MS = 250,
};

static struct agent *agent_of(struct pool *p, struct media_leg leg)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].leg.v == leg.v)
			return &p->v[i];
	return NULL;
}

static void media_event(const struct media_event *ev, void *arg)
{
	struct pool *p = arg;
	struct agent *a = ev->leg.v ? agent_of(p, ev->leg) : NULL;
	if (!a || a->quitting) /* the node closes the leg of who has signed out */
		return;
	if (ev->type == MEDIA_EV_CONNECTED) {
		a->leg_connected = true;
		report_event(a->name, "leg_connected", NULL);
	} else if (ev->type == MEDIA_EV_FAILED) {
		a->leg_connected = false;
		report_count(COUNT_ERRORS);
		report_event(a->name, "leg_failed", json_pack("{s:s}", "why", ev->why));
	}
}

static int sink_open(struct pool *p)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int small = 4096;
	if (inet_pton(AF_INET, p->o->media_address, &sa.sin_addr) != 1)
		return EINVAL;
	p->sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->sink < 0)
		return errno;
	(void)setsockopt(p->sink, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(p->sink, (struct sockaddr *)&sa, sizeof(sa)) ||
	    getsockname(p->sink, (struct sockaddr *)&sa, &len))
		return errno;
	p->sink_port = ntohs(sa.sin_port);
	return 0;
}

int audio_start(struct pool *p, char ret_why[256])
{
	const struct media_conf conf = {.bind = p->o->media_address,
					.advertise = p->o->media_address,
					.port_min = p->o->port_min,
					.port_max = p->o->port_max,
					.threads = p->o->media_threads,
					.legs_max = 2 * (uint32_t)p->n +
						    LEGS_SPARE, /* closed ones linger */
					.opus_complexity = 1};
	p->sink = -1;
	if (p->o->audio == AUDIO_NONE)
		return sink_open(p);
	return media_start(&p->media, &conf, media_event, p, ret_why);
}

void audio_stop(struct pool *p)
{
	p->media = media_stop(p->media);
	if (p->sink >= 0)
		close(p->sink);
	p->sink = -1;
}

void audio_close(struct agent *a)
{
	tmr_cancel(&a->hear_tmr);
	tmr_cancel(&a->stall_tmr);
	if (a->leg.v && a->pool->media)
		media_leg_close(a->pool->media, a->leg);
	a->leg.v = 0;
	a->leg_connected = false;
}

static void failed(struct agent *a, const char *what, const char *why)
{
	report_count(COUNT_ERRORS);
	report_event(a->name, "audio_failed", json_pack("{s:s, s:s}", "what", what, "why", why));
}

static void send_plain_answer(struct agent *a, uint16_t port)
{
	link_send(a->link, json_pack("{s:s, s:s, s:i}", "t", "plain.answer", "ip",
				     a->pool->o->media_address, "port", (int)port));
}

static void plain(struct agent *a, const json_t *offer)
{
	struct in_addr ip;
	uint16_t port = 0;
	const char *text = json_string_value(json_object_get(offer, "ip"));
	struct media_remote remote = {
	    .port = (uint16_t)json_integer_value(json_object_get(offer, "port")),
	    .codec = MEDIA_PCMU,
	    .pt = (uint8_t)json_integer_value(json_object_get(offer, "pt")),
	    .dtmf_pt = 0xff,
	    .send = true,
	    .recv = true};
	if (!text || inet_pton(AF_INET, text, &ip) != 1 || !remote.port) {
		failed(a, "plain", "the node's offer has no address");
		return;
	}
	remote.ip4 = ntohl(ip.s_addr);
	uint32_t group = (uint32_t)(a - a->pool->v);
	int err = media_leg_plain(a->pool->media, group, &a->leg, &port);
	if (!err)
		err = media_leg_remote(a->pool->media, a->leg, &remote);
	if (err) {
		failed(a, "plain", strerror(err));
		return;
	}
	a->leg_connected = true;
	send_plain_answer(a, port);
}

static void webrtc(struct agent *a, const json_t *offer)
{
	char answer[MEDIA_SDP_MAX], why[96] = "";
	const char *sdp = json_string_value(json_object_get(offer, "sdp"));
	uint32_t group = (uint32_t)(a - a->pool->v);
	int err =
	    sdp ? media_leg_webrtc_dial(a->pool->media, group, sdp, &a->leg, answer, why) : EINVAL;
	if (err) {
		failed(a, "webrtc", why[0] ? why : strerror(err));
		return;
	}
	link_send(a->link, json_pack("{s:s, s:s}", "t", "rtc.answer", "sdp", answer));
}

void audio_welcome(struct agent *a, const json_t *msg)
{
	const json_t *rtc = json_object_get(msg, "rtc"), *offer = json_object_get(msg, "plain");
	if (!rtc && !offer)
		return; /* resumed: the leg stays as it is */
	audio_close(a);
	if (rtc)
		webrtc(a, rtc);
	else if (a->pool->o->audio == AUDIO_NONE)
		send_plain_answer(a, a->pool->sink_port);
	else
		plain(a, offer);
}

/* ---- tone and ear ------------------------------------------------------------------------- */

static void say_heard(struct agent *a, bool ok)
{
	if (!a->heard_once)
		report_count(ok ? COUNT_HEARD : COUNT_UNHEARD);
	if (ok && !a->heard_once)
		report_time(TIME_HEARD, mono_us() - a->talk_us);
	agent_event(a, ok ? EV_HEARD : EV_NONE, "heard",
		    json_pack("{s:b, s:i, s:i, s:s, s:I}", "ok", ok, "hz", (int)a->listen_hz,
			      "permille", (int)a->best_permille, "call", a->call, "ms",
			      (json_int_t)((mono_us() - a->talk_us) / 1000)));
	pool_check_end(a->pool);
}

static void hear(void *arg)
{
	struct agent *a = arg;
	uint32_t permille = media_leg_heard_permille(a->pool->media, a->leg);
	if (permille > a->best_permille)
		a->best_permille = permille;
	if (permille >= a->pool->o->heard_min) {
		a->heard = true;
		say_heard(a, true);
		a->heard_once = true;
		return;
	}
	tmr_start(&a->hear_tmr, HEAR_EVERY_MS, hear, a);
}

/* Nothing at all has come for a moment: no sound, no report, no check of the connection. */
static void stall_look(void *arg)
{
	struct agent *a = arg;
	uint64_t silent_us = 0;
	tmr_start(&a->stall_tmr, STALL_LOOK_MS, stall_look, a);
	if (media_leg_silent_us(a->pool->media, a->leg, &silent_us) == 0 &&
	    silent_us > STALL_MS * UINT64_C(1000))
		agent_doubt(a);
}

void audio_talk(struct agent *a, bool on)
{
	struct media *m = a->pool->media;
	const struct options *o = a->pool->o;
	if (!m || !a->leg.v)
		return;
	tmr_cancel(&a->hear_tmr);
	tmr_cancel(&a->stall_tmr);
	if (on)
		tmr_start(&a->stall_tmr, STALL_LOOK_MS, stall_look, a);
	if (!on && a->listen_hz && !a->heard && !a->heard_once && a->talk_us)
		say_heard(a, false);
	if (o->tone_hz)
		(void)media_leg_tone(m, a->leg, on ? o->tone_hz : 0);
	if (a->listen_hz)
		(void)media_leg_listen(m, a->leg, on ? a->listen_hz : 0);
	a->heard = false;
	a->best_permille = 0;
	if (on && a->listen_hz)
		tmr_start(&a->hear_tmr, HEAR_EVERY_MS, hear, a);
}
