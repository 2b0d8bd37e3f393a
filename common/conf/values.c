/* The scalar types: text in, checked value out, or a sentence that says what may be written. */
#include "common/conf/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/files.h"

__attribute__((format(printf, 6, 0))) static void report(struct reader *r,
							 const struct yaml_node *at, bool warning,
							 const char *allowed, const char *remedy,
							 const char *fmt, va_list ap)
{
	problems_vadd(&r->problems,
		      &(struct problem_text){.file = at ? at->file : PROBLEM_CLUSTER,
					     .line = at ? at->line : 1,
					     .col = at ? at->col : 1,
					     .warning = warning,
					     .key = r->path,
					     .allowed = allowed,
					     .remedy = remedy},
		      fmt, ap);
}

void bad(struct reader *r, const struct yaml_node *at, const char *allowed, const char *remedy,
	 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(r, at, false, allowed, remedy, fmt, ap);
	va_end(ap);
}

void warn_at(struct reader *r, const struct yaml_node *at, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(r, at, true, NULL, remedy, fmt, ap);
	va_end(ap);
}

char *did_you_mean(char *buf, size_t size, const char *near, const char *otherwise)
{
	if (near)
		snprintf(buf, size, "did you mean '%s'?", near);
	else
		snprintf(buf, size, "%s", otherwise);
	return buf;
}

/* What YAML 1.1 readers (Ansible, PyYAML) turn into true, false or null when it has no quotes. */
static bool is_yaml11_trap(const char *s)
{
	static const char *const words[] = {"y",   "n",    "yes",   "no",   "on",
					    "off", "true", "false", "null", "~"};

	for (size_t i = 0; i < HELIO_ARRAY_LEN(words); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

static bool name_ok(const char *s, const char *more)
{
	size_t n = strlen(s);

	if (n == 0 || n > 24 || s[0] < 'a' || s[0] > 'z')
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' ||
		      strchr(more, *s)))
			return false;
	return true;
}

bool name_read(struct reader *r, const struct yaml_node *key, char dst[CONF_NAME_SIZE])
{
	static const char allowed[] = "a-z, 0-9 and -, starting with a letter, at most 24";
	char q[48];

	if (key->kind != YAML_SCALAR) {
		bad(r, key, allowed, NULL, "a name is needed here");
		return false;
	}
	if (key->plain && is_yaml11_trap(key->text)) {
		bad(r, key, allowed, "quote it, or choose another name",
		    "%s is true, false or null to many YAML readers",
		    problem_quote(q, sizeof(q), key->text));
		return false;
	}
	if (!name_ok(key->text, "")) {
		bad(r, key, allowed, NULL, "%s is not a name",
		    problem_quote(q, sizeof(q), key->text));
		return false;
	}
	str_copy(dst, CONF_NAME_SIZE, key->text);
	return true;
}

/* Decimal digits only: no sign, no 010 (octal to some), no 1_000. */
static bool number_parse(const char *s, const char **ret_end, int64_t *ret)
{
	const char *p = s;
	int64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (p - s > 12)
			return false;
		v = v * 10 + (*p - '0');
	}
	if (p == s || (*s == '0' && p - s > 1))
		return false;
	*ret = v;
	*ret_end = p;
	return true;
}

static bool integer_parse(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	const char *end;

	return number_parse(s, &end, ret) && !*end && *ret >= min && *ret <= max;
}

static bool duration_parse(const char *s, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	const char *end;
	int64_t v;

	if (!number_parse(s, &end, &v))
		return false;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(units); i++)
		if (!strcmp(end, units[i].unit)) {
			*ret_ms = v * units[i].ms; /* below 10^13 · 3.6·10^6: no overflow */
			return true;
		}
	return false;
}

static bool ip_parse(const char *s)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return false;
	uint32_t ip = ntohl(a.s_addr);
	return ip >> 24 != 0 && ip >> 28 < 14; /* no 0.x, multicast, broadcast */
}

