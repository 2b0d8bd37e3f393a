/*
 * Shared by the files of nodes/sip only. Who calls whom:
 *
 *   libre ──request──► ua.c ──check.c──► invite.c / ack.c / bye.c / … (a file per method)
 *                                            │ answer.c: 200 OK and its retransmission
 *                                            │ dialog.c: what a message means for the dialog
 *                                            ▼
 *                       request.c: requests of ours inside the dialog, modify.c: our re-INVITE
 *
 * Life of a call: made by invite.c or sip_call_adopt() with one reference, the application's. Found
 * by its local tag while it is not over. Whoever waits for something on its behalf (an ACK before
 * our BYE, the answer to our re-INVITE) holds a reference of its own, so the application may free
 * its call at any time, also inside a handler.
 *
 *   EARLY ──200──► ANSWERED ──ACK──► CONFIRMED ──► OVER        EARLY, ANSWERED ──► OVER
 */
#ifndef HELIO_SIP_PRIV_H
#define HELIO_SIP_PRIV_H

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>

#include "nodes/sip/guard.h"
#include "nodes/sip/inlet.h"
#include "nodes/sip/sdp.h"
#include "nodes/sip/sip_call.h"
#include "nodes/sip/wheel.h"

enum call_state { CALL_EARLY, CALL_ANSWERED, CALL_CONFIRMED, CALL_OVER };

enum {
	SIP_BUCKETS = 4096,        /* of libre's and our hash tables; ten thousand calls fit well */
	SIP_CSEQ_EPOCH_MAX = 2047, /* 11 bits above 2^20 keep CSeq below 2^31 (RFC 3261 §8.1.1.5) */
	SIP_MIN_SE_S = 90,         /* RFC 4028 §5: the least that may be asked */
	SIP_TRYING_MS = 200,       /* RFC 3261 §17.2.1: 100 if nothing else was said by then */
	SIP_NAME_SIZE = 128,       /* dialled user, caller and display name as given to the app */
	SIP_HEADERS_SIZE = 512,
};

#define SIP_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"
#define SIP_ALLOW_HEADERS "Allow: " SIP_ALLOW "\r\nSupported: timer\r\n"

struct sip_ua {
	struct sip *sip;
	struct sip_lsnr *requests, *responses;
	struct dnsc *dnsc; /* NULL: only addresses are reachable */
	struct sip_ua_handlers h;
	void *arg;
	char address[16]; /* advertised, IPv4 literal */
	uint16_t port;
	uint32_t calls_max, calls_n;
	uint32_t session_expires_s;
	uint32_t t1_ms;
	uint32_t requests_n; /* of ours, unanswered as yet */
	bool draining, closing;
	struct hash *calls;   /* by local tag */
	struct list rejected; /* freed when the loop turns */
	struct list owed;     /* final answers that could not be sent yet (owed.c) */
	struct tmr reaper;
	struct wheel wheel;
	struct sip_ua_counters counters;

	/* abuse: guard.h, inlet.h */
	struct le le; /* in inlet.c's list */
	struct sa laddr;
	struct sa vip;      /* not set: none */
	bool vip_udp;       /* it is listened to */
	struct tmr vip_tmr;
	struct guard *guard; /* NULL: no limits */
	struct udp_helper *gate[2]; /* own address, vip */
	const void *gated[2];       /* their sockets */
	struct list inlets;
	struct tmr inlet_tmr;

	/* overload: how late the loop is */
	struct tmr pulse;
	uint64_t pulse_due_us;
	uint32_t late_ms; /* smoothed */
};

struct sip_call {
	struct le he;       /* in ua->calls */
	struct le rejected; /* in ua->rejected */
	struct sip_ua *ua;  /* NULL once the ua is closed */
	void *user;
	struct guard_source *src; /* while it is not over; NULL: no guard */
	enum call_state state;
	bool detached;     /* the application has freed or ended it: no more handlers */
	bool bye_on_ack;   /* hung up before the ACK came; holds a reference */
	bool peer_updates; /* UPDATE is in the far end's Allow */

	/* the INVITE that we answer, first or later */
	struct sip_msg *invite; /* until the ACK */
	struct sip_strans *st;  /* until our final response */
	struct sdp_desc *offer; /* NULL: none came, we offer and the ACK answers */
	struct mbuf *ok;        /* the 200, while it is repeated */
	uint32_t ok_cseq, ok_wait_ms, ok_spent_ms;
	struct wheel_node ok_timer; /* 100 Trying, then 200 OK */

	/* requests of ours */
	void *conn;           /* TCP: the connection that the call came in on */
	uint32_t modify_cseq; /* our last INVITE, for the ACK of its repeated 200 */
	uint32_t modify_tries;
	bool modify_pending; /* holds a reference */
	struct wheel_node modify_timer;
	struct wheel_node session_timer;
	uint64_t session_end_us;

	struct sip_dialog dlg; /* last: allocated as far as the last of its routes */
};

/* ---- check.c: is a request one that we can read? 0, or the status to refuse it with. */
uint16_t sip_check_request(const struct sip_msg *msg, const char **ret_reason);
/* The body cut to Content-Length. */
struct pl sip_body(const struct sip_msg *msg);
/* A decimal header value of at most `limit`; EBADMSG. */
int sip_number(const struct pl *pl, uint32_t limit, uint32_t *ret);
/* A `sip:` URI that may be written into a header of ours: copied without URI headers. EBADMSG,
 * ENAMETOOLONG. */
int sip_uri_copy(char *dst, size_t size, const struct pl *uri);

