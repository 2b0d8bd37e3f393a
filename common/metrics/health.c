#include "common/metrics/metrics.h"

#include <string.h>

/* Appends a JSON string, with a comma before it if it is not the first; whole or not at all. */
static bool add(char *list, size_t size, bool first, const char *text)
{
	char item[256];
	size_t n = 0, have = strlen(list);
	if (!first)
		item[n++] = ',';
	item[n++] = '"';
	for (; *text && n < sizeof(item) - 8; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			item[n++] = '\\';
		item[n++] = (char)(c < 0x20 ? ' ' : c);
	}
	if (*text || have + n + 2 > size)
		return false;
	item[n++] = '"';
	memcpy(list + have, item, n);
	list[have + n] = '\0';
	return true;
}

void metrics_health_fault(struct metrics_health *h, const char *text)
{
	(void)add(h->fault_text, sizeof(h->fault_text), !*h->fault_text, text);
	h->faults++;
}

void metrics_health_note(struct metrics_health *h, const char *text)
{
	(void)add(h->note_text, sizeof(h->note_text), !*h->note_text, text);
	h->notes++;
}

size_t metrics_health_json(const struct metrics_health *h, const char *name, const char *role,
			   const char *extra, char *out, size_t size)
{
	int n =
	    snprintf(out, size,
		     "{\"ok\":%s,\"name\":\"%s\",\"role\":\"%s\",\"why\":[%s],\"notes\":[%s]%s}\n",
		     h->faults ? "false" : "true", name, role, h->fault_text, h->note_text,
		     extra ? extra : "");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
