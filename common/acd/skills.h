/* What somebody has, what a queue asks for (skills.c). */
#ifndef HELIO_ACD_SKILLS_H
#define HELIO_ACD_SKILLS_H

#include "common/acd/acd.h"

/* Each (skill, level above 1) that any queue asks for is a bit of its own, so that "all skills, at
 * these levels" stays two comparisons of words however many skills there are.
 */
struct able {
	uint64_t skills, steps;
};
struct level_step {
	uint8_t skill, level;
};
static inline uint8_t level_of(struct acd_levels levels, unsigned skill)
{
	return levels.w[skill / 16] >> 4 * (skill % 16) & 15;
}
static inline bool skilled(struct able has, struct able needed)
{
#ifdef ACD_MUTATE_TENANTS_SHARED
	needed.skills &= UINT32_MAX;
#endif
	return (needed.skills & ~has.skills) == 0 && (needed.steps & ~has.steps) == 0;
}
bool levels_valid(struct acd_levels levels);
bool conf_levels_ok(const struct acd_conf *conf); /* … and that relaxing only ever asks for less */
void skills_init(struct acd *acd, const struct acd_conf *conf);
struct able able_has(const struct acd *acd, struct acd_skills skills, struct acd_levels levels);
struct able able_needed(const struct acd *acd, struct acd_skills skills, struct acd_levels levels);
/* The sum of the levels of these skills. */
uint32_t level_score(struct acd_levels levels, uint64_t skills);

#endif
