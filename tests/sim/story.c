/* What happened, in sentences; kept only when somebody reads it (a failing seed is run again). */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <string.h>

void story(struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	if (!sim->tell)
		return;
	char *line = sim->story[sim->story_n++ % STORY_LINES];
	int n = snprintf(line, STORY_WIDTH, "[%9.3f] ", (double)sim->now / 1e6);
	va_start(ap, fmt);
	vsnprintf(line + n, STORY_WIDTH - (size_t)n, fmt, ap);
	va_end(ap);
	if (sim->echo)
		puts(line);
}

const char *story_call(const struct sim *sim, uint64_t id)
{
	static char text[4][24];
	static unsigned turn;
	char *t = text[turn++ % 4];

	for (uint32_t i = 0; i < sim->calls_n; i++)
		if (sim->call[i].id == id) {
			snprintf(t, sizeof(text[0]), "call %u", sim->call[i].number);
			return t;
		}
	snprintf(t, sizeof(text[0]), "call ?%x", (unsigned)id_seq(id));
	return t;
}

const char *story_msg(const struct sim *sim, const struct acd_msg *m)
{
	static char text[128];
	int n = snprintf(text, sizeof(text), "%s", acd_msg_name((uint8_t)m->type));

	if (m->offer.v)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " o%u-%x",
			      addr_site(id_addr(m->offer.v)), (unsigned)id_seq(m->offer.v));
	if (m->call.v)
		n +=
		    snprintf(text + n, sizeof(text) - (size_t)n, " %s", story_call(sim, m->call.v));
	if (m->agent.v)
		n +=
		    snprintf(text + n, sizeof(text) - (size_t)n, " agent %u", (unsigned)m->agent.v);
	if (m->type == ACD_MSG_ADVERT || m->type == ACD_MSG_AGENT_ADVERT)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " q%u n=%u want=%u", m->queue.v,
			      m->count, m->wanted);
	if (m->cause)
		snprintf(text + n, sizeof(text) - (size_t)n, " (%s)", acd_cause_name(m->cause));
	return text;
}

void story_print(const struct sim *sim, FILE *f)
{
	uint32_t first = sim->story_n > STORY_LINES ? sim->story_n - STORY_LINES : 0;

	for (uint32_t i = first; i < sim->story_n; i++)
		fprintf(f, "  %s\n", sim->story[i % STORY_LINES]);
}
