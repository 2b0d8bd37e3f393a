/*
 * What a relayed call costs: one media thread with CALLS calls WebRTC ↔ plain RTP (PCMU, 50 packets
 * a second each way), beside a floor measured in the same run: a bare loop that moves the same
 * number of datagrams of the same size between the same number of sockets. Then Opus ↔ PCMU, and
 * waiting callers with music.
 *
 *   relay_bench [CALLS [SECONDS]]
 */
#include <sys/socket.h>

#include <re.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"
#include "nodes/media/media.h"

enum {
	LOOPBACK = 0x7f000001,
	CALLS_MAX = 2000,
	THREADS_SEEN_MAX = 64,
	PACKET_LEN = 172 + 16, /* PCMU with GCM's tag */
};

static void die(const char *what)
{
	fprintf(stderr, "relay_bench: %s\n", what);
	exit(1);
}

/* ---- CPU time of single threads, found by what appears in /proc/self/task */

struct tids {
	int id[THREADS_SEEN_MAX];
	int len;
};

static bool tids_has(const struct tids *t, int id)
{
	for (int i = 0; i < t->len; i++)
		if (t->id[i] == id)
			return true;
	return false;
}

/* The threads of now that are not in `before`. */
static struct tids tids_new(const struct tids *before)
{
	struct tids now = {.len = 0};
	DIR *d = opendir("/proc/self/task");
	if (!d)
		die("no /proc");
	for (struct dirent *e; (e = readdir(d)) && now.len < THREADS_SEEN_MAX;) {
		int id = atoi(e->d_name);
		if (id && (!before || !tids_has(before, id)))
			now.id[now.len++] = id;
	}
	closedir(d);
	return now;
}

static double cpu_seconds(const struct tids *t)
{
	double sum = 0;
	for (int i = 0; i < t->len; i++) {
		char path[64];
		unsigned long long ns = 0;
		snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", t->id[i]);
		FILE *f = fopen(path, "r");
		if (!f || fscanf(f, "%llu", &ns) != 1)
			die("no schedstat");
		fclose(f);
		sum += (double)ns / 1e9;
	}
	return sum;
}

static void on_time(void *arg)
{
	(void)arg;
	re_cancel();
}

static void run_ms(uint64_t ms)
{
	struct tmr tmr;
	tmr_init(&tmr);
	tmr_start(&tmr, ms, on_time, NULL);
	re_main(NULL);
	tmr_cancel(&tmr);
}

/* Percent of a core that these threads use while the loop runs. */
static double core_pct(const struct tids *t, int seconds)
{
	double cpu = cpu_seconds(t);
	uint64_t start = mono_us();
	run_ms((uint64_t)seconds * 1000);
	return (cpu_seconds(t) - cpu) * 1e8 / (double)(mono_us() - start);
}

static void print_figure(const char *name, double value, const char *unit, double floor,
			 double target)
{
	printf("{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"floor\":%.4f,\"ratio\":%.2f,"
	       "\"target\":%.4f,\"met\":%s}\n",
	       name, value, unit, floor, floor > 0 ? value / floor : 0, target,
	       value <= target ? "true" : "false");
	fflush(stdout);
}

/* ---- the floor */

struct bare {
	int calls;
	int relay[2 * CALLS_MAX], far[2 * CALLS_MAX];
	struct sockaddr_in relay_at[2 * CALLS_MAX], far_at[2 * CALLS_MAX];
	atomic_bool stop;
	atomic_ullong moved;
};

static int bare_socket(struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)ret, len) ||
	    getsockname(fd, (struct sockaddr *)ret, &len))
		die("floor: no socket (ulimit -n?)");
	return fd;
}

static void *bare_relay(void *arg)
{
	struct bare *b = arg;
	struct epoll_event evs[256];
	uint8_t buf[2048];
	int ep = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < 2 * b->calls; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		epoll_ctl(ep, EPOLL_CTL_ADD, b->relay[i], &ev);
	}
	while (!atomic_load(&b->stop)) {
		int n = epoll_wait(ep, evs, 256, 50);
		for (int i = 0; i < n; i++) {
			struct sockaddr_in from;
			socklen_t len = sizeof(from);
			uint32_t at = evs[i].data.u32, other = at ^ 1;
			ssize_t got = recvfrom(b->relay[at], buf, sizeof(buf), 0,
					       (struct sockaddr *)&from, &len);
			if (got <= 0)
				continue;
			sendto(b->relay[other], buf, (size_t)got, 0,
			       (struct sockaddr *)&b->far_at[other], sizeof(from));
			atomic_fetch_add_explicit(&b->moved, 1, memory_order_relaxed);
		}
	}
	close(ep);
	return NULL;
}

