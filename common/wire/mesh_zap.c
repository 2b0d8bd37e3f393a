/*
 * The ZAP handler (ZeroMQ RFC 27) of the mesh's own context.
 *
 *   libzmq I/O thread ── REQ "1.0", id, domain, address, identity, "CURVE", key ──► this thread
 *                     ◄── "1.0", id, 200, "OK", user-id = address, {addr}  ───────
 *
 * Not czmq's zauth: that reads the whole folder of certificates, secret keys among them, on every
 * handshake, and there is one per process, so that two meshes (tests, simulators) or a second
 * socket with other rights would share it. Here the keys are those of the configuration, held in
 * memory, and the context is the mesh's own.
 *
 * CURVE without ZAP lets anyone in, so three locks hold the door: the handler was probed before
 * bind; sockets say ZAP_ENFORCE_DOMAIN, so libzmq refuses when nobody answers; and a frame
 * without the name that only this handler gives is dropped (mesh_recv.c). If the thread fails
 * before it is told to end, the process aborts.
 *
 * Keys change while daemons run (helio-keys rotate). A key that nobody has is looked for once more
 * in the folder of keys: it may be what a daemon was given since. Then it takes the place of that
 * daemon's old one, which is not let in again unless its file still says so, and the loop of the
 * mesh connects anew (mesh_keys_follow()). So a stranger costs some reads, and those are counted.
 */
#include "common/wire/mesh_internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum {
	ZAP_FRAMES = 7,
	ZAP_FRAME_MAX = 256,
	/* A local thread answers in microseconds; on a machine that boots with all of its daemons
	 * at once it has been 2 s late, and a daemon that does not start is worse. */
	PROBE_TIMEOUT_MS = 10000,
	/* Times a second that an unknown key makes us read all public keys: more than daemons whose
	 * key was just changed need, less than a flood would like. Beyond it, "try again later". */
	LOOKS_MAX = 8,
	LOOKS_WINDOW_US = 1000000,
};

struct mesh_zap {
	void *ctx, *rep;
	pthread_t thread;
	/* The keys in use, in the order of the peers; written by the thread, read by the loop. */
	pthread_mutex_t lock;
	struct zap_key *keys;
	uint32_t keys_n;
	_Atomic uint32_t generation;
	char keys_dir[CONF_PATH_SIZE];
	uint64_t window_us;
	unsigned looks;
	_Atomic uint64_t refused;
};

struct zap_key {
	uint16_t addr;
	char name[CONF_NAME_SIZE];
	uint8_t key[MESH_KEY_LEN];
	bool own;
};

struct zap_request {
	size_t n;
	size_t len[ZAP_FRAMES];
	uint8_t frame[ZAP_FRAMES][ZAP_FRAME_MAX];
};

/* One whole request; frames beyond what ZAP has, or too long, make it one that is refused. */
static int request_recv(void *rep, struct zap_request *req)
{
	int more = 1;
	size_t more_size = sizeof(more);
	req->n = 0;
	while (more) {
		uint8_t waste[ZAP_FRAME_MAX];
		bool fits = req->n < ZAP_FRAMES;
		int len = zmq_recv(rep, fits ? req->frame[req->n] : waste, ZAP_FRAME_MAX, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 || zmq_getsockopt(rep, ZMQ_RCVMORE, &more, &more_size))
			return errno;
		if (fits)
			req->len[req->n] = (size_t)len;
		req->n++;
	}
	return 0;
}

static bool frame_is(const struct zap_request *req, size_t i, const char *text)
{
	return req->len[i] == strlen(text) && memcmp(req->frame[i], text, req->len[i]) == 0;
}

static struct zap_key *key_find(struct mesh_zap *zap, const uint8_t key[static MESH_KEY_LEN])
{
	for (uint32_t i = 0; i < zap->keys_n; i++)
		if (memcmp(zap->keys[i].key, key, MESH_KEY_LEN) == 0)
			return &zap->keys[i];
	return NULL;
}

/* Whose file says this key now? Its daemon has it from here on. */
static struct zap_key *key_look(struct mesh_zap *zap, const uint8_t key[static MESH_KEY_LEN])
{
	static const char *const suffixes[] = {".pub", ".next.pub"};
	char why[256];
	uint8_t found[MESH_KEY_LEN];
	for (uint32_t i = 0; i < zap->keys_n; i++) {
		struct zap_key *k = &zap->keys[i];
		for (size_t j = 0; !k->own && j < HELIO_ARRAY_LEN(suffixes); j++) {
			if (mesh_key_read(found, zap->keys_dir, k->name, k->addr, suffixes[j],
					  why) ||
			    memcmp(found, key, MESH_KEY_LEN) != 0)
				continue;
			pthread_mutex_lock(&zap->lock);
			memcpy(k->key, key, MESH_KEY_LEN);
			pthread_mutex_unlock(&zap->lock);
			atomic_fetch_add_explicit(&zap->generation, 1, memory_order_release);
			return k;
		}
	}
	return NULL;
}

