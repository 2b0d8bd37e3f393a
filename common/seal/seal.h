/*
 * The sealed session (DESIGN §7): Noise_IK_25519_ChaChaPoly_BLAKE2b on libsodium primitives, node
 * certificates signed by the cluster's key, Argon2id passwords, device tickets. Sans-I/O. The
 * TypeScript twin is gateway/web/src/seal/; tests/data/noise_vectors.json passes in both.
 * Source: The Noise Protocol Framework, revision 34.
 *
 * What it protects from: a gateway, its logs, anyone on the path. What not: who serves the
 * JavaScript can replace it; a device that is taken over.
 */
#ifndef HELIO_SEAL_H
#define HELIO_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEAL_KEY_LEN = 32,
	SEAL_TAG_LEN = 16,
	SEAL_MSG_MAX = 65535,          /* a Noise message */
	SEAL_HASH_LEN = 64,
	SEAL_MSG1_OVERHEAD = 32 + 32 + 16 + 16, /* e, s sealed, payload tag */
	SEAL_MSG2_OVERHEAD = 32 + 16,
	SEAL_CERT_LEN_MAX = 256,
	SEAL_TICKET_LEN_MAX = 256,
};

int seal_init(void); /* sodium_init; 0 or EIO. Once per process. */

struct seal_keypair {
	uint8_t pub[SEAL_KEY_LEN];
	uint8_t key[SEAL_KEY_LEN];
};
/* X25519, from the system's random source. */
void seal_keypair_new(struct seal_keypair *ret);

/* ---- handshake: plain data, no allocation; wiped by the last step or seal_handshake_wipe() ---- */
struct seal_cipher {
	uint8_t k[SEAL_KEY_LEN];
	uint64_t n;
	bool has_key;
};
struct seal_handshake {
	uint8_t h[SEAL_HASH_LEN], ck[SEAL_HASH_LEN];
	struct seal_cipher cipher;
	struct seal_keypair s, e;
	uint8_t rs[SEAL_KEY_LEN], re[SEAL_KEY_LEN];
	bool initiator, e_fixed;
	uint8_t step;
	uint8_t pattern;               /* enum seal_pattern */
};
/* A finished session: one cipher each way; nonces are implicit counters, so a replayed, reordered
 * or dropped frame does not open. */
struct seal_session {
	struct seal_cipher tx, rx;
	uint8_t hash[SEAL_HASH_LEN];   /* channel binding */
	uint8_t peer[SEAL_KEY_LEN];    /* the other side's static key */
};

/* remote_static: the responder's key for an initiator, NULL for a responder. */
void seal_handshake_init(struct seal_handshake *hs, bool initiator,
			 const struct seal_keypair *own, const uint8_t *remote_static,
			 const void *prologue, size_t prologue_len);
/* The same for another fundamental pattern of Noise, so that the code is proven by every published
 * vector it can run. Heliograph itself speaks IK only. own may be NULL where the pattern gives this
 * side no static key. */
enum seal_pattern { SEAL_IK, SEAL_NK, SEAL_XX };
void seal_handshake_init_pattern(struct seal_handshake *hs, enum seal_pattern pattern,
				 bool initiator, const struct seal_keypair *own,
				 const uint8_t *remote_static, const void *prologue,
				 size_t prologue_len);
/* Tests only: a fixed ephemeral key in place of a random one. */
void seal_handshake_fix_ephemeral(struct seal_handshake *hs, const struct seal_keypair *e);
/* Writes the next handshake message. out holds payload_len + SEAL_MSG1_OVERHEAD (or 2). EMSGSIZE,
 * EPROTO (not our turn), EBADMSG (the peer's key is of low order; hs is then dead). When it was the
 * last one, *ret_session is filled (NULL is allowed before) and hs is wiped. */
int seal_handshake_write(struct seal_handshake *hs, const void *payload, size_t payload_len,
			 uint8_t *out, size_t out_size, size_t *ret_len,
			 struct seal_session *ret_session);
/* Reads the next; payload holds msg_len bytes. EBADMSG: tampered or not for us (hs is then dead);
 * EMSGSIZE: payload too small, nothing changed; EPROTO: not their turn. */
int seal_handshake_read(struct seal_handshake *hs, const uint8_t *msg, size_t msg_len,
			uint8_t *payload, size_t payload_size, size_t *ret_payload_len,
			struct seal_session *ret_session);
void seal_handshake_wipe(struct seal_handshake *hs);

/* out holds len + SEAL_TAG_LEN. EMSGSIZE; EOVERFLOW when the nonce is used up. */
int seal_encrypt(struct seal_session *s, const void *plain, size_t len, uint8_t *out,
		 size_t out_size, size_t *ret_len);
/* EBADMSG: tampered, truncated, replayed or reordered; the session must then be closed (it opens
 * nothing any more). out may be the same buffer as sealed. EMSGSIZE: out too small. */
int seal_decrypt(struct seal_session *s, const uint8_t *sealed, size_t len, uint8_t *out,
		 size_t out_size, size_t *ret_len);
void seal_session_wipe(struct seal_session *s);

/* ---- node certificates: "this Noise key belongs to node NAME of cluster C until T" ----------- */
struct seal_cert {
	char cluster[32], node[32];
	uint16_t addr;
	uint8_t noise_pub[SEAL_KEY_LEN];
	int64_t not_before_s, not_after_s; /* wall clock, seconds since 1970 */
	uint32_t serial;
};
/* Binary form: "HLC1" | len8 cluster | len8 node | addr be16 | pub 32 | nbf be64 | exp be64 |
 * serial be32 | Ed25519 signature 64 over all before it. sign_key: 64 bytes, Ed25519 secret. */
