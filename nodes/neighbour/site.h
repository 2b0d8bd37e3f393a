/*
 * Who adopts whom, and who bears witness. Pure; follows from the configuration alone, so that all
 * daemons agree without asking.
 *
 *   adopter of X   the next node of the site whose journal is another Redis: it holds X's journal
 *   witnesses of X brokers of the site, two nodes after the adopter; when all of these stand on
 *                  X's or the adopter's machine, also brokers of two other sites
 *
 * A witness is independent when it stands on neither machine: if the line between the two is cut,
 * it hears both.
 */
#ifndef HELIO_NEIGHBOUR_SITE_H
#define HELIO_NEIGHBOUR_SITE_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct conf_daemon;

enum { WITNESSES_MAX = 8, WITNESS_NODES = 2, WITNESS_SITES = 2 };

struct witness {
	const struct conf_daemon *daemon;
	bool independent;
};

/* NULL: nobody can (one machine, no journal). */
const struct conf_daemon *neighbour_adopter(const struct conf *conf, const struct conf_daemon *x);
/* How many were filled in. None without an adopter. */
uint32_t neighbour_witnesses(const struct conf *conf, const struct conf_daemon *x,
			     struct witness ret[static WITNESSES_MAX]);

#endif
