/* helio-agent through a true gateway against a node that this program plays: what it says, what it
 * does by itself and by script, and that its exit status tells the truth. */
#include "tests/unit/gateway/harness.h"
#include "common/seal/seal.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BASE_PORT = 47300, TICK_MS = 20, STATUS_US = 300000, OUT_MAX = 65536 };

static struct fixture *fx;

/* The node's side of one agent, as much of nodes/desk/PROTOCOL.md as the tool meets. */
struct desk {
	struct node *node;
	struct seal_keypair noise;
	uint8_t cert[SEAL_CERT_LEN_MAX];
	size_t cert_len;
	struct seal_session seal;
	uint64_t conn;
	uint8_t device[2][SEAL_KEY_LEN]; /* of the first and of the last handshake */
	unsigned handshakes, logins, resumes, rings, accepts, rejects, wraps, signouts, calls;
	bool talking;
	char offer[16], disposition[32];
};

static int setup(void **state)
{
	(void)state;
	helio_assert(seal_init() == 0);
	fx = fixture_new(BASE_PORT, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(fx);
	return 0;
}

/* ---- the node ----------------------------------------------------------------------------- */

static void desk_begin(struct desk *d, uint32_t boot, bool true_cluster)
{
	uint8_t key[64], pub[32];
	struct seal_cert cert = {.cluster = "testline",
				 .node = "oslo1",
				 .not_before_s = wall_ms() / 1000 - 60,
				 .not_after_s = wall_ms() / 1000 + 3600,
				 .serial = 1};
	memset(d, 0, sizeof(*d));
	fixture_sign_key(key, pub);
	if (!true_cluster)
		key[5] ^= 1;
	seal_keypair_new(&d->noise);
	cert.addr = fixture_addr(fx, "oslo1");
	memcpy(cert.noise_pub, d->noise.pub, SEAL_KEY_LEN);
	assert_int_equal(seal_cert_sign(&cert, key, d->cert, sizeof(d->cert), &d->cert_len), 0);
	d->node = node_new(fx, "oslo1", boot);
	node_wait_live(fx, d->node, "not yet", 1);
	node_status_cert(d->node, d->cert, d->cert_len, 0, false);
}

static void say(struct desk *d, json_t *msg)
{
	uint8_t frame[4096];
	char text[2048];
	size_t sealed = 0, len = json_dumpb(msg, text, sizeof(text), JSON_COMPACT);
	json_decref(msg);
	frame[0] = SEAL_FRAME_DATA;
	assert_int_equal(seal_encrypt(&d->seal, text, len, frame + 1, sizeof(frame) - 1, &sealed),
			 0);
	node_send(d->node, GwFrame_Kind_FRAME, d->conn, 0, frame, 1 + sealed);
}

static void say_state(struct desk *d, const char *state)
{
	say(d, json_pack("{s:s, s:s, s:s}", "t", "state", "state", state, "reason", "none"));
}

static void handshake(struct desk *d, const uint8_t *msg, size_t len)
{
	uint8_t prologue[512], plain[512], out[512];
	struct seal_handshake hs;
	size_t n = sizeof(SEAL_PROLOGUE) - 1, got = 0;
	memcpy(prologue, SEAL_PROLOGUE, n);
	memcpy(prologue + n, d->cert, d->cert_len);
	seal_handshake_init(&hs, false, &d->noise, NULL, prologue, n + d->cert_len);
	assert_int_equal(seal_handshake_read(&hs, msg, len, plain, sizeof(plain), &got, NULL), 0);
	assert_memory_equal(plain, "{\"v\":1}", 7);
	out[0] = SEAL_FRAME_MSG2;
	assert_int_equal(
	    seal_handshake_write(&hs, "{}", 2, out + 1, sizeof(out) - 1, &got, &d->seal), 0);
	memcpy(d->device[d->handshakes++ > 0], d->seal.peer, SEAL_KEY_LEN);
	node_send(d->node, GwFrame_Kind_FRAME, d->conn, 0, out, 1 + got);
}

static void welcome(struct desk *d)
{
	say(d, json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i}}", "t", "welcome", "session",
			 "oslo1-1-1", "ticket", "beef", "plain", "ip", "127.0.0.1", "port",
			 BASE_PORT + 60, "pt", 0));
	say_state(d, d->talking ? "talking" : "not_ready");
	if (d->talking)
		say(d, json_pack("{s:s, s:s, s:s}", "t", "talk", "offer", d->offer, "call", "c1"));
}