int seal_cert_sign(const struct seal_cert *cert, const uint8_t sign_key[64], uint8_t *out,
		   size_t out_size, size_t *ret_len);
/* EINVAL: a name that is none, a validity that ends before it begins. EMSGSIZE.
 *
 * seal_cert_open: EBADMSG malformed or wrong signature; ESTALE outside its validity at now_s. */
int seal_cert_open(struct seal_cert *ret, const uint8_t *in, size_t len,
		   const uint8_t cluster_pub[SEAL_KEY_LEN], int64_t now_s);

/* Frames on the WebSocket: first byte says what it is; the rest as below. */
enum seal_frame {
	SEAL_FRAME_CERT = 1,   /* gateway -> browser: a node's certificate; answer with MSG1 */
	SEAL_FRAME_MSG1 = 2,   /* browser -> node: Noise message 1, payload = JSON hello, no side effects */
	SEAL_FRAME_MSG2 = 3,   /* node -> browser: Noise message 2 */
	SEAL_FRAME_DATA = 4,   /* either way: a sealed application message (JSON) */
	SEAL_FRAME_BYE = 5,    /* gateway -> browser, plain: byte 1 = why (1 node lost, 2 no node, 3 limit) */
};
/* Prologue of every browser handshake: this text, then the certificate's bytes. */
#define SEAL_PROLOGUE "heliograph/1 desk"

/* ---- passwords and tickets ---------------------------------------------------------------- */
/* Argon2id (interactive limits); about 95 ms: never on the call loop. out holds 128 bytes. */
int seal_password_hash(char out[128], const char *password);
/* 0, EACCES (wrong), EINVAL (the stored string is no Argon2id hash, or asks for more work than
 * SEAL_PASSWORD_*_MAX), ENOMEM. A password longer than SEAL_PASSWORD_LEN_MAX is wrong; hashing one
 * is EINVAL, as is an empty one. */
enum {
	SEAL_PASSWORD_LEN_MAX = 256,       /* what a sign-in form can send at most */
	SEAL_PASSWORD_KIB_MAX = 256 * 1024, /* of Argon2id memory: a typing slip must not eat the node */
	SEAL_PASSWORD_PASSES_MAX = 8,
};
int seal_password_verify(const char stored[128], const char *password);

/* A ticket lets a device come back without its password: sealed with the cluster's ticket key,
 * bound to the device's static key. */
struct seal_ticket {
	uint64_t agent;
	uint8_t device[SEAL_KEY_LEN];
	int64_t not_after_s;
	uint64_t password_mark;  /* hash of the stored password: changing it ends all tickets */
};
int seal_ticket_make(const struct seal_ticket *t, const uint8_t key[SEAL_KEY_LEN], uint8_t *out,
		     size_t out_size, size_t *ret_len);
/* EBADMSG forged; EACCES other device; ESTALE too old. */
int seal_ticket_open(struct seal_ticket *ret, const uint8_t *in, size_t len,
		     const uint8_t key[SEAL_KEY_LEN], const uint8_t device[SEAL_KEY_LEN],
		     int64_t now_s);

/* A value at rest (journal): XChaCha20-Poly1305, random nonce in front, ad authenticated.
 * out holds len + 40. */
int seal_box(const uint8_t key[SEAL_KEY_LEN], const void *ad, size_t ad_len, const void *plain,
	     size_t len, uint8_t *out, size_t out_size, size_t *ret_len);
int seal_unbox(const uint8_t key[SEAL_KEY_LEN], const void *ad, size_t ad_len, const uint8_t *in,
	       size_t len, void *out, size_t out_size, size_t *ret_len);

/* ---- key files ------------------------------------------------------------------------------
 * <keys>/cluster.name (one line of text: the cluster these keys are of)
 * <keys>/cluster.pub, cluster.key (hex; the secret stays with the operator, 0600)
 * <keys>/ticket.key, site-<site>.key (32 bytes hex)
 * <keys>/noise/<node>.key (32 hex), noise/<node>.cert (hex of the binary form)
 * <keys>/curve/<daemon>.pub, .key (Z85, as czmq's zcert reads them; both carry metadata name,
 * site, addr (decimal), role: node, broker or gateway)
 * <keys>/operators/<name>.pub, operator-<name>.key (the same for a person: role operator, addr 0)
 * All are made by deploy/keys/helio-keys. */
/* The longest is the sealed certificate of a node's WebRTC legs, 0.8 KiB. */
enum { SEAL_FILE_MAX = 2048 };
/* Reads exactly n bytes of hex (one line). EINVAL, or errno; refuses a secret that others can read
 * with EPERM when secret is true. */
int seal_file_read(const char *path, void *dst, size_t n, bool secret);
int seal_file_write(const char *path, const void *src, size_t n, bool secret);
/* The same for what has no fixed length (a certificate): 1 to size bytes. */
int seal_file_read_some(const char *path, void *dst, size_t size, size_t *ret_n, bool secret);
/* Writes text as it is: through a temporary file, fsync and rename, so that a reader sees the old
 * file or the new one; 0600 from its first byte when secret, else 0644. */
int seal_file_write_text(const char *path, const char *text, bool secret);

#endif
