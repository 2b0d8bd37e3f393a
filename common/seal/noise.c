/*
 * Noise_*_25519_ChaChaPoly_BLAKE2b. Source: The Noise Protocol Framework, revision 34; the names of
 * the steps are those of its section 5.
 *
 *   IK   <- s            NK   <- s           XX   -> e
 *        ...                  ...                 <- e, ee, s, es
 *        -> e, es, s, ss      -> e, es            -> s, se
 *        <- e, ee, se         <- e, ee
 *
 * Heliograph speaks IK. The other two are rows of the same table: they let the published vectors
 * prove the token machine from more sides than one.
 */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum token { END, E, S, EE, ES, SE, SS };
enum { MESSAGES_MAX = 3, STEP_DEAD = 0xff, BLAKE2B_BLOCK = 128 };

struct pattern {
	const char *name;
	bool responder_known; /* pre-message "<- s" */
	uint8_t messages;
	uint8_t tokens[MESSAGES_MAX][5];
};

static const struct pattern patterns[] = {
    [SEAL_IK] = {"Noise_IK_25519_ChaChaPoly_BLAKE2b", true, 2, {{E, ES, S, SS}, {E, EE, SE}}},
    [SEAL_NK] = {"Noise_NK_25519_ChaChaPoly_BLAKE2b", true, 2, {{E, ES}, {E, EE}}},
    [SEAL_XX] = {"Noise_XX_25519_ChaChaPoly_BLAKE2b", false, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
};

/* ---- hash, HMAC, HKDF (§4.3) ---------------------------------------------------------------- */

struct part {
	const void *p;
	size_t n;
};

static void hash(uint8_t out[SEAL_HASH_LEN], const struct part *parts, size_t parts_n)
{
	crypto_generichash_state st;
	crypto_generichash_init(&st, NULL, 0, SEAL_HASH_LEN);
	for (size_t i = 0; i < parts_n; i++)
		crypto_generichash_update(&st, parts[i].p, parts[i].n);
	crypto_generichash_final(&st, out, SEAL_HASH_LEN);
	sodium_memzero(&st, sizeof(st));
}

/* HMAC (RFC 2104) over BLAKE2b; Noise does not use BLAKE2b's own keying. The key is always a
 * chaining key or a temporary one: one hash long, so never longer than a block. */
static void hmac(uint8_t out[SEAL_HASH_LEN], const uint8_t key[SEAL_HASH_LEN],
		 const struct part *parts, size_t parts_n)
{
	uint8_t pad[BLAKE2B_BLOCK], inner[SEAL_HASH_LEN];
	struct part in[3] = {{pad, sizeof(pad)}};
	helio_assert(parts_n <= 2);
	for (size_t i = 0; i < parts_n; i++)
		in[1 + i] = parts[i];

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < SEAL_HASH_LEN; i++)
		pad[i] ^= key[i];
	hash(inner, in, 1 + parts_n);

	memset(pad, 0x5c, sizeof(pad));
	for (size_t i = 0; i < SEAL_HASH_LEN; i++)
		pad[i] ^= key[i];
	hash(out, (struct part[]){{pad, sizeof(pad)}, {inner, sizeof(inner)}}, 2);
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

static void hkdf(uint8_t out1[SEAL_HASH_LEN], uint8_t out2[SEAL_HASH_LEN],
		 const uint8_t ck[SEAL_HASH_LEN], const uint8_t *ikm, size_t ikm_len)
{
	uint8_t temp[SEAL_HASH_LEN], first[SEAL_HASH_LEN];
	hmac(temp, ck, &(struct part){ikm, ikm_len}, 1);
	hmac(first, temp, &(struct part){"\x01", 1}, 1);
	hmac(out2, temp, (struct part[]){{first, sizeof(first)}, {"\x02", 1}}, 2);
	memcpy(out1, first, sizeof(first));
	sodium_memzero(temp, sizeof(temp));
	sodium_memzero(first, sizeof(first));
}

/* ---- CipherState (§5.1) --------------------------------------------------------------------- */

static void cipher_nonce(uint8_t nonce[12], uint64_t n)
{
	memset(nonce, 0, 4);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(n >> (8 * i));
}

static int cipher_encrypt(struct seal_cipher *c, const void *ad, size_t ad_len, const void *plain,
			  size_t len, uint8_t *out)
{
	uint8_t nonce[12];
	if (c->n == UINT64_MAX) /* reserved by the specification */
		return EOVERFLOW;
	cipher_nonce(nonce, c->n++);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, ad, ad_len, NULL, nonce,
						  c->k);
	return 0;
}

