/*
 * AUTH at the start of a connection. The password is read from its file each time: a new one needs
 * no restart. The file is local and one line long, so that reading it does not make the loop wait.
 */
#include "common/redis/internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_SIZE = 256 };

/* NULL, or what is wrong with the file. */
static const char *password_read(const char *path, char buf[static PASSWORD_SIZE])
{
	struct stat st;
	/* Not blocking: a FIFO of that name would hold up every call. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return "the password file cannot be read";
	const char *bad = NULL;
	ssize_t n = 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		bad = "the password file is not a file";
	else if (st.st_mode & 077)
		bad = "the password file is open to others than its owner: chmod 600";
	else if ((n = read(fd, buf, PASSWORD_SIZE)) < 0)
		bad = "the password file cannot be read";
	(void)close(fd);
	if (bad)
		return bad;
	char *end = memchr(buf, '\n', (size_t)n);
	size_t len = end ? (size_t)(end - buf) : (size_t)n;
	if (len == 0 || len >= PASSWORD_SIZE || memchr(buf, 0, len))
		return "the password file does not hold one line of 1 to 255 bytes";
	buf[len] = '\0';
	return NULL;
}

static void on_auth(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis_link *l = redis_link_of(ac);
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(l, r))
		return;
	if (r->type == REDIS_REPLY_STATUS) {
		l->h.hello_h(l->arg);
		return;
	}
	if (redis_error_is(r, "WRONGPASS"))
		l->trouble = "Redis refuses user and password";
	else if (!redis_server_unfit(r))
		l->trouble = "Redis does not understand AUTH with a user: it must be 6.0 or newer";
	redis_link_fail(l);
}

void redis_auth(struct redis_link *l)
{
	char password[PASSWORD_SIZE];
	const char *bad = password_read(l->redis.login.password_file, password);
	if (bad) {
		l->trouble = bad;
		redis_link_fail(l);
	} else {
		const char *const argv[] = {"AUTH", l->redis.login.user, password};
		redis_link_command(l, on_auth, NULL, 3, argv, NULL);
	}
	explicit_bzero(password, sizeof(password));
}
