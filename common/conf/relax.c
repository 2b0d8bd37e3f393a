/*
 * relax: of a queue: after so long it asks for less.
 *
 *   as written   {after: 30s, skills: {lang.nb: 1}}   what changes
 *   as meant     all skills and levels that are asked for from then on
 */
#include "common/conf/options.h"

void read_relax_skills(struct reader *r, const struct yaml_node *v, void *base)
{
	struct acd_relax *x = base;

	if (!v)
		return; /* reported */
	if (v->kind != YAML_MAP)
		bad(r, v, "{name: level} of skills that the queue asks for", NULL,
		    "names with their new levels are needed here");
	else
		x->skills.bits = levels_read(r, v, 0, &x->levels);
}

static unsigned level_at(struct acd_levels levels, unsigned skill)
{
	return levels.w[skill / 16] >> 4 * (skill % 16) & 15;
}

void read_relax(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] =
	    "a list of at most 4 such as [{after: 30s, skills: {name: 2}}]";
	struct conf_queue *q = base;

	if (!v)
		return;
	if (v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list of steps is needed here");
		return;
	}
	/* The queue's own skills may stand below relax: they are compared in check_all(). */
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (q->relax_n == ACD_RELAX_MAX) {
			bad(r, i, "at most 4 steps", NULL, "too many");
			return;
		}
		section_read(r, SECTION_RELAX, i, i, &q->relax[q->relax_n++]);
	}
}

/* Of one step: what is named must have been asked for, and at a higher level. */
static bool step_settle(struct acd_relax *at, const struct acd_relax *change)
{
	for (unsigned s = 0; s < 64; s++) {
		if (!(change->skills.bits >> s & 1))
			continue;
		unsigned was = level_at(at->levels, s), is = level_at(change->levels, s);
		if (!(at->skills.bits >> s & 1) || is >= (was ? was : 1))
			return false;
		at->levels.w[s / 16] ^= (uint64_t)(was ^ is) << 4 * (s % 16);
		if (is == 0)
			at->skills.bits &= ~(1ull << s);
	}
	at->after_ms = change->after_ms;
	return change->skills.bits != 0;
}

/* Once all of the queue is read: its skills may stand below relax. */
void relax_settle(struct reader *r, struct conf_queue *q, const struct yaml_node *at)
{
	struct acd_relax step = {.skills = {q->skills}, .levels = q->levels};

	for (uint32_t k = 0; k < q->relax_n; k++) {
		if (q->relax[k].after_ms <= step.after_ms) {
			bad(r, at, "steps in the order of after:", "sort them",
			    "step %u comes no later than the one before it", k + 1);
		} else if (!step_settle(&step, &q->relax[k])) {
			bad(r, at,
			    "skills that the queue asks for, each at a lower level than before",
			    "0 means: not needed any more",
			    "step %u asks for no less than before it", k + 1);
		}
		q->relax[k] = step;
	}
}
