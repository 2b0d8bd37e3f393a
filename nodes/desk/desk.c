#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESK_BUCKETS = 4096 };

static bool leg_match(struct le *le, void *arg)
{
	const struct session *s = le->data;
	return s->leg.v == *(const uint32_t *)arg;
}

static void stats_send(struct session *s, const struct media_stats *st)
{
	session_send(s, json_pack("{ss si si si}", "t", "stats", "loss_permille",
				  (int)st->loss_permille, "jitter_ms", (int)(st->jitter_us / 1000),
				  "rtt_ms", (int)(st->rtt_us / 1000)));
}

bool desk_media(struct desk *d, const struct media_event *ev)
{
	uint32_t leg = ev->leg.v;
	/* Most events are of callers' legs: not found must be quick. */
	struct session *s = list_ledata(hash_lookup(d->by_leg, leg, leg_match, &leg));
	if (!s)
		return false;
	switch (ev->type) {
	case MEDIA_EV_CONNECTED: session_media_set(s, true, ""); break;
	case MEDIA_EV_HEARD:
		if (!s->media_up)
			session_media_set(s, true, "");
		break;
	case MEDIA_EV_FAILED: session_media_set(s, false, ev->why); break;
	case MEDIA_EV_SILENT:
		if (!s->plain) /* a plain leg has no consent checks: silence says nothing */
			session_media_set(s, false, "nothing was heard from the browser");
		break;
	case MEDIA_EV_STATS: stats_send(s, &ev->stats); break;
	case MEDIA_EV_DTMF:
	case MEDIA_EV_PLAYED:
	case MEDIA_EV_CLOSED: break;
	}
	return true;
}

static bool stats_one(struct le *le, void *arg)
{
	struct session *s = le->data;
	struct media_stats st;
	(void)arg;
	if (s->talking && s->link && !media_leg_stats_get(s->desk->n->media, s->leg, &st))
		stats_send(s, &st);
	return false;
}

static bool ready_one(struct le *le, void *arg)
{
	(void)arg;
	session_ready_again(le->data);
	return false;
}

static void tick_h(void *arg)
{
	struct desk *d = arg;
	tmr_start(&d->tmr, DESK_TICK_MS, tick_h, d);
	d->ticks++;
	links_tick(d);
	claims_tick(d);
	(void)hash_apply(d->sessions, ready_one, NULL);
	if (d->ticks % DESK_STATS_EVERY == 0)
		(void)hash_apply(d->sessions, stats_one, NULL);
}

static int cert_read(struct node *n, const char *path, char ret_why[256])
{
	FILE *f = fopen(path, "re");
	char hex[2 * SEAL_CERT_LEN_MAX + 8];
	int err = 0;
	if (!f || !fgets(hex, sizeof(hex), f)) {
		err = f ? EINVAL : errno;
		snprintf(ret_why, 256, "%.180s: %s; run helio-keys from-config", path,
			 strerror(err));
	} else {
		hex[strcspn(hex, "\r\n")] = '\0';
		n->cert_len = strlen(hex) / 2;
		if (n->cert_len > sizeof(n->cert) || hex_decode(n->cert, n->cert_len, hex)) {
			err = EINVAL;
			snprintf(ret_why, 256,
				 "%.180s is no certificate in hex; make it anew with "
				 "helio-keys",
				 path);
		}
	}
	if (f)
		fclose(f);
	return err;
}

static int cert_check(struct desk *d, const char *keys, char ret_why[256])
{
	char path[CONF_PATH_SIZE + 64];
	uint8_t cluster_pub[SEAL_KEY_LEN];
	struct seal_cert cert;
	snprintf(path, sizeof(path), "%s/cluster.pub", keys);
	int err = seal_file_read(path, cluster_pub, sizeof(cluster_pub), false);
	if (err) {
		snprintf(ret_why, 256, "%.180s: %s; run helio-keys init", path, strerror(err));
		return err;
	}
	err = seal_cert_open(&cert, d->n->cert, d->n->cert_len, cluster_pub, wall_ms() / 1000);
	if (!err && (memcmp(cert.noise_pub, d->noise.pub, SEAL_KEY_LEN) != 0 ||
		     cert.addr != d->n->self->addr))
		err = EBADMSG;
	if (err)
		snprintf(ret_why, 256,
			 "the certificate of %s is %s; sign it anew with helio-keys daemon",
			 d->n->self->name,
			 err == ESTALE ? "out of date" : "not signed by this cluster's key");
	return err;
}

