/* One DEALER per daemon, all asked at once, one deadline for all. */
#include "deploy/helioctl/ctl.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/base.h"

/* A dead daemon's socket refuses at once: no need to wait the deadline out for it. */
static int probe(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int err = 0, fd;

	if (str_copy(sa.sun_path, sizeof(sa.sun_path), path))
		return ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) && errno != EAGAIN)
		err = errno;
	close(fd);
	return err;
}

static zsock_t *dealer_new(void)
{
	zsock_t *s = zsock_new(ZMQ_DEALER);

	helio_assert(s);
	zsock_set_linger(s, 0);
	return s;
}

/* Over TCP with the operator's key, for daemons of other machines. */
static zsock_t *remote_connect(struct ctl *ctl, struct answer *a)
{
	char path[2 * CONF_PATH_SIZE];
	zcert_t *own = zcert_load(ctl->operator_key), *server;
	zsock_t *s = NULL;

	snprintf(path, sizeof(path), "%s/curve/%s.pub", ctl->conf->keys_dir, a->d->name);
	server = zcert_load(path);
	if (!own) {
		snprintf(a->why, sizeof(a->why), "no operator's key in %.90s", ctl->operator_key);
	} else if (!server) {
		snprintf(a->why, sizeof(a->why), "no public key: %.100s", path);
	} else {
		s = dealer_new();
		zcert_apply(own, s);
		zsock_set_curve_serverkey(s, zcert_public_txt(server));
		if (zsock_connect(s, "tcp://%s:%u", a->d->bind, a->d->admin_port))
			zsock_destroy(&s);
	}
	zcert_destroy(&own);
	zcert_destroy(&server);
	return s;
}

static zsock_t *daemon_connect(struct ctl *ctl, struct answer *a)
{
	char path[2 * CONF_PATH_SIZE];
	zsock_t *s;

	snprintf(path, sizeof(path), "%s/%s.admin", ctl->conf->run_dir, a->d->name);
	int err = probe(path);
	if (err && a->d->admin_port && ctl->operator_key)
		return remote_connect(ctl, a);
	if (err) {
		if (err == ENOENT || err == ECONNREFUSED)
			snprintf(a->why, sizeof(a->why), "not running on this machine");
		else
			snprintf(a->why, sizeof(a->why), "%.80s: %s", path, strerror(err));
		return NULL;
	}
	s = dealer_new();
	if (zsock_connect(s, "ipc://%s", path))
		zsock_destroy(&s);
	return s;
}

static void reply_take(struct answer *a, zsock_t *sock)
{
	zmsg_t *msg = zmsg_recv(sock);
	zframe_t *body = msg ? zmsg_last(msg) : NULL;
	json_error_t e;
	json_t *o =
	    body ? json_loadb((const char *)zframe_data(body), zframe_size(body), 0, &e) : NULL;

	zmsg_destroy(&msg);
	if (!json_is_object(o)) {
		snprintf(a->why, sizeof(a->why), "the reply is not JSON");
		json_decref(o);
	} else if (!json_is_true(json_object_get(o, "ok"))) {
		const char *remedy = json_text(o, "remedy");
		snprintf(a->why, sizeof(a->why), "%.180s%s%.70s", json_text(o, "error"),
			 *remedy ? "; " : "", remedy);
		json_decref(o);
	} else {
		a->reply = o;
	}
}

static void request_send(zsock_t *sock, const json_t *req, const json_t *own)
{
	json_t *o = json_copy((json_t *)req);
	if (own)
		json_object_update(o, (json_t *)own);
	char *text = json_dumps(o, JSON_COMPACT);
	helio_assert(text);
	zstr_send(sock, text);
	free(text);
	json_decref(o);
}

/* Connects and sends; socks[i] is NULL where nobody is there. */
static uint32_t all_send(struct ctl *ctl, struct answers *as, zsock_t **socks, zpoller_t *poller,
			 const json_t *req, const json_t *each)
{
	uint32_t asked = 0;

	for (uint32_t i = 0; i < as->n; i++) {
		socks[i] = daemon_connect(ctl, &as->list[i]);
		if (!socks[i])
			continue;
		request_send(socks[i], req, json_object_get(each, as->list[i].d->name));
		zpoller_add(poller, socks[i]);
		snprintf(as->list[i].why, sizeof(as->list[i].why), "no answer in %u ms",
			 ctl->timeout_ms);
		asked++;
	}
	return asked;
}