/* len counts the tag. */
static int cipher_decrypt(struct seal_cipher *c, const void *ad, size_t ad_len,
			  const uint8_t *sealed, size_t len, uint8_t *out)
{
	uint8_t nonce[12];
	if (c->n == UINT64_MAX)
		return EOVERFLOW;
	cipher_nonce(nonce, c->n);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, len, ad, ad_len,
						      nonce, c->k) != 0)
		return EBADMSG;
	c->n++;
	return 0;
}

/* ---- SymmetricState (§5.2) ------------------------------------------------------------------ */

static void mix_hash(struct seal_handshake *hs, const void *p, size_t n)
{
	hash(hs->h, (struct part[]){{hs->h, sizeof(hs->h)}, {p, n}}, 2);
}

static void mix_key(struct seal_handshake *hs, const uint8_t *ikm, size_t n)
{
	uint8_t k[SEAL_HASH_LEN];
	hkdf(hs->ck, k, hs->ck, ikm, n);
	memcpy(hs->cipher.k, k, SEAL_KEY_LEN); /* HASHLEN is 64: truncated to 32 */
	hs->cipher.n = 0;
	hs->cipher.has_key = true;
	sodium_memzero(k, sizeof(k));
}

static size_t sealed_len(const struct seal_handshake *hs, size_t n)
{
	return n + (hs->cipher.has_key ? SEAL_TAG_LEN : 0);
}

/* out may not overlap plain. Returns what was written. */
static size_t encrypt_and_hash(struct seal_handshake *hs, const void *plain, size_t n, uint8_t *out)
{
	size_t len = sealed_len(hs, n);
	if (hs->cipher.has_key) {
		int err = cipher_encrypt(&hs->cipher, hs->h, sizeof(hs->h), plain, n, out);
		helio_assert(err == 0); /* a handshake uses a handful of nonces */
	} else if (n > 0) {
		memcpy(out, plain, n);
	}
	mix_hash(hs, out, len);
	return len;
}

/* len is what is on the wire; out takes len less the tag. */
static int decrypt_and_hash(struct seal_handshake *hs, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t next[SEAL_HASH_LEN]; /* out may be the buffer that in lies in */
	hash(next, (struct part[]){{hs->h, sizeof(hs->h)}, {in, len}}, 2);
	if (hs->cipher.has_key) {
		if (cipher_decrypt(&hs->cipher, hs->h, sizeof(hs->h), in, len, out))
			return EBADMSG;
	} else if (len > 0) {
		memmove(out, in, len);
	}
	memcpy(hs->h, next, sizeof(next));
	return 0;
}

/* ---- HandshakeState (§5.3) ------------------------------------------------------------------ */

void seal_handshake_init(struct seal_handshake *hs, bool initiator, const struct seal_keypair *own,
			 const uint8_t *remote_static, const void *prologue, size_t prologue_len)
{
	seal_handshake_init_pattern(hs, SEAL_IK, initiator, own, remote_static, prologue,
				    prologue_len);
}

void seal_handshake_init_pattern(struct seal_handshake *hs, enum seal_pattern pattern,
				 bool initiator, const struct seal_keypair *own,
				 const uint8_t *remote_static, const void *prologue,
				 size_t prologue_len)
{
	const struct pattern *p = &patterns[pattern];
	helio_assert((size_t)pattern < HELIO_ARRAY_LEN(patterns));
	helio_assert(!remote_static == !(initiator && p->responder_known));
	helio_assert(own || (pattern == SEAL_NK && initiator));

	*hs = (struct seal_handshake){.initiator = initiator, .pattern = (uint8_t)pattern};
	if (own)
		hs->s = *own;
	if (remote_static)
		memcpy(hs->rs, remote_static, SEAL_KEY_LEN);
	/* Names of at most HASHLEN bytes are padded, not hashed; all of ours are. */
	memcpy(hs->h, p->name, strlen(p->name));
	memcpy(hs->ck, hs->h, sizeof(hs->ck));
	mix_hash(hs, prologue, prologue_len);
	if (p->responder_known)
		mix_hash(hs, initiator ? hs->rs : hs->s.pub, SEAL_KEY_LEN);
}

