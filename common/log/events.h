/* The admin command `events`, the same in every daemon (a library of its own: it needs jansson). */
#ifndef HELIO_LOG_EVENTS_H
#define HELIO_LOG_EVENTS_H

#include <jansson.h>

/* {"cmd": "events", "after": 17, "limit": 500} ->
 * {"ok": true, "now_ms": …, "life": "…", "first": 1, "last": 42,
 *  "events": [{"seq": 18, "at_ms": …, "level": "info", "line": "level=info daemon=…"}]}
 *
 * life changes when the process does: numbers start again then, and who sends the life that it knows
 * beside `after` gets everything of the new one. A first above after + 1 says that
 * events are gone. Without after: everything that is kept; limit 1 to 1000, by default 1000. */
json_t *log_events_reply(const json_t *req);

#endif
