/* A WebRTC leg on its media thread: ICE, DTLS, then SRTP. */
#ifndef HELIO_MEDIA_WEBRTC_H
#define HELIO_MEDIA_WEBRTC_H

#include "nodes/media/internal.h"
#include "nodes/media/websdp.h"

enum { ICE_UFRAG_LEN = 8, ICE_PWD_LEN = 24 };

/* On the control thread, before the leg is added. controlling: we dial (tests, helio-agent), else
 * we are the ICE-lite side. ENOMEM. */
int webrtc_new(struct leg *leg, bool controlling);
struct webrtc *webrtc_free(struct webrtc *w);
/* Our own half of the session description. */
void webrtc_describe(const struct leg *leg, struct web_description *ret);

/* On the media thread. */
void webrtc_set_remote(struct thread *t, struct leg *leg, const struct web_description *d);
void webrtc_packet(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len);
void webrtc_sweep(struct thread *t, struct leg *leg);

#endif
