/*
 * The files of configurations that a daemon keeps, by their hash: STATE/NAME/files/HASH. Next to
 * them what is on its way: HASH.new from another daemon, HASH.put from an operator. A name without
 * a suffix was hashed before it got it.
 */
#ifndef HELIO_STORE_H
#define HELIO_STORE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/conf/files.h"

#define STORE_NEW ".new"
#define STORE_PUT ".put"
enum { STORE_PATH_SIZE = CONF_PATH_SIZE + 8 };

/* Sounds and customers are for nodes; brokers keep them to pass them on, without a look inside. A
 * gateway, which faces browsers, gets neither. */
bool store_wants(enum conf_role role, enum conf_file_kind kind);

int store_path(char dst[static STORE_PATH_SIZE], const char *dir,
	       const uint8_t hash[static CONF_FILE_HASH], const char *suffix);
/* By its size alone: what it holds was looked at before. */
bool store_has(const char *dir, const struct conf_listed *f);
bool store_has_all(const char *dir, const struct conf_files *files, enum conf_role role);

/* BLAKE2b-256 of a file; its length must be `bytes`. EBADMSG: another length; errno. */
int store_digest(uint8_t dst[static CONF_FILE_HASH], const char *path, uint32_t *ret_bytes);

/* Makes sure that every file that this role wants lies in dir (created), looking at what came and
 * at `from`, the places that a configuration on the disk has. again: what is there is hashed, too.
 * Slow: reads, hashes and fsyncs; ends early with ECANCELED once *stop (may be NULL). errno, and
 * which file. */
int store_gather(const char *dir, const struct conf_files *files, enum conf_role role,
		 const struct conf *from, bool again, const atomic_bool *stop, char ret_why[256]);

/* Removes what none of these lists names. */
void store_sweep(const char *dir, const struct conf_files *const *keep, size_t n);

#endif
