#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nodes/sip/sip_priv.h"

static int user(const char *raw, char out[SIP_NAME_SIZE])
{
	struct pl pl;
	pl_set_str(&pl, raw);
	return sip_user_decode(out, SIP_NAME_SIZE, &pl);
}

static void the_dialled_user_is_decoded(void **state)
{
	char out[SIP_NAME_SIZE];
	(void)state;
	assert_int_equal(user("support", out), 0);
	assert_string_equal(out, "support");
	assert_int_equal(user("%73upport;phone-context=x", out), 0);
	assert_string_equal(out, "support");
	assert_int_equal(user("f%C3%B8rstehjelp", out), 0);
	assert_string_equal(out, "f\xc3\xb8rstehjelp");
	assert_int_equal(user("%", out), EBADMSG);
	assert_int_equal(user("a%0", out), EBADMSG);
	assert_int_equal(user("a%zz", out), EBADMSG);
	assert_int_equal(user("a%00b", out), EBADMSG);
	assert_int_equal(user("a%0d%0ab", out), EBADMSG);
	assert_int_equal(user("a%ff", out), EBADMSG);
	char longest[SIP_NAME_SIZE + 1];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[SIP_NAME_SIZE] = '\0';
	assert_int_equal(user(longest, out), EBADMSG);
	longest[SIP_NAME_SIZE - 1] = '\0';
	assert_int_equal(user(longest, out), 0);
}

/* From as it stands in a message. */
static void from(const char *value, const char *want_number, const char *want_name)
{
	char number[SIP_NAME_SIZE], name[SIP_NAME_SIZE];
	struct mbuf *mb = mbuf_alloc(1024);
	struct sip_msg *msg;
	assert_int_equal(mbuf_printf(mb,
				     "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP "
				     "1.2.3.4;branch=z9hG4bK1\r\nFrom: %s\r\n\r\n",
				     value),
			 0);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	sip_caller_decode(msg, number, name);
	assert_string_equal(number, want_number);
	assert_string_equal(name, want_name);
	mem_deref(msg);
	mem_deref(mb);
}

static void the_caller_is_shown_as_people_write(void **state)
{
	(void)state;
	from("\"Ann Caller\" <sip:+4722334455@10.0.0.1>;tag=1", "+4722334455", "Ann Caller");
	from("<sip:bob@10.0.0.1>;tag=1", "bob", "");
	from("sip:bob@10.0.0.1;tag=1", "bob", "");
	from("Bob <sip:bob@10.0.0.1>", "bob", "Bob");
	from("<tel:+47-22334455;phone-context=x>;tag=1", "+47-22334455", "");
	from("<sip:10.0.0.1>", "10.0.0.1", "");
	from("\"A \\\"B\\\" C\" <sip:x@y>", "x", "A \"B\" C");
	from("\"\xff\xc3\xb8\xc2\x85z\" <sip:x@y>", "x", "\xc3\xb8z");
}

static void a_target_is_taken_only_if_it_can_be_written_back(void **state)
{
	static const char *const bad_uris[] = {"",          "tel:112",  "sips:a@b",
					       "sip:a b@c", "sip:a@b>", "http://a/"};
	char out[SIP_URI_SIZE];
	struct pl pl;
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		pl_set_str(&pl, bad_uris[i]);
		assert_int_equal(sip_uri_copy(out, sizeof(out), &pl), EBADMSG);
	}
	pl_set_str(&pl, "sip:a@10.0.0.1:5070;transport=tcp?X=y");
	assert_int_equal(sip_uri_copy(out, sizeof(out), &pl), 0);
	assert_string_equal(out, "sip:a@10.0.0.1:5070;transport=tcp");
	assert_int_equal(sip_uri_copy(out, 10, &pl), ENAMETOOLONG);
}

static void cseq_carries_the_epoch_in_31_bits(void **state)
{
	(void)state;
	assert_int_equal(sip_dialog_cseq_base(1), 1u << 20);
	assert_int_equal(sip_dialog_cseq_base(2047), 0x7ff00000u);
	assert_int_equal(sip_dialog_cseq_base(2048), 0);
}

/* ---- the wheel ---- */

struct fired {
	struct wheel *w;
	struct wheel_node node;
	struct wheel_node *victim;
	unsigned n;
	uint64_t at_ms;
};

static void fire(void *arg)
{
	struct fired *f = arg;
	f->n++;
	f->at_ms = tmr_jiffies();
	if (f->victim)
		wheel_cancel(f->w, f->victim);
}

static void last(void *arg)
{
	fire(arg);
	re_cancel();
}

static void a_timer_fires_once_not_early_and_not_when_cancelled(void **state)
{
	struct wheel *w = calloc(1, sizeof(*w));
	(void)state;
	assert_int_equal(libre_init(), 0);
	assert_int_equal(wheel_open(w), 0);
	struct fired a = {.w = w}, b = {.w = w}, c = {.w = w}, end = {.w = w};
	a.victim = &b.node; /* due in the same tick: must not fire any more */
	uint64_t start = tmr_jiffies();
	wheel_arm(w, &a.node, 50, fire, &a);
	wheel_arm(w, &b.node, 50, fire, &b);
	wheel_arm(w, &c.node, 30, fire, &c);
	wheel_arm(w, &c.node, 60000, fire, &c);
	wheel_arm(w, &end.node, 200, last, &end);
	assert_int_equal(re_main(NULL), 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 0);
	assert_int_equal(c.n, 0);
	assert_int_equal(end.n, 1);
	assert_true(a.at_ms - start >= 50 - 1);
	assert_true(end.at_ms - start >= 200 - 1);
	wheel_cancel(w, &c.node);
	assert_int_equal(w->armed_n, 0);
	wheel_close(w);
	free(w);
	libre_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_dialled_user_is_decoded),
	    cmocka_unit_test(the_caller_is_shown_as_people_write),
	    cmocka_unit_test(a_target_is_taken_only_if_it_can_be_written_back),
	    cmocka_unit_test(cseq_carries_the_epoch_in_31_bits),
	    cmocka_unit_test(a_timer_fires_once_not_early_and_not_when_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
