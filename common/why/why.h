/* The story of a call, in sentences: what acd_why() says in codes. */
#ifndef HELIO_WHY_H
#define HELIO_WHY_H

#include <jansson.h>

#include "common/acd/acd.h"
#include "common/conf/conf.h"

/* The answer to {"cmd": "why", "call": "oslo1-2f-91"}: {"ok": true, "known": bool, "owner": bool,
 * "matcher": bool, "state", "code", "lines": [sentence, …]}; an error for what is no id. NULL only
 * when out of memory. */
json_t *why_reply(const struct conf *conf, const struct acd *acd, const json_t *req,
		  acd_time_us now);

#endif
