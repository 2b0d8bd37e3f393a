/* helio-keys, as an operator meets it: the program, its files, its exit codes. */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <czmq.h>
#include <cmocka.h>

enum { TEXT_MAX = 65536, DAY_S = 86400 };

static char dir[] = "/tmp/helio-keys-XXXXXX";
static char output[TEXT_MAX]; /* of the last run, both streams */

static char *in_dir(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];
	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static size_t slurp(const char *path, char text[TEXT_MAX])
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, TEXT_MAX - 1, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	assert_true(n > 0 && n < (int)sizeof(cmd));
	int status = system(cmd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Runs helio-keys inside the folder of this test. Returns its exit code. */
static int keys(const char *args)
{
	int code = shell("cd %s && exec \"$HELIO_KEYS\" %s >out 2>&1", dir, args);
	slurp(in_dir("out"), output);
	return code;
}

static void said(const char *what)
{
	if (!strstr(output, what))
		fail_msg("\"%s\" is not in: %s", what, output);
}

static void start_cluster(void)
{
	assert_int_equal(shell("rm -rf %s/k", dir), 0);
	assert_int_equal(keys("init k --cluster sunline"), 0);
	assert_int_equal(keys("site k oslo"), 0);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.1 --role node"), 0);
	assert_int_equal(keys("daemon k oslo-b1 --site oslo --addr 320 --role broker"), 0);
}

static int folder_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int folder_down(void **state)
{
	(void)state;
	return shell("rm -rf %s", dir);
}

static void czmq_reads_what_was_made(void **state)
{
	(void)state;
	start_cluster();
	zcert_t *pub = zcert_load(in_dir("k/curve/oslo1.pub"));
	zcert_t *key = zcert_load(in_dir("k/curve/oslo1.key"));
	assert_non_null(pub);
	assert_non_null(key);
	assert_string_equal(zcert_meta(pub, "name"), "oslo1");
	assert_string_equal(zcert_meta(pub, "site"), "oslo");
	assert_string_equal(zcert_meta(pub, "addr"), "257");
	assert_string_equal(zcert_meta(pub, "role"), "node");
	assert_string_equal(zcert_public_txt(pub), zcert_public_txt(key));
	/* The pair is one: the public key follows from the secret. */
	char derived[41];
	assert_int_equal(zmq_curve_public(derived, zcert_secret_txt(key)), 0);
	assert_string_equal(derived, zcert_public_txt(key));
	slurp(in_dir("k/curve/oslo1.pub"), output);
	assert_null(strstr(output, zcert_secret_txt(key)));
	zcert_destroy(&pub);
	zcert_destroy(&key);
}

static void a_nodes_certificate_opens_with_the_clusters_key(void **state)
{
	(void)state;
	uint8_t cluster_pub[32], bytes[SEAL_CERT_LEN_MAX], secret[32];
	struct seal_cert c;
	size_t n;
	int64_t now_s = wall_ms() / 1000;
	start_cluster();
	assert_int_equal(seal_file_read(in_dir("k/cluster.pub"), cluster_pub, 32, false), 0);
	assert_int_equal(seal_file_read(in_dir("k/noise/oslo1.key"), secret, 32, true), 0);
	assert_int_equal(
	    seal_file_read_some(in_dir("k/noise/oslo1.cert"), bytes, sizeof(bytes), &n, false), 0);
	assert_int_equal(seal_cert_open(&c, bytes, n, cluster_pub, now_s), 0);
	assert_string_equal(c.cluster, "sunline");
	assert_string_equal(c.node, "oslo1");
	assert_int_equal(c.addr, 257);
	assert_true(c.not_after_s - now_s > 364 * DAY_S);
	/* And the key on disk is the one it speaks of: a handshake with it succeeds. */
	struct seal_keypair device, node = {.pub = {0}};
	struct seal_handshake a, b;
	uint8_t wire[128], payload[128];
	memcpy(node.pub, c.noise_pub, 32);
	memcpy(node.key, secret, 32);
	seal_keypair_new(&device);
	seal_handshake_init(&a, true, &device, c.noise_pub, "", 0);
	seal_handshake_init(&b, false, &node, NULL, "", 0);
	assert_int_equal(seal_handshake_write(&a, "", 0, wire, sizeof(wire), &n, NULL), 0);
	assert_int_equal(seal_handshake_read(&b, wire, n, payload, sizeof(payload), &n, NULL), 0);
}

static void secrets_are_for_their_owner_only(void **state)
{
	(void)state;
	static const char *const secrets[] = {
	    "k/cluster.key",     "k/ticket.key",        "k/site-oslo.key",    "k/curve/oslo1.key",
	    "k/noise/oslo1.key", "k/curve/oslo-b1.key", "k/operator-anna.key"};
	struct stat st;
	umask(0);
	start_cluster();
	assert_int_equal(keys("operator k anna"), 0);
	umask(022);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(secrets); i++) {
		assert_int_equal(stat(in_dir(secrets[i]), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static int fingerprint_changed(void)
{
	return shell("cd %s/k && find . -type f | sort | xargs sha256sum | cmp -s - ../sums", dir);
}

static void fingerprint_take(void)
{
	assert_int_equal(shell("cd %s/k && find . -type f | sort | xargs sha256sum > ../sums", dir),
			 0);
}

static void repeating_a_command_changes_nothing(void **state)
{
	(void)state;
	start_cluster();
	fingerprint_take();
	assert_int_equal(keys("init k --cluster sunline"), 0);
	assert_null(strstr(output, "made"));
	assert_int_equal(keys("init k"), 0);
	assert_int_equal(keys("site k oslo"), 0);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 257 --role node"), 0);
	assert_null(strstr(output, "made"));
	said("kept  k/noise/oslo1.cert");
	assert_int_equal(fingerprint_changed(), 0);
}

static void what_an_interrupted_run_left_out_is_completed(void **state)
{
	(void)state;
	start_cluster();
	fingerprint_take();
	assert_int_equal(shell("cd %s/k && rm cluster.pub ticket.key curve/oslo1.pub", dir), 0);
	assert_int_equal(keys("init k"), 0);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 257 --role node"), 0);
	assert_int_equal(shell("cd %s/k && grep -v ticket ../sums | sha256sum -c --quiet", dir), 0);
	assert_int_equal(shell("test -f %s/k/ticket.key", dir), 0);
}

static void nothing_is_replaced_without_force(void **state)
{
	(void)state;
	static const char *const refused[] = {
	    "daemon k oslo1 --site oslo --addr 1.2 --role node",
	    "daemon k oslo1 --site manila --addr 1.1 --role node",
	    "init k --cluster moonline",
	};
	start_cluster();
	fingerprint_take();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(refused); i++) {
		assert_int_equal(keys(refused[i]), 1);
		said("remedy:");
	}
	assert_int_equal(fingerprint_changed(), 0);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.2 --role node --force"), 0);
	said("note: copy the new oslo1.pub");
	assert_int_equal(fingerprint_changed(), 1);
	assert_int_equal(keys("show k"), 0);
}

static void a_public_key_without_its_secret_is_left_alone(void **state)
{
	(void)state;
	start_cluster();
	assert_int_equal(shell("rm %s/k/curve/oslo1.key %s/k/cluster.key", dir, dir), 0);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.1 --role node"), 1);
	said("made elsewhere");
	assert_int_equal(keys("init k"), 1);
	said("cluster.key is not");
	assert_int_equal(keys("daemon k oslo2 --site oslo --addr 1.2 --role node"), 1);
	said("must be signed");
}

/* Signs oslo1's certificate as if `left_s` of a year were left. */
static void age_certificate(int64_t left_s)
{
	uint8_t sign_key[64], cluster_pub[32], bytes[SEAL_CERT_LEN_MAX];
	struct seal_cert c;
	size_t n;
	int64_t now_s = wall_ms() / 1000;
	char *path = in_dir("k/noise/oslo1.cert");
	assert_int_equal(seal_file_read(in_dir("k/cluster.key"), sign_key, 64, true), 0);
	assert_int_equal(seal_file_read(in_dir("k/cluster.pub"), cluster_pub, 32, false), 0);
	assert_int_equal(seal_file_read_some(path, bytes, sizeof(bytes), &n, false), 0);
	assert_int_equal(seal_cert_open(&c, bytes, n, cluster_pub, now_s), 0);
	c.not_after_s = now_s + left_s;
	c.not_before_s = c.not_after_s - 365 * DAY_S;
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(seal_file_write(path, bytes, n, false), 0);
}

static void a_certificate_near_its_end_is_signed_anew_with_the_same_key(void **state)
{
	(void)state;
	static const int64_t left_s[] = {29 * DAY_S, -DAY_S};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(left_s); i++) {
		start_cluster();
		age_certificate(left_s[i]);
		assert_int_equal(keys("show k"), 1);
		said(left_s[i] > 0 ? "ends in 2" : "outside its validity");
		assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.1 --role node"), 0);
		said("made  k/noise/oslo1.cert");
		said("kept  k/noise/oslo1.key");
		assert_int_equal(keys("show k"), 0);
	}
	age_certificate(31 * DAY_S);
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.1 --role node"), 0);
	said("kept  k/noise/oslo1.cert");
	assert_int_equal(keys("daemon k oslo1 --site oslo --addr 1.1 --role node --renew"), 0);
	said("made  k/noise/oslo1.cert");
}

static void an_operators_secret_lies_outside_the_folder_that_daemons_read(void **state)
{
	(void)state;
	start_cluster();
	assert_int_equal(keys("operator k anna"), 0);
	assert_int_equal(shell("cd %s/k && test \"$(ls operators)\" = anna.pub", dir), 0);
	zcertstore_t *store = zcertstore_new(in_dir("k/operators"));
	zcert_t *key = zcert_load(in_dir("k/operator-anna.key"));
	assert_non_null(store);
	assert_non_null(key);
	/* What ZAP does with a caller's key. */
	zcert_t *found = zcertstore_lookup(store, zcert_public_txt(key));
	assert_non_null(found);
	assert_string_equal(zcert_meta(found, "name"), "anna");
	assert_string_equal(zcert_meta(found, "role"), "operator");
	zcertstore_destroy(&store);
	zcert_destroy(&key);
	fingerprint_take();
	assert_int_equal(keys("operator k anna"), 0);
	assert_int_equal(fingerprint_changed(), 0);
}

static void show_tells_what_is_wrong_and_no_secret(void **state)
{
	(void)state;
	char secret[TEXT_MAX];
	start_cluster();
	assert_int_equal(keys("operator k anna"), 0);
	assert_int_equal(keys("show k"), 0);
	said("sunline");
	said(" days left");
	said("anna");
	slurp(in_dir("k/cluster.key"), secret);
	secret[64] = '\0'; /* the seed half: the other half is the public key */
	assert_null(strstr(output, secret));
	assert_int_equal(shell("chmod 640 %s/k/ticket.key", dir), 0);
	assert_int_equal(keys("show k"), 1);
	said("others can read k/ticket.key");
	assert_int_equal(keys("init k"), 1);
	said("chmod 600");
	start_cluster();
	assert_int_equal(keys("init k --force"), 0);
	said("every node certificate is void");
	assert_int_equal(keys("show k"), 1);
	said("not signed by this cluster's key");
}

static void mistakes_are_answered_with_a_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *args;
		int code;
		const char *says;
	} wrong[] = {
	    {"", 2, "helio-keys from-config"},
	    {"mint k", 2, "no such command"},
	    {"init", 2, "usage: helio-keys init"},
	    {"init k --cluster Sun", 1, "is no name for a cluster"},
	    {"site k ../oslo", 1, "is no name for a site"},
	    {"site nowhere oslo", 1, "no such folder"},
	    {"daemon k x --addr 1.1 --role node", 1, "which site"},
	    {"daemon k x --site oslo --role node", 1, "which address"},
	    {"daemon k x --site oslo --addr 1.1", 1, "what is x"},
	    {"daemon k x --site oslo --addr 1.1 --role broker", 1, "no address of a broker"},
	    {"daemon k x --site oslo --addr 0.1 --role node", 1, "no address of a node"},
	    {"daemon k x --site oslo --addr 1.1 --role cook", 1, "no such role"},
	    {"daemon k x --site oslo --addr 1.300 --role node", 2, "is no address"},
	    {"daemon k x --site oslo --addr -1 --role node", 2, "is no address"},
	    {"daemon k x --site oslo --addr 1.1 --role node --days 0", 2, "1 to 3650"},
	    {"init k --frce", 2, "remedy:"},
	    {"from-config nowhere.yaml", 1, "remedy:"},
	    {"from-config nowhere.yaml --force", 1, "never replaces"},
	};
	start_cluster();
	fingerprint_take();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(wrong); i++) {
		int code = keys(wrong[i].args);
		if (code != wrong[i].code)
			fail_msg("helio-keys %s: exit %d: %s", wrong[i].args, code, output);
		said(wrong[i].says);
	}
	assert_int_equal(fingerprint_changed(), 0);
	assert_int_equal(keys("--help"), 0);
}

