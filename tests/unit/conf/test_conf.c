#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/conf/options.h"

/* A cluster of one site that is right; `extra` goes to its end. */
#define GOOD_HEAD                                                                  \
	"cluster: sunline\n"                                                       \
	"presence: {redis: [127.0.1.1:42400]}\n"                                   \
	"skills: [lang.en, lang.nb, product.orders]\n"                             \
	"sites:\n"                                                                 \
	"  oslo:\n"                                                                \
	"    number: 1\n"                                                          \
	"    timezone: Europe/Oslo\n"                                              \
	"    brokers: {oslo-b1: {ordinal: 64, address: 127.0.1.1, mesh: 42001}}\n" \
	"    nodes:\n"                                                             \
	"      oslo1: {ordinal: 1, address: 127.0.1.1, mesh: 42101, sip: 42060, "  \
	"media_ports: 42200-42299}\n"
#define GOOD_QUEUES \
	"queues:\n" \
	"  support: {skills: [lang.en]}\n"
#define GOOD_AGENTS "agents: {maria: {site: oslo, skills: [lang.en]}}\n"

/* Loads text; what was said comes back in said (freed by the caller). */
static int load_both(struct conf **ret, const char *cluster, const char *agents, char **ret_said)
{
	size_t len = 0;
	FILE *f = open_memstream(ret_said, &len);
	int err = conf_load_text(ret, "/etc/x/cluster.yaml", cluster, strlen(cluster), agents,
				 strlen(agents), false, f);

	fclose(f);
	return err;
}

static void refused(const char *cluster, const char *agents, const char *want)
{
	struct conf *c = NULL;
	char *said = NULL;

	assert_int_equal(load_both(&c, cluster, agents, &said), EINVAL);
	assert_null(c);
	if (!strstr(said, want))
		fail_msg("wanted: %s\nsaid: %s", want, said);
	free(said);
}

static struct conf *accepted(const char *cluster, const char *agents, const char *want)
{
	struct conf *c = NULL;
	char *said = NULL;
	int err = load_both(&c, cluster, agents, &said);

	if (err)
		fail_msg("refused: %s", said);
	if (want)
		assert_non_null(strstr(said, want));
	else
		assert_string_equal(said, "");
	free(said);
	return c;
}

static void the_example_cluster_loads_without_a_word(void **state)
{
	struct conf *c = NULL;
	char *said = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&said, &len);

	(void)state;
	int err = conf_load(&c, EXAMPLE_DIR "/cluster.yaml", f);
	fclose(f);
	if (err)
		fail_msg("%s", said);
	/* The folder this tree lies in may be deep: only that warning is allowed. */
	if (*said)
		assert_non_null(strstr(said, "Unix socket"));
	free(said);
	assert_int_equal(c->sites_n, 3);
	assert_int_equal(c->daemons_n, 12);
	assert_int_equal(c->queues_n, 3);
	const struct conf_daemon *d = conf_daemon_by_name(c, "manila2");
	assert_non_null(d);
	assert_int_equal(d->addr, addr_make(2, 2));
	assert_string_equal(d->mesh.host, "127.0.2.1");
	assert_string_equal(d->advertise, "127.0.2.1");
	assert_int_equal(d->media_port_max, 23999);
	assert_ptr_equal(conf_daemon_by_addr(c, d->addr), d);
	const struct conf_queue *q = conf_queue_by_name(c, "kundesenter");
	assert_false(q->overflow_no_idle);
	assert_int_equal(q->hours_n, 1);
	assert_int_equal(q->closed_to, ACD_CLOSED_REFUSE);
	assert_int_equal(q->sl_target_pct, 80);
	assert_ptr_equal(conf_queue_by_id(c, q->id), q);
	const struct conf_agent *a = conf_agent_by_name(c, "ingrid");
	assert_int_equal(a->site, 1);
	assert_string_equal(a->language, "nb");
	assert_ptr_equal(conf_agent_by_id(c, a->id), a);
	assert_null(conf_agent_by_name(c, "nobody"));
	conf_free(c);
}

