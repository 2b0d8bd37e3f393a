/* A ticket from anywhere; then the same bytes inside a box of the right key, to reach the parser.
 */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char purpose[] = "heliograph device ticket";
	static const uint8_t key[SEAL_KEY_LEN] = {1}, device[SEAL_KEY_LEN] = {2};
	uint8_t box[512];
	struct seal_ticket t;
	size_t n;
	if (seal_init())
		return 0;
	helio_assert(seal_ticket_open(&t, data, size, key, device, 0) == EBADMSG);
	if (seal_box(key, purpose, sizeof(purpose) - 1, data, size, box, sizeof(box), &n))
		return 0;
	int err = seal_ticket_open(&t, box, n, key, device, 1800000000);
	helio_assert(err == 0 || err == EBADMSG || err == EACCES || err == ESTALE);
	if (!err)
		helio_assert(t.not_after_s >= 1800000000 &&
			     memcmp(t.device, device, sizeof(device)) == 0);
	return 0;
}
