/*
 * Talking to the keeper of a lab: one request, one reply; what it tells in between is handed on.
 * Faults live as long as the connection.
 */
#ifndef HELIO_CHAOS_CLIENT_H
#define HELIO_CHAOS_CLIENT_H

#include <jansson.h>
#include <stdint.h>

struct lab_client;
typedef void(lab_event_h)(const json_t *event, void *arg);

/* dir: of the lab. errno; ENOENT or ECONNREFUSED: no lab is up there. */
int lab_client_open(struct lab_client **ret, const char *dir, lab_event_h *event_h, void *arg);
struct lab_client *lab_client_close(struct lab_client *c);
int lab_client_fd(const struct lab_client *c);
/* Reads what is there and hands on events; EPIPE when the keeper is gone. */
int lab_client_step(struct lab_client *c);
/* Takes req over. The reply, for the caller to release; NULL when the keeper is gone or refuses:
 * lab_client_why() says which. */
json_t *lab_client_ask(struct lab_client *c, json_t *req);
const char *lab_client_why(const struct lab_client *c);

#endif
