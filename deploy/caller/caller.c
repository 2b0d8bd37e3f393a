#include "deploy/caller/caller_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"

enum {
	RATE_ALL_AT_ONCE = 50, /* calls per second when no rate is given */
	GOODBYE_MS = 10000,    /* for the answers to our last BYEs: a busy node may take its time */
};

static struct caller *running; /* caller_run() is not for two at a time: re_main() is not either */

const char *caller_event_name(enum caller_event_type type)
{
	switch (type) {
	case CALLER_TRYING: return "trying";
	case CALLER_RINGING: return "ringing";
	case CALLER_ANSWERED: return "answered";
	case CALLER_HEARD: return "heard";
	case CALLER_AUDIO: return "audio";
	case CALLER_ENDED: return "ended";
	case CALLER_GAP: return "gap";
	case CALLER_LATE: return "late";
	}
	return "?";
}

const char *caller_from_uri(const struct leg *leg, char buf[160])
{
	const struct caller *c = leg->caller;
	if (c->conf->stamp)
		(void)re_snprintf(buf, 160, "sip:t%llu@%j", (unsigned long long)leg->start_us,
				  &c->local);
	else
		(void)re_snprintf(buf, 160, "sip:%s@%j", c->conf->from, &c->local);
	return buf;
}

static void max_set(uint32_t *v, uint64_t us)
{
	uint32_t ms = (uint32_t)(us / 1000);
	if (ms > *v)
		*v = ms;
}

void caller_say(struct leg *leg, const struct caller_event *ev)
{
	struct caller *c = leg->caller;
	struct caller_event e = *ev;
	uint64_t now = mono_us();
	e.call = leg->index;
	e.at_ms = (uint32_t)((now - leg->start_us) / 1000);
	e.mono_us = now;
	e.started_us = leg->start_us;
	e.answered_us = leg->answer_us;
	if (e.type == CALLER_ANSWERED) {
		c->result->answered++;
		max_set(&c->result->answer_ms_max, now - leg->start_us);
	} else if (e.type == CALLER_HEARD) {
		c->result->heard++;
		max_set(&c->result->heard_ms_max, now - leg->answer_us);
	} else if (e.type == CALLER_ENDED && !leg->answered) {
		c->result->failed++;
		c->again_us = now + REFUSED_MS * 1000u;
	}
	if (c->event_h)
		c->event_h(&e, c->arg);
}

static void deadline_handler(void *arg)
{
	(void)arg;
	re_cancel();
}

static void exit_handler(void *arg)
{
	(void)arg;
	re_cancel();
}

/* Every leg is over: leave when libre's sessions have had the answers to their BYEs. */
static void close_up(struct caller *c)
{
	if (c->closing)
		return;
	c->closing = true;
	tmr_cancel(&c->tick);
	tmr_start(&c->deadline, GOODBYE_MS, deadline_handler, c);
	c->sock = mem_deref(c->sock);
	sip_close(c->sip, false);
}

void caller_leg_over(struct leg *leg)
{
	leg->caller->live--;
}

static uint32_t calls_wanted(const struct caller_conf *conf)
{
	return conf->calls ? conf->calls : 1;
}

static bool more_wanted(const struct caller *c, uint64_t now_us)
{
	uint32_t rate = c->conf->rate ? c->conf->rate : RATE_ALL_AT_ONCE;
	if (c->started < calls_wanted(c->conf))
		return c->started < 1 + (now_us - c->start_us) * rate / 1000000u;
	return c->conf->again && c->live < calls_wanted(c->conf) && now_us >= c->again_us;
}

/* Starts what the rate allows by now. */
static void legs_start(struct caller *c, uint64_t now_us)
{
	while (!c->stopping && more_wanted(c, now_us)) {
		struct leg *leg;
		uint32_t index = c->started++;
		c->result->calls++;
		int err = leg_start(&leg, c, index);
		if (!err) {
			c->live++;
			continue;
		}
		struct leg failed = {.caller = c, .index = index, .start_us = now_us};
		struct caller_event ev = {.type = CALLER_ENDED, .status = 500};
		(void)str_copy(ev.text, sizeof(ev.text), strerror(err));
		caller_say(&failed, &ev);
	}
}

static void late_say(struct caller *c, uint64_t now_us)
{
	uint64_t since = now_us - c->ticked_us;
	if (c->ticked_us && since > LATE_MS * 1000u) {
		struct leg nobody = {.caller = c, .start_us = now_us};
		struct caller_event ev = {.type = CALLER_LATE, .gap_ms = (uint32_t)(since / 1000)};
		caller_say(&nobody, &ev);
	}
	c->ticked_us = now_us;
}

static void tick_handler(void *arg)
{
	struct caller *c = arg;
	uint64_t now = mono_us();
	late_say(c, now);
	tmr_start(&c->tick, PTIME_MS / 2, tick_handler, c);
	legs_start(c, now);
	now = mono_us(); /* never before a leg's own start */
	for (struct le *le = c->legs.head; le;) {
		struct leg *leg = le->data;
		le = le->next;
		leg_tick(leg, now);
		if (leg->ended)
			mem_deref(leg);
	}
	if (c->live == 0 &&
	    (c->stopping || (c->started >= calls_wanted(c->conf) && !c->conf->again)))
		close_up(c);
}

