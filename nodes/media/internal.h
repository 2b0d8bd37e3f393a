/*
 * The inside of helio_media, shared by its files only.
 *
 *   control thread: struct media, struct slot (handles), ports, sounds
 *   media thread i: struct thread and the struct legs it owns
 *
 * A leg is made on the control thread and handed over by CMD_ADD; from then on only its thread
 * touches it. Commands of the control thread have one global order; a thread whose next command
 * names a leg that is still on its way from another thread waits for it (the other thread's part
 * lies earlier in that order, so there is no circle).
 */
#ifndef HELIO_MEDIA_INTERNAL_H
#define HELIO_MEDIA_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/base.h"
#include "nodes/media/media.h"
#include "nodes/media/rtp.h"

enum {
	THREADS_MAX = 8,
	FRAME_SAMPLES = 160, /* 20 ms at 8 kHz */
	TICK_US = 20000,
	PLAY_FRAMES_MAX = 3,
	PACKET_MAX = 2048, /* larger datagrams are no media of ours */
	PAYLOAD_MAX = 1500,
	SWEEP_US = 50000, /* a quarter of the legs is looked after each time */
	SWEEP_PARTS = 4,
	REPORT_US = 2500000, /* half of RFC 3550's: an operator sees a bad line in time */
	EVENTS_MAX = 65536,  /* lossy kinds (digits, statistics) are dropped beyond */
};

struct dtls_identity;
struct guard;
struct opus_coder;
struct leg;
struct thread;
struct webrtc;
struct web_description;

struct sound {
	uint32_t frames; /* of FRAME_SAMPLES */
	uint8_t *ulaw, *alaw;
	_Atomic uint32_t users; /* legs that play it, and commands on their way to them */
};

enum leg_kind { LEG_PLAIN, LEG_TRUNK, LEG_WEBRTC };

/* What epoll gives back. */
struct watch {
	struct leg *leg;
	bool rtcp;
};

struct player {
	struct sound *greeting, *music; /* one of its users; greeting is NULL once it is over */
	uint32_t frame;
	bool fresh;  /* the next frame begins a talk spurt */
	uint32_t hz; /* tone instead of a sound */
	/* Bridged while it played: on until the other leg is heard, or then; 0: until told. */
	uint64_t fill_until_us;
	double phase;
};

struct counters {
	uint64_t rx_packets, tx_packets, rx_bytes, rx_bad;
};

struct dtmf_state {
	uint32_t ts;
	char digit; /* 0: none yet */
	bool reported;
};

struct leg {
	struct media *m;
	_Atomic(struct thread *) thread;
	struct leg *peer;   /* bridge */
	int32_t index;      /* in thread->legs */
	int32_t play_index; /* in thread->playing, −1: not playing */
	enum leg_kind kind;
	enum media_codec codec;
	uint8_t pt, dtmf_pt;
	bool has_remote, send, recv, muted;
	bool silent, stats_wanted;
	uint8_t play_frames; /* per packet: 1 to PLAY_FRAMES_MAX */
	bool latched;        /* plain: something was heard from `to` */
	uint16_t move_seq;   /* plain: last number heard from another port */
	uint16_t move_port;
	uint32_t slot;
	struct media_leg handle;
	int fd[2]; /* RTP (or both), RTCP or −1 */
	struct watch watch[2];
	struct sockaddr_in to, to_rtcp;
	struct rtp_in in;
	struct rtp_out out;
	struct counters count;
	struct dtmf_state dtmf;
	uint64_t heard_us; /* anything valid */
	uint64_t stats_us, report_us;
	/* RTCP */
	uint64_t reported_tx;
	uint32_t tx_octets;
	uint32_t last_sr; /* middle 32 bits of the peer's NTP time */
	uint64_t last_sr_us;
	uint32_t rtt_us, loss_permille;
	struct player play;
	/* made only when needed */
	struct guard *guard;       /* SRTP */
	uint32_t remote_ssrc;      /* trunk: the only one accepted; else 0 */
	struct media_trunk *trunk; /* our end of it */
	struct webrtc *web;
	struct opus_coder *opus;
	struct ear *ear;
};

