/*
 * What the media tests share: engines on loopback, and a control loop (libre's) that runs until a
 * condition holds or a deadline passes.
 */
#ifndef TESTS_MEDIA_HARNESS_H
#define TESTS_MEDIA_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "nodes/media/media.h"

enum { EVENTS_KEPT = 256, LOOPBACK = 0x7f000001 };

struct engine {
	struct media *m;
	struct media_event events[EVENTS_KEPT]; /* in the order they came */
	uint32_t len;
};

/* libre up and down around a group of tests. */
int harness_setup(void **state);
int harness_teardown(void **state);

void engine_start(struct engine *e, uint16_t port_min, uint16_t port_max, uint32_t threads);
void engine_start_conf(struct engine *e, const struct media_conf *conf);
struct media_conf engine_conf(uint16_t port_min, uint16_t port_max, uint32_t threads);
void engine_stop(struct engine *e);

/* Runs the control loop until done(arg), polled each 10 ms; false at the deadline. */
typedef bool(condition)(void *arg);
bool run_until(condition *done, void *arg, uint32_t deadline_ms);
/* Lets the loop run for that long: to show that something does NOT happen. */
void run_for(uint32_t ms);

/* The n-th event (from 0) of that type for that leg (v 0: any); NULL at the deadline. */
const struct media_event *wait_event(struct engine *e, enum media_event_type type,
				     struct media_leg leg, uint32_t nth, uint32_t deadline_ms);
uint32_t count_events(const struct engine *e, enum media_event_type type, struct media_leg leg);
/* The ear of that leg rises over / falls under that strength. */
bool wait_heard(struct engine *e, struct media_leg leg, uint32_t permille, uint32_t deadline_ms);
bool wait_unheard(struct engine *e, struct media_leg leg, uint32_t permille, uint32_t deadline_ms);

/* ---- plain legs and what they play */
enum { PT_PCMU = 0, PT_PCMA = 8, PT_DTMF = 101 };
struct media_leg make_leg(struct engine *e, uint32_t group, uint16_t *ret_port);
void set_remote(struct engine *e, struct media_leg leg, uint16_t port, enum media_codec codec);
/* A tone of that frequency, from a file that is gone again. */
void load_tone(struct engine *e, struct media_sound *ret, const char *name, int rate, int channels,
	       double seconds, double hz);

/* ---- a far end of plain UDP */
int peer_socket(uint16_t *ret_port);
void peer_send(int fd, uint16_t to_port, const void *buf, size_t len);
void peer_send_rtp(int fd, uint16_t to_port, uint8_t pt, bool marker, uint16_t seq, uint32_t ts,
		   uint32_t ssrc, const void *payload, size_t len);
/* Next datagram within the deadline, the control loop running meanwhile; 0: none. */
size_t peer_recv(int fd, void *buf, size_t size, uint32_t deadline_ms);

/* A 16-bit wave file with a tone of that frequency. */
void write_tone_file(const char *path, int rate, int channels, double seconds, double hz);

#endif
