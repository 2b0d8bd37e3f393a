#include "nodes/node_guard.h"
#include "nodes/node.h"

#include <assert.h>

void node_sip_guarded(uint32_t ip4, uint32_t locked_s, const char *why, void *arg)
{
	(void)arg;
	if (locked_s)
		log_warn("sip.locked_out", "source=%u.%u.%u.%u for_s=%u why=%s", ip4 >> 24,
			 ip4 >> 16 & 255, ip4 >> 8 & 255, ip4 & 255, (unsigned)locked_s,
			 log_quote(why));
	else
		log_warn("sip.flood", "source=%u.%u.%u.%u why=%s", ip4 >> 24, ip4 >> 16 & 255,
			 ip4 >> 8 & 255, ip4 & 255, log_quote(why));
}

struct sip_limits node_sip_limits(const struct conf *conf, struct sip_trunk trunks[SIP_TRUNKS_MAX])
{
	static_assert((int)CONF_TRUNKS_MAX == (int)SIP_TRUNKS_MAX, "every trunk has a place");
	const struct conf_sip_limits *l = &conf->sip_limits;
	for (uint32_t i = 0; i < conf->trunks_n; i++)
		trunks[i] =
		    (struct sip_trunk){.ip4 = conf->trunks[i].ip4, .mask = conf->trunks[i].mask};
	return (struct sip_limits){.new_calls = l->new_calls,
				   .calls = l->calls,
				   .requests = l->requests,
				   .connections = l->connections,
				   .trunk_new_calls = l->trunk_new_calls,
				   .trunk_requests = l->trunk_requests,
				   .trunk_connections = l->trunk_connections,
				   .strikes = l->strikes,
				   .lockout_ms = l->lockout_ms,
				   .trunks = trunks,
				   .trunks_n = conf->trunks_n};
}
