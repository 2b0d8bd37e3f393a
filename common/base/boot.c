#include "common/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_number(int dir, uint32_t *ret)
{
	char buf[16] = "";
	int fd = openat(dir, "boot", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*ret = 0;
		return errno == ENOENT ? 0 : errno;
	}
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	int err = n < 0 ? errno : 0;
	close(fd);
	if (err)
		return err;
	char *end;
	errno = 0;
	unsigned long v = strtoul(buf, &end, 10);
	if (end == buf || errno || v >= 1ul << ID_BOOT_BITS)
		return EINVAL; /* a damaged file must not quietly reuse old ids */
	*ret = (uint32_t)v;
	return 0;
}

static int write_number(int dir, uint32_t v)
{
	char buf[16];
	int n = snprintf(buf, sizeof(buf), "%u\n", v), err = 0;
	int fd = openat(dir, "boot.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	if (write(fd, buf, (size_t)n) != n)
		err = errno ? errno : EIO;
	else if (fsync(fd))
		err = errno;
	close(fd);
	if (!err && (renameat(dir, "boot.new", dir, "boot") || fsync(dir)))
		err = errno;
	return err;
}

int dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

int boot_next(const char *state_dir, uint32_t *ret_boot)
{
	uint32_t v = 0;
	int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno;
	int err = read_number(dir, &v);
	if (!err && v + 1 >= 1u << ID_BOOT_BITS)
		err = EOVERFLOW;
	if (!err)
		err = write_number(dir, v + 1);
	close(dir);
	if (!err)
		*ret_boot = v + 1;
	return err;
}