/* ---- commands, control thread → media thread */
enum command_type {
	CMD_ADD,
	CMD_ADOPT, /* from another media thread */
	CMD_DETACH,
	CMD_CLOSE,
	CMD_REMOTE,
	CMD_TRUNK_REMOTE,
	CMD_WEB_ANSWER,
	CMD_PLAY,
	CMD_BRIDGE,
	CMD_UNBRIDGE,
	CMD_MUTE,
	CMD_TONE,
	CMD_LISTEN,
	CMD_STATS,
	CMD_LEASE, /* of the whole thread: no leg */
};
struct command {
	struct command *next;
	enum command_type type;
	struct leg *leg;
	union {
		struct media_remote remote;
		struct media_trunk trunk;
		struct web_description *web; /* owned */
		struct {
			struct sound *greeting, *music; /* a user of each, too */
		} play;
		struct leg *other;
		struct thread *thread;
		uint32_t value;
		uint64_t until_us;
	};
};
struct command_queue {
	struct command *head, **tail;
};

/* ---- events, media thread → control thread */
struct event_node {
	struct event_node *next;
	struct media_event ev;
};

struct thread {
	struct media *m;
	uint32_t ordinal;
	pthread_t id;
	bool running;
	int epoll, wake;
	bool wake_due;        /* control thread: held commands wait for media_release() */
	pthread_mutex_t lock; /* incoming, adopted, stop */
	struct command_queue incoming, adopted;
	bool stop;
	/* below: the thread's own */
	struct command_queue waiting; /* taken over, not yet run */
	struct leg **legs, **playing;
	uint32_t legs_len, playing_len, sweep_at;
	uint64_t now_us, tick_us, sweep_us;
	uint64_t lease_us; /* nothing is sent after it; 0: no limit */
	uint32_t tick;
	uint8_t rx[PACKET_MAX], tx[PACKET_MAX];
};

struct slot {
	struct leg *leg; /* control thread's view; NULL: free or closing */
	uint32_t generation, next_free;
	uint16_t port;
	bool pair, closing;
	bool answered; /* WebRTC: has its remote description; trunk: the far key */
	uint8_t trunk_key[MEDIA_KEY_LEN];
	uint32_t thread;
	/* published by the media thread */
	_Atomic uint64_t rx_packets, tx_packets, rx_bytes, rx_lost, rx_bad;
	_Atomic uint32_t jitter_us, rtt_us, loss_permille, heard_permille;
	_Atomic uint32_t out_seq, out_ts;
	_Atomic uint64_t heard_us; /* of mono_us() */
	uint32_t ssrc;             /* never changes */
};

struct sound_entry {
	struct sound sound;
	char *path; /* NULL: free */
	int64_t mtime_ns;
	bool dropped; /* configuration names it no more */
};

struct media {
	struct media_conf conf;
	char bind[16], advertise[16];
	uint32_t bind_ip4;
	media_event_h *event_h;
	void *arg;
	struct thread threads[THREADS_MAX];
	uint32_t threads_len;
	uint32_t held;      /* depth of media_hold() */
	struct slot *slots; /* [1..legs_max] */
	uint32_t slot_free;
	struct dtls_identity *identity;
	pthread_mutex_t sounds_lock; /* the table grows on a thread that decodes, too */
	struct sound_entry sounds[MEDIA_SOUNDS_MAX];
	uint32_t sounds_len;     /* above it all are free */
	uint32_t sounds_dropped; /* … and still played */
	uint8_t port_used[65536 / 8], port_kept[65536 / 8];
	/* events */
	int event_fd;
	pthread_mutex_t event_lock;
	struct event_node *event_head, **event_tail;
	uint32_t events_len;
};

/* media.c */
struct leg *media_find(struct media *m, struct media_leg handle);
/* A leg with a free handle and bound port(s), if possible from `wanted` on (0: any); not yet added.
 * ENOSPC, EMFILE, ENOMEM. */
int media_leg_make(struct media *m, uint32_t group, enum leg_kind kind, enum media_codec codec,
		   uint16_t wanted, struct leg **ret);
void media_leg_goes_on(struct leg *leg, const struct media_numbers *from); /* both: before it … */
void media_leg_unmake(struct leg *leg);                                    /* … was added */
/* Takes the queue node; ENOMEM leaves nothing behind. */
int media_command(struct media *m, struct leg *leg, const struct command *cmd);
void media_post(struct media *m, const struct media_event *ev);

