#include "nodes/media/srtp.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media/bytes.h"
#include "nodes/media/rtp.h"

enum {
	SALT_MAX = 14,
	CM_TAG = 10,
	GCM_TAG = 16,
	GCM_SALT = 12,
	AUTH_KEY = 20,
	SOURCES_MAX = 4, /* a browser may change its SSRC; older ones stay known, or their packets
			    could be replayed as if from a new source */
	WINDOW = 64,
};
#define RTCP_INDEX_MASK 0x7fffffffu
#define RTCP_ENCRYPTED 0x80000000u

/* One direction of RTP or RTCP. */
struct half {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; /* CM only */
	uint8_t salt[SALT_MAX];
};

/* What was received from one SSRC. */
struct replay {
	bool used;
	uint32_t ssrc;
	uint64_t top, window; /* bit n: top − n was seen */
};

struct guard {
	enum guard_suite suite;
	struct half tx_rtp, rx_rtp, tx_rtcp, rx_rtcp;
	struct replay rtp[SOURCES_MAX], rtcp[SOURCES_MAX];
	uint32_t tx_rtcp_index;
};

size_t guard_master_len(enum guard_suite suite)
{
	return suite == GUARD_AEAD_AES_128_GCM ? GUARD_KEY_LEN + GCM_SALT : GUARD_MASTER_MAX;
}

static bool is_gcm(const struct guard *g)
{
	return g->suite == GUARD_AEAD_AES_128_GCM;
}

/* ---- keys: RFC 3711 §4.3 with AES-CM; GCM's 96-bit salt is padded with zeros, RFC 7714 §11 */

static int derive(EVP_CIPHER_CTX *kdf, const uint8_t *master, size_t salt_len, uint8_t label,
		  uint8_t *dst, int n)
{
	static const uint8_t zeros[32];
	uint8_t iv[16] = {0};
	int out;
	memcpy(iv, master + GUARD_KEY_LEN, salt_len);
	iv[7] ^= label;
	if (!EVP_EncryptInit_ex(kdf, EVP_aes_128_ctr(), NULL, master, iv) ||
	    !EVP_EncryptUpdate(kdf, dst, &out, zeros, n) || out != n)
		return EIO;
	return 0;
}

