/*
 * One sealed connection through a gateway: TCP, WebSocket, node certificate, Noise, JSON messages.
 * On libre's loop. It begins in link_open() and ends with exactly one down_h (unless link_close()
 * came first).
 */
#ifndef HELIO_TOOLS_AGENT_LINK_H
#define HELIO_TOOLS_AGENT_LINK_H

#include <jansson.h>
#include <stdint.h>

#include "common/seal/seal.h"
#include "tests/tools/agent/re.h"

struct link;

/* Sealed with `node`; messages may be sent. */
typedef void(link_up_h)(const char *node, void *arg);
/* A message of the node; borrowed. */
typedef void(link_msg_h)(const char *type, const json_t *msg, void *arg);
/* Over: why in words, code of the WebSocket (0: none). The link is freed after it returns. */
typedef void(link_down_h)(const char *why, int code, void *arg);

#define LINK_OTHER_NODE "another node"
#define LINK_NODE_LOST "node lost"

struct link_conf {
	struct sa gateway;
	struct sa local;  /* where the connection comes from; unset: the kernel's choice */
	struct tls *tls;  /* from link_tls(); NULL: no TLS */
	char host[64];    /* "127.0.1.1:8080", as a browser says it: Host and Origin */
	const char *site; /* wanted; NULL: the gateway's own */
	const char *home; /* the node of our session, asked for; NULL: any */
	bool insist;      /* another node than home will not do: down_h says LINK_OTHER_NODE */
	uint8_t cluster_pub[SEAL_KEY_LEN];
	const struct seal_keypair *device;
};

/* TLS that trusts the authorities in ca_file (PEM). The chain is checked; an IP address in the
 * place of a name is not compared. Free with mem_deref(), after the links. */
int link_tls(struct tls **ret, const char *ca_file);

int link_open(struct link **ret, const struct link_conf *conf, link_up_h *up_h, link_msg_h *msg_h,
	      link_down_h *down_h, void *arg);
/* Seals and sends; takes msg over. What cannot be sent ends the link (down_h follows, later). */
void link_send(struct link *l, json_t *msg);
/* Ends it without a word to down_h; NULL is fine. Returns NULL. */
struct link *link_close(struct link *l);

#endif
