/*
 * TCP. libre 1.1.0 accepts whoever comes, reads a message anew with every byte that is added to it,
 * waits 32 s for the first one and 900 s for the rest of the next. It has no hook for an incoming
 * connection. So tcp_accept() is defined here and takes the place of libre's own (its calls go
 * through the dynamic linker; sip_call.h has the same effect where it is not wanted): we stand in
 * for the handlers that SIP gives, and SIP gets whole messages only.
 *
 *   tcp_conn ──bytes──► on_recv() ──stream.c──► SIP's own handler, one whole message at a time
 *
 * An inlet holds a reference to its connection: when it is the last one, SIP has let go.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "common/base/base.h"
#include "nodes/sip/sip_priv.h"
#include "nodes/sip/inlet.h"
#include "nodes/sip/stream.h"

enum {
	TICK_MS = 1000,
	/* To begin after the connection was made, and to end a message that was begun: a request is
	 * one or two packets; ten seconds are three lost ones. */
	MESSAGE_S = 10,
	/* Without a call there is nothing that the far end could miss; with one, libre's 900 s. */
	IDLE_S = 120,
	UDP_LAYER = 0,
	TCP_LAYER = 0,
	/* Half a second of a good trunk while the loop is busy with something else. */
	UDP_BUFFER = 4 << 20,
};

struct inlet {
	struct le le; /* in ua->inlets */
	struct sip_ua *ua;
	struct guard_source *src;
	uint32_t ip4;
	struct tcp_conn *tc;
	struct tcp_helper *gate;
	tcp_estab_h *eh;
	tcp_recv_h *rh;
	tcp_close_h *ch;
	void *arg;
	struct mbuf *in; /* a message that is not whole yet */
	struct stream stream;
	uint64_t began_us; /* it; or the connection before its first message; 0 neither */
	uint64_t heard_us;
};

static struct list uas; /* for tcp_accept(), which is told of sockets only */

static void inlet_destructor(void *arg)
{
	struct inlet *i = arg;
	list_unlink(&i->le);
	if (i->src)
		guard_conn_end(i->ua->guard, i->src);
	mem_deref(i->in);
	mem_deref(i->gate); /* before the connection that it hangs on */
	mem_deref(i->tc);
}

static bool let_go(const struct inlet *i)
{
	return mem_nrefs(i->tc) == 1;
}

/* SIP closes its side, and we ours. */
static void cut(struct inlet *i, int err)
{
	i->ua->counters.tcp_cut++;
	if (!let_go(i))
		i->ch(err, i->arg);
	mem_deref(i);
}

static void on_estab(void *arg)
{
	struct inlet *i = arg;
	if (!let_go(i) && i->eh)
		i->eh(i->arg);
}

static void on_close(int err, void *arg)
{
	struct inlet *i = arg;
	if (!let_go(i))
		i->ch(err, i->arg);
	mem_deref(i);
}

/* One whole message to SIP. false: the connection is gone. */
static bool pass_on(struct inlet *i, size_t len)
{
	struct mbuf *one = mbuf_alloc(len);
	if (!one || mbuf_write_mem(one, mbuf_buf(i->in), len)) {
		mem_deref(one);
		cut(i, ENOMEM);
		return false;
	}
	one->pos = 0;
	mbuf_advance(i->in, (ssize_t)len);
	i->stream = (struct stream){0};
	i->rh(one, i->arg);
	mem_deref(one);
	if (!let_go(i))
		return true;
	mem_deref(i);
	return false;
}

static bool message(struct inlet *i, size_t len, uint64_t now_us)
{
	struct sip_ua *ua = i->ua;
	if (sip_ua_gate(ua, i->ip4, now_us))
		return pass_on(i, len);
	cut(i, ECONNRESET);
	return false;
}

static void on_recv(struct mbuf *mb, void *arg)
{
	struct inlet *i = arg;
	uint64_t now = mono_us();
	size_t len;
	int err = 0;
	if (let_go(i)) {
		mem_deref(i);
		return;
	}
	i->heard_us = now;
	if (!i->in)
		i->in = mbuf_alloc(mbuf_get_left(mb));
	if (!i->in) {
		cut(i, ENOMEM);
		return;
	}
	size_t pos = i->in->pos;
	mbuf_skip_to_end(i->in);
	err = mbuf_write_mem(i->in, mbuf_buf(mb), mbuf_get_left(mb));
	i->in->pos = pos;
	while (!err && mbuf_get_left(i->in) > 0) {
		err = stream_look(&i->stream, mbuf_buf(i->in), mbuf_get_left(i->in), &len);
		if (err == EAGAIN)
			break;
		if (!err) {
			i->began_us = 0;
			if (!message(i, len, now))
				return;
		}
	}
	if (err && err != EAGAIN) {
		sip_ua_strike(i->ua, i->ip4, "endless or unreadable message");
		cut(i, err);
		return;
	}
	if (!err)
		i->in = mem_deref(i->in); /* idle connections hold no buffer */
	else if (!i->began_us)
		i->began_us = now;
	if (i->in && i->in->pos > 0) { /* what was passed on makes room */
		size_t left = mbuf_get_left(i->in);
		memmove(i->in->buf, mbuf_buf(i->in), left);
		i->in->pos = 0;
		i->in->end = left;
	}
}

