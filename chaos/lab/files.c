/* The file tree of each machine: one configuration, the same on all, and keys, state, sockets of
 * its own. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/base/base.h"

static void put_daemons(FILE *f, uint32_t s)
{
	fputs("    brokers:\n", f);
	for (uint32_t i = 0; i < LAB_PER_SITE; i++)
		fprintf(f, "      %s-b%u: {ordinal: %u, address: %s, mesh: 7001, metrics: 9164}\n",
			lab_site_name(s), i + 1, 64 + i, lab_machine_ip(s * LAB_PER_SITE + i));
	fputs("    nodes:\n", f);
	for (uint32_t i = 0; i < LAB_PER_SITE; i++)
		fprintf(f,
			"      %s: {ordinal: %u, address: %s, mesh: 7101, metrics: 9101, sip: %d, "
			"media_ports: 20000-27999, journal: %s:%d, media_threads: 1}\n",
			lab_machine_name(s * LAB_PER_SITE + i), i + 1,
			lab_machine_ip(s * LAB_PER_SITE + i), SIP_PORT,
			lab_machine_ip(s * LAB_PER_SITE + i), JOURNAL_PORT);
	fputs("    gateways:\n", f);
	for (uint32_t i = 0; i < LAB_PER_SITE; i++)
		fprintf(f,
			"      %s-g%u: {ordinal: %u, address: %s, mesh: 7201, http: %d, metrics: "
			"9196}\n",
			lab_site_name(s), i + 1, 96 + i, lab_machine_ip(s * LAB_PER_SITE + i),
			HTTP_PORT);
}

static void put_queue(FILE *f, const struct lab_conf *c, const char *name, const char *skill,
		      unsigned priority)
{
	fprintf(f, "  %s: {display: %s, skills: [%s], priority: %u, ", name, name, skill, priority);
	if (c->audio)
		fprintf(f, "greeting: %s/moment.wav, music: %s/music.wav, ", c->audio, c->audio);
	fprintf(f, "%s}\n",
		c->queue && *c->queue ? c->queue
				      : "wrap_up: 0s, ring_timeout: 10s, missed_limit: 10, "
					"overflow: [{when: no_idle_here, to: any_open}]");
}

static void put_cluster(FILE *f, const struct lab_conf *c)
{
	fprintf(f,
		"# Written by helio-chaos for a lab that is thrown away.\ncluster: lab\n"
		"agents: agents.yaml\n"
		"paths: {keys: keys, state: state, run: run, web: %s}\n"
		"allow_plain_agents: true\ntrunks: [10.9.0.0/16]\npresence:\n  redis: [",
		c->web ? c->web : "web");
	for (uint32_t s = 0; s < LAB_SITES; s++)
		fprintf(f, "%s%s:%d", s ? ", " : "", lab_machine_ip(s * LAB_PER_SITE),
			PRESENCE_PORT);
	fputs("]\n  sentinels: [", f);
	for (uint32_t s = 0; s < LAB_SITES; s++)
		fprintf(f, "%s%s:%d", s ? ", " : "", lab_machine_ip(s * LAB_PER_SITE),
			SENTINEL_PORT);
	fputs("]\nskills: [lang.en", f);
	for (uint32_t s = 0; s < LAB_SITES; s++)
		fprintf(f, ", desk.%s", lab_site_name(s));
	fputs("]\nsites:\n", f);
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		static const char *const zone[] = {"Europe/Oslo", "Asia/Manila", "America/Bogota"};
		fprintf(f, "  %s:\n    number: %u\n    timezone: %s\n    languages: [en]\n",
			lab_site_name(s), s + 1, zone[s]);
		put_daemons(f, s);
	}
	fputs("queues:\n", f);
	put_queue(f, c, "support", "lang.en", 3);
	/* Each is staffed at one site only: who calls it elsewhere talks across a line. They go
	 * first, so that there are as many such talks as callers. */
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		char queue[LAB_NAME_SIZE], skill[LAB_NAME_SIZE];
		snprintf(queue, sizeof(queue), LAB_DESK_QUEUE "%s", lab_site_name(s));
		snprintf(skill, sizeof(skill), "desk.%s", lab_site_name(s));
		put_queue(f, c, queue, skill, 1);
	}
}

/* Agents of a lab have a cheap hash: Argon2id at full strength would be the load. */
static int put_agents(struct lab *lab, FILE *f)
{
	char hash[crypto_pwhash_STRBYTES];
	if (sodium_init() < 0 ||
	    crypto_pwhash_str(hash, LAB_PASSWORD, strlen(LAB_PASSWORD), crypto_pwhash_OPSLIMIT_MIN,
			      crypto_pwhash_MEMLIMIT_MIN))
		return lab_fail(lab, EIO, "a password cannot be hashed");
	fputs(lab->conf.agents ? "version: 1\nagents:\n" : "version: 1\nagents: {}\n", f);
	for (uint32_t i = 1; i <= lab->conf.agents; i++)
		fprintf(f,
			"  load%u: {display: \"Load %u\", site: %s, language: en, codec: pcmu, "
			"skills: [lang.en, desk.%s], password: \"%s\"}\n",
			i, i, lab_site_name(lab_agent_site(&lab->conf, i)),
			lab_site_name(lab_agent_site(&lab->conf, i)), hash);
	return 0;
}