/* Speaks like so many far ends: a packet from each, every 20 ms. */
static void *bare_far(void *arg)
{
	struct bare *b = arg;
	uint8_t buf[2048] = {0};
	struct itimerspec every = {.it_interval.tv_nsec = 20000000, .it_value.tv_nsec = 1};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(timer, 0, &every, NULL);
	while (!atomic_load(&b->stop)) {
		uint64_t n;
		if (read(timer, &n, sizeof(n)) != sizeof(n))
			break;
		for (int i = 0; i < 2 * b->calls; i++) {
			while (recv(b->far[i], buf, sizeof(buf), MSG_DONTWAIT) > 0)
				;
			sendto(b->far[i], buf, PACKET_LEN, 0, (struct sockaddr *)&b->relay_at[i],
			       sizeof(b->relay_at[i]));
		}
	}
	close(timer);
	return NULL;
}

/* Percent of a core per call, from what was really moved: if the far ends could not keep up their
 * 50 packets a second on a busy machine, fewer packets must not look like a cheaper call. */
static double per_call(const char *what, double pct, double packets, int calls, int seconds)
{
	double wanted = 100.0 * calls * seconds, share = packets / wanted;
	if (share < 0.9)
		fprintf(stderr,
			"relay_bench: %s: only %.0f %% of the packets came; scaled to all\n", what,
			share * 100);
	if (share < 0.3)
		die("too few packets: the machine is too busy for a figure");
	return pct / calls / share;
}

static double measure_floor(int calls, int seconds)
{
	static struct bare b;
	pthread_t relay, far;
	b.calls = calls;
	for (int i = 0; i < 2 * calls; i++) {
		b.relay[i] = bare_socket(&b.relay_at[i]);
		b.far[i] = bare_socket(&b.far_at[i]);
	}
	struct tids before = tids_new(NULL);
	pthread_create(&relay, NULL, bare_relay, &b);
	struct tids ours = tids_new(&before);
	pthread_create(&far, NULL, bare_far, &b);
	run_ms(500);
	unsigned long long moved = atomic_load(&b.moved);
	double pct = core_pct(&ours, seconds);
	moved = atomic_load(&b.moved) - moved;
	atomic_store(&b.stop, true);
	pthread_join(relay, NULL);
	pthread_join(far, NULL);
	for (int i = 0; i < 2 * calls; i++) {
		close(b.relay[i]);
		close(b.far[i]);
	}
	return per_call("floor", pct, (double)moved, calls, seconds);
}

/* ---- ours */

struct bench {
	struct media *node, *far;
	struct tids node_tids;
	struct media_leg web[CALLS_MAX];
	int connected;
	struct media_leg agent[CALLS_MAX], phone[CALLS_MAX], leg[CALLS_MAX];
};

static void on_event(const struct media_event *ev, void *arg)
{
	struct bench *b = arg;
	if (ev->type == MEDIA_EV_CONNECTED)
		b->connected++;
	else if (ev->type == MEDIA_EV_FAILED)
		die(ev->why);
}

static struct media *start(struct bench *b, uint16_t from, uint16_t to, uint32_t threads)
{
	struct media *m = NULL;
	char why[256];
	struct media_conf conf = {.bind = "127.0.0.1",
				  .advertise = "127.0.0.1",
				  .port_min = from,
				  .port_max = to,
				  .threads = threads,
				  .legs_max = 8192,
				  .silent_ms = 60000,
				  .opus_complexity = 1};
	if (media_start(&m, &conf, on_event, b, why))
		die(why);
	return m;
}

static void bench_start(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	struct tids before = tids_new(NULL);
	b->node = start(b, 46000, 55999, 1);
	b->node_tids = tids_new(&before);
	b->far = start(b, 56000, 65500, 1);
}

