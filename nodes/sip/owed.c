/*
 * A final answer that could not be sent: no memory for it, or the kernel had no way there. libre
 * drops the transaction with it, and a caller who has heard 100 would wait for minutes. So a
 * transaction is made anew, which keeps the INVITE's repetitions away, and 500 is said until it
 * gets out, or 64*T1 are over: the caller gives up by then (RFC 3261 timer B).
 */
#include "nodes/sip/sip_priv.h"

#include "common/base/base.h"

struct owed {
	struct le le; /* in ua->owed */
	struct sip_ua *ua;
	struct sip_msg *invite;
	struct sip_strans *st;
	struct wheel_node timer;
	uint32_t wait_ms, spent_ms;
};

static void owed_destructor(void *arg)
{
	struct owed *o = arg;
	list_unlink(&o->le);
	wheel_cancel(&o->ua->wheel, &o->timer);
	mem_deref(o->st);
	mem_deref(o->invite);
}

static void cancel_handler(void *arg)
{
	(void)arg; /* the answer to it is said anyway */
}

static int try_send(struct owed *o)
{
	int err = 0;
	if (!o->st)
		err = sip_strans_alloc(&o->st, o->ua->sip, o->invite, cancel_handler, o);
	if (!err)
		err = sip_treplyf(&o->st, NULL, o->ua->sip, o->invite, false, 500,
				  "Server Internal Error", "Content-Length: 0\r\n\r\n");
	if (err && !o->st)
		(void)sip_strans_alloc(&o->st, o->ua->sip, o->invite, cancel_handler, o);
	return err;
}

static void again_handler(void *arg)
{
	struct owed *o = arg;
	o->spent_ms += o->wait_ms;
	if (!try_send(o) || o->spent_ms >= 64 * o->ua->t1_ms) {
		mem_deref(o);
		return;
	}
	if (o->wait_ms < 8 * o->ua->t1_ms)
		o->wait_ms *= 2;
	wheel_arm(&o->ua->wheel, &o->timer, o->wait_ms, again_handler, o);
}

void sip_answer_owe(struct sip_ua *ua, const struct sip_msg *invite)
{
	struct owed *o = mem_zalloc(sizeof(*o), owed_destructor);
	if (!o)
		return; /* its repetition may find memory */
	o->ua = ua;
	o->invite = mem_ref((void *)(uintptr_t)invite);
	o->wait_ms = ua->t1_ms;
	list_append(&ua->owed, &o->le, o);
	if (try_send(o))
		wheel_arm(&ua->wheel, &o->timer, o->wait_ms, again_handler, o);
	else
		mem_deref(o);
}
