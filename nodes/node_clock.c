/*
 * The clock of libre's timers. Its own tmr_jiffies() reads the wall clock: when that is set back, by
 * a day say, every timer of the node waits a day longer, announcements, keep-alives and SIP's
 * retransmissions among them, and the gateways take the node for dead. (Found by the drill
 * clock-jump.) The library calls the function through its PLT, so a definition in the program takes
 * its place; the drill shows whether that is still so.
 */
#include "common/base/base.h"

#include <re_types.h>
#include <re_list.h>
#include <re_tmr.h>

uint64_t tmr_jiffies(void)
{
	return mono_us() / 1000;
}
