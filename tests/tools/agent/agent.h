/*
 * A home agent without a browser. All of it runs on one thread (libre's loop); only media has
 * threads of its own.
 *
 *   main.c    options, start, end, verdict
 *   options.c what the command line says
 *   link.c    TCP, WebSocket, seal                      (one per agent)
 *   agent.c   sign in, resume, ready, ring, talk, wrap   (one per agent)
 *   audio.c   the media leg: plain, WebRTC, none
 *   script.c  steps of a script in place of the standing behaviour
 *   report.c  events and summary
 */
#ifndef HELIO_TOOLS_AGENT_AGENT_H
#define HELIO_TOOLS_AGENT_AGENT_H

#include "nodes/media/media.h"
#include "tests/tools/agent/link.h"
#include "tests/tools/agent/report.h"

enum { NAME_SIZE = 48, ID_SIZE = 64, TICKET_SIZE = 1024, GATEWAYS_MAX = 8, AGENTS_MAX = 20000 };

enum audio { AUDIO_PLAIN, AUDIO_WEBRTC, AUDIO_NONE };
enum answer { ANSWER_ACCEPT, ANSWER_REJECT, ANSWER_IGNORE };

struct options {
	char gateway[GATEWAYS_MAX][64];
	size_t gateways;
	const char *site, *name, *pattern, *password_file, *cluster_pub, *script, *ca;
	struct sa from; /* first source address */
	uint32_t from_n;
	bool waves, rest, together, talk_vary;
	char password[256];
	uint32_t agents, first;
	enum audio audio;
	enum answer answer;
	const char *disposition;
	uint32_t answer_after_ms, talk_ms, wrap_ms, duration_ms, ramp_per_s;
	bool until_caller; /* --talk caller */
	uint32_t tone_hz, listen_hz, heard_min;
	char media_address[64];
	uint16_t port_min, port_max;
	uint32_t media_threads;
	bool json, quiet, leave;
	uint32_t expect_calls, expect_heard, expect_ready, stop_after_calls;
};

/* 0; -1: --help was asked for and printed; else the exit status (the reason is printed). */
int options_parse(struct options *o, int argc, char **argv);
/* "200ms", "5s", "2m" or plain milliseconds. EINVAL. */
int duration_parse(const char *s, uint32_t *ret_ms);

enum agent_event {
	EV_NONE,
	EV_SIGNED_IN,
	EV_RESUMED,
	EV_MEDIA,
	EV_IDLE,
	EV_NOT_READY,
	EV_RING,
	EV_RING_END,
	EV_TALK,
	EV_END,
	EV_DOWN,
	EV_DENIED,
	EV_HEARD,
	EV_TAKEN_OVER,
	EVENTS
};

struct script;
struct pool;

struct agent {
	struct pool *pool;
	char name[NAME_SIZE];
	size_t index;   /* in the pool */
	size_t gateway; /* which of --gateway; the next one after each failure */
	struct seal_keypair device;
	struct link *link;
	bool beginning; /* connected, not signed in yet: counted in the pool */
	bool sealed, in, media_up, down_said, quitting, done;
	char ticket[TICKET_SIZE], session[ID_SIZE], node[32], state[16];
	char offer[ID_SIZE], call[ID_SIZE];
	struct media_leg leg;
	bool leg_connected, heard, heard_once; /* since the last talk; in this call */
	uint32_t best_permille, listen_hz;
	uint32_t ping_n, backoff_ms;
	uint64_t other_us; /* since when other nodes than ours are offered; 0: not yet */
	bool homeless;     /* our node is gone: any other will do */
	uint64_t connect_us, login_us, welcome_us, accept_us, talk_us, idle_us, lost_us, seen_us;
	struct tmr connect_tmr, act_tmr, ready_tmr, ping_tmr, hear_tmr, step_tmr, doubt_tmr,
	    stall_tmr;
	/* script */
	const struct script *script; /* NULL: the standing behaviour */
	size_t step;
	bool waiting;
	uint32_t pending[EVENTS]; /* seen and not yet waited for */
};

struct pool {
	const struct options *o;
	struct link_conf link[GATEWAYS_MAX];
	struct tls *tls;
	struct media *media;
	int sink; /* AUDIO_NONE: a socket that nobody reads */
	uint16_t sink_port;
	struct agent *v;
	size_t n, started, scripts_left, beginning;
	bool failed, leaving;
	char why[160];
	struct tmr ramp_tmr, end_tmr, leave_tmr;
};

/* agent.c */
void agent_init(struct agent *a, struct pool *p, const char *name, size_t index);
void agent_start(struct agent *a);
/* Signs out; false: there is nothing to wait for. */
bool agent_leave(struct agent *a);
void agent_stop(struct agent *a);
void agent_do_ready(struct agent *a);
void agent_do_pause(struct agent *a, const char *reason);
void agent_do_offer(struct agent *a, const char *verb); /* accept, reject, hangup */
void agent_do_wrap(struct agent *a, const char *disposition);
void agent_do_mute(struct agent *a, bool on);
void agent_do_signout(struct agent *a);
/* Sound has stopped in a talk: is the link still there? Told by a ping of its own, as by the page,
 * and not by the long silence. */
void agent_doubt(struct agent *a);
/* Cuts the socket without a word; it comes back by its ticket. */
void agent_do_drop(struct agent *a);
/* Every event goes through here: report, then script. fields is taken over. */
void agent_event(struct agent *a, enum agent_event ev, const char *name, json_t *fields);

/* audio.c */
int audio_start(struct pool *p, char ret_why[256]);
void audio_stop(struct pool *p);
void audio_welcome(struct agent *a, const json_t *msg);
void audio_close(struct agent *a);
/* While talking: tone out, ear open. hz 0: off. */
void audio_talk(struct agent *a, bool on);

/* script.c */
int script_load(struct script **ret, const char *path);
struct script *script_free(struct script *s);
bool script_names(const struct script *s, const char *agent);
void script_start(struct agent *a);
void script_event(struct agent *a, enum agent_event ev);

/* wave.c: a message that the node sends to all of its pages at once */
void wave_start(void);
void wave_seen(void);
void wave_stop(void);

/* main.c: something that was asked for cannot happen any more. */
void pool_fail(struct pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pool_script_done(struct pool *p);
/* After each finished call and each new readiness: is everything that ends the run reached? */
void pool_check_end(struct pool *p);

#endif
