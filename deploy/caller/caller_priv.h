/*
 * Inside the caller: caller.c runs the lot, leg.c is one SIP call, voice.c what it says, ear.c what
 * it hears, dtmf.c its keys. One 20 ms tick serves all legs.
 */
#ifndef HELIO_CALLER_PRIV_H
#define HELIO_CALLER_PRIV_H

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>

#include "deploy/caller/caller.h"

enum {
	RATE = 8000,
	PTIME_MS = 20,
	FRAME = RATE * PTIME_MS / 1000,
	WINDOW = RATE / 2,      /* 500 ms: 2 Hz wide, and a person's patience */
	VOICE_MAX = RATE * 600, /* ten minutes of speech */
	CALLS_MAX = 2000,
	PT_DTMF = 101,
	GAP_MS = 300, /* a silence that a person takes for a fault */
	GAP_LASTING_MS = 3000,
	LATE_MS = 100, /* of a beat of 10 ms */
	REFUSED_MS = 1000, /* again: a person who was turned away takes a breath */
};
/* A steady tone puts all its energy into one bin; codecs and a mixed-in second party take some. */
#define HEARD_LEVEL 0.5

/* ---- voice.c: one G.711 loop, shared by all legs */
struct voice {
	uint8_t *data;
	uint32_t n;
};
int voice_load(struct voice *v, const struct caller_conf *conf, char why[256]);
void voice_free(struct voice *v);

/* ---- dtmf.c */
struct keys {
	const char *rest; /* digits to come */
	uint32_t wait;    /* frames of audio before the next key */
	uint32_t step;    /* packets of the present key already sent */
	uint32_t start_ts;
};
void keys_init(struct keys *k, const char *digits);
bool keys_valid(const char *digits);
/* true: this frame is a key, its 4-byte payload in out; marker and timestamp as RFC 4733 §2.5. */
bool keys_next(struct keys *k, uint32_t ts, uint8_t out[4], bool *ret_marker, uint32_t *ret_ts);

/* ---- leg.c */
struct leg {
	struct le le;
	struct caller *caller;
	uint32_t index;
	struct sipsess *sess;
	struct sdp_session *sdp;
	struct sdp_media *media;
	struct udp_sock *rtp;
	struct sa remote;
	bool may_send, answered, ended, heard, audio;
	uint8_t pt, dtmf_pt;
	uint16_t seq;
	uint32_t ts, ssrc, at; /* at: place in the voice */
	bool talked;
	struct keys keys;
	uint64_t start_us, answer_us, sent_frames;
	uint64_t packet_us, gap_us, gap_began_us; /* the last packet; the longest silence */
	bool gap_told; /* that it lasts */
	int16_t window[WINDOW];
	uint32_t window_n;
};
int leg_start(struct leg **ret, struct caller *c, uint32_t index);
/* Sends what is due and ends what has lasted long enough. */
void leg_tick(struct leg *leg, uint64_t now_us);
void leg_hangup(struct leg *leg);

/* ---- caller.c */
struct caller {
	const struct caller_conf *conf;
	caller_event_h *event_h;
	void *arg;
	struct caller_result *result;
	struct sip *sip;
	struct sipsess_sock *sock;
	struct sa local;
	struct voice voice;
	struct list legs;
	struct tmr tick, deadline;
	struct mbuf *packet;
	uint64_t start_us, ticked_us, again_us; /* again: not before */
	uint32_t started, live;
	bool stopping, closing;
};
void caller_say(struct leg *leg, const struct caller_event *ev);
void caller_leg_over(struct leg *leg);
const char *caller_from_uri(const struct leg *leg, char buf[160]);

#endif
