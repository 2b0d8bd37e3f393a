/*
 * helio-sim --replay TRACE: the events of a real daemon, through a fresh core. Equal digests (D1)
 * say that this is what happened there; --verbose tells it event by event.
 */
#include "tests/sim/sim.h"
#include "common/trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct replay {
	const char *path;
	struct trace_reader *reader;
	struct acd *acd;
	void *mem;
	struct acd_effects fx;
	uint64_t events, refused, effects, digests;
	acd_time_us first, last;
	bool verbose;
};

static int bad_line(const struct replay *r, uint32_t line)
{
	fprintf(stderr, "%s:%u: not a line of a trace that this version can read\n", r->path, line);
	return 1;
}

static void tell_event(const struct replay *r, const struct acd_event *ev)
{
	printf("[%12.6f] ", (double)(ev->now - r->first) / 1e6);
	if (ev->type == ACD_EV_MSG)
		printf("%s from %u.%u", acd_msg_name((uint8_t)ev->msg.type), addr_site(ev->from.v),
		       addr_ordinal(ev->from.v));
	else
		printf("event %d", (int)ev->type);
	printf(" call=%llx offer=%llx session=%llx\n",
	       (unsigned long long)(ev->call.v | ev->msg.call.v),
	       (unsigned long long)(ev->offer.v | ev->msg.offer.v),
	       (unsigned long long)(ev->session.v | ev->msg.session.v));
}

static void tell_effect(const struct acd_fx *fx)
{
	if (fx->type == ACD_FX_SEND)
		printf("    sends %s to %u.%u %s\n", acd_msg_name((uint8_t)fx->msg.type),
		       addr_site(fx->to.v), addr_ordinal(fx->to.v),
		       fx->msg.cause ? acd_cause_name(fx->msg.cause) : "");
	else if (fx->type == ACD_FX_CALL)
		printf("    call %llx is %s %s %s\n", (unsigned long long)fx->call.v,
		       acd_call_state_name(fx->call_state),
		       fx->cause ? acd_cause_name(fx->cause) : "",
		       fx->outcome ? acd_outcome_name(fx->outcome) : "");
	else if (fx->type == ACD_FX_AGENT)
		printf("    session %llx is %s %s\n", (unsigned long long)fx->session.v,
		       acd_agent_state_name(fx->agent_state),
		       fx->reason ? acd_reason_name(fx->reason) : "");
	else
		printf("    effect %d\n", (int)fx->type);
}

static void step(struct replay *r, const struct acd_event *ev)
{
	if (r->events++ == 0)
		r->first = ev->now;
	r->last = ev->now;
	if (r->verbose)
		tell_event(r, ev);
	enum acd_verdict v = acd_step(r->acd, ev, &r->fx);
	r->refused += v != ACD_OK;
	r->effects += r->fx.n;
	if (r->verbose && v != ACD_OK)
		printf("    refused, verdict %d\n", (int)v);
	for (uint32_t i = 0; r->verbose && i < r->fx.n; i++)
		tell_effect(&r->fx.fx[i]);
	acd_check(r->acd);
}

static int open_core(struct replay *r, FILE *file)
{
	uint32_t line = 0;

	if (trace_reader_open(&r->reader, file, &line))
		return bad_line(r, line);
	size_t size = acd_size(trace_reader_conf(r->reader));
	r->mem = size ? calloc(1, size) : NULL;
	if (!r->mem) {
		fprintf(stderr, "%s: the core refuses its configuration\n", r->path);
		return 1;
	}
	r->acd = acd_init(r->mem, trace_reader_conf(r->reader));
	return 0;
}

/* Other queues came while it ran. */
static int reconf(struct replay *r)
{
	size_t size = acd_size(trace_reader_conf(r->reader));
	void *mem = size ? calloc(1, size) : NULL;
	struct acd *acd = mem ? acd_reconfigure(mem, r->acd, trace_reader_conf(r->reader)) : NULL;

	if (!acd) {
		fprintf(stderr, "%s: the core refuses its other queues\n", r->path);
		free(mem);
		return 1;
	}
	free(r->mem);
	r->mem = mem;
	r->acd = acd;
	acd_check(acd);
	return 0;
}

static int go(struct replay *r)
{
	for (;;) {
		enum trace_line kind;
		struct acd_event ev;
		uint64_t wanted;
		uint32_t line;
		if (trace_read(r->reader, &kind, &ev, &wanted, &line))
			return bad_line(r, line);
		if (kind == TRACE_END)
			return 0;
		if (kind == TRACE_EVENT) {
			step(r, &ev);
			continue;
		}
		if (kind == TRACE_RECONF) {
			if (reconf(r))
				return 1;
			continue;
		}
		uint64_t got = acd_digest(r->acd);
		r->digests++;
		if (got != wanted) {
			printf("FAILED %s:%u: digest %016llx, replayed %016llx: another version's "
			       "trace, or the core is not deterministic (D1)\n",
			       r->path, line, (unsigned long long)wanted, (unsigned long long)got);
			return 1;
		}
	}
}

int replay(const char *path, bool verbose)
{
	static struct replay r;
	FILE *file = fopen(path, "r");

	r = (struct replay){.path = path, .verbose = verbose};
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	int err = open_core(&r, file);
	if (!err)
		err = go(&r);
	if (!err)
		printf("%s: %llu events, %llu effects, %llu refusals over %.3f s; %s, digest "
		       "%016llx\n",
		       path, (unsigned long long)r.events, (unsigned long long)r.effects,
		       (unsigned long long)r.refused, (double)(r.last - r.first) / 1e6,
		       r.digests ? "the same digest" : "no digest in it (the daemon was killed)",
		       (unsigned long long)acd_digest(r.acd));
	free(r.mem);
	trace_reader_close(r.reader);
	fclose(file);
	return err;
}