void caller_stop(void)
{
	struct caller *c = running;
	if (!c || c->stopping)
		return;
	c->stopping = true;
	for (struct le *le = c->legs.head; le; le = le->next)
		leg_hangup(le->data);
}

static void signal_handler(int sig)
{
	(void)sig;
	caller_stop();
}

/* The local address that the kernel would use towards the callee. */
static int local_find(struct sa *ret, const struct sa *to)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int err = connect(fd, &to->u.sa, to->len) || getsockname(fd, (struct sockaddr *)&sin, &len)
		      ? errno
		      : 0;
	(void)close(fd);
	if (!err)
		sa_set_in(ret, ntohl(sin.sin_addr.s_addr), 0);
	return err;
}

static int addresses(struct caller *c, char why[256])
{
	const struct caller_conf *conf = c->conf;
	struct uri uri;
	struct pl pl;
	struct sa to;
	pl_set_str(&pl, conf->to ? conf->to : "");
	if (uri_decode(&uri, &pl) || pl_strcmp(&uri.scheme, "sip") ||
	    sa_set(&to, &uri.host, uri.port ? uri.port : SIP_PORT) || sa_af(&to) != AF_INET) {
		snprintf(why, 256, "%s: not of the form sip:queue@192.0.2.1:5060", pl.p);
		return EINVAL;
	}
	int err = conf->bind ? sa_set_str(&c->local, conf->bind, 0) : local_find(&c->local, &to);
	if (err)
		snprintf(why, 256, "no local address towards %s: %s", conf->to, strerror(err));
	sa_set_port(&c->local, conf->sip_port);
	return err;
}

static int check(const struct caller_conf *conf, char why[256])
{
	const char *wrong = NULL;
	if (!conf->from || !conf->from[0] || strlen(conf->from) > 100 ||
	    strpbrk(conf->from, "<>\"@ \r\n"))
		wrong = "from: a number or user part, without @ and spaces";
	else if (conf->from_name && strpbrk(conf->from_name, "\"\\\r\n"))
		wrong = "from name: without quotes and line ends";
	else if (conf->codec != CALLER_PCMU && conf->codec != CALLER_PCMA)
		wrong = "codec: pcmu or pcma";
	else if (conf->tone_hz < 0 || conf->tone_hz > 3800 || conf->listen_hz < 0 ||
		 conf->listen_hz > 3800)
		wrong = "tones lie between 1 and 3800 Hz";
	else if (conf->calls > CALLS_MAX)
		wrong = "at most 2000 calls";
	else if (conf->seconds == 0)
		wrong = "seconds: at least 1";
	else if (conf->dtmf && !keys_valid(conf->dtmf))
		wrong = "dtmf: up to 32 of 0-9 * # A-D";
	if (wrong)
		snprintf(why, 256, "%s", wrong);
	return wrong ? EINVAL : 0;
}

static int sip_open(struct caller *c, char why[256])
{
	int err = sip_alloc(&c->sip, NULL, 256, 256, 256, "Heliograph-caller/" HELIO_VERSION,
			    exit_handler, c);
	if (!err)
		err = sip_transp_add(c->sip, SIP_TRANSP_UDP, &c->local);
	if (!err)
		err = sip_transp_add(c->sip, SIP_TRANSP_TCP, &c->local);
	if (!err)
		err = sipsess_listen(&c->sock, c->sip, 256, NULL, c);
	if (err)
		snprintf(why, 256, "SIP on port %u: %s", c->conf->sip_port, strerror(err));
	return err;
}

int caller_run(const struct caller_conf *conf, caller_event_h *event_h, void *arg,
	       struct caller_result *ret, char ret_why[256])
{
	struct caller c = {.conf = conf, .event_h = event_h, .arg = arg, .result = ret};
	*ret = (struct caller_result){0};
	ret_why[0] = '\0';
	if (running)
		return EALREADY;
	int err = check(conf, ret_why);
	if (!err)
		err = addresses(&c, ret_why);
	if (!err)
		err = voice_load(&c.voice, conf, ret_why);
	if (!err)
		err = sip_open(&c, ret_why);
	if (!err) {
		c.packet = mbuf_alloc(512);
		err = c.packet ? 0 : ENOMEM;
	}
	if (!err) {
		running = &c;
		c.start_us = mono_us();
		tmr_start(&c.tick, 1, tick_handler, &c);
		err = re_main(signal_handler);
		running = NULL;
	}
	tmr_cancel(&c.tick);
	tmr_cancel(&c.deadline);
	list_flush(&c.legs);
	mem_deref(c.sock);
	if (c.sip) {
		sip_close(c.sip, true);
		mem_deref(c.sip);
	}
	mem_deref(c.packet);
	voice_free(&c.voice);
	ret->ok = !err && ret->calls >= calls_wanted(conf) && ret->answered == ret->calls &&
		  (conf->listen_hz <= 0 || ret->heard == ret->calls);
	if (err && !ret_why[0])
		snprintf(ret_why, 256, "%s", strerror(err));
	return err;
}