static void all_receive(struct ctl *ctl, struct answers *as, zsock_t **socks, zpoller_t *poller,
			uint32_t asked)
{
	uint64_t until = mono_us() + (uint64_t)ctl->timeout_ms * 1000;

	while (asked) {
		uint64_t now = mono_us();
		if (now >= until)
			return;
		void *which = zpoller_wait(poller, (int)((until - now + 999) / 1000));
		if (!which)
			continue;
		uint32_t i = 0;
		while (socks[i] != which)
			i++;
		as->list[i].why[0] = '\0';
		reply_take(&as->list[i], socks[i]);
		as->answered += as->list[i].reply != NULL;
		zpoller_remove(poller, socks[i]);
		asked--;
	}
}

static bool wanted(const struct ctl *ctl, unsigned roles, const char *name,
		   const struct conf_daemon *d)
{
	const struct conf_site *site = conf_site_by_number(ctl->conf, addr_site(d->addr));

	if (!(roles & 1u << d->role))
		return false;
	if (name)
		return !strcmp(d->name, name);
	return !ctl->site || !strcmp(site->name, ctl->site);
}

int ask(struct ctl *ctl, unsigned roles, const char *name, const char *cmd, const json_t *req,
	struct answers *ret)
{
	return ask_each(ctl, roles, name, cmd, req, NULL, ret);
}

int ask_each(struct ctl *ctl, unsigned roles, const char *name, const char *cmd, const json_t *req,
	     const json_t *each, struct answers *ret)
{
	const struct conf *c = ctl->conf;
	struct answers as = {.list = calloc(c->daemons_n + 1u, sizeof(*as.list))};
	zsock_t **socks = calloc(c->daemons_n + 1u, sizeof(*socks));
	zpoller_t *poller = zpoller_new(NULL);
	json_t *o = req ? json_deep_copy(req) : json_object();

	json_object_set_new(o, "cmd", json_string(cmd));
	helio_assert(as.list && socks && poller);
	for (uint32_t i = 0; i < c->daemons_n; i++)
		if (wanted(ctl, roles, name, &c->daemons[i]))
			as.list[as.n++] = (struct answer){
			    .d = &c->daemons[i],
			    .site = conf_site_by_number(c, addr_site(c->daemons[i].addr))};
	all_receive(ctl, &as, socks, poller, all_send(ctl, &as, socks, poller, o, each));
	for (uint32_t i = 0; i < as.n; i++)
		zsock_destroy(&socks[i]);
	zpoller_destroy(&poller);
	free(socks);
	json_decref(o);
	*ret = as;
	return answers_code(&as);
}

void answers_free(struct answers *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		json_decref(a->list[i].reply);
	free(a->list);
	*a = (struct answers){0};
}

int answers_code(const struct answers *a)
{
	return !a->answered ? CTL_SILENT : a->answered < a->n ? CTL_UNHEALTHY : CTL_OK;
}

void answers_silent_print(struct ctl *ctl, const struct answers *a)
{
	bool same = a->n > 1 && !a->answered;

	for (uint32_t i = 1; i < a->n; i++)
		same = same && !strcmp(a->list[i].why, a->list[0].why);
	if (same) { /* one sentence instead of a list of the same */
		fprintf(ctl->out, "%snone of %u daemons answers: %s%s\n",
			style_on(ctl->colour, STYLE_BAD), a->n, a->list[0].why,
			style_off(ctl->colour, STYLE_BAD));
		return;
	}
	for (uint32_t i = 0; i < a->n; i++)
		if (!a->list[i].reply)
			fprintf(ctl->out, "%s%s: %s%s\n", style_on(ctl->colour, STYLE_BAD),
				a->list[i].d->name, a->list[i].why,
				style_off(ctl->colour, STYLE_BAD));
}

void json_print(struct ctl *ctl, json_t *o)
{
	/* With --watch one object a line, so that a program can follow. */
	char *text = json_dumps(o, ctl->watch_ms ? JSON_COMPACT : JSON_INDENT(2));

	json_decref(o);
	helio_assert(text);
	fprintf(ctl->out, "%s\n", text);
	free(text);
}

void answers_json_print(struct ctl *ctl, const struct answers *a, const char *key, json_t *list)
{
	json_t *silent = json_array();

	for (uint32_t i = 0; i < a->n; i++)
		if (!a->list[i].reply)
			json_array_append_new(silent,
					      json_pack("{s:s, s:s}", "name", a->list[i].d->name,
							"why", a->list[i].why));
	json_print(ctl, json_pack("{s:b, s:o, s:o}", "ok", a->answered == a->n, key, list, "silent",
				  silent));
}

const char *json_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

int64_t json_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}
