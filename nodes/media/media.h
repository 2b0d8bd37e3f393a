/*
 * Media of a node: legs (RTP, SRTP, WebRTC), greeting and music, relay between two legs, Opus.
 *
 *   control thread ──commands (queue)──► media thread i       a leg lives on one thread; two legs
 *                  ◄──events (queue)───                       that are bridged, on the same one
 *
 * The control thread never touches packets, a media thread never touches SIP or the core. Handles
 * are numbers, valid until MEDIA_EV_CLOSED; a command for a leg that is gone is ignored. To keep
 * two-party legs on one thread, each leg is created with a `group`: equal groups share a thread
 * (use the call's or session's index; a session's nailed-up leg is moved by media_leg_bridge()).
 *
 * Two-party calls are relayed: no jitter buffer; transcoded only when one side speaks Opus.
 */
#ifndef HELIO_MEDIA_H
#define HELIO_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct media;

enum media_codec { MEDIA_PCMU, MEDIA_PCMA, MEDIA_OPUS };

struct media_leg {
	uint32_t v;
}; /* 0 is none */
struct media_sound {
	uint32_t v;
};                                /* 0 is none */
enum { MEDIA_SOUNDS_MAX = 1024 }; /* five for each of two hundred queues */

enum media_event_type {
	MEDIA_EV_CONNECTED, /* WebRTC: DTLS done, fingerprint compared; audio can flow */
	MEDIA_EV_FAILED,    /* WebRTC setup failed: text in `why` */
	MEDIA_EV_SILENT,    /* nothing received for media_conf.silent_ms (ICE consent, RTP) */
	MEDIA_EV_HEARD,     /* receiving again */
	MEDIA_EV_DTMF,      /* RFC 4733 event ended: digit */
	MEDIA_EV_PLAYED, /* the greeting has come to its end (music loops follow by themselves) */
	MEDIA_EV_STATS,  /* once per second per leg when asked for */
	MEDIA_EV_CLOSED, /* handle is free; last counters in stats */
};
struct media_stats {
	uint64_t rx_packets, tx_packets, rx_bytes, rx_lost, rx_bad; /* bad: SRTP auth, not RTP */
	uint32_t jitter_us, rtt_us;                                 /* rtt 0: unknown */
	uint32_t loss_permille;                                     /* over the last interval */
};
struct media_event {
	enum media_event_type type;
	struct media_leg leg;
	char digit;
	char why[96];
	struct media_stats stats;
};
typedef void(media_event_h)(const struct media_event *ev, void *arg);

struct media_conf {
	const char *bind;      /* IPv4 literal */
	const char *advertise; /* what SDP and ICE candidates carry */
	uint16_t port_min,
	    port_max;     /* one UDP port per leg; RTP and RTCP share it for WebRTC and
			     trunks; plain RTP takes an even port, RTCP the odd one above */
	uint32_t threads; /* 1..8 */
	uint32_t legs_max;
	uint32_t silent_ms;  /* default 7000: browsers check consent about every 2.3 s */
	int opus_complexity; /* 0..10 */
	/* The certificate of WebRTC legs: what media_identity() gave this node's earlier life, so
	 * that pages meet the same one again. NULL, broken or more than a year old: a new one. */
	const char *identity;
	size_t identity_len;
};

/* Starts the threads. event_h is called on the control thread's re loop (mqueue). errno;
 * ret_why[256] says what and the remedy. */
int media_start(struct media **ret_media, const struct media_conf *conf, media_event_h *event_h,
		void *arg, char ret_why[256]);
struct media *media_stop(struct media *media);
/* Key and certificate of the WebRTC legs: a secret. Borrowed, until media_stop(). */
const char *media_identity(const struct media *media, size_t *ret_len);
/* Until this moment of mono_us() packets may be sent; looked at before each one, so that who slept
 * past it sends nothing, not even what was under way. 0: no limit, as at the start. Comes into
 * force behind the commands given before it: legs closed before are silent when the others speak
 * again.
 */
void media_lease_set(struct media *m, uint64_t until_us);

/* Between these (they nest) commands are only queued and then wake each media thread once: a call
 * that comes gives it five in a row, and waking costs more than any of them. Control thread. */
void media_hold(struct media *m);
void media_release(struct media *m);

/* Sounds: any rate and channels libsndfile reads; decoded to 8 kHz mono once, kept as G.711. Shared
 * by all legs (path+mtime cached). ENOENT, EINVAL (not audio). Control thread; or another one, for
 * a sound that the control thread does not ask for meanwhile: decoding takes long. */
int media_sound_load(struct media *m, struct media_sound *ret, const char *path, char ret_why[256]);
/* From now on the sounds of these files are named: name_h(k) is the k-th path, "" for none, NULL at
 * the end. All others are forgotten as soon as no leg plays them; their handles are dead from now
 * on. Who asks for one again (below, above) names it. Control thread. */
void media_sounds_keep(struct media *m, const char *(*name_h)(uint32_t k, void *arg), void *arg);
/* Would media_sound_load() answer at once: decoded before, or not there? */
bool media_sound_known(struct media *m, const char *path);

/* ---- plain RTP (carriers, phones, plain test agents). Ports are bound before it returns, so that
 * SDP can be written. ENOSPC: media_ports are used up; EMFILE. */
int media_leg_plain(struct media *m, uint32_t group, struct media_leg *ret, uint16_t *ret_port);
/* What a far end knows of our stream: whoever goes on with it later keeps the SSRC and numbers on
 * from here, a gap further. */
struct media_numbers {
	uint32_t ssrc, ts;
	uint16_t seq;
};
/* The same on the port `wanted` if it is free, else on any, and with these numbers (NULL: new
 * ones): a call that comes back from the journal goes on where its far end already sends to. */
