/* Prometheus' text format 0.0.4. No floats: what is not whole is counted in millionths. */
#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { START_BYTES = 16384, LABEL_BYTES = 256 };

struct metrics_out {
	enum metrics_role role;
	char *buf;
	size_t len, cap, limit;
	bool failed;
	enum metric now; /* whose samples are being written */
	bool seen[METRIC_COUNT];
};

struct metrics_out *metrics_out_new(enum metrics_role role, size_t limit)
{
	struct metrics_out *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->role = role;
	o->limit = limit;
	o->now = METRIC_COUNT;
	o->cap = START_BYTES;
	o->buf = malloc(o->cap);
	if (!o->buf) {
		free(o);
		return NULL;
	}
	o->buf[0] = '\0';
	return o;
}

struct metrics_out *metrics_out_free(struct metrics_out *o)
{
	if (o)
		free(o->buf);
	free(o);
	return NULL;
}

const char *metrics_out_text(const struct metrics_out *o, size_t *ret_len)
{
	if (o->failed)
		return NULL;
	*ret_len = o->len;
	return o->buf;
}

/* Room for n bytes and a NUL. */
static bool room(struct metrics_out *o, size_t n)
{
	if (o->failed || o->len + n + 1 > o->limit) {
		o->failed = true;
		return false;
	}
	size_t cap = o->cap;
	while (cap < o->len + n + 1)
		cap *= 2;
	if (cap != o->cap) {
		char *buf = realloc(o->buf, cap);
		if (!buf) {
			o->failed = true;
			return false;
		}
		o->buf = buf;
		o->cap = cap;
	}
	return true;
}

static void put_text(struct metrics_out *o, const char *s, size_t n)
{
	if (!room(o, n))
		return;
	memcpy(o->buf + o->len, s, n);
	o->len += n;
	o->buf[o->len] = '\0';
}

__attribute__((format(printf, 2, 3))) static void put(struct metrics_out *o, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	helio_assert(n >= 0 && (size_t)n < sizeof(line));
	put_text(o, line, (size_t)n);
}

void metrics_family(struct metrics_out *o, enum metric m)
{
	const struct metrics_row *r = metrics_row(m);
	helio_assert(r->roles & o->role);
	if (o->now == m)
		return;
	helio_assert(!o->seen[m]); /* the format wants all samples of one metric together */
	o->seen[m] = true;
	o->now = m;
	put(o, "# HELP " METRICS_PREFIX "%s %s\n", r->name, r->help);
	put(o, "# TYPE " METRICS_PREFIX "%s %s\n", r->name, metrics_type_name(r->type));
}

/* Backslash, quote and line feed are all that must be escaped. Cut where it is too long, at the
 * start of a character. */
static void label_value(struct metrics_out *o, const char *s)
{
	char text[LABEL_BYTES];
	size_t n = 0;
	for (; *s && n < sizeof(text) - 8; s++) {
		if (*s == '\\' || *s == '"' || *s == '\n')
			text[n++] = '\\';
		text[n++] = (char)(*s == '\n' ? 'n' : *s);
	}
	while (*s && n && ((unsigned char)*s & 0xc0) == 0x80) {
		s--;
		n--;
	}
	put_text(o, text, n);
}

/* name{a="…",le="…"} and a space; le NULL: none. */
static void sample_head(struct metrics_out *o, const struct metrics_row *r, const char *suffix,
			const char *const *labels, const char *le)
{
	unsigned n = metrics_labels(r);
	helio_assert(!n || labels);
	put(o, METRICS_PREFIX "%s%s", r->name, suffix);
	if (n || le)
		put_text(o, "{", 1);
	for (unsigned i = 0; i < n; i++) {
		helio_assert(labels[i]);
		put(o, "%s%s=\"", i ? "," : "", r->labels[i]);
		label_value(o, labels[i]);
		put_text(o, "\"", 1);
	}
	if (le)
		put(o, "%sle=\"%s\"", n ? "," : "", le);
	put_text(o, n || le ? "} " : " ", n || le ? 2 : 1);
}

static void micro_put(struct metrics_out *o, uint64_t micro)
{
	put(o, "%llu.%06llu\n", (unsigned long long)(micro / 1000000),
	    (unsigned long long)(micro % 1000000));
}

void metrics_put_labels(struct metrics_out *o, enum metric m, uint64_t v, const char *const *labels)
{
	metrics_family(o, m);
	sample_head(o, metrics_row(m), "", labels, NULL);
	put(o, "%llu\n", (unsigned long long)v);
}

void metrics_micro_labels(struct metrics_out *o, enum metric m, uint64_t micro,
			  const char *const *labels)
{
	metrics_family(o, m);
	sample_head(o, metrics_row(m), "", labels, NULL);
	micro_put(o, micro);
}

static void labels_are(enum metric m, unsigned n)
{
	helio_assert(metrics_labels(metrics_row(m)) == n);
}

void metrics_put(struct metrics_out *o, enum metric m, uint64_t v)
{
	labels_are(m, 0);
	metrics_put_labels(o, m, v, NULL);
}

void metrics_put1(struct metrics_out *o, enum metric m, uint64_t v, const char *label)
{
	labels_are(m, 1);
	metrics_put_labels(o, m, v, (const char *const[]){label});
}

void metrics_put2(struct metrics_out *o, enum metric m, uint64_t v, const char *a, const char *b)
{
	labels_are(m, 2);
	metrics_put_labels(o, m, v, (const char *const[]){a, b});
}

void metrics_micro(struct metrics_out *o, enum metric m, uint64_t micro)
{
	labels_are(m, 0);
	metrics_micro_labels(o, m, micro, NULL);
}

void metrics_micro1(struct metrics_out *o, enum metric m, uint64_t micro, const char *label)
{
	labels_are(m, 1);
	metrics_micro_labels(o, m, micro, (const char *const[]){label});
}

void metrics_hist_add(struct metrics_hist *h, enum metric m, uint64_t us)
{
	const struct metrics_row *r = metrics_row(m);
	unsigned i = 0;
	helio_assert(r->bounds_s);
	while (r->bounds_s[i] && us > (uint64_t)r->bounds_s[i] * 1000000)
		i++;
	h->n[i]++;
	h->sum_us += us;
}

void metrics_hist_put1(struct metrics_out *o, enum metric m, const struct metrics_hist *h,
		       const char *label)
{
	const struct metrics_row *r = metrics_row(m);
	const char *const labels[] = {label};
	uint64_t n = 0;
	char le[16];
	unsigned i = 0;
	labels_are(m, 1);
	helio_assert(r->bounds_s);
	metrics_family(o, m);
	for (; r->bounds_s[i]; i++) {
		n += h->n[i];
		snprintf(le, sizeof(le), "%u", r->bounds_s[i]);
		sample_head(o, r, "_bucket", labels, le);
		put(o, "%llu\n", (unsigned long long)n);
	}
	n += h->n[i];
	sample_head(o, r, "_bucket", labels, "+Inf");
	put(o, "%llu\n", (unsigned long long)n);
	sample_head(o, r, "_sum", labels, NULL);
	micro_put(o, h->sum_us);
	sample_head(o, r, "_count", labels, NULL);
	put(o, "%llu\n", (unsigned long long)n);
}
