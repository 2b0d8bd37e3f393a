/*
 * A user agent on helio_sip alone, for scenarios: what it does is chosen by the dialled user.
 *
 *   answer   200 at once                       busy     486
 *   late     180, 200 after 300 ms             bye      200, and BYE after the ACK
 *   ring     180 only (for CANCEL)             modify   200, re-INVITE after the ACK, then BYE
 *   handover 200; after the ACK the dialog is written to --dialog-out and the process ends at once,
 *            as if killed; another one takes it up with --adopt FILE --then bye|reinvite|wait
 *   slow     nothing for a while (for 100 Trying), then 200
 *   else     404
 *
 * Events go to standard output, one a line. Ends on SIGTERM, or with status 0 after an adopted call
 * has been served (1 if it failed).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/syscall.h>

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>

#include "nodes/sip/sip_call.h"

enum { RTP_PORT = 43998, LATE_MS = 300, SLOW_MS = 600, CEPOCH_FIRST = 65, CEPOCH_STEP = 64 };

struct test_ua {
	struct sip_ua *ua;
	struct sip_ua_conf conf;
	const char *dialog_out, *adopt, *then;
	uint32_t retry_after_s;
	bool drain, quiet;
	struct list plans;
	int status;
};

/* In place of libc's, for libre too: the next `fail_n` messages that begin so do not get out. */
static const char *fail_text = "";
static int fail_n;

ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG to, socklen_t n)
{
	if (fail_n > 0 && len >= strlen(fail_text) && !memcmp(buf, fail_text, strlen(fail_text))) {
		fail_n--;
		errno = ENETUNREACH;
		return -1;
	}
	return syscall(SYS_sendto, fd, buf, len, flags, to.__sockaddr__, n);
}

/* What a call still has to do. */
struct plan {
	struct le le;
	struct tmr tmr;
	struct sip_call *call;
	const char *then;
};

static struct test_ua self = {
    .conf = {.bind = "127.0.0.1", .port = 43000, .server = "helio-test", .calls_max = 20000},
};

#define say(...)                             \
	do {                                 \
		if (!self.quiet) {           \
			printf(__VA_ARGS__); \
			fflush(stdout);      \
		}                            \
	} while (0)

static void plan_destructor(void *arg)
{
	struct plan *p = arg;
	list_unlink(&p->le);
	tmr_cancel(&p->tmr);
}

static void accept_late(void *arg)
{
	struct plan *p = arg;
	(void)sip_call_accept(p->call, RTP_PORT, CEPOCH_FIRST);
}

static void call_drop(struct sip_call *call)
{
	mem_deref(sip_call_user(call));
	sip_call_free(call);
}

static void incoming_h(struct sip_call *call, const char *user, const char *caller,
		       const char *caller_name, const struct sip_sdp *offer, void *arg)
{
	(void)arg;
	say("incoming user=%s caller=%s name=%s port=%u codec=%d dtmf=%u send=%d recv=%d\n", user,
	    caller, caller_name, offer->port, offer->codec, offer->dtmf_pt, offer->send,
	    offer->recv);
	if (!strcmp(user, "busy")) {
		(void)sip_call_reject(call, 486, "Busy Here", 0);
		return;
	}
	struct plan *p = mem_zalloc(sizeof(*p), plan_destructor);
	if (!p) {
		(void)sip_call_reject(call, 500, "Out of Memory", 0);
		return;
	}
	list_append(&self.plans, &p->le, p);
	p->call = call;
	p->then = "";
	sip_call_user_set(call, p);
	if (!strcmp(user, "ring")) {
		(void)sip_call_ring(call);
	} else if (!strcmp(user, "late")) {
		(void)sip_call_ring(call);
		tmr_start(&p->tmr, LATE_MS, accept_late, p);
	} else if (!strcmp(user, "slow")) {
		tmr_start(&p->tmr, SLOW_MS, accept_late, p);
	} else if (!strcmp(user, "answer") || !strcmp(user, "bye") || !strcmp(user, "modify") ||
		   !strcmp(user, "handover")) {
		p->then = !strcmp(user, "bye")        ? "bye"
			  : !strcmp(user, "modify")   ? "reinvite"
			  : !strcmp(user, "handover") ? "handover"
						      : "";
		(void)sip_call_accept(call, RTP_PORT, CEPOCH_FIRST);
	} else {
		mem_deref(p);
		(void)sip_call_reject(call, 404, "Not Found", 0);
	}
}

static void handover(struct sip_call *call)
{
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	char tmp[512];
	if (sip_dialog_encode(sip_call_dialog(call), wire, sizeof(wire), &len))
		_exit(3);
	snprintf(tmp, sizeof(tmp), "%s.tmp", self.dialog_out);
	FILE *f = fopen(tmp, "wb");
	if (!f || fwrite(wire, 1, len, f) != len || fclose(f) || rename(tmp, self.dialog_out))
		_exit(3);
	_exit(0);
}

static void goodbye(struct sip_call *call)
{
	(void)sip_call_hangup(call, "Normal call clearing");
	call_drop(call);
}

static void confirmed_h(struct sip_call *call, void *arg)
{
	struct plan *p = sip_call_user(call);
	(void)arg;
	say("confirmed\n");
	if (!strcmp(p->then, "handover"))
		handover(call);
	else if (!strcmp(p->then, "bye"))
		goodbye(call);
	else if (!strcmp(p->then, "reinvite"))
		(void)sip_call_reinvite(call, RTP_PORT - 2);
}

static void goodbye_later(void *arg)
{
	struct plan *p = arg;
	goodbye(p->call);
}

