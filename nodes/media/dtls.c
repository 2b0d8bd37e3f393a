#include "nodes/media/dtls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { MTU = 1200 }; /* what every path of the Internet carries, as browsers assume too */

struct dtls_identity {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	uint8_t fingerprint[DTLS_FINGERPRINT_LEN];
	BIO *text; /* in memory; wiped when it is freed */
};

struct dtls {
	SSL *ssl;
	bool client;
	enum dtls_state state;
	dtls_send_h *send_h;
	void *arg;
	const uint8_t *in; /* the datagram being read; NULL: none */
	size_t in_len;
};

/* ---- OpenSSL's view of our socket: one datagram in, any number out */

static int bio_read(BIO *bio, char *dst, int size)
{
	struct dtls *d = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!d->in) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = d->in_len < (size_t)size ? d->in_len : (size_t)size;
	memcpy(dst, d->in, n);
	d->in = NULL;
	return (int)n;
}

static int bio_write(BIO *bio, const char *src, int len)
{
	struct dtls *d = BIO_get_data(bio);
	d->send_h((const uint8_t *)src, (size_t)len, d->arg);
	return len;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	enum { IP_UDP_OVERHEAD = 28 };
	(void)bio;
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH: return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return MTU;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return IP_UDP_OVERHEAD;
	default: return 0;
	}
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "helio datagram");
	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- identity */

enum {
	DAY = 24 * 3600,
	CERT_DAYS = 3650,
	/* A node that is restarted makes another one after a year: nobody trusts a key for ever. */
	KEEP_DAYS = 365,
};

static X509 *self_sign(EVP_PKEY *key)
{
	uint64_t serial;
	X509 *x = X509_new();
	if (!x)
		return NULL;
	random_bytes(&serial, sizeof(serial));
	X509_NAME *name = X509_get_subject_name(x);
	if (X509_set_version(x, 2) &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
	    X509_gmtime_adj(X509_getm_notAfter(x), (long)CERT_DAYS * DAY) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"heliograph", -1,
				       -1, 0) &&
	    X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
	    X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

/* The chain means nothing in WebRTC: the fingerprint in the SDP is compared instead. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int setup_ctx(struct dtls_identity *id, EVP_PKEY *key, X509 *cert)
{
	unsigned n = 0;
	SSL_CTX *c = id->ctx;
	if (!SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_max_proto_version(c, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!SHA384") ||
	    !SSL_CTX_use_certificate(c, cert) || !SSL_CTX_use_PrivateKey(c, key) ||
	    /* GCM first: with AES instructions it costs half of CM with HMAC-SHA1 */
	    SSL_CTX_set_tlsext_use_srtp(c, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") ||
	    !X509_digest(cert, EVP_sha256(), id->fingerprint, &n) || n != DTLS_FINGERPRINT_LEN)
		return EIO;
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	return 0;
}

/* Made within the last year by this very program: another's key and certificate would not do. */
static bool is_fit(EVP_PKEY *key, X509 *cert)
{
	int days = 0, seconds = 0;
	return key && cert && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == 256 &&
	       X509_check_private_key(cert, key) &&
	       ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert), NULL) && days >= 0 &&
	       days <= KEEP_DAYS;
}

static void kept(const char *pem, size_t len, EVP_PKEY **ret_key, X509 **ret_cert)
{
	BIO *b = len && len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	X509 *cert = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	if (is_fit(key, cert)) {
		*ret_key = key;
		*ret_cert = cert;
		return;
	}
	EVP_PKEY_free(key);
	X509_free(cert);
	ERR_clear_error();
}

static int write_text(struct dtls_identity *id, EVP_PKEY *key, X509 *cert)
{
	id->text = BIO_new(BIO_s_secmem());
	return id->text && PEM_write_bio_PrivateKey(id->text, key, NULL, NULL, 0, NULL, NULL) &&
		       PEM_write_bio_X509(id->text, cert) && BIO_write(id->text, "", 1) == 1
		   ? 0
		   : ENOMEM;
}

int dtls_identity_new(struct dtls_identity **ret, const char *pem, size_t pem_len)
{
	struct dtls_identity *id = calloc(1, sizeof(*id));
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	if (!id)
		return ENOMEM;
	kept(pem, pem_len, &key, &cert);
	if (!key) {
		key = EVP_EC_gen("P-256");
		cert = key ? self_sign(key) : NULL;
	}
	id->ctx = SSL_CTX_new(DTLS_method());
	id->bio = bio_method();
	int err = cert && id->ctx && id->bio ? setup_ctx(id, key, cert) : ENOMEM;
	if (!err)
		err = write_text(id, key, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	if (err)
		dtls_identity_free(id);
	else
		*ret = id;
	return err;
}

const char *dtls_identity_text(const struct dtls_identity *id, size_t *ret_len)
{
	char *text = NULL;
	long len = BIO_get_mem_data(id->text, &text) - 1; /* without its NUL */
	*ret_len = len > 0 ? (size_t)len : 0;
	return text;
}

struct dtls_identity *dtls_identity_free(struct dtls_identity *id)
{
	if (!id)
		return NULL;
	SSL_CTX_free(id->ctx);
	BIO_meth_free(id->bio);
	BIO_free(id->text);
	free(id);
	return NULL;
}

const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id)
{
	return id->fingerprint;
}

