/*
 * A small HTTP/1.1 responder on one epoll descriptor: listener, connections and a timerfd behind
 * it, so that any loop watches one thing.
 *
 *   READ ──head complete──► SEND ──all sent──► REST (peer's EOF awaited) ──► closed
 *     └──────────── timeout_ms from accept, whatever it does ───────────────────┘
 *
 * Who comes when all places are taken pushes out the oldest that has not asked yet: half-open
 * sockets must not blind the one who watches.
 */
#include "common/metrics/metrics.h"
#include "common/base/base.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 5000,
	FRESH_MS = 200,
	EVENTS_PER_STEP = 2 * METRICS_CONNS_MAX,
	ACCEPTS_PER_STEP = METRICS_CONNS_MAX,
	BACKLOG = 32,
	TAG_LISTEN = METRICS_CONNS_MAX,
	TAG_TIMER,
	HEAD_BYTES = 512,
	CODES = 8,
};

/* A page may be sent to several at once. */
struct page {
	unsigned refs;
	unsigned status;
	const char *mime;
	struct metrics_out *out;                 /* or: */
	char small[3 * METRICS_HEALTH_TEXT + 1]; /* … when out is NULL */
	const char *text;
	size_t len;
};

enum conn_state { CONN_FREE, CONN_READ, CONN_SEND, CONN_REST };
struct conn {
	enum conn_state state;
	int fd;
	uint64_t began_us;
	size_t in_len, head_len, sent;
	bool head_only;
	struct page *page;
	char head[HEAD_BYTES], in[METRICS_REQUEST_MAX];
};

struct metrics_server {
	struct metrics_server_conf conf;
	int epoll, listener, timer;
	struct conn conns[METRICS_CONNS_MAX];
	struct page *fresh; /* the last /metrics page … */
	uint64_t fresh_us;  /* … and when it was made */
	uint64_t cost_us;
	uint64_t answers[CODES];
};

static const unsigned codes[CODES] = {200, 400, 404, 405, 431, 500, 503, 505};

static const char *role_name(enum metrics_role role)
{
	return role == METRICS_NODE ? "node" : role == METRICS_BROKER ? "broker" : "gateway";
}

/* ---- pages -------------------------------------------------------------------------------- */

static struct page *page_drop(struct page *p)
{
	if (p && --p->refs == 0) {
		metrics_out_free(p->out);
		free(p);
	}
	return NULL;
}

static struct page *page_new(unsigned status, const char *mime)
{
	struct page *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->refs = 1;
	p->status = status;
	p->mime = mime;
	p->text = p->small;
	return p;
}

static struct page *page_text(unsigned status, const char *text)
{
	struct page *p = page_new(status, "text/plain; charset=utf-8");
	if (!p)
		return NULL;
	(void)str_copy(p->small, sizeof(p->small), text);
	p->len = strlen(p->small);
	return p;
}

static struct page *page_health(struct metrics_server *s)
{
	struct metrics_health h = {0};
	s->conf.health_h(&h, s->conf.arg);
	struct page *p = page_new(h.faults ? 503 : 200, "application/json");
	if (p)
		p->len = metrics_health_json(&h, s->conf.name, role_name(s->conf.role), NULL,
					     p->small, sizeof(p->small));
	return p;
}

/* What every daemon says in the same words. */
static void collect_own(struct metrics_server *s, struct metrics_out *o)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	const struct metrics_server_conf *c = &s->conf;
	struct metrics_health h = {0};
	char text[24];
	c->health_h(&h, c->arg);
	metrics_put2(o, METRIC_BUILD_INFO, 1, c->version, c->cluster);
	metrics_put(o, METRIC_HEALTHY, h.faults == 0);
	metrics_micro(o, METRIC_UPTIME, mono_us() - c->started_us);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(levels); i++)
		metrics_put1(o, METRIC_LOG_EVENTS, log_count((enum log_level)i), levels[i]);
	metrics_put(o, METRIC_LOG_DROPPED, log_dropped());
	metrics_process(o);
	for (size_t i = 0; i < CODES; i++) {
		snprintf(text, sizeof(text), "%u", codes[i]);
		metrics_put1(o, METRIC_SCRAPES, s->answers[i], text);
	}
	metrics_micro(o, METRIC_SCRAPE_LAST, s->cost_us);
}

/* However often it is asked for, a page is made a few times a second at most: it costs the daemon's
 * own loop. */
