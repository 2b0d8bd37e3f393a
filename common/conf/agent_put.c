/*
 * Changes one agent in agents.yaml as text, so that comments, order and the hand that wrote the
 * rest stay as they are:
 *
 *   agents:
 *     # the night shift          kept
 *     maria: {…}            ◄─── these lines are replaced, or a line is added after the last agent
 *     jose: {…}                  kept
 */
#include "common/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/options.h"

struct edit {
	const char *path;
	char *text;
	size_t len;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool exists;
	char *why;
};

__attribute__((format(printf, 3, 4))) static int fail(struct edit *e, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->why, 256, fmt, ap);
	va_end(ap);
	return err;
}

static int text_load(struct edit *e)
{
	struct stat st;
	int err = file_read(e->path, YAML_BYTES_MAX, &e->text, &e->len, &st);

	e->mode = 0600;
	if (err == ENOENT) {
		e->text = strdup("version: 0\nagents:\n");
		e->len = e->text ? strlen(e->text) : 0;
		return e->text ? 0 : ENOMEM;
	}
	if (err)
		return fail(e, err, "%.180s: %s", e->path, strerror(err));
	e->exists = true;
	e->mode = st.st_mode & 07777;
	e->uid = st.st_uid;
	e->gid = st.st_gid;
	return 0;
}

/* Where line n (from 1) starts; the end of the text when there are fewer. */
static size_t line_at(const struct edit *e, int line)
{
	size_t at = 0;

	for (int i = 1; i < line && at < e->len; i++) {
		const char *nl = memchr(e->text + at, '\n', e->len - at);
		at = nl ? (size_t)(nl - e->text) + 1 : e->len;
	}
	return at;
}

/* The end of the block that starts at `from` and must stop before `limit`: blank lines and comments
 * at its tail belong to what follows. */
static size_t block_end(const struct edit *e, size_t from, size_t limit)
{
	size_t end = from, at = from;

	while (at < limit) {
		const char *nl = memchr(e->text + at, '\n', limit - at);
		size_t next = nl ? (size_t)(nl - e->text) + 1 : limit;
		size_t p = at;
		while (p < next && (e->text[p] == ' ' || e->text[p] == '\t' || e->text[p] == '\r' ||
				    e->text[p] == '\n'))
			p++;
		if (p < next && e->text[p] != '#')
			end = next;
		at = next;
	}
	return end;
}