static void tick(void *arg)
{
	struct sip_ua *ua = arg;
	uint64_t now = mono_us();
	for (struct le *le = ua->inlets.head; le;) {
		struct inlet *i = le->data;
		le = le->next;
		uint64_t idle_us = now - i->heard_us;
		bool calls = i->src && guard_has_calls(i->src);
		if (let_go(i))
			mem_deref(i);
		else if (i->began_us && now - i->began_us > MESSAGE_S * 1000000ull)
			cut(i, ETIMEDOUT);
		else if (!calls && idle_us > IDLE_S * 1000000ull)
			cut(i, ETIMEDOUT);
	}
	tmr_start(&ua->inlet_tmr, TICK_MS, tick, ua);
}

static struct sip_ua *ua_of(const struct tcp_sock *ts)
{
	struct sa laddr;
	if (tcp_sock_local_get(ts, &laddr))
		return NULL;
	for (struct le *le = uas.head; le; le = le->next) {
		struct sip_ua *ua = le->data;
		if (sa_cmp(&laddr, &ua->laddr, SA_ALL) ||
		    (sa_isset(&ua->vip, SA_ALL) && sa_cmp(&laddr, &ua->vip, SA_ALL)))
			return ua;
	}
	return NULL;
}

typedef int(accept_f)(struct tcp_conn **, struct tcp_sock *, tcp_estab_h *, tcp_recv_h *,
		      tcp_close_h *, void *);

static accept_f *libre_accept(void)
{
	static accept_f *real;
	void *symbol = real ? NULL : dlsym(RTLD_NEXT, "tcp_accept");
	if (symbol)
		memcpy(&real, &symbol, sizeof(real));
	return real;
}

static bool held(const struct sip_ua *ua)
{
	return ua->h.hold_h && ua->h.hold_h(ua->arg);
}

/* A stream with a hole is no stream: it ends, and the far end connects anew. */
static bool tcp_out(int *err, struct mbuf *mb, void *arg)
{
	const struct inlet *i = arg;
	(void)mb;
	if (!held(i->ua))
		return false;
	*err = EPIPE;
	return true;
}

static int watch(struct inlet *i, struct tcp_conn **ret, struct tcp_sock *ts)
{
	struct sip_ua *ua = i->ua;
	struct sa peer;
	int err = libre_accept()(&i->tc, ts, on_estab, on_recv, on_close, i);
	if (!err)
		err = tcp_conn_peer_get(i->tc, &peer);
	if (err)
		return err;
	i->ip4 = sa_in(&peer);
	err = tcp_register_helper(&i->gate, i->tc, TCP_LAYER, NULL, tcp_out, NULL, i);
	if (err)
		return err;
	i->began_us = i->heard_us = mono_us();
	if (ua->guard) {
		i->src = guard_conn_begin(ua->guard, i->ip4, i->began_us);
		if (!i->src) {
			ua->counters.tcp_refused++;
			return ECONNREFUSED;
		}
	}
	list_append(&ua->inlets, &i->le, i);
	*ret = mem_ref(i->tc);
	return 0;
}

/* In the place of libre's: see the head of this file. */
int tcp_accept(struct tcp_conn **ret, struct tcp_sock *ts, tcp_estab_h *eh, tcp_recv_h *rh,
	       tcp_close_h *ch, void *arg)
{
	struct sip_ua *ua = ua_of(ts);
	if (!ua)
		return libre_accept() ? libre_accept()(ret, ts, eh, rh, ch, arg) : ENOSYS;
	struct inlet *i = libre_accept() ? mem_zalloc(sizeof(*i), inlet_destructor) : NULL;
	if (!i)
		return ENOMEM;
	i->ua = ua;
	i->eh = eh;
	i->rh = rh;
	i->ch = ch;
	i->arg = arg;
	int err = watch(i, ret, ts);
	if (err)
		mem_deref(i);
	return err;
}

/* ---- UDP ---- */

/* true: libre sends no more of it, as if the network had lost it. */
static bool udp_out(int *err, struct sa *dst, struct mbuf *mb, void *arg)
{
	(void)dst;
	(void)mb;
	if (!held(arg))
		return false;
	*err = 0;
	return true;
}

static bool datagram(struct sa *src, struct mbuf *mb, void *arg)
{
	struct sip_ua *ua = arg;
	struct sip_msg *msg;
	size_t pos = mb->pos;
	if (held(ua))
		return true;
	if (!sip_ua_gate(ua, sa_in(src), mono_us()))
		return true;
	if (mbuf_get_left(mb) <= 4)
		return true; /* keepalives */
	/* Read here first, because libre prints a line for each that it cannot read. */
	int err = sip_msg_decode(&msg, mb);
	mb->pos = pos;
	if (!err) {
		mem_deref(msg);
		return false;
	}
	ua->counters.bad_requests++;
	sip_ua_strike(ua, sa_in(src), "not SIP");
	return true;
}

void inlet_udp(struct sip_ua *ua, const struct sip_msg *msg)
{
	if (msg->tp != SIP_TRANSP_UDP || !msg->sock || msg->sock == ua->gated[0] ||
	    msg->sock == ua->gated[1])
		return;
	int i = ua->gate[0] != NULL;
	if (ua->gate[i])
		return;
	if (udp_register_helper(&ua->gate[i], msg->sock, UDP_LAYER, udp_out, datagram, ua))
		return;
	ua->gated[i] = msg->sock;
	(void)udp_sockbuf_set(msg->sock, UDP_BUFFER);
}

void inlet_open(struct sip_ua *ua)
{
	list_append(&uas, &ua->le, ua);
	tmr_start(&ua->inlet_tmr, TICK_MS, tick, ua);
}

void inlet_close(struct sip_ua *ua)
{
	list_unlink(&ua->le);
	tmr_cancel(&ua->inlet_tmr);
	/* After SIP: what is left holds the last reference to its connection. */
	while (ua->inlets.head)
		mem_deref(ua->inlets.head->data);
}
