/*
 * Names and values as they stand in Redis. Pure.
 *
 *   value: "HJ1" | cepoch be64 | seq be64 | box (nonce 24, data, tag 16)
 *   authenticated beside the data: key of the hash | '/' | field | the 19 bytes before the box
 *
 * so that a value that was moved to another call, node or boot, or given another cepoch, does not
 * open.
 */
#ifndef HELIO_JOURNAL_RECORD_H
#define HELIO_JOURNAL_RECORD_H

#include "nodes/journal/journal.h"

enum {
	RECORD_HEAD_LEN = 3 + 8 + 8,
	RECORD_OVERHEAD = RECORD_HEAD_LEN + 40,
	RECORD_MAX = JOURNAL_DATA_MAX + RECORD_OVERHEAD,
	RECORD_KEY_SIZE = 64,   /* helio:journal:<node>:<boot> */
	RECORD_FIELD_SIZE = 24, /* v:c:0123456789abcdef */
	RECORD_CEPOCH_LEN = 20, /* decimal, zeros in front: compared as text, Lua has 53 bits */
};

struct record_ref {
	enum journal_kind kind;
	uint64_t id;
};

void record_beats_key(char buf[static RECORD_KEY_SIZE], const char *node);
void record_boot_key(char buf[static RECORD_KEY_SIZE], const char *node, uint32_t boot);
/* "c:<id>", after `prefix` ("v:", or "" for the scripts). */
void record_field(char buf[static RECORD_FIELD_SIZE], const char *prefix, struct record_ref ref);
/* EBADMSG when it is not the field of a value. */
int record_field_parse(struct record_ref *ret, const char *field, size_t len);

/* out holds len + RECORD_OVERHEAD. */
int record_seal(const uint8_t key[static JOURNAL_KEY_LEN], const char *boot_key,
		struct record_ref ref, uint64_t cepoch, uint64_t seq, const void *data, size_t len,
		uint8_t *out, size_t out_size, size_t *ret_len);
/* EBADMSG; EMSGSIZE: more than data can take. */
int record_open(const uint8_t key[static JOURNAL_KEY_LEN], const char *boot_key,
		struct record_ref ref, const uint8_t *in, size_t in_len, uint64_t *ret_cepoch,
		uint64_t *ret_seq, void *data, size_t size, size_t *ret_len);

/* "<m> <t> <at>" of one boot: its clock, the clock of Redis at that moment, and at the last
 * heartbeat. EBADMSG. */
struct record_beat {
	uint64_t m_us, t_us, at_us;
};
int record_beat_parse(struct record_beat *ret, const char *text);
/* "<cepoch> <owner>" of a register. EBADMSG. */
int record_register_parse(const char *text, uint64_t *ret_cepoch,
			  char ret_owner[static JOURNAL_OWNER_SIZE]);

#endif