static void bench_stop(struct bench *b)
{
	b->node = media_stop(b->node);
	b->far = media_stop(b->far);
}

static void plain_call(struct bench *b, int i, uint32_t hz)
{
	uint16_t port, phone_port;
	if (media_leg_plain(b->node, 0, &b->leg[i], &port) ||
	    media_leg_plain(b->far, 0, &b->phone[i], &phone_port))
		die("no plain leg (ulimit -n?)");
	struct media_remote r = {.ip4 = LOOPBACK,
				 .port = phone_port,
				 .codec = MEDIA_PCMU,
				 .dtmf_pt = 101,
				 .send = true,
				 .recv = true};
	media_leg_remote(b->node, b->leg[i], &r);
	r.port = port;
	media_leg_remote(b->far, b->phone[i], &r);
	media_leg_tone(b->far, b->phone[i], hz);
}

static double packets_sent(struct bench *b, int calls)
{
	double sum = 0;
	struct media_stats st;
	for (int i = 0; i < calls; i++) {
		if (!media_leg_stats_get(b->node, b->web[i], &st))
			sum += (double)st.tx_packets;
		if (!media_leg_stats_get(b->node, b->leg[i], &st))
			sum += (double)st.tx_packets;
	}
	return sum;
}

static double measure_relay(int calls, int seconds, enum media_codec codec)
{
	static struct bench b;
	char offer[MEDIA_SDP_MAX], answer[MEDIA_SDP_MAX], why[96];
	bench_start(&b);
	for (int i = 0; i < calls; i++) {
		if (media_leg_webrtc(b.node, 0, codec, &b.web[i], offer) ||
		    media_leg_webrtc_dial(b.far, 0, offer, &b.agent[i], answer, why) ||
		    media_leg_webrtc_answer(b.node, b.web[i], answer, why))
			die("no WebRTC leg");
		plain_call(&b, i, 440);
		media_bridge(b.node, b.web[i], b.leg[i]);
		media_leg_tone(b.far, b.agent[i], 700);
		if (i % 20 == 19)
			run_ms(50); /* as calls come in life, not all in one instant */
	}
	for (int tries = 0; b.connected < 2 * calls; tries++) {
		if (tries > 100)
			die("not every leg connected within 20 s");
		run_ms(200);
	}
	media_leg_listen(b.far, b.agent[0], 440);
	media_leg_listen(b.far, b.phone[0], 700);
	run_ms(1500);
	double packets = packets_sent(&b, calls);
	double pct = core_pct(&b.node_tids, seconds);
	packets = packets_sent(&b, calls) - packets;
	uint32_t agent = media_leg_heard_permille(b.far, b.agent[0]);
	uint32_t phone = media_leg_heard_permille(b.far, b.phone[0]);
	if (agent < 300 || phone < 300) {
		fprintf(stderr, "relay_bench: tones at %u and %u permille\n", agent, phone);
		die("they did not come through: the figure would mean nothing");
	}
	bench_stop(&b);
	return per_call("relay", pct, packets, calls, seconds);
}