static void ring(struct desk *d)
{
	if (d->rings >= d->calls)
		return;
	snprintf(d->offer, sizeof(d->offer), "o%u", ++d->rings);
	say_state(d, "ringing");
	say(d, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "t", "ring", "offer", d->offer, "call",
			 "c1", "queue", "support", "caller", "+4722334455", "waited_ms", 5));
}

static void idle(struct desk *d)
{
	say_state(d, "idle");
	ring(d);
}

static void finish(struct desk *d, const char *type, const char *why, const char *state)
{
	d->talking = false;
	say(d, json_pack("{s:s, s:s, s:s, s:s, s:i}", "t", type, "offer", d->offer, "call", "c1",
			 "why", why, "talk_ms", 7));
	say_state(d, state);
}

static void message(struct desk *d, const char *t, const json_t *msg)
{
	const char *password = json_string_value(json_object_get(msg, "password"));
	const char *ticket = json_string_value(json_object_get(msg, "ticket"));
	if (strcmp(t, "login") == 0) {
		d->logins++;
		if (strcmp(password, "right") == 0)
			welcome(d);
		else
			say(d, json_pack("{s:s, s:s}", "t", "denied", "why", "credentials"));
	} else if (strcmp(t, "resume") == 0) {
		d->resumes++;
		assert_string_equal(ticket, "beef");
		welcome(d);
	} else if (strcmp(t, "plain.answer") == 0) {
		say(d, json_pack("{s:s, s:b, s:s}", "t", "media", "up", 1, "why", ""));
	} else if (strcmp(t, "ready") == 0) {
		idle(d);
	} else if (strcmp(t, "accept") == 0) {
		assert_string_equal(json_string_value(json_object_get(msg, "offer")), d->offer);
		d->accepts++;
		d->talking = true;
		say_state(d, "talking");
		say(d, json_pack("{s:s, s:s, s:s}", "t", "talk", "offer", d->offer, "call", "c1"));
	} else if (strcmp(t, "reject") == 0) {
		d->rejects++;
		finish(d, "ring_end", "agent_rejected", "not_ready");
	} else if (strcmp(t, "hangup") == 0) {
		finish(d, "end", "agent_hung_up", "wrap");
	} else if (strcmp(t, "wrap") == 0) {
		d->wraps++;
		(void)str_copy(d->disposition, sizeof(d->disposition),
			       json_string_value(json_object_get(msg, "disposition")));
		idle(d);
	} else if (strcmp(t, "signout") == 0) {
		d->signouts++;
		say_state(d, "off");
	} else if (strcmp(t, "ping") == 0) {
		say(d, json_pack("{s:s, s:i}", "t", "pong", "n", 0));
	} else {
		fail_msg("the tool says %s", t);
	}
}

static void frame(struct desk *d, const uint8_t *payload, size_t len)
{
	uint8_t plain[4096];
	size_t n = 0;
	if (payload[0] == SEAL_FRAME_MSG1) {
		handshake(d, payload + 1, len - 1);
		return;
	}
	assert_int_equal(seal_decrypt(&d->seal, payload + 1, len - 1, plain, sizeof(plain), &n), 0);
	json_t *msg = json_loadb((const char *)plain, n, 0, NULL);
	assert_non_null(msg);
	message(d, json_string_value(json_object_get(msg, "t")), msg);
	json_decref(msg);
}

static void serve(struct desk *d)
{
	static uint8_t payload[MESH_PAYLOAD_MAX];
	GwFrame head;
	size_t len = 0;
	if (!node_poll(d->node, TICK_MS, &head, payload, sizeof(payload), &len))
		return;
	if (head.kind == GwFrame_Kind_OPEN)
		d->conn = head.conn;
	else if (head.kind == GwFrame_Kind_FRAME && head.conn == d->conn)
		frame(d, payload, len);
}

/* ---- the tool ----------------------------------------------------------------------------- */

static char out[OUT_MAX];

