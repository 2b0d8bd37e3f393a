/*
 * cluster.sig: which version of the configuration lies beside it, and that the holder of
 * cluster.key said so. Text, one `key: value` a line; the signature (Ed25519) is over all lines
 * before it.
 *
 *   heliograph-configuration: 1
 *   cluster: sunline
 *   version: 7
 *   cluster.yaml: BLAKE2b-256 in hex
 *   agents.yaml: BLAKE2b-256 in hex
 *   signature: hex
 */
#ifndef HELIO_SIGNATURE_H
#define HELIO_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/conf/files.h"

enum { SIGNATURE_DIGEST_LEN = 32, SIGNATURE_TEXT_MAX = 1024, SIGNATURE_FILE_MAX = 40 << 20 };

struct signature {
	char cluster[CONF_NAME_SIZE];
	uint32_t version;
	uint8_t cluster_digest[SIGNATURE_DIGEST_LEN], agents_digest[SIGNATURE_DIGEST_LEN];
	uint8_t bytes[64];
};

/* Digests of the two files of conf. errno of reading. */
int signature_digest(struct signature *ret, const struct conf *conf);
/* … of their bytes. */
void signature_digest_text(struct signature *ret, const void *cluster, size_t cluster_n,
			   const void *agents, size_t agents_n);
/* Signs name, version and digests. secret: Ed25519, as in cluster.key. */
void signature_sign(struct signature *s, const uint8_t secret[static 64]);
/* EBADMSG when it was not made with that key. */
int signature_verify(const struct signature *s, const uint8_t pub[static 32]);
void signature_print(char dst[static SIGNATURE_TEXT_MAX], const struct signature *s);
/* From its text: EINVAL unless it is exactly what signature_print() gives. */
int signature_parse(struct signature *ret, const char *text, size_t n);
/* ENOENT when there is none; EINVAL when it is not one. */
int signature_read(struct signature *ret, const char *path);

/* ---- cluster.files, common/conf/files.h: signed, and tied to one cluster.sig ------------- */

void files_sign(struct conf_files *f, const struct signature *sig, const uint8_t secret[static 64]);
/* EBADMSG: not signed with that key, or of another cluster; ENOMEM. */
int files_verify(const struct conf_files *f, const uint8_t pub[static 32], const char *cluster);
/* Is it the list of that version? */
bool files_belong(const struct conf_files *f, const struct signature *sig);
/* The start of its hash, for news; never 0. 0: f is NULL, or there is no memory. */
uint64_t files_mark(const struct conf_files *f);

/* Beside path: "DIR/name". errno. */
int file_beside(char dst[static CONF_PATH_SIZE], const char *path, const char *name);

#endif
