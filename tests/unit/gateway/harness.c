#include "tests/unit/gateway/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <czmq.h>
#include <sodium.h>

/* A conn that no gateway mints: a FRAME for it is answered by CLOSE, which shows that the gateway's
 * own link to the node is up. */
#define PROBE_CONN UINT64_C(0xfffffffffffffff1)

static void fail_errno(const char *what)
{
	fail_msg("%s: %s", what, strerror(errno));
}

static uint64_t deadline(void)
{
	return mono_us() + DEADLINE_MS * 1000ull;
}

static int left_ms(uint64_t end_us)
{
	uint64_t now = mono_us();
	return now >= end_us ? 0 : (int)((end_us - now) / 1000) + 1;
}

/* ---- folder, configuration, keys ---------------------------------------------------------- */

static void write_file(const struct fixture *f, const char *name, const char *text, size_t len)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	FILE *out = fopen(path, "w");
	if (!out || fwrite(text, 1, len, out) != len || fclose(out))
		fail_errno(path);
}

static void write_text(const struct fixture *f, const char *name, const char *text)
{
	write_file(f, name, text, strlen(text));
}

static void make_folder(const struct fixture *f, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	if (mkdir(path, 0700))
		fail_errno(path);
}

static void write_conf(const struct fixture *f, unsigned base)
{
	char text[4096];
	snprintf(
	    text, sizeof(text),
	    "cluster: testline\n"
	    "agents: agents.yaml\n"
	    "paths: {keys: keys, state: state, run: run, web: web}\n"
	    "presence: {redis: [127.0.0.1:%u]}\n"
	    "sites:\n"
	    "  oslo:\n"
	    "    number: 1\n"
	    "    timezone: Europe/Oslo\n"
	    "    languages: [nb]\n"
	    "    nodes:\n"
	    "      oslo1: {ordinal: 1, address: 127.0.0.1, mesh: %u, sip: %u, media_ports: %u-%u}\n"
	    "      oslo2: {ordinal: 2, address: 127.0.0.1, mesh: %u, sip: %u, media_ports: %u-%u}\n"
	    "    gateways:\n"
	    "      oslo-g1: {ordinal: 96, address: 127.0.0.1, mesh: %u, http: %u,\n"
	    "                origins: [\"https://desk.example\"]}\n"
	    "  manila:\n"
	    "    number: 2\n"
	    "    timezone: Asia/Manila\n"
	    "    languages: [en]\n"
	    "    nodes:\n"
	    "      manila1: {ordinal: 1, address: 127.0.0.1, mesh: %u, sip: %u, media_ports: "
	    "%u-%u}\n"
	    "    gateways:\n"
	    "      manila-g1: {ordinal: 96, address: 127.0.0.1, mesh: %u, http: %u}\n"
	    "skills: [lang.en]\n"
	    "queues:\n"
	    "  support: {display: Support, skills: [lang.en]}\n",
	    base + 9, base, base + 10, base + 40, base + 47, base + 1, base + 11, base + 48,
	    base + 55, base + 2, base + 3, base + 4, base + 12, base + 56, base + 63, base + 13,
	    base + 14);
	write_text(f, "cluster.yaml", text);
	write_text(f, "agents.yaml", "version: 1\nagents: {}\n");
}

void fixture_sign_key(uint8_t ret_key[64], uint8_t ret_pub[32])
{
	static const uint8_t seed[32] = {1, 2, 3};
	helio_assert(crypto_sign_seed_keypair(ret_pub, ret_key, seed) == 0);
}

static void write_keys(const struct fixture *f)
{
	char path[256];
	uint8_t key[64], pub[32];
	char hex[66];
	fixture_sign_key(key, pub);
	hex_encode(hex, pub, sizeof(pub));
	write_text(f, "keys/cluster.pub", strcat(hex, "\n"));
	for (uint32_t i = 0; i < f->conf->daemons_n; i++) {
		const struct conf_daemon *d = &f->conf->daemons[i];
		zcert_t *cert = zcert_new();
		zcert_set_meta(cert, "name", "%s", d->name);
		zcert_set_meta(cert, "site", "%s",
			       conf_site_by_number(f->conf, addr_site(d->addr))->name);
		zcert_set_meta(cert, "addr", "%u", d->addr);
		snprintf(path, sizeof(path), "%s/keys/curve/%s.pub", f->dir, d->name);
		helio_assert(zcert_save_public(cert, path) == 0);
		snprintf(path, sizeof(path), "%s/keys/curve/%s.key", f->dir, d->name);
		helio_assert(zcert_save_secret(cert, path) == 0);
		zcert_destroy(&cert);
	}
}

