/* Handshake and session: what must be refused, is. */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE_MAX = 256 };
static const char prologue[] = SEAL_PROLOGUE "certificate";

struct ends {
	struct seal_keypair device, node;
	struct seal_handshake initiator, responder;
	struct seal_session a, b;
};

struct wire {
	uint8_t p[WIRE_MAX];
	size_t n;
};

static void ends_start(struct ends *x)
{
	seal_keypair_new(&x->device);
	seal_keypair_new(&x->node);
	seal_handshake_init(&x->initiator, true, &x->device, x->node.pub, prologue,
			    sizeof(prologue) - 1);
	seal_handshake_init(&x->responder, false, &x->node, NULL, prologue, sizeof(prologue) - 1);
}

static struct wire hs_write(struct seal_handshake *hs, const char *payload, struct seal_session *s)
{
	struct wire w;
	assert_int_equal(
	    seal_handshake_write(hs, payload, strlen(payload), w.p, sizeof(w.p), &w.n, s), 0);
	return w;
}

static int hs_read(struct seal_handshake *hs, const struct wire *w, struct seal_session *s)
{
	uint8_t payload[WIRE_MAX];
	size_t n;
	return seal_handshake_read(hs, w->p, w->n, payload, sizeof(payload), &n, s);
}

static void ends_finish(struct ends *x)
{
	ends_start(x);
	struct wire w = hs_write(&x->initiator, "{\"v\":1}", NULL);
	assert_int_equal(hs_read(&x->responder, &w, NULL), 0);
	w = hs_write(&x->responder, "", &x->b);
	assert_int_equal(hs_read(&x->initiator, &w, &x->a), 0);
}

static struct wire say(struct seal_session *s, const char *text)
{
	struct wire w;
	assert_int_equal(seal_encrypt(s, text, strlen(text), w.p, sizeof(w.p), &w.n), 0);
	return w;
}

static int hear(struct seal_session *s, const struct wire *w)
{
	uint8_t plain[WIRE_MAX];
	size_t n;
	return seal_decrypt(s, w->p, w->n, plain, sizeof(plain), &n);
}

static void both_ends_know_each_other_and_forget_the_handshake(void **state)
{
	(void)state;
	static const struct seal_handshake blank;
	struct ends x;
	ends_finish(&x);
	assert_memory_equal(x.a.peer, x.node.pub, SEAL_KEY_LEN);
	assert_memory_equal(x.b.peer, x.device.pub, SEAL_KEY_LEN);
	assert_memory_equal(x.a.hash, x.b.hash, SEAL_HASH_LEN);
	assert_memory_equal(x.a.tx.k, x.b.rx.k, SEAL_KEY_LEN);
	assert_memory_not_equal(x.a.tx.k, x.a.rx.k, SEAL_KEY_LEN);
	x.initiator.step = x.responder.step = 0;
	assert_memory_equal(&x.initiator, &blank, sizeof(blank));
	assert_memory_equal(&x.responder, &blank, sizeof(blank));
}

static void overheads_are_what_the_header_promises(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "abc", NULL);
	assert_int_equal(w.n, 3 + SEAL_MSG1_OVERHEAD);
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
	w = hs_write(&x.responder, "abc", &x.b);
	assert_int_equal(w.n, 3 + SEAL_MSG2_OVERHEAD);
	w = say(&x.b, "abc");
	assert_int_equal(w.n, 3 + SEAL_TAG_LEN);
}

static void any_flipped_bit_of_message_1_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "x", NULL);
	for (size_t bit = 0; bit < w.n * 8; bit++) {
		struct wire bad = w;
		struct seal_handshake hs = x.responder;
		bad.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(hs_read(&hs, &bad, NULL), EBADMSG);
		assert_int_equal(hs_read(&hs, &w, NULL), EPROTO); /* a refusal is final */
	}
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
}

static void any_flipped_bit_of_message_2_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "x", NULL);
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
	w = hs_write(&x.responder, "y", &x.b);
	for (size_t bit = 0; bit < w.n * 8; bit++) {
		struct wire bad = w;
		struct seal_handshake hs = x.initiator;
		bad.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(hs_read(&hs, &bad, &x.a), EBADMSG);
	}
	assert_int_equal(hs_read(&x.initiator, &w, &x.a), 0);
}

static void a_cut_or_lengthened_handshake_message_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "x", NULL);
	for (size_t n = 0; n <= w.n + 1; n++) {
		struct wire bad = w;
		struct seal_handshake hs = x.responder;
		bad.n = n;
		if (n > w.n)
			bad.p[w.n] = 0;
		assert_int_equal(hs_read(&hs, &bad, NULL), n == w.n ? 0 : EBADMSG);
	}
}

