/* node_calls.c: from SIP to the core; node_calls_fx.c: what the core says; node_calls_back.c: who
 * comes from the journal. */
#ifndef HELIO_NODE_CALLS_PRIV_H
#define HELIO_NODE_CALLS_PRIV_H

#include "nodes/node.h"

/* In no table yet: freed by mem_deref(); NULL: no memory. */
struct call *call_alloc(struct node *n, uint64_t id);
void call_link(struct node *n, struct call *c);
/* With its leg and dialog, without a word. */
void call_free(struct node *n, struct call *c);
/* Once: the call ends after that. Then silence, not music. */
void call_say(struct node *n, struct call *c, const char *file);
/* Music, preceded by the greeting the first time. A queue without files waits in silence. */
void call_music(struct node *n, struct call *c, bool greeting);
/* Where its far end hears, as its SDP says. */
void call_remote_set(struct node *n, struct call *c, const struct sip_sdp *sdp);
/* The dialog, or what the core says of the call, has changed. */
void call_journal(struct node *n, const struct call *c);
/* Its one record (S4). */
void call_record(struct node *n, const struct call *c, const struct acd_fx *fx);

#endif