static void write_web(const struct fixture *f)
{
	static char big[50000];
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 26);
	make_folder(f, "web/assets");
	write_text(f, "web/index.html", "<!doctype html><title>desk</title>");
	write_text(f, "web/favicon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
	write_text(f, "web/.hidden", "not for the world");
	write_file(f, "web/assets/app-1a2b3c.js", big, sizeof(big));
	write_text(f, "web/assets/seal-4d5e.wasm", "\1wasm");
	write_text(f, "secret.txt", "outside the page");
}

/* ---- the process -------------------------------------------------------------------------- */

static void spawn(struct fixture *f, const char *const *options)
{
	char conf[128];
	char *argv[24] = {(char *)(uintptr_t)GATEWAY_PROGRAM,
			  (char *)(uintptr_t) "--config",
			  conf,
			  (char *)(uintptr_t) "--name",
			  (char *)(uintptr_t) "oslo-g1",
			  (char *)(uintptr_t) "--dump",
			  f->dump};
	size_t n = 7;
	snprintf(conf, sizeof(conf), "%s/cluster.yaml", f->dir);
	for (; options && *options && n < HELIO_ARRAY_LEN(argv) - 1; options++)
		argv[n++] = (char *)(uintptr_t)*options;
	f->pid = fork();
	if (f->pid < 0)
		fail_errno("fork");
	if (f->pid > 0)
		return;
	/* A test that fails leaves its fixture behind; the process must not outlive us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(GATEWAY_PROGRAM, argv);
	_exit(127);
}

static int connect_to(const struct fixture *f, const char *from)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	struct sockaddr_in own = {.sin_family = AF_INET};
	int one = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail_errno("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (from && (inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
		     bind(fd, (struct sockaddr *)&own, sizeof(own))))
		fail_errno("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The gateway is up when it accepts; until then the kernel refuses at once. */
static void wait_up(const struct fixture *f)
{
	for (uint64_t end = deadline(); left_ms(end);) {
		int fd = connect_to(f, NULL), status;
		if (fd >= 0) {
			close(fd);
			return;
		}
		if (waitpid(f->pid, &status, WNOHANG) == f->pid)
			fail_msg("the gateway ended at its start, status %x", (unsigned)status);
		poll(NULL, 0, 10); /* a refused connection has no event to wait for */
	}
	fail_msg("the gateway does not listen on port %u", f->port);
}

struct fixture *fixture_new(uint16_t base_port, const char *const *options)
{
	char path[128];
	zsys_handler_set(NULL);
	struct fixture *f = calloc(1, sizeof(*f));
	helio_assert(f);
	(void)str_copy(f->dir, sizeof(f->dir), "/tmp/helio-gw-XXXXXX");
	if (!mkdtemp(f->dir))
		fail_errno("mkdtemp");
	static const char *const folder[] = {"keys", "keys/curve", "state", "run", "web"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(folder); i++)
		make_folder(f, folder[i]);
	f->port = (uint16_t)(base_port + 3);
	snprintf(f->host, sizeof(f->host), "127.0.0.1:%u", f->port);
	snprintf(f->origin, sizeof(f->origin), "http://%s", f->host);
	snprintf(f->dump, sizeof(f->dump), "%s/dump", f->dir);
	write_conf(f, base_port);
	snprintf(path, sizeof(path), "%s/cluster.yaml", f->dir);
	if (conf_load(&f->conf, path, stderr))
		fail_msg("the test's configuration is refused");
	write_keys(f);
	write_web(f);
	spawn(f, options);
	wait_up(f);
	return f;
}

static void remove_folder(const char *dir)
{
	zdir_t *d = zdir_new(dir, NULL);
	zdir_remove(d, true);
	zdir_destroy(&d);
}

void fixture_free(struct fixture *f)
{
	int status = -1;
	kill(f->pid, SIGTERM);
	for (uint64_t end = deadline(); waitpid(f->pid, &status, WNOHANG) == 0;) {
		if (!left_ms(end)) {
			kill(f->pid, SIGKILL);
			waitpid(f->pid, &status, 0);
			fail_msg("the gateway does not end on SIGTERM");
		}
		poll(NULL, 0, 10); /* its end has no descriptor here */
	}
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	conf_free(f->conf);
	remove_folder(f->dir);
	free(f);
	if (!well)
		fail_msg("the gateway ended with status %x", (unsigned)status);
}

uint16_t fixture_addr(const struct fixture *f, const char *name)
{
	const struct conf_daemon *d = conf_daemon_by_name(f->conf, name);
	assert_non_null(d);
	return d->addr;
}

/* ---- HTTP --------------------------------------------------------------------------------- */

static void send_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* the other side may close on purpose */
		p += n;
		len -= (size_t)n;
	}
}

