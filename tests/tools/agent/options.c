#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int duration_parse(const char *s, uint32_t *ret_ms)
{
	char *end = NULL;
	errno = 0;
	double v = strtod(s, &end);
	double unit = strcmp(end, "ms") == 0 || !*end ? 1
		      : strcmp(end, "s") == 0         ? 1000
		      : strcmp(end, "m") == 0         ? 60000
						      : -1;
	if (end == s || errno || unit < 0 || v < 0 || v * unit > 86400000.0)
		return EINVAL;
	*ret_ms = (uint32_t)(v * unit);
	return 0;
}

static int number_parse(const char *s, uint32_t max, uint32_t *ret)
{
	char *end = NULL;
	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	if (end == s || *end || errno || v > max)
		return EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int word_parse(const char *s, const char *const *words, size_t n, int *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], s) == 0) {
			*ret = (int)i;
			return 0;
		}
	}
	return EINVAL;
}

static int set_gateway(struct options *o, const char *s)
{
	if (o->gateways == GATEWAYS_MAX)
		return EINVAL;
	return str_copy(o->gateway[o->gateways++], sizeof(o->gateway[0]), s);
}

static int set_audio(struct options *o, const char *s)
{
	static const char *const words[] = {"plain", "webrtc", "none"};
	int i = 0, err = word_parse(s, words, HELIO_ARRAY_LEN(words), &i);
	o->audio = (enum audio)i;
	return err;
}

static int set_answer(struct options *o, const char *s)
{
	static const char *const words[] = {"accept", "reject", "ignore"};
	int i = 0, err = word_parse(s, words, HELIO_ARRAY_LEN(words), &i);
	o->answer = (enum answer)i;
	return err;
}

static int set_talk(struct options *o, const char *s)
{
	o->until_caller = strcmp(s, "caller") == 0;
	return o->until_caller ? 0 : duration_parse(s, &o->talk_ms);
}

static int set_media_address(struct options *o, const char *s)
{
	return str_copy(o->media_address, sizeof(o->media_address), s);
}

static int set_from(struct options *o, const char *s)
{
	return sa_set_str(&o->from, s, 0);
}

static int set_media_ports(struct options *o, const char *s)
{
	return sscanf(s, "%hu-%hu", &o->port_min, &o->port_max) == 2 && o->port_min < o->port_max
		   ? 0
		   : EINVAL;
}

enum kind { TEXT, NUMBER, DURATION, FLAG, OTHER };