static void quoted(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

enum { RANK_DEFAULT = 100 };

/* The names come in the order of a->skills' bits (a caller who knows no levels leaves those out).
 * With levels as a map; a skill without one has 10. */
static void skills_write(FILE *f, const struct conf_agent *a, const char *const *skills,
			 uint32_t skills_n)
{
	bool levels = false;
	unsigned bit = 0;

	for (unsigned i = 0; i < 4; i++)
		levels |= a->levels.w[i] != 0;
	fputc(levels ? '{' : '[', f);
	for (uint32_t i = 0; i < skills_n; i++, bit++) {
		while (bit < CONF_SKILLS_MAX && !(a->skills >> bit & 1))
			bit++;
		unsigned level = 0;
		if (bit < CONF_SKILLS_MAX)
			level = a->levels.w[bit / 16] >> 4 * (bit % 16) & 15;
		fprintf(f, "%s%s", i ? ", " : "", skills[i]);
		if (levels)
			fprintf(f, ": %u", level ? level : (unsigned)ACD_LEVEL_MAX);
	}
	fputs(levels ? "}, " : "], ", f);
}

static void agent_write(FILE *f, const struct conf_agent *a, const char *site,
			const char *const *skills, uint32_t skills_n, int indent)
{
	fprintf(f, "%*s%s: {display: ", indent, "", a->name);
	quoted(f, *a->display ? a->display : a->name);
	fprintf(f, ", site: %s, language: ", site);
	quoted(f, *a->language ? a->language : "en");
	fprintf(f, ", codec: %s, skills: ", a->codec == CONF_CODEC_OPUS ? "opus" : "pcmu");
	skills_write(f, a, skills, skills_n);
	if (a->rank != RANK_DEFAULT && a->rank != 0) /* 0: a new agent, nothing was said */
		fprintf(f, "rank: %u, ", a->rank);
	if (*a->tenant)
		fprintf(f, "tenant: %s, ", a->tenant);
	if (a->supervisor)
		fputs("supervisor: true, ", f);
	fputs("password: ", f);
	quoted(f, *a->password ? a->password : "!");
	fputs("}\n", f);
}

/* The span of text to replace, and the indentation of the new line. */
struct span {
	size_t from, to;
	int indent;
	const char *before; /* put in front of the new line */
};

static int span_find(struct edit *e, const struct yaml_node *root, const char *name,
		     struct span *ret)
{
	const struct yaml_node *key = yaml_key(root, "agents"), *map = key ? key->next : NULL;
	const struct yaml_node *after = key ? key->next->next : NULL;
	size_t limit = after ? line_at(e, after->line) : e->len;
	struct span s = {.indent = 2, .before = ""};

	if (!key) {
		s.from = s.to = e->len;
		s.before = e->len && e->text[e->len - 1] != '\n' ? "\nagents:\n" : "agents:\n";
		*ret = s;
		return 0;
	}
	if (map->kind != YAML_MAP || !map->child) {
		if (map->kind == YAML_SEQ || (map->kind == YAML_SCALAR && *map->text))
			return fail(e, EINVAL, "line %d: agents: must be a map", key->line);
		/* `agents:` or `agents: {}` */
		s.from = line_at(e, key->line);
		s.to = line_at(e, key->line + 1);
		s.before = "agents:\n";
		*ret = s;
		return 0;
	}
	if (map->child->line == key->line)
		return fail(e, EINVAL,
			    "line %d: agents: {…} stands on one line; give each agent a line of "
			    "its own",
			    key->line);
	s.indent = map->child->col - 1;
	const struct yaml_node *k = map->child, *last = k;
	while (k && (k->kind != YAML_SCALAR || strcmp(k->text, name))) {
		last = k;
		k = k->next->next;
	}
	size_t start = line_at(e, k ? k->line : last->line);
	const struct yaml_node *next = k ? k->next->next : NULL;
	s.to = block_end(e, start, next ? line_at(e, next->line) : limit);
	s.from = k ? start : s.to;
	if (s.to && e->text[s.to - 1] != '\n' && !k)
		s.before = "\n";
	*ret = s;
	return 0;
}

/* version: N -> N + 1, where there is one. */
static size_t version_write(FILE *f, const struct edit *e, const struct yaml_node *root,
			    size_t upto)
{
	const struct yaml_node *v = yaml_value(root, "version");

	if (!v || v->kind != YAML_SCALAR || !*v->text ||
	    strspn(v->text, "0123456789") != strlen(v->text) || strlen(v->text) > 9)
		return 0;
	size_t at = line_at(e, v->line) + (size_t)v->col - 1, end = at + strlen(v->text);
	if (end > upto || memcmp(e->text + at, v->text, strlen(v->text)) != 0)
		return 0;
	fwrite(e->text, 1, at, f);
	fprintf(f, "%lu", strtoul(v->text, NULL, 10) + 1);
	return end;
}

static int text_check(struct edit *e, const char *text, size_t len, struct yaml **ret)
{
	struct problems p = {.name = {e->path, e->path}};
	int err = yaml_parse(ret, PROBLEM_AGENTS, text, len, &p);

	if (err && p.n)
		fail(e, err, "%.100s:%d:%d: %.100s", e->path, p.list[0].line, p.list[0].col,
		     p.list[0].text);
	else if (!err && yaml_root(*ret)->kind != YAML_MAP) {
		*ret = yaml_free(*ret);
		err = fail(e, EINVAL, "%.180s holds no map", e->path);
	}
	problems_free(&p);
	return err;
}

/* The folder that the file stands in. */
static int folder_sync(const char *path)
{
	char dir[CONF_PATH_SIZE];
	const char *slash = strrchr(path, '/');

	if (!slash)
		str_copy(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + (slash == path)), path);
	return dir_sync(dir);
}