static void split_answer(struct http_answer *ret, const char *all, size_t len)
{
	const char *end = memmem(all, len, "\r\n\r\n", 4);
	if (!end || sscanf(all, "HTTP/1.%*d %d", &ret->status) != 1)
		return;
	size_t head = (size_t)(end - all) + 4;
	helio_assert(head < sizeof(ret->head));
	memcpy(ret->head, all, head);
	ret->body_len = len - head;
	memcpy(ret->body, all + head, ret->body_len);
}

void http_raw(const struct fixture *f, const char *request, struct http_answer *ret)
{
	static char all[BODY_MAX];
	size_t len = 0;
	int fd = connect_to(f, NULL);
	assert_true(fd >= 0);
	memset(ret, 0, sizeof(*ret));
	send_all(fd, request, strlen(request));
	for (uint64_t end = deadline(); len < sizeof(all);) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, left_ms(end)) <= 0)
			fail_msg("no end of the answer to %.40s", request);
		ssize_t n = recv(fd, all + len, sizeof(all) - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	split_answer(ret, all, len);
}

void http_get(const struct fixture *f, const char *method, const char *path, const char *extra,
	      struct http_answer *ret)
{
	char request[2048];
	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, path, f->host,
		 extra);
	http_raw(f, request, ret);
}

const char *http_header(const struct http_answer *a, const char *name)
{
	static char value[4][2048];
	static unsigned next;
	char key[80];
	snprintf(key, sizeof(key), "\r\n%s:", name);
	const char *at = strcasestr(a->head, key);
	if (!at)
		return NULL;
	at += strlen(key);
	at += strspn(at, " ");
	char *dst = value[next++ % HELIO_ARRAY_LEN(value)];
	snprintf(dst, sizeof(value[0]), "%.*s", (int)strcspn(at, "\r"), at);
	return dst;
}

/* ---- WebSocket ---------------------------------------------------------------------------- */

int client_socket(const struct fixture *f, const char *from)
{
	int fd = connect_to(f, from);
	assert_true(fd >= 0);
	return fd;
}

struct client *client_new(const struct fixture *f, const char *query, const char *origin,
			  const char *protocol, const char *from)
{
	char request[WS_REQUEST_MAX], path[256];
	struct client *c = calloc(1, sizeof(*c));
	helio_assert(c);
	c->fd = connect_to(f, from);
	assert_true(c->fd >= 0);
	ws_init(&c->ws, 1 << 20);
	snprintf(path, sizeof(path), "/desk%s", query);
	assert_int_equal(ws_request(&c->ws, f->host, path, origin, protocol, request), 0);
	send_all(c->fd, request, strlen(request));
	return c;
}

static void opened(void *arg)
{
	(void)arg;
}

static void message(enum ws_op op, const uint8_t *data, size_t len, void *arg)
{
	struct client *c = arg;
	if (op == WS_CLOSE)
		c->close_code = len >= 2 ? data[0] << 8 | data[1] : 1005;
	if (op == WS_PING && !c->no_pongs)
		client_send(c, WS_PONG, data, len);
	if (op == WS_PING) {
		c->pings++;
		return;
	}
	helio_assert(c->n - c->first < HELIO_ARRAY_LEN(c->got));
	size_t i = c->n++ % HELIO_ARRAY_LEN(c->got);
	c->got[i].op = op;
	c->got[i].len = len;
	c->got[i].data = malloc(len ? len : 1);
	memcpy(c->got[i].data, data, len);
}

