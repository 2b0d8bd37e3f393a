/* The certificate of WebRTC legs over restarts: the same one for what was kept, a new one for all
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "nodes/media/dtls.h"

static struct dtls_identity *made(const char *pem, size_t len)
{
	struct dtls_identity *id = NULL;
	assert_int_equal(dtls_identity_new(&id, pem, len), 0);
	return id;
}

static bool same(const struct dtls_identity *a, const struct dtls_identity *b)
{
	return memcmp(dtls_identity_fingerprint(a), dtls_identity_fingerprint(b),
		      DTLS_FINGERPRINT_LEN) == 0;
}

static void what_was_kept_is_the_same_certificate(void **state)
{
	(void)state;
	size_t n, m;
	struct dtls_identity *a = made(NULL, 0);
	const char *kept = dtls_identity_text(a, &n);
	struct dtls_identity *b = made(kept, n), *other = made(NULL, 0);
	const char *again = dtls_identity_text(b, &m);
	assert_true(same(a, b));
	assert_int_equal(n, m);
	assert_memory_equal(kept, again, n);
	assert_false(same(a, other));
	dtls_identity_free(a);
	dtls_identity_free(b);
	dtls_identity_free(other);
}

static void what_is_cut_or_not_whole_is_a_new_one(void **state)
{
	(void)state;
	size_t n;
	struct dtls_identity *a = made(NULL, 0);
	const char *kept = dtls_identity_text(a, &n);
	for (size_t len = 0; len + 2 < n; len += 13) {
		struct dtls_identity *b = made(kept, len);
		assert_false(same(a, b));
		dtls_identity_free(b);
	}
	dtls_identity_free(a);
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	(void)state;
	size_t n, m;
	char mixed[4096];
	struct dtls_identity *a = made(NULL, 0), *b = made(NULL, 0);
	const char *ta = dtls_identity_text(a, &n), *tb = dtls_identity_text(b, &m);
	const char *cert = strstr(tb, "-----BEGIN CERT");
	size_t key_len = (size_t)(strstr(ta, "-----BEGIN CERT") - ta),
	       cert_len = m - (size_t)(cert - tb);
	memcpy(mixed, ta, key_len);
	memcpy(mixed + key_len, cert, cert_len);
	struct dtls_identity *c = made(mixed, key_len + cert_len);
	assert_false(same(a, c));
	assert_false(same(b, c));
	dtls_identity_free(a);
	dtls_identity_free(b);
	dtls_identity_free(c);
}

static void one_of_more_than_a_year_ago_is_replaced(void **state)
{
	(void)state;
	enum { DAY = 24 * 3600 };
	size_t n;
	struct dtls_identity *a = made(NULL, 0);
	BIO *in = BIO_new_mem_buf(dtls_identity_text(a, &n), -1), *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	char *text;
	X509_gmtime_adj(X509_getm_notBefore(cert), -367L * DAY);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_X509(out, cert);
	long len = BIO_get_mem_data(out, &text);
	struct dtls_identity *b = made(text, (size_t)len);
	size_t m;
	assert_true(strstr(dtls_identity_text(b, &m), "-----BEGIN CERT") != NULL);
	assert_false(m == (size_t)len && memcmp(dtls_identity_text(b, &m), text, m) == 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
	dtls_identity_free(a);
	dtls_identity_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_kept_is_the_same_certificate),
	    cmocka_unit_test(what_is_cut_or_not_whole_is_a_new_one),
	    cmocka_unit_test(a_key_of_another_certificate_is_refused),
	    cmocka_unit_test(one_of_more_than_a_year_ago_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
