#include "tests/tools/ws.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

enum { RESPONSE_MAX = 16384, GROW = 2048 };

void ws_init(struct ws *ws, size_t max)
{
	memset(ws, 0, sizeof(*ws));
	ws->max = max;
}

void ws_wipe(struct ws *ws)
{
	free(ws->buf);
	memset(ws, 0, sizeof(*ws));
}

/* RFC 6455 §4.2.2: base64(SHA-1(key + GUID)). */
static void expect_accept(struct ws *ws, const char *key)
{
	char text[96];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	helio_assert(EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) == 1);
	EVP_EncodeBlock((uint8_t *)ws->accept, digest, (int)len);
}

int ws_request(struct ws *ws, const char *host, const char *path, const char *origin,
	       const char *protocol, char ret[static WS_REQUEST_MAX])
{
	uint8_t nonce[16];
	char key[WS_KEY_SIZE];
	random_bytes(nonce, sizeof(nonce));
	EVP_EncodeBlock((uint8_t *)key, nonce, (int)sizeof(nonce));
	expect_accept(ws, key);
	int n = snprintf(ret, WS_REQUEST_MAX,
			 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: %s\r\n%s%s%s%s%s%s\r\n",
			 path, host, key, origin ? "Origin: " : "", origin ? origin : "",
			 origin ? "\r\n" : "", protocol ? "Sec-WebSocket-Protocol: " : "",
			 protocol ? protocol : "", protocol ? "\r\n" : "");
	return n < 0 || n >= WS_REQUEST_MAX ? EMSGSIZE : 0;
}

static int append(struct ws *ws, const void *data, size_t len)
{
	if (ws->len + len > ws->size) {
		size_t size = ws->len + len + GROW;
		uint8_t *buf = realloc(ws->buf, size);
		if (!buf)
			return ENOMEM;
		ws->buf = buf;
		ws->size = size;
	}
	if (len)
		memcpy(ws->buf + ws->len, data, len);
	ws->len += len;
	return 0;
}

static void consume(struct ws *ws, size_t len)
{
	ws->len -= len;
	memmove(ws->buf, ws->buf + len, ws->len);
	if (ws->len == 0) { /* hundreds of idle connections need no buffers */
		free(ws->buf);
		ws->buf = NULL;
		ws->size = 0;
	}
}

/* EAGAIN: the answer is not whole yet. */
static int read_response(struct ws *ws)
{
	const char *end = memmem(ws->buf, ws->len, "\r\n\r\n", 4);
	if (!end)
		return ws->len > RESPONSE_MAX ? EPROTO : EAGAIN;
	size_t len = (size_t)(end - (const char *)ws->buf) + 4;
	char head[RESPONSE_MAX + 1];
	if (len > RESPONSE_MAX)
		return EPROTO;
	memcpy(head, ws->buf, len);
	head[len] = '\0';
	if (sscanf(head, "HTTP/1.%*1[01] %d", &ws->status) != 1)
		return EPROTO;
	if (ws->status != 101)
		return ECONNREFUSED;
	const char *accept = strcasestr(head, "\r\nsec-websocket-accept:");
	if (!accept)
		return EPROTO;
	accept += strlen("\r\nsec-websocket-accept:");
	accept += strspn(accept, " ");
	if (strncmp(accept, ws->accept, strlen(ws->accept)) != 0)
		return EPROTO;
	consume(ws, len);
	ws->open = true;
	return 0;
}

/* EAGAIN: no whole frame yet. Servers do not mask, and the gateway does not fragment. */
static int read_frame(struct ws *ws, enum ws_op *ret_op, size_t *ret_head, size_t *ret_len)
{
	if (ws->len < 2)
		return EAGAIN;
	uint64_t len = ws->buf[1] & 0x7f;
	size_t head = len == 127 ? 10 : len == 126 ? 4 : 2;
	if ((ws->buf[1] & 0x80) || (ws->buf[0] & 0xf0) != 0x80)
		return EPROTO;
	if (ws->len < head)
		return EAGAIN;
	if (head > 2) {
		len = 0;
		for (size_t i = 2; i < head; i++)
			len = len << 8 | ws->buf[i];
	}
	if (len > ws->max)
		return EMSGSIZE;
	if (ws->len < head + len)
		return EAGAIN;
	*ret_op = (enum ws_op)(ws->buf[0] & 0x0f);
	*ret_head = head;
	*ret_len = (size_t)len;
	return 0;
}

int ws_feed(struct ws *ws, const void *data, size_t len, ws_open_h *open_h, ws_message_h *message_h,
	    void *arg)
{
	int err = append(ws, data, len);
	if (!err && !ws->open) {
		err = read_response(ws);
		if (!err)
			open_h(arg);
	}
	while (!err) {
		enum ws_op op = WS_CONT;
		size_t head = 0, body = 0;
		err = read_frame(ws, &op, &head, &body);
		if (err)
			break;
		message_h(op, ws->buf + head, body, arg);
		consume(ws, head + body);
	}
	return err == EAGAIN ? 0 : err;
}

size_t ws_frame(uint8_t *out, enum ws_op op, const void *payload, size_t len)
{
	const uint8_t *src = payload;
	uint8_t mask[4];
	size_t n = 0;
	random_bytes(mask, sizeof(mask));
	out[n++] = (uint8_t)(0x80 | op);
	if (len < 126) {
		out[n++] = (uint8_t)(0x80 | len);
	} else if (len <= UINT16_MAX) {
		out[n++] = 0x80 | 126;
		out[n++] = (uint8_t)(len >> 8);
		out[n++] = (uint8_t)len;
	} else {
		out[n++] = 0x80 | 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			out[n++] = (uint8_t)((uint64_t)len >> shift);
	}
	memcpy(out + n, mask, sizeof(mask));
	n += sizeof(mask);
	for (size_t i = 0; i < len; i++)
		out[n + i] = src[i] ^ mask[i % 4];
	return n + len;
}
