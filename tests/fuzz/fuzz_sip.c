/*
 * A whole user agent: the input is messages separated by a line "%%", read by libre's decoder and
 * handed over as if no transaction had taken them. The dialled user decides what is done with a
 * call. "$TAG" in a message becomes the local tag of the last call, so that the fuzzer can speak
 * inside a dialog. Each input has an agent of its own.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"
#include "nodes/sip/sip_priv.h"

enum { CALLS = 8, PORT = 43950, TEXT_MAX = 8192 };

static struct sip_ua *ua;
static struct sip_call *calls[CALLS];
static char tag[SIP_TAG_SIZE];

static struct sip_call **slot(const struct sip_call *call)
{
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i] == call)
			return &calls[i];
	return NULL;
}

static void incoming_h(struct sip_call *call, const char *user, const char *caller,
		       const char *caller_name, const struct sip_sdp *offer, void *arg)
{
	struct sip_call **free_slot = slot(NULL);
	(void)arg;
	helio_assert(strlen(user) < SIP_NAME_SIZE && strlen(caller) < SIP_NAME_SIZE &&
		     strlen(caller_name) < SIP_NAME_SIZE && offer);
	(void)str_copy(tag, sizeof(tag), sip_call_dialog(call)->local_tag);
	if (!free_slot || user[0] == 'x') {
		(void)sip_call_reject(call, 404, "Not Found", 1);
		return;
	}
	*free_slot = call;
	if (user[0] == 'r') {
		(void)sip_call_ring(call);
		return;
	}
	(void)sip_call_accept(call, 30000, 65);
	if (user[0] == 'h')
		(void)sip_call_hangup(call, user);
}

static void confirmed_h(struct sip_call *call, void *arg)
{
	(void)arg;
	struct sip_dialog back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t n;
	/* Whatever a peer put into a dialog must survive the journal. */
	helio_assert(!sip_dialog_encode(sip_call_dialog(call), wire, sizeof(wire), &n));
	helio_assert(!sip_dialog_decode(&back, wire, n));
}

static int reoffer_h(struct sip_call *call, const struct sip_sdp *offer, void *arg)
{
	(void)call;
	(void)arg;
	return offer->port == 4001 ? 488 : 0;
}

static void ended_h(struct sip_call *call, enum sip_end why, void *arg)
{
	struct sip_call **s = slot(call);
	(void)why;
	(void)arg;
	helio_assert(s);
	*s = sip_call_free(call);
}

/* Nothing may leave the machine: the agent's UDP socket is bound to loopback, from where the kernel
 * sends nowhere else, but a TCP connection would pick an address of its own. */
static bool may_leave(const struct sip_msg *msg)
{
	return memmem(msg->mb->buf, msg->mb->end, "transport", 9) ||
	       memmem(msg->mb->buf, msg->mb->end, "TRANSPORT", 9);
}

static void message(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX];
	size_t n = 0;
	for (size_t i = 0; i < size && n + SIP_TAG_SIZE < sizeof(text); i++) {
		if (size - i >= 4 && memcmp(data + i, "$TAG", 4) == 0) {
			memcpy(text + n, tag, strlen(tag));
			n += strlen(tag);
			i += 3;
		} else {
			text[n++] = (char)data[i];
		}
	}
	struct mbuf *mb = mbuf_alloc(n + 1);
	struct sip_msg *msg;
	if (!mb)
		return;
	(void)mbuf_write_mem(mb, (const uint8_t *)text, n);
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb)) {
		msg->tp = SIP_TRANSP_UDP;
		sa_set_in(&msg->src, INADDR_LOOPBACK, PORT + 1);
		sa_set_in(&msg->dst, INADDR_LOOPBACK, PORT);
		sa_set_in(&msg->via.addr, INADDR_LOOPBACK, PORT + 1);
		if (msg->req && !may_leave(msg))
			sip_ua_receive(ua, msg);
		mem_deref(msg);
	}
	mem_deref(mb);
}

static void ua_start(void)
{
	/* An address of our own: several runs on one machine must not meet. */
	static char bind[16];
	unsigned id = (unsigned)getpid();
	(void)snprintf(bind, sizeof(bind), "127.%u.%u.%u", 64 + (id >> 16) % 64, id >> 8 & 255,
		       id & 255);
	const struct sip_ua_conf conf = {.bind = bind,
					 .port = PORT,
					 .server = "fuzz",
					 .calls_max = CALLS,
					 .session_expires_s = 1800};
	static const struct sip_ua_handlers h = {.incoming_h = incoming_h,
						 .confirmed_h = confirmed_h,
						 .reoffer_h = reoffer_h,
						 .ended_h = ended_h};
	char why[256];
	helio_assert(!sip_ua_open(&ua, &conf, &h, NULL, why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	if (!ready) {
		helio_assert(!libre_init());
		ready = true;
	}
	ua_start();
	while (size > 0) {
		const uint8_t *end = memmem(data, size, "\n%%\n", 4);
		size_t n = end ? (size_t)(end - data) + 1 : size;
		message(data, n);
		size_t used = end ? n + 3 : n;
		data += used;
		size -= used;
	}
	for (unsigned i = 0; i < CALLS; i++)
		calls[i] = sip_call_free(calls[i]);
	ua = sip_ua_close(ua);
	return 0;
}
