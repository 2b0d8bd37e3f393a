#include "nodes/media/internal.h"

void media_usage_get(const struct media *m, struct media_usage *ret)
{
	struct media_usage u = {
	    .legs = m->conf.legs_max,
	    .legs_max = m->conf.legs_max,
	    .ports_max = (uint32_t)(m->conf.port_max - m->conf.port_min) + 1,
	};
	for (uint32_t i = m->slot_free; i; i = m->slots[i].next_free)
		u.legs--;
	for (size_t i = 0; i < sizeof(m->port_used); i++)
		u.ports += (uint32_t)__builtin_popcount(m->port_used[i]);
	*ret = u;
}
