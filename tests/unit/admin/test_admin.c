#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <czmq.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/admin/admin.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/conf/options.h"

enum { TCP_PORT = 42900 };

static char dir[64], why[256];
static struct conf *conf;
static struct admin *admin;
static unsigned handled;

static json_t *request_h(const char *cmd, const json_t *req, void *arg)
{
	(void)arg;
	handled++;
	if (!strcmp(cmd, "big")) {
		json_t *o = json_pack("{s:b}", "ok", 1);
		char *text = malloc(200001);
		memset(text, 'x', 200000);
		text[200000] = '\0';
		json_object_set_new(o, "text", json_string(text));
		free(text);
		return o;
	}
	if (!strcmp(cmd, "null"))
		return NULL;
	if (strcmp(cmd, "echo") != 0)
		return admin_error("unknown", "echo");
	return json_pack("{s:b, s:O}", "ok", 1, "said", json_object_get(req, "say"));
}

static void conf_make(bool tcp)
{
	char text[1024], path[96];
	int n = snprintf(
	    text, sizeof(text),
	    "cluster: c\npaths: {run: %s/run, keys: %s/keys}\nsites:\n  oslo:\n    number: "
	    "1\n    timezone: Europe/Oslo\n    brokers: {b1: {ordinal: 64, address: "
	    "127.0.0.1, mesh: 42901, admin: %d}}\nqueues: {q: {}}\n",
	    dir, dir, tcp ? TCP_PORT : 0);

	snprintf(path, sizeof(path), "%s/cluster.yaml", dir);
	assert_int_equal(
	    conf_load_text(&conf, path, text, (size_t)n, "agents: {}", 10, false, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	str_copy(dir, sizeof(dir), "/tmp/helio-admin-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	conf_make(false);
	handled = 0;
	return admin_open(&admin, conf, &conf->daemons[0], request_h, NULL, why);
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	admin = admin_close(admin);
	conf = conf_free(conf);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

/* Runs the daemon's side until the asker has a reply, at most 5 s. NULL: none came. */
static char *turn(zsock_t *asker, unsigned ms)
{
	uint64_t until = mono_us() + (uint64_t)ms * 1000;

	zsock_set_rcvtimeo(asker, 0);
	while (mono_us() < until) {
		struct pollfd fds[2] = {{.fd = admin_fd(admin), .events = POLLIN},
					{.fd = zsock_fd(asker), .events = POLLIN}};
		if (zsock_events(asker) & ZMQ_POLLIN) {
			zmsg_t *m = zmsg_recv(asker);
			char *s = zframe_strdup(zmsg_last(m));
			zmsg_destroy(&m);
			return s;
		}
		poll(fds, 2, 20);
		admin_step(admin);
	}
	return NULL;
}

static zsock_t *asker_new(int type)
{
	zsock_t *s = zsock_new(type);

	zsock_set_linger(s, 0);
	assert_int_equal(zsock_connect(s, "ipc://%s/run/b1.admin", dir), 0);
	return s;
}

static void said(zsock_t *s, const char *request, const char *want)
{
	zstr_send(s, request);
	char *got = turn(s, 5000);
	assert_non_null(got);
	if (!strstr(got, want))
		fail_msg("asked %s, wanted %s, got %s", request, want, got);
	free(got);
}

static void a_request_is_answered_with_its_tag(void **state)
{
	zsock_t *s = asker_new(ZMQ_DEALER);

	(void)state;
	said(s, "{\"cmd\": \"echo\", \"say\": \"hei\", \"tag\": 42}",
	     "{\"ok\":true,\"said\":\"hei\",\"tag\":42}");
	zsock_destroy(&s);
	s = asker_new(ZMQ_REQ);
	said(s, "{\"cmd\": \"echo\", \"say\": 7}", "\"said\":7");
	zsock_destroy(&s);
}

static void what_is_no_request_is_answered_with_an_error(void **state)
{
	zsock_t *s = asker_new(ZMQ_DEALER);

	(void)state;
	said(s, "hello?", "\"ok\":false,\"error\":\"not JSON");
	said(s, "", "not JSON");
	said(s, "[1, 2]", "no \\\"cmd\\\"");
	said(s, "{\"cmd\": 7}", "no \\\"cmd\\\"");
	said(s, "{\"cmd\": \"echo\", \"cmd\": \"big\"}", "not JSON");
	assert_int_equal(handled, 0);
	said(s, "{\"cmd\": \"dance\"}", "\"remedy\":\"echo\"");
	said(s, "{\"cmd\": \"null\"}", "could not build");
	zsock_destroy(&s);
}

static void a_request_of_more_than_64_kib_is_refused_in_words(void **state)
{
	zsock_t *s = asker_new(ZMQ_DEALER);
	char *text = malloc(70001);

	(void)state;
	memset(text, ' ', 70000);
	text[70000] = '\0';
	said(s, text, "larger than 64 KiB");
	said(s, "{\"cmd\": \"echo\", \"say\": \"still here\"}", "still here");
	assert_int_equal(handled, 1);
	free(text);
	zsock_destroy(&s);
}

static void who_does_not_read_does_not_hold_up_the_others(void **state)
{
	zsock_t *deaf = zsock_new(ZMQ_DEALER), *s = asker_new(ZMQ_DEALER);

	(void)state;
	zsock_set_linger(deaf, 0);
	zsock_set_rcvhwm(deaf, 1);
	zsock_connect(deaf, "ipc://%s/run/b1.admin", dir);
	for (int i = 0; i < 300; i++)
		zstr_send(deaf, "{\"cmd\": \"big\"}");
	uint64_t start = mono_us();
	said(s, "{\"cmd\": \"echo\", \"say\": \"quick\"}", "quick");
	assert_true(mono_us() - start < 4000000);
	zsock_destroy(&deaf);
	zsock_destroy(&s);
}

/* ZeroMQ's one thread looks at all connections in turn: when it has carried so many messages to and
 * fro, it has also carried what was sent before them. */
static void all_arrive(void)
{
	zsock_t *a = zsock_new(ZMQ_PAIR), *b = zsock_new(ZMQ_PAIR);

	zsock_set_rcvtimeo(a, 5000);
	zsock_set_rcvtimeo(b, 5000);
	assert_true(zsock_bind(a, "ipc://%s/turns", dir) >= 0);
	assert_int_equal(zsock_connect(b, "ipc://%s/turns", dir), 0);
	for (int i = 0; i < 500; i++) {
		zstr_send(b, "x");
		char *there = zstr_recv(a);
		assert_non_null(there);
		zstr_free(&there);
		zstr_send(a, "x");
		char *back = zstr_recv(b);
		assert_non_null(back);
		zstr_free(&back);
	}
	zsock_destroy(&a);
	zsock_destroy(&b);
}

/* A daemon's loop steps when the descriptor says so, and at no other time. */
static void what_one_step_leaves_is_taken_by_the_next_one(void **state)
{
	enum { ASKERS = 30, EACH = 50 };
	zsock_t *s[ASKERS];
	unsigned answered = 0;

	(void)state;
	for (int i = 0; i < ASKERS; i++) {
		s[i] = asker_new(ZMQ_DEALER);
		for (int k = 0; k < EACH; k++)
			zstr_send(s[i], "{\"cmd\": \"echo\", \"say\": \"x\"}");
	}
	all_arrive();
	struct pollfd fd = {.fd = admin_fd(admin), .events = POLLIN};
	while (handled < ASKERS * EACH && poll(&fd, 1, 3000) == 1)
		admin_step(admin);
	assert_int_equal(handled, ASKERS * EACH);
	for (int i = 0; i < ASKERS; i++) {
		zsock_set_rcvtimeo(s[i], 1000);
		for (int k = 0; k < EACH; k++) {
			char *text = zstr_recv(s[i]);
			answered += text != NULL;
			zstr_free(&text);
		}
		zsock_destroy(&s[i]);
	}
	assert_int_equal(answered, ASKERS * EACH);
}

static void the_socket_is_the_owners_alone(void **state)
{
	struct stat st;
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/run", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/run/b1.admin", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void a_second_daemon_of_that_name_is_refused(void **state)
{
	struct admin *second = NULL;
	zsock_t *s = asker_new(ZMQ_DEALER);

	(void)state;
	assert_int_equal(admin_open(&second, conf, &conf->daemons[0], request_h, NULL, why), EBUSY);
	assert_non_null(strstr(why, "running already"));
	said(s, "{\"cmd\": \"echo\", \"say\": \"first\"}", "first");
	zsock_destroy(&s);
	/* After the first has gone, its name is free again. */
	admin = admin_close(admin);
	assert_int_equal(admin_open(&admin, conf, &conf->daemons[0], request_h, NULL, why), 0);
}

/* ---- TCP with CURVE -------------------------------------------------------------------------- */

static zcert_t *cert_save(const char *pub, const char *key)
{
	char path[96];
	zcert_t *c = zcert_new();

	if (pub) {
		snprintf(path, sizeof(path), "%s/keys/%s", dir, pub);
		zcert_save_public(c, path);
	}
	if (key) {
		snprintf(path, sizeof(path), "%s/keys/%s", dir, key);
		zcert_save_secret(c, path);
	}
	return c;
}

static zsock_t *operator_connect(zcert_t *own, zcert_t *server)
{
	zsock_t *s = zsock_new(ZMQ_DEALER);

	zsock_set_linger(s, 0);
	if (own) {
		zcert_apply(own, s);
		zsock_set_curve_serverkey(s, zcert_public_txt(server));
	}
	zsock_connect(s, "tcp://127.0.0.1:%d", TCP_PORT);
	return s;
}

static void over_tcp_only_an_operators_key_is_let_in(void **state)
{
	char path[96];

	(void)state;
	admin = admin_close(admin);
	conf = conf_free(conf);
	conf_make(true);
	assert_int_equal(admin_open(&admin, conf, &conf->daemons[0], request_h, NULL, why), ENOENT);
	assert_non_null(strstr(why, "operators"));
	snprintf(path, sizeof(path), "%s/keys", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/keys/curve", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/keys/operators", dir);
	mkdir(path, 0700);
	zcert_t *server = cert_save(NULL, "curve/b1.key");
	zcert_t *friend = cert_save("operators/anna.pub", NULL), *stranger = zcert_new();
	assert_int_equal(admin_open(&admin, conf, &conf->daemons[0], request_h, NULL, why), 0);

	zsock_t *s = operator_connect(friend, server);
	said(s, "{\"cmd\": \"echo\", \"say\": \"from afar\"}", "from afar");
	zsock_destroy(&s);
	handled = 0;
	zsock_t *bad = operator_connect(stranger, server), *plain = operator_connect(NULL, NULL);
	zstr_send(bad, "{\"cmd\": \"echo\", \"say\": 1}");
	zstr_send(plain, "{\"cmd\": \"echo\", \"say\": 1}");
	/* A friend's question asked later is answered, theirs never came through. */
	s = operator_connect(friend, server);
	said(s, "{\"cmd\": \"echo\", \"say\": \"again\"}", "again");
	assert_null(turn(bad, 300));
	assert_null(turn(plain, 50));
	assert_int_equal(handled, 1);
	zsock_destroy(&s);
	zsock_destroy(&bad);
	zsock_destroy(&plain);
	zcert_destroy(&server);
	zcert_destroy(&friend);
	zcert_destroy(&stranger);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_request_is_answered_with_its_tag),
	    T(what_is_no_request_is_answered_with_an_error),
	    T(a_request_of_more_than_64_kib_is_refused_in_words),
	    T(who_does_not_read_does_not_hold_up_the_others),
	    T(what_one_step_leaves_is_taken_by_the_next_one),
	    T(the_socket_is_the_owners_alone),
	    T(a_second_daemon_of_that_name_is_refused),
	    T(over_tcp_only_an_operators_key_is_let_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
