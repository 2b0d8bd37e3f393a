/* The whole loader from memory: the first half up to a line "%agents" is the cluster file, the rest
 * is agents.yaml. Nothing is read from the disk. */
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/acd/acd.h"
#include "common/conf/conf.h"
#include "common/conf/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets some 512 bytes when a long quoted text breaks off. Once per load, at a
 * refusal: no harm. Whether we give back what it gives us, the unit tests show under ASan, which
 * know no such exception. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char mark[] = "\n%agents\n";
	const char *text = (const char *)data, *cut = NULL;
	struct acd_queue_conf *queues = NULL;
	struct conf *c = NULL;
	uint32_t n = 0;
	static FILE *sink;

	/* Messages are built and printed too: that is where texts of the file go. */
	if (!sink)
		sink = fopen("/dev/null", "w");
	if (size)
		cut = memmem(text, size, mark, sizeof(mark) - 1);
	size_t first = cut ? (size_t)(cut - text) + 1 : size;
	const char *agents = cut ? cut + sizeof(mark) - 1 : "";
	size_t agents_len = cut ? size - (size_t)(agents - text) : 0;

	if (!conf_load_text(&c, "/nowhere/cluster.yaml", text, first, agents, agents_len, false,
			    sink)) {
		if (!conf_acd_queues(c, &queues, &n))
			free(queues);
		for (uint32_t i = 0; i < c->agents_n; i++)
			if (conf_agent_by_name(c, c->agents[i].name) != &c->agents[i])
				abort();
		for (uint32_t i = 0; i < c->daemons_n; i++)
			if (conf_daemon_by_addr(c, c->daemons[i].addr) != &c->daemons[i])
				abort();
		conf_free(c);
	}
	return 0;
}