/* ---- identity.c: names as people read them */
/* The user part with %xx resolved. EBADMSG: broken escapes, control characters or NUL. */
int sip_user_decode(char *dst, size_t size, const struct pl *user);
/* The caller's number or address (From) and display name; always valid UTF-8 without controls. */
void sip_caller_decode(const struct sip_msg *msg, char number[SIP_NAME_SIZE],
		       char name[SIP_NAME_SIZE]);

/* ---- dialog.c */
/* A new dialog from an INVITE (RFC 3261 §12.1.1). 0, or the status to refuse it with. */
uint16_t sip_dialog_start(struct sip_call *call, const struct sip_msg *msg,
			  const char **ret_reason);
/* The call that the request belongs to (Call-ID and both tags), NULL if none. */
struct sip_call *sip_dialog_find(struct sip_ua *ua, const struct sip_msg *msg);
/* Takes the request's CSeq; false: it goes backwards (RFC 3261 §12.2.2). */
bool sip_dialog_cseq_take(struct sip_call *call, const struct sip_msg *msg);
/* Remote target from Contact, if there is a good one (§12.2.2). */
void sip_dialog_target_refresh(struct sip_call *call, const struct sip_msg *msg);
uint32_t sip_dialog_cseq_base(uint32_t cepoch);

/* ---- ua.c */
/* A request that no transaction has taken. */
void sip_ua_receive(struct sip_ua *ua, const struct sip_msg *msg);
/* Stateless refusal: for what is malformed, unwanted or too much. */
void sip_ua_refuse(struct sip_ua *ua, const struct sip_msg *msg, uint16_t status,
		   const char *reason);
/* May a message from there be read? false: it is dropped without a word. */
bool sip_ua_gate(struct sip_ua *ua, uint32_t ip4, uint64_t now_us);
/* What only scanners do often; trunks are forgiven. */
void sip_ua_strike(struct sip_ua *ua, uint32_t ip4, const char *why);
/* The loop has been late for a while: it has more to do than it can. */
bool sip_ua_overloaded(const struct sip_ua *ua);
struct sip_call *sip_call_new(struct sip_ua *ua, uint32_t routes_n);
void sip_call_link(struct sip_call *call);
/* It holds no place of its source any more. */
void sip_call_leave(struct sip_call *call);
void sip_call_contact(const struct sip_ua *ua, uint8_t transport, char dst[SIP_URI_SIZE]);
/* The dialog is over: out of the table, timers off; tells the application unless it let go. */
void sip_call_end(struct sip_call *call, enum sip_end why);
void sip_call_changed(struct sip_call *call);

/* ---- a file per method; msg is checked, call (where given) is the dialog's */
void sip_invite_handle(struct sip_ua *ua, const struct sip_msg *msg);
void sip_reinvite_handle(struct sip_call *call, const struct sip_msg *msg);
void sip_ack_handle(struct sip_call *call, const struct sip_msg *msg);
void sip_bye_handle(struct sip_call *call, const struct sip_msg *msg);
void sip_update_handle(struct sip_call *call, const struct sip_msg *msg);
void sip_options_handle(struct sip_ua *ua, const struct sip_msg *msg);
/* cancelh of the INVITE's server transaction; arg is the call. */
void sip_cancel_handler(void *arg);

/* Reads a description from the message's body. 0; ENOENT: no body; else *ret_status and reason. */
int sip_offer_read(const struct sip_msg *msg, struct sdp_desc *ret, uint16_t *ret_status,
		   const char **ret_reason);
/* Refuses with what 415, 420 and so on must carry; a server transaction repeats it. */
void sip_refuse_offer(struct sip_ua *ua, const struct sip_msg *msg, uint16_t status,
		      const char *reason);
/* true: an extension is required that we lack; it is refused. */
bool sip_require_refused(struct sip_ua *ua, const struct sip_msg *msg);

/* ---- answer.c */
/* 200 OK to call->invite with our SDP, repeated until ACK. errno of sending. */
int sip_answer_send(struct sip_call *call);
void sip_answer_stop(struct sip_call *call);

/* ---- owed.c */
/* A final answer to this INVITE could not be sent, and its transaction is gone with that: 500 now, or
 * as soon as it can be. */
void sip_answer_owe(struct sip_ua *ua, const struct sip_msg *invite);

/* ---- request.c: a request inside the dialog. cseq 0: the next one of ours. resp_h may be NULL. */
int sip_inside_send(struct sip_call *call, const char *method, uint32_t cseq, const char *headers,
		    const char *body, sip_resp_h *resp_h, void *arg);
int sip_inside_bye(struct sip_call *call, const char *reason);
/* BYE, then over: what we do with a dialog that is no use any more. */
void sip_inside_give_up(struct sip_call *call, const char *reason, enum sip_end why);

/* ---- modify.c: our re-INVITE */
int sip_modify_send(struct sip_call *call, bool refresh);
/* A 200 to our INVITE that no transaction wants any more: the ACK was lost. */
bool sip_modify_ack_again(struct sip_ua *ua, const struct sip_msg *msg);

/* ---- timer.c: RFC 4028 */
/* Reads what an INVITE or UPDATE asks for into the dialog. 0; 422 (interval too small), 400. */
uint16_t sip_session_negotiate(struct sip_call *call, const struct sip_msg *msg);
/* Session-Expires (and Require) for our 2xx, or with we_ask for our request; "" without timer. */
void sip_session_headers(const struct sip_call *call, bool we_ask, char headers[SIP_HEADERS_SIZE]);
void sip_session_arm(struct sip_call *call);
/* Taken up from another process: how much of the interval has passed is not known. */
void sip_session_adopted(struct sip_call *call);
/* A 2xx to a refresh of ours. */
void sip_session_refreshed(struct sip_call *call, const struct sip_msg *resp);
/* The refresh failed, but the dialog may live: try again before the end. */
void sip_session_retry(struct sip_call *call);

#endif