/* One row per option: name, what follows, where it goes, what it means. */
static const struct row {
	const char *name, *value;
	enum kind kind;
	size_t offset;
	int (*set)(struct options *o, const char *s);
	const char *help;
} table[] = {
#define AT(field) offsetof(struct options, field), NULL
#define BY(fn) 0, fn
    {"gateway", "HOST:PORT", OTHER, BY(set_gateway),
     "IPv4 literal and port; several spread the agents and are tried in turn"},
    {"together", NULL, FLAG, AT(together), "all begin at the first gateway"},
    {"site", "NAME", TEXT, AT(site), "site to ask for (default: the gateway's own)"},
    {"name", "NAME", TEXT, AT(name), "one agent of this name"},
    {"agents", "N", NUMBER, AT(agents), "this many agents"},
    {"name-pattern", "P", TEXT, AT(pattern), "their names, with one %d, e.g. load%d"},
    {"first", "N", NUMBER, AT(first), "the first number (default 1)"},
    {"password-file", "FILE", TEXT, AT(password_file), "its first line; the same for all"},
    {"cluster-pub", "FILE", TEXT, AT(cluster_pub),
     "pin this signing key (default: what the gateway's /cluster.json says)"},
    {"ca", "FILE", TEXT, AT(ca),
     "speak TLS and trust these authorities (PEM); --cluster-pub is needed then"},
    {"from", "IP", OTHER, BY(set_from), "connect from this address ..."},
    {"from-addresses", "N", NUMBER, AT(from_n), "... and the ones after it, agents spread over N"},
    {"rest", NULL, FLAG, AT(rest), "sign in and never become ready"},
    {"waves", NULL, FLAG, AT(waves),
     "report how long each round of `queues` messages takes to reach everybody"},
    {"ramp", "N", NUMBER, AT(ramp_per_s), "sign-ins begun per second (default 20)"},
    {"audio", "plain|webrtc|none", OTHER, BY(set_audio),
     "plain needs allow_plain_agents (default webrtc); none hears nothing"},
    {"answer", "accept|reject|ignore", OTHER, BY(set_answer), "a ringing call (default accept)"},
    {"answer-after", "TIME", DURATION, AT(answer_after_ms), "default 200ms"},
    {"talk", "TIME|caller", OTHER, BY(set_talk),
     "then the agent hangs up; caller: never (default 5s)"},
    {"talk-vary", NULL, FLAG, AT(talk_vary),
     "each talk lasts another time, from none to twice that, so that they end one by one"},
    {"wrap", "TIME", DURATION, AT(wrap_ms), "wrap-up until done is said (default 0)"},
    {"disposition", "WORD", TEXT, AT(disposition), "outcome that is noted then (default none)"},
    {"tone", "HZ", NUMBER, AT(tone_hz), "what callers hear from the agent"},
    {"listen", "HZ", NUMBER, AT(listen_hz), "what must be heard from callers"},
    {"heard-min", "PERMILLE", NUMBER, AT(heard_min), "of the whole energy (default 300)"},
    {"media-address", "IP", OTHER, BY(set_media_address), "default 127.0.0.1"},
    {"media-ports", "A-B", OTHER, BY(set_media_ports), "default 50000-59999"},
    {"media-threads", "N", NUMBER, AT(media_threads), "default 1"},
    {"duration", "TIME", DURATION, AT(duration_ms), "the run ends then (default 60s)"},
    {"stop-after-calls", "N", NUMBER, AT(stop_after_calls), "or when so many have ended"},
    {"script", "FILE", TEXT, AT(script), "steps for named agents; see below"},
    {"expect-ready", "N", NUMBER, AT(expect_ready), "fail unless so many times idle"},
    {"expect-calls", "N", NUMBER, AT(expect_calls), "fail unless so many talks"},
    {"expect-heard", "N", NUMBER, AT(expect_heard), "fail unless the tone was heard so often"},
    {"json", NULL, FLAG, AT(json), "events and summary as JSON, one object a line"},
    {"quiet", NULL, FLAG, AT(quiet), "the summary only"},
    {"help", NULL, FLAG, 0, NULL, "this text"},
#undef AT
#undef BY
};

static void usage(FILE *out)
{
	fputs("helio-agent: home agents without browsers, for load, scripts and measurements.\n"
	      "Each speaks the true sealed protocol through a true gateway.\n\n"
	      "  helio-agent --gateway HOST:PORT --password-file FILE --name NAME [OPTION]...\n"
	      "  helio-agent --gateway HOST:PORT --password-file FILE --agents N --name-pattern "
	      "P\n\n",
	      out);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++) {
		char left[64];
		snprintf(left, sizeof(left), "--%s %s", table[i].name,
			 table[i].value ? table[i].value : "");
		fprintf(out, "  %-30s %s\n", left, table[i].help);
	}
	fputs(
	    "\nTIME is 200ms, 5s, 2m or milliseconds. Without a script each agent signs in, "
	    "becomes\n"
	    "ready, answers, talks, wraps up and is ready again, and comes back by its ticket\n"
	    "whenever it loses its link.\n\n"
	    "Events: down signed_in resumed denied leg_connected media state ring ring_end accept\n"
	    "talk heard hangup end error. Each has at_ms (of this run) and mono_us (of this\n"
	    "machine, to compare with a caller on it). The last line is the summary, with\n"
	    "percentiles in milliseconds.\n\n"
	    "Exit status: 0 everything asked for happened; 1 it did not (the summary says what);\n"
	    "2 the command line is wrong.\n\n"
	    "A script, one step a line, `WHO: STEP`; WHO is a name or *:\n"
	    "  wait EVENT [TIME]   signed_in resumed media idle not_ready ring ring_end talk "
	    "heard\n"
	    "                      end down denied taken_over: the next one not waited for yet\n"
	    "  sleep TIME · ready · pause REASON · accept · reject · hangup · wrap [OUTCOME]\n"
	    "  mute on|off · signout · drop (cuts the link; it comes back by its ticket)\n\n"
	    "Try:  helio-agent --gateway 127.0.2.1:8080 --name maria --password-file pw \\\n"
	    "        --answer-after 200ms --talk 5s --tone 880 --listen 440 --expect-heard 1\n",
	    out);
}

