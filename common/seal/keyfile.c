/* Key files: one line of hex. The only part of this folder that touches the world. */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = SEAL_FILE_MAX, TEXT_MAX = 2 * FILE_BYTES_MAX + 2 };

/* Opens and judges by the descriptor, so that what was checked is what is read. */
static int open_checked(const char *path, bool secret, int *ret_fd)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in the place of a key must not hang a daemon's start. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno;
	int err = fstat(fd, &st) < 0 ? errno : 0;
	if (!err && !S_ISREG(st.st_mode))
		err = EINVAL;
	if (!err && secret && (st.st_mode & (S_IRWXG | S_IRWXO)))
		err = EPERM;
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* Reads until the end of the file; EINVAL when it holds more than size bytes. */
static int read_whole(int fd, char *buf, size_t size, size_t *ret_n)
{
	size_t n = 0;
	for (;;) {
		ssize_t got = read(fd, buf + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		n += (size_t)got;
		if (n == size)
			return EINVAL;
	}
	*ret_n = n;
	return 0;
}

int seal_file_read_some(const char *path, void *dst, size_t size, size_t *ret_n, bool secret)
{
	char text[TEXT_MAX + 1];
	size_t n = 0;
	int fd = -1;
	int err = open_checked(path, secret, &fd);
	if (err)
		return err;
	err = read_whole(fd, text, sizeof(text), &n);
	close(fd);
	if (!err) {
		if (n > 0 && text[n - 1] == '\n')
			n--;
		text[n] = '\0';
		if (n == 0 || n % 2 || n / 2 > size || strlen(text) != n)
			err = EINVAL;
	}
	if (!err) {
		/* Decoded aside: a bad digit in the middle leaves dst alone. */
		uint8_t bytes[FILE_BYTES_MAX];
		err = n / 2 > sizeof(bytes) ? EINVAL : hex_decode(bytes, n / 2, text);
		if (!err) {
			memcpy(dst, bytes, n / 2);
			*ret_n = n / 2;
		}
		sodium_memzero(bytes, sizeof(bytes));
	}
	sodium_memzero(text, sizeof(text));
	return err;
}

int seal_file_read(const char *path, void *dst, size_t n, bool secret)
{
	uint8_t bytes[FILE_BYTES_MAX];
	size_t got = 0;
	int err = seal_file_read_some(path, bytes, sizeof(bytes), &got, secret);
	if (!err && got != n)
		err = EINVAL;
	if (!err)
		memcpy(dst, bytes, n);
	sodium_memzero(bytes, sizeof(bytes));
	return err;
}

static int write_whole(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 ? errno : 0;
}

static int folder_sync(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof(dir))
		return ENAMETOOLONG;
	memcpy(dir, path, n);
	dir[n] = '\0';
	int fd = open(n ? dir : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = fsync(fd) < 0 ? errno : 0;
	close(fd);
	return err;
}

int seal_file_write_text(const char *path, const char *text, bool secret)
{
	char tmp[PATH_MAX];
	if (snprintf(tmp, sizeof(tmp), "%s.%08x.tmp", path, randombytes_random()) >=
	    (int)sizeof(tmp))
		return ENAMETOOLONG;
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
	if (fd < 0)
		return errno;
	int err = write_whole(fd, text, strlen(text));
	if (close(fd) < 0 && !err)
		err = errno;
	if (!err && rename(tmp, path) < 0)
		err = errno;
	if (err) {
		unlink(tmp);
		return err;
	}
	return folder_sync(path);
}

int seal_file_write(const char *path, const void *src, size_t n, bool secret)
{
	char text[TEXT_MAX + 1];
	if (n == 0 || n > FILE_BYTES_MAX)
		return EINVAL;
	hex_encode(text, src, n);
	text[2 * n] = '\n';
	text[2 * n + 1] = '\0';
	int err = seal_file_write_text(path, text, secret);
	sodium_memzero(text, sizeof(text));
	return err;
}