void client_poll(struct client *c, int ms)
{
	uint8_t buf[16384];
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	if (c->ended || poll(&p, 1, ms) <= 0)
		return;
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	if (n <= 0) {
		c->ended = true;
		return;
	}
	int err = ws_feed(&c->ws, buf, (size_t)n, opened, message, c);
	if (err && err != ECONNREFUSED)
		fail_msg("the gateway breaks the WebSocket's rules: %s", strerror(err));
}

int client_status(struct client *c)
{
	for (uint64_t end = deadline(); !c->ws.status && !c->ended;) {
		if (!left_ms(end))
			fail_msg("no answer to the upgrade");
		client_poll(c, left_ms(end));
	}
	return c->ws.status;
}

struct client *client_open(const struct fixture *f, const char *query)
{
	struct client *c = client_new(f, query, f->origin, "heliograph.1", NULL);
	assert_int_equal(client_status(c), 101);
	return c;
}

void client_free(struct client *c)
{
	for (; c->first < c->n; c->first++)
		free(c->got[c->first % HELIO_ARRAY_LEN(c->got)].data);
	close(c->fd);
	ws_wipe(&c->ws);
	free(c);
}

void client_send_raw(struct client *c, const void *data, size_t len)
{
	send_all(c->fd, data, len);
}

void client_send(struct client *c, enum ws_op op, const void *data, size_t len)
{
	uint8_t *frame = malloc(len + WS_HEAD_MAX);
	helio_assert(frame);
	send_all(c->fd, frame, ws_frame(frame, op, data, len));
	free(frame);
}

bool client_take(struct client *c, uint8_t *buf, size_t size, size_t *ret_len)
{
	while (c->first < c->n) {
		size_t i = c->first++ % HELIO_ARRAY_LEN(c->got);
		bool binary = c->got[i].op == WS_BINARY;
		if (binary) {
			assert_true(c->got[i].len <= size);
			memcpy(buf, c->got[i].data, c->got[i].len);
			*ret_len = c->got[i].len;
		}
		free(c->got[i].data);
		if (binary)
			return true;
	}
	return false;
}

size_t client_recv(struct client *c, uint8_t *buf, size_t size)
{
	size_t len = 0;
	for (uint64_t end = deadline();;) {
		if (client_take(c, buf, size, &len))
			return len;
		if (c->ended || !left_ms(end))
			fail_msg("no message (%s, close code %d)", c->ended ? "ended" : "deadline",
				 c->close_code);
		client_poll(c, left_ms(end));
	}
}

int client_wait_close(struct client *c)
{
	for (uint64_t end = deadline(); !c->ended && !c->close_code;) {
		if (!left_ms(end))
			fail_msg("the connection is not closed");
		client_poll(c, left_ms(end));
	}
	return c->close_code;
}

/* ---- fake node ---------------------------------------------------------------------------- */

/* What a failed test left behind holds its port; the next test must not fail for that. */
static struct node *registry[NODES];

static struct node **registry_of(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < NODES; i++)
		if (registry[i] && registry[i]->addr == fixture_addr(f, name))
			node_free(registry[i]);
	for (size_t i = 0; i < NODES; i++)
		if (!registry[i])
			return &registry[i];
	helio_assert(!"more nodes than the configuration has");
	return NULL;
}

struct node *node_new(const struct fixture *f, const char *name, uint32_t boot)
{
	char why[256] = "";
	struct node **place = registry_of(f, name);
	struct node *n = calloc(1, sizeof(*n));
	helio_assert(n);
	n->addr = fixture_addr(f, name);
	n->gateway = fixture_addr(f, "oslo-g1");
	n->boot = boot;
	int err = mesh_open(&n->mesh, f->conf, n->addr, boot, why);
	if (err)
		fail_msg("the mesh of %s: %s: %s", name, strerror(err), why);
	*place = n;
	return n;
}

