/* Faults of the lines between the sites: helio-wan does them, its counters prove them. */
#include "chaos/lab/faults_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

static const char *arg(const struct fault *f, const char *key, const char *none)
{
	const char *s = json_string_value(json_object_get(f->args, key));
	return s ? s : none;
}

/* The link's keys as helio-wan takes them: all arguments but from and to. */
static int link_keys(struct lab *lab, const struct fault *f, char *out, size_t size)
{
	const char *key;
	json_t *v;
	size_t n = 0;
	out[0] = '\0';
	json_object_foreach(f->args, key, v)
	{
		if (!json_is_number(v))
			continue;
		int len = snprintf(out + n, size - n, " %s=%g", key, json_number_value(v));
		if (len < 0 || (n += (size_t)len) >= size)
			return lab_fail(lab, E2BIG, "too many keys for a link");
	}
	return n ? 0
		 : lab_fail(lab, EINVAL,
			    "a link fault needs delay, jitter, loss, dup, reorder, "
			    "corrupt, rate or cut");
}

static json_t *link_find(json_t *show, const char *from, const char *to)
{
	size_t i;
	json_t *l;
	json_array_foreach(json_object_get(show, "links"), i, l)
	{
		if (!strcmp(json_string_value(json_object_get(l, "from")), from) &&
		    !strcmp(json_string_value(json_object_get(l, "to")), to))
			return l;
	}
	return NULL;
}

int fault_link_begin(struct lab *lab, struct fault *f)
{
	char keys[256];
	const char *from = arg(f, "from", "*"), *to = arg(f, "to", "*");
	int err = link_keys(lab, f, keys, sizeof(keys));
	if (!err)
		err = wan_ask(lab, &f->links, "show");
	if (!err)
		err = wan_ask(lab, NULL, "fault %u %s %s%s", f->id, from, to, keys);
	return err;
}

/* Both ways between two sites, or between a site and all others. */
int fault_cut_begin(struct lab *lab, struct fault *f)
{
	const char *from = arg(f, "from", f->target), *to = arg(f, "to", "*");
	bool one_way = json_is_true(json_object_get(f->args, "one_way"));
	int err = wan_ask(lab, &f->links, "show");
	if (!err)
		err = wan_ask(lab, NULL, "fault %u %s %s cut=1", f->id, from, to);
	if (!err && !one_way)
		err = wan_ask(lab, NULL, "fault %u %s %s cut=1", f->id, to, from);
	return err;
}

static json_int_t grown(const json_t *now, const json_t *then, const char *key)
{
	return json_integer_value(json_object_get(now, key)) -
	       json_integer_value(json_object_get(then, key));
}

bool fault_link_bitten(struct lab *lab, struct fault *f)
{
	static const char *const counted[] = {"cut",       "lost",    "duplicated", "reordered",
					      "corrupted", "delayed", "delayed",    "delayed"};
	static const char *const asked[] = {"cut",     "loss",  "dup",    "reorder",
					    "corrupt", "delay", "jitter", "rate"};
	json_t *show = NULL, *l, *sum = json_object();
	size_t i;
	bool ok = true;
	if (wan_ask(lab, &show, "show")) {
		json_decref(sum);
		return f->bitten;
	}
	json_array_foreach(json_object_get(show, "links"), i, l)
	{
		const json_t *was =
		    link_find(f->links, json_string_value(json_object_get(l, "from")),
			      json_string_value(json_object_get(l, "to")));
		for (size_t k = 0; k < HELIO_ARRAY_LEN(counted); k++)
			json_object_set_new(
			    sum, counted[k],
			    json_integer(json_integer_value(json_object_get(sum, counted[k])) +
					 grown(l, was, counted[k])));
	}
	for (size_t k = 0; k < HELIO_ARRAY_LEN(asked); k++) {
		bool wanted = json_number_value(json_object_get(f->args, asked[k])) > 0 ||
			      (k == 0 && strcmp(f->kind->name, "cut") == 0);
		json_int_t n = json_integer_value(json_object_get(sum, counted[k]));
		if (wanted)
			fault_prove(f, counted[k], n);
		ok &= !wanted || n > 0;
	}
	json_decref(show);
	json_decref(sum);
	return f->bitten || ok;
}

void fault_link_heal(struct lab *lab, struct fault *f)
{
	(void)wan_ask(lab, NULL, "heal %u", f->id);
}