static bool look_allowed(struct mesh_zap *zap)
{
	uint64_t now = mono_us();
	if (now - zap->window_us >= LOOKS_WINDOW_US) {
		zap->window_us = now;
		zap->looks = 0;
	}
	return zap->looks++ < LOOKS_MAX;
}

enum verdict { ADMITTED, REFUSED, LATER };

static enum verdict request_judge(struct mesh_zap *zap, const struct zap_request *req,
				  const struct zap_key **ret)
{
	static const uint8_t nobody[MESH_KEY_LEN];
	*ret = NULL;
	if (req->n != ZAP_FRAMES || !frame_is(req, 0, "1.0") || !frame_is(req, 5, "CURVE") ||
	    req->len[6] != MESH_KEY_LEN)
		return REFUSED;
	*ret = key_find(zap, req->frame[6]);
	if (*ret)
		return ADMITTED;
	if (memcmp(req->frame[6], nobody, MESH_KEY_LEN) == 0) /* the probe */
		return REFUSED;
	/* Nor is a stranger refused for good: libzmq never calls again after that, and it may be a
	 * daemon of a site that this one hears of when it is rolled. */
	*ret = look_allowed(zap) ? key_look(zap, req->frame[6]) : NULL;
	return *ret ? ADMITTED : LATER;
}

/* ZMTP metadata: name length (1), name, value length (4, network order), value. */
static size_t metadata(uint8_t *dst, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value), o = 0;
	dst[o++] = (uint8_t)n;
	memcpy(dst + o, name, n);
	o += n;
	memset(dst + o, 0, 3);
	dst[o + 3] = (uint8_t)v;
	o += 4;
	memcpy(dst + o, value, v);
	return o + v;
}

static int reply_send(void *rep, const struct zap_request *req, enum verdict verdict,
		      const struct zap_key *peer)
{
	static const struct {
		const char *code, *text;
	} answers[] = {
	    [ADMITTED] = {"200", "OK"},
	    [REFUSED] = {"400", "No access"},
	    /* libzmq closes without a word, and the other side tries again. */
	    [LATER] = {"300", "Try again"},
	};
	char addr[8] = "";
	uint8_t meta[64];
	size_t meta_len = 0;
	if (peer) {
		snprintf(addr, sizeof(addr), "%u", peer->addr);
		meta_len = metadata(meta, "addr", addr);
	}
	const struct {
		const void *data;
		size_t len;
	} frame[] = {
	    {"1.0", 3},
	    {req->frame[1], req->n > 1 ? req->len[1] : 0},
	    {answers[verdict].code, 3},
	    {answers[verdict].text, strlen(answers[verdict].text)},
	    {addr, strlen(addr)},
	    {meta, meta_len},
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(frame); i++) {
		int flags = i + 1 < HELIO_ARRAY_LEN(frame) ? ZMQ_SNDMORE : 0;
		while (zmq_send(rep, frame[i].data, frame[i].len, flags) < 0)
			if (errno != EINTR)
				return errno;
	}
	return 0;
}

static void *zap_main(void *arg)
{
	struct mesh_zap *zap = arg;
	int err = 0;
	while (!err) {
		struct zap_request req;
		err = request_recv(zap->rep, &req);
		if (err)
			break;
		const struct zap_key *peer;
		enum verdict verdict = request_judge(zap, &req, &peer);
		if (verdict != ADMITTED)
			atomic_fetch_add_explicit(&zap->refused, 1, memory_order_relaxed);
		err = reply_send(zap->rep, &req, verdict, peer);
	}
	zmq_close(zap->rep);
	/* ETERM: zmq_ctx_shutdown(), the only way in which the guard may leave the door. */
	helio_assert(err == ETERM);
	return NULL;
}

