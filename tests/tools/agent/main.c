#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FD_WANTED = 32768, FETCH_MS = 5000, RAMP_TICK_MS = 50, LEAVE_MS = 2000 };

/* ---- the end ------------------------------------------------------------------------------ */

void pool_fail(struct pool *p, const char *fmt, ...)
{
	va_list ap;
	if (p->failed)
		return;
	p->failed = true;
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	re_cancel();
}

void pool_script_done(struct pool *p)
{
	helio_assert(p->scripts_left > 0);
	if (--p->scripts_left == 0)
		re_cancel();
}

static bool expectations_met(const struct options *o)
{
	return report_counted(COUNT_READY) >= o->expect_ready &&
	       report_counted(COUNT_TALKS) >= o->expect_calls &&
	       report_counted(COUNT_HEARD) >= o->expect_heard;
}

static bool any_in(const struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].in)
			return true;
	return false;
}

void pool_check_end(struct pool *p)
{
	const struct options *o = p->o;
	if (p->leaving && !any_in(p))
		re_cancel();
	if (p->leaving)
		return;
	if (o->stop_after_calls && report_counted(COUNT_ENDS) >= o->stop_after_calls)
		re_cancel();
}

static void time_is_up(void *arg)
{
	struct pool *p = arg;
	if (p->scripts_left)
		pool_fail(p, "%zu scripts had not ended after %u ms", p->scripts_left,
			  p->o->duration_ms);
	re_cancel();
}

static bool verdict(struct pool *p)
{
	const struct options *o = p->o;
	if (!p->failed && !expectations_met(o)) {
		p->failed = true;
		snprintf(p->why, sizeof(p->why),
			 "ready %llu of %u, calls %llu of %u, heard %llu of %u",
			 (unsigned long long)report_counted(COUNT_READY), o->expect_ready,
			 (unsigned long long)report_counted(COUNT_TALKS), o->expect_calls,
			 (unsigned long long)report_counted(COUNT_HEARD), o->expect_heard);
	}
	for (size_t i = 0; i < p->n && !p->failed; i++) {
		if (p->v[i].welcome_us)
			continue;
		p->failed = true;
		snprintf(p->why, sizeof(p->why), "%s never signed in", p->v[i].name);
	}
	return !p->failed;
}

/* ---- the cluster's key -------------------------------------------------------------------- */

static int read_until_end(int fd, char *buf, size_t size)
{
	size_t len = 0;
	uint64_t end = mono_us() + FETCH_MS * 1000ull;
	while (len < size - 1 && mono_us() < end) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		if (poll(&pfd, 1, FETCH_MS) <= 0)
			return ETIMEDOUT;
		ssize_t n = recv(fd, buf + len, size - 1 - len, 0);
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return 0;
}

/* Once, before the loop runs. Trusting what the gateway says is right for a test tool only: pages
 * pin the key. */
static int fetch_cluster_pub(const struct link_conf *link, uint8_t ret_key[SEAL_KEY_LEN])
{
	char buf[16384];
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(sa_port(&link->gateway))};
	sa.sin_addr.s_addr = htonl(sa_in(&link->gateway));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ? errno : 0;
	if (!err) {
		int n = snprintf(buf, sizeof(buf),
				 "GET /cluster.json HTTP/1.1\r\nHost: %s\r\n"
				 "Connection: close\r\n\r\n",
				 link->host);
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			err = EIO;
	}
	if (!err)
		err = read_until_end(fd, buf, sizeof(buf));
	if (fd >= 0)
		close(fd);
	const char *body = err ? NULL : strstr(buf, "\r\n\r\n");
	json_t *o = body ? json_loads(body + 4, 0, NULL) : NULL;
	const char *hex = json_string_value(json_object_get(o, "sign_pub"));
	if (!err && (!hex || hex_decode(ret_key, SEAL_KEY_LEN, hex)))
		err = EPROTO;
	json_decref(o);
	return err;
}