static void from_config_completes_the_keys_of_every_daemon(void **state)
{
	(void)state;
	/* Sounds are not needed for keys, but a configuration that names them wants them there. */
	assert_int_equal(
	    shell("cp -r \"$HELIO_EXAMPLE\"/agents.yaml \"$HELIO_EXAMPLE\"/hours %s/ && sed "
		  "'/greeting:/d; /music:/d; /moment:/d' "
		  "\"$HELIO_EXAMPLE\"/cluster.yaml > %s/cluster.yaml && rm -rf %s/keys",
		  dir, dir, dir),
	    0);
	assert_int_equal(keys("from-config cluster.yaml"), 0);
	said("noise/manila2.cert");
	said("curve/bogota-g1.pub");
	said("site-oslo.key");
	assert_int_equal(keys("show keys"), 0);
	said("oslo-b1                  broker    oslo               1.64 ");
	assert_int_equal(keys("from-config cluster.yaml"), 0);
	said("cluster sunline: 0 made");
	assert_int_equal(shell("rm %s/keys/curve/oslo2.*", dir), 0);
	assert_int_equal(keys("from-config cluster.yaml"), 0);
	said("cluster sunline: 2 made");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(czmq_reads_what_was_made),
	    cmocka_unit_test(a_nodes_certificate_opens_with_the_clusters_key),
	    cmocka_unit_test(secrets_are_for_their_owner_only),
	    cmocka_unit_test(repeating_a_command_changes_nothing),
	    cmocka_unit_test(what_an_interrupted_run_left_out_is_completed),
	    cmocka_unit_test(nothing_is_replaced_without_force),
	    cmocka_unit_test(a_public_key_without_its_secret_is_left_alone),
	    cmocka_unit_test(a_certificate_near_its_end_is_signed_anew_with_the_same_key),
	    cmocka_unit_test(an_operators_secret_lies_outside_the_folder_that_daemons_read),
	    cmocka_unit_test(show_tells_what_is_wrong_and_no_secret),
	    cmocka_unit_test(mistakes_are_answered_with_a_remedy),
	    cmocka_unit_test(from_config_completes_the_keys_of_every_daemon),
	};
	if (seal_init() || !getenv("HELIO_KEYS") || !getenv("HELIO_EXAMPLE")) {
		fputs(
		    "HELIO_KEYS and HELIO_EXAMPLE name the program and a configuration: ctest sets "
		    "them\n",
		    stderr);
		return 1;
	}
	return cmocka_run_group_tests(tests, folder_up, folder_down);
}
