/* helioctl as a person runs it, against real admin sockets of a small daemon process. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/admin/admin.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

static char dir[64], file[96], out[65536];
static pid_t daemon_pid;

static const char cluster[] =
    "cluster: c\n"
    "skills: [lang.en, lang.nb]\n"
    "sites:\n"
    "  oslo:\n"
    "    number: 1\n"
    "    timezone: Europe/Oslo\n"
    "    languages: [nb]\n"
    "    brokers:\n"
    "      b1: {ordinal: 64, address: 127.0.0.1, mesh: 42801}\n"
    "      b2: {ordinal: 65, address: 127.0.0.1, mesh: 42802}\n"
    "    nodes:\n"
    "      n1: {ordinal: 1, address: 127.0.0.1, mesh: 42803, sip: 42804, media_ports: "
    "42810-42819}\n"
    "    gateways:\n"
    "      g1: {ordinal: 96, address: 127.0.0.1, mesh: 42805, http: 42806}\n"
    "  manila:\n"
    "    number: 2\n"
    "    timezone: Asia/Manila\n"
    "    nodes:\n"
    "      n2: {ordinal: 1, address: 127.0.0.1, mesh: 42807, sip: 42808, media_ports: "
    "42820-42829}\n"
    "      n3: {ordinal: 2, address: 127.0.0.1, mesh: 42830, sip: 42831, media_ports: "
    "42840-42849}\n"
    "queues:\n"
    "  support: {skills: [lang.en], service_level: {answer_within: 20s}}\n"
    "  orders: {}\n";

/* ---- the daemon -------------------------------------------------------------------------- */

struct fake {
	const struct conf *conf;
	const struct conf_daemon *d;
	bool island, draining;
};

static json_t *status(const struct fake *f)
{
	char hash[24];

	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)f->conf->hash);
	return json_pack("{s:b, s:s, s:s, s:s, s:I, s:b, s:b, s:i, s:i, s:i, s:i}", "ok", 1, "name",
			 f->d->name, "version", "0.1.0", "config_hash", hash, "uptime_ms",
			 (json_int_t)3725000, "draining", f->draining, "island", f->island, "calls",
			 2, "calls_max", 1000, "sessions", 1, "connections", 5);
}

static json_t *queues(const struct fake *f)
{
	/* Both brokers see the whole site; n1 sees its own share; Manila has nodes only. */
	bool broker = f->d->role == CONF_BROKER, manila = addr_site(f->d->addr) == 2;

	return json_pack("{s:b, s:[{s:s, s:i, s:i, s:i, s:i, s:i}]}", "ok", 1, "queues", "queue",
			 "support", "waiting",
			 broker   ? 3
			 : manila ? 1
				  : 2,
			 "longest_ms", broker ? 45000 : 5000, "idle", broker ? 2 : 1, "ewt_ms",
			 broker ? 12000 : 0, "ewt_error_ms", broker ? 3000 : 0);
}

static json_t *agents(const struct fake *f)
{
	return json_pack("{s:b, s:[{s:s, s:s, s:s, s:s, s:I}]}", "ok", 1, "agents", "name",
			 f->d->name[1] == '1' ? "maria" : "jose", "display", "Evil \033[31m name",
			 "state", f->d->name[1] == '1' ? "talking" : "not_ready", "reason",
			 f->d->name[1] == '1' ? "none" : "pause", "since_ms", (json_int_t)61000);
}

static json_t *records(const struct fake *f, const json_t *req)
{
	const char *call = json_string_value(json_object_get(req, "call"));
	bool first = f->d->name[1] == '1';

	if (call && (!first || strcmp(call, "n1-1-1") != 0))
		return json_pack("{s:b, s:[], s:{}}", "ok", 1, "records", "totals");
	return json_pack("{s:b, s:[{s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:i}], s:{s:i, s:i}}", "ok",
			 1, "records", "call", first ? "n1-1-1" : "n2-1-9", "queue", "support",
			 "caller", "+4722334455", "outcome", first ? "answered" : "abandoned",
			 "cepoch", 65, "entered_ms", (json_int_t)(first ? 2000 : 1000), "wait_ms",
			 1500, "answered_ms", first ? 3500 : 0, "totals", "entered", 10, "answered",
			 7);
}