static bool endpoint_parse(const char *s, struct conf_endpoint *ret)
{
	const char *colon = strrchr(s, ':');
	struct conf_endpoint e = {0};
	int64_t port;

	if (!colon || (size_t)(colon - s) >= sizeof(e.host))
		return false;
	memcpy(e.host, s, (size_t)(colon - s));
	if (!ip_parse(e.host) || !integer_parse(colon + 1, 1, 65535, &port))
		return false;
	e.port = (uint16_t)port;
	*ret = e;
	return true;
}

static bool ports_parse(const char *s, const struct option *o, uint16_t ret[2])
{
	int64_t lo, hi;
	const char *end;

	if (!number_parse(s, &end, &lo) || *end != '-' || !integer_parse(end + 1, 1, o->max, &hi))
		return false;
	if (lo < o->min || hi <= lo)
		return false;
	ret[0] = (uint16_t)lo;
	ret[1] = (uint16_t)hi;
	return true;
}

static bool text_ok(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 32 || *s == 127)
			return false;
	return true;
}

static bool path_make(struct reader *r, const char *s, char dst[CONF_PATH_SIZE])
{
	char buf[2 * CONF_PATH_SIZE + 2];
	int n = s[0] == '/' || !r->dir[0] ? snprintf(buf, sizeof(buf), "%s", s)
					  : snprintf(buf, sizeof(buf), "%s/%s", r->dir, s);

	if (n < 0 || n >= CONF_PATH_SIZE)
		return false;
	memcpy(dst, buf, (size_t)n + 1);
	return true;
}

/* Remembers a file that is named here, and says where it is: by hash, or by its name. */
static bool file_place(struct reader *r, enum option_type type, const char *s,
		       char dst[CONF_PATH_SIZE])
{
	struct conf *c = r->conf;
	const struct conf_listed *at = r->files ? conf_files_find(r->files, s) : NULL;

	if (at ? conf_files_path(dst, r->files_dir, at->hash) != 0 : !path_make(r, s, dst))
		return false;
	for (uint32_t i = 0; i < c->files_n; i++)
		if (!strcmp(c->files[i].name, s))
			return true;
	r->too_many_files = r->too_many_files || c->files_n == CONF_FILES_MAX;
	/* Room is made in powers of two. */
	bool full = !(c->files_n & (c->files_n - 1));
	struct conf_file *more =
	    !full || r->too_many_files
		? c->files
		: realloc(c->files, (c->files_n ? c->files_n * 2 : 1) * sizeof(*more));
	if (!more)
		r->no_memory = r->no_memory || !r->too_many_files;
	if (!more || r->too_many_files)
		return true; /* refused as a whole */
	c->files = more;
	struct conf_file *f = &more[c->files_n++];
	f->kind = type == OPT_SOUND      ? CONF_FILE_SOUND
		  : type == OPT_CALENDAR ? CONF_FILE_CALENDAR
					 : CONF_FILE_CUSTOMERS;
	str_copy(f->name, sizeof(f->name), s);
	str_copy(f->path, sizeof(f->path), dst);
	return true;
}

static bool zone_known(struct reader *r, const char *s)
{
	char path[128];
	struct stat st;

	if (!*s || strlen(s) >= 48 || strstr(s, "..") || s[0] == '/')
		return false;
	for (const char *p = s; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/",
			    *p))
			return false;
	/* A machine without tzdata can judge the form only. */
	if (!r->check_files || access("/usr/share/zoneinfo", R_OK))
		return true;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", s);
	return !stat(path, &st) && S_ISREG(st.st_mode);
}

static bool language_ok(const char *s)
{
	size_t n = strlen(s), i = 0;

	while (s[i] >= 'a' && s[i] <= 'z')
		i++;
	if (i < 2 || i > 3)
		return false;
	/* A region may follow: en-GB. */
	return i == n || (n == i + 3 && s[i] == '-' && s[i + 1] >= 'A' && s[i + 1] <= 'Z' &&
			  s[i + 2] >= 'A' && s[i + 2] <= 'Z');
}

