#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/files.h"
#include "common/conf/options.h"

struct text {
	char *bytes;
	size_t len;
	struct stat st;
};

uint64_t conf_hash_bytes(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 1099511628211u;
	return h;
}

/* The folder of path, absolute, so that a daemon may change its own. */
static int dir_of(const char *path, char dst[CONF_PATH_SIZE])
{
	const char *slash = strrchr(path, '/');
	char dir[CONF_PATH_SIZE], cwd[CONF_PATH_SIZE];
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= sizeof(dir))
		return ENAMETOOLONG;
	memcpy(dir, path, n);
	dir[n] = '\0';
	if (path[0] == '/')
		return str_copy(dst, CONF_PATH_SIZE, n ? dir : "/");
	if (!getcwd(cwd, sizeof(cwd)))
		return errno == ERANGE ? ENAMETOOLONG : errno;
	int len = snprintf(dst, CONF_PATH_SIZE, "%s%s%s", cwd, n ? "/" : "", dir);
	return len < 0 || len >= CONF_PATH_SIZE ? ENAMETOOLONG : 0;
}

static bool has_hashes(const struct reader *r)
{
	for (uint32_t i = 0; i < r->conf->agents_n; i++)
		if (r->agents[i].a.password[0] == '$')
			return true;
	return false;
}

static void agents_mode_check(struct reader *r, mode_t mode)
{
	if (mode & S_IROTH && has_hashes(r))
		problems_add(&r->problems,
			     &(struct problem_text){
				 .file = PROBLEM_AGENTS, .warning = true, .remedy = "chmod o-r it"},
			     "everybody on this machine can read these password hashes");
}

static void file_bad(struct reader *r, unsigned file, int err)
{
	problems_add(&r->problems, &(struct problem_text){.file = file}, "cannot be read: %s",
		     strerror(err));
}

/* Raw tables become the ones that conf shows. */
static int tables_move(struct reader *r)
{
	struct conf *c = r->conf;

	c->daemons = calloc(c->daemons_n + 1u, sizeof(*c->daemons));
	c->agents = calloc(c->agents_n + 1u, sizeof(*c->agents));
	if (!c->daemons || !c->agents)
		return ENOMEM;
	for (uint32_t i = 0; i < c->daemons_n; i++)
		c->daemons[i] = r->daemons[i].d;
	for (uint32_t i = 0; i < c->agents_n; i++)
		c->agents[i] = r->agents[i].a;
	return 0;
}

static int agents_load(struct reader *r, struct yaml **ret, const struct text *agents)
{
	size_t len = strlen(r->path);
	int err = yaml_parse(ret, PROBLEM_AGENTS, agents->bytes, agents->len, &r->problems);

	if (err)
		return err;
	section_read(r, SECTION_AGENTS, yaml_root(*ret), yaml_root(*ret), r->conf);
	path_back(r, len);
	return 0;
}

static int read_both(struct reader *r, const struct text *cluster, const struct text *given)
{
	struct conf *c = r->conf;
	struct text from_disk = {0};
	const struct text *agents = given;
	struct yaml *y1 = NULL, *y2 = NULL;
	int err = yaml_parse(&y1, PROBLEM_CLUSTER, cluster->bytes, cluster->len, &r->problems);

	if (err)
		return err;
	r->root = yaml_root(y1);
	section_read(r, SECTION_ROOT, r->root, r->root, c);
	r->problems.name[PROBLEM_AGENTS] = *c->agents_file ? c->agents_file : "agents.yaml";
	if (!agents && *c->agents_file) {
		int failed = file_read(c->agents_file, YAML_BYTES_MAX, &from_disk.bytes,
				       &from_disk.len, &from_disk.st);
		if (failed)
			file_bad(r, PROBLEM_AGENTS, failed);
		else
			agents = &from_disk;
	}
	if (agents)
		err = agents_load(r, &y2, agents);
	if (err != ENOMEM)
		check_all(r);
	if (r->too_many_files)
		bad(r, NULL, NULL, "let queues share them", "more than %d sounds and calendars",
		    CONF_FILES_MAX);
	if (agents) {
		agents_mode_check(r, agents->st.st_mode);
		c->hash = conf_hash_bytes(
		    conf_hash_bytes(14695981039346656037u, cluster->bytes, cluster->len),
		    agents->bytes, agents->len);
		if (c->calendars_n)
			c->hash = conf_hash_bytes(c->hash, (const char *)&c->calendars_hash,
						  sizeof(c->calendars_hash));
	}
	if (!err && !r->problems.errors)
		err = r->no_memory ? ENOMEM : tables_move(r);
	yaml_free(y1);
	yaml_free(y2);
	free(from_disk.bytes);
	return err ? err : r->problems.errors ? EINVAL : 0;
}