void seal_handshake_fix_ephemeral(struct seal_handshake *hs, const struct seal_keypair *e)
{
	hs->e = *e;
	hs->e_fixed = true;
}

void seal_handshake_wipe(struct seal_handshake *hs)
{
	sodium_memzero(hs, sizeof(*hs));
	hs->step = STEP_DEAD;
}

static bool my_turn(const struct seal_handshake *hs, bool writing)
{
	if (hs->step >= patterns[hs->pattern].messages)
		return false;
	return (hs->initiator == (hs->step % 2 == 0)) == writing;
}

/* What the next message adds to its payload: known from the tokens alone. */
static size_t overhead(const struct seal_handshake *hs)
{
	bool has_key = hs->cipher.has_key;
	size_t n = 0;
	for (const uint8_t *t = patterns[hs->pattern].tokens[hs->step]; *t != END; t++) {
		if (*t == E)
			n += SEAL_KEY_LEN;
		else if (*t == S)
			n += has_key ? SEAL_KEY_LEN + SEAL_TAG_LEN : SEAL_KEY_LEN;
		else
			has_key = true;
	}
	return n + (has_key ? SEAL_TAG_LEN : 0);
}

/* Mixes one Diffie-Hellman result in. The first letter of a token is the initiator's key, the
 * second the responder's. EBADMSG: the peer's point is of low order, the result would be known to
 * all. */
static int mix_dh(struct seal_handshake *hs, uint8_t token)
{
	bool own_is_e, peer_is_e;
	uint8_t dh[SEAL_KEY_LEN];
	switch (token) {
	case EE: own_is_e = peer_is_e = true; break;
	case SS: own_is_e = peer_is_e = false; break;
	case ES:
		own_is_e = hs->initiator;
		peer_is_e = !hs->initiator;
		break;
	default:
		helio_assert(token == SE);
		own_is_e = !hs->initiator;
		peer_is_e = hs->initiator;
		break;
	}
	int err =
	    crypto_scalarmult(dh, own_is_e ? hs->e.key : hs->s.key, peer_is_e ? hs->re : hs->rs);
	if (!err)
		mix_key(hs, dh, sizeof(dh));
	sodium_memzero(dh, sizeof(dh));
	return err ? EBADMSG : 0;
}

/* After a message went through: the next step, or the session (§5.2, Split). */
static void advance(struct seal_handshake *hs, struct seal_session *ret_session)
{
	if (++hs->step < patterns[hs->pattern].messages)
		return;
	uint8_t k1[SEAL_HASH_LEN], k2[SEAL_HASH_LEN];
	helio_assert(ret_session);
	hkdf(k1, k2, hs->ck, NULL, 0);
	*ret_session = (struct seal_session){0};
	memcpy(ret_session->tx.k, hs->initiator ? k1 : k2, SEAL_KEY_LEN);
	memcpy(ret_session->rx.k, hs->initiator ? k2 : k1, SEAL_KEY_LEN);
	ret_session->tx.has_key = ret_session->rx.has_key = true;
	memcpy(ret_session->hash, hs->h, sizeof(hs->h));
	memcpy(ret_session->peer, hs->rs, sizeof(hs->rs));
	sodium_memzero(k1, sizeof(k1));
	sodium_memzero(k2, sizeof(k2));
	seal_handshake_wipe(hs);
}

