/* Commands to helio-wan, line by line, with packets in between. */
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "chaos/wan/rules.h"
#include "common/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rules r;
	static char reply[RULES_REPLY_SIZE];
	static struct wan *wan; /* its 64 MB are made once, or they are all that is tested */
	char line[256];
	uint64_t now = 0;
	memset(&r, 0, sizeof(r));
	helio_assert(wan || wan_new(&wan, 2, 1) == 0);
	r.wan = wan;
	r.sites = 2;
	strcpy(r.name[0], "a");
	strcpy(r.name[1], "b");
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - data) - at : size - at;
		size_t len = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
		memcpy(line, data + at, len);
		line[len] = '\0';
		rules_command(&r, line, (int)(n % 3), now, reply);
		uint32_t to;
		const void *p;
		wan_submit(r.wan, 0, 1, now, data, size < 1500 ? size : 1500);
		now += 10000;
		(void)rules_tick(&r, now);
		while (wan_next(r.wan, now, &to, &p))
			helio_assert(to == 1);
		at += n + 1;
	}
	rules_owner_gone(&r, 1);
	const struct wan_rule none = {0};
	uint32_t to;
	const void *p;
	wan_rule_set(wan, 0, 1, &none);
	wan_rule_set(wan, 1, 0, &none);
	while (wan_next(wan, UINT64_MAX, &to, &p))
		continue;
	return 0;
}
