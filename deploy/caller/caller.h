/*
 * Our own caller: places SIP calls with real RTP audio, for `helioctl test-call`, for checks and
 * for load with sound. Speaks a WAV file, a tone, or a soft pattern; listens for a tone by
 * frequency (Goertzel, windows of 500 ms). Runs on libre's loop of the calling thread and returns
 * when all is done, so a program needs no loop of its own. Depends on libre and libsndfile, never
 * on nodes/.
 */
#ifndef HELIO_CALLER_H
#define HELIO_CALLER_H

#include <stdbool.h>
#include <stdint.h>

enum caller_codec { CALLER_PCMU = 0, CALLER_PCMA = 8 };

struct caller_conf {
	const char *to;        /* sip:support@127.0.1.1:5060, with ;transport=tcp for TCP */
	const char *from;      /* number or user part, e.g. +4722334455 */
	const char *from_name; /* display name; NULL: none */
	const char *bind;      /* local IPv4 address; NULL: the one that routes to `to` */
	uint16_t sip_port;     /* local; 0: any */
	enum caller_codec codec;
	const char *wav;  /* what to say, looped: any rate and channels libsndfile reads … */
	double tone_hz;   /* … or a steady tone; with neither, a soft pattern of tones */
	double listen_hz; /* the tone to hear; 0: none expected */
	const char *dtmf; /* digits sent by RFC 4733 one second after the answer; NULL: none */
	uint32_t seconds; /* hang up that long after the answer */
	uint32_t answer_within_s; /* give up after that long without an answer; 0: 32 */
	bool until_heard;         /* hang up as soon as the tone was heard */
	uint32_t calls;           /* 0: 1 */
	uint32_t rate;            /* new calls per second; 0: all at once up to 50/s */
	bool again; /* so many are kept up: a new one for each that ended, until caller_stop() */
	bool stamp; /* each call's number is t<CLOCK_MONOTONIC in us at its INVITE>, for benches */
};

enum caller_event_type {
	CALLER_TRYING,  /* INVITE sent */
	CALLER_RINGING, /* 180 or 183 */
	CALLER_ANSWERED,
	CALLER_HEARD, /* the tone, for the first time: hz, level */
	CALLER_AUDIO, /* first packet of any sound */
	CALLER_ENDED, /* status 0: by us as planned; else see status and text */
	CALLER_GAP,   /* sound is back after gap_ms without a packet, 300 ms or more; also once
		       * after three seconds of silence, with lasting */
	CALLER_LATE,  /* this program was not run for gap_ms: what it heard meanwhile is its own
		       * doing; call is 0 */
};
struct caller_event {
	enum caller_event_type type;
	uint32_t call;    /* 0 … calls-1; with again: goes on counting */
	uint32_t at_ms;   /* since that call's INVITE */
	uint16_t status;  /* ENDED before the answer: SIP status, 408 also for silence */
	bool by_far_end;  /* ENDED: their BYE */
	double hz, level; /* HEARD: share of the window's energy, 0 … 1 */
	/* CLOCK_MONOTONIC of this machine: now, of the INVITE, of the answer (0: none) */
	uint64_t mono_us, started_us, answered_us;
	uint32_t gap_ms;       /* GAP: this one; ENDED: the longest, its last silence included */
	bool lasting;          /* GAP: and still silent */
	uint64_t gap_began_us; /* when that one began */
	char text[80];    /* reason phrase or error */
};
typedef void(caller_event_h)(const struct caller_event *ev, void *arg);

struct caller_result {
	uint32_t calls, answered, heard, failed; /* failed: never answered */
	uint32_t answer_ms_max, heard_ms_max;    /* since INVITE; since answer */
	uint64_t rtp_sent, rtp_received;
	double level_best; /* the strongest window of listen_hz, any call */
	bool ok;           /* every call answered, and heard if a tone was expected */
};

const char *caller_event_name(enum caller_event_type type);
/* Runs until every call has ended, or caller_stop(). 0 also when calls failed: see ret->ok. EINVAL
 * and so on with ret_why[256] when nothing could be started (bad URI, unreadable WAV, port in use).
 * libre_init() must have been called. event_h may be NULL. */
int caller_run(const struct caller_conf *conf, caller_event_h *event_h, void *arg,
	       struct caller_result *ret, char ret_why[256]);
/* From a handler or a signal handler of the loop: hang up everything and return soon. */
void caller_stop(void);

/* How much of n samples' energy lies at hz: 1 is a pure tone, silence gives 0. The rate is 8000. */
double caller_tone_level(const int16_t *samples, uint32_t n, double hz);

#endif
