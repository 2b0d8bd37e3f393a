/* What went wrong, and running a helper program. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

int lab_fail(struct lab *lab, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(lab->why, sizeof(lab->why), fmt, ap);
	va_end(ap);
	return err;
}

int lab_run(struct lab *lab, const char *fmt, ...)
{
	char line[4 * LAB_PATH_SIZE], out[400] = "";
	size_t n = 0;
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(line, sizeof(line) - 6, fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(line) - 6)
		return lab_fail(lab, E2BIG, "a command is too long");
	char shown[64];
	(void)str_copy(shown, sizeof(shown), line);
	memcpy(line + len, " 2>&1", 6);
	FILE *f = popen(line, "re");
	if (!f)
		return lab_fail(lab, errno, "%s: %s", shown, strerror(errno));
	for (size_t got; (got = fread(out + n, 1, sizeof(out) - 1 - n, f)) > 0;)
		n += got;
	out[n] = '\0';
	char rest[512];
	while (fread(rest, 1, sizeof(rest), f) > 0)
		;
	int status = pclose(f);
	if (status == 0)
		return 0;
	return lab_fail(lab, EIO, "%s…: %s", shown, n ? out : "failed");
}
