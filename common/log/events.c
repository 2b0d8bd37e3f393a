#include "common/log/events.h"
#include "common/base/base.h"
#include "common/log/ring.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void line_add(const struct log_line *l, void *arg)
{
	static const char *const level[] = {"debug", "info", "warn", "error"};
	/* What peers sent went through log_quote(); still, what is no UTF-8 would be refused. */
	json_t *text = json_string(l->text);
	if (!text)
		text = json_string("level=warn event=events.unreadable why=\"not UTF-8\"");
	json_array_append_new(arg, json_pack("{s:I, s:I, s:s, s:o}", "seq", (json_int_t)l->seq,
					     "at_ms", (json_int_t)l->at_ms, "level",
					     level[l->level], "line", text));
}

json_t *log_events_reply(const json_t *req)
{
	static int64_t began_ms;
	char life[48];
	json_int_t after = json_integer_value(json_object_get(req, "after"));
	json_int_t limit = json_integer_value(json_object_get(req, "limit"));
	const char *asked_life = json_string_value(json_object_get(req, "life"));
	json_t *list = json_array();
	uint64_t first;
	if (!began_ms)
		began_ms = wall_ms();
	snprintf(life, sizeof(life), "%lld-%d", (long long)began_ms, (int)getpid());
	if (asked_life && strcmp(asked_life, life) != 0)
		after = 0; /* a number of the process before this one */
	uint64_t last =
	    log_ring_read(after > 0 ? (uint64_t)after : 0,
			  limit > 0 && limit < LOG_RING_MAX ? (size_t)limit : LOG_RING_MAX,
			  line_add, list, &first);
	return json_pack("{s:b, s:I, s:s, s:I, s:I, s:o}", "ok", 1, "now_ms", (json_int_t)wall_ms(),
			 "life", life, "first", (json_int_t)first, "last", (json_int_t)last,
			 "events", list);
}
