#include "chaos/wan/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static const struct key {
	const char *name;
	size_t offset;
	double unit; /* what one stands for */
	double max;
} keys[] = {
    {"delay", offsetof(struct wan_rule, delay_us), 1000, WAN_DELAY_MAX_MS},
    {"jitter", offsetof(struct wan_rule, jitter_us), 1000, WAN_DELAY_MAX_MS},
    {"loss", offsetof(struct wan_rule, loss), 100, 100},
    {"dup", offsetof(struct wan_rule, duplicate), 100, 100},
    {"reorder", offsetof(struct wan_rule, reorder), 100, 100},
    {"corrupt", offsetof(struct wan_rule, corrupt), 100, 100},
    {"rate", offsetof(struct wan_rule, rate_kbps), 1, 10e6},
};
enum { KEY_CUT = HELIO_ARRAY_LEN(keys) };

static uint32_t *field(struct wan_rule *rule, size_t key)
{
	return (uint32_t *)(void *)((char *)rule + keys[key].offset);
}

static void say(char reply[RULES_REPLY_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(char reply[RULES_REPLY_SIZE], const char *fmt, ...)
{
	size_t at = strlen(reply);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(reply + at, RULES_REPLY_SIZE - at, fmt, ap);
	va_end(ap);
}

/* What was sent is shown back: printable, without what JSON would stumble over. */
static void refuse(char reply[RULES_REPLY_SIZE], const char *why, const char *word)
{
	char shown[41];
	size_t n = 0;
	for (; word && word[n] && n < sizeof(shown) - 1; n++)
		shown[n] = word[n] > ' ' && word[n] <= '~' && word[n] != '"' && word[n] != '\\'
			       ? word[n]
			       : '?';
	shown[n] = '\0';
	reply[0] = '\0';
	say(reply, "{\"ok\":false,\"error\":\"%s%s%s\"}", why, n ? ": " : "", shown);
}

static bool sites_parse(const struct rules *r, const char *word, uint32_t *ret)
{
	if (!word)
		return false;
	if (strcmp(word, "*") == 0) {
		*ret = (1u << r->sites) - 1;
		return true;
	}
	for (uint32_t i = 0; i < r->sites; i++) {
		if (strcmp(word, r->name[i]) == 0) {
			*ret = 1u << i;
			return true;
		}
	}
	return false;
}

static bool number_parse(const char *s, double max, double *ret)
{
	char *end;
	double v = strtod(s, &end);
	if (end == s || *end || !(v >= 0 && v <= max))
		return false;
	*ret = v;
	return true;
}

static bool pair_parse(char *pair, struct rules_fault *f, double *ret_for_ms)
{
	char *value = strchr(pair, '=');
	double v;
	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(pair, "for") == 0)
		return number_parse(value, 86400e3, ret_for_ms);
	if (strcmp(pair, "cut") == 0) {
		f->keys |= 1u << KEY_CUT;
		f->rule.cut = strcmp(value, "1") == 0;
		return f->rule.cut || strcmp(value, "0") == 0;
	}
	for (size_t i = 0; i < HELIO_ARRAY_LEN(keys); i++) {
		if (strcmp(pair, keys[i].name) != 0)
			continue;
		if (!number_parse(value, keys[i].max, &v))
			return false;
		*field(&f->rule, i) = (uint32_t)(v * keys[i].unit + 0.5);
		f->keys |= 1u << i;
		return true;
	}
	return false;
}

static void lay_over(struct wan_rule *rule, const struct rules_fault *f)
{
	struct wan_rule from = f->rule;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(keys); i++)
		if (f->keys >> i & 1)
			*field(rule, i) = *field(&from, i);
	/* Two cuts of one link are two: the link is whole when both are healed. */
	if (f->keys >> KEY_CUT & 1)
		rule->cut |= from.cut;
}

static void apply(struct rules *r)
{
	for (uint32_t a = 0; a < r->sites; a++) {
		for (uint32_t b = 0; b < r->sites; b++) {
			struct wan_rule rule = r->base[a][b];
			for (size_t i = 0; i < RULES_FAULTS_MAX; i++) {
				const struct rules_fault *f = &r->fault[i];
				if (f->on && f->from >> a & 1 && f->to >> b & 1)
					lay_over(&rule, f);
			}
			wan_rule_set(r->wan, a, b, &rule);
		}
	}
}

/* FROM TO KEY=VALUE… from strtok's place on. */
static const char *rest_parse(const struct rules *r, char **save, struct rules_fault *f,
			      double *ret_for_ms)
{
	char *word = strtok_r(NULL, " ", save);
	if (!sites_parse(r, word, &f->from))
		return word ? word : "FROM is missing";
	word = strtok_r(NULL, " ", save);
	if (!sites_parse(r, word, &f->to))
		return word ? word : "TO is missing";
	while ((word = strtok_r(NULL, " ", save)))
		if (!pair_parse(word, f, ret_for_ms))
			return word;
	return f->keys ? NULL : "nothing is asked of the link";
}