int seal_handshake_write(struct seal_handshake *hs, const void *payload, size_t payload_len,
			 uint8_t *out, size_t out_size, size_t *ret_len,
			 struct seal_session *ret_session)
{
	if (!my_turn(hs, true))
		return EPROTO;
	size_t extra = overhead(hs), at = 0;
	if (payload_len > SEAL_MSG_MAX - extra || payload_len + extra > out_size)
		return EMSGSIZE;
	for (const uint8_t *t = patterns[hs->pattern].tokens[hs->step]; *t != END; t++) {
		if (*t == E) {
			if (!hs->e_fixed)
				seal_keypair_new(&hs->e);
			memcpy(out + at, hs->e.pub, SEAL_KEY_LEN);
			mix_hash(hs, hs->e.pub, SEAL_KEY_LEN);
			at += SEAL_KEY_LEN;
		} else if (*t == S) {
			at += encrypt_and_hash(hs, hs->s.pub, SEAL_KEY_LEN, out + at);
		} else if (mix_dh(hs, *t)) {
			seal_handshake_wipe(hs);
			return EBADMSG;
		}
	}
	at += encrypt_and_hash(hs, payload, payload_len, out + at);
	helio_assert(at == payload_len + extra);
	*ret_len = at;
	advance(hs, ret_session);
	return 0;
}

static int read_tokens(struct seal_handshake *hs, const uint8_t **msg)
{
	for (const uint8_t *t = patterns[hs->pattern].tokens[hs->step]; *t != END; t++) {
		int err = 0;
		if (*t == E) {
			memcpy(hs->re, *msg, SEAL_KEY_LEN);
			mix_hash(hs, hs->re, SEAL_KEY_LEN);
			*msg += SEAL_KEY_LEN;
		} else if (*t == S) {
			size_t n = sealed_len(hs, SEAL_KEY_LEN);
			err = decrypt_and_hash(hs, *msg, n, hs->rs);
			*msg += n;
		} else {
			err = mix_dh(hs, *t);
		}
		if (err)
			return err;
	}
	return 0;
}

int seal_handshake_read(struct seal_handshake *hs, const uint8_t *msg, size_t msg_len,
			uint8_t *payload, size_t payload_size, size_t *ret_payload_len,
			struct seal_session *ret_session)
{
	if (!my_turn(hs, false))
		return EPROTO;
	size_t extra = overhead(hs);
	if (msg_len < extra || msg_len > SEAL_MSG_MAX) {
		seal_handshake_wipe(hs);
		return EBADMSG;
	}
	size_t payload_len = msg_len - extra;
	if (payload_len > payload_size)
		return EMSGSIZE;
	/* overhead() counted what the tokens will take, so the cursor cannot pass the end. */
	const uint8_t *p = msg;
	int err = read_tokens(hs, &p);
	if (!err)
		err = decrypt_and_hash(hs, p, sealed_len(hs, payload_len), payload);
	if (err) {
		seal_handshake_wipe(hs);
		return EBADMSG;
	}
	*ret_payload_len = payload_len;
	advance(hs, ret_session);
	return 0;
}

/* ---- the session ---------------------------------------------------------------------------- */

int seal_encrypt(struct seal_session *s, const void *plain, size_t len, uint8_t *out,
		 size_t out_size, size_t *ret_len)
{
	helio_assert(s->tx.has_key);
	if (len > SEAL_MSG_MAX - SEAL_TAG_LEN || len + SEAL_TAG_LEN > out_size)
		return EMSGSIZE;
	int err = cipher_encrypt(&s->tx, NULL, 0, plain, len, out);
	if (!err)
		*ret_len = len + SEAL_TAG_LEN;
	return err;
}

int seal_decrypt(struct seal_session *s, const uint8_t *sealed, size_t len, uint8_t *out,
		 size_t out_size, size_t *ret_len)
{
	if (!s->rx.has_key)
		return EBADMSG;
	if (len >= SEAL_TAG_LEN && len - SEAL_TAG_LEN > out_size)
		return EMSGSIZE;
	int err = len < SEAL_TAG_LEN || len > SEAL_MSG_MAX
		      ? EBADMSG
		      : cipher_decrypt(&s->rx, NULL, 0, sealed, len, out);
	if (err) {
		/* One frame that does not open ends the session: what follows cannot be trusted to
		 * be the whole of what was said. */
		sodium_memzero(&s->rx, sizeof(s->rx));
		return err;
	}
	*ret_len = len - SEAL_TAG_LEN;
	return 0;
}

void seal_session_wipe(struct seal_session *s)
{
	sodium_memzero(s, sizeof(*s));
}
