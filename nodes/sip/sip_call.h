/*
 * SIP of a node on libre's transports and transactions (sip_requestf, sip_strans), with our own
 * dialog layer: its whole state is plain, serialisable data, so that another process can take a
 * call up from the journal. CSeq = cepoch·2^20 + n: the far end itself rejects a zombie's request
 * (RFC 3261 §12.2.2 demands rising numbers; that the high bits carry the epoch is ours).
 * Inbound calls (UAS) now; the same dialog serves outbound calls later.
 */
#ifndef HELIO_SIP_CALL_H
#define HELIO_SIP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libre keeps a function of this name in its own dialog code and exports it: without another symbol
 * ours would take its place in every program that also uses libre's sipsess. */
#define sip_dialog_encode helio_sip_dialog_encode
#define sip_dialog_copy helio_sip_dialog_copy
#define sip_dialog_decode helio_sip_dialog_decode

struct sip_ua;   /* transports, limits */
struct sip_call; /* one dialog with a caller */

enum sip_codec { SIP_PCMU = 0, SIP_PCMA = 8 };

/* What the far end's SDP offers or answers, reduced to what a node can do. */
struct sip_sdp {
	uint32_t ip4; /* host order */
	uint16_t port;
	enum sip_codec codec;
	uint8_t dtmf_pt; /* 0xff none */
	bool send, recv; /* from the far end's view turned to ours: may we send, will we get */
	uint8_t ptime_ms; /* of sound that we make: 20, 40 or 60; 0: not known, as after a restart */
};

/* The dialog: no pointers, fixed sizes; sip_dialog_encode() is versioned and portable. */
enum {
	SIP_URI_SIZE = 256,
	SIP_TAG_SIZE = 64,
	SIP_CALLID_SIZE = 256,
	SIP_ROUTES_MAX = 8,
	SIP_DIALOG_WIRE_MAX = 6144,
	SIP_CSEQ_EPOCH_SHIFT = 20
};
struct sip_dialog {
	uint32_t version;
	char callid[SIP_CALLID_SIZE];
	char local_uri[SIP_URI_SIZE], remote_uri[SIP_URI_SIZE]; /* From/To values, without tag */
	char local_tag[SIP_TAG_SIZE], remote_tag[SIP_TAG_SIZE];
	char remote_target[SIP_URI_SIZE]; /* Contact of the far end */
	char local_contact[SIP_URI_SIZE];
	uint32_t local_cseq, remote_cseq;
	uint32_t cepoch;
	uint32_t remote_ip4; /* where requests came from (for logs; routing uses RFC 3263) */
	uint16_t remote_port;
	uint8_t transport; /* 0 UDP, 1 TCP */
	bool confirmed;    /* ACK seen */
	uint64_t sdp_session, sdp_version;
	uint16_t local_rtp_port;
	struct sip_sdp remote_sdp;
	uint32_t session_expires_s; /* RFC 4028; 0 none */
	bool refresher_is_us;
	uint32_t routes_n;
	/* Last: a waiting call keeps as many as it has (most have none), 2 kB less than all. What
	 * sip_call_dialog() returns is therefore read in place or by sip_dialog_copy(), never
	 * assigned. */
	char routes[SIP_ROUTES_MAX][SIP_URI_SIZE];
};
/* With the routes that *src has, and no byte of src beyond them. */
void sip_dialog_copy(struct sip_dialog *dst, const struct sip_dialog *src);
/* 0, EMSGSIZE; decode: EBADMSG for anything malformed or of a newer version. */
int sip_dialog_encode(const struct sip_dialog *d, uint8_t *out, size_t size, size_t *ret_len);
int sip_dialog_decode(struct sip_dialog *ret, const uint8_t *in, size_t len);

enum sip_end { SIP_END_CANCEL, SIP_END_BYE, SIP_END_NO_ACK, SIP_END_ERROR, SIP_END_TIMER };

struct sip_ua_handlers {
	/* A new INVITE with a usable offer (PCMU/PCMA audio). user: the dialled user part, decoded.
	 * Answer with sip_call_ring/accept/reject, now or later. arg of the ua. Media is not
	 * touched. An INVITE without offer: we offer in the 200; `offer` then has ip4 and port 0,
	 * and the answer comes through reoffer_h just before confirmed_h. */
	void (*incoming_h)(struct sip_call *call, const char *user, const char *caller,
			   const char *caller_name, const struct sip_sdp *offer, void *arg);
	/* The final ACK came: the dialog is confirmed. */
	void (*confirmed_h)(struct sip_call *call, void *arg);
	/* re-INVITE or UPDATE with a new offer: hold, moved media. The answer is made from the same
	 * local port; return 0, or a SIP status to refuse (488). Also told here: the far end's
	 * answer to an offer of ours (offerless INVITE, sip_call_reinvite); refusing it then ends
	 * the call. */
	int (*reoffer_h)(struct sip_call *call, const struct sip_sdp *offer, void *arg);
	/* The dialog is over by the far end or a failure. The call object lives until
	 * sip_call_free(). */
	void (*ended_h)(struct sip_call *call, enum sip_end why, void *arg);
	/* The dialog's data changed (journal). May be NULL. */
	void (*changed_h)(struct sip_call *call, void *arg);
	/* May a new call be taken? 0 yes, else 503 with this Retry-After in seconds. May be NULL.
	 */
	uint32_t (*admit_h)(void *arg);
	/* A source address was locked out for so many seconds, or (0) is slowed down because it
	 * floods; once a minute at most for each. For the log. May be NULL. */
	void (*guard_h)(uint32_t ip4, uint32_t locked_s, const char *why, void *arg);
	/* True: nothing may be sent, and what comes is not looked at (its sender repeats it). Asked
	 * for each datagram, and each message to a connection that was made to us. May be NULL. */
	bool (*hold_h)(void *arg);
};