/* Asks as libzmq would; 0 if the answer begins with the expected digit. */
static int probe(void *ctx, const uint8_t key[static MESH_KEY_LEN], char expected)
{
	static const char *const head[] = {"1.0", "probe", "mesh", "127.0.0.1", "", "CURVE"};
	const int zero = 0, timeout = PROBE_TIMEOUT_MS;
	char status[ZAP_FRAME_MAX] = "";
	int err = 0;
	void *req = zmq_socket(ctx, ZMQ_REQ);
	if (!req)
		return errno;
	if (zmq_setsockopt(req, ZMQ_LINGER, &zero, sizeof(zero)) ||
	    zmq_setsockopt(req, ZMQ_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    zmq_setsockopt(req, ZMQ_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    zmq_connect(req, ZAP_ENDPOINT))
		err = errno;
	for (size_t i = 0; !err && i < HELIO_ARRAY_LEN(head); i++)
		if (zmq_send(req, head[i], strlen(head[i]), ZMQ_SNDMORE) < 0)
			err = errno;
	if (!err && zmq_send(req, key, MESH_KEY_LEN, 0) < 0)
		err = errno;
	for (int i = 0; !err && i < 3; i++) /* version, id, status */
		if (zmq_recv(req, status, sizeof(status), 0) < 0)
			err = errno;
	zmq_close(req);
	return err ? err : status[0] == expected ? 0 : EACCES;
}

static int thread_start(struct mesh_zap *zap)
{
	sigset_t all, old;
	sigfillset(&all);
	/* Signals are the daemon's loop's business. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = pthread_create(&zap->thread, NULL, zap_main, zap);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static int keys_take(struct mesh_zap *zap, const struct mesh_peer *peers, uint32_t n,
		     const char *keys_dir, const uint8_t own_key[static MESH_KEY_LEN])
{
	zap->keys = calloc(n, sizeof(*zap->keys));
	if (!zap->keys)
		return ENOMEM;
	zap->keys_n = n;
	for (uint32_t i = 0; i < n; i++) {
		zap->keys[i].addr = peers[i].addr;
		memcpy(zap->keys[i].name, peers[i].name, sizeof(zap->keys[i].name));
		memcpy(zap->keys[i].key, peers[i].key, MESH_KEY_LEN);
		zap->keys[i].own = memcmp(peers[i].key, own_key, MESH_KEY_LEN) == 0;
	}
	return str_copy(zap->keys_dir, sizeof(zap->keys_dir), keys_dir);
}

static void zap_free(struct mesh_zap *zap)
{
	pthread_mutex_destroy(&zap->lock);
	free(zap->keys);
	free(zap);
}

int mesh_zap_start(struct mesh_zap **ret, void *ctx, const struct mesh_peer *peers, uint32_t n,
		   const char *keys_dir, const uint8_t own_key[static MESH_KEY_LEN])
{
	static const uint8_t nobody[MESH_KEY_LEN];
	struct mesh_zap *zap = calloc(1, sizeof(*zap));
	if (!zap)
		return ENOMEM;
	zap->ctx = ctx;
	pthread_mutex_init(&zap->lock, NULL);
	int err = keys_take(zap, peers, n, keys_dir, own_key);
	if (err) {
		zap_free(zap);
		return err;
	}
	zap->rep = zmq_socket(ctx, ZMQ_REP);
	err = zap->rep ? 0 : errno;
	if (!err && zmq_bind(zap->rep, ZAP_ENDPOINT))
		err = errno;
	if (!err)
		err = thread_start(zap);
	if (err) {
		if (zap->rep)
			zmq_close(zap->rep);
		zap_free(zap);
		return err;
	}
	*ret = zap; /* from here on the caller ends it by mesh_zap_join() */
	err = probe(ctx, own_key, '2');
	if (!err)
		err = probe(ctx, nobody, '4');
	atomic_store_explicit(&zap->refused, 0, memory_order_relaxed);
	return err;
}

uint64_t mesh_zap_refused(const struct mesh_zap *zap)
{
	return atomic_load_explicit(&zap->refused, memory_order_relaxed);
}

uint32_t mesh_zap_generation(const struct mesh_zap *zap)
{
	return atomic_load_explicit(&zap->generation, memory_order_acquire);
}

void mesh_zap_key(struct mesh_zap *zap, uint32_t i, uint8_t ret[static MESH_KEY_LEN])
{
	helio_assert(i < zap->keys_n);
	pthread_mutex_lock(&zap->lock);
	memcpy(ret, zap->keys[i].key, MESH_KEY_LEN);
	pthread_mutex_unlock(&zap->lock);
}

struct mesh_zap *mesh_zap_join(struct mesh_zap *zap)
{
	if (zap) {
		pthread_join(zap->thread, NULL);
		zap_free(zap);
	}
	return NULL;
}
