/* helio-caller: the command line of caller.h. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
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

#include "deploy/caller/caller.h"

static const char help[] =
    "helio-caller: places SIP calls with real sound and says what came back.\n"
    "\n"
    "  helio-caller --to sip:support@127.0.1.1:5060 [options]\n"
    "\n"
    "Who calls whom\n"
    "  --to URI          sip:QUEUE@ADDRESS[:PORT]; add ';transport=tcp' for TCP (quote it)\n"
    "  --from NUMBER     the caller's number (+4722334455)\n"
    "  --name TEXT       the caller's display name\n"
    "  --bind ADDRESS    local IPv4 address; --sip-port N local port (any)\n"
    "  --calls N         how many calls (1), --rate R how many new ones a second\n"
    "  --again           so many calls are kept up: for each that ended a new one, until Ctrl-C\n"
    "  --stamp           in place of --from: t and the microsecond of the INVITE "
    "(CLOCK_MONOTONIC),\n"
    "                    so that an agent on this machine can tell how long the ring took\n"
    "What is said and heard\n"
    "  --wav FILE        speak this, over and over: any format that libsndfile reads\n"
    "  --tone HZ         a steady tone instead; with neither, a soft pattern of three notes\n"
    "  --codec NAME      pcmu (default) or pcma\n"
    "  --dtmf KEYS       press these one second after the answer (RFC 4733)\n"
    "  --listen HZ       expect this tone: half of the energy of 500 ms at that frequency\n"
    "When it ends\n"
    "  --seconds N       hang up N seconds after the answer (20)\n"
    "  --until-heard     hang up as soon as the tone was heard\n"
    "  --answer-within N give up when nobody answers in N seconds (32)\n"
    "How it tells\n"
    "  --json            one JSON object a line: each event, then {\"event\":\"result\",…}\n"
    "\n"
    "Status: 0 if every call was answered, and heard the tone if one was expected; 1 if not;\n"
    "2 if nothing could be started. Examples:\n"
    "\n"
    "  # is the trunk answered at all? hear the greeting for five seconds\n"
    "  helio-caller --to sip:support@127.0.1.1:5060 --seconds 5\n"
    "  # an agent's test page plays 880 Hz: does it arrive, and how soon?\n"
    "  helio-caller --to sip:support@127.0.1.1:5060 --tone 440 --listen 880 --until-heard\n"
    "  # fifty callers in ten seconds, over TCP\n"
    "  helio-caller --to 'sip:support@127.0.1.1:5060;transport=tcp' --calls 50 --rate 5\n";

static bool as_json;

static void json_line(json_t *o)
{
	(void)json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(4));
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	json_decref(o);
}

static void event_json(const struct caller_event *ev)
{
	json_t *o = json_pack("{s:s, s:i, s:i}", "event", caller_event_name(ev->type), "call",
			      (int)ev->call, "at_ms", (int)ev->at_ms);
	(void)json_object_set_new(o, "mono_us", json_integer((json_int_t)ev->mono_us));
	(void)json_object_set_new(o, "started_us", json_integer((json_int_t)ev->started_us));
	if (ev->type == CALLER_GAP || ev->type == CALLER_LATE || ev->type == CALLER_ENDED) {
		(void)json_object_set_new(o, "gap_ms", json_integer(ev->gap_ms));
		(void)json_object_set_new(o, "gap_began_us",
					  json_integer((json_int_t)ev->gap_began_us));
	}
	if (ev->lasting)
		(void)json_object_set_new(o, "lasting", json_true());
	if (ev->type == CALLER_ENDED && ev->answered_us)
		(void)json_object_set_new(o, "answered_us",
					  json_integer((json_int_t)ev->answered_us));
	if (ev->status)
		(void)json_object_set_new(o, "status", json_integer(ev->status));
	if (ev->type == CALLER_ENDED)
		(void)json_object_set_new(o, "by", json_string(ev->by_far_end ? "far" : "us"));
	if (ev->type == CALLER_HEARD) {
		(void)json_object_set_new(o, "hz", json_real(ev->hz));
		(void)json_object_set_new(o, "level", json_real(ev->level));
	}
	json_t *text = ev->text[0] ? json_string(ev->text) : NULL; /* NULL also for bad UTF-8 */
	if (text)
		(void)json_object_set_new(o, "text", text);
	json_line(o);
}

