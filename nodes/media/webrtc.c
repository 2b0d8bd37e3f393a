/*
 * The ICE-lite side (RFC 8445 §2.5): answers checks, never sends any; one host candidate.
 *
 *   check from A, right password ──► A is validated; the first one becomes the peer
 *   check with USE-CANDIDATE from B ──► B may become the peer (Wi-Fi changed to mobile): at once
 *   until DTLS is done, then with the first SRTP packet from B that nobody has seen before
 *   DTLS and SRTP are taken from validated addresses only, and sent to the peer only
 *
 * A check binds nothing to where it came from: whoever has recorded one could send it again from
 * anywhere and would be sent the call (which it cannot read, but the agent would not hear it). SRTP
 * has a replay window, and a browser sends it all the time.
 *
 * The controlling side sends checks with USE-CANDIDATE to the one candidate of the offer, and goes
 * on doing so every 2.5 s as consent (RFC 7675).
 */
#include "nodes/media/webrtc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nodes/media/dtls.h"
#include "nodes/media/srtp.h"
#include "nodes/media/stun.h"

enum {
	VALIDATED_MAX = 4,    /* addresses of one browser at a time */
	SETUP_US = 30000000,  /* a browser on a bad line needs some seconds; more is a failure */
	CHECK_US = 200000,    /* until the first answer */
	CONSENT_US = 2500000, /* with ±20 % against lockstep */
	CONSENT_LOST_US = 30000000 /* RFC 7675 §5.1 */
};

struct webrtc {
	bool controlling, answered, failed, open;
	char ufrag[ICE_UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1];
	char *remote_ufrag, *remote_pwd;
	uint8_t fingerprint[WEB_FINGERPRINT_LEN];
	bool dtls_client;
	struct dtls *dtls;
	struct sockaddr_in validated[VALIDATED_MAX];
	uint32_t validated_len, validated_at;
	struct sockaddr_in nominated; /* the last one with USE-CANDIDATE */
	uint64_t answered_us;
	/* controlling only */
	struct sockaddr_in target;
	uint8_t tid[ICE_TID_LEN];
	uint64_t tie_breaker, sent_us, next_us, consent_us;
};