static double rss_kb(void)
{
	long pages = 0, unused;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &unused, &pages) != 2)
		die("no statm");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void write_music(char *path)
{
	int fd = mkstemps(path, 4);
	SF_INFO info = {
	    .samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *f = fd < 0 ? NULL : sf_open_fd(fd, SFM_WRITE, &info, 1);
	if (!f)
		die("cannot write a sound file");
	for (int i = 0; i < 16000; i++) {
		short v = (short)(9000 * sin(i * 0.2));
		sf_writef_short(f, &v, 1);
	}
	sf_close(f);
}

/* Callers with music to one far socket that nobody reads: its kernel drops what does not fit. */
static void measure_waiting(int callers, int seconds, uint8_t ptime_ms, double send_us)
{
	static struct bench b;
	char path[] = "/tmp/helio-bench-XXXXXX.wav", why[256];
	struct media_sound music = {0};
	struct sockaddr_in far;
	int fd = bare_socket(&far);
	write_music(path);
	bench_start(&b);
	if (media_sound_load(b.node, &music, path, why))
		die(why);
	unlink(path);
	double kb = rss_kb();
	for (int i = 0; i < callers; i++) {
		uint16_t port;
		struct media_leg leg;
		struct media_remote r = {.ip4 = LOOPBACK,
					 .port = ntohs(far.sin_port),
					 .codec = MEDIA_PCMU,
					 .dtmf_pt = 101,
					 .send = true,
					 .recv = true,
					 .ptime_ms = ptime_ms};
		if (media_leg_plain(b.node, 0, &leg, &port))
			die("no plain leg (ulimit -n?)");
		media_leg_remote(b.node, leg, &r);
		media_leg_play(b.node, leg, (struct media_sound){0}, music);
		b.leg[i] = leg;
	}
	run_ms(1000);
	kb = (rss_kb() - kb) / callers;
	double packets = packets_sent(&b, callers);
	double pct = core_pct(&b.node_tids, seconds) * 1000 / callers;
	double wanted = (double)callers * seconds * 1000 / ptime_ms;
	packets = packets_sent(&b, callers) - packets;
	pct *= wanted / packets; /* a machine too busy to play all must not look cheap */
	char name[64];
	snprintf(name, sizeof(name), "media_waiting_1000_%ums_cpu_pct", ptime_ms);
	print_figure(name, pct, "percent of a core", send_us * 100 / ptime_ms, 12);
	if (kb > 0.1) /* later rounds live in memory that the first one took */
		print_figure("media_waiting_leg_kb", kb, "kB", 0, 3);
	bench_stop(&b);
	close(fd);
}

/* What the kernel takes for one sendto over loopback, in microseconds: of as many sockets as there
 * are callers, each 40 ms, half of them a tick, so that none is warm in the caches when its turn
 * comes. */
static double measure_send(int callers, int seconds)
{
	enum { TICK_NS = 20000000, SECOND_NS = 1000000000 };
	struct sockaddr_in far, near;
	struct timespec a, z, next;
	uint8_t buf[12 + 320] = {0};
	int to = bare_socket(&far), *fd = calloc((size_t)callers, sizeof(*fd));
	long sent = 0;
	if (!fd)
		die("out of memory");
	for (int i = 0; i < callers; i++)
		fd[i] = bare_socket(&near);
	clock_gettime(CLOCK_MONOTONIC, &next);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int tick = 0; tick < seconds * (SECOND_NS / TICK_NS); tick++) {
		for (int i = tick % 2; i < callers; i += 2, sent++)
			sendto(fd[i], buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&far,
			       sizeof(far));
		next.tv_nsec += TICK_NS;
		next.tv_sec += next.tv_nsec / SECOND_NS;
		next.tv_nsec %= SECOND_NS;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &z);
	for (int i = 0; i < callers; i++)
		close(fd[i]);
	free(fd);
	close(to);
	return ((double)(z.tv_sec - a.tv_sec) * 1e9 + (double)(z.tv_nsec - a.tv_nsec)) /
	       (double)sent / 1000;
}

int main(int argc, char **argv)
{
	int calls = argc > 1 ? atoi(argv[1]) : 200, seconds = argc > 2 ? atoi(argv[2]) : 4;
	struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	if (calls < 1 || calls > CALLS_MAX || seconds < 1)
		die("usage: relay_bench [CALLS [SECONDS]]");
	if (setrlimit(RLIMIT_NOFILE, &files)) {
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	fd_setsize(65536);
	if (libre_init())
		die("libre_init");
	double send_us = measure_send(1000, seconds);
	measure_waiting(1000, seconds, 20, send_us);
	measure_waiting(1000, seconds, 40, send_us);
	measure_waiting(1000, seconds, 60, send_us);
	double floor = measure_floor(calls, seconds);
	double relay = measure_relay(calls, seconds, MEDIA_PCMU);
	print_figure("relay_webrtc_core_pct_per_call", relay, "percent of a core", floor, 0.12);
	int few = calls / 4 ? calls / 4 : 1;
	double opus = measure_relay(few, seconds, MEDIA_OPUS);
	print_figure("relay_opus_core_pct_per_call", opus, "percent of a core", floor, 0.6);
	libre_close();
	return 0;
}