static struct page *page_metrics(struct metrics_server *s)
{
	uint64_t now = mono_us();
	if (s->fresh && now - s->fresh_us < (uint64_t)s->conf.fresh_ms * 1000) {
		s->fresh->refs++;
		return s->fresh;
	}
	s->fresh = page_drop(s->fresh);
	struct page *p = page_new(200, "text/plain; version=0.0.4; charset=utf-8");
	if (p)
		p->out = metrics_out_new(s->conf.role, METRICS_PAGE_MAX);
	if (!p || !p->out)
		return page_drop(p);
	collect_own(s, p->out);
	s->conf.collect_h(p->out, s->conf.arg);
	p->text = metrics_out_text(p->out, &p->len);
	if (!p->text) {
		page_drop(p);
		return page_text(500, "the page is larger than 8 MiB, or memory is out\n");
	}
	s->fresh_us = mono_us();
	s->cost_us = s->fresh_us - now;
	s->fresh = p;
	p->refs++;
	return p;
}

static struct page *page_for(struct metrics_server *s, const struct metrics_request *r)
{
	if (r->refuse == 404)
		return page_text(404, "there are /metrics and /healthz\n");
	if (r->refuse)
		return page_text(r->refuse, "GET or HEAD, HTTP/1.1, a head of at most 4 KiB\n");
	return r->path == METRICS_PATH_METRICS ? page_metrics(s) : page_health(s);
}

/* ---- connections --------------------------------------------------------------------------- */

static void conn_close(struct conn *c)
{
	close(c->fd); /* and so out of epoll */
	c->page = page_drop(c->page);
	c->state = CONN_FREE;
}

/* What it did not read yet is thrown away too: the kernel would keep it for minutes. */
static void conn_cut(struct conn *c)
{
	const struct linger now = {.l_onoff = 1};
	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_close(c);
}

/* At the earliest end of time; off when nobody is there. */
static void timer_arm(struct metrics_server *s)
{
	struct itimerspec at = {0};
	uint64_t first = UINT64_MAX;
	for (int i = 0; i < METRICS_CONNS_MAX; i++)
		if (s->conns[i].state != CONN_FREE && s->conns[i].began_us < first)
			first = s->conns[i].began_us;
	if (first != UINT64_MAX) {
		first += (uint64_t)s->conf.timeout_ms * 1000;
		at.it_value.tv_sec = (time_t)(first / 1000000);
		at.it_value.tv_nsec = (long)(first % 1000000) * 1000 + 1;
	}
	(void)timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void timeouts(struct metrics_server *s)
{
	uint64_t fired, now = mono_us();
	if (read(s->timer, &fired, sizeof(fired)) < 0 && errno != EAGAIN)
		log_warn("metrics.timer", "err=%s", log_quote(strerror(errno)));
	for (int i = 0; i < METRICS_CONNS_MAX; i++) {
		struct conn *c = &s->conns[i];
		if (c->state != CONN_FREE &&
		    now - c->began_us >= (uint64_t)s->conf.timeout_ms * 1000)
			conn_cut(c);
	}
}

static void want(struct metrics_server *s, struct conn *c, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u32 = (uint32_t)(c - s->conns)};
	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev))
		conn_close(c);
}

/* The peer shall get the answer, not a reset because something of its request lay unread. */
static void conn_rest(struct metrics_server *s, struct conn *c)
{
	c->page = page_drop(c->page);
	c->state = CONN_REST;
	shutdown(c->fd, SHUT_WR);
	want(s, c, EPOLLIN);
}

static void conn_send(struct metrics_server *s, struct conn *c)
{
	size_t all = c->head_len + (c->head_only ? 0 : c->page->len);
	while (c->sent < all) {
		bool head = c->sent < c->head_len;
		const char *from =
		    head ? c->head + c->sent : c->page->text + (c->sent - c->head_len);
		size_t n = head ? c->head_len - c->sent : all - c->sent;
		ssize_t got =
		    send(c->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT | (head ? MSG_MORE : 0));
		if (got < 0 && errno == EAGAIN) {
			want(s, c, EPOLLOUT);
			return;
		}
		if (got < 0) {
			conn_close(c);
			return;
		}
		c->sent += (size_t)got;
	}
	conn_rest(s, c);
}

static void conn_answer(struct metrics_server *s, struct conn *c, const struct metrics_request *r)
{
	c->page = page_for(s, r);
	if (!c->page) {
		conn_close(c);
		return;
	}
	for (size_t i = 0; i < CODES; i++)
		s->answers[i] += codes[i] == c->page->status;
	c->head_only = r->head;
	c->head_len = metrics_response_head(c->head, sizeof(c->head), c->page->status,
					    c->page->mime, c->page->len);
	c->sent = 0;
	c->state = CONN_SEND;
	conn_send(s, c);
}

