/*
 * Keys by RFC 4733: all packets of a key carry the timestamp of its start; the last is sent three
 * times with the end bit.
 *
 *   audio audio │ key: 5 packets │ end ×3 │ audio ×8 │ next key …
 */
#include "deploy/caller/caller_priv.h"

#include <string.h>

enum { FIRST_WAIT = 50, KEY_PACKETS = 5, END_PACKETS = 3, GAP = 8, VOLUME = 10, END_BIT = 0x80 };

static const char digits_known[] = "0123456789*#ABCD"; /* in the order of the event codes */

bool keys_valid(const char *digits)
{
	return strlen(digits) <= 32 && strspn(digits, digits_known) == strlen(digits);
}

void keys_init(struct keys *k, const char *digits)
{
	*k = (struct keys){.rest = digits ? digits : "", .wait = FIRST_WAIT};
}

bool keys_next(struct keys *k, uint32_t ts, uint8_t out[4], bool *ret_marker, uint32_t *ret_ts)
{
	if (!*k->rest)
		return false;
	if (k->wait > 0) {
		k->wait--;
		return false;
	}
	if (k->step == 0)
		k->start_ts = ts;
	*ret_marker = k->step == 0;
	*ret_ts = k->start_ts;
	bool end = k->step >= KEY_PACKETS;
	uint32_t duration = FRAME * (end ? KEY_PACKETS : k->step + 1);
	out[0] = (uint8_t)(strchr(digits_known, *k->rest) - digits_known);
	out[1] = (uint8_t)(VOLUME | (end ? END_BIT : 0));
	out[2] = (uint8_t)(duration >> 8);
	out[3] = (uint8_t)duration;
	if (++k->step == KEY_PACKETS + END_PACKETS) {
		k->step = 0;
		k->wait = GAP;
		k->rest++;
	}
	return true;
}