static int reoffer_h(struct sip_call *call, const struct sip_sdp *offer, void *arg)
{
	struct plan *p = sip_call_user(call);
	(void)arg;
	say("reoffer port=%u codec=%d send=%d recv=%d\n", offer->port, offer->codec, offer->send,
	    offer->recv);
	if (!strcmp(p->then, "reinvite")) {
		p->then = "";
		tmr_start(&p->tmr, 1, goodbye_later, p);
	}
	return 0;
}

static void ended_h(struct sip_call *call, enum sip_end why, void *arg)
{
	static const char *const names[] = {"cancel", "bye", "no-ack", "error", "timer"};
	(void)arg;
	say("ended why=%s\n", names[why]);
	call_drop(call);
	if (self.adopt) {
		self.status = why != SIP_END_BYE || strcmp(self.then, "wait") != 0;
		re_cancel();
	}
}

static uint32_t admit_h(void *arg)
{
	(void)arg;
	return self.retry_after_s;
}

/* ---- taking a dialog up ---- */

static struct tmr adopt_tmr;

static void adopt_watch(void *arg)
{
	/* The BYE has been sent and answered: nothing is pending any more. */
	if (sip_ua_pending(self.ua) == 0 && !arg)
		re_cancel();
	else
		tmr_start(&adopt_tmr, 10, adopt_watch, NULL);
}

static int adopt(void)
{
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	struct sip_dialog d;
	struct sip_call *call;
	FILE *f = fopen(self.adopt, "rb");
	if (!f)
		return errno;
	size_t len = fread(wire, 1, sizeof(wire), f);
	(void)fclose(f);
	int err = sip_dialog_decode(&d, wire, len);
	if (err)
		return err;
	struct plan *p = mem_zalloc(sizeof(*p), plan_destructor);
	if (!p)
		return ENOMEM;
	err = sip_call_adopt(self.ua, &call, &d, d.cepoch + CEPOCH_STEP, p);
	if (err) {
		mem_deref(p);
		return err;
	}
	list_append(&self.plans, &p->le, p);
	p->call = call;
	p->then = self.then;
	say("adopted cseq=%u\n", sip_call_dialog(call)->local_cseq);
	if (!strcmp(self.then, "reinvite"))
		err = sip_call_reinvite(call, RTP_PORT - 2);
	else if (!strcmp(self.then, "wait"))
		return 0; /* for the far end's BYE */
	else
		goodbye(call);
	tmr_start(&adopt_tmr, 10, adopt_watch, NULL);
	return err;
}

static int usage(void)
{
	fprintf(stderr, "usage: sip_test_ua [--bind A] [--advertise A] [--port N] [--t1 MS]\n"
			"  [--session-expires S] [--calls-max N] [--retry-after S] [--drain]\n"
			"  [--fail TEXT --fail-n N] [--dialog-out FILE] [--adopt FILE --then "
			"bye|reinvite|wait] [--quiet]\n");
	return 2;
}

static int options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
		if (!strcmp(o, "--drain")) {
			self.drain = true;
			continue;
		}
		if (!strcmp(o, "--quiet")) {
			self.quiet = true;
			continue;
		}
		if (!v)
			return usage();
		i++;
		if (!strcmp(o, "--bind"))
			self.conf.bind = v;
		else if (!strcmp(o, "--advertise"))
			self.conf.advertise = v;
		else if (!strcmp(o, "--port"))
			self.conf.port = (uint16_t)atoi(v);
		else if (!strcmp(o, "--t1"))
			self.conf.t1_ms = (uint32_t)atoi(v);
		else if (!strcmp(o, "--session-expires"))
			self.conf.session_expires_s = (uint32_t)atoi(v);
		else if (!strcmp(o, "--calls-max"))
			self.conf.calls_max = (uint32_t)atoi(v);
		else if (!strcmp(o, "--retry-after"))
			self.retry_after_s = (uint32_t)atoi(v);
		else if (!strcmp(o, "--dialog-out"))
			self.dialog_out = v;
		else if (!strcmp(o, "--adopt"))
			self.adopt = v;
		else if (!strcmp(o, "--fail"))
			fail_text = v;
		else if (!strcmp(o, "--fail-n"))
			fail_n = atoi(v);
		else if (!strcmp(o, "--then"))
			self.then = v;
		else
			return usage();
	}
	return 0;
}

static void signal_handler(int sig)
{
	(void)sig;
	re_cancel();
}

int main(int argc, char **argv)
{
	static const struct sip_ua_handlers handlers = {
	    .incoming_h = incoming_h,
	    .confirmed_h = confirmed_h,
	    .reoffer_h = reoffer_h,
	    .ended_h = ended_h,
	    .admit_h = admit_h,
	};
	char why[256] = "";
	if (options(argc, argv))
		return 2;
	(void)fd_setsize(4096);
	if (libre_init())
		return 1;
	int err = sip_ua_open(&self.ua, &self.conf, &handlers, NULL, why);
	if (err) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	sip_ua_drain(self.ua, self.drain);
	printf("ready port=%u\n", self.conf.port);
	fflush(stdout);
	if (self.adopt)
		err = adopt();
	if (!err)
		err = re_main(signal_handler);
	const struct sip_ua_counters *c = sip_ua_counters(self.ua);
	printf("counters invites=%llu accepted=%llu rejected=%llu cancelled=%llu byes=%llu "
	       "bad=%llu retransmits=%llu\n",
	       (unsigned long long)c->invites, (unsigned long long)c->accepted,
	       (unsigned long long)c->rejected, (unsigned long long)c->cancelled,
	       (unsigned long long)c->byes, (unsigned long long)c->bad_requests,
	       (unsigned long long)c->retransmits);
	tmr_cancel(&adopt_tmr);
	while (self.plans.head)
		call_drop(((struct plan *)self.plans.head->data)->call);
	self.ua = sip_ua_close(self.ua);
	libre_close();
	return err ? 1 : self.status;
}
