/*
 * The files that a configuration names besides its YAML: sounds, calendars, the customers' file.
 * They travel with it, by their hash: cluster.files beside cluster.yaml lists them.
 *
 *   heliograph-files: 1
 *   cluster: sunline
 *   version: 7
 *   of: BLAKE2b-256 of cluster.sig's text, in hex         this version and no other
 *   file: sound HASH BYTES audio/greeting.wav              one line each, sorted by name
 *   signature: HEX                                         Ed25519, over all lines before
 *
 * Where a folder `files` lies beside it (config/7/ of a host), the configuration's files are those
 * in it, called by their hash; else they are where cluster.yaml says. Parsing and printing only:
 * common/live signs, verifies and keeps them.
 */
#ifndef HELIO_CONF_FILES_H
#define HELIO_CONF_FILES_H

#include "common/conf/conf.h"

enum {
	CONF_FILE_HASH = 32,
	/* Ten minutes of speech at 16 kHz and 16 bits are 19 MB; more belongs to a compressed format. */
	CONF_FILE_MAX = 32 << 20,
	/* Of one configuration: what every daemon keeps of each of its last versions. */
	CONF_FILES_SUM_MAX = 256 << 20,
	CONF_FILES_TEXT_MAX = CONF_FILES_MAX * (CONF_PATH_SIZE + 96) + 1024,
};

struct conf_listed {
	enum conf_file_kind kind;
	uint8_t hash[CONF_FILE_HASH];
	uint32_t bytes;
	char name[CONF_PATH_SIZE]; /* as cluster.yaml has it */
};

struct conf_files {
	char cluster[CONF_NAME_SIZE];
	uint32_t version, n;
	uint8_t of[CONF_FILE_HASH], signature[64];
	struct conf_listed list[]; /* sorted by name */
};

/* Exactly what conf_files_print() gives, else EINVAL; ENOMEM. free() it. */
int conf_files_parse(struct conf_files **ret, const char *text, size_t n);
/* What is signed: all but the last line. NUL-terminated, free() it; NULL: out of memory. */
char *conf_files_signed_text(const struct conf_files *f, size_t *ret_n);
char *conf_files_print(const struct conf_files *f, size_t *ret_n);
const struct conf_listed *conf_files_find(const struct conf_files *f, const char *name);
/* "sound", "calendar", "customers" */
const char *conf_file_kind_name(enum conf_file_kind kind);

/* The list that lies beside what path leads to, and the folder `files` there. ENOENT: none there, or
 * none with such a folder; EINVAL: not a list; errno. free() it. */
int conf_files_applied(struct conf_files **ret, char ret_dir[static CONF_PATH_SIZE],
		       const char *path);
/* One list from a file. As conf_files_parse(), ENOENT, errno. */
int conf_files_read(struct conf_files **ret, const char *path);

/* dir/HASH; ENAMETOOLONG. */
int conf_files_path(char dst[static CONF_PATH_SIZE], const char *dir,
		    const uint8_t hash[static CONF_FILE_HASH]);

#endif
