#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>

/* The end of the head, or NULL. Lines end in CR LF (RFC 9112 §2.2 lets one accept a bare LF; no
 * scraper sends it, and two readings of one request are how requests are smuggled). */
static const char *head_end(const char *in, size_t len)
{
	for (size_t i = 0; i + 4 <= len; i++)
		if (memcmp(in + i, "\r\n\r\n", 4) == 0)
			return in + i;
	return NULL;
}

static bool is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

static bool method_ok(const char *s, size_t n)
{
	if (n == 0 || n > 16)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < 'A' || s[i] > 'Z')
			return false;
	return true;
}

static bool visible(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= 0x20 || s[i] == 0x7f)
			return false;
	return n > 0;
}

static enum metrics_path path_of(const char *s, size_t n)
{
	const char *query = memchr(s, '?', n);
	if (query)
		n = (size_t)(query - s);
	if (is(s, n, "/metrics"))
		return METRICS_PATH_METRICS;
	if (is(s, n, "/healthz"))
		return METRICS_PATH_HEALTHZ;
	return METRICS_PATH_OTHER;
}

static unsigned line_parse(const char *line, size_t len, struct metrics_request *r)
{
	const char *first = memchr(line, ' ', len);
	if (!first || !method_ok(line, (size_t)(first - line)))
		return 400;
	const char *target = first + 1, *end = line + len;
	const char *second = memchr(target, ' ', (size_t)(end - target));
	if (!second || !visible(target, (size_t)(second - target)) || *target != '/')
		return 400;
	const char *version = second + 1;
	if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0)
		return 400;
	if (memcmp(version, "HTTP/1.", 7) != 0)
		return 505;
	r->head = is(line, (size_t)(first - line), "HEAD");
	if (!r->head && !is(line, (size_t)(first - line), "GET"))
		return 405;
	r->path = path_of(target, (size_t)(second - target));
	return r->path == METRICS_PATH_OTHER ? 404 : 0;
}

int metrics_request_parse(const char *in, size_t len, struct metrics_request *ret)
{
	struct metrics_request r = {.path = METRICS_PATH_OTHER};
	size_t seen = len < METRICS_REQUEST_MAX ? len : METRICS_REQUEST_MAX;
	const char *end = head_end(in, seen);
	if (!end && seen < METRICS_REQUEST_MAX)
		return EAGAIN;
	if (!end) {
		r.refuse = 431;
	} else if (memchr(in, '\0', (size_t)(end - in))) {
		r.refuse = 400;
	} else {
		const char *eol = memchr(in, '\r', (size_t)(end - in) + 1);
		r.refuse = line_parse(in, (size_t)(eol - in), &r);
	}
	*ret = r;
	return 0;
}

static const char *reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	default: return "HTTP Version Not Supported";
	}
}

size_t metrics_response_head(char *out, size_t size, unsigned status, const char *mime,
			     size_t body_len)
{
	int n = snprintf(out, size,
			 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			 "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
			 "Connection: close\r\n\r\n",
			 status, reason(status), mime, body_len,
			 status == 405 ? "Allow: GET, HEAD\r\n" : "");
	helio_assert(n > 0 && (size_t)n < size);
	return (size_t)n;
}
