/*
 * TLS of the http port. The certificate is read from the files that an ACME client writes, and read
 * anew when they change (looked at every POLL_S, and at SIGHUP). Each connection is given the one
 * of the moment when it is made, and keeps it: whoever is connected does not notice.
 *
 *   files ──► a context: whole? key fits? in date? ── no ──► the one before stays, a line says why
 *                │ yes
 *                └──► `pair`: what new connections are given
 */
#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/log/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

enum {
	/* A certificate is exchanged weeks before its end; this is for the person who waits. */
	POLL_S = 5,
	SERIAL_BYTES = 20, /* RFC 5280 §4.1.2.2 */
};

/* Forward secrecy and authenticated encryption only, of TLS 1.2; TLS 1.3 has nothing else. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:!aNULL";

static bool stamp_of(const char *path, struct gw_stamp *ret)
{
	struct stat st;
	if (stat(path, &st))
		return false;
	*ret = (struct gw_stamp){.mtime_s = st.st_mtim.tv_sec,
				 .mtime_ns = st.st_mtim.tv_nsec,
				 .inode = st.st_ino,
				 .size = st.st_size};
	return true;
}

static bool stamps_differ(const struct gw_stamp a[2], const struct gw_stamp b[2])
{
	for (int i = 0; i < 2; i++)
		if (a[i].mtime_s != b[i].mtime_s || a[i].mtime_ns != b[i].mtime_ns ||
		    a[i].inode != b[i].inode || a[i].size != b[i].size)
			return true;
	return false;
}

static const char *openssl_says(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;
	return text ? text : "unreadable";
}

/* Certificate, chain and key into ctx. EINVAL; ret_why names the file. */
static int load(SSL_CTX *ctx, const struct conf_daemon *d, char ret_why[256])
{
	ERR_clear_error();
	const char *file = d->tls_cert, *problem = NULL;
	if (SSL_CTX_use_certificate_chain_file(ctx, d->tls_cert) != 1) {
		problem = openssl_says();
	} else if (file = d->tls_key,
		   SSL_CTX_use_PrivateKey_file(ctx, d->tls_key, SSL_FILETYPE_PEM) != 1) {
		problem = openssl_says();
	} else if (SSL_CTX_check_private_key(ctx) != 1) {
		problem = "does not belong to the certificate";
	} else if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx))) <= 0) {
		file = d->tls_cert;
		problem = "is out of date";
	}
	if (problem)
		snprintf(ret_why, 256, "%.150s: %.80s", file, problem);
	ERR_clear_error();
	return problem ? EINVAL : 0;
}

/* A context that only holds a certificate, its chain and its key. */
static int read_pair(SSL_CTX **ret, const struct conf_daemon *d, char ret_why[256])
{
	SSL_CTX *pair = SSL_CTX_new(TLS_server_method());
	if (!pair)
		return ENOMEM;
	int err = load(pair, d, ret_why);
	if (err)
		SSL_CTX_free(pair);
	else
		*ret = pair;
	return err;
}

static void describe(struct gw_tls *t)
{
	const X509 *cert = SSL_CTX_get0_certificate(t->pair);
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	struct tm end = {0};
	size_t n = (size_t)serial->length < SERIAL_BYTES ? (size_t)serial->length : SERIAL_BYTES;
	hex_encode(t->serial, serial->data, n);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) != 1 ||
	    !strftime(t->ends, sizeof(t->ends), "%Y-%m-%dT%H:%M:%SZ", &end))
		t->ends[0] = '\0';
}

void gw_tls_reload(struct gateway *gw)
{
	struct gw_tls *t = &gw->tls;
	char why[256] = "out of memory";
	SSL_CTX *fresh = NULL;
	if (!t->pair)
		return;
	/* A file that is only half written must not take the good one's place. */
	if (read_pair(&fresh, gw->self, why)) {
		t->failed++;
		log_error("tls.reload", "why=%s remedy=\"the certificate in use stays\"",
			  log_quote(why));
		return;
	}
	SSL_CTX_free(t->pair);
	t->pair = fresh;
	t->reloads++;
	describe(t);
	log_info("tls.reload", "serial=%s ends=%s", t->serial, t->ends);
}

/* A connection begins: OpenSSL asks what to show. 1 go on, 0 refuse. */
static int give(SSL *ssl, void *arg)
{
	const struct gateway *gw = arg;
	SSL_CTX *pair = gw->tls.pair;
	STACK_OF(X509) *chain = NULL;
	SSL_certs_clear(ssl); /* a key of another kind would stay beside it */
	(void)SSL_CTX_get0_chain_certs(pair, &chain);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(pair),
				    SSL_CTX_get0_privatekey(pair), chain, 1);
}

static void look(lws_sorted_usec_list_t *sul)
{
	struct gateway *gw = lws_container_of(sul, struct gateway, tls.sul);
	struct gw_stamp now[2];
	if (stamp_of(gw->self->tls_cert, &now[0]) && stamp_of(gw->self->tls_key, &now[1]) &&
	    stamps_differ(now, gw->tls.stamps)) {
		memcpy(gw->tls.stamps, now, sizeof(now));
		gw_tls_reload(gw);
	}
	lws_sul_schedule(gw->lws, 0, sul, look, POLL_S * LWS_US_PER_SEC);
}

void gw_tls_watch(struct gateway *gw)
{
	if (gw->tls.pair)
		lws_sul_schedule(gw->lws, 0, &gw->tls.sul, look, POLL_S * LWS_US_PER_SEC);
}

int gw_tls_prepare(struct gateway *gw, struct lws_context_creation_info *info, char ret_why[256])
{
	static const char *const alpn = "http/1.1"; /* WebSockets over HTTP/2 gain nothing here */
	const struct conf_daemon *d = gw->self;
	struct stat st;
	if (!gw_tls_wanted(gw))
		return 0;
	int err = read_pair(&gw->tls.pair, d, ret_why);
	if (err)
		return err;
	describe(&gw->tls);
	if (!stat(d->tls_key, &st) && (st.st_mode & S_IROTH))
		log_warn("tls.key", "file=%s why=\"everybody on this machine can read it\"",
			 log_quote(d->tls_key));
	(void)stamp_of(d->tls_cert, &gw->tls.stamps[0]);
	(void)stamp_of(d->tls_key, &gw->tls.stamps[1]);
	info->ssl_cert_filepath = d->tls_cert;
	info->ssl_private_key_filepath = d->tls_key;
	info->ssl_cipher_list = ciphers;
	info->alpn = alpn;
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	return 0;
}

void gw_tls_context(struct gateway *gw, void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;
	SSL_CTX_set_cert_cb(ctx, give, gw);
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Ten thousand idle browsers: buffers only while something passes. Tickets, which the
	 * browser keeps, instead of a cache that we would. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

void gw_tls_wipe(struct gateway *gw)
{
	SSL_CTX_free(gw->tls.pair);
	gw->tls.pair = NULL;
}

bool gw_tls_wanted(const struct gateway *gw)
{
	return gw->self->tls_cert[0] != '\0';
}