static void defaults_stand_in_for_what_is_left_out(void **state)
{
	struct conf *c = accepted(GOOD_HEAD GOOD_QUEUES, GOOD_AGENTS, NULL);

	(void)state;
	assert_string_equal(c->run_dir, "/etc/x/run");
	assert_string_equal(c->agents_file, "/etc/x/agents.yaml");
	assert_int_equal(c->queues[0].wrap_up_ms, 15000);
	assert_int_equal(c->queues[0].sl_within_ms, 20000);
	assert_string_equal(c->queues[0].display, "support");
	assert_int_equal(conf_daemon_by_name(c, "oslo1")->calls_max, 1000);
	assert_string_equal(c->agents[0].password, "!");
	assert_int_equal(c->presence.n, 1);
	conf_free(c);
}

static void ids_are_written_with_the_daemons_name_and_read_back(void **state)
{
	struct conf *c = accepted(GOOD_HEAD GOOD_QUEUES, GOOD_AGENTS, NULL);
	char buf[ID_STR_SIZE];
	uint64_t id = id_make(addr_make(1, 64), 0x2f, 0x91), gone = id_make(addr_make(9, 3), 1, 2),
		 back = 0;

	(void)state;
	assert_string_equal(conf_id_format(c, buf, id), "oslo-b1-2f-91");
	assert_int_equal(conf_id_parse(c, buf, &back), 0);
	assert_true(back == id);
	assert_string_equal(conf_id_format(c, buf, gone), "9.3-1-2");
	assert_int_equal(conf_id_parse(c, buf, &back), 0);
	assert_true(back == gone);
	assert_int_equal(conf_id_parse(c, "nowhere1-1-1", &back), EINVAL);
	assert_int_equal(conf_id_parse(c, "", &back), EINVAL);
	conf_free(c);
}

static void the_core_gets_the_queues_as_they_are_meant(void **state)
{
	struct conf *c = accepted(
	    GOOD_HEAD "queues:\n  support: {skills: [lang.nb], overflow: [{after: 500ms, to: "
		      "any_open}], remote_handicap: 3s, priority: 0}\n",
	    "agents: {maria: {site: oslo, skills: [lang.nb]}}", NULL);
	struct acd_queue_conf *q = NULL;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(conf_acd_queues(c, &q, &n), 0);
	assert_int_equal(n, 1);
	assert_true(q[0].skills.bits == 2); /* lang.en, lang.nb, product.orders */
	assert_int_equal(q[0].overflow_after_ms, 500);
	assert_int_equal(q[0].remote_handicap_ms, 3000);
	assert_int_equal(q[0].id.v, (uint32_t)hash_str("support"));
	free(q);
	conf_free(c);
}

static void levels_strategies_and_steps_reach_the_core(void **state)
{
	struct conf *c = accepted(
	    GOOD_HEAD
	    "queues:\n  support: {skills: {lang.nb: 6, lang.en: 2}, strategy: linear, ageing: 1m,\n"
	    "    relax: [{after: 30s, skills: {lang.nb: 4}}, {after: 1m, skills: {lang.en: 0}}],\n"
	    "    max_length: 9, max_wait: 10m, missed_limit: 3, overflow: [{when: queue_longer,\n"
	    "    longer_than: 5, to: any_open}, {when: ewt, above: 2m, to: any_open}]}\n",
	    "agents: {maria: {site: oslo, skills: {lang.nb: 4, lang.en: 9}, rank: 7}}", NULL);
	struct acd_queue_conf *q = NULL;
	uint32_t n = 0;

	(void)state; /* lang.en 0, lang.nb 1, product.orders 2 */
	assert_int_equal(conf_acd_queues(c, &q, &n), 0);
	assert_int_equal(q->skills.bits, 3);
	assert_int_equal(q->levels.w[0], 0x62);
	assert_int_equal(q->strategy, ACD_LINEAR);
	assert_int_equal(q->ageing_ms, 60000);
	assert_int_equal(q->relax_n, 2);
	assert_int_equal(q->relax[0].after_ms, 30000);
	assert_int_equal(q->relax[0].skills.bits, 3);
	assert_int_equal(q->relax[0].levels.w[0], 0x42); /* the rest as before */
	assert_int_equal(q->relax[1].skills.bits, 2);
	assert_int_equal(q->relax[1].levels.w[0], 0x40);
	assert_int_equal(q->max_length, 9);
	assert_int_equal(q->max_wait_ms, 600000);
	assert_int_equal(q->missed_limit, 3);
	assert_int_equal(q->overflow_longer, 5);
	assert_int_equal(q->overflow_ewt_ms, 120000);
	assert_int_equal(c->agents[0].levels.w[0], 0x49);
	assert_int_equal(c->agents[0].rank, 7);
	free(q);
	conf_free(c);
}

