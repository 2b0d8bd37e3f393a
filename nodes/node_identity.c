/*
 * The certificate of this node's WebRTC legs outlives the process (DESIGN §6): a page whose node
 * was killed meets the same one again. In the state folder, sealed with the site's key, as the
 * journal is, for its name; nothing depends on it: what cannot be read, or not be written, is a new
 * certificate.
 */
#include "nodes/node.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BOX_OVERHEAD = 40 }; /* of seal_box() */

static void ad_of(const struct node *n, char ret[2 * CONF_NAME_SIZE + 16])
{
	snprintf(ret, 2 * CONF_NAME_SIZE + 16, "webrtc/%s/%s", n->conf->cluster, n->self->name);
}

static int key_read(const struct node *n, uint8_t key[SEAL_KEY_LEN])
{
	char path[CONF_PATH_SIZE + 64];
	snprintf(path, sizeof(path), "%s/site-%s.key", n->conf->keys_dir, n->site->name);
	return seal_file_read(path, key, SEAL_KEY_LEN, true);
}

size_t node_identity_read(const struct node *n, const char *state, char *pem, size_t size)
{
	char path[CONF_PATH_SIZE + 16], ad[2 * CONF_NAME_SIZE + 16];
	uint8_t key[SEAL_KEY_LEN], box[NODE_IDENTITY_MAX + BOX_OVERHEAD];
	size_t len = 0, got = 0;
	snprintf(path, sizeof(path), "%s/webrtc.key", state);
	ad_of(n, ad);
	int err = seal_file_read_some(path, box, sizeof(box), &len, true);
	if (err == ENOENT)
		return 0; /* its first start */
	if (!err)
		err = key_read(n, key);
	if (!err)
		err = seal_unbox(key, ad, strlen(ad), box, len, pem, size, &got);
	explicit_bzero(key, sizeof(key));
	if (err)
		log_warn("webrtc.key", "file=%s err=%s note=\"a new one is made\"", log_quote(path),
			 log_quote(strerror(err)));
	return err ? 0 : got;
}

void node_identity_keep(const struct node *n, const char *state, const char *pem, size_t len)
{
	char path[CONF_PATH_SIZE + 16], ad[2 * CONF_NAME_SIZE + 16];
	char text[2 * (NODE_IDENTITY_MAX + BOX_OVERHEAD) + 2];
	uint8_t key[SEAL_KEY_LEN], box[NODE_IDENTITY_MAX + BOX_OVERHEAD];
	size_t sealed = 0;
	snprintf(path, sizeof(path), "%s/webrtc.key", state);
	ad_of(n, ad);
	int err = key_read(n, key);
	if (err == ENOENT && !n->self->journal.port)
		return; /* a node without a journal needs no key of its site */
	if (!err)
		err = seal_box(key, ad, strlen(ad), pem, len, box, sizeof(box), &sealed);
	explicit_bzero(key, sizeof(key));
	if (!err) {
		hex_encode(text, box, sealed);
		text[2 * sealed] = '\n';
		text[2 * sealed + 1] = '\0';
		err = seal_file_write_text(path, text, true);
	}
	if (err)
		log_warn("webrtc.key",
			 "file=%s err=%s note=\"a restart makes another certificate\"",
			 log_quote(path), log_quote(strerror(err)));
}
