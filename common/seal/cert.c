/*
 * A node's certificate. Only the cluster's Ed25519 key says which Noise keys are nodes; the browser
 * pins that one key, so that any node can take a session over (DESIGN §7).
 *
 *   "HLC1" | len8 cluster | len8 node | addr be16 | pub 32 | nbf be64 | exp be64 | serial be32 |
 * sig 64
 *
 * The leading text keeps these signatures apart from anything else the cluster key may ever sign.
 */
#include "common/seal/bytes.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

static const uint8_t magic[4] = {'H', 'L', 'C', '1'};
enum { FIXED_LEN = 2 + SEAL_KEY_LEN + 8 + 8 + 4, SIG_LEN = crypto_sign_BYTES };

/* Names as the configuration has them: [a-z][a-z0-9-]*. Anything else never gets into a log or a
 * page by way of a certificate. */
static bool name_ok(const char *s, size_t n, size_t size)
{
	if (n == 0 || n >= size || s[0] < 'a' || s[0] > 'z')
		return false;
	for (size_t i = 1; i < n; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

static uint8_t *name_put(uint8_t *p, const char *name, size_t n)
{
	*p++ = (uint8_t)n;
	memcpy(p, name, n);
	return p + n;
}

int seal_cert_sign(const struct seal_cert *cert, const uint8_t sign_key[64], uint8_t *out,
		   size_t out_size, size_t *ret_len)
{
	size_t cluster_n = strnlen(cert->cluster, sizeof(cert->cluster));
	size_t node_n = strnlen(cert->node, sizeof(cert->node));
	if (!name_ok(cert->cluster, cluster_n, sizeof(cert->cluster)) ||
	    !name_ok(cert->node, node_n, sizeof(cert->node)) || cert->not_before_s < 0 ||
	    cert->not_after_s < cert->not_before_s)
		return EINVAL;
	size_t len = sizeof(magic) + 1 + cluster_n + 1 + node_n + FIXED_LEN + SIG_LEN;
	if (len > out_size)
		return EMSGSIZE;

	uint8_t *p = out;
	memcpy(p, magic, sizeof(magic));
	p = name_put(p + sizeof(magic), cert->cluster, cluster_n);
	p = name_put(p, cert->node, node_n);
	be_put(p, 2, cert->addr);
	memcpy(p + 2, cert->noise_pub, SEAL_KEY_LEN);
	p += 2 + SEAL_KEY_LEN;
	be_put(p, 8, (uint64_t)cert->not_before_s);
	be_put(p + 8, 8, (uint64_t)cert->not_after_s);
	be_put(p + 16, 4, cert->serial);
	p += 20;
	crypto_sign_detached(p, NULL, out, (unsigned long long)(p - out), sign_key);
	*ret_len = len;
	return 0;
}

/* Takes len8 and name off the front of what is left. */
static int name_get(char dst[32], const uint8_t **p, const uint8_t *end)
{
	if (*p == end)
		return EBADMSG;
	size_t n = *(*p)++;
	if ((size_t)(end - *p) < n || !name_ok((const char *)*p, n, 32))
		return EBADMSG;
	memcpy(dst, *p, n);
	dst[n] = '\0';
	*p += n;
	return 0;
}

int seal_cert_open(struct seal_cert *ret, const uint8_t *in, size_t len,
		   const uint8_t cluster_pub[SEAL_KEY_LEN], int64_t now_s)
{
	struct seal_cert c = {0};
	if (len > SEAL_CERT_LEN_MAX || len < sizeof(magic) + SIG_LEN ||
	    memcmp(in, magic, sizeof(magic)) != 0)
		return EBADMSG;
	/* The signature first: nothing is parsed that the cluster did not write. */
	const uint8_t *end = in + len - SIG_LEN;
	if (crypto_sign_verify_detached(end, in, (unsigned long long)(end - in), cluster_pub) != 0)
		return EBADMSG;

	const uint8_t *p = in + sizeof(magic);
	if (name_get(c.cluster, &p, end) || name_get(c.node, &p, end) || end - p != FIXED_LEN)
		return EBADMSG;
	c.addr = (uint16_t)be_get(p, 2);
	memcpy(c.noise_pub, p + 2, SEAL_KEY_LEN);
	p += 2 + SEAL_KEY_LEN;
	uint64_t nbf = be_get(p, 8), exp = be_get(p + 8, 8);
	c.serial = (uint32_t)be_get(p + 16, 4);
	if (nbf > INT64_MAX || exp > INT64_MAX || exp < nbf)
		return EBADMSG;
	c.not_before_s = (int64_t)nbf;
	c.not_after_s = (int64_t)exp;
	if (now_s < c.not_before_s || now_s > c.not_after_s)
		return ESTALE;
	*ret = c;
	return 0;
}
