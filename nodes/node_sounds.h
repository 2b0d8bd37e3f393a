/* What callers hear. */
#ifndef HELIO_NODE_SOUNDS_H
#define HELIO_NODE_SOUNDS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "nodes/media/media.h"

struct conf;
struct node;

/* Decodes for a moment, leaves the rest to a thread. ENOMEM, EAGAIN. */
int node_sounds_open(struct node *n);
void node_sounds_close(struct node *n);

/* The file `once` to its end, then `then` over and over; "": silence. A file that cannot be played
 * is told in the log. */
void node_sounds_play(struct node *n, struct media_leg leg, const char *once, const char *then);

/* Are all sounds of conf decoded? And decoding them, from any thread, until *stop. */
bool node_sounds_ready(struct node *n, const struct conf *conf);
void node_sounds_prepare(struct node *n, const struct conf *conf, const atomic_bool *stop);
/* conf is in use: what it does not name is forgotten when the last caller has heard it. */
void node_sounds_keep(struct node *n, const struct conf *conf);

#endif