static void a_group_a_weight_and_a_tenant_reach_the_core(void **state)
{
	struct conf *c = accepted(
	    GOOD_HEAD
	    "queues:\n  support: {tenant: kontur, strategy: ring_all, ring_at_once: 3, "
	    "weight: 150%, skills: [lang.en], relax: [{after: 9s, skills: {lang.en: 0}}]}\n"
	    "  sales: {tenant: other}\n",
	    "agents: {maria: {site: oslo, tenant: kontur}, jose: {site: oslo, tenant: other}}",
	    NULL);
	struct acd_queue_conf *q = NULL;
	uint32_t n = 0;

	(void)state; /* three skills are given by hand: bit 3 is kontur, bit 4 other */
	assert_int_equal(conf_acd_queues(c, &q, &n), 0);
	assert_int_equal(q[0].strategy, ACD_RING_ALL);
	assert_int_equal(q[0].group_max, 3);
	assert_int_equal(q[0].weight, 150);
	assert_int_equal(q[0].skills.bits, 8 | 1);
	assert_int_equal(q[0].relax[0].skills.bits, 8); /* nothing relaxes a tenant */
	assert_int_equal(q[1].skills.bits, 16);
	assert_int_equal(conf_agent_by_name(c, "maria")->skills, 8);
	assert_int_equal(conf_agent_by_name(c, "jose")->skills, 16);
	free(q);
	conf_free(c);
}

static void tenants_are_for_all_or_for_nobody(void **state)
{
	(void)state;
	refused(GOOD_HEAD "queues:\n  a: {tenant: x}\n  b: {}\n",
		"agents: {maria: {site: oslo, tenant: x}}", "this queue has none");
	refused(GOOD_HEAD "queues:\n  a: {tenant: x}\n", "agents: {maria: {site: oslo}}",
		"this agent has none");
	refused(GOOD_HEAD "queues:\n  a: {tenant: x}\n", "agents: {maria: {site: oslo, tenant: y}}",
		"no queue is of this tenant");
}

static void every_mistake_is_told_with_place_and_remedy(void **state)
{
	struct conf *c = NULL;
	char *said = NULL, expected[32768] = "", cwd[1024];
	size_t len = 0;
	FILE *f = open_memstream(&said, &len), *want;

	(void)state;
	assert_int_equal(chdir(GOLDEN_DIR), 0);
	assert_int_equal(conf_load(&c, "bad.yaml", f), EINVAL);
	fclose(f);
	/* Absolute paths of this tree are taken out: the golden file knows none. */
	assert_non_null(getcwd(cwd, sizeof(cwd) - 1));
	strcat(cwd, "/");
	for (char *p = said; (p = strstr(p, cwd));)
		memmove(p, p + strlen(cwd), strlen(p + strlen(cwd)) + 1);
	if (getenv("HELIO_GOLDEN_WRITE")) {
		want = fopen("bad.expected", "w");
		fputs(said, want);
		fclose(want);
	}
	want = fopen("bad.expected", "r");
	assert_non_null(want);
	expected[fread(expected, 1, sizeof(expected) - 1, want)] = '\0';
	fclose(want);
	assert_string_equal(said, expected);
	free(said);
}