static int prepare_gateways(struct pool *p)
{
	const struct options *o = p->o;
	uint8_t pub[SEAL_KEY_LEN];
	int err = 0;
	for (size_t i = 0; i < o->gateways && !err; i++) {
		struct link_conf *l = &p->link[i];
		l->site = o->site;
		(void)str_copy(l->host, sizeof(l->host), o->gateway[i]);
		err = sa_decode(&l->gateway, l->host, strlen(l->host));
		if (err || !sa_isset(&l->gateway, SA_ALL)) {
			fprintf(stderr, "helio-agent: %s is not IP:PORT\n", l->host);
			return EINVAL;
		}
		/* An origin leaves its scheme's own port out (RFC 6454, 6.2). */
		if (sa_port(&l->gateway) == (o->ca ? 443 : 80))
			*strchr(l->host, ':') = '\0';
	}
	if (o->ca && link_tls(&p->tls, o->ca)) {
		fprintf(stderr, "helio-agent: --ca %s: no certificates can be read from it\n",
			o->ca);
		return EINVAL;
	}
	if (o->cluster_pub)
		err = seal_file_read(o->cluster_pub, pub, sizeof(pub), false);
	for (size_t i = 0; !o->cluster_pub && i < o->gateways; i++) {
		err = fetch_cluster_pub(&p->link[i], pub);
		if (!err)
			break;
	}
	if (err)
		fprintf(stderr, "helio-agent: the cluster's key cannot be read from %s: %s\n",
			o->cluster_pub ? o->cluster_pub : o->gateway[0], strerror(err));
	for (size_t i = 0; i < o->gateways && !err; i++) {
		memcpy(p->link[i].cluster_pub, pub, sizeof(pub));
		p->link[i].tls = p->tls;
	}
	return err;
}

/* ---- the run ------------------------------------------------------------------------------ */

static void ramp(void *arg)
{
	struct pool *p = arg;
	uint32_t n = p->o->ramp_per_s * RAMP_TICK_MS / 1000, every = RAMP_TICK_MS;
	if (n == 0) {
		n = 1;
		every = 1000 / p->o->ramp_per_s;
	}
	for (; n && p->started < p->n; n--)
		agent_start(&p->v[p->started++]);
	if (p->started < p->n)
		tmr_start(&p->ramp_tmr, every, ramp, p);
}

static int make_agents(struct pool *p, const struct script *script)
{
	const struct options *o = p->o;
	p->n = o->name ? 1 : o->agents;
	p->v = calloc(p->n, sizeof(*p->v));
	if (!p->v)
		return ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		char name[NAME_SIZE];
		if (o->name) {
			(void)str_copy(name, sizeof(name), o->name);
		} else {
			const char *at = strchr(o->pattern, '%');
			snprintf(name, sizeof(name), "%.*s%u%s", (int)(at - o->pattern), o->pattern,
				 o->first + (uint32_t)i, at + 2);
		}
		agent_init(&p->v[i], p, name, i);
		if (script_names(script, name)) {
			p->v[i].script = script;
			p->scripts_left++;
		}
	}
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
	re_cancel();
}

static void left_long_enough(void *arg)
{
	(void)arg;
	re_cancel();
}

/* Everyone signs out and waits for the node's word, or the next run would find their sessions in
 * the grace period. A socket that is closed at once could lose what was said last. */
static void leave(struct pool *p)
{
	bool wait = false;
	p->leaving = true;
	for (size_t i = 0; i < p->n; i++)
		wait |= agent_leave(&p->v[i]);
	if (!wait)
		return;
	tmr_start(&p->leave_tmr, LEAVE_MS, left_long_enough, p);
	(void)re_main(on_signal);
	tmr_cancel(&p->leave_tmr);
}

/* A socket a session, and one for its sound; the usual limit is 1,024. */
static void files_allow(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= FD_WANTED)
		return;
	files.rlim_cur = files.rlim_max < FD_WANTED ? files.rlim_max : FD_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static int run(struct pool *p)
{
	char why[256] = "";
	int err = prepare_gateways(p);
	if (err)
		return err;
	err = audio_start(p, why);
	if (err) {
		fprintf(stderr, "helio-agent: audio: %s: %s\n", strerror(err), why);
		return err;
	}
	tmr_start(&p->end_tmr, p->o->duration_ms, time_is_up, p);
	tmr_start(&p->ramp_tmr, 0, ramp, p);
	if (p->o->waves)
		wave_start();
	err = re_main(on_signal);
	tmr_cancel(&p->end_tmr);
	tmr_cancel(&p->ramp_tmr);
	if (!p->o->leave)
		leave(p);
	return err;
}

int main(int argc, char **argv)
{
	static struct options o;
	static struct pool pool;
	struct script *script = NULL;
	int status = options_parse(&o, argc, argv);
	if (status)
		return status < 0 ? 0 : status;
	if (o.script && script_load(&script, o.script))
		return 2;
	files_allow();
	(void)fd_setsize(FD_WANTED);
	if (libre_init() || seal_init())
		return 1;
	signal(SIGPIPE, SIG_IGN);
	report_init(o.json, o.quiet);
	pool.o = &o;
	int err = make_agents(&pool, script);
	if (!err)
		err = run(&pool);
	bool ok = !err && verdict(&pool);
	for (size_t i = 0; i < pool.n; i++)
		agent_stop(&pool.v[i]);
	audio_stop(&pool);
	wave_stop();
	mem_deref(pool.tls);
	if (!err)
		report_summary(pool.n, ok, pool.why);
	report_wipe();
	free(pool.v);
	script_free(script);
	libre_close();
	return ok ? 0 : 1;
}
