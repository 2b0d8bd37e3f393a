#include "tests/unit/wire/mesh_fixture.h"
#include "common/wire/envelope.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *name, *site;
	enum conf_role role;
	uint16_t addr;
} table[FIXTURE_DAEMONS] = {
    {"oslo-b1", "oslo", CONF_BROKER, OSLO_B1},
    {"oslo1", "oslo", CONF_NODE, OSLO1},
    {"manila-b1", "manila", CONF_BROKER, MANILA_B1},
    {"manila1", "manila", CONF_NODE, MANILA1},
};

static void key_write(const struct fixture *f, size_t i)
{
	char path[512];
	zcert_t *cert = zcert_new();
	helio_assert(cert);
	zcert_set_meta(cert, "name", "%s", table[i].name);
	zcert_set_meta(cert, "site", "%s", table[i].site);
	zcert_set_meta(cert, "addr", "%u", table[i].addr);
	snprintf(path, sizeof(path), "%s/curve/%s.pub", f->conf->keys_dir, table[i].name);
	helio_assert(zcert_save_public(cert, path) == 0);
	snprintf(path, sizeof(path), "%s/curve/%s.key", f->conf->keys_dir, table[i].name);
	helio_assert(zcert_save_secret(cert, path) == 0);
	zcert_destroy(&cert);
}

struct fixture *fixture_new(uint16_t first_port)
{
	char path[128];
	zsys_handler_set(NULL);
	struct fixture *f = calloc(1, sizeof(*f));
	helio_assert(f);
	f->conf = calloc(1, sizeof(*f->conf));
	helio_assert(f->conf);
	snprintf(f->dir, sizeof(f->dir), "/tmp/helio-mesh-XXXXXX");
	helio_assert(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s/curve", f->dir);
	helio_assert(mkdir(path, 0700) == 0);
	(void)str_copy(f->conf->keys_dir, sizeof(f->conf->keys_dir), f->dir);
	f->conf->daemons = calloc(FIXTURE_DAEMONS, sizeof(*f->conf->daemons));
	helio_assert(f->conf->daemons);
	f->conf->daemons_n = FIXTURE_DAEMONS;
	for (size_t i = 0; i < FIXTURE_DAEMONS; i++) {
		struct conf_daemon *d = &f->conf->daemons[i];
		(void)str_copy(d->name, sizeof(d->name), table[i].name);
		d->role = table[i].role;
		d->addr = table[i].addr;
		(void)str_copy(d->mesh.host, sizeof(d->mesh.host), "127.0.0.1");
		d->mesh.port = (uint16_t)(first_port + i);
		key_write(f, i);
	}
	return f;
}

struct fixture *fixture_free(struct fixture *f)
{
	zdir_t *dir = zdir_new(f->dir, NULL);
	zdir_remove(dir, true);
	zdir_destroy(&dir);
	free(f->conf->daemons);
	free(f->conf);
	free(f);
	return NULL;
}

const struct conf_daemon *fixture_daemon(const struct fixture *f, uint16_t addr)
{
	uint32_t i = 0;
	while (i < f->conf->daemons_n && f->conf->daemons[i].addr != addr)
		i++;
	helio_assert(i < f->conf->daemons_n);
	return &f->conf->daemons[i];
}

zcert_t *fixture_cert(const struct fixture *f, uint16_t addr)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/curve/%s.key", f->conf->keys_dir,
		 fixture_daemon(f, addr)->name);
	zcert_t *cert = zcert_load(path);
	helio_assert(cert);
	return cert;
}

struct mesh *fixture_mesh(const struct fixture *f, uint16_t addr, uint32_t boot)
{
	char why[256];
	struct mesh *m = NULL;
	int err = mesh_open(&m, f->conf, addr, boot, why);
	if (err) {
		fprintf(stderr, "mesh_open: %s: %s\n", strerror(err), why);
		exit(1);
	}
	return m;
}

int fixture_recv(struct mesh *m, Envelope *ret, const uint8_t **ret_payload, size_t *ret_len)
{
	uint64_t end = mono_us() + DEADLINE_MS * 1000ull;
	for (;;) {
		int err = mesh_recv(m, ret, ret_payload, ret_len);
		uint64_t now = mono_us();
		if (err != EAGAIN)
			return err;
		if (now >= end)
			return ETIMEDOUT;
		struct pollfd p = {.fd = mesh_fd(m), .events = POLLIN};
		poll(&p, 1, (int)((end - now) / 1000) + 1);
	}
}

Envelope fixture_ping(uint64_t token)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_ping_tag;
	env.body.ping.token = token;
	return env;
}

/* Waits a little for a message of m; the only clock in these tests is a deadline. */
static void wait_ms(struct mesh *m, int ms)
{
	struct pollfd p = {.fd = mesh_fd(m), .events = POLLIN};
	poll(&p, 1, ms);
}

/* Repeats, since what is handed to a connection that is about to break is lost; ends when the last
 * one sent has come, so that nothing is left under way. */
int fixture_link_up(struct mesh *from, struct mesh *to, uint16_t to_addr)
{
	uint64_t end = mono_us() + DEADLINE_MS * 1000ull, last = 0, got = 0;
	const uint8_t *payload;
	size_t len;
	while (mono_us() < end) {
		Envelope env = fixture_ping(last + 1), in;
		if (got == 0 && mesh_send(from, to_addr, &env, NULL, 0) == 0)
			last++;
		wait_ms(to, 5);
		while (mesh_recv(to, &in, &payload, &len) == 0)
			got = in.body.ping.token;
		if (last && got == last)
			return 0;
	}
	return ETIMEDOUT;
}

int fixture_count(struct mesh *m, const uint64_t *counter, uint64_t n)
{
	uint64_t end = mono_us() + DEADLINE_MS * 1000ull;
	Envelope in;
	const uint8_t *payload;
	size_t len;
	while (mesh_counters(m) && *counter < n) {
		if (mono_us() >= end)
			return ETIMEDOUT;
		while (mesh_recv(m, &in, &payload, &len) == 0)
			;
		if (*counter < n)
			wait_ms(m, 5);
	}
	return 0;
}

zsock_t *fixture_dealer(const struct fixture *f, uint16_t to, zcert_t *as)
{
	const struct conf_daemon *d = fixture_daemon(f, to);
	zcert_t *server = fixture_cert(f, to);
	zsock_t *s = zsock_new(ZMQ_DEALER);
	helio_assert(s);
	zcert_apply(as, s);
	zsock_set_curve_serverkey(s, zcert_public_txt(server));
	zsock_set_linger(s, 0);
	helio_assert(zsock_connect(s, "tcp://%s:%u", d->mesh.host, d->mesh.port) == 0);
	zcert_destroy(&server);
	return s;
}

int fixture_raw_send(zsock_t *dealer, const Envelope *env)
{
	uint8_t buf[Envelope_size];
	size_t len;
	int err = envelope_encode(buf, &len, env);
	if (err)
		return err;
	zframe_t *frame = zframe_new(buf, len);
	return zframe_send(&frame, dealer, 0) ? errno : 0;
}
