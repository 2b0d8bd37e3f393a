/*
 * The far end for the caller's tests, in a process of its own: answers on helio_sip, plays the
 * digital milliwatt (the 1000 Hz of ITU-T G.711, table 5 and 6, given there as code words, so no
 * coder is involved), and after each call reports what it got:
 *
 *   hz       from the sign changes of the code words: no decoder is involved either
 *   digits   of RFC 4733 events that ended
 */
#ifndef TEST_CALLER_ANSWERER_H
#define TEST_CALLER_ANSWERER_H

#include <stdint.h>

struct answerer_report {
	uint32_t packets, hz;
	uint8_t pt;
	char digits[40];
};
/* Never returns. Writes one byte to fd when ready, then a report per call. */
_Noreturn void answerer_run(const char *ip, uint16_t sip_port, uint16_t rtp_port, int fd);

#endif