static void message_1_to_another_node_is_refused(void **state)
{
	(void)state;
	struct ends x, y;
	ends_start(&x);
	ends_start(&y);
	struct wire w = hs_write(&x.initiator, "x", NULL);
	assert_int_equal(hs_read(&y.responder, &w, NULL), EBADMSG);
}

static void another_certificate_in_the_prologue_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "x", NULL);
	seal_handshake_init(&x.responder, false, &x.node, NULL, SEAL_PROLOGUE "other", 22);
	assert_int_equal(hs_read(&x.responder, &w, NULL), EBADMSG);
}

static void message_1_replayed_gives_another_session(void **state)
{
	(void)state;
	struct ends x;
	ends_start(&x);
	struct wire w = hs_write(&x.initiator, "x", NULL), first, second;
	struct seal_handshake again = x.responder;
	struct seal_session s;
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
	assert_int_equal(hs_read(&again, &w, NULL), 0); /* allowed: it has no side effects */
	first = hs_write(&x.responder, "", &x.b);
	second = hs_write(&again, "", &s);
	assert_memory_not_equal(first.p, second.p, first.n);
	assert_memory_not_equal(x.b.tx.k, s.tx.k, SEAL_KEY_LEN);
}

static void keys_of_low_order_are_refused_on_both_sides(void **state)
{
	(void)state;
	static const char *const low[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(low); i++) {
		struct ends x;
		struct wire w = {.n = SEAL_MSG1_OVERHEAD};
		uint8_t pub[SEAL_KEY_LEN];
		size_t n;
		assert_int_equal(hex_decode(pub, sizeof(pub), low[i]), 0);
		ends_start(&x);
		memcpy(w.p, pub, sizeof(pub));
		assert_int_equal(hs_read(&x.responder, &w, NULL), EBADMSG);
		seal_handshake_init(&x.initiator, true, &x.device, pub, prologue,
				    sizeof(prologue) - 1);
		assert_int_equal(
		    seal_handshake_write(&x.initiator, "", 0, w.p, sizeof(w.p), &n, NULL), EBADMSG);
		assert_int_equal(
		    seal_handshake_write(&x.initiator, "", 0, w.p, sizeof(w.p), &n, NULL), EPROTO);
	}
}

static void steps_out_of_turn_are_refused_and_change_nothing(void **state)
{
	(void)state;
	struct ends x;
	struct wire w = {.n = SEAL_MSG1_OVERHEAD};
	size_t n;
	ends_start(&x);
	assert_int_equal(hs_read(&x.initiator, &w, NULL), EPROTO);
	assert_int_equal(seal_handshake_write(&x.responder, "", 0, w.p, sizeof(w.p), &n, NULL),
			 EPROTO);
	w = hs_write(&x.initiator, "x", NULL);
	assert_int_equal(seal_handshake_write(&x.initiator, "", 0, w.p, sizeof(w.p), &n, NULL),
			 EPROTO);
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
}

static void buffers_too_small_are_refused_and_change_nothing(void **state)
{
	(void)state;
	struct ends x;
	uint8_t out[WIRE_MAX];
	size_t n;
	ends_start(&x);
	assert_int_equal(
	    seal_handshake_write(&x.initiator, "abc", 3, out, SEAL_MSG1_OVERHEAD + 2, &n, NULL),
	    EMSGSIZE);
	assert_int_equal(
	    seal_handshake_write(&x.initiator, out, SEAL_MSG_MAX, out, SIZE_MAX, &n, NULL),
	    EMSGSIZE);
	struct wire w = hs_write(&x.initiator, "abc", NULL);
	assert_int_equal(seal_handshake_read(&x.responder, w.p, w.n, out, 2, &n, NULL), EMSGSIZE);
	assert_int_equal(hs_read(&x.responder, &w, NULL), 0);
	w = hs_write(&x.responder, "", &x.b);
	assert_int_equal(hs_read(&x.initiator, &w, &x.a), 0);
	assert_int_equal(seal_encrypt(&x.a, "abc", 3, out, 3 + SEAL_TAG_LEN - 1, &n), EMSGSIZE);
	assert_int_equal(
	    seal_encrypt(&x.a, out, SEAL_MSG_MAX - SEAL_TAG_LEN + 1, out, SIZE_MAX, &n), EMSGSIZE);
	w = say(&x.a, "abc");
	assert_int_equal(seal_decrypt(&x.b, w.p, w.n, out, 2, &n), EMSGSIZE);
	assert_int_equal(hear(&x.b, &w), 0);
}