static json_t *request_h(const char *cmd, const json_t *req, void *arg)
{
	struct fake *f = arg;

	if (!strcmp(cmd, "status"))
		return status(f);
	if (!strcmp(cmd, "queues"))
		return queues(f);
	if (!strcmp(cmd, "agents"))
		return agents(f);
	if (!strcmp(cmd, "records"))
		return records(f, req);
	if (!strcmp(cmd, "calls"))
		return json_pack("{s:b, s:[{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}]}", "ok", 1,
				 "calls", "call", f->d->name[1] == '1' ? "n1-1-2" : "n2-1-3",
				 "queue", "orders", "state", "bridged", "age_ms", (json_int_t)7000,
				 "agent", "maria", "agent_node", "n2", "caller", "+47…55", "codec",
				 "pcmu");
	if (!strcmp(cmd, "drain")) {
		f->draining = json_is_true(json_object_get(req, "on"));
		return json_pack("{s:b, s:i}", "ok", 1, "calls", 2);
	}
	return admin_error("unknown command", "status");
}

/* Serves the named daemons ("n1 b1"); "!n3" opens the socket but never answers; "~n1" is an island.
 * Tells by one byte that all sockets are open. */
static void daemon_run(const char *names, int ready)
{
	struct fake fakes[8];
	struct admin *admins[8];
	struct pollfd fds[8];
	struct conf *conf = NULL;
	char copy[128], why[256], *save = NULL;
	nfds_t n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	str_copy(copy, sizeof(copy), names);
	if (conf_load(&conf, file, NULL))
		_exit(1);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		bool mute = *w == '!', island = *w == '~';
		fakes[n] = (struct fake){.conf = conf,
					 .d = conf_daemon_by_name(conf, w + (mute || island)),
					 .island = island};
		if (admin_open(&admins[n], conf, fakes[n].d, request_h, &fakes[n], why))
			_exit(2);
		fds[n] = (struct pollfd){.fd = mute ? -1 : admin_fd(admins[n]), .events = POLLIN};
		n++;
	}
	if (write(ready, "x", 1) != 1)
		_exit(3);
	for (;;) {
		poll(fds, n, 100);
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].fd >= 0)
				admin_step(admins[i]);
	}
}

static void daemons_start(const char *names)
{
	int fds[2];
	char x;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	daemon_pid = fork();
	assert_true(daemon_pid >= 0);
	if (!daemon_pid)
		daemon_run(names, fds[1]);
	close(fds[1]);
	assert_int_equal(read(fds[0], &x, 1), 1);
	close(fds[0]);
}

/* ---- helioctl ---------------------------------------------------------------------------- */

