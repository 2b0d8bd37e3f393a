/* An experiment of the chaos lab, YAML or JSON, as somebody may hand it to us. */
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#include "chaos/drill/experiment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* As in fuzz_conf.c: libfyaml 0.7.12 forgets a little when a quoted text breaks off. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sets[] = {"callers=3", NULL};
	static FILE *sink;
	struct experiment *e = NULL;
	if (!sink)
		sink = fopen("/dev/null", "w");
	if (experiment_parse(&e, "x", (const char *)data, size, size % 2 ? sets : NULL, sink) ==
	    0) {
		for (uint32_t i = 0; i < e->steady_n; i++) {
			char text[160];
			json_t *v = json_integer((json_int_t)size);
			tolerance_text(&e->steady[i].tolerance, text);
			(void)tolerance_holds(&e->steady[i].tolerance, v);
			json_decref(v);
		}
		experiment_free(e);
	}
	return 0;
}