static EVP_MAC_CTX *mac_new(const uint8_t key[AUTH_KEY])
{
	char digest[] = "SHA1";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
			       OSSL_PARAM_construct_end()};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	if (ctx && EVP_MAC_init(ctx, key, AUTH_KEY, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* label: 0 for RTP, 3 for RTCP. */
static int half_init(struct half *h, enum guard_suite suite, const uint8_t *master, uint8_t label,
		     bool encrypt)
{
	bool gcm = suite == GUARD_AEAD_AES_128_GCM;
	size_t salt_len = gcm ? GCM_SALT : SALT_MAX;
	uint8_t key[GUARD_KEY_LEN], auth[AUTH_KEY];
	EVP_CIPHER_CTX *kdf = EVP_CIPHER_CTX_new();
	h->cipher = EVP_CIPHER_CTX_new();
	int err = kdf && h->cipher ? 0 : ENOMEM;
	if (!err)
		err = derive(kdf, master, salt_len, label, key, GUARD_KEY_LEN);
	if (!err)
		err = derive(kdf, master, salt_len, (uint8_t)(label + 1), auth, AUTH_KEY);
	if (!err)
		err = derive(kdf, master, salt_len, (uint8_t)(label + 2), h->salt, (int)salt_len);
	if (!err && !gcm && !(h->mac = mac_new(auth)))
		err = ENOTSUP;
	if (!err && !EVP_CipherInit_ex(h->cipher, gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL,
				       key, NULL, encrypt))
		err = ENOTSUP;
	EVP_CIPHER_CTX_free(kdf);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(auth, sizeof(auth));
	return err;
}

static void half_free(struct half *h)
{
	EVP_CIPHER_CTX_free(h->cipher);
	EVP_MAC_CTX_free(h->mac);
}

int guard_new(struct guard **ret, enum guard_suite suite, const uint8_t *tx, const uint8_t *rx)
{
	struct guard *g = calloc(1, sizeof(*g));
	if (!g)
		return ENOMEM;
	g->suite = suite;
	int err = half_init(&g->tx_rtp, suite, tx, 0, true);
	if (!err)
		err = half_init(&g->rx_rtp, suite, rx, 0, false);
	if (!err)
		err = half_init(&g->tx_rtcp, suite, tx, 3, true);
	if (!err)
		err = half_init(&g->rx_rtcp, suite, rx, 3, false);
	if (err)
		guard_free(g);
	else
		*ret = g;
	return err;
}

struct guard *guard_free(struct guard *g)
{
	if (!g)
		return NULL;
	half_free(&g->tx_rtp);
	half_free(&g->rx_rtp);
	half_free(&g->tx_rtcp);
	half_free(&g->rx_rtcp);
	OPENSSL_cleanse(g, sizeof(*g));
	free(g);
	return NULL;
}

/* ---- ciphers */

/* index: 48 bits for RTP, 31 for RTCP: the same place in both forms of the vector. */
static void make_iv(const struct guard *g, const struct half *h, uint32_t ssrc, uint64_t index,
		    uint8_t iv[16])
{
	uint8_t word[4], six[6];
	size_t ssrc_at = is_gcm(g) ? 2 : 4;
	memset(iv, 0, 16);
	memcpy(iv, h->salt, is_gcm(g) ? GCM_SALT : SALT_MAX);
	put32(word, ssrc);
	put16(six, (uint16_t)(index >> 32));
	put32(six + 2, (uint32_t)index);
	for (size_t i = 0; i < 4; i++)
		iv[ssrc_at + i] ^= word[i];
	for (size_t i = 0; i < 6; i++)
		iv[ssrc_at + 4 + i] ^= six[i];
}

static int ctr(const struct guard *g, struct half *h, uint32_t ssrc, uint64_t index, uint8_t *data,
	       size_t len)
{
	uint8_t iv[16];
	int n;
	make_iv(g, h, ssrc, index, iv);
	if (!EVP_CipherInit_ex(h->cipher, NULL, NULL, NULL, iv, -1) ||
	    !EVP_CipherUpdate(h->cipher, data, &n, data, (int)len))
		return EIO;
	return 0;
}

static int tag(struct half *h, const uint8_t *data, size_t len, const uint8_t *more,
	       size_t more_len, uint8_t ret[AUTH_KEY])
{
	size_t n;
	if (!EVP_MAC_init(h->mac, NULL, 0, NULL) || !EVP_MAC_update(h->mac, data, len) ||
	    (more_len && !EVP_MAC_update(h->mac, more, more_len)) ||
	    !EVP_MAC_final(h->mac, ret, &n, AUTH_KEY))
		return EIO;
	return 0;
}

struct sealed {
	uint32_t ssrc;
	uint64_t index;
	const uint8_t *aad, *aad2;
	size_t aad_len, aad2_len;
	uint8_t *data; /* in place; the tag follows it */
	size_t len;
};

static bool gcm_begin(const struct guard *g, struct half *h, const struct sealed *s)
{
	uint8_t iv[16];
	int n;
	make_iv(g, h, s->ssrc, s->index, iv);
	return EVP_CipherInit_ex(h->cipher, NULL, NULL, NULL, iv, -1) &&
	       EVP_CipherUpdate(h->cipher, NULL, &n, s->aad, (int)s->aad_len) &&
	       (!s->aad2_len || EVP_CipherUpdate(h->cipher, NULL, &n, s->aad2, (int)s->aad2_len)) &&
	       (!s->len || EVP_CipherUpdate(h->cipher, s->data, &n, s->data, (int)s->len));
}

static int gcm_seal(const struct guard *g, struct half *h, const struct sealed *s)
{
	uint8_t end[16];
	int n;
	if (!gcm_begin(g, h, s) || !EVP_CipherFinal_ex(h->cipher, end, &n) ||
	    !EVP_CIPHER_CTX_ctrl(h->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, s->data + s->len))
		return EIO;
	return 0;
}

static int gcm_open(const struct guard *g, struct half *h, const struct sealed *s)
{
	uint8_t end[16];
	int n;
	if (!gcm_begin(g, h, s) ||
	    !EVP_CIPHER_CTX_ctrl(h->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, s->data + s->len) ||
	    EVP_CipherFinal_ex(h->cipher, end, &n) <= 0)
		return EACCES;
	return 0;
}

/* ---- replay */

/* The source's record, or a free one (used is false). NULL: too many. */
static struct replay *source_find(struct replay sources[SOURCES_MAX], uint32_t ssrc)
{
	for (int i = 0; i < SOURCES_MAX; i++)
		if (!sources[i].used || sources[i].ssrc == ssrc)
			return &sources[i];
	return NULL;
}

static bool was_seen(const struct replay *r, uint64_t index)
{
	if (!r->used || index > r->top)
		return false;
	return r->top - index >= WINDOW || r->window >> (r->top - index) & 1;
}

static void mark_seen(struct replay *r, uint32_t ssrc, uint64_t index)
{
	if (!r->used) {
		*r = (struct replay){.used = true, .ssrc = ssrc, .top = index, .window = 1};
	} else if (index > r->top) {
		uint64_t d = index - r->top;
		r->window = d < WINDOW ? r->window << d | 1 : 1;
		r->top = index;
	} else {
		r->window |= 1ull << (r->top - index);
	}
}

/* RFC 3711 §3.3.1: which roll-over the sequence number belongs to. */
static uint64_t guess_index(const struct replay *r, uint16_t seq)
{
	if (!r->used)
		return seq;
	int64_t index = (int64_t)r->top + (int16_t)(uint16_t)(seq - (uint16_t)r->top);
	return index < 0 ? seq : (uint64_t)index;
}

/* ---- RTP */

int guard_protect_rtp(struct guard *g, uint8_t *buf, size_t *len, size_t header_len, uint64_t index)
{
	struct half *h = &g->tx_rtp;
	uint32_t ssrc = get32(buf + 8);
	uint8_t roc[4], mac[AUTH_KEY];
	if (is_gcm(g)) {
		struct sealed s = {.ssrc = ssrc,
				   .index = index,
				   .aad = buf,
				   .aad_len = header_len,
				   .data = buf + header_len,
				   .len = *len - header_len};
		*len += GCM_TAG;
		return gcm_seal(g, h, &s);
	}
	put32(roc, (uint32_t)(index >> 16));
	int err = ctr(g, h, ssrc, index, buf + header_len, *len - header_len);
	if (!err)
		err = tag(h, buf, *len, roc, sizeof(roc), mac);
	memcpy(buf + *len, mac, CM_TAG);
	*len += CM_TAG;
	return err;
}

static int open_rtp(struct guard *g, const struct rtp_packet *p, uint8_t *buf, size_t len,
		    uint64_t index)
{
	struct half *h = &g->rx_rtp;
	uint8_t roc[4], mac[AUTH_KEY];
	if (is_gcm(g)) {
		struct sealed s = {.ssrc = p->ssrc,
				   .index = index,
				   .aad = buf,
				   .aad_len = p->header_len,
				   .data = buf + p->header_len,
				   .len = len - p->header_len};
		return gcm_open(g, h, &s);
	}
	put32(roc, (uint32_t)(index >> 16));
	int err = tag(h, buf, len, roc, sizeof(roc), mac);
	if (err)
		return err;
	if (CRYPTO_memcmp(mac, buf + len, CM_TAG))
		return EACCES;
	return ctr(g, h, p->ssrc, index, buf + p->header_len, len - p->header_len);
}

int guard_unprotect_rtp(struct guard *g, uint8_t *buf, size_t *len)
{
	struct rtp_packet p;
	size_t tag_len = is_gcm(g) ? GCM_TAG : CM_TAG;
	if (rtp_parse_header(&p, buf, *len) || *len < p.header_len + tag_len)
		return EBADMSG;
	struct replay *r = source_find(g->rtp, p.ssrc);
	if (!r)
		return ENOSPC;
	uint64_t index = guess_index(r, p.seq);
	if (was_seen(r, index))
		return EALREADY;
	int err = open_rtp(g, &p, buf, *len - tag_len, index);
	if (err)
		return err;
	mark_seen(r, p.ssrc, index);
	*len -= tag_len;
	return 0;
}

/* ---- RTCP: CM  [8 clear][sealed][E|index][tag]    GCM  [8 clear][sealed][tag][E|index] */

enum { RTCP_CLEAR = 8, RTCP_INDEX_LEN = 4 };

int guard_protect_rtcp(struct guard *g, uint8_t *buf, size_t *len)
{
	struct half *h = &g->tx_rtcp;
	uint8_t word[RTCP_INDEX_LEN], mac[AUTH_KEY];
	uint32_t ssrc = get32(buf + 4);
	uint32_t index = g->tx_rtcp_index = (g->tx_rtcp_index + 1) & RTCP_INDEX_MASK;
	size_t n = *len;
	put32(word, index | RTCP_ENCRYPTED);
	if (is_gcm(g)) {
		struct sealed s = {.ssrc = ssrc,
				   .index = index,
				   .aad = buf,
				   .aad_len = RTCP_CLEAR,
				   .aad2 = word,
				   .aad2_len = sizeof(word),
				   .data = buf + RTCP_CLEAR,
				   .len = n - RTCP_CLEAR};
		memcpy(buf + n + GCM_TAG, word, sizeof(word));
		*len = n + GCM_TAG + sizeof(word);
		return gcm_seal(g, h, &s);
	}
	int err = ctr(g, h, ssrc, index, buf + RTCP_CLEAR, n - RTCP_CLEAR);
	memcpy(buf + n, word, sizeof(word));
	if (!err)
		err = tag(h, buf, n + sizeof(word), NULL, 0, mac);
	memcpy(buf + n + sizeof(word), mac, CM_TAG);
	*len = n + sizeof(word) + CM_TAG;
	return err;
}

static int open_rtcp_gcm(struct guard *g, uint8_t *buf, size_t body, uint32_t word)
{
	uint8_t *end = buf + body + GCM_TAG;
	bool encrypted = word & RTCP_ENCRYPTED;
	struct sealed s = {.ssrc = get32(buf + 4),
			   .index = word & RTCP_INDEX_MASK,
			   .aad = buf,
			   .aad_len = RTCP_CLEAR,
			   .aad2 = end,
			   .aad2_len = RTCP_INDEX_LEN,
			   .data = buf + RTCP_CLEAR,
			   .len = body - RTCP_CLEAR};
	return encrypted ? gcm_open(g, &g->rx_rtcp, &s) : EACCES; /* we agreed on encryption */
}

static int open_rtcp_cm(struct guard *g, uint8_t *buf, size_t body, uint32_t word)
{
	struct half *h = &g->rx_rtcp;
	uint8_t mac[AUTH_KEY];
	int err = tag(h, buf, body + RTCP_INDEX_LEN, NULL, 0, mac);
	if (err)
		return err;
	if (CRYPTO_memcmp(mac, buf + body + RTCP_INDEX_LEN, CM_TAG) || !(word & RTCP_ENCRYPTED))
		return EACCES;
	return ctr(g, h, get32(buf + 4), word & RTCP_INDEX_MASK, buf + RTCP_CLEAR,
		   body - RTCP_CLEAR);
}

int guard_unprotect_rtcp(struct guard *g, uint8_t *buf, size_t *len)
{
	size_t tag_len = is_gcm(g) ? GCM_TAG : CM_TAG;
	if (*len < RTCP_CLEAR + tag_len + RTCP_INDEX_LEN)
		return EBADMSG;
	size_t body = *len - tag_len - RTCP_INDEX_LEN;
	uint32_t word = get32(is_gcm(g) ? buf + *len - RTCP_INDEX_LEN : buf + body);
	uint32_t ssrc = get32(buf + 4);
	struct replay *r = source_find(g->rtcp, ssrc);
	if (!r)
		return ENOSPC;
	if (was_seen(r, word & RTCP_INDEX_MASK))
		return EALREADY;
	int err = is_gcm(g) ? open_rtcp_gcm(g, buf, body, word) : open_rtcp_cm(g, buf, body, word);
	if (err)
		return err;
	mark_seen(r, ssrc, word & RTCP_INDEX_MASK);
	*len = body;
	return 0;
}
