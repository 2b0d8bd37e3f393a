/*
 * The input is read twice. As a stream, whole and in pieces whose sizes the bytes give: the same
 * messages must come out. And as steps of a guard (what, who, how much later): its table must hold.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/base/base.h"
#include "nodes/sip/guard.h"
#include "nodes/sip/stream.h"

enum { MESSAGES = 64, HELD = 32 };

/* Ends of the messages; the last return value in *ret_err. `piece` 0: all at once. */
static unsigned cut(const uint8_t *data, size_t size, size_t piece, size_t ends[MESSAGES],
		    int *ret_err)
{
	struct stream s = {0};
	size_t from = 0, have = piece ? 0 : size;
	unsigned n = 0;
	*ret_err = EAGAIN;
	while (n < MESSAGES) {
		size_t len = 0;
		int err = have > from ? stream_look(&s, data + from, have - from, &len) : EAGAIN;
		*ret_err = err;
		if (err && err != EAGAIN)
			return n;
		if (!err) {
			helio_assert(len > 0 && len <= STREAM_MESSAGE_MAX && from + len <= have);
			from += len;
			if (len > 4 || data[from - 1] != '\n')
				ends[n++] = from; /* keepalives may be split otherwise */
			s = (struct stream){0};
		} else if (have == size) {
			return n;
		} else {
			have = size - have > piece ? have + piece : size;
		}
	}
	return n;
}

static void stream_check(const uint8_t *data, size_t size)
{
	size_t all[MESSAGES], parts[MESSAGES];
	int err_all, err_parts;
	unsigned n = cut(data, size, 0, all, &err_all);
	unsigned m = cut(data, size, 1 + data[0] % 7, parts, &err_parts);
	helio_assert(n == m && !memcmp(all, parts, n * sizeof(all[0])));
	helio_assert(err_all == err_parts || err_all == 0 || err_parts == 0 ||
		     err_all == EMSGSIZE || err_parts == EMSGSIZE);
}

static void guard_drive(const uint8_t *data, size_t size)
{
	static const struct sip_trunk trunks[] = {{0x05000000, 0xff000000}};
	static const struct sip_limits limits = {.new_calls = 2,
						 .calls = 3,
						 .requests = 10,
						 .connections = 2,
						 .trunk_new_calls = 5,
						 .trunk_requests = 20,
						 .trunk_connections = 4,
						 .strikes = 3,
						 .lockout_ms = 1000,
						 .trunks = trunks,
						 .trunks_n = 1};
	static struct guard *g;
	struct guard_source *calls[HELD], *conns[HELD];
	unsigned calls_n = 0, conns_n = 0;
	static uint64_t now = 1;
	if (!g)
		helio_assert(!guard_open(&g, &limits));
	for (; size >= 3; data += 3, size -= 3) {
		uint32_t ip4 = (uint32_t)(data[0] >> 4) << 24 | data[1];
		now += (uint64_t)data[2] * data[2] * 10000;
		switch (data[0] % 7) {
		case 0: (void)guard_message(g, ip4, now, NULL); break;
		case 1: (void)guard_invite(g, ip4, now); break;
		case 2:
			if (guard_strike(g, ip4, now))
				helio_assert(ip4 >> 24 != 5 && guard_locked(g, ip4, now));
			break;
		case 3:
			if (calls_n < HELD)
				calls[calls_n++] = guard_call_begin(g, ip4, now);
			break;
		case 4:
			if (conns_n < HELD && (conns[conns_n] = guard_conn_begin(g, ip4, now)))
				conns_n++;
			break;
		case 5:
			if (calls_n)
				guard_call_end(g, calls[--calls_n]);
			break;
		case 6:
			if (conns_n)
				guard_conn_end(g, conns[--conns_n]);
			break;
		}
	}
	while (calls_n)
		guard_call_end(g, calls[--calls_n]);
	while (conns_n)
		guard_conn_end(g, conns[--conns_n]);
	guard_check(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	stream_check(data, size);
	guard_drive(data, size);
	return 0;
}
