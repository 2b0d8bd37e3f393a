/* helio-wan: the shell around the switch: TUN devices, a socket for commands, a clock. */
#include "chaos/wan/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"

enum {
	CLIENTS_MAX = 16,
	LINE_SIZE = 512,
	BATCH = 64, /* packets of one device before the others have their turn */
};

static const char help[] =
    "helio-wan - the lines between the sites of a test: delays, jitter, loss, twins, disorder,\n"
    "cuts, drawn by seed; in user space, for kernels without netem\n"
    "\n"
    "usage: helio-wan --control SOCKET [--seed N] --site NAME=DEVICE,PREFIX[,NETNS]…\n"
    "\n"
    "  --site NAME=DEVICE,PREFIX[,NETNS]\n"
    "                   what is sent into the TUN device DEVICE (it is made if it is not there)\n"
    "                   of the network namespace NETNS (a file, e.g. /run/netns/helio-oslo) goes\n"
    "                   to the site whose PREFIX (IPv4/LENGTH) holds its destination; two to 8\n"
    "  --control SOCKET a Unix socket for commands, one a line; see below\n"
    "  --seed N         which packets are lost, doubled, disordered (default 1)\n"
    "\n"
    "Commands (each is answered by one line of JSON):\n"
    "  set FROM TO KEY=VALUE…              the rule that is always there; * is every site\n"
    "  fault ID FROM TO KEY=VALUE… [for=MS] laid over it, until the time is over, `heal ID`, or\n"
    "                                      the end of this connection\n"
    "  heal ID|all\n"
    "  show                                rules and counters of each direction\n"
    "Keys: delay jitter (ms) loss dup reorder corrupt (percent) rate (kbit/s)\n"
    "      cut (0 or 1)\n"
    "\n"
    "  helio-wan --control /run/wan --site oslo=wan0,10.1.0.0/16,/run/netns/oslo \\\n"
    "            --site manila=wan0,10.2.0.0/16,/run/netns/manila\n"
    "  echo 'set * * delay=90 jitter=5' | socat - UNIX:/run/wan\n"
    "\n"
    "Needs CAP_NET_ADMIN, CAP_SYS_ADMIN for namespaces, and /dev/net/tun.\n"
    "exit: 0 stopped by a signal, 1 could not start, 2 usage\n";

struct site {
	int tun;
	uint32_t net, mask; /* host order */
};

struct client {
	int fd;
	size_t n;
	char line[LINE_SIZE];
};

static struct {
	struct rules rules;
	struct site site[WAN_SITES_MAX];
	struct client client[CLIENTS_MAX];
	int listener;
	uint64_t strays; /* packets for nobody */
} g;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int fail(const char *what, const char *which, int err)
{
	fprintf(stderr, "helio-wan: %s%s%s: %s\n", what, *which ? " " : "", which, strerror(err));
	return 1;
}

/* ---- devices ----------------------------------------------------------------------------- */

/* Opened inside the namespace; the descriptor goes on working outside. */
static int tun_open(const char *netns, const char *device)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ns = -1, fd = -1, err = 0;
	if (home < 0)
		return -errno;
	(void)str_copy(ifr.ifr_name, sizeof(ifr.ifr_name), device);
	if (*netns) {
		ns = open(netns, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET))
			err = errno;
	}
	if (!err) {
		fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
			err = errno;
	}
	if (*netns && ns >= 0 && setns(home, CLONE_NEWNET) && !err)
		err = errno;
	if (ns >= 0)
		close(ns);
	close(home);
	if (err && fd >= 0)
		close(fd);
	return err ? -err : fd;
}

static bool prefix_parse(char *s, struct site *site)
{
	struct in_addr a;
	char *slash = strchr(s, '/'), *end;
	if (!slash)
		return false;
	*slash++ = '\0';
	long bits = strtol(slash, &end, 10);
	if (end == slash || *end || bits < 1 || bits > 32 || inet_pton(AF_INET, s, &a) != 1)
		return false;
	site->mask = UINT32_MAX << (32 - bits);
	site->net = ntohl(a.s_addr) & site->mask;
	return true;
}

/* NAME=DEVICE,PREFIX[,NETNS] */
static int site_add(char *text)
{
	struct rules *r = &g.rules;
	char shown[128];
	(void)str_copy(shown, sizeof(shown), text);
	char *device = strchr(text, '='), *prefix = device ? strchr(device, ',') : NULL;
	if (!prefix || r->sites == WAN_SITES_MAX || device - text >= RULES_NAME_SIZE) {
		fprintf(stderr, "helio-wan: --site %s: NAME=DEVICE,PREFIX[,NETNS], at most %d\n",
			shown, WAN_SITES_MAX);
		return 2;
	}
	*device++ = *prefix++ = '\0';
	char *netns = strchr(prefix, ',');
	if (netns)
		*netns++ = '\0';
	struct site *site = &g.site[r->sites];
	if (!prefix_parse(prefix, site)) {
		fprintf(stderr, "helio-wan: --site %s: PREFIX is like 10.1.0.0/16\n", shown);
		return 2;
	}
	site->tun = tun_open(netns ? netns : "", device);
	if (site->tun < 0)
		return fail("a TUN device (needs root and /dev/net/tun) for", shown, -site->tun);
	(void)str_copy(r->name[r->sites++], RULES_NAME_SIZE, text);
	return 0;
}