static void write_file(const char *name, const char *text, char ret_path[128])
{
	snprintf(ret_path, 128, "%s/%s", fx->dir, name);
	FILE *f = fopen(ret_path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static pid_t agent_start(const char *const *options, const char *out_path)
{
	const char *argv[32] = {AGENT_PROGRAM, "--gateway", fx->host, "--audio", "none", "--json"};
	size_t n = 6;
	while (*options && n < HELIO_ARRAY_LEN(argv) - 1)
		argv[n++] = *options++;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(AGENT_PROGRAM, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Runs the tool to its end while the node (may be NULL) serves it; its exit status. */
static int agent_run(struct desk *d, const char *const *options)
{
	char path[128];
	int status = 0;
	uint64_t said_us = 0, end = mono_us() + 2 * DEADLINE_MS * 1000ull;
	snprintf(path, sizeof(path), "%s/out", fx->dir);
	pid_t pid = agent_start(options, path);
	struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	assert_true(ended.fd >= 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (mono_us() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fail_msg("helio-agent does not end");
		}
		if (!d) {
			(void)poll(&ended, 1, DEADLINE_MS);
			continue;
		}
		if (mono_us() - said_us > STATUS_US) {
			said_us = mono_us();
			node_status_cert(d->node, d->cert, d->cert_len, 0, false);
		}
		serve(d);
	}
	close(ended.fd);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	out[fread(out, 1, sizeof(out) - 1, f)] = '\0';
	fclose(f);
	for (int i = 0; d && i < 5; i++)
		serve(d); /* what it said last */
	if (!WIFEXITED(status))
		fail_msg("helio-agent died: status %x\n%s", (unsigned)status, out);
	return WEXITSTATUS(status);
}

static void expect_out(const char *text)
{
	if (!strstr(out, text))
		fail_msg("%s is missing in:\n%s", text, out);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void an_agent_takes_calls_until_it_has_enough_and_signs_out(void **state)
{
	struct desk d;
	char pw[128];
	(void)state;
	write_file("pw", "right\n", pw);
	desk_begin(&d, 1, true);
	d.calls = 3;
	const char *const options[] = {"--name",
				       "maria",
				       "--password-file",
				       pw,
				       "--talk",
				       "50ms",
				       "--answer-after",
				       "20ms",
				       "--expect-calls",
				       "3",
				       "--stop-after-calls",
				       "3",
				       NULL};
	assert_int_equal(agent_run(&d, options), 0);
	expect_out("\"event\":\"summary\",\"ok\":true");
	expect_out("\"talks\":3");
	expect_out("\"node\":\"oslo1\"");
	assert_int_equal(d.accepts, 3);
	assert_in_range(d.wraps, 2, 3); /* whether the third had begun is chance */
	assert_int_equal(d.signouts, 1);
	node_free(d.node);
}

static void a_wrong_password_fails_the_run(void **state)
{
	struct desk d;
	char pw[128];
	(void)state;
	write_file("pw", "wrong\n", pw);
	desk_begin(&d, 2, true);
	const char *const options[] = {"--name", "maria", "--password-file", pw, NULL};
	assert_int_equal(agent_run(&d, options), 1);
	expect_out("maria was denied: credentials");
	assert_int_equal(d.logins, 1);
	node_free(d.node);
}

static void what_was_expected_and_did_not_happen_fails_the_run(void **state)
{
	struct desk d;
	char pw[128];
	(void)state;
	write_file("pw", "right\n", pw);
	desk_begin(&d, 3, true);
	d.calls = 1;
	const char *const options[] = {
	    "--name",     "maria", "--password-file", pw,  "--answer", "ignore",
	    "--duration", "700ms", "--expect-calls",  "1", NULL};
	assert_int_equal(agent_run(&d, options), 1);
	expect_out("calls 0 of 1");
	assert_int_equal(d.rings, 1);
	assert_int_equal(d.accepts, 0);
	node_free(d.node);
}

static void a_script_is_followed_and_a_lost_link_comes_back_by_its_ticket(void **state)
{
	struct desk d;
	char pw[128], script[128];
	(void)state;
	write_file("pw", "right\n", pw);
	write_file("script",
		   "# one rejected, one taken, with a loss in the middle\n"
		   "maria: wait media 5s\nmaria: ready\nmaria: wait ring 5s\nmaria: reject\n"
		   "maria: wait not_ready 5s\nmaria: wait not_ready 5s\nmaria: ready\n"
		   "maria: wait ring 5s\nmaria: accept\nmaria: wait talk 5s\nmaria: drop\n"
		   "maria: wait resumed 5s\nmaria: wait talk 5s\nmaria: sleep 50ms\n"
		   "maria: hangup\nmaria: wait end 5s\nmaria: wrap sold\nmaria: wait idle 5s\n"
		   "maria: signout\n",
		   script);
	desk_begin(&d, 4, true);
	d.calls = 2;
	const char *const options[] = {"--name",     "maria",    "--password-file",
				       pw,           "--script", script,
				       "--duration", "15s",      NULL};
	if (agent_run(&d, options))
		fail_msg("%s", out);
	assert_int_equal(d.logins, 1);
	assert_int_equal(d.resumes, 1);
	assert_int_equal(d.rejects, 1);
	assert_string_equal(d.disposition, "sold");
	assert_int_equal(d.signouts, 1);
	/* The same device, or no ticket would hold. */
	assert_memory_equal(d.device[0], d.device[1], SEAL_KEY_LEN);
	expect_out("\"resumed\":1");
	node_free(d.node);
}

static void a_script_that_waits_in_vain_fails_the_run(void **state)
{
	struct desk d;
	char pw[128], script[128];
	(void)state;
	write_file("pw", "right\n", pw);
	write_file("script", "*: wait media\n*: wait ring 300ms\n", script);
	desk_begin(&d, 5, true);
	const char *const options[] = {"--name", "maria", "--password-file", pw, "--script",
				       script,   NULL};
	assert_int_equal(agent_run(&d, options), 1);
	expect_out("maria: line 2: no ring within 300 ms");
	node_free(d.node);
}

static void a_node_of_another_cluster_is_not_spoken_to(void **state)
{
	struct desk d;
	char pw[128];
	(void)state;
	write_file("pw", "right\n", pw);
	desk_begin(&d, 6, false);
	const char *const options[] = {"--name", "maria", "--password-file", pw, "--duration",
				       "600ms",  NULL};
	assert_int_equal(agent_run(&d, options), 1);
	expect_out("not signed by this cluster");
	assert_int_equal(d.handshakes, 0);
	node_free(d.node);
}

static void a_wrong_command_line_is_explained(void **state)
{
	char pw[128], script[128];
	(void)state;
	write_file("pw", "right\n", pw);
	write_file("script", "maria: dance\n", script);
	const char *const lone[] = {"--name", "maria", NULL};
	assert_int_equal(agent_run(NULL, lone), 2);
	expect_out("--password-file is needed");
	const char *const time[] = {"--name",    "maria", "--password-file", pw, "--wrap",
				    "5 parsecs", NULL};
	assert_int_equal(agent_run(NULL, time), 2);
	expect_out("--wrap 5 parsecs is not understood; allowed: TIME");
	const char *const pattern[] = {"--agents", "3", "--password-file", pw, "--name-pattern",
				       "x%s%n",    NULL};
	assert_int_equal(agent_run(NULL, pattern), 2);
	const char *const steps[] = {"--name", "maria", "--password-file", pw, "--script",
				     script,   NULL};
	assert_int_equal(agent_run(NULL, steps), 2);
	expect_out("script:1: not understood");
	const char *const help[] = {"--help", NULL};
	assert_int_equal(agent_run(NULL, help), 0);
	expect_out("Exit status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_agent_takes_calls_until_it_has_enough_and_signs_out),
	    cmocka_unit_test(a_wrong_password_fails_the_run),
	    cmocka_unit_test(what_was_expected_and_did_not_happen_fails_the_run),
	    cmocka_unit_test(a_script_is_followed_and_a_lost_link_comes_back_by_its_ticket),
	    cmocka_unit_test(a_script_that_waits_in_vain_fails_the_run),
	    cmocka_unit_test(a_node_of_another_cluster_is_not_spoken_to),
	    cmocka_unit_test(a_wrong_command_line_is_explained),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