static int put_file(struct lab *lab, const char *name, int (*put)(struct lab *lab, FILE *f))
{
	char path[LAB_PATH_SIZE + 64];
	snprintf(path, sizeof(path), "%s/base/%s", lab->conf.dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	(void)fchmod(fileno(f), 0600);
	int err = put(lab, f);
	if (fclose(f) && !err)
		err = lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	return err;
}

static int cluster_h(struct lab *lab, FILE *f)
{
	put_cluster(f, &lab->conf);
	return 0;
}

static int password_h(struct lab *lab, FILE *f)
{
	(void)lab;
	fputs(LAB_PASSWORD "\n", f);
	return 0;
}

/* The first site's server is the master at first; one copy the others. */
static int put_redis(struct lab *lab, uint32_t s)
{
	char path[LAB_PATH_SIZE + 64];
	const char *ip = lab_machine_ip(s * LAB_PER_SITE), *m = lab_machine_name(s * LAB_PER_SITE);
	snprintf(path, sizeof(path), "%s/%s/presence.conf", lab->conf.dir, m);
	FILE *f = fopen(path, "we");
	if (!f)
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	fprintf(f,
		"bind %s\nport %d\nprotected-mode no\ndir %s/%s\nsave \"\"\nappendonly no\n"
		"repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n"
		"min-replicas-to-write 1\nmin-replicas-max-lag 5\n",
		ip, PRESENCE_PORT, lab->conf.dir, m);
	if (s)
		fprintf(f, "replicaof %s %d\n", lab_machine_ip(0), PRESENCE_PORT);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s/sentinel.conf", lab->conf.dir, m);
	f = fopen(path, "we");
	if (!f)
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	fprintf(f,
		"bind %s\nport %d\nprotected-mode no\ndir %s/%s\n"
		"sentinel monitor presence %s %d 2\n"
		"sentinel down-after-milliseconds presence 2000\n"
		"sentinel failover-timeout presence 6000\nsentinel parallel-syncs presence 2\n",
		ip, SENTINEL_PORT, lab->conf.dir, m, lab_machine_ip(0), PRESENCE_PORT);
	fclose(f);
	return 0;
}

/* Sockets and keys of its own; state on a small disk where it shall be possible to fill it. */
static int machine_tree(struct lab *lab, uint32_t m)
{
	const char *dir = lab->conf.dir, *name = lab_machine_name(m);
	char state[LAB_PATH_SIZE + 64], options[64];
	int err = lab_run(lab,
			  "cp -rp %s/base %s/%s && mkdir -p %s/%s/run %s/%s/state %s/%s/web "
			  "&& chmod 700 %s/%s/run %s/%s/state",
			  dir, dir, name, dir, name, dir, name, dir, name, dir, name, dir, name);
	if (err || !lab->conf.small_disks)
		return err;
	snprintf(state, sizeof(state), "%s/%s/state", dir, name);
	snprintf(options, sizeof(options), "size=%dm,mode=0700", LAB_STATE_MB);
	if (mount("tmpfs", state, "tmpfs", 0, options))
		return lab_fail(lab, errno, "a small disk at %s: %s", state, strerror(errno));
	return 0;
}

/* base/ sees the whole cluster: links to each daemon's socket, for the runner and for helioctl. */
static int sockets_link(struct lab *lab, uint32_t m)
{
	const char *dir = lab->conf.dir, *name = lab_machine_name(m),
		   *site = lab_site_name(lab_machine_site(m));
	uint32_t n = m % LAB_PER_SITE + 1;
	return lab_run(lab,
		       "cd %s/base/run && ln -s ../../%s/run/%s.admin . && "
		       "ln -s ../../%s/run/%s-b%u.admin . && ln -s ../../%s/run/%s-g%u.admin .",
		       dir, name, name, name, site, n, name, site, n);
}

int files_make(struct lab *lab)
{
	const char *dir = lab->conf.dir, *bin = lab->conf.bin;
	int err = lab_run(lab, "mkdir -p %s/base/state %s/base/run %s/traces %s/logs", dir, dir,
			  lab->conf.out, lab->conf.out);
	if (!err)
		err = put_file(lab, "cluster.yaml", cluster_h);
	if (!err)
		err = put_file(lab, "agents.yaml", put_agents);
	if (!err)
		err = put_file(lab, "password", password_h);
	if (!err)
		err = lab_run(lab, "%s/helio-keys from-config %s/base/cluster.yaml", bin, dir);
	if (!err)
		err = lab_run(lab, "%s/helioctl config check %s/base/cluster.yaml", bin, dir);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++)
		err = machine_tree(lab, m);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++)
		err = sockets_link(lab, m);
	for (uint32_t s = 0; s < LAB_SITES && !err; s++)
		err = put_redis(lab, s);
	return err;
}