/* Runs `helioctl WORDS` by the shell; out gets both streams. Returns the exit code. */
static int ctl(const char *words)
{
	char cmd[1024];

	snprintf(cmd, sizeof(cmd), "exec 2>&1; HELIO_CONFIG=%s %s %s", file, HELIOCTL, words);
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	out[fread(out, 1, sizeof(out) - 1, f)] = '\0';
	int status = pclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void said(const char *want)
{
	if (!strstr(out, want))
		fail_msg("wanted: %s\nsaid:\n%s", want, out);
}

static void not_said(const char *unwanted)
{
	if (strstr(out, unwanted))
		fail_msg("unwanted: %s\nsaid:\n%s", unwanted, out);
}

static json_t *out_json(void)
{
	json_error_t e;
	json_t *o = json_loads(out, 0, &e);

	if (!o)
		fail_msg("not JSON: %s\n%s", e.text, out);
	return o;
}

static void write_file(const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static int setup(void **state)
{
	(void)state;
	str_copy(dir, sizeof(dir), "/tmp/helio-ctl-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/cluster.yaml", dir);
	write_file("cluster.yaml", cluster);
	write_file("agents.yaml", "version: 1\nagents:\n  # nights\n  maria: {site: oslo, skills: "
				  "[lang.en], password: \"!\"}\n");
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = 0;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static void status_is_0_when_all_answer_and_all_is_well(void **state)
{
	(void)state;
	daemons_start("b1 b2 n1 g1 n2 n3");
	assert_int_equal(ctl("status"), 0);
	said("b1      broker   oslo    up");
	said("1h02m");
	said("2/1000 calls, 1 agents");
	said("5 browsers");
	not_said("\033");
	assert_int_equal(ctl("status --site manila"), 0);
	not_said("g1");
}

static void status_is_1_and_names_who_is_silent_or_unwell(void **state)
{
	(void)state;
	daemons_start("b1 b2 ~n1 g1 !n2");
	uint64_t start = mono_us();
	assert_int_equal(ctl("status --timeout 300ms"), 1);
	assert_true(mono_us() - start < 3000000);
	said("no answer in 300 ms");
	said("not running on this machine");
	said("no broker of its site answers");
	assert_int_equal(ctl("status --json --timeout=300ms"), 1);
	json_t *o = out_json();
	assert_true(json_is_false(json_object_get(o, "ok")));
	assert_int_equal(json_array_size(json_object_get(o, "daemons")), 6);
	assert_int_equal(json_array_size(json_object_get(o, "silent")), 2);
	json_decref(o);
}

static void a_daemon_with_another_configuration_is_noticed(void **state)
{
	(void)state;
	daemons_start("b1 b2 n1 g1 n2 n3");
	write_file("agents.yaml", "agents: {}\n");
	assert_int_equal(ctl("status"), 1);
	said("runs another configuration");
}

static void nobody_there_is_3(void **state)
{
	static const char *const commands[] = {"status", "queues", "agents", "calls", "records"};

	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(commands); i++)
		assert_int_equal(ctl(commands[i]), 3);
	assert_int_equal(ctl("calls"), 3);
	said("none of 3 daemons answers: not running on this machine");
}

static void queues_count_a_site_once(void **state)
{
	(void)state;
	daemons_start("b1 b2 n1 g1 n2 n3");
	assert_int_equal(ctl("queues"), 0);
	/* Oslo by one of its brokers (3), Manila by its nodes (1 + 1). */
	said("support        5      45s            4  12s ± 3s  oslo 3, manila 2");
	said("orders         0");
	assert_int_equal(ctl("queues --json"), 0);
	json_t *o = out_json();
	json_t *q = json_array_get(json_object_get(o, "queues"), 0);
	assert_int_equal(json_integer_value(json_object_get(q, "waiting")), 5);
	json_decref(o);
}

static void agents_and_calls_come_from_every_node(void **state)
{
	(void)state;
	daemons_start("n1 n2 n3");
	assert_int_equal(ctl("agents"), 0);
	said("maria");
	said("talking");
	said("not_ready (pause)");
	said("1m01s");
	said("Evil ?[31m name"); /* what a peer sends does not steer the terminal */
	not_said("\033");
	assert_int_equal(ctl("calls --site oslo"), 0);
	said("n1-1-2");
	said("maria (n2)");
	not_said("n2-1-3");
}

static void records_are_merged_newest_first_and_masked(void **state)
{
	(void)state;
	daemons_start("n1 n2 n3");
	assert_int_equal(ctl("records"), 0);
	said("+47…55");
	not_said("+4722334455");
	said("30 entered, 21 answered");
	assert_true(strstr(out, "n1-1-1") < strstr(out, "n2-1-9"));
	assert_int_equal(ctl("records n1-1-1 --numbers"), 0);
	said("+4722334455");
	not_said("n2-1-9");
	assert_int_equal(ctl("records --json --limit 1"), 0);
	json_t *o = out_json();
	assert_int_equal(json_array_size(json_object_get(o, "records")), 1);
	json_decref(o);
	assert_int_equal(ctl("records --queue nowhere"), 2);
}

static void an_id_tells_its_story(void **state)
{
	(void)state;
	daemons_start("n1 n2 n3");
	assert_int_equal(ctl("id n1-1-2"), 0);
	said("minted by n1 at oslo");
	said("state bridged");
	assert_int_equal(ctl("id n1-1-1"), 0);
	said("answered");
	assert_int_equal(ctl("id what"), 2);
}

static void a_node_is_drained_and_taken_back(void **state)
{
	(void)state;
	daemons_start("b1 b2 n1 g1 n2 n3");
	assert_int_equal(ctl("drain n1"), 0);
	said("2 still live");
	assert_int_equal(ctl("status"), 0);
	said("draining");
	assert_int_equal(ctl("drain n1 --undo"), 0);
	ctl("status");
	not_said("draining");
	assert_int_equal(ctl("drain b1"), 2);
	assert_int_equal(ctl("drain n1"), 0);
	assert_int_equal(ctl("undrain n1"), 0);
	ctl("status");
	not_said("draining");
	assert_int_equal(ctl("drain nowhere"), 2);
}

static void watch_with_json_gives_one_object_a_line_until_interrupted(void **state)
{
	size_t lines = 0;

	(void)state;
	daemons_start("n1 n2 n3");
	ctl("calls --json --watch=0.05 | head -n 3");
	for (const char *p = out; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 3);
	said("\"call\":\"n1-1-2\"");
}

static void an_agent_is_added_and_gets_a_new_password(void **state)
{
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(ctl("agent add ola --site oslo --skills lang.nb,lang.en --display 'Ola N' "
			     "--password-stdin </dev/null"),
			 2);
	assert_int_equal(ctl("agent add ola --site oslo --skills lang.nb,lang.en --display 'Ola N' "
			     "--password-stdin <<EOF\nopen sesame\nEOF\n"),
			 0);
	said("ola added");
	assert_int_equal(conf_load(&c, file, NULL), 0);
	const struct conf_agent *a = conf_agent_by_name(c, "ola");
	assert_non_null(a);
	assert_string_equal(a->display, "Ola N");
	assert_string_equal(a->language, "nb");
	assert_int_equal(strncmp(a->password, "$argon2id$", 10), 0);
	conf_free(c);
	assert_int_equal(
	    ctl("agent add ola --site oslo --password-stdin <<EOF\nopen sesame\nEOF\n"), 1);
	assert_int_equal(ctl("agent passwd maria --password-stdin <<EOF\nopen sesame\nEOF\n"), 0);
	assert_int_equal(ctl("agent list"), 0);
	not_said("no password");
	assert_int_equal(ctl("agent passwd maria --lock"), 0);
	assert_int_equal(ctl("agent list"), 0);
	said("no password");
	assert_int_equal(ctl("agent passwd nobody --lock"), 1);
	assert_int_equal(ctl("agent add eva --site oslo --skills lang.xx --password-stdin"), 2);
	said("no skill 'lang.xx'");
	assert_int_equal(ctl("agent add Eva --site oslo --password-stdin"), 2);
	char path[160];
	snprintf(path, sizeof(path), "%s/agents.yaml", dir);
	FILE *f = fopen(path, "r");
	out[fread(out, 1, sizeof(out) - 1, f)] = '\0';
	fclose(f);
	said("version: 4");
	said("# nights");
	not_said("sesame");
}

static void config_check_tells_every_problem(void **state)
{
	char words[160];

	(void)state;
	assert_int_equal(ctl("config check"), 0);
	said("is fine: 2 sites, 6 daemons, 2 queues, 2 skills, 1 agents");
	write_file("bad.yaml", "cluster: X\nqueues: {q: {wrap_up: 15}}\n");
	snprintf(words, sizeof(words), "config check %s/bad.yaml", dir);
	assert_int_equal(ctl(words), 1);
	said("bad.yaml:1:10: cluster: 'X' does not fit");
	said("bad.yaml:2:23: queues.q.wrap_up: '15' does not fit");
	said("sites: missing");
	assert_int_equal(ctl("config options"), 0);
	said("ring_timeout");
}

static void wrong_usage_is_2_and_says_what_was_meant(void **state)
{
	(void)state;
	assert_int_equal(ctl("staus"), 2);
	said("did you mean 'status'?");
	assert_int_equal(ctl("agent"), 2);
	said("helioctl agent add NAME");
	assert_int_equal(ctl("status --wtach"), 2);
	assert_int_equal(ctl("status --timeout soon"), 2);
	assert_int_equal(ctl("status --site atlantis"), 2);
	assert_int_equal(ctl("config check --watch"), 2);
	assert_int_equal(ctl("--help"), 0);
	assert_int_equal(ctl("records --help"), 0);
	said("--since TIME");
	assert_int_equal(ctl("status --config /nowhere.yaml"), 2);
	said("/nowhere.yaml: cannot be read");
}

#ifdef HELIO_SIPP
/* SIPp answers as a carrier's other end would; it needs no moment to be ready: an INVITE that comes
 * too early is sent again. */
static void a_test_call_is_placed_and_its_story_told(void **state)
{
	(void)state;
	fflush(NULL);
	daemon_pid = fork();
	assert_true(daemon_pid >= 0);
	if (!daemon_pid) {
		int null = open("/dev/null", O_RDWR);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0), dup2(null, 1), dup2(null, 2);
		execl(HELIO_SIPP, "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", "42890",
		      "-nostdin", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(ctl("test-call support --to sip:support@127.0.0.1:42890 --seconds 1"), 0);
	said("it rings");
	said("the queue has answered");
	said("hung up by us");
	assert_int_equal(
	    ctl("test-call support --to sip:support@127.0.0.1:42890 --seconds 1 --listen "
		"1000 --json"),
	    1);
	said("\"event\":\"result\"");
	assert_int_equal(ctl("test-call nowhere"), 2);
	assert_int_equal(ctl("test-call support"), 3); /* no node runs */
}
#endif

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(status_is_0_when_all_answer_and_all_is_well),
	    T(status_is_1_and_names_who_is_silent_or_unwell),
	    T(a_daemon_with_another_configuration_is_noticed),
	    T(nobody_there_is_3),
	    T(queues_count_a_site_once),
	    T(agents_and_calls_come_from_every_node),
	    T(records_are_merged_newest_first_and_masked),
	    T(an_id_tells_its_story),
	    T(a_node_is_drained_and_taken_back),
	    T(watch_with_json_gives_one_object_a_line_until_interrupted),
	    T(an_agent_is_added_and_gets_a_new_password),
	    T(config_check_tells_every_problem),
	    T(wrong_usage_is_2_and_says_what_was_meant),
#ifdef HELIO_SIPP
	    T(a_test_call_is_placed_and_its_story_told),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