static void event_handler(const struct caller_event *ev, void *arg)
{
	(void)arg;
	if (as_json) {
		event_json(ev);
		return;
	}
	printf("%8.3f s  call %u  %s", ev->at_ms / 1000.0, ev->call + 1,
	       caller_event_name(ev->type));
	if (ev->type == CALLER_HEARD)
		printf("  %.0f Hz, %.0f %% of the energy", ev->hz, ev->level * 100);
	if (ev->type == CALLER_LATE)
		printf("  this program was not run for %u ms", ev->gap_ms);
	if (ev->type == CALLER_GAP)
		printf("  silent for %u ms", ev->gap_ms);
	if (ev->type == CALLER_ENDED)
		printf("  by %s", ev->by_far_end ? "the far end" : "us");
	if (ev->status >= 300)
		printf("  %u", ev->status);
	/* What the far end sent goes to a terminal: printable characters only. */
	if (ev->text[0])
		(void)fputc(' ', stdout);
	for (const char *p = ev->text; *p; p++)
		(void)fputc(*p >= ' ' && *p <= '~' ? *p : '?', stdout);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

static void result_print(const struct caller_result *r, const struct caller_conf *conf)
{
	if (as_json) {
		json_line(json_pack(
		    "{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f}", "event", "result",
		    "ok", r->ok, "calls", (int)r->calls, "answered", (int)r->answered, "heard",
		    (int)r->heard, "failed", (int)r->failed, "answer_ms_max", (int)r->answer_ms_max,
		    "heard_ms_max", (int)r->heard_ms_max, "rtp_sent", (json_int_t)r->rtp_sent,
		    "rtp_received", (json_int_t)r->rtp_received, "level_best", r->level_best));
		return;
	}
	printf("%u of %u calls answered, the slowest after %.3f s; %" PRIu64
	       " packets sent, %" PRIu64 " received\n",
	       r->answered, r->calls, r->answer_ms_max / 1000.0, r->rtp_sent, r->rtp_received);
	if (conf->listen_hz > 0)
		printf("%.0f Hz heard in %u of %u, at best %.0f %% of the energy\n",
		       conf->listen_hz, r->heard, r->calls, r->level_best * 100);
	printf("%s\n", r->ok ? "ok" : "NOT ok");
}

static uint32_t number(const char *opt, const char *s, uint32_t max)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	if (errno || *end || end == s || *s == '-' || v > max) {
		fprintf(stderr, "helio-caller: --%s %s: a number from 0 to %u is needed\n", opt, s,
			max);
		exit(2);
	}
	return (uint32_t)v;
}

static double hertz(const char *opt, const char *s)
{
	char *end;
	double v = strtod(s, &end);
	if (*end || end == s || !(v > 0 && v <= 3800)) {
		fprintf(stderr, "helio-caller: --%s %s: 1 to 3800 Hz\n", opt, s);
		exit(2);
	}
	return v;
}

static enum caller_codec codec(const char *s)
{
	if (!strcmp(s, "pcma"))
		return CALLER_PCMA;
	if (strcmp(s, "pcmu") != 0) {
		fprintf(stderr, "helio-caller: --codec %s: pcmu or pcma\n", s);
		exit(2);
	}
	return CALLER_PCMU;
}

enum option_id {
	TO,
	FROM,
	NAME,
	BIND,
	SIP_PORT_,
	CALLS,
	RATE_,
	AGAIN,
	STAMP,
	WAV,
	TONE,
	CODEC,
	DTMF,
	LISTEN,
	SECONDS,
	UNTIL,
	WITHIN,
	JSON,
	HELP
};

static const struct option options[] = {
    {"to", required_argument, NULL, TO},
    {"from", required_argument, NULL, FROM},
    {"name", required_argument, NULL, NAME},
    {"bind", required_argument, NULL, BIND},
    {"sip-port", required_argument, NULL, SIP_PORT_},
    {"calls", required_argument, NULL, CALLS},
    {"rate", required_argument, NULL, RATE_},
    {"again", no_argument, NULL, AGAIN},
    {"stamp", no_argument, NULL, STAMP},
    {"wav", required_argument, NULL, WAV},
    {"tone", required_argument, NULL, TONE},
    {"codec", required_argument, NULL, CODEC},
    {"dtmf", required_argument, NULL, DTMF},
    {"listen", required_argument, NULL, LISTEN},
    {"seconds", required_argument, NULL, SECONDS},
    {"until-heard", no_argument, NULL, UNTIL},
    {"answer-within", required_argument, NULL, WITHIN},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static void parse(struct caller_conf *c, int argc, char **argv)
{
	int id, at = 0;
	while ((id = getopt_long(argc, argv, "", options, &at)) != -1) {
		const char *o = options[at].name;
		switch (id) {
		case TO: c->to = optarg; break;
		case FROM: c->from = optarg; break;
		case NAME: c->from_name = optarg; break;
		case BIND: c->bind = optarg; break;
		case SIP_PORT_: c->sip_port = (uint16_t)number(o, optarg, UINT16_MAX); break;
		case CALLS: c->calls = number(o, optarg, 2000); break;
		case RATE_: c->rate = number(o, optarg, 1000); break;
		case AGAIN: c->again = true; break;
		case STAMP: c->stamp = true; break;
		case WAV: c->wav = optarg; break;
		case TONE: c->tone_hz = hertz(o, optarg); break;
		case CODEC: c->codec = codec(optarg); break;
		case DTMF: c->dtmf = optarg; break;
		case LISTEN: c->listen_hz = hertz(o, optarg); break;
		case SECONDS: c->seconds = number(o, optarg, 86400); break;
		case UNTIL: c->until_heard = true; break;
		case WITHIN: c->answer_within_s = number(o, optarg, 3600); break;
		case JSON: as_json = true; break;
		case HELP: (void)fputs(help, stdout); exit(0);
		default: fprintf(stderr, "try helio-caller --help\n"); exit(2);
		}
	}
	if (!c->to || optind < argc) {
		fprintf(stderr, "helio-caller: --to sip:QUEUE@ADDRESS:PORT is needed, and nothing "
				"without --; try helio-caller --help\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct caller_conf conf = {.from = "+4722334455", .seconds = 20};
	struct caller_result result;
	char why[256];
	parse(&conf, argc, argv);
	(void)fd_setsize(8192);
	if (libre_init()) {
		fprintf(stderr, "helio-caller: libre_init failed\n");
		return 2;
	}
	int err = caller_run(&conf, event_handler, NULL, &result, why);
	if (err)
		fprintf(stderr, "helio-caller: %s\n", why);
	else
		result_print(&result, &conf);
	libre_close();
	return err ? 2 : (result.ok ? 0 : 1);
}