/* ---- one connection */

int dtls_new(struct dtls **ret, struct dtls_identity *id, bool client, dtls_send_h *send_h,
	     void *arg)
{
	struct dtls *d = calloc(1, sizeof(*d));
	BIO *bio = d ? BIO_new(id->bio) : NULL;
	SSL *ssl = bio ? SSL_new(id->ctx) : NULL;
	if (!ssl) {
		BIO_free(bio);
		free(d);
		return ENOMEM;
	}
	d->ssl = ssl;
	d->client = client;
	d->send_h = send_h;
	d->arg = arg;
	BIO_set_data(bio, d);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_mtu(ssl, MTU);
	if (client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	*ret = d;
	return 0;
}

struct dtls *dtls_free(struct dtls *d)
{
	if (!d)
		return NULL;
	ERR_clear_error();
	if (d->state == DTLS_OPEN)
		SSL_shutdown(d->ssl);
	SSL_free(d->ssl);
	ERR_clear_error();
	free(d);
	return NULL;
}

enum dtls_state dtls_state_of(const struct dtls *d)
{
	return d->state;
}

static void judge(struct dtls *d, int ret)
{
	switch (SSL_get_error(d->ssl, ret)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: break;
	case SSL_ERROR_ZERO_RETURN: d->state = DTLS_CLOSED; break;
	default: d->state = d->state == DTLS_OPEN ? DTLS_CLOSED : DTLS_FAILED; break;
	}
}

enum dtls_state dtls_feed(struct dtls *d, const uint8_t *data, size_t len)
{
	uint8_t unused[256]; /* nobody sends application data; alerts are what is read here */
	d->in = data;
	d->in_len = len;
	ERR_clear_error();
	if (d->state == DTLS_SHAKING) {
		int ret = SSL_do_handshake(d->ssl);
		if (ret == 1)
			d->state = DTLS_OPEN;
		else
			judge(d, ret);
	} else if (d->state == DTLS_OPEN) {
		judge(d, SSL_read(d->ssl, unused, sizeof(unused)));
	}
	d->in = NULL;
	return d->state;
}

enum dtls_state dtls_tick(struct dtls *d)
{
	if (d->state != DTLS_SHAKING)
		return d->state;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(d->ssl) < 0)
		d->state = DTLS_FAILED;
	return d->state;
}

int dtls_peer_fingerprint(struct dtls *d, uint8_t ret[DTLS_FINGERPRINT_LEN])
{
	unsigned n = 0;
	X509 *cert = SSL_get1_peer_certificate(d->ssl);
	if (!cert)
		return ENOENT;
	int ok = X509_digest(cert, EVP_sha256(), ret, &n);
	X509_free(cert);
	return ok && n == DTLS_FINGERPRINT_LEN ? 0 : EIO;
}

int dtls_srtp_keys(struct dtls *d, enum guard_suite *ret_suite, uint8_t ret_tx[GUARD_MASTER_MAX],
		   uint8_t ret_rx[GUARD_MASTER_MAX])
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	uint8_t block[2 * GUARD_MASTER_MAX];
	SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(d->ssl);
	if (!profile)
		return ENOTSUP;
	enum guard_suite suite = profile->id == SRTP_AEAD_AES_128_GCM ? GUARD_AEAD_AES_128_GCM
								      : GUARD_AES_CM_128_SHA1_80;
	size_t master = guard_master_len(suite), salt = master - GUARD_KEY_LEN;
	if (SSL_export_keying_material(d->ssl, block, 2 * master, label, sizeof(label) - 1, NULL, 0,
				       0) != 1)
		return EIO;
	/* client key, server key, client salt, server salt */
	uint8_t *client = d->client ? ret_tx : ret_rx, *server = d->client ? ret_rx : ret_tx;
	memcpy(client, block, GUARD_KEY_LEN);
	memcpy(server, block + GUARD_KEY_LEN, GUARD_KEY_LEN);
	memcpy(client + GUARD_KEY_LEN, block + 2 * GUARD_KEY_LEN, salt);
	memcpy(server + GUARD_KEY_LEN, block + 2 * GUARD_KEY_LEN + salt, salt);
	OPENSSL_cleanse(block, sizeof(block));
	*ret_suite = suite;
	return 0;
}
