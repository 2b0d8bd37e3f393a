/* STUN as it comes to a WebRTC port, from anybody. */
#include "nodes/media/stun.h"

#include "common/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ice_message m;
	if (ice_parse(&m, data, size))
		return 0;
	helio_assert(size <= ICE_MESSAGE_MAX && m.username_len <= ICE_USERNAME_MAX);
	if (m.username)
		helio_assert((const uint8_t *)m.username + m.username_len <= data + size);
	helio_assert(m.integrity_at + 24 <= size || !m.integrity_at);
	(void)ice_integrity_ok(&m, data, "VOkJxbRl1RmTxUk/WvJxBt");
	return 0;
}