static void conn_read(struct metrics_server *s, struct conn *c)
{
	struct metrics_request r;
	ssize_t got = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		conn_close(c);
		return;
	}
	c->in_len += (size_t)got;
	if (metrics_request_parse(c->in, c->in_len, &r) == 0)
		conn_answer(s, c, &r);
}

static void conn_drain(struct conn *c)
{
	ssize_t got = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno != EAGAIN))
		conn_close(c);
}

static void conn_step(struct metrics_server *s, struct conn *c, uint32_t events)
{
	switch (c->state) {
	case CONN_READ: conn_read(s, c); break;
	case CONN_SEND:
		if (events & (EPOLLERR | EPOLLHUP))
			conn_close(c);
		else
			conn_send(s, c);
		break;
	case CONN_REST: conn_drain(c); break;
	case CONN_FREE: break; /* closed earlier in this step */
	}
}

static struct conn *place_find(struct metrics_server *s)
{
	struct conn *oldest = NULL;
	for (int i = 0; i < METRICS_CONNS_MAX; i++) {
		struct conn *c = &s->conns[i];
		if (c->state == CONN_FREE)
			return c;
		if (c->state != CONN_SEND && (!oldest || c->began_us < oldest->began_us))
			oldest = c;
	}
	if (oldest)
		conn_close(oldest);
	return oldest;
}

static void accept_one(struct metrics_server *s, int fd)
{
	struct conn *c = place_find(s);
	struct epoll_event ev = {.events = EPOLLIN};
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->state = CONN_READ;
	c->began_us = mono_us();
	c->in_len = 0;
	ev.data.u32 = (uint32_t)(c - s->conns);
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev))
		conn_close(c);
}

static void accept_some(struct metrics_server *s)
{
	for (int i = 0; i < ACCEPTS_PER_STEP; i++) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		accept_one(s, fd);
	}
}

void metrics_server_step(struct metrics_server *s)
{
	struct epoll_event ev[EVENTS_PER_STEP];
	int n = epoll_wait(s->epoll, ev, EVENTS_PER_STEP, 0);
	for (int i = 0; i < n; i++) {
		uint32_t tag = ev[i].data.u32;
		if (tag < METRICS_CONNS_MAX)
			conn_step(s, &s->conns[tag], ev[i].events);
	}
	/* Then new ones: a place that was freed above is not mistaken for the old one's. */
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 == TAG_TIMER)
			timeouts(s);
		else if (ev[i].data.u32 == TAG_LISTEN)
			accept_some(s);
	}
	timer_arm(s);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int watch(struct metrics_server *s, int fd, uint32_t tag)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = tag};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) ? errno : 0;
}

static int listen_on(struct metrics_server *s)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(s->conf.port)};
	const int on = 1;
	if (inet_pton(AF_INET, s->conf.host, &sa.sin_addr) != 1)
		return EINVAL;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(s->listener, (struct sockaddr *)&sa, sizeof(sa)) || listen(s->listener, BACKLOG))
		return errno;
	return watch(s, s->listener, TAG_LISTEN);
}

int metrics_server_open(struct metrics_server **ret, const struct metrics_server_conf *conf,
			char ret_why[256])
{
	struct metrics_server *s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(ret_why, 256, "out of memory");
		return ENOMEM;
	}
	s->conf = *conf;
	if (!s->conf.timeout_ms)
		s->conf.timeout_ms = TIMEOUT_MS;
	if (!s->conf.fresh_ms)
		s->conf.fresh_ms = FRESH_MS;
	s->listener = -1;
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	int err = s->timer < 0 || s->epoll < 0 ? errno : watch(s, s->timer, TAG_TIMER);
	if (!err)
		err = listen_on(s);
	if (err) {
		snprintf(ret_why, 256,
			 "%.64s:%u (metrics): %s; choose another port for metrics:", conf->host,
			 conf->port, strerror(err));
		metrics_server_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

struct metrics_server *metrics_server_close(struct metrics_server *s)
{
	if (!s)
		return NULL;
	for (int i = 0; i < METRICS_CONNS_MAX; i++)
		if (s->conns[i].state != CONN_FREE)
			conn_close(&s->conns[i]);
	if (s->listener >= 0)
		close(s->listener);
	if (s->timer >= 0)
		close(s->timer);
	if (s->epoll >= 0)
		close(s->epoll);
	page_drop(s->fresh);
	free(s);
	return NULL;
}

int metrics_server_fd(const struct metrics_server *s)
{
	return s->epoll;
}
