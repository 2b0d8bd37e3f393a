/*
 * Sealed frames a second through a true gateway and a true node: some sealed connections, each with
 * a window of pings under way. A ping is a sealed frame, its pong another.
 *
 *   sealed_bench GATEWAY:PORT CLUSTER.PUB [CONNECTIONS [WINDOW [MS [ROUNDS]]]]
 *
 * One line for each round: {"frames_per_s":…,"rtt_p50_us":…}. The gateway's limits for one browser
 * must be raised for this (--limit rate=100000 --limit burst=100000).
 */
#include "tests/tools/agent/link.h"
#include "common/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 256, WINDOW_MAX = 128, OPEN_MS = 10000, WARM_UP_MS = 300 };

struct bench {
	struct link_conf conf;
	struct seal_keypair device;
	struct link *link[CONNECTIONS_MAX];
	uint32_t connections, window, up;
	uint64_t pongs, rtt_sum_us;
	bool failed;
	struct tmr tmr;
};

static struct bench bench;

static void ping(struct link *l)
{
	link_send(l, json_pack("{ss sI}", "t", "ping", "n", (json_int_t)mono_us()));
}

static void up_h(const char *node, void *arg)
{
	(void)node;
	(void)arg;
	if (++bench.up == bench.connections)
		re_cancel();
}

static void msg_h(const char *type, const json_t *msg, void *arg)
{
	struct link **l = arg;
	if (strcmp(type, "pong") != 0)
		return;
	bench.pongs++;
	bench.rtt_sum_us += mono_us() - (uint64_t)json_integer_value(json_object_get(msg, "n"));
	ping(*l);
}

static void down_h(const char *why, int code, void *arg)
{
	struct link **l = arg;
	*l = NULL;
	fprintf(stderr, "sealed_bench: a link ended: %s (%d)\n", why, code);
	bench.failed = true;
	re_cancel();
}

static void on_time(void *arg)
{
	(void)arg;
	re_cancel();
}

static void run_ms(uint64_t ms)
{
	tmr_start(&bench.tmr, ms, on_time, NULL);
	(void)re_main(NULL);
	tmr_cancel(&bench.tmr);
}

static int number(char **argv, int argc, int at, int other, int max)
{
	int v = at < argc ? atoi(argv[at]) : other;
	if (v < 1 || v > max) {
		fprintf(stderr, "sealed_bench: %s: 1 to %d\n", argv[at], max);
		exit(2);
	}
	return v;
}

static int open_all(const char *gateway, const char *pub)
{
	bench.conf.device = &bench.device;
	seal_keypair_new(&bench.device);
	(void)str_copy(bench.conf.host, sizeof(bench.conf.host), gateway);
	int err = sa_decode(&bench.conf.gateway, gateway, strlen(gateway));
	if (!err)
		err = seal_file_read(pub, bench.conf.cluster_pub, SEAL_KEY_LEN, false);
	for (uint32_t i = 0; i < bench.connections && !err; i++)
		err = link_open(&bench.link[i], &bench.conf, up_h, msg_h, down_h, &bench.link[i]);
	if (!err)
		run_ms(OPEN_MS);
	if (!err && bench.up < bench.connections)
		err = ETIMEDOUT;
	return err;
}

static void measure(uint32_t ms)
{
	uint64_t pongs = bench.pongs, sum = bench.rtt_sum_us, start = mono_us();
	run_ms(ms);
	double s = (double)(mono_us() - start) / 1e6;
	pongs = bench.pongs - pongs;
	if (pongs && !bench.failed)
		printf("{\"frames_per_s\":%.0f,\"rtt_mean_us\":%.0f}\n", 2.0 * (double)pongs / s,
		       (double)(bench.rtt_sum_us - sum) / (double)pongs);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: sealed_bench GATEWAY:PORT CLUSTER.PUB [CONNECTIONS [WINDOW "
				"[MS [ROUNDS]]]]\n");
		return 2;
	}
	bench.connections = (uint32_t)number(argv, argc, 3, 16, CONNECTIONS_MAX);
	bench.window = (uint32_t)number(argv, argc, 4, 8, WINDOW_MAX);
	uint32_t ms = (uint32_t)number(argv, argc, 5, 2000, 60000);
	int rounds = number(argv, argc, 6, 3, 100);
	if (libre_init() || seal_init())
		return 1;
	tmr_init(&bench.tmr);
	int err = open_all(argv[1], argv[2]);
	if (err)
		fprintf(stderr, "sealed_bench: %s\n", strerror(err));
	for (uint32_t i = 0; i < bench.connections && !err; i++)
		for (uint32_t k = 0; k < bench.window; k++)
			ping(bench.link[i]);
	if (!err)
		run_ms(WARM_UP_MS);
	for (int i = 0; i < rounds && !err && !bench.failed; i++)
		measure(ms);
	for (uint32_t i = 0; i < bench.connections; i++)
		bench.link[i] = link_close(bench.link[i]);
	libre_close();
	return err || bench.failed ? 1 : 0;
}
