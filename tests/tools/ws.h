/*
 * The client's side of a WebSocket (RFC 6455), without I/O: bytes in, messages out; used by
 * helio-agent on libre's loop and by the gateway's tests on a plain socket. Not libre's own
 * websock: its HTTP client throws away what arrives in one segment with the 101, and a gateway
 * speaks first.
 */
#ifndef HELIO_TESTS_WS_H
#define HELIO_TESTS_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_REQUEST_MAX = 1024, WS_HEAD_MAX = 14, WS_KEY_SIZE = 32 };

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws {
	char accept[WS_KEY_SIZE]; /* what the server must answer */
	bool open;
	int status; /* of HTTP; 0: not yet */
	uint8_t *buf;
	size_t len, size, max;
};

/* One whole message or control frame; op of the first fragment. */
typedef void(ws_message_h)(enum ws_op op, const uint8_t *data, size_t len, void *arg);
/* The upgrade has succeeded. */
typedef void(ws_open_h)(void *arg);

/* max: bytes of one frame; a longer one is EMSGSIZE. */
void ws_init(struct ws *ws, size_t max);
void ws_wipe(struct ws *ws);

/* The request's text for GET path on host ("ip:port"); NULL origin or protocol: left out.
 * EMSGSIZE. */
int ws_request(struct ws *ws, const char *host, const char *path, const char *origin,
	       const char *protocol, char ret[static WS_REQUEST_MAX]);

/* Takes bytes of the server in. ECONNREFUSED: status is not 101 (ws->status says which); EPROTO:
 * it breaks the rules; EMSGSIZE; ENOMEM. The handlers must not call ws_wipe(). */
int ws_feed(struct ws *ws, const void *data, size_t len, ws_open_h *open_h, ws_message_h *message_h,
	    void *arg);

/* A whole masked frame into out, which holds len + WS_HEAD_MAX bytes; returns its length. */
size_t ws_frame(uint8_t *out, enum ws_op op, const void *payload, size_t len);

#endif
