/*
 * One text for many pages: sealed for each, and handed to their gateway many in one message,
 * because what a message of the mesh costs (its head, CURVE, two threads) is more than sealing a
 * frame.
 *
 *   FRAMES: | conn 8 | length 2 | frame | conn 8 | length 2 | frame | ...
 *
 * A gateway of the version before gets a message for each.
 */
#include "nodes/desk/desk_internal.h"

#include <string.h>

enum {
	HEAD = 10,
	GATEWAYS = 4, /* whose messages are under way at once; one more, and the oldest is sent */
	FRAMES_MAX = 64,   /* the first ones are on their way while the next are sealed */
	BYTES_MAX = 32768, /* holds one frame of any size */
};

_Static_assert((int)BYTES_MAX <= (int)MESH_PAYLOAD_MAX &&
		   (int)BYTES_MAX >= HEAD + (int)DESK_FRAME_MAX,
	       "one fits");

struct batch {
	uint16_t gateway;
	uint32_t n;
	size_t len;
	struct link *link[FRAMES_MAX];
	uint8_t bytes[BYTES_MAX];
};

static struct batch batches[GATEWAYS]; /* the control thread's only; empty between two events */

static void put_le(uint8_t *dst, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)(v >> 8 * i);
}

static void flush(struct batch *b)
{
	if (b->n == 0)
		return;
	Envelope env = Envelope_init_zero;
	struct desk *d = b->link[0]->desk;
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = GwFrame_Kind_FRAMES;
	env.body.gw.conn = b->link[0]->conn;
	if (node_mesh_send(d->n, b->gateway, &env, b->bytes, b->len))
		for (uint32_t i = 0; i < b->n; i++)
			link_end_soon(b->link[i]);
	b->n = 0;
	b->len = 0;
}

/* The one of this gateway, with room for `need` more bytes. */
static struct batch *batch_for(uint16_t gateway, size_t need)
{
	static uint32_t next;
	struct batch *b = NULL;
	for (uint32_t i = 0; i < GATEWAYS && !b; i++)
		if (batches[i].gateway == gateway)
			b = &batches[i];
	if (!b)
		b = &batches[next++ % GATEWAYS];
	if (b->gateway != gateway || b->n == FRAMES_MAX || b->len + need > BYTES_MAX)
		flush(b);
	b->gateway = gateway;
	return b;
}

void batch_send_text(struct link *l, const char *text, size_t len)
{
	size_t need = HEAD + 1 + len + SEAL_TAG_LEN, sealed = 0;
	if (!l->frames) {
		link_send_text(l, text, len);
		return;
	}
	struct batch *b = batch_for(l->gateway, need);
	uint8_t *at = b->bytes + b->len;
	if (link_seal(l, text, len, at + HEAD, need - HEAD, &sealed)) {
		link_end_soon(l);
		return;
	}
	put_le(at, l->conn, 8);
	put_le(at + 8, sealed, 2);
	b->len += HEAD + sealed;
	b->link[b->n++] = l;
}

void batch_flush(void)
{
	for (uint32_t i = 0; i < GATEWAYS; i++)
		flush(&batches[i]);
}