static void broken_yaml_is_told_with_its_place(void **state)
{
	(void)state;
	refused("a: [b\n", GOOD_AGENTS, "cluster.yaml:2:1: not valid YAML");
	refused("\ta: b\n", GOOD_AGENTS, "cluster.yaml:1:1: not valid YAML");
	refused(GOOD_HEAD GOOD_QUEUES "---\na: b\n", GOOD_AGENTS, "a second document");
	refused("a: &x b\nc: *x\n", GOOD_AGENTS, "cluster.yaml:1:7: an anchor");
	refused("%YAML 1.2\n---\na: b\n", GOOD_AGENTS, "cluster.yaml:1:1: a directive");
	refused("a: b\n%\xe9", GOOD_AGENTS, "cluster.yaml:2:1: a directive");
	refused("a: !!str b\n", GOOD_AGENTS, "a tag");
	refused("", GOOD_AGENTS, "cluster: missing");
	refused("just words\n", GOOD_AGENTS, "a map is needed here");
	refused("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n", GOOD_AGENTS, "nested deeper");
	refused(GOOD_HEAD GOOD_QUEUES, "agents: {maria: {site: oslo\n",
		"agents.yaml:2:1: not valid");
}

static void overlaps_of_ports_name_both_sides(void **state)
{
	(void)state;
	refused(
	    GOOD_HEAD "      oslo2: {ordinal: 2, address: 127.0.1.1, mesh: 42102, sip: 42210, "
		      "media_ports: 42299-42399}\n" GOOD_QUEUES,
	    GOOD_AGENTS,
	    "oslo2.media_ports: port 42299 of 127.0.1.1: taken by oslo1 (media_ports, line 10)");
	refused(GOOD_HEAD "      oslo2: {ordinal: 2, address: 127.0.1.1, mesh: 42102, sip: 42210, "
			  "media_ports: 42300-42399}\n" GOOD_QUEUES,
		GOOD_AGENTS, "oslo2.sip: port 42210 of 127.0.1.1: taken by oslo1 (media_ports");
	/* Two nodes may share the machine's journal Redis; nobody may listen on its port. */
	conf_free(accepted(GOOD_HEAD
			   "        \n"
			   "      oslo2: {ordinal: 2, address: 127.0.1.1, mesh: 42102, sip: 42061, "
			   "media_ports: 42300-42399, journal: 127.0.1.1:42500}\n"
			   "      oslo3: {ordinal: 3, address: 127.0.1.1, mesh: 42103, sip: 42062, "
			   "media_ports: 42400-42499, journal: 127.0.1.1:42500}\n" GOOD_QUEUES,
			   GOOD_AGENTS, NULL));
}

/* GOOD_HEAD with another presence section (lines of their own). */
static const char *with_presence(const char *presence)
{
	static char buf[4096];

	snprintf(buf, sizeof(buf), "cluster: sunline\n%s%s", presence,
		 strstr(GOOD_HEAD GOOD_QUEUES, "skills: [lang.en, lang.nb"));
	return buf;
}

static void sentinels_tunnels_and_users_are_read(void **state)
{
	struct conf *c = accepted(
	    with_presence("presence:\n"
			  "  sentinels: [127.0.200.1:26379, 127.0.200.2:26379]\n"
			  "  user: node\n"
			  "  password_file: secrets/password.node\n"
			  "  tunnels: {\"127.0.200.1:6379\": 127.0.0.1:6401, "
			  "\"127.0.200.2:6379\": 127.0.0.1:6402}\n"
			  "journal: {user: journal, password_file: /etc/y/password.journal}\n"),
	    GOOD_AGENTS, NULL);
	const struct conf_redis *p = &c->presence;

	(void)state;
	assert_int_equal(p->n, 0);
	assert_int_equal(p->sentinels_n, 2);
	assert_string_equal(p->sentinels[1].host, "127.0.200.2");
	assert_string_equal(p->master, "presence");
	assert_string_equal(p->login.user, "node");
	assert_string_equal(p->login.password_file, "/etc/x/secrets/password.node");
	assert_int_equal(p->tunnels_n, 2);
	assert_string_equal(p->tunnels[1].from.host, "127.0.200.2");
	assert_int_equal(p->tunnels[1].from.port, 6379);
	assert_string_equal(p->tunnels[1].to.host, "127.0.0.1");
	assert_int_equal(p->tunnels[1].to.port, 6402);
	assert_string_equal(c->journal_login.user, "journal");
	assert_string_equal(c->journal_login.password_file, "/etc/y/password.journal");
	conf_free(c);
}

