#include "nodes/media/stun.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "nodes/media/bytes.h"

enum {
	HEADER = 20,
	SHA1_LEN = 20,
	ATTR_USERNAME = 0x0006,
	ATTR_INTEGRITY = 0x0008,
	ATTR_XOR_MAPPED = 0x0020,
	ATTR_PRIORITY = 0x0024,
	ATTR_USE_CANDIDATE = 0x0025,
	ATTR_FINGERPRINT = 0x8028,
	ATTR_CONTROLLED = 0x8029,
	ATTR_CONTROLLING = 0x802a,
};
#define COOKIE 0x2112a442u
#define FINGERPRINT_XOR 0x5354554eu

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	/* by nibbles: sixteen entries are quick enough for packets of a hundred bytes */
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
					   0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
					   0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t c = 0xffffffffu;
	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		c = c >> 4 ^ table[c & 15];
		c = c >> 4 ^ table[c & 15];
	}
	return ~c;
}

static bool hmac_sha1(const char *key, const uint8_t *data, size_t len, uint8_t ret[SHA1_LEN])
{
	unsigned n = 0;
	return HMAC(EVP_sha1(), key, (int)strlen(key), data, len, ret, &n) && n == SHA1_LEN;
}

/* One attribute; false: refuse the message. */
static bool take_attribute(struct ice_message *m, uint16_t type, const uint8_t *value, size_t len,
			   size_t at)
{
	if (m->integrity_at && type != ATTR_FINGERPRINT)
		return true; /* RFC 8489 §14.5: what follows it is not protected, so not read */
	switch (type) {
	case ATTR_USERNAME:
		if (len > ICE_USERNAME_MAX)
			return false;
		m->username = (const char *)value;
		m->username_len = len;
		return true;
	case ATTR_INTEGRITY: m->integrity_at = at; return len == SHA1_LEN;
	case ATTR_USE_CANDIDATE: m->use_candidate = true; return len == 0;
	case ATTR_CONTROLLING: m->controlling = true; return len == 8;
	case ATTR_CONTROLLED: m->controlled = true; return len == 8;
	case ATTR_PRIORITY: return len == 4;
	case ATTR_XOR_MAPPED: return true; /* of no use to us */
	default:
		if (type < 0x8000 && (m->type & 0x0110) == 0)
			m->unknown_required = true;
		return true;
	}
}

int ice_parse(struct ice_message *ret, const uint8_t *buf, size_t len)
{
	struct ice_message m = {0};
	bool fingerprint = false;
	if (len < HEADER || len > ICE_MESSAGE_MAX || len % 4 || buf[0] & 0xc0 ||
	    get32(buf + 4) != COOKIE || get16(buf + 2) != len - HEADER)
		return EBADMSG;
	m.type = get16(buf);
	memcpy(m.tid, buf + 8, ICE_TID_LEN);
	for (size_t at = HEADER; at < len;) {
		if (fingerprint || len - at < 4) /* the fingerprint is the last one */
			return EBADMSG;
		uint16_t type = get16(buf + at);
		size_t n = get16(buf + at + 2), padded = (n + 3) & ~(size_t)3;
		if (padded > len - at - 4)
			return EBADMSG;
		if (type == ATTR_FINGERPRINT) {
			if (n != 4 || get32(buf + at + 4) != (crc32_of(buf, at) ^ FINGERPRINT_XOR))
				return EBADMSG;
			fingerprint = true;
		} else if (!take_attribute(&m, type, buf + at + 4, n, at)) {
			return EBADMSG;
		}
		at += 4 + padded;
	}
	if (!fingerprint)
		return EBADMSG;
	*ret = m;
	return 0;
}

bool ice_integrity_ok(const struct ice_message *m, const uint8_t *buf, const char *password)
{
	uint8_t copy[ICE_MESSAGE_MAX], mac[SHA1_LEN];
	if (!m->integrity_at)
		return false;
	/* computed as if the message ended with this attribute */
	memcpy(copy, buf, m->integrity_at);
	put16(copy + 2, (uint16_t)(m->integrity_at + 4 + SHA1_LEN - HEADER));
	return hmac_sha1(password, copy, m->integrity_at, mac) &&
	       !CRYPTO_memcmp(mac, buf + m->integrity_at + 4, SHA1_LEN);
}

static size_t begin(uint8_t *dst, uint16_t type, const uint8_t tid[ICE_TID_LEN])
{
	put16(dst, type);
	put16(dst + 2, 0);
	put32(dst + 4, COOKIE);
	memcpy(dst + 8, tid, ICE_TID_LEN);
	return HEADER;
}

static size_t add(uint8_t *dst, size_t at, uint16_t type, const void *value, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;
	put16(dst + at, type);
	put16(dst + at + 2, (uint16_t)len);
	memset(dst + at + 4, 0, padded);
	if (len)
		memcpy(dst + at + 4, value, len);
	return at + 4 + padded;
}

/* MESSAGE-INTEGRITY, then FINGERPRINT; each covers a length that already counts it. */
static size_t finish(uint8_t *dst, size_t at, const char *password)
{
	uint8_t mac[SHA1_LEN], crc[4];
	put16(dst + 2, (uint16_t)(at + 4 + SHA1_LEN - HEADER));
	if (!hmac_sha1(password, dst, at, mac))
		return 0;
	at = add(dst, at, ATTR_INTEGRITY, mac, SHA1_LEN);
	put16(dst + 2, (uint16_t)(at + 8 - HEADER));
	put32(crc, crc32_of(dst, at) ^ FINGERPRINT_XOR);
	return add(dst, at, ATTR_FINGERPRINT, crc, sizeof(crc));
}

size_t ice_write_success(uint8_t *dst, const uint8_t tid[ICE_TID_LEN], uint32_t ip4, uint16_t port,
			 const char *password)
{
	uint8_t mapped[8] = {0, 1};
	put16(mapped + 2, (uint16_t)(port ^ COOKIE >> 16));
	put32(mapped + 4, ip4 ^ COOKIE);
	size_t at = begin(dst, ICE_BINDING_SUCCESS, tid);
	return finish(dst, add(dst, at, ATTR_XOR_MAPPED, mapped, sizeof(mapped)), password);
}

size_t ice_write_request(uint8_t *dst, const uint8_t tid[ICE_TID_LEN], const char *username,
			 uint64_t tie_breaker, uint32_t priority, bool use_candidate,
			 const char *password)
{
	uint8_t tie[8], prio[4];
	size_t username_len = strlen(username);
	if (username_len > ICE_USERNAME_MAX)
		return 0;
	put32(tie, (uint32_t)(tie_breaker >> 32));
	put32(tie + 4, (uint32_t)tie_breaker);
	put32(prio, priority);
	size_t at = begin(dst, ICE_BINDING_REQUEST, tid);
	at = add(dst, at, ATTR_USERNAME, username, username_len);
	at = add(dst, at, ATTR_CONTROLLING, tie, sizeof(tie));
	at = add(dst, at, ATTR_PRIORITY, prio, sizeof(prio));
	if (use_candidate)
		at = add(dst, at, ATTR_USE_CANDIDATE, NULL, 0);
	return finish(dst, at, password);
}