/* ports.c */
int ports_bind(struct media *m, bool pair, uint16_t wanted, int ret_fd[2], uint16_t *ret_port);
void ports_release(struct media *m, uint16_t port, bool pair);

/* thread.c */
int thread_start(struct thread *t, struct media *m, uint32_t ordinal);
void thread_stop(struct thread *t);
void thread_push(struct thread *t, struct command *cmd);
void thread_adopt(struct thread *t, struct command *cmd);
int thread_add_leg(struct thread *t, struct leg *leg);
void thread_remove_leg(struct thread *t, struct leg *leg);
void thread_set_playing(struct thread *t, struct leg *leg, bool on);

/* command.c */
void command_run(struct thread *t, struct command *cmd); /* frees cmd */
void command_free(struct command *cmd);

/* leg.c */
void leg_free(struct leg *leg); /* closes sockets */
void leg_readable(struct thread *t, struct leg *leg, bool rtcp);
/* Every packet leaves through here; false: it did not (a full buffer, the lease is over). */
bool leg_sendto(struct leg *leg, int fd, const void *data, size_t len,
		const struct sockaddr_in *to);
/* A valid, decrypted RTP packet of this leg. */
void leg_heard(struct thread *t, struct leg *leg, uint8_t *buf, size_t len);
/* Encrypts and sends payload, which is already in t->tx + RTP_HEADER_LEN. */
void leg_send(struct thread *t, struct leg *leg, const struct rtp_slot *at, uint8_t pt,
	      size_t payload_len);
bool leg_may_send(const struct leg *leg);
uint32_t leg_rate(const struct leg *leg); /* clock of its codec */
/* SRTP or SRTCP in t->rx, told apart by payload type (RFC 5761). */
void leg_secure_packet(struct thread *t, struct leg *leg, size_t len);
void leg_heard_anything(struct thread *t, struct leg *leg);
void leg_set_address(struct sockaddr_in *ret, uint32_t ip4, uint16_t port);
void leg_sweep(struct thread *t, struct leg *leg);
void leg_stats(const struct leg *leg, struct media_stats *ret);
void leg_event(struct leg *leg, enum media_event_type type, const char *why);

/* relay.c */
void relay_audio(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p);
void relay_dtmf(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p);
void relay_bridge(struct thread *t, struct leg *a, struct leg *b);
void relay_unbridge(struct leg *a);
/* The leg's coder, made at first use; NULL: out of memory. */
struct opus_coder *relay_opus(struct leg *leg);

/* trunk.c */
int trunk_new(struct leg *leg);
struct media_trunk *trunk_free(struct media_trunk *local);
void trunk_set_remote(struct thread *t, struct leg *leg, const struct media_trunk *remote);
void trunk_packet(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len);

/* report.c */
void report_heard(struct thread *t, struct leg *leg, const uint8_t *buf, size_t len);
void report_sweep(struct thread *t, struct leg *leg);

/* play.c */
void play_fill(struct thread *t, struct leg *leg); /* its bridge is made: see struct player */
/* Becomes the user of both in the place of its caller. */
void play_set(struct thread *t, struct leg *leg, struct sound *greeting, struct sound *music);
void play_tone(struct thread *t, struct leg *leg, uint32_t hz);
void play_end(struct leg *leg); /* before it is freed */
void play_tick(struct thread *t, struct leg *leg);

/* sound.c */
int sound_decode(const char *path, struct sound *ret, char ret_why[256]);
void sound_free(struct sound *s);

/* sounds.c */
/* Another user of it; NULL for none. Control thread. */
struct sound *sounds_take(struct media *m, struct media_sound s);
/* Any thread; NULL-safe. */
void sound_let_go(struct sound *s);
/* It may have been the last user of a sound that nobody names. Control thread. */
void sounds_leg_gone(struct media *m);
void sounds_free(struct media *m);

/* ear.c */
struct ear;
int ear_set(struct ear **ear, uint32_t hz);
void ear_hear(struct ear *ear, enum media_codec codec, const uint8_t *payload, size_t len);
void ear_hear_pcm(struct ear *ear, const int16_t *pcm, size_t n);
/* 0 until half a second was heard, and again when nothing has come for that long. */
uint32_t ear_permille(struct ear *ear, uint64_t now_us);

#endif
