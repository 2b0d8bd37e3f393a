/* What a journal's lines are read with: a key that is not there is 0 and "". */
#ifndef HELIO_CHAOS_REPORT_JSON_H
#define HELIO_CHAOS_REPORT_JSON_H

#include <jansson.h>

static inline double num(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static inline const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

#endif