static void any_flipped_bit_of_a_frame_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_finish(&x);
	struct wire w = say(&x.a, "a frame");
	for (size_t bit = 0; bit < w.n * 8; bit++) {
		struct wire bad = w;
		struct seal_session s = x.b;
		bad.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(hear(&s, &bad), EBADMSG);
	}
	assert_int_equal(hear(&x.b, &w), 0);
}

static void a_cut_or_lengthened_frame_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_finish(&x);
	struct wire w = say(&x.a, "a frame");
	for (size_t n = 0; n <= w.n + 1; n++) {
		struct wire bad = w;
		struct seal_session s = x.b;
		bad.n = n;
		if (n > w.n)
			bad.p[w.n] = 0;
		assert_int_equal(hear(&s, &bad), n == w.n ? 0 : EBADMSG);
	}
}

static void a_replayed_frame_is_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_finish(&x);
	struct wire w = say(&x.a, "one");
	assert_int_equal(hear(&x.b, &w), 0);
	assert_int_equal(hear(&x.b, &w), EBADMSG);
}

static void frames_reordered_or_dropped_are_refused(void **state)
{
	(void)state;
	struct ends x;
	ends_finish(&x);
	struct wire one = say(&x.a, "one"), two = say(&x.a, "two");
	struct seal_session s = x.b;
	assert_int_equal(hear(&s, &two), EBADMSG);
	assert_int_equal(hear(&s, &one), EBADMSG); /* and the session stays shut */
	assert_int_equal(hear(&x.b, &one), 0);
	assert_int_equal(hear(&x.b, &two), 0);
}

static void a_frame_does_not_open_at_the_end_that_sent_it(void **state)
{
	(void)state;
	struct ends x;
	ends_finish(&x);
	struct wire w = say(&x.a, "mirror");
	assert_int_equal(hear(&x.a, &w), EBADMSG);
}

static void a_session_ends_when_its_nonces_are_used_up(void **state)
{
	(void)state;
	struct ends x;
	uint8_t out[WIRE_MAX];
	size_t n;
	ends_finish(&x);
	x.a.tx.n = x.b.rx.n = UINT64_MAX - 1;
	struct wire w = say(&x.a, "last");
	assert_int_equal(hear(&x.b, &w), 0);
	assert_int_equal(seal_encrypt(&x.a, "", 0, out, sizeof(out), &n), EOVERFLOW);
	assert_int_equal(hear(&x.b, &w), EOVERFLOW);
}

static void a_frame_opens_in_its_own_buffer(void **state)
{
	(void)state;
	struct ends x;
	size_t n;
	ends_finish(&x);
	struct wire w = say(&x.a, "in place");
	assert_int_equal(seal_decrypt(&x.b, w.p, w.n, w.p, sizeof(w.p), &n), 0);
	assert_int_equal(n, 8);
	assert_memory_equal(w.p, "in place", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ends_know_each_other_and_forget_the_handshake),
	    cmocka_unit_test(overheads_are_what_the_header_promises),
	    cmocka_unit_test(any_flipped_bit_of_message_1_is_refused),
	    cmocka_unit_test(any_flipped_bit_of_message_2_is_refused),
	    cmocka_unit_test(a_cut_or_lengthened_handshake_message_is_refused),
	    cmocka_unit_test(message_1_to_another_node_is_refused),
	    cmocka_unit_test(another_certificate_in_the_prologue_is_refused),
	    cmocka_unit_test(message_1_replayed_gives_another_session),
	    cmocka_unit_test(keys_of_low_order_are_refused_on_both_sides),
	    cmocka_unit_test(steps_out_of_turn_are_refused_and_change_nothing),
	    cmocka_unit_test(buffers_too_small_are_refused_and_change_nothing),
	    cmocka_unit_test(any_flipped_bit_of_a_frame_is_refused),
	    cmocka_unit_test(a_cut_or_lengthened_frame_is_refused),
	    cmocka_unit_test(a_replayed_frame_is_refused),
	    cmocka_unit_test(frames_reordered_or_dropped_are_refused),
	    cmocka_unit_test(a_frame_does_not_open_at_the_end_that_sent_it),
	    cmocka_unit_test(a_session_ends_when_its_nonces_are_used_up),
	    cmocka_unit_test(a_frame_opens_in_its_own_buffer),
	};
	if (seal_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