static void half_a_login_and_tunnels_that_lead_nowhere_are_refused(void **state)
{
	(void)state;
	refused(with_presence("presence: {redis: [127.0.1.1:42400], user: node}\n"), GOOD_AGENTS,
		"user: and password_file: belong together");
	refused(with_presence("journal: {password_file: x}\n"), GOOD_AGENTS,
		"user: and password_file: belong together");
	refused(with_presence("presence: {redis: [127.0.1.1:42400], tunnels: "
			      "{\"127.0.1.1:1\": 127.0.1.1:2}}\n"),
		GOOD_AGENTS, "there is no Sentinel");
	refused(with_presence("presence: {sentinels: [127.0.1.1:42400], tunnels: "
			      "{\"127.0.1.1:1\": 127.0.1.1:2, \"127.0.1.1:01\": nowhere}}\n"),
		GOOD_AGENTS, "presence.tunnels: '127.0.1.1:01' does not fit");
	refused(with_presence("presence: {sentinels: [127.0.1.1:42400, redis.example:1]}\n"),
		GOOD_AGENTS, "presence.sentinels: 'redis.example:1' does not fit");
}

static void what_is_legal_but_seldom_meant_is_a_warning(void **state)
{
	(void)state;
	conf_free(accepted(GOOD_HEAD "queues: {support: {skills: [lang.nb]}}\n", GOOD_AGENTS,
			   "warning: queues.support.skills: no agent has all the skills"));
	conf_free(accepted(
	    "cluster: sunline\nskills: [a]\nsites: {oslo: {number: 1, timezone: "
	    "Europe/Oslo, brokers: {b: {ordinal: 64, address: 127.0.0.1, mesh: 1}}, "
	    "nodes: {n1: {ordinal: 1, address: 127.0.0.1, mesh: 2, sip: 3, media_ports: "
	    "2000-2001}}}}\nqueues: {support: {}}\n",
	    "agents: {maria: {site: oslo}}", "warning: presence.redis: no presence Redis"));
	conf_free(accepted("cluster: sunline\nsites: {oslo: {number: 1, timezone: Europe/Oslo}}\n"
			   "queues: {support: {}}\n",
			   "agents: {maria: {site: oslo}}", "warning: sites.oslo: no node"));
}

static void a_password_in_the_clear_is_never_printed(void **state)
{
	struct conf *c = NULL;
	char *said = NULL;

	(void)state;
	assert_int_equal(load_both(&c, GOOD_HEAD GOOD_QUEUES,
				   "agents: {maria: {site: oslo, password: hunter2}}", &said),
			 EINVAL);
	assert_null(strstr(said, "hunter2"));
	assert_non_null(strstr(said, "agents.maria.password: this is not an Argon2id hash"));
	free(said);
}

static void trunks_limits_and_certificates_are_read_and_checked(void **state)
{
	struct conf *c = accepted(GOOD_HEAD GOOD_QUEUES, GOOD_AGENTS, NULL);
	(void)state;
	/* By default this machine itself, and nobody else. */
	assert_int_equal(c->trunks_n, 1);
	assert_int_equal(c->trunks[0].ip4, 0x7f000000);
	assert_int_equal(c->sip_limits.strikes, 20);
	assert_int_equal(c->sip_limits.lockout_ms, 60000);
	conf_free(c);
	c = accepted(GOOD_HEAD
		     "    gateways: {oslo-g1: {ordinal: 96, address: 127.0.1.1, mesh: 42201, "
		     "http: 42280, tls: {cert: a.pem, key: /k/b.pem}}}\n" GOOD_QUEUES
		     "trunks: [203.0.113.7, 198.51.100.0/24]\n"
		     "sip_limits: {new_calls: 7, lockout: 2s}\n",
		     GOOD_AGENTS, NULL);
	assert_int_equal(c->trunks_n, 2);
	assert_int_equal(c->trunks[0].mask, 0xffffffff);
	assert_int_equal(c->trunks[1].ip4, 0xc6336400);
	assert_int_equal(c->trunks[1].mask, 0xffffff00);
	assert_int_equal(c->sip_limits.new_calls, 7);
	assert_int_equal(c->sip_limits.lockout_ms, 2000);
	const struct conf_daemon *g = conf_daemon_by_name(c, "oslo-g1");
	assert_string_equal(g->tls_cert, "/etc/x/a.pem");
	assert_string_equal(g->tls_key, "/k/b.pem");
	conf_free(c);
	c = accepted(GOOD_HEAD GOOD_QUEUES "trunks: []\n", GOOD_AGENTS, NULL);
	assert_int_equal(c->trunks_n, 0);
	conf_free(c);
	static const char *const wrong[] = {"198.51.100.1/24", "198.51.100.0/7", "1.2.3.4/33",
					    "1.2.3.4/",        "1.2.3.4/08",     "1.2.3",
					    "0.0.0.0/8",       "carrier.example"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(wrong); i++) {
		char text[2048];
		snprintf(text, sizeof(text), "%strunks: [%s]\n", GOOD_HEAD GOOD_QUEUES, wrong[i]);
		refused(text, GOOD_AGENTS, "is neither");
	}
	refused(
	    GOOD_HEAD
	    "    gateways: {oslo-g1: {ordinal: 96, address: 127.0.1.1, mesh: 42201, http: 42280, "
	    "tls: {cert: a.pem}}}\n" GOOD_QUEUES,
	    GOOD_AGENTS, "gateways.oslo-g1.tls.key: missing");
}

