/*
 *   helioctl ── DEALER ──► ROUTER  ipc://<run>/<daemon>.admin      folder 0700, socket 0600
 *   operator ── CURVE ───► ROUTER  tcp://<address>:<admin port>    keys in <keys>/operators
 *
 * Both sockets stand behind one epoll descriptor, so that a daemon's loop watches one thing.
 */
#include "common/admin/admin.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/conf.h"

enum {
	REQUEST_MAX = 64 << 10,
	FRAME_MAX = 1 << 20, /* beyond this the sender is cut off; below it gets a sentence */
	STEP_MAX = 1024,     /* requests of one step: a flood must not starve the calls */
	RCVHWM = 64,
	SNDHWM = 64, /* replies to one who does not read; then they are dropped */
	SOCKETS = 2,
	/* libzmq 4.3: refuse, instead of admit, when no ZAP handler answers. */
	ZAP_ENFORCE_DOMAIN = 93,
};

struct admin {
	zsock_t *sock[SOCKETS]; /* ipc; TCP or NULL */
	zactor_t *auth;
	int epoll, lock;
	int again; /* an eventfd: a step has left something */
	admin_request_h *request_h;
	void *arg;
	char path[CONF_PATH_SIZE + CONF_NAME_SIZE + 16];
};

json_t *admin_error(const char *error, const char *remedy)
{
	json_t *o = json_pack("{s:b, s:s}", "ok", 0, "error", error);

	if (o && remedy && *remedy)
		json_object_set_new(o, "remedy", json_string(remedy));
	return o;
}

static json_t *answer(struct admin *a, const void *body, size_t len)
{
	json_error_t e;
	char why[256];

	if (len > REQUEST_MAX)
		return admin_error("the request is larger than 64 KiB", "ask for less at once");
	json_t *req = json_loadb(body, len, JSON_REJECT_DUPLICATES, &e);
	if (!req) {
		snprintf(why, sizeof(why), "not JSON: %.180s (byte %d)", e.text, e.position);
		return admin_error(why, "send one object: {\"cmd\": \"status\"}");
	}
	const char *cmd = json_string_value(json_object_get(req, "cmd"));
	json_t *reply;
	if (!cmd)
		reply = admin_error("no \"cmd\" in the request",
				    "send one object: {\"cmd\": \"status\"}");
	else
		reply = a->request_h(cmd, req, a->arg);
	/* A tag comes back, so that an asker tells a late reply from the one awaited. */
	json_t *tag = json_object_get(req, "tag");
	if (reply && json_is_object(reply) && json_is_integer(tag))
		json_object_set(reply, "tag", tag);
	json_decref(req);
	return reply ? reply : admin_error("the daemon could not build a reply", NULL);
}

/* identity | [empty, from a REQ] | JSON. Anything else has nobody to answer to. */
static void one_request(struct admin *a, zsock_t *sock, zmsg_t *msg)
{
	zframe_t *body = zmsg_last(msg);

	if (zmsg_size(msg) < 2 || zmsg_size(msg) > 3)
		return;
	json_t *reply = answer(a, zframe_data(body), zframe_size(body));
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	json_decref(reply);
	if (!text)
		return; /* no memory: the asker's deadline speaks */
	zframe_reset(body, text, strlen(text));
	free(text);
	/* A ROUTER drops what the other side does not take; it never waits. */
	while (zmsg_size(msg) > 1) {
		zframe_t *f = zmsg_pop(msg);
		zframe_send(&f, sock, ZFRAME_MORE | ZFRAME_DONTWAIT);
		zframe_destroy(&f);
	}
	zframe_t *f = zmsg_pop(msg);
	zframe_send(&f, sock, ZFRAME_DONTWAIT);
	zframe_destroy(&f);
}

void admin_step(struct admin *a)
{
	unsigned n = 0;
	uint64_t one = 1, seen;

	(void)!read(a->again, &seen, sizeof(seen));
	for (int i = 0; i < SOCKETS; i++)
		while (a->sock[i] && n < STEP_MAX && zsock_events(a->sock[i]) & ZMQ_POLLIN) {
			zmsg_t *msg = zmsg_recv_nowait(a->sock[i]);
			if (!msg)
				break;
			one_request(a, a->sock[i], msg);
			zmsg_destroy(&msg);
			n++;
		}
	/* ZeroMQ says once that something has come, not that something is left. */
	if (n == STEP_MAX)
		(void)!write(a->again, &one, sizeof(one));
}

int admin_fd(const struct admin *a)
{
	return a->epoll;
}