static void set(struct rules *r, char **save, char reply[RULES_REPLY_SIZE])
{
	struct rules_fault f = {0};
	double for_ms = 0;
	const char *wrong = rest_parse(r, save, &f, &for_ms);
	if (wrong) {
		refuse(reply, "not understood", wrong);
		return;
	}
	for (uint32_t a = 0; a < r->sites; a++)
		for (uint32_t b = 0; b < r->sites; b++)
			if (f.from >> a & 1 && f.to >> b & 1) {
				r->base[a][b].cut = false;
				lay_over(&r->base[a][b], &f);
			}
	apply(r);
	say(reply, "{\"ok\":true}");
}

static void fault(struct rules *r, char **save, int owner, uint64_t now_us,
		  char reply[RULES_REPLY_SIZE])
{
	struct rules_fault f = {.on = true, .owner = owner, .until_us = UINT64_MAX};
	double id = 0, for_ms = 0;
	char *word = strtok_r(NULL, " ", save);
	if (!word || !number_parse(word, UINT32_MAX, &id) || id < 1) {
		refuse(reply, "a number is needed after fault", word);
		return;
	}
	const char *wrong = rest_parse(r, save, &f, &for_ms);
	if (wrong) {
		refuse(reply, "not understood", wrong);
		return;
	}
	f.id = (uint32_t)id;
	if (for_ms > 0)
		f.until_us = now_us + (uint64_t)(for_ms * 1000);
	for (size_t i = 0; i < RULES_FAULTS_MAX; i++) {
		if (r->fault[i].on)
			continue;
		r->fault[i] = f;
		apply(r);
		say(reply, "{\"ok\":true}");
		return;
	}
	refuse(reply, "too many faults at once", NULL);
}

static void heal(struct rules *r, char **save, char reply[RULES_REPLY_SIZE])
{
	const char *word = strtok_r(NULL, " ", save);
	bool all = word && strcmp(word, "all") == 0;
	double id = 0;
	if (!all && (!word || !number_parse(word, UINT32_MAX, &id))) {
		refuse(reply, "heal needs a number or all", word);
		return;
	}
	for (size_t i = 0; i < RULES_FAULTS_MAX; i++)
		if (all || r->fault[i].id == (uint32_t)id)
			r->fault[i].on = false;
	apply(r);
	say(reply, "{\"ok\":true}");
}

static void show_link(const struct rules *r, uint32_t a, uint32_t b, char reply[RULES_REPLY_SIZE])
{
	struct wan_rule rule = *wan_rule_get(r->wan, a, b);
	const struct wan_counts *c = wan_counts_get(r->wan, a, b);
	say(reply, "%s{\"from\":\"%s\",\"to\":\"%s\",\"cut_now\":%s",
	    reply[strlen(reply) - 1] == '[' ? "" : ",", r->name[a], r->name[b],
	    rule.cut ? "true" : "false");
	for (size_t i = 0; i < HELIO_ARRAY_LEN(keys); i++)
		say(reply, ",\"%s\":%g", keys[i].name, *field(&rule, i) / keys[i].unit);
	say(reply,
	    ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"delivered\":%" PRIu64
	    ",\"cut\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"overflow\":%" PRIu64
	    ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"corrupted\":%" PRIu64
	    ",\"delayed\":%" PRIu64 ",\"stay_max_ms\":%.3f}",
	    c->packets, c->bytes, c->delivered, c->cut, c->lost, c->overflow, c->duplicated,
	    c->reordered, c->corrupted, c->delayed, (double)c->delay_max_us / 1000);
}

static void show(const struct rules *r, char reply[RULES_REPLY_SIZE])
{
	uint32_t on = 0;
	for (size_t i = 0; i < RULES_FAULTS_MAX; i++)
		on += r->fault[i].on;
	say(reply, "{\"ok\":true,\"faults\":%u,\"links\":[", on);
	for (uint32_t a = 0; a < r->sites; a++)
		for (uint32_t b = 0; b < r->sites; b++)
			if (a != b)
				show_link(r, a, b, reply);
	say(reply, "]}");
}

void rules_command(struct rules *r, char *line, int owner, uint64_t now_us,
		   char reply[RULES_REPLY_SIZE])
{
	char *save = NULL, *verb = strtok_r(line, " ", &save);
	reply[0] = '\0';
	if (verb && strcmp(verb, "set") == 0)
		set(r, &save, reply);
	else if (verb && strcmp(verb, "fault") == 0)
		fault(r, &save, owner, now_us, reply);
	else if (verb && strcmp(verb, "heal") == 0)
		heal(r, &save, reply);
	else if (verb && strcmp(verb, "show") == 0)
		show(r, reply);
	else
		refuse(reply, "one of set, fault, heal, show", verb);
}

void rules_owner_gone(struct rules *r, int owner)
{
	for (size_t i = 0; i < RULES_FAULTS_MAX; i++)
		if (r->fault[i].owner == owner)
			r->fault[i].on = false;
	apply(r);
}

uint64_t rules_tick(struct rules *r, uint64_t now_us)
{
	uint64_t next = UINT64_MAX;
	bool changed = false;
	for (size_t i = 0; i < RULES_FAULTS_MAX; i++) {
		struct rules_fault *f = &r->fault[i];
		if (!f->on)
			continue;
		if (f->until_us <= now_us) {
			f->on = false;
			changed = true;
		} else if (f->until_us < next) {
			next = f->until_us;
		}
	}
	if (changed)
		apply(r);
	return next;
}
