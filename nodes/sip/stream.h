/*
 * Where one SIP message ends in a byte stream (RFC 3261 §18.3): each byte is looked at once, so
 * that a sender that drips does not make us read its message anew with every byte. Pure.
 */
#ifndef HELIO_SIP_STREAM_H
#define HELIO_SIP_STREAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	STREAM_HEADERS_MAX = 16384, /* four times what the longest honest INVITE has */
	STREAM_MESSAGE_MAX = 65535, /* what libre takes, and UDP could carry */
};

/* Zero it for each message. */
struct stream {
	size_t looked; /* bytes seen without the end of the headers */
	size_t whole;  /* length of the message, once known */
};

/* buf begins with a message (or with the CRLFs between two). 0 and *ret_len: so many bytes are one;
 * EAGAIN: more is needed; EMSGSIZE: it is too long; EBADMSG: its length cannot be read. */
int stream_look(struct stream *s, const uint8_t *buf, size_t len, size_t *ret_len);

#endif
