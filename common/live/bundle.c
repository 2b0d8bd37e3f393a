#include "common/live/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { HEAD_MAX = 64 };

static int head_print(char dst[static HEAD_MAX], size_t sig_n, size_t cluster_n, size_t agents_n)
{
	return snprintf(dst, HEAD_MAX, "heliograph-bundle 1 %zu %zu %zu\n", sig_n, cluster_n,
			agents_n);
}

static struct bundle *bundle_new(size_t n)
{
	struct bundle *b = calloc(1, sizeof(*b) + n + 1);

	if (b)
		b->n = n;
	return b;
}

int bundle_pack(struct bundle **ret, const struct signature *sig, const void *cluster,
		size_t cluster_n, const void *agents, size_t agents_n)
{
	char head[HEAD_MAX], text[SIGNATURE_TEXT_MAX];

	if (cluster_n > BUNDLE_CLUSTER_MAX || agents_n > BUNDLE_AGENTS_MAX)
		return EFBIG;
	signature_print(text, sig);
	size_t sig_n = strlen(text);
	size_t head_n = (size_t)head_print(head, sig_n, cluster_n, agents_n);
	struct bundle *b = bundle_new(head_n + sig_n + cluster_n + agents_n);
	if (!b)
		return ENOMEM;
	b->sig = *sig;
	b->cluster_at = head_n + sig_n;
	b->cluster_n = cluster_n;
	b->agents_at = b->cluster_at + cluster_n;
	b->agents_n = agents_n;
	memcpy(b->bytes, head, head_n);
	memcpy(b->bytes + head_n, text, sig_n);
	if (cluster_n)
		memcpy(b->bytes + b->cluster_at, cluster, cluster_n);
	if (agents_n)
		memcpy(b->bytes + b->agents_at, agents, agents_n);
	*ret = b;
	return 0;
}

/* The first line, exactly as it would be printed; its length, 0 if it is none. */
static size_t head_parse(const uint8_t *bytes, size_t n, size_t *sig_n, size_t *cluster_n,
			 size_t *agents_n)
{
	char head[HEAD_MAX], again[HEAD_MAX];
	size_t most = n < HEAD_MAX - 1 ? n : HEAD_MAX - 1;

	memcpy(head, bytes, most);
	head[most] = '\0';
	char *end = strchr(head, '\n');
	if (!end)
		return 0;
	end[1] = '\0';
	if (sscanf(head, "heliograph-bundle 1 %9zu %9zu %9zu", sig_n, cluster_n, agents_n) != 3)
		return 0;
	(void)head_print(again, *sig_n, *cluster_n, *agents_n);
	return strcmp(head, again) == 0 ? strlen(head) : 0;
}

int bundle_parse(struct bundle **ret, const void *bytes, size_t n)
{
	size_t sig_n, cluster_n, agents_n;
	struct signature sig;

	if (n > BUNDLE_MAX)
		return EFBIG;
	size_t head_n = n ? head_parse(bytes, n, &sig_n, &cluster_n, &agents_n) : 0;
	if (!head_n || sig_n >= SIGNATURE_TEXT_MAX || cluster_n > BUNDLE_CLUSTER_MAX ||
	    agents_n > BUNDLE_AGENTS_MAX || head_n + sig_n + cluster_n + agents_n != n ||
	    signature_parse(&sig, (const char *)bytes + head_n, sig_n))
		return EBADMSG;
	struct bundle *b = bundle_new(n);
	if (!b)
		return ENOMEM;
	memcpy(b->bytes, bytes, n);
	b->sig = sig;
	b->cluster_at = head_n + sig_n;
	b->cluster_n = cluster_n;
	b->agents_at = b->cluster_at + cluster_n;
	b->agents_n = agents_n;
	*ret = b;
	return 0;
}

int bundle_verify(const struct bundle *b, const uint8_t pub[static 32], const char *cluster,
		  char ret_why[256])
{
	struct signature now = b->sig;

	if (signature_verify(&b->sig, pub)) {
		snprintf(ret_why, 256, "it was not signed with the key of this cluster");
		return EBADMSG;
	}
	signature_digest_text(&now, b->bytes + b->cluster_at, b->cluster_n, b->bytes + b->agents_at,
			      b->agents_n);
	if (memcmp(now.cluster_digest, b->sig.cluster_digest, SIGNATURE_DIGEST_LEN) != 0 ||
	    memcmp(now.agents_digest, b->sig.agents_digest, SIGNATURE_DIGEST_LEN) != 0) {
		snprintf(ret_why, 256, "its signature is that of other files");
		return EBADMSG;
	}
	if (strcmp(b->sig.cluster, cluster) != 0) {
		snprintf(ret_why, 256, "it is of the cluster \"%.30s\"", b->sig.cluster);
		return EBADMSG;
	}
	return 0;
}