static bool sound_read(struct reader *r, const struct option *o, const struct yaml_node *v,
		       char *dst)
{
	char path[CONF_PATH_SIZE], allowed[160];
	struct stat st;

	if (!*v->text) {
		*dst = '\0';
		return true;
	}
	option_allowed(o, allowed, sizeof(allowed));
	if (!text_ok(v->text) || !file_place(r, OPT_SOUND, v->text, path)) {
		bad(r, v, allowed, NULL, "not a path, or longer than %d bytes", CONF_PATH_SIZE - 1);
		return false;
	}
	if (r->check_files && !r->files_good) {
		int err = stat(path, &st) || access(path, R_OK) ? errno : 0;
		if (!err && !S_ISREG(st.st_mode))
			err = EISDIR;
		if (err) {
			bad(r, v, allowed, "put the file there or change the path", "%s: %s", path,
			    strerror(err));
			return false;
		}
	}
	str_copy(dst, CONF_PATH_SIZE, path);
	return true;
}

/* The value itself is never printed: it may be a password in the clear. */
static bool password_read(struct reader *r, const struct yaml_node *v, char dst[128])
{
	if (!strcmp(v->text, "!") ||
	    (!strncmp(v->text, "$argon2id$", 10) && strlen(v->text) < 128)) {
		str_copy(dst, 128, v->text);
		return true;
	}
	bad(r, v, "an Argon2id hash ($argon2id$…), or \"!\" for \"may not sign in\"",
	    "set it with `helioctl agent passwd`; never write a password in the clear",
	    "this is not an Argon2id hash");
	return false;
}

static bool language_read(struct reader *r, const struct yaml_node *v, char dst[8])
{
	char q[48];

	if (v->plain && is_yaml11_trap(v->text)) {
		bad(r, v, "a language code, such as en, nb, ru",
		    !strcasecmp(v->text, "no") ? "write nb for Norwegian, or quote it: \"no\""
					       : "quote it",
		    "%s is true, false or null to many YAML readers",
		    problem_quote(q, sizeof(q), v->text));
		return false;
	}
	if (!language_ok(v->text)) {
		bad(r, v, "a language code, such as en, nb, ru", NULL, "%s is not a language code",
		    problem_quote(q, sizeof(q), v->text));
		return false;
	}
	str_copy(dst, 8, v->text);
	return true;
}

static const char *word_at(size_t i, const void *arg)
{
	return ((const char(*)[CONF_NAME_SIZE])arg)[i];
}

/* The word must be in the row's comma-separated list. */
static bool word_read(struct reader *r, const struct option *o, const struct yaml_node *v,
		      char dst[CONF_NAME_SIZE])
{
	char words[8][CONF_NAME_SIZE], remedy[64], q[48];
	size_t n = 0;

	for (const char *p = o->words; *p && n < 8; n++) {
		size_t len = strcspn(p, ",");
		snprintf(words[n], CONF_NAME_SIZE, "%.*s", (int)len, p);
		p += len + (p[len] ? 2 : 0);
	}
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], v->text)) {
			str_copy(dst, CONF_NAME_SIZE, v->text);
			return true;
		}
	const char *near = near_find(v->text, n, word_at, words);
	bad(r, v, o->words, near ? did_you_mean(remedy, sizeof(remedy), near, "") : NULL,
	    "%s is not known", problem_quote(q, sizeof(q), v->text));
	return false;
}

static const char *remedy_of(const struct option *o, const struct yaml_node *v, char *buf,
			     size_t size)
{
	int64_t n;

	if (o->type == OPT_MS && integer_parse(v->text, 0, INT64_MAX, &n)) {
		snprintf(buf, size, "write the unit: %.12ss", v->text);
		return buf;
	}
	if (o->type == OPT_PERCENT && integer_parse(v->text, o->min, o->max, &n)) {
		snprintf(buf, size, "write %s%%", v->text);
		return buf;
	}
	if (o->type == OPT_BOOL && is_yaml11_trap(v->text))
		return strchr("yYoOtT1", v->text[0]) && strcasecmp(v->text, "off") ? "write true"
										   : "write false";
	return NULL;
}