/* ---- opening ------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static int fail(char why[256], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, 256, fmt, ap);
	va_end(ap);
	return err;
}

/* A second daemon of that name would take the socket away from the first: the lock says who is. */
static int run_dir_take(struct admin *a, const struct conf *conf, const struct conf_daemon *self,
			char why[256])
{
	char path[sizeof(a->path)];

	if (mkdir(conf->run_dir, 0700) && errno != EEXIST)
		return fail(why, errno, "%.180s: %s", conf->run_dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/%s.lock", conf->run_dir, self->name);
	a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (a->lock < 0)
		return fail(why, errno, "%.180s: %s", path, strerror(errno));
	if (flock(a->lock, LOCK_EX | LOCK_NB))
		return fail(why, EBUSY, "%s is running already (%.160s is locked); stop it first",
			    self->name, path);
	int n = snprintf(a->path, sizeof(a->path), "%s/%s.admin", conf->run_dir, self->name);
	if (n > 107)
		return fail(why, ENAMETOOLONG,
			    "%.140s is longer than the 107 bytes of a Unix socket's name; shorten "
			    "paths.run",
			    a->path);
	return 0;
}

static zsock_t *router_new(void)
{
	zsock_t *s = zsock_new(ZMQ_ROUTER);

	if (!s)
		return NULL;
	zsock_set_linger(s, 0);
	zsock_set_rcvhwm(s, RCVHWM);
	zsock_set_sndhwm(s, SNDHWM);
	zsock_set_maxmsgsize(s, FRAME_MAX);
	zsock_set_sndtimeo(s, 0);
	return s;
}

static int watch(struct admin *a, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &ev) ? errno : 0;
}

static int ipc_open(struct admin *a, char why[256])
{
	a->sock[0] = router_new();
	if (!a->sock[0])
		return fail(why, ENOMEM, "no ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
	/* The folder is 0700; should somebody have opened it, the socket still is the owner's. */
	mode_t old = umask(0177);
	int rc = zsock_bind(a->sock[0], "ipc://%s", a->path);
	int err = zmq_errno();
	umask(old);
	if (rc == -1)
		return fail(why, err, "%.180s: %s", a->path, zmq_strerror(err));
	return watch(a, zsock_fd(a->sock[0]));
}

/* ZAP runs before the bind; this context has no other (the mesh has a context of its own). */
static int tcp_open(struct admin *a, const struct conf *conf, const struct conf_daemon *self,
		    char why[256])
{
	char path[CONF_PATH_SIZE + CONF_NAME_SIZE + 16];
	int enforce = 1;

	snprintf(path, sizeof(path), "%s/operators", conf->keys_dir);
	if (access(path, R_OK | X_OK))
		return fail(
		    why, errno,
		    "%.160s: %s; make the folder and put operators' public keys into it, or "
		    "remove admin: from the configuration",
		    path, strerror(errno));
	a->auth = zactor_new(zauth, NULL);
	if (!a->auth || zstr_sendx(a->auth, "CURVE", path, NULL) || zsock_wait(a->auth) < 0)
		return fail(why, EIO, "the guard of the admin port (ZAP) does not start");
	snprintf(path, sizeof(path), "%s/curve/%s.key", conf->keys_dir, self->name);
	zcert_t *cert = zcert_load(path);
	if (!cert)
		return fail(why, ENOENT, "%.180s: no CURVE key", path);
	a->sock[1] = router_new();
	if (a->sock[1]) {
		zcert_apply(cert, a->sock[1]);
		zsock_set_curve_server(a->sock[1], 1);
		zsock_set_zap_domain(a->sock[1], "admin");
	}
	zcert_destroy(&cert);
	if (a->sock[1] && zmq_setsockopt(zsock_resolve(a->sock[1]), ZAP_ENFORCE_DOMAIN, &enforce,
					 sizeof(enforce)))
		return fail(why, ENOTSUP, "this libzmq cannot refuse when its guard is gone");
	if (!a->sock[1])
		return fail(why, ENOMEM, "no ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
	if (zsock_bind(a->sock[1], "tcp://%s:%u", self->bind, self->admin_port) == -1)
		return fail(why, zmq_errno(), "%s:%u (admin): %s", self->bind, self->admin_port,
			    zmq_strerror(zmq_errno()));
	return watch(a, zsock_fd(a->sock[1]));
}

int admin_open(struct admin **ret, const struct conf *conf, const struct conf_daemon *self,
	       admin_request_h *request_h, void *arg, char ret_why[256])
{
	struct admin *a = calloc(1, sizeof(*a));

	ret_why[0] = '\0';
	if (!a)
		return ENOMEM;
	a->lock = a->again = -1;
	a->request_h = request_h;
	a->arg = arg;
	/* Signals belong to the daemon's loop, not to czmq. */
	zsys_init();
	zsys_handler_set(NULL);
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	int err = a->epoll < 0 ? errno : 0;
	if (!err) {
		a->again = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = a->again < 0 ? errno : watch(a, a->again);
	}
	if (!err)
		err = run_dir_take(a, conf, self, ret_why);
	if (!err)
		err = ipc_open(a, ret_why);
	if (!err && self->admin_port)
		err = tcp_open(a, conf, self, ret_why);
	if (err) {
		if (!*ret_why)
			fail(ret_why, err, "admin socket: %s", strerror(err));
		admin_close(a);
		return err;
	}
	*ret = a;
	return 0;
}

struct admin *admin_close(struct admin *a)
{
	if (!a)
		return NULL;
	/* The guard goes last: without it CURVE would admit anyone. */
	for (int i = 0; i < SOCKETS; i++)
		zsock_destroy(&a->sock[i]);
	zactor_destroy(&a->auth);
	if (a->epoll >= 0)
		close(a->epoll);
	if (a->again >= 0)
		close(a->again);
	if (a->lock >= 0)
		close(a->lock);
	free(a);
	return NULL;
}
