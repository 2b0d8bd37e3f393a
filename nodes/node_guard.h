/* What the configuration says about callers' addresses, for nodes/sip; and its lock-outs in the
 * log. */
#ifndef HELIO_NODE_GUARD_H
#define HELIO_NODE_GUARD_H

#include "nodes/sip/sip_call.h"

struct conf;

/* Points into trunks, which the caller keeps while it uses the limits. */
struct sip_limits node_sip_limits(const struct conf *conf, struct sip_trunk trunks[SIP_TRUNKS_MAX]);
/* sip_ua_handlers.guard_h */
void node_sip_guarded(uint32_t ip4, uint32_t locked_s, const char *why, void *arg);

#endif
