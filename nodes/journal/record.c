#include "nodes/journal/record.h"
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char magic[3] = {'H', 'J', '1'};

void record_beats_key(char buf[static RECORD_KEY_SIZE], const char *node)
{
	snprintf(buf, RECORD_KEY_SIZE, "helio:journal:%.31s", node);
}

void record_boot_key(char buf[static RECORD_KEY_SIZE], const char *node, uint32_t boot)
{
	snprintf(buf, RECORD_KEY_SIZE, "helio:journal:%.31s:%" PRIu32, node, boot);
}

void record_field(char buf[static RECORD_FIELD_SIZE], const char *prefix, struct record_ref ref)
{
	snprintf(buf, RECORD_FIELD_SIZE, "%.2s%c:%016" PRIx64, prefix,
		 ref.kind == JOURNAL_CALL ? 'c' : 's', ref.id);
}

int record_field_parse(struct record_ref *ret, const char *field, size_t len)
{
	uint8_t b[8];
	char hex[17];
	uint64_t id = 0;
	if (len != 20 || memcmp(field, "v:", 2) != 0 || field[3] != ':' ||
	    (field[2] != 'c' && field[2] != 's'))
		return EBADMSG;
	memcpy(hex, field + 4, 16);
	hex[16] = '\0';
	if (hex_decode(b, sizeof(b), hex))
		return EBADMSG;
	for (size_t i = 0; i < sizeof(b); i++)
		id = id << 8 | b[i];
	if (id == 0)
		return EBADMSG;
	ret->kind = field[2] == 'c' ? JOURNAL_CALL : JOURNAL_SESSION;
	ret->id = id;
	return 0;
}

static void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

enum { AD_SIZE = RECORD_KEY_SIZE + RECORD_FIELD_SIZE + RECORD_HEAD_LEN + 1 };

static size_t make_ad(uint8_t ad[static AD_SIZE], const char *boot_key, struct record_ref ref,
		      const uint8_t head[static RECORD_HEAD_LEN])
{
	char field[RECORD_FIELD_SIZE];
	record_field(field, "v:", ref);
	int n = snprintf((char *)ad, AD_SIZE, "%s/%s", boot_key, field);
	helio_assert(n > 0 && n + RECORD_HEAD_LEN <= AD_SIZE);
	memcpy(ad + n, head, RECORD_HEAD_LEN);
	return (size_t)n + RECORD_HEAD_LEN;
}

int record_seal(const uint8_t key[static JOURNAL_KEY_LEN], const char *boot_key,
		struct record_ref ref, uint64_t cepoch, uint64_t seq, const void *data, size_t len,
		uint8_t *out, size_t out_size, size_t *ret_len)
{
	uint8_t ad[AD_SIZE];
	size_t n;
	if (out_size < RECORD_HEAD_LEN)
		return EMSGSIZE;
	memcpy(out, magic, sizeof(magic));
	put_be64(out + 3, cepoch);
	put_be64(out + 11, seq);
	int err = seal_box(key, ad, make_ad(ad, boot_key, ref, out), data, len,
			   out + RECORD_HEAD_LEN, out_size - RECORD_HEAD_LEN, &n);
	if (!err)
		*ret_len = n + RECORD_HEAD_LEN;
	return err;
}

int record_open(const uint8_t key[static JOURNAL_KEY_LEN], const char *boot_key,
		struct record_ref ref, const uint8_t *in, size_t in_len, uint64_t *ret_cepoch,
		uint64_t *ret_seq, void *data, size_t size, size_t *ret_len)
{
	uint8_t ad[AD_SIZE];
	if (in_len < RECORD_HEAD_LEN || memcmp(in, magic, sizeof(magic)) != 0)
		return EBADMSG;
	int err = seal_unbox(key, ad, make_ad(ad, boot_key, ref, in), in + RECORD_HEAD_LEN,
			     in_len - RECORD_HEAD_LEN, data, size, ret_len);
	if (err)
		return err;
	*ret_cepoch = get_be64(in + 3);
	*ret_seq = get_be64(in + 11);
	return 0;
}

/* Digits, at least one, at most 20; moves *at behind them. */
static int number(const char **at, uint64_t *ret)
{
	uint64_t v = 0;
	int n = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++, n++) {
		uint64_t d = (uint64_t)(**at - '0');
		if (n >= RECORD_CEPOCH_LEN || v > (UINT64_MAX - d) / 10)
			return EBADMSG;
		v = v * 10 + d;
	}
	*ret = v;
	return n ? 0 : EBADMSG;
}

int record_beat_parse(struct record_beat *ret, const char *text)
{
	struct record_beat b;
	if (number(&text, &b.m_us) || *text++ != ' ' || number(&text, &b.t_us) || *text++ != ' ' ||
	    number(&text, &b.at_us) || *text)
		return EBADMSG;
	*ret = b;
	return 0;
}

int record_register_parse(const char *text, uint64_t *ret_cepoch,
			  char ret_owner[static JOURNAL_OWNER_SIZE])
{
	uint64_t cepoch;
	if (number(&text, &cepoch) || *text++ != ' ' || !*text ||
	    strlen(text) >= JOURNAL_OWNER_SIZE)
		return EBADMSG;
	*ret_cepoch = cepoch;
	(void)str_copy(ret_owner, JOURNAL_OWNER_SIZE, text);
	return 0;
}