void node_free(struct node *n)
{
	for (size_t i = 0; i < NODES; i++)
		if (registry[i] == n)
			registry[i] = NULL;
	mesh_free(n->mesh);
	free(n);
}

static void send_until(struct node *n, Envelope *env, const void *payload, size_t len)
{
	for (uint64_t end = deadline(); left_ms(end);) {
		int err = mesh_send(n->mesh, n->gateway, env, payload, len);
		if (!err)
			return;
		assert_int_equal(err, EAGAIN);
		poll(NULL, 0, 10); /* that a DEALER is connected has no event on the ROUTER's fd */
	}
	fail_msg("the gateway does not connect to the mesh");
}

void node_status_cert(struct node *n, const uint8_t *cert, size_t cert_len, uint32_t sessions,
		      bool draining)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_node_status_tag;
	env.body.node_status.sessions = sessions;
	env.body.node_status.draining = draining;
	env.body.node_status.calls_max = 100;
	env.body.node_status.cert.size = (pb_size_t)cert_len;
	memcpy(env.body.node_status.cert.bytes, cert, cert_len);
	send_until(n, &env, NULL, 0);
}

void node_status(struct node *n, const char *cert, uint32_t sessions, bool draining)
{
	node_status_cert(n, (const uint8_t *)cert, strlen(cert), sessions, draining);
}

void node_send(struct node *n, GwFrame_Kind kind, uint64_t conn, uint32_t why, const void *payload,
	       size_t len)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = kind;
	env.body.gw.conn = conn;
	env.body.gw.why = why;
	send_until(n, &env, payload, len);
}

bool node_poll(struct node *n, int ms, GwFrame *ret, uint8_t *payload, size_t size, size_t *ret_len)
{
	for (uint64_t end = mono_us() + (uint64_t)ms * 1000;;) {
		Envelope env;
		const uint8_t *p = NULL;
		size_t len = 0;
		while (mesh_recv(n->mesh, &env, &p, &len) == 0) {
			if (env.which_body != Envelope_gw_tag)
				continue;
			if (env.body.gw.conn == PROBE_CONN) {
				n->reached = true;
				continue;
			}
			assert_true(len <= size);
			if (len)
				memcpy(payload, p, len);
			*ret_len = len;
			*ret = env.body.gw;
			return true;
		}
		int left = left_ms(end);
		if (!left)
			return false;
		struct pollfd fd = {.fd = mesh_fd(n->mesh), .events = POLLIN};
		poll(&fd, 1, left);
	}
}

GwFrame node_recv(struct node *n, uint8_t *payload, size_t size, size_t *ret_len)
{
	GwFrame head = GwFrame_init_zero;
	if (!node_poll(n, DEADLINE_MS, &head, payload, size, ret_len))
		fail_msg("nothing for node %u", n->addr);
	return head;
}

GwFrame node_expect(struct node *n, GwFrame_Kind kind, uint8_t *payload, size_t size,
		    size_t *ret_len)
{
	GwFrame head = node_recv(n, payload, size, ret_len);
	if (head.kind != kind)
		fail_msg("kind %d instead of %d", (int)head.kind, (int)kind);
	return head;
}

bool node_is_quiet(struct node *n, int ms)
{
	static uint8_t payload[MESH_PAYLOAD_MAX];
	GwFrame head;
	size_t len;
	return !node_poll(n, ms, &head, payload, sizeof(payload), &len);
}

void node_wait_live(const struct fixture *f, struct node *n, const char *cert, size_t live)
{
	static struct http_answer a;
	char want[32];
	snprintf(want, sizeof(want), "\"nodes_live\":%zu,", live);
	for (uint64_t end = deadline(); left_ms(end);) {
		node_status(n, cert, 0, false);
		http_get(f, "GET", "/healthz", "", &a);
		if (!n->reached) {
			node_send(n, GwFrame_Kind_FRAME, PROBE_CONN, 0, "\4probe", 6);
			(void)node_is_quiet(n, 20);
		}
		if (n->reached && strstr(a.body, want))
			return;
	}
	fail_msg("%s never shows %s, or is not reached", cert, want);
}
