/*
 * What the loader reads from a Redis that anyone may have written to: a field, a value, a
 * heartbeat, a register. The first byte chooses; the bytes are also sealed, so that what opens is
 * compared.
 */
#include "common/base/base.h"
#include "common/seal/seal.h"
#include "nodes/journal/record.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[JOURNAL_KEY_LEN] = {1};
static const struct record_ref ref = {JOURNAL_CALL, 0x2f};
static uint8_t plain[JOURNAL_DATA_MAX], sealed[RECORD_MAX];

static void texts(const uint8_t *data, size_t size)
{
	char text[256], owner[JOURNAL_OWNER_SIZE], again[RECORD_FIELD_SIZE];
	struct record_beat beat;
	struct record_ref r;
	uint64_t cepoch;
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	memcpy(text, data, n);
	text[n] = '\0';
	(void)record_beat_parse(&beat, text);
	if (record_register_parse(text, &cepoch, owner) == 0)
		helio_assert(strlen(owner) > 0);
	if (record_field_parse(&r, text, n) == 0) {
		helio_assert(r.id != 0);
		record_field(again, "v:", r);
		helio_assert(strncasecmp(again, text, n) == 0);
	}
}

static void values(const uint8_t *data, size_t size)
{
	uint64_t cepoch, seq;
	size_t n, len;
	int err = record_open(key, "helio:journal:oslo1:7", ref, data, size, &cepoch, &seq, plain,
			      sizeof(plain), &len);
	helio_assert(err == EBADMSG || err == EMSGSIZE);
	if (size > JOURNAL_DATA_MAX || record_seal(key, "helio:journal:oslo1:7", ref, size, 3, data,
						   size, sealed, sizeof(sealed), &n))
		return;
	helio_assert(record_open(key, "helio:journal:oslo1:7", ref, sealed, n, &cepoch, &seq, plain,
				 sizeof(plain), &len) == 0);
	helio_assert(cepoch == size && seq == 3 && len == size && memcmp(plain, data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (seal_init() || size == 0)
		return 0;
	if (data[0] & 1)
		texts(data + 1, size - 1);
	else
		values(data + 1, size - 1);
	return 0;
}
