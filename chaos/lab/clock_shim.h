/* What the keeper and the clock shim share: a file of one page, mapped by both. */
#ifndef HELIO_CHAOS_CLOCK_SHIM_H
#define HELIO_CHAOS_CLOCK_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

struct clock_page {
	_Atomic int64_t jump_ns;   /* added to the wall clock */
	_Atomic uint64_t asked;    /* how often the wall clock was read … */
	_Atomic uint64_t deceived; /* … and how often the answer was jumped: proof of the fault */
};

#endif