int media_leg_plain_at(struct media *m, uint32_t group, uint16_t wanted,
		       const struct media_numbers *from, struct media_leg *ret, uint16_t *ret_port);
/* The pair of ports from this one on is for media_leg_plain_at() alone: legs that are made while
 * calls still come back must not take what these need. */
void media_port_keep(struct media *m, uint16_t port, bool keep);
/* As of up to 0.2 s ago. ENOENT. */
int media_leg_numbers(struct media *m, struct media_leg leg, struct media_numbers *ret);
/* Where to send and what. codec: what both sides will speak; payload types as negotiated;
 * dtmf_pt 0xff: none. May be called again (re-INVITE). Until then nothing is sent. Symmetric RTP:
 * if packets with a valid payload type arrive from another port of the same host, follow it. */
struct media_remote {
	uint32_t ip4; /* host order */
	uint16_t port;
	enum media_codec codec;
	uint8_t pt, dtmf_pt;
	bool send, recv;  /* a=sendrecv and so on */
	uint8_t ptime_ms; /* of sounds we play: 0 means 20; 40 and 60 halve and third the
			     packets of waiting callers, where the far end set no
			     a=ptime or a=maxptime below (RFC 3551 §4.2: it takes up to
			     200 ms) */
};
int media_leg_remote(struct media *m, struct media_leg leg, const struct media_remote *remote);

/* ---- SRTP trunk between two nodes; keys travel in GRANT and RINGING (AES_CM_128_HMAC_SHA1_80). */
enum { MEDIA_KEY_LEN = 30 };
struct media_trunk {
	uint32_t ip4; /* host order */
	uint16_t port;
	uint32_t ssrc;
	enum media_codec codec;
	uint8_t key[MEDIA_KEY_LEN]; /* sender's direction */
};
/* Makes our end: binds a port, mints SSRC and key, fills *ret_local for the message. */
int media_leg_trunk(struct media *m, uint32_t group, enum media_codec codec, struct media_leg *ret,
		    struct media_trunk *ret_local);
/* May be repeated; a new address is followed. EEXIST: another key than before (make a new leg: two
 * keys under one SSRC would have to agree on roll-over counters). EINVAL: another codec. */
int media_leg_trunk_remote(struct media *m, struct media_leg leg, const struct media_trunk *remote);

/* ---- WebRTC leg, ICE-lite responder. The node offers, the browser answers.
 * offer: SDP text (m=audio UDP/TLS/RTP/SAVPF, opus or PCMU first by codec, telephone-event, one
 * host candidate, ice-lite, setup:actpass, rtcp-mux). EINVAL with a reason for a bad answer. */
enum { MEDIA_SDP_MAX = 4096 };
int media_leg_webrtc(struct media *m, uint32_t group, enum media_codec codec, struct media_leg *ret,
		     char ret_offer[MEDIA_SDP_MAX]);
int media_leg_webrtc_answer(struct media *m, struct media_leg leg, const char *answer,
			    char ret_why[96]);
/* The other side of it, for tests/tools/helio-agent: takes an offer, acts as ICE controlling peer
 * and DTLS client, writes the answer. */
int media_leg_webrtc_dial(struct media *m, uint32_t group, const char *offer, struct media_leg *ret,
			  char ret_answer[MEDIA_SDP_MAX], char ret_why[96]);

/* ---- what a leg hears and says */
/* Greeting once (0: none), then music for ever (0: silence). Replaces what was playing. On a leg
 * with a bridge it is heard instead of the other side (hold), until media_leg_quiet() or its end.
 */
int media_leg_play(struct media *m, struct media_leg leg, struct media_sound greeting,
		   struct media_sound music);
int media_leg_quiet(struct media *m, struct media_leg leg);
/* Both ways between a and b; what plays on one ends with the first sound of the other, or after 2
 * s. A leg has at most one bridge: an older one is undone. Legs of different threads: b is moved to
 * a's thread first, nothing is lost. */
int media_bridge(struct media *m, struct media_leg a, struct media_leg b);
/* Undoes a's bridge (both ends fall silent). */
int media_unbridge(struct media *m, struct media_leg a);
/* Nothing of what this leg says reaches its bridge (hold a call's agent side shut, mute). */
int media_leg_mute(struct media *m, struct media_leg leg, bool mute);
/* A tone generator and an ear (Goertzel): tests, helio-agent, helioctl test-call. hz 0: off. */
int media_leg_tone(struct media *m, struct media_leg leg, uint32_t hz);
/* Strength of hz in what was received over the last 500 ms, permille of the whole energy; computed
 * on the media thread once listening is on; 0 until then. */
int media_leg_listen(struct media *m, struct media_leg leg, uint32_t hz);
uint32_t media_leg_heard_permille(struct media *m, struct media_leg leg);
int media_leg_stats(struct media *m, struct media_leg leg, bool every_second);
/* Last counters seen, without waiting. ENOENT. */
int media_leg_stats_get(struct media *m, struct media_leg leg, struct media_stats *ret);
/* For how long nothing of the far end has come (RTP of any payload, RTCP, an ICE check), as of up
 * to 0.2 s ago; counted from when it was told where to send, if nothing came yet. ENOENT. */
int media_leg_silent_us(struct media *m, struct media_leg leg, uint64_t *ret_us);
void media_leg_close(struct media *m, struct media_leg leg);

/* How much of the configured room is taken, closing legs included. */
struct media_usage {
	uint32_t legs, legs_max, ports, ports_max;
};
void media_usage_get(const struct media *m, struct media_usage *ret);

#endif