static int set(struct options *o, const struct row *row, const char *value)
{
	void *at = (char *)o + row->offset;
	switch (row->kind) {
	case TEXT: *(const char **)at = value; return 0;
	case NUMBER: return number_parse(value, 1000000, at);
	case DURATION: return duration_parse(value, at);
	case FLAG: *(bool *)at = true; return 0;
	case OTHER: return row->set(o, value);
	}
	return EINVAL;
}

static int read_password(struct options *o)
{
	FILE *f = fopen(o->password_file, "r");
	bool ok = f && fgets(o->password, sizeof(o->password), f);
	if (f)
		fclose(f);
	o->password[strcspn(o->password, "\r\n")] = '\0';
	return ok && o->password[0] ? 0 : EINVAL;
}

/* Exactly one conversion, and that %d: the pattern goes to snprintf. */
static bool pattern_ok(const char *p)
{
	const char *at = p ? strchr(p, '%') : NULL;
	return at && at[1] == 'd' && !strchr(at + 1, '%') && strlen(p) < NAME_SIZE - 8;
}

static const char *problem(struct options *o)
{
	if (!o->gateways)
		return "--gateway is needed";
	if (!o->password_file || read_password(o))
		return "--password-file is needed, and must hold a line";
	if (!o->name == !o->agents)
		return "either --name or --agents with --name-pattern";
	if (o->agents && (!pattern_ok(o->pattern) || o->agents > AGENTS_MAX))
		return "--name-pattern needs exactly one %d; at most 20000 agents";
	if (!o->ramp_per_s || !o->media_threads || o->media_threads > 8)
		return "--ramp is at least 1, --media-threads 1 to 8";
	if (o->ca && !o->cluster_pub)
		return "--ca needs --cluster-pub: the signing key is not fetched over TLS";
	if (sa_isset(&o->from, SA_ADDR) && !o->from_n)
		o->from_n = 1;
	if (o->from_n && !sa_isset(&o->from, SA_ADDR))
		return "--from-addresses needs --from";
	if (o->expect_heard && (!o->listen_hz || o->audio == AUDIO_NONE))
		return "--expect-heard needs --listen and audio";
	return NULL;
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct option known[HELIO_ARRAY_LEN(table) + 1] = {0};
	*o = (struct options){.audio = AUDIO_WEBRTC,
			      .answer_after_ms = 200,
			      .talk_ms = 5000,
			      .duration_ms = 60000,
			      .ramp_per_s = 20,
			      .heard_min = 300,
			      .port_min = 50000,
			      .port_max = 59999,
			      .media_threads = 1,
			      .first = 1,
			      .media_address = "127.0.0.1"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		known[i] = (struct option){
		    table[i].name, table[i].value ? required_argument : no_argument, NULL, 0};
	int c, index = 0;
	while ((c = getopt_long(argc, argv, "h", known, &index)) != -1) {
		if (c == 'h' || (c == 0 && strcmp(table[index].name, "help") == 0)) {
			usage(stdout);
			return -1;
		}
		if (c != 0)
			return 2;
		if (set(o, &table[index], optarg)) {
			fprintf(stderr, "helio-agent: --%s %s is not understood; allowed: %s\n",
				table[index].name, optarg, table[index].value);
			return 2;
		}
	}
	const char *wrong = optind != argc ? "there is an argument too many" : problem(o);
	if (wrong)
		fprintf(stderr, "helio-agent: %s; see --help\n", wrong);
	return wrong ? 2 : 0;
}
