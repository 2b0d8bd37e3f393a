#include "common/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, char **ret, size_t *ret_n, struct stat *ret_st)
{
	struct stat st;
	size_t n = 0;
	/* Not blocked by a FIFO that somebody put there. */
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno;
	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if ((uint64_t)st.st_size > max)
		err = EFBIG;
	char *bytes = err ? NULL : malloc((size_t)st.st_size + 1);
	if (!err && !bytes)
		err = ENOMEM;
	while (!err && n < (size_t)st.st_size) {
		ssize_t got = read(fd, bytes + n, (size_t)st.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			err = got ? errno : EIO; /* shorter than it just was */
		else
			n += (size_t)got;
	}
	close(fd);
	if (err) {
		free(bytes);
		return err;
	}
	bytes[n] = '\0';
	*ret = bytes;
	*ret_n = n;
	if (ret_st)
		*ret_st = st;
	return 0;
}

int file_write(const char *path, const void *bytes, size_t n, unsigned mode)
{
	const char *p = bytes;
	int err = 0, fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);

	if (fd < 0)
		return errno;
	while (!err && n) {
		ssize_t put = write(fd, p, n);
		if (put < 0 && errno != EINTR)
			err = errno;
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	if (!err && (fchmod(fd, (mode_t)mode) || fsync(fd)))
		err = errno;
	if (close(fd) && !err)
		err = errno;
	return err;
}