static void packets_read(uint32_t from)
{
	uint8_t p[WAN_PACKET_MAX];
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = read(g.site[from].tun, p, sizeof(p));
		if (n < 20 || p[0] >> 4 != 4)
			return;
		uint32_t to =
		    (uint32_t)p[16] << 24 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 8 | p[19];
		uint32_t s = 0;
		while (s < g.rules.sites && (to & g.site[s].mask) != g.site[s].net)
			s++;
		if (s == g.rules.sites || s == from)
			g.strays++;
		else
			wan_submit(g.rules.wan, from, s, mono_us(), p, (size_t)n);
	}
}

static void packets_write(void)
{
	uint32_t to;
	const void *p;
	size_t n;
	while ((n = wan_next(g.rules.wan, mono_us(), &to, &p)))
		(void)!write(g.site[to].tun, p, n); /* a full device drops, as a line does */
}

/* ---- commands ---------------------------------------------------------------------------- */

static int control_open(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (str_copy(sa.sun_path, sizeof(sa.sun_path), path))
		return ENAMETOOLONG;
	(void)unlink(path);
	g.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g.listener < 0 || bind(g.listener, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(g.listener, CLIENTS_MAX))
		return errno;
	return 0;
}

static void client_close(struct client *c)
{
	close(c->fd);
	rules_owner_gone(&g.rules, (int)(c - g.client));
	c->fd = -1;
}

static void client_accept(void)
{
	int fd = accept4(g.listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (g.client[i].fd < 0) {
			g.client[i] = (struct client){.fd = fd};
			return;
		}
	}
	close(fd);
}

static void client_read(struct client *c)
{
	static char reply[RULES_REPLY_SIZE];
	ssize_t n = recv(c->fd, c->line + c->n, sizeof(c->line) - c->n, 0);
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->n += (size_t)n;
	char *end;
	while ((end = memchr(c->line, '\n', c->n))) {
		*end = '\0';
		size_t used = (size_t)(end - c->line) + 1;
		rules_command(&g.rules, c->line, (int)(c - g.client), mono_us(), reply);
		size_t len = strlen(reply);
		reply[len++] = '\n'; /* over the end: sent by length */
		if (send(c->fd, reply, len, MSG_NOSIGNAL) != (ssize_t)len) {
			client_close(c);
			return;
		}
		memmove(c->line, c->line + used, c->n - used);
		c->n -= used;
	}
	if (c->n == sizeof(c->line))
		client_close(c);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void loop(void)
{
	struct pollfd p[WAN_SITES_MAX + 1 + CLIENTS_MAX];
	while (!stop) {
		uint64_t now = mono_us(), next = rules_tick(&g.rules, now);
		packets_write();
		if (wan_deadline(g.rules.wan) < next)
			next = wan_deadline(g.rules.wan);
		uint32_t n = 0, sites = g.rules.sites;
		for (uint32_t i = 0; i < sites; i++)
			p[n++] = (struct pollfd){.fd = g.site[i].tun, .events = POLLIN};
		p[n++] = (struct pollfd){.fd = g.listener, .events = POLLIN};
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			p[n++] = (struct pollfd){.fd = g.client[i].fd, .events = POLLIN};
		now = mono_us();
		uint64_t wait = next > now ? next - now : 0;
		struct timespec ts = {.tv_sec = (time_t)(wait / 1000000),
				      .tv_nsec = (long)(wait % 1000000) * 1000};
		if (ppoll(p, n, next == UINT64_MAX ? NULL : &ts, NULL) <= 0)
			continue;
		for (uint32_t i = 0; i < sites; i++)
			if (p[i].revents)
				packets_read(i);
		if (p[sites].revents)
			client_accept();
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (p[sites + 1 + i].fd >= 0 && p[sites + 1 + i].revents)
				client_read(&g.client[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"site", required_argument, NULL, 's'}, {"control", required_argument, NULL, 'c'},
	    {"seed", required_argument, NULL, 'r'}, {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
	};
	const char *control = NULL;
	uint64_t seed = 1;
	int opt, err;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			if ((err = site_add(optarg)))
				return err;
			break;
		case 'c': control = optarg; break;
		case 'r': seed = strtoull(optarg, NULL, 10); break;
		case 'v': puts("helio-wan " HELIO_VERSION); return 0;
		case 'h': fputs(help, stdout); return 0;
		default: fputs("try: helio-wan --help\n", stderr); return 2;
		}
	}
	if (!control || g.rules.sites < 2 || optind < argc) {
		fputs("helio-wan: --control and two --site at least; try --help\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		g.client[i].fd = -1;
	if ((err = wan_new(&g.rules.wan, g.rules.sites, seed)))
		return fail("memory", "", err);
	if ((err = control_open(control)))
		return fail("the control socket", control, err);
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	(void)prctl(PR_SET_TIMERSLACK,
		    50000UL); /* ns: a line does not jitter by our scheduler's grace */
	/* Nor is it slow because the hosts at its ends are busy: lines of 40 ms kept packets for
	 * 306 ms (rolling-upgrade), and witnesses came too late. Without the right to it, as
	 * before. */
	(void)sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 1});
	puts("ready");
	fflush(stdout);
	loop();
	(void)unlink(control);
	g.rules.wan = wan_free(g.rules.wan);
	return 0;
}
