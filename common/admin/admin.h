/*
 * The admin socket of a daemon: ROUTER on ipc://<run_dir>/<daemon>.admin (0700 folder). helioctl
 * asks, the daemon answers: one JSON object each way, {"cmd": "status", ...} -> {"ok": true, ...}
 * or {"ok": false, "error": "…", "remedy": "…"}. Also over the daemon's TCP admin port with an
 * operator's CURVE key where the configuration has one.
 */
#ifndef HELIO_ADMIN_H
#define HELIO_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct conf;
struct conf_daemon;
struct admin;

/* Answers one request: returns a new reference to the reply object. `cmd` was checked to be a string. */
typedef json_t *(admin_request_h)(const char *cmd, const json_t *req, void *arg);

/* Opens the socket of daemon `self`, and its TCP port if the configuration has one. Takes the daemon's
 * lock: EBUSY, one of that name runs already. Other errno: ret_why says what and the remedy. request_h
 * is called from admin_step() only. Ownership: admin_close(), NULL-safe. */
int admin_open(struct admin **ret, const struct conf *conf, const struct conf_daemon *self,
	       admin_request_h *request_h, void *arg, char ret_why[256]);
struct admin *admin_close(struct admin *a);
int admin_fd(const struct admin *a);   /* edge-triggered: call admin_step() until it returns */
void admin_step(struct admin *a);      /* drains and answers */

/* {"ok": false, "error": …, "remedy": …}, a new reference; remedy may be NULL. NULL: out of memory. */
json_t *admin_error(const char *error, const char *remedy);

#endif