/* What one source address may ask (nodes/sip/guard.h). Rates are per second and at least 1. */
enum { SIP_TRUNKS_MAX = 64 };
struct sip_trunk {
	uint32_t ip4, mask; /* host order */
};
struct sip_limits {
	uint32_t new_calls, calls, requests, connections; /* of one that is no trunk */
	uint32_t trunk_new_calls, trunk_requests, trunk_connections;
	uint32_t strikes;    /* unknown users, unreadable messages: so many within a minute … */
	uint32_t lockout_ms; /* … lock it out for so long; doubled each time, an hour at most */
	const struct sip_trunk *trunks;
	uint32_t trunks_n;
};
struct sip_ua_conf {
	const char *bind, *advertise;
	uint16_t port;      /* UDP and TCP */
	/* An address that moves between machines: heard on the same port while this machine has it
	 * (looked for each VIP_LOOK_MS). Contact and SDP say `advertise`, so that a call stays where
	 * it was answered when the address moves on. NULL or "": none. */
	const char *vip;
	const char *server; /* Server header */
	uint32_t calls_max;
	uint32_t session_expires_s; /* offered as UAS when the far end supports timer; 0 off */
	uint32_t t1_ms;     /* repeats of our own 200 OK; 0: 500 (RFC 3261), tests shorten */
	bool resolve_names; /* Contact and Route may hold names (system's DNS servers); else
			       only addresses are reachable */
	const struct sip_limits *limits; /* copied; NULL: none (tests) */
};
/* Opens UDP and TCP transports on libre's loop of this thread. EADDRINUSE …; why[256]. */
int sip_ua_open(struct sip_ua **ret, const struct sip_ua_conf *conf,
		const struct sip_ua_handlers *h, void *arg, char ret_why[256]);
/* Other limits, as of now; for an agent that was opened with some. */
void sip_ua_limits(struct sip_ua *ua, const struct sip_limits *limits);
/* Closes transports and drops transactions in progress (see sip_ua_pending). Calls that are not
 * freed yet are over without a handler; freeing them later is allowed. */
struct sip_ua *sip_ua_close(struct sip_ua *ua);
/* Requests of ours (BYE, re-INVITE) that still wait for their response: a daemon that stops lets
 * them come to 0, with a deadline, before sip_ua_close(). */
uint32_t sip_ua_pending(const struct sip_ua *ua);
/* Drain: new INVITEs get 503 + Retry-After. */
void sip_ua_drain(struct sip_ua *ua, bool on);

/* 180 without body. */
int sip_call_ring(struct sip_call *call);
/* 200 OK with our SDP answer on rtp_port, retransmitted until ACK (64·T1, then ended NO_ACK). */
int sip_call_accept(struct sip_call *call, uint16_t rtp_port, uint32_t cepoch);
/* 4xx–6xx; reason as in RFC 3261 §21. retry_after_s 0: none. The call is freed when the loop turns:
 * do not use it after the present handler. */
int sip_call_reject(struct sip_call *call, uint16_t status, const char *reason,
		    uint32_t retry_after_s);
/* BYE (or a final error if not yet answered). The call object may be freed at once: the transaction
 * goes on by itself. */
int sip_call_hangup(struct sip_call *call, const char *reason);
/* Re-INVITE with a new address or port of ours (adoption). ENOTCONN: not confirmed; EALREADY: one
 * is under way. If it is refused the session goes on as before; if nobody answers, ended_h. */
int sip_call_reinvite(struct sip_call *call, uint16_t rtp_port);
/* A dialog read from the journal by another process becomes a live call again (confirmed only,
 * ENOTCONN); cepoch must be larger than the one in it. CSeq has room for 11 bits of it: the epoch
 * is taken modulo 2048, and an adoption that would make CSeq fall is refused with ERANGE. */
int sip_call_adopt(struct sip_ua *ua, struct sip_call **ret, const struct sip_dialog *d,
		   uint32_t cepoch, void *user_data);
/* BYE in a dialog that no call of ours stands for: read from the journal, but it cannot be adopted.
 * Also where the ACK was never seen: who sent it hears us, who never got our 200 answers 481.
 * ENOMEM, EOVERFLOW; errors of sending. */
int sip_dialog_bye(struct sip_ua *ua, const struct sip_dialog *d, uint32_t cepoch,
		   const char *reason);
/* Valid until the call is freed; changes as the call goes on. */
const struct sip_dialog *sip_call_dialog(const struct sip_call *call);
void sip_call_user_set(struct sip_call *call, void *user_data);
void *sip_call_user(const struct sip_call *call);
/* NULL-safe. Unanswered: 480. Answered and not hung up: forgotten without a word (a fenced owner
 * must not end what its successor holds). */
struct sip_call *sip_call_free(struct sip_call *call);

struct sip_ua_counters {
	uint64_t invites, accepted, rejected, cancelled, byes, bad_requests, retransmits;
	uint64_t silenced;   /* messages of who is locked out or sends too many: not answered */
	uint64_t limited;    /* new calls refused because of their source: 503 */
	uint64_t overloaded; /* new calls refused because the loop is late: 503 */
	uint64_t loops;      /* our own requests that came back: 482 */
	uint64_t lockouts;
	uint64_t tcp_refused, tcp_cut; /* too many connections; silent, endless or too fast */
};
/* All zero for NULL: a node that still reads its journal has no port yet. */
const struct sip_ua_counters *sip_ua_counters(const struct sip_ua *ua);

#endif