static void make_token(char *dst, size_t n)
{
	static const char chars[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	random_bytes(dst, n);
	for (size_t i = 0; i < n; i++)
		dst[i] = chars[(uint8_t)dst[i] & 63];
	dst[n] = '\0';
}

int webrtc_new(struct leg *leg, bool controlling)
{
	struct webrtc *w = calloc(1, sizeof(*w));
	if (!w)
		return ENOMEM;
	w->controlling = controlling;
	make_token(w->ufrag, ICE_UFRAG_LEN);
	make_token(w->pwd, ICE_PWD_LEN);
	random_bytes(&w->tie_breaker, sizeof(w->tie_breaker));
	leg->web = w;
	return 0;
}

struct webrtc *webrtc_free(struct webrtc *w)
{
	if (!w)
		return NULL;
	dtls_free(w->dtls);
	free(w->remote_ufrag);
	free(w->remote_pwd);
	OPENSSL_cleanse(w, sizeof(*w));
	free(w);
	return NULL;
}

void webrtc_describe(const struct leg *leg, struct web_description *ret)
{
	const struct webrtc *w = leg->web;
	struct in_addr in;
	*ret = (struct web_description){
	    .setup = w->controlling ? WEB_ACTIVE : WEB_ACTPASS,
	    .lite = !w->controlling,
	    .send = true,
	    .recv = true,
	    .mid = "0",
	    .codec = leg->codec,
	    .port = leg->m->slots[leg->slot].port,
	    .ssrc = leg->out.ssrc,
	};
	memcpy(ret->ufrag, w->ufrag, sizeof(w->ufrag));
	memcpy(ret->pwd, w->pwd, sizeof(w->pwd));
	memcpy(ret->fingerprint, dtls_identity_fingerprint(leg->m->identity), WEB_FINGERPRINT_LEN);
	inet_pton(AF_INET, leg->m->advertise, &in);
	ret->ip4 = ntohl(in.s_addr);
	websdp_payload_types(leg->codec, &ret->pt, &ret->dtmf_pt);
}

static void fail(struct leg *leg, const char *why)
{
	struct webrtc *w = leg->web;
	if (w->failed)
		return;
	w->failed = true;
	leg->has_remote = false;
	leg_event(leg, MEDIA_EV_FAILED, why);
}

/* ---- DTLS */

static void send_datagram(const uint8_t *data, size_t len, void *arg)
{
	struct leg *leg = arg;
	(void)leg_sendto(leg, leg->fd[0], data, len, &leg->to);
}

static void on_dtls_open(struct thread *t, struct leg *leg)
{
	struct webrtc *w = leg->web;
	uint8_t seen[DTLS_FINGERPRINT_LEN], tx[GUARD_MASTER_MAX], rx[GUARD_MASTER_MAX];
	enum guard_suite suite;
	w->open = true;
	if (dtls_peer_fingerprint(w->dtls, seen) ||
	    CRYPTO_memcmp(seen, w->fingerprint, sizeof(seen))) {
		fail(leg, "the certificate is not the one announced (fingerprint differs)");
		return;
	}
	int err = dtls_srtp_keys(w->dtls, &suite, tx, rx);
	if (!err)
		err = guard_new(&leg->guard, suite, tx, rx);
	OPENSSL_cleanse(tx, sizeof(tx));
	OPENSSL_cleanse(rx, sizeof(rx));
	if (err) {
		fail(leg,
		     err == ENOTSUP ? "no SRTP profile in common" : "SRTP could not be set up");
		return;
	}
	leg->has_remote = true;
	leg->heard_us = t->now_us;
	leg_event(leg, MEDIA_EV_CONNECTED, NULL);
}

static void after_dtls(struct thread *t, struct leg *leg, enum dtls_state state)
{
	struct webrtc *w = leg->web;
	if (state == DTLS_OPEN && !w->open)
		on_dtls_open(t, leg);
	else if (state == DTLS_FAILED)
		fail(leg, "the DTLS handshake failed");
	else if (state == DTLS_CLOSED)
		fail(leg, "closed by the other side");
}

static bool start_dtls(struct leg *leg)
{
	struct webrtc *w = leg->web;
	if (w->failed || !w->answered || !w->validated_len)
		return false;
	if (!w->dtls && dtls_new(&w->dtls, leg->m->identity, w->dtls_client, send_datagram, leg))
		return false; /* out of memory: the peer tries again */
	return true;
}

/* As client, once there is somebody to speak to. */
static void maybe_connect(struct thread *t, struct leg *leg)
{
	struct webrtc *w = leg->web;
	if (w->dtls_client && !w->dtls && start_dtls(leg))
		after_dtls(t, leg, dtls_feed(w->dtls, NULL, 0));
}

/* ---- ICE */

static bool same_address(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

static bool is_validated(const struct webrtc *w, const struct sockaddr_in *from)
{
	for (uint32_t i = 0; i < w->validated_len; i++)
		if (same_address(&w->validated[i], from))
			return true;
	return false;
}

static void validate(struct leg *leg, const struct sockaddr_in *from, bool nominated)
{
	struct webrtc *w = leg->web;
	if (!is_validated(w, from)) {
		w->validated[w->validated_at++ % VALIDATED_MAX] = *from;
		if (w->validated_len < VALIDATED_MAX)
			w->validated_len++;
	}
	if (nominated)
		w->nominated = *from;
	if (!leg->to.sin_port || (nominated && !w->open))
		leg->to = *from;
}

/* USERNAME is "ours:theirs"; before the answer, theirs is not known yet. */
static bool username_ok(const struct webrtc *w, const struct ice_message *m)
{
	size_t ours = strlen(w->ufrag);
	if (!m->username || m->username_len < ours + 1 || memcmp(m->username, w->ufrag, ours) ||
	    m->username[ours] != ':')
		return false;
	if (!w->remote_ufrag)
		return true;
	return m->username_len - ours - 1 == strlen(w->remote_ufrag) &&
	       !memcmp(m->username + ours + 1, w->remote_ufrag, m->username_len - ours - 1);
}

static void on_request(struct thread *t, struct leg *leg, const struct sockaddr_in *from,
		       const struct ice_message *m)
{
	struct webrtc *w = leg->web;
	if (m->unknown_required || !username_ok(w, m) || !ice_integrity_ok(m, t->rx, w->pwd)) {
		leg->count.rx_bad++;
		return;
	}
	size_t n = ice_write_success(t->tx, m->tid, ntohl(from->sin_addr.s_addr),
				     ntohs(from->sin_port), w->pwd);
	if (n)
		(void)leg_sendto(leg, leg->fd[0], t->tx, n, from);
	leg_heard_anything(t, leg);
	validate(leg, from, m->use_candidate && !w->controlling);
	maybe_connect(t, leg);
}

static void on_success(struct thread *t, struct leg *leg, const struct sockaddr_in *from,
		       const struct ice_message *m)
{
	struct webrtc *w = leg->web;
	if (!w->controlling || !w->remote_pwd || memcmp(m->tid, w->tid, ICE_TID_LEN) ||
	    !same_address(from, &w->target) || !ice_integrity_ok(m, t->rx, w->remote_pwd)) {
		leg->count.rx_bad++;
		return;
	}
	leg_heard_anything(t, leg);
	w->consent_us = t->now_us;
	validate(leg, from, true);
	maybe_connect(t, leg);
}

static void send_check(struct thread *t, struct leg *leg)
{
	enum { PRIORITY = 1853824767 }; /* peer-reflexive preference 110, RFC 8445 §7.1.1 */
	struct webrtc *w = leg->web;
	char username[WEB_TOKEN_MAX + ICE_UFRAG_LEN + 2];
	uint32_t jitter;
	random_bytes(w->tid, sizeof(w->tid));
	random_bytes(&jitter, sizeof(jitter));
	snprintf(username, sizeof(username), "%s:%s", w->remote_ufrag, w->ufrag);
	size_t n = ice_write_request(t->tx, w->tid, username, w->tie_breaker, PRIORITY, true,
				     w->remote_pwd);
	if (n)
		(void)leg_sendto(leg, leg->fd[0], t->tx, n, &w->target);
	w->next_us =
	    t->now_us +
	    (w->validated_len ? CONSENT_US * 4 / 5 + jitter % (CONSENT_US * 2 / 5) : CHECK_US);
}

/* ---- */

void webrtc_set_remote(struct thread *t, struct leg *leg, const struct web_description *d)
{
	struct webrtc *w = leg->web;
	if (w->answered || w->failed)
		return;
	w->remote_ufrag = strdup(d->ufrag);
	w->remote_pwd = strdup(d->pwd);
	if (!w->remote_ufrag || !w->remote_pwd) {
		fail(leg, "not enough memory");
		return;
	}
	memcpy(w->fingerprint, d->fingerprint, sizeof(w->fingerprint));
	w->dtls_client = w->controlling || d->setup == WEB_PASSIVE;
	w->answered = true;
	w->answered_us = w->consent_us = t->now_us;
	leg->codec = d->codec;
	leg->pt = d->pt;
	leg->dtmf_pt = d->dtmf_pt;
	leg->send = d->recv;
	leg->recv = d->send;
	if (w->controlling) {
		w->target = (struct sockaddr_in){.sin_family = AF_INET,
						 .sin_port = htons(d->port),
						 .sin_addr.s_addr = htonl(d->ip4)};
		send_check(t, leg);
	}
	maybe_connect(t, leg);
}

static void on_media(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len)
{
	uint64_t bad = leg->count.rx_bad;
	if (!leg->guard || !leg->has_remote) {
		leg->count.rx_bad++;
		return;
	}
	leg_secure_packet(t, leg, len);
	if (leg->count.rx_bad == bad && same_address(from, &leg->web->nominated))
		leg->to = *from;
}

/* First octet, RFC 7983: 0–3 STUN, 20–63 DTLS, 128–191 RTP and RTCP. */
void webrtc_packet(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len)
{
	struct webrtc *w = leg->web;
	struct ice_message m;
	uint8_t first = len ? t->rx[0] : 0xff;
	if (w->failed)
		return;
	if (first <= 3) {
		if (ice_parse(&m, t->rx, len))
			leg->count.rx_bad++;
		else if (m.type == ICE_BINDING_REQUEST)
			on_request(t, leg, from, &m);
		else if (m.type == ICE_BINDING_SUCCESS)
			on_success(t, leg, from, &m);
		return;
	}
	if (!same_address(from, &leg->to) && !is_validated(w, from)) {
		leg->count.rx_bad++;
		return;
	}
	if (first >= 128 && first <= 191)
		on_media(t, leg, from, len);
	else if (first >= 20 && first <= 63 && start_dtls(leg))
		after_dtls(t, leg, dtls_feed(w->dtls, t->rx, len));
}

void webrtc_sweep(struct thread *t, struct leg *leg)
{
	struct webrtc *w = leg->web;
	if (w->failed || !w->answered)
		return;
	if (w->dtls && !w->open)
		after_dtls(t, leg, dtls_tick(w->dtls));
	if (!w->open && t->now_us > w->answered_us + SETUP_US)
		fail(leg, w->validated_len ? "DTLS was not completed within 30 s"
					   : "no ICE check came through within 30 s");
	if (!w->controlling || w->failed)
		return;
	if (t->now_us > w->consent_us + CONSENT_LOST_US)
		fail(leg, "the other side no longer answers (consent lost)");
	else if (t->now_us >= w->next_us)
		send_check(t, leg);
}
