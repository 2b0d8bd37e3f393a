/*
 * A real gateway process, a fake node (the true mesh, in this process) and a client of HTTP and
 * WebSocket that may misbehave. Each fixture has a folder of its own and ports of its own; every
 * wait has a deadline and fails the test.
 */
#ifndef HELIO_TEST_GATEWAY_HARNESS_H
#define HELIO_TEST_GATEWAY_HARNESS_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/wire/mesh.h"
#include "tests/tools/ws.h"

enum { DEADLINE_MS = 10000, NODES = 3, BODY_MAX = 65536 };

struct fixture {
	char dir[64], host[32], origin[64];
	uint16_t port; /* http of oslo-g1 */
	struct conf *conf;
	pid_t pid;
	char dump[128];
};

/* Two sites: oslo {oslo1, oslo2, oslo-g1}, manila {manila1}. base_port + 0..9 are used. options:
 * further arguments for the gateway, NULL-terminated, or NULL. */
struct fixture *fixture_new(uint16_t base_port, const char *const *options);
/* Stops the gateway by SIGTERM, checks that it ended well, removes everything. */
void fixture_free(struct fixture *f);
/* The cluster's signing key: /cluster.json names its public half. */
void fixture_sign_key(uint8_t ret_key[64], uint8_t ret_pub[32]);
uint16_t fixture_addr(const struct fixture *f, const char *name);

/* ---- HTTP --------------------------------------------------------------------------------- */
struct http_answer {
	int status;
	char head[8192];
	char body[BODY_MAX];
	size_t body_len;
};
/* One request as written, on its own connection; reads until the end of the answer. */
void http_raw(const struct fixture *f, const char *request, struct http_answer *ret);
/* method path; extra: header lines with CRLF, or "". */
void http_get(const struct fixture *f, const char *method, const char *path, const char *extra,
	      struct http_answer *ret);
/* Value of a header, case ignored; NULL when it is absent. Rotating static buffers. */
const char *http_header(const struct http_answer *a, const char *name);

/* ---- WebSocket ---------------------------------------------------------------------------- */
struct client {
	int fd;
	struct ws ws;
	/* what has arrived and was not taken yet */
	struct {
		enum ws_op op;
		uint8_t *data;
		size_t len;
	} got[256];
	size_t first, n;
	bool ended;     /* the socket is closed */
	int close_code; /* 0: none seen */
	bool no_pongs;  /* a dead line: pings are not answered */
	size_t pings;
};
/* Connects to /desk?query; does not wait for anything but the TCP connection. from: source address
 * or NULL. */
struct client *client_new(const struct fixture *f, const char *query, const char *origin,
			  const char *protocol, const char *from);
struct client *client_open(const struct fixture *f, const char *query); /* and waits for the 101 */
void client_free(struct client *c);
/* A TCP connection that says nothing. */
int client_socket(const struct fixture *f, const char *from);
void client_send(struct client *c, enum ws_op op, const void *data, size_t len);
void client_send_raw(struct client *c, const void *data, size_t len);
/* The HTTP status of the upgrade (101 or a refusal). */
int client_status(struct client *c);
/* Next binary message into buf; its length. Fails at the deadline or when the socket ends. */
size_t client_recv(struct client *c, uint8_t *buf, size_t size);
/* Waits for the end; the close code, 0 if there was none. Messages on the way stay takeable. */
int client_wait_close(struct client *c);
bool client_take(struct client *c, uint8_t *buf, size_t size, size_t *ret_len);
/* Reads what is there now, for at most ms. */
void client_poll(struct client *c, int ms);

/* ---- fake node ---------------------------------------------------------------------------- */
struct node {
	struct mesh *mesh;
	uint16_t addr, gateway;
	uint32_t boot;
	bool reached; /* the gateway's link to it is up */
};
struct node *node_new(const struct fixture *f, const char *name, uint32_t boot);
void node_free(struct node *n);
/* A NodeStatus; the certificate is text for the test to recognise. EAGAIN passes while the gateway
 * is not connected yet: repeats until it is sent. */
void node_status(struct node *n, const char *cert, uint32_t sessions, bool draining);
void node_status_cert(struct node *n, const uint8_t *cert, size_t cert_len, uint32_t sessions,
		      bool draining);
void node_send(struct node *n, GwFrame_Kind kind, uint64_t conn, uint32_t why, const void *payload,
	       size_t len);
/* The next GwFrame of the gateway, if one comes within ms. */
bool node_poll(struct node *n, int ms, GwFrame *ret, uint8_t *payload, size_t size,
	       size_t *ret_len);
/* The same, or the test fails at the deadline. */
GwFrame node_recv(struct node *n, uint8_t *payload, size_t size, size_t *ret_len);
/* Expects a frame of this kind. */
GwFrame node_expect(struct node *n, GwFrame_Kind kind, uint8_t *payload, size_t size,
		    size_t *ret_len);
/* Nothing comes within ms. */
bool node_is_quiet(struct node *n, int ms);
/* Says its status until the gateway counts `live` nodes and can send to this one. */
void node_wait_live(const struct fixture *f, struct node *n, const char *cert, size_t live);

#endif