struct source {
	const char *path;
	const struct text *cluster, *agents; /* agents NULL: from the disk */
	bool check_files, files_good;
	const struct conf_files *files;
	const char *files_dir;
};

static int load(struct conf **ret_conf, const struct source *from, FILE *err_out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct conf *c = calloc(1, sizeof(*c));
	int err = ENOMEM;

	if (r && c) {
		r->conf = c;
		r->check_files = from->check_files;
		r->files = from->files;
		r->files_dir = from->files_dir;
		r->files_good = from->files_good;
		r->problems.name[PROBLEM_CLUSTER] = from->path;
		err = dir_of(from->path, r->dir);
		if (!err)
			err = str_copy(c->file, sizeof(c->file), from->path);
		if (!err)
			err = read_both(r, from->cluster, from->agents);
		else
			file_bad(r, PROBLEM_CLUSTER, err);
		problems_print(&r->problems, err_out);
		problems_free(&r->problems);
		free(r->daemons);
		free(r->agents);
		free(r->queue_keys);
	}
	free(r);
	if (err)
		conf_free(c);
	else
		*ret_conf = c;
	return err;
}

static int load_copies(struct conf **ret_conf, struct source *from, const char *text, size_t len,
		       const char *agents_text, size_t agents_len, FILE *err)
{
	struct text cluster = {.bytes = malloc(len + 1), .len = len};
	struct text agents = {.bytes = malloc(agents_len + 1), .len = agents_len};
	int rc = ENOMEM;

	if (cluster.bytes && agents.bytes) {
		memcpy(cluster.bytes, text, len);
		if (agents_len)
			memcpy(agents.bytes, agents_text, agents_len);
		from->cluster = &cluster;
		from->agents = agents_text ? &agents : NULL;
		rc = load(ret_conf, from, err);
	}
	free(cluster.bytes);
	free(agents.bytes);
	return rc;
}

int conf_load_text(struct conf **ret_conf, const char *path, const char *text, size_t len,
		   const char *agents_text, size_t agents_len, bool check_files, FILE *err)
{
	struct source from = {.path = path, .check_files = check_files};

	return load_copies(ret_conf, &from, text, len, agents_text, agents_len, err);
}

int conf_load_placed(struct conf **ret_conf, const char *path, const char *text, size_t len,
		     const char *agents_text, size_t agents_len, const struct conf_files *files,
		     const char *dir, FILE *err)
{
	struct source from = {.path = path,
			      .check_files = true,
			      .files_good = files != NULL,
			      .files = files,
			      .files_dir = dir};

	return load_copies(ret_conf, &from, text, len, agents_text, agents_len, err);
}

int conf_load(struct conf **ret_conf, const char *path, FILE *err)
{
	struct text cluster = {0};
	struct conf_files *files = NULL;
	char dir[CONF_PATH_SIZE];
	struct source from = {.path = path, .cluster = &cluster, .check_files = true};
	int rc = file_read(path, YAML_BYTES_MAX, &cluster.bytes, &cluster.len, NULL);

	if (rc) {
		if (err)
			fprintf(err, "%s: cannot be read: %s\n", path, strerror(rc));
		return rc;
	}
	rc = conf_files_applied(&files, dir, path);
	if (rc && rc != ENOENT) {
		if (err)
			fprintf(err, "%s: cluster.files beside it: %s\n", path,
				rc == EINVAL ? "not a list of files" : strerror(rc));
	} else {
		from.files = files;
		from.files_dir = dir;
		rc = load(ret_conf, &from, err);
	}
	free(files);
	free(cluster.bytes);
	return rc;
}
