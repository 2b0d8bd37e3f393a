/*
 * A whole configuration as one run of bytes: what travels between daemons, and what each keeps of
 * the versions it has run. Text, so that a person can read a copy:
 *
 *   heliograph-bundle 1 SIG CLUSTER AGENTS      the lengths in bytes
 *   cluster.sig, then cluster.yaml, then agents.yaml, to the byte
 *
 * Nothing in it is believed before bundle_verify().
 */
#ifndef HELIO_BUNDLE_H
#define HELIO_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/live/signature.h"

enum {
	/* A hundred thousand agents take 25 MB; sites, daemons and queues some hundred kilobytes.
	 */
	BUNDLE_AGENTS_MAX = 32 << 20,
	BUNDLE_CLUSTER_MAX = 4 << 20,
	BUNDLE_MAX = BUNDLE_AGENTS_MAX + BUNDLE_CLUSTER_MAX + SIGNATURE_TEXT_MAX + 64,
};

/* One block of memory: free() it. */
struct bundle {
	struct signature sig;
	size_t cluster_at, cluster_n, agents_at, agents_n; /* in bytes */
	size_t n;
	uint8_t bytes[];
};

/* EFBIG when a part is longer than its limit; ENOMEM. */
int bundle_pack(struct bundle **ret, const struct signature *sig, const void *cluster,
		size_t cluster_n, const void *agents, size_t agents_n);
/* Copies. EBADMSG: not a bundle, to the byte; EFBIG; ENOMEM. */
int bundle_parse(struct bundle **ret, const void *bytes, size_t n);
/* EBADMSG: not signed with that key, of other files, or of another cluster; why says which. */
int bundle_verify(const struct bundle *b, const uint8_t pub[static 32], const char *cluster,
		  char ret_why[256]);

#endif