/* The types that fit one pattern: parse into *dst, or false. */
static bool simple_parse(struct reader *r, const struct option *o, const char *s, char *dst)
{
	int64_t v = 0;
	struct conf_endpoint endpoint = {0};
	uint16_t ports[2];
	size_t len = strlen(s);

	switch (o->type) {
	case OPT_NAME: return name_ok(s, "") && !str_copy(dst, CONF_NAME_SIZE, s);
	case OPT_TEXT:
		return len <= (size_t)o->max && text_ok(s) && !str_copy(dst, (size_t)o->max + 1, s);
	case OPT_BOOL:
		if (strcmp(s, "true") && strcmp(s, "false"))
			return false;
		*(bool *)dst = s[0] == 't';
		return true;
	case OPT_U8:
		if (!integer_parse(s, o->min, o->max, &v))
			return false;
		*(uint8_t *)dst = (uint8_t)v;
		return true;
	case OPT_U32:
		if (!integer_parse(s, o->min, o->max, &v))
			return false;
		memcpy(dst, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
		return true;
	case OPT_MS:
		if (!duration_parse(s, &v) || v < o->min || v > o->max)
			return false;
		memcpy(dst, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
		return true;
	case OPT_PERCENT: {
		const char *end;
		if (!number_parse(s, &end, &v) || strcmp(end, "%") || v < o->min || v > o->max)
			return false;
		memcpy(dst, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
		return true;
	}
	case OPT_PORT:
		if (!integer_parse(s, o->min, o->max, &v))
			return false;
		memcpy(dst, &(uint16_t){(uint16_t)v}, sizeof(uint16_t));
		return true;
	case OPT_PORTS:
		if (!ports_parse(s, o, ports))
			return false;
		memcpy(dst, ports, sizeof(ports));
		return true;
	case OPT_IP: return ip_parse(s) && !str_copy(dst, CONF_HOST_SIZE, s);
	case OPT_ENDPOINT:
		if (!endpoint_parse(s, &endpoint))
			return false;
		memcpy(dst, &endpoint, sizeof(endpoint));
		return true;
	case OPT_PATH: return len > 0 && text_ok(s) && path_make(r, s, dst);
	case OPT_CALENDAR:
	case OPT_CUSTOMERS:
		return len > 0 && text_ok(s) && len < CONF_PATH_SIZE &&
		       file_place(r, o->type, s, dst);
	case OPT_ZONE: return zone_known(r, s) && !str_copy(dst, 48, s);
	case OPT_CODEC:
		if (strcmp(s, "opus") && strcmp(s, "pcmu"))
			return false;
		*(enum conf_codec *)(void *)dst = s[0] == 'o' ? CONF_CODEC_OPUS : CONF_CODEC_PCMU;
		return true;
	case OPT_SOUND:
	case OPT_LANGUAGE:
	case OPT_PASSWORD:
	case OPT_WORD:
	case OPT_READ: break;
	}
	helio_assert_fail("a type with a reader of its own", __FILE__, __LINE__, __func__);
}

bool value_read(struct reader *r, const struct option *o, const struct yaml_node *v, void *base)
{
	char allowed[160], remedy[64], q[48], scratch[CONF_PATH_SIZE];
	char *dst = o->offset == SIZE_MAX ? scratch : (char *)base + o->offset;

	option_allowed(o, allowed, sizeof(allowed));
	if (v->kind != YAML_SCALAR) {
		bad(r, v, allowed, NULL, "one value is needed here, not a %s",
		    v->kind == YAML_MAP ? "map" : "list");
		return false;
	}
	if (o->type == OPT_SOUND)
		return sound_read(r, o, v, dst);
	if (o->type == OPT_PASSWORD)
		return password_read(r, v, dst);
	if (o->type == OPT_LANGUAGE)
		return language_read(r, v, dst);
	if (o->type == OPT_WORD)
		return word_read(r, o, v, dst);
	if (simple_parse(r, o, v->text, dst))
		return true;
	bad(r, v, allowed, remedy_of(o, v, remedy, sizeof(remedy)), "%s%s",
	    *v->text ? problem_quote(q, sizeof(q), v->text) : "an empty value",
	    o->type == OPT_ZONE ? " is not a time zone this machine knows" : " does not fit");
	return false;
}
