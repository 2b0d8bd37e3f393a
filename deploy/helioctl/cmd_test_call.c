/*
 * test-call: a real SIP call with sound (deploy/caller), while a second thread asks the cluster
 * where that call stands, so that a person sees the story: answered by the queue, sound, who has
 * it.
 */
#include "deploy/helioctl/ctl.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
/* Not re.h as a whole: its JSON names are jansson's too. */
#include <re_types.h>
#include <re_fmt.h>
#include <re_mbuf.h>
#include <re_main.h>
#include <re_sys.h>

#include "common/base/base.h"
#include "deploy/caller/caller.h"

enum { POLL_MS = 250 };

static const char *opt_to, *opt_wav, *opt_from = "+4722000001";
static uint32_t opt_tone, opt_listen, opt_seconds = 60;

const struct ctl_option cmd_test_call_options[] = {
    {"to", "URI", CTL_TEXT, &opt_to, "sip:… to call instead of a node of --site"},
    {"wav", "FILE", CTL_TEXT, &opt_wav, "what the caller says, looped"},
    {"tone", "HZ", CTL_NUMBER, &opt_tone, "a steady tone instead"},
    {"listen", "HZ", CTL_NUMBER, &opt_listen, "a tone that must be heard; ends when it was"},
    {"seconds", "N", CTL_NUMBER, &opt_seconds, "hang up after so long (default 60)"},
    {"from", "NUMBER", CTL_TEXT, &opt_from, "the caller's number (default +4722000001)"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

struct story {
	struct ctl *ctl;
	pthread_mutex_t print; /* two threads tell */
	pthread_t thread;
	atomic_bool ended;
	atomic_uint answered_ms; /* when the queue answered, on our clock; 0: not yet */
	uint64_t start_us;
	char node[CONF_NAME_SIZE]; /* that takes the call; "" with --to */
	char state[160];           /* last told */
};

static void tell(struct story *s, const char *event, const char *text, json_t *more)
{
	unsigned at = (unsigned)((mono_us() - s->start_us) / 1000);

	pthread_mutex_lock(&s->print);
	if (s->ctl->json) {
		json_t *o =
		    json_pack("{s:s, s:i, s:s}", "event", event, "at_ms", (int)at, "text", text);
		json_object_update(o, more);
		char *line = json_dumps(o, JSON_COMPACT);
		fprintf(s->ctl->out, "%s\n", line ? line : "{}");
		free(line);
		json_decref(o);
	} else {
		fprintf(s->ctl->out, "%s%6.2f s%s  ", style_on(s->ctl->colour, STYLE_DIM),
			at / 1000.0, style_off(s->ctl->colour, STYLE_DIM));
		for (const char *p = text; *p;
		     p++) /* what the far end sent must not steer a terminal */
			fputc((unsigned char)*p < 32 || *p == 127 ? '?' : *p, s->ctl->out);
		fputc('\n', s->ctl->out);
	}
	fflush(s->ctl->out);
	pthread_mutex_unlock(&s->print);
	json_decref(more);
}

static void event_h(const struct caller_event *ev, void *arg)
{
	struct story *s = arg;
	char text[160];

	switch (ev->type) {
	case CALLER_TRYING: tell(s, "calling", "calling", NULL); break;
	case CALLER_RINGING: tell(s, "ringing", "it rings", NULL); break;
	case CALLER_ANSWERED:
		atomic_store(&s->answered_ms, (unsigned)((mono_us() - s->start_us) / 1000) + 1);
		tell(s, "answered", "the queue has answered", NULL);
		break;
	case CALLER_AUDIO: tell(s, "audio", "sound comes back (greeting or music)", NULL); break;
	case CALLER_HEARD:
		snprintf(text, sizeof(text), "heard %.0f Hz: %.0f %% of the sound's energy", ev->hz,
			 ev->level * 100);
		tell(s, "heard", text, json_pack("{s:f, s:f}", "hz", ev->hz, "level", ev->level));
		break;
	case CALLER_LATE:
	case CALLER_GAP: break; /* a test call's own result says what was heard */
	case CALLER_ENDED:
		if (ev->status >= 300)
			snprintf(text, sizeof(text), "refused: %u %s", ev->status, ev->text);
		else
			snprintf(text, sizeof(text), "hung up by %s%s%s",
				 ev->by_far_end ? "the far end" : "us", *ev->text ? ": " : "",
				 ev->text);
		tell(s, "ended", text,
		     json_pack("{s:i, s:b}", "status", ev->status, "by_far_end", ev->by_far_end));
		break;
	}
}

/* ---- where the call stands ------------------------------------------------------------------ */

/* Ours is the youngest call of that queue that is no older than our own answer. */
static const json_t *call_find(const struct story *s, const json_t *list, unsigned age_ms)
{
	const json_t *best = NULL;
	size_t n;
	json_t *o;

	json_array_foreach((json_t *)(uintptr_t)list, n, o)
	{
		int64_t age = json_number(o, "age_ms");
		if (strcmp(json_text(o, "queue"), s->ctl->argv[0]) != 0 || age > age_ms + 1500)
			continue;
		if (!best || age < json_number(best, "age_ms"))
			best = o;
	}
	return best;
}

static void state_tell(struct story *s, const json_t *call)
{
	const char *state = json_text(call, "state"), *agent = json_text(call, "agent");
	const char *node = json_text(call, "agent_node");
	char text[160];

	if (!strcmp(state, "queued"))
		snprintf(text, sizeof(text), "call %s waits in the queue", json_text(call, "call"));
	else if (!strcmp(state, "granted"))
		snprintf(text, sizeof(text), "it is offered to %s%s%s%s",
			 *agent ? agent : "an agent", *node ? " (" : "", node, *node ? ")" : "");
	else if (!strcmp(state, "bridged"))
		snprintf(text, sizeof(text), "%s%s%s%s has answered", *agent ? agent : "an agent",
			 *node ? " (" : "", node, *node ? ")" : "");
	else
		snprintf(text, sizeof(text), "the call is in state %s", state);
	if (!strcmp(text, s->state))
		return;
	str_copy(s->state, sizeof(s->state), text);
	tell(s, state, text,
	     json_pack("{s:s, s:s, s:s}", "call", json_text(call, "call"), "agent", agent,
		       "agent_node", node));
}

static void *follow(void *arg)
{
	struct story *s = arg;
	struct ctl ctl = *s->ctl;

	ctl.site = NULL;
	while (!atomic_load(&s->ended)) {
		struct answers as;
		unsigned answered = atomic_load(&s->answered_ms);
		if (answered) {
			ask(&ctl, ASK_NODES, s->node, "calls", NULL, &as);
			unsigned now = (unsigned)((mono_us() - s->start_us) / 1000);
			const json_t *call =
			    as.answered ? call_find(s, json_object_get(as.list[0].reply, "calls"),
						    now - answered)
					: NULL;
			if (call && !atomic_load(&s->ended))
				state_tell(s, call);
			answers_free(&as);
		}
		poll(NULL, 0, POLL_MS);
	}
	return NULL;
}

/* ---- the call ------------------------------------------------------------------------------- */

/* A node of the site that answers and does not drain; the SIP address of it. */
static int target_find(struct ctl *ctl, struct story *s, char uri[256])
{
	const char *site = ctl->site;
	struct answers as;

	if (!ctl->site)
		ctl->site = ctl->conf->sites[0].name;
	ask(ctl, ASK_NODES, NULL, "status", NULL, &as);
	const struct conf_daemon *d = NULL;
	for (uint32_t i = 0; i < as.n && !d; i++)
		if (as.list[i].reply &&
		    !json_is_true(json_object_get(as.list[i].reply, "draining")))
			d = as.list[i].d;
	answers_free(&as);
	if (!d) {
		int code = ctl_fail(CTL_SILENT, "`helioctl status` says more",
				    "no node of %s takes calls", ctl->site);
		ctl->site = site;
		return code;
	}
	ctl->site = site;
	str_copy(s->node, sizeof(s->node), d->name);
	snprintf(uri, 256, "sip:%s@%s:%u", ctl->argv[0], d->advertise, d->sip_port);
	return CTL_OK;
}

static int result_tell(struct story *s, const struct caller_result *r)
{
	char text[160];

	if (opt_listen)
		snprintf(text, sizeof(text), "%s: %u Hz %s (best %.0f %%)",
			 r->ok ? "good" : "failed", opt_listen,
			 r->heard ? "was heard" : "was not heard", r->level_best * 100);
	else
		snprintf(text, sizeof(text), "%s: %llu packets of sound sent, %llu received",
			 r->ok ? "good" : "failed", (unsigned long long)r->rtp_sent,
			 (unsigned long long)r->rtp_received);
	tell(s, "result", text,
	     json_pack("{s:b, s:i, s:i, s:I, s:I, s:f}", "ok", r->ok, "answered", (int)r->answered,
		       "heard", (int)r->heard, "rtp_sent", (json_int_t)r->rtp_sent, "rtp_received",
		       (json_int_t)r->rtp_received, "level_best", r->level_best));
	return r->ok ? CTL_OK : CTL_UNHEALTHY;
}

static int call(struct ctl *ctl, struct story *s, const char *uri)
{
	struct caller_conf conf = {.to = uri,
				   .from = opt_from,
				   .from_name = "helioctl test-call",
				   .wav = opt_wav,
				   .tone_hz = opt_tone,
				   .listen_hz = opt_listen,
				   .seconds = opt_seconds,
				   .until_heard = opt_listen != 0};
	struct caller_result result = {0};
	char why[256] = "";
	bool follows = *s->node && !pthread_create(&s->thread, NULL, follow, s);

	if (!ctl->json)
		fprintf(ctl->out, "%s, Ctrl-C hangs up\n", uri);
	int err = libre_init();
	if (!err) {
		err = caller_run(&conf, event_h, s, &result, why);
		libre_close();
	}
	atomic_store(&s->ended, true);
	if (follows)
		pthread_join(s->thread, NULL);
	if (err)
		return ctl_fail(CTL_USAGE, NULL, "%s", *why ? why : strerror(err));
	return result_tell(s, &result);
}

int cmd_test_call(struct ctl *ctl)
{
	struct story s = {.ctl = ctl, .start_us = mono_us(), .print = PTHREAD_MUTEX_INITIALIZER};
	char uri[256];

	if (!opt_to && !conf_queue_by_name(ctl->conf, ctl->argv[0]))
		return ctl_fail(CTL_USAGE, "see queues: in the cluster file", "no queue '%s'",
				ctl->argv[0]);
	if (opt_tone > 3800 || opt_listen > 3800 || (opt_wav && opt_tone))
		return ctl_fail(CTL_USAGE, "1 to 3800 Hz; --wav or --tone, not both",
				"that cannot be said or heard");
	if (opt_seconds < 1 || opt_seconds > 86400)
		return ctl_fail(CTL_USAGE, NULL, "--seconds 1 to 86400");
	if (opt_to)
		str_copy(uri, sizeof(uri), opt_to);
	else {
		int code = target_find(ctl, &s, uri);
		if (code != CTL_OK)
			return code;
	}
	s.start_us = mono_us();
	return call(ctl, &s, uri);
}
