/* Skills and levels as two words of bits. Explained in skills.h. */
#include "common/acd/acd_internal.h"

bool levels_valid(struct acd_levels levels)
{
	/* above 10: the bit of 8, and that of 4 or those of 2 and 1; sixteen levels at once */
	for (unsigned i = 0; i < 4; i++) {
		uint64_t w = levels.w[i];
		if (w >> 3 & (w >> 2 | (w >> 1 & w)) & UINT64_C(0x1111111111111111))
			return false;
	}
	return true;
}

uint32_t level_score(struct acd_levels levels, uint64_t skills)
{
	uint32_t sum = 0;

	for (unsigned s = 0; s < 64; s++) {
		uint8_t level = level_of(levels, s);
		if (skills >> s & 1)
			sum += level ? level : (uint32_t)ACD_LEVEL_MAX;
	}
	return sum;
}

/* Adds what one stage asks for; false if there are too many. */
static bool steps_add(struct level_step *steps, uint32_t *n, struct acd_skills skills,
		      struct acd_levels levels)
{
	for (uint8_t s = 0; s < 64; s++) {
		uint8_t level = level_of(levels, s);
		uint32_t i = 0;
		if (level < 2 || !(skills.bits >> s & 1))
			continue;
		while (i < *n && (steps[i].skill != s || steps[i].level != level))
			i++;
		if (i < *n)
			continue;
		if (*n == ACD_LEVEL_STEPS_MAX)
			return false;
		steps[(*n)++] = (struct level_step){s, level};
	}
	return true;
}

static bool steps_of(const struct acd_conf *conf, struct level_step *steps, uint32_t *n)
{
	*n = 0;
	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct acd_queue_conf *q = &conf->queues[i];
		if (!steps_add(steps, n, q->skills, q->levels))
			return false;
		for (uint32_t k = 0; k < q->relax_n; k++)
			if (!steps_add(steps, n, q->relax[k].skills, q->relax[k].levels))
				return false;
	}
	return true;
}

/* Nothing is asked for that was not asked for before. */
static bool relaxes(struct acd_skills s0, struct acd_levels l0, const struct acd_relax *r)
{
	if (r->skills.bits & ~s0.bits)
		return false;
	for (unsigned s = 0; s < 64; s++)
		if (r->skills.bits >> s & 1 && level_of(r->levels, s) > 1 &&
		    level_of(r->levels, s) > level_of(l0, s))
			return false;
	return levels_valid(r->levels);
}

bool conf_levels_ok(const struct acd_conf *conf)
{
	struct level_step steps[ACD_LEVEL_STEPS_MAX];
	uint32_t n;

	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct acd_queue_conf *q = &conf->queues[i];
		struct acd_skills skills = q->skills;
		struct acd_levels levels = q->levels;
		uint32_t after = 0;
		if (q->pref_n > ACD_PREFS_MAX || (q->pref_n && !q->wants))
			return false;
		if (q->group_max > ACD_GROUP_MAX || q->weight > ACD_WEIGHT_MAX)
			return false;
		if (q->relax_n > ACD_RELAX_MAX || q->strategy >= ACD_STRATEGY_COUNT ||
		    !levels_valid(levels))
			return false;
		for (uint32_t k = 0; k < q->relax_n; k++) {
			if (q->relax[k].after_ms <= after || !relaxes(skills, levels, &q->relax[k]))
				return false;
			after = q->relax[k].after_ms;
			skills = q->relax[k].skills;
			levels = q->relax[k].levels;
		}
	}
	return steps_of(conf, steps, &n);
}

void skills_init(struct acd *acd, const struct acd_conf *conf)
{
	helio_assert(steps_of(conf, acd->steps, &acd->steps_n));
}

struct able able_has(const struct acd *acd, struct acd_skills skills, struct acd_levels levels)
{
	struct able a = {skills.bits, 0};

	for (uint32_t i = 0; i < acd->steps_n; i++) {
		const struct level_step *s = &acd->steps[i];
		uint8_t level = level_of(levels, s->skill);
		if (skills.bits >> s->skill & 1 && (level == 0 || level >= s->level))
			a.steps |= UINT64_C(1) << i;
	}
	return a;
}

struct able able_needed(const struct acd *acd, struct acd_skills skills, struct acd_levels levels)
{
	struct able a = {skills.bits, 0};

	for (uint32_t i = 0; i < acd->steps_n; i++) {
		const struct level_step *s = &acd->steps[i];
		if (skills.bits >> s->skill & 1 && level_of(levels, s->skill) == s->level)
			a.steps |= UINT64_C(1) << i;
	}
	return a;
}
