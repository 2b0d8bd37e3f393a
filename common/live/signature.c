#include "common/live/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

int file_beside(char dst[static CONF_PATH_SIZE], const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	int n = snprintf(dst, CONF_PATH_SIZE, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path,
			 name);

	return n < 0 || n >= CONF_PATH_SIZE ? ENAMETOOLONG : 0;
}

static int digest(uint8_t dst[static SIGNATURE_DIGEST_LEN], const char *path)
{
	char *bytes;
	size_t n;
	int err = file_read(path, SIGNATURE_FILE_MAX, &bytes, &n, NULL);

	if (err)
		return err;
	crypto_generichash(dst, SIGNATURE_DIGEST_LEN, (uint8_t *)bytes, n, NULL, 0);
	free(bytes);
	return 0;
}

int signature_digest(struct signature *ret, const struct conf *conf)
{
	int err = digest(ret->cluster_digest, conf->file);

	return err ? err : digest(ret->agents_digest, conf->agents_file);
}

void signature_digest_text(struct signature *ret, const void *cluster, size_t cluster_n,
			   const void *agents, size_t agents_n)
{
	crypto_generichash(ret->cluster_digest, SIGNATURE_DIGEST_LEN, cluster, cluster_n, NULL, 0);
	crypto_generichash(ret->agents_digest, SIGNATURE_DIGEST_LEN, agents, agents_n, NULL, 0);
}

/* What is signed; returns its length. */
static size_t text(char dst[static SIGNATURE_TEXT_MAX], const struct signature *s)
{
	char a[2 * SIGNATURE_DIGEST_LEN + 1], b[2 * SIGNATURE_DIGEST_LEN + 1];

	hex_encode(a, s->cluster_digest, SIGNATURE_DIGEST_LEN);
	hex_encode(b, s->agents_digest, SIGNATURE_DIGEST_LEN);
	int n = snprintf(dst, SIGNATURE_TEXT_MAX,
			 "heliograph-configuration: 1\ncluster: %s\nversion: %" PRIu32
			 "\ncluster.yaml: %s\nagents.yaml: %s\n",
			 s->cluster, s->version, a, b);
	helio_assert(n > 0 && n < SIGNATURE_TEXT_MAX);
	return (size_t)n;
}

void signature_sign(struct signature *s, const uint8_t secret[static 64])
{
	char buf[SIGNATURE_TEXT_MAX];
	size_t n = text(buf, s);

	crypto_sign_detached(s->bytes, NULL, (const uint8_t *)buf, n, secret);
}

int signature_verify(const struct signature *s, const uint8_t pub[static 32])
{
	char buf[SIGNATURE_TEXT_MAX];
	size_t n = text(buf, s);

	return crypto_sign_verify_detached(s->bytes, (const uint8_t *)buf, n, pub) ? EBADMSG : 0;
}

void signature_print(char dst[static SIGNATURE_TEXT_MAX], const struct signature *s)
{
	char hex[2 * sizeof(s->bytes) + 1];
	size_t n = text(dst, s);

	hex_encode(hex, s->bytes, sizeof(s->bytes));
	int m = snprintf(dst + n, SIGNATURE_TEXT_MAX - n, "signature: %s\n", hex);
	helio_assert(m > 0 && n + (size_t)m < SIGNATURE_TEXT_MAX);
}

int signature_parse(struct signature *ret, const char *text, size_t n)
{
	struct signature s = {0};
	char a[80] = "", b[80] = "", sig[160] = "", again[SIGNATURE_TEXT_MAX],
	     bytes[SIGNATURE_TEXT_MAX];

	if (n >= sizeof(bytes))
		return EINVAL;
	memcpy(bytes, text, n);
	bytes[n] = '\0';
	int got = sscanf(bytes,
			 "heliograph-configuration: 1\ncluster: %24[a-z0-9-]\nversion: %9" SCNu32
			 "\ncluster.yaml: %79[0-9a-f]\nagents.yaml: %79[0-9a-f]\nsignature: "
			 "%159[0-9a-f]",
			 s.cluster, &s.version, a, b, sig);
	bool ok = got == 5 && !hex_decode(s.cluster_digest, SIGNATURE_DIGEST_LEN, a) &&
		  !hex_decode(s.agents_digest, SIGNATURE_DIGEST_LEN, b) &&
		  !hex_decode(s.bytes, sizeof(s.bytes), sig);
	/* Exactly what would be printed: nothing unsigned rides along. */
	if (ok) {
		signature_print(again, &s);
		ok = strlen(again) == n && memcmp(again, bytes, n) == 0;
	}
	if (!ok || !s.version)
		return EINVAL;
	*ret = s;
	return 0;
}

int signature_read(struct signature *ret, const char *path)
{
	char *bytes;
	size_t n;
	int err = file_read(path, SIGNATURE_FILE_MAX, &bytes, &n, NULL);

	if (err)
		return err;
	err = signature_parse(ret, bytes, n);
	free(bytes);
	return err;
}

static void sig_digest(uint8_t dst[static CONF_FILE_HASH], const struct signature *sig)
{
	char buf[SIGNATURE_TEXT_MAX];

	signature_print(buf, sig);
	crypto_generichash(dst, CONF_FILE_HASH, (const uint8_t *)buf, strlen(buf), NULL, 0);
}

void files_sign(struct conf_files *f, const struct signature *sig, const uint8_t secret[static 64])
{
	size_t n;

	str_copy(f->cluster, sizeof(f->cluster), sig->cluster);
	f->version = sig->version;
	sig_digest(f->of, sig);
	char *signed_text = conf_files_signed_text(f, &n);
	helio_assert(signed_text);
	crypto_sign_detached(f->signature, NULL, (const uint8_t *)signed_text, n, secret);
	free(signed_text);
}

int files_verify(const struct conf_files *f, const uint8_t pub[static 32], const char *cluster)
{
	size_t n;
	char *signed_text = conf_files_signed_text(f, &n);

	if (!signed_text)
		return ENOMEM;
	int bad = crypto_sign_verify_detached(f->signature, (const uint8_t *)signed_text, n, pub) ||
		  strcmp(f->cluster, cluster) != 0;
	free(signed_text);
	return bad ? EBADMSG : 0;
}

bool files_belong(const struct conf_files *f, const struct signature *sig)
{
	uint8_t of[CONF_FILE_HASH];

	sig_digest(of, sig);
	return f->version == sig->version && !memcmp(of, f->of, sizeof(of));
}

uint64_t files_mark(const struct conf_files *f)
{
	uint8_t hash[CONF_FILE_HASH];
	uint64_t mark = 0;
	size_t n;
	char *list = f ? conf_files_print(f, &n) : NULL;

	if (!list)
		return 0;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)list, n, NULL, 0);
	free(list);
	memcpy(&mark, hash, sizeof(mark));
	return mark ? mark : 1;
}
