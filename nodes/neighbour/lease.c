#include "nodes/neighbour/lease.h"

static bool recently(const struct lease *l, uint64_t now_us)
{
	return l->independent_us && now_us < l->independent_us + LEASE_RECENT_MS * 1000ull;
}

void lease_answered(struct lease *l, uint64_t sent_us, bool adopter, bool independent,
		    uint64_t now_us)
{
	if (independent)
		l->independent_us = now_us;
	if (l->lapsed_us || sent_us > now_us)
		return;
	if (!adopter && !independent && recently(l, now_us))
		return;
	uint64_t until = sent_us + l->after_us / 1000 * LEASE_PERMILLE;
	if (until > l->until_us)
		l->until_us = until;
}

bool lease_lapsed(struct lease *l, uint64_t now_us)
{
	if (!l->lapsed_us && l->until_us && now_us > l->until_us) {
		l->lapsed_us = now_us;
		l->alone = !recently(l, l->until_us);
	}
	return l->lapsed_us != 0;
}

void lease_end(struct lease *l, uint64_t now_us)
{
	l->until_us = l->lapsed_us = now_us;
	l->alone = !recently(l, now_us);
}

void lease_resume(struct lease *l, uint64_t now_us)
{
	l->lapsed_us = 0;
	l->until_us = now_us + l->after_us / 1000 * LEASE_PERMILLE;
}

bool lease_give_up(struct lease *l, uint64_t adopter_silent_us, uint64_t now_us)
{
	uint64_t for_us = now_us > l->lapsed_us ? now_us - l->lapsed_us : 0;
	bool dead = adopter_silent_us >= l->after_us;
	bool alone = l->alone && for_us >= LEASE_ALONE_MS * 1000ull;
	if (!l->lapsed_us || !(dead || alone || for_us >= LEASE_ASK_MAX_MS * 1000ull))
		return false;
	lease_resume(l, now_us);
	return true;
}