static void limits_are_refused_not_overrun(void **state)
{
	char *text = NULL, *said = NULL;
	size_t len = 0;
	struct conf *c = NULL;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	fputs("cluster: sunline\nskills: [", f);
	for (int i = 0; i < 65; i++)
		fprintf(f, "%ss%d", i ? ", " : "", i);
	fputs("]\nsites:\n", f);
	for (int i = 1; i <= 65; i++)
		fprintf(f, "  s%d: {number: %d, timezone: Europe/Oslo}\n", i, i);
	fputs("queues:\n", f);
	for (int i = 0; i < 1025; i++)
		fprintf(f, "  q%d: {}\n", i);
	fclose(f);
	assert_int_equal(load_both(&c, text, "agents: {}", &said), EINVAL);
	assert_non_null(strstr(said, "at most 64 skills"));
	assert_non_null(strstr(said, "at most 64 sites"));
	assert_non_null(strstr(said, "at most 1024 queues"));
	free(said);
	free(text);
}

static void a_hundred_thousand_agents_load(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	fputs("agents:\n", f);
	for (int i = 0; i < CONF_AGENTS_MAX; i++)
		fprintf(f, "  a%d: {site: oslo, skills: [lang.en]}\n", i);
	fclose(f);
	uint64_t start = mono_us();
	struct conf *c = accepted(GOOD_HEAD GOOD_QUEUES, text, NULL);
	print_message("100000 agents in %u ms\n", (unsigned)((mono_us() - start) / 1000));
	assert_int_equal(c->agents_n, CONF_AGENTS_MAX);
	assert_non_null(conf_agent_by_name(c, "a99999"));
	free(text);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_cluster_loads_without_a_word),
	    cmocka_unit_test(defaults_stand_in_for_what_is_left_out),
	    cmocka_unit_test(ids_are_written_with_the_daemons_name_and_read_back),
	    cmocka_unit_test(the_core_gets_the_queues_as_they_are_meant),
	    cmocka_unit_test(levels_strategies_and_steps_reach_the_core),
	    cmocka_unit_test(a_group_a_weight_and_a_tenant_reach_the_core),
	    cmocka_unit_test(tenants_are_for_all_or_for_nobody),
	    cmocka_unit_test(every_mistake_is_told_with_place_and_remedy),
	    cmocka_unit_test(broken_yaml_is_told_with_its_place),
	    cmocka_unit_test(overlaps_of_ports_name_both_sides),
	    cmocka_unit_test(sentinels_tunnels_and_users_are_read),
	    cmocka_unit_test(half_a_login_and_tunnels_that_lead_nowhere_are_refused),
	    cmocka_unit_test(what_is_legal_but_seldom_meant_is_a_warning),
	    cmocka_unit_test(a_password_in_the_clear_is_never_printed),
	    cmocka_unit_test(trunks_limits_and_certificates_are_read_and_checked),
	    cmocka_unit_test(limits_are_refused_not_overrun),
	    cmocka_unit_test(a_hundred_thousand_agents_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