static int file_replace(struct edit *e, const char *text, size_t len)
{
	char tmp[CONF_PATH_SIZE + 8];
	size_t done = 0;
	int err = 0;

	snprintf(tmp, sizeof(tmp), "%s.XXXXXX", e->path);
	int fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "%.180s: %s", tmp, strerror(errno));
	while (!err && done < len) {
		ssize_t n = write(fd, text + done, len - done);
		if (n < 0 && errno != EINTR)
			err = errno;
		else if (n > 0)
			done += (size_t)n;
	}
	/* Who could read it before can read it after; the owner only root can keep. */
	if (!err && e->exists && geteuid() == 0 && fchown(fd, e->uid, e->gid))
		err = errno;
	if (!err && (fchmod(fd, e->mode) || fsync(fd)))
		err = errno;
	close(fd);
	if (!err && rename(tmp, e->path))
		err = errno;
	if (err) {
		unlink(tmp);
		return fail(e, err, "%.180s: %s", e->path, strerror(err));
	}
	return folder_sync(e->path);
}

static int edit_apply(struct edit *e, const struct conf_agent *agent, const char *site,
		      const char *const *skills, uint32_t skills_n)
{
	struct yaml *before = NULL, *after = NULL;
	struct span span = {0};
	char *out = NULL;
	size_t out_len = 0;
	int err = text_check(e, e->text, e->len, &before);

	if (!err)
		err = span_find(e, yaml_root(before), agent->name, &span);
	FILE *f = err ? NULL : open_memstream(&out, &out_len);
	if (f) {
		size_t at = version_write(f, e, yaml_root(before), span.from);
		fwrite(e->text + at, 1, span.from - at, f);
		fputs(span.before, f);
		agent_write(f, agent, site, skills, skills_n, span.indent);
		fwrite(e->text + span.to, 1, e->len - span.to, f);
		if (fclose(f))
			err = ENOMEM;
	} else if (!err) {
		err = ENOMEM;
	}
	/* Nothing reaches the disk that does not read back. */
	if (!err)
		err = text_check(e, out, out_len, &after);
	if (!err && !yaml_key(yaml_value(yaml_root(after), "agents"), agent->name))
		err = fail(e, EINVAL, "%.180s: cannot be edited as it is written", e->path);
	if (!err)
		err = file_replace(e, out, out_len);
	yaml_free(before);
	yaml_free(after);
	free(out);
	return err;
}

/* Two helioctl at once must not lose one's change: the folder is the lock, as the file is replaced.
 */
static int lock_dir(const char *path)
{
	char dir[CONF_PATH_SIZE];
	const char *slash = strrchr(path, '/');

	if (!slash)
		str_copy(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + (slash == path)), path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 32 || *s == 127)
			return false;
	return true;
}

int conf_agent_put(const char *agents_path, const struct conf_agent *agent, const char *site_name,
		   const char *const *skills, uint32_t skills_n, char ret_why[256])
{
	struct edit e = {.path = agents_path, .why = ret_why};

	ret_why[0] = '\0';
	if (!printable(agent->display) || !printable(agent->password) ||
	    !printable(agent->language))
		return fail(&e, EINVAL, "control characters are not allowed");
	if (strlen(agents_path) >= CONF_PATH_SIZE)
		return fail(&e, ENAMETOOLONG, "the path is too long");
	int lock = lock_dir(agents_path);
	if (lock < 0)
		return fail(&e, errno, "the folder of %.160s: %s", agents_path, strerror(errno));
	int err = text_load(&e);
	if (!err)
		err = edit_apply(&e, agent, site_name, skills, skills_n);
	if (err && !*ret_why)
		fail(&e, err, "%.180s: %s", agents_path, strerror(err));
	free(e.text);
	close(lock);
	return err;
}