static int keys_read(struct desk *d, char ret_why[256])
{
	struct node *n = d->n;
	char path[CONF_PATH_SIZE + 64];
	uint8_t base[SEAL_KEY_LEN];
	snprintf(path, sizeof(path), "%s/noise/%s.key", n->conf->keys_dir, n->self->name);
	int err = seal_file_read(path, base, sizeof(base), true);
	if (!err) {
		memcpy(d->noise.key, base, sizeof(base));
		sodium_memzero(base, sizeof(base));
		if (crypto_scalarmult_base(d->noise.pub, d->noise.key))
			err = EINVAL;
	}
	if (!err) {
		snprintf(path, sizeof(path), "%s/ticket.key", n->conf->keys_dir);
		err = seal_file_read(path, d->ticket_key, sizeof(d->ticket_key), true);
	}
	if (err) {
		snprintf(ret_why, 256, "%.180s: %s; run helio-keys from-config", path,
			 strerror(err));
		return err;
	}
	snprintf(path, sizeof(path), "%s/noise/%s.cert", n->conf->keys_dir, n->self->name);
	err = cert_read(n, path, ret_why);
	return err ? err : cert_check(d, n->conf->keys_dir, ret_why);
}

int desk_open(struct desk **ret_desk, struct node *node, char ret_why[256])
{
	struct desk *d = calloc(1, sizeof(*d));
	if (!d)
		return ENOMEM;
	d->n = node;
	tmr_init(&d->tmr);
	tmr_init(&d->tmr_news);
	tmr_init(&d->tmr_wall);
	tmr_init(&d->tmr_tell);
	int err = keys_read(d, ret_why);
	if (!err) {
		err = hash_alloc(&d->links, DESK_BUCKETS);
		if (!err)
			err = hash_alloc(&d->sessions, DESK_BUCKETS);
		if (!err)
			err = hash_alloc(&d->by_leg, DESK_BUCKETS);
		if (!err)
			err = claims_open(d);
		if (!err)
			err = passwords_open(&d->passwords, login_checked, d);
		if (err)
			snprintf(ret_why, 256, "%s", strerror(err));
	}
	if (err) {
		desk_close(d);
		return err;
	}
	moves_open(d);
	tmr_start(&d->tmr, DESK_TICK_MS, tick_h, d);
	*ret_desk = d;
	return 0;
}

static bool link_bye(struct le *le, void *arg)
{
	struct link *l = le->data;
	(void)arg;
	if (l->session) {
		l->session->link = NULL;
		l->session = NULL;
	}
	link_close(l, 1013); /* WebSocket "try again later": another node takes the page */
	return false;
}

static bool page_move(struct le *le, void *arg)
{
	(void)arg;
	link_close(le->data, 1012); /* RFC 6455's registry: service restart, connect at once */
	return false;
}

void desk_move_all(struct desk *d)
{
	(void)hash_apply(d->links, page_move, NULL);
}

static bool session_end(struct le *le, void *arg)
{
	struct session *s = le->data;
	(void)arg;
	session_free(s);
	return false;
}

struct desk *desk_close(struct desk *d)
{
	if (!d)
		return NULL;
	tmr_cancel(&d->tmr);
	tmr_cancel(&d->tmr_news);
	tmr_cancel(&d->tmr_tell);
	moves_close(d);
	walls_close(d);
	passwords_close(d->passwords);
	if (d->links)
		(void)hash_apply(d->links, link_bye, NULL);
	if (d->sessions)
		(void)hash_apply(d->sessions, session_end, NULL);
	mem_deref(d->links);
	mem_deref(d->sessions);
	mem_deref(d->by_leg);
	claims_close(d);
	sodium_memzero(d->ticket_key,
		       sizeof(d->ticket_key)); /* a memset() before free() is left out */
	sodium_memzero(&d->noise, sizeof(d->noise));
	free(d);
	return NULL;
}

uint32_t desk_queue(const struct desk *d, struct acd_session_id id)
{
	const struct session *s = session_find(d, id.v);
	return s ? s->queue : 0;
}

uint32_t desk_sessions(const struct desk *desk)
{
	return desk->sessions_n;
}
