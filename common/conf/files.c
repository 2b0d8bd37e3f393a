#include "common/conf/files.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/base.h"

static const char *const kinds[] = {[CONF_FILE_SOUND] = "sound",
				    [CONF_FILE_CALENDAR] = "calendar",
				    [CONF_FILE_CUSTOMERS] = "customers"};

const char *conf_file_kind_name(enum conf_file_kind kind)
{
	return kinds[kind];
}

static char *print(const struct conf_files *f, bool whole, size_t *ret_n)
{
	char hex[2 * sizeof(f->signature) + 1], *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	hex_encode(hex, f->of, sizeof(f->of));
	fprintf(out, "heliograph-files: 1\ncluster: %s\nversion: %" PRIu32 "\nof: %s\n", f->cluster,
		f->version, hex);
	for (uint32_t i = 0; i < f->n; i++) {
		hex_encode(hex, f->list[i].hash, CONF_FILE_HASH);
		fprintf(out, "file: %s %s %" PRIu32 " %s\n", kinds[f->list[i].kind], hex,
			f->list[i].bytes, f->list[i].name);
	}
	hex_encode(hex, f->signature, sizeof(f->signature));
	if (whole)
		fprintf(out, "signature: %s\n", hex);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	*ret_n = n;
	return text;
}

char *conf_files_signed_text(const struct conf_files *f, size_t *ret_n)
{
	return print(f, false, ret_n);
}

char *conf_files_print(const struct conf_files *f, size_t *ret_n)
{
	return print(f, true, ret_n);
}

/* "file: KIND HASH BYTES NAME" */
static bool line_parse(struct conf_listed *ret, const char *line)
{
	char kind[16], hex[72];
	int at = 0;

	if (sscanf(line, "file: %15[a-z] %64[0-9a-f] %9" SCNu32 " %n", kind, hex, &ret->bytes,
		   &at) != 3 ||
	    !at || hex_decode(ret->hash, CONF_FILE_HASH, hex))
		return false;
	for (size_t k = 0; k < HELIO_ARRAY_LEN(kinds); k++)
		if (!strcmp(kind, kinds[k])) {
			ret->kind = (enum conf_file_kind)k;
			return line[at] && !str_copy(ret->name, sizeof(ret->name), line + at) &&
			       ret->bytes <= CONF_FILE_MAX;
		}
	return false;
}

/* text is NUL-terminated and cut into lines here. */
static bool lines_parse(struct conf_files *f, char *text)
{
	char of[72], sig[136], *save = NULL;
	uint64_t sum = 0;
	int at = 0;

	if (sscanf(text,
		   "heliograph-files: 1\ncluster: %24[a-z0-9-]\nversion: %9" SCNu32
		   "\nof: %64[0-9a-f]\n%n",
		   f->cluster, &f->version, of, &at) != 3 ||
	    !at || hex_decode(f->of, sizeof(f->of), of))
		return false;
	for (char *line = strtok_r(text + at, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "signature: %128[0-9a-f]", sig) == 1)
			return !hex_decode(f->signature, sizeof(f->signature), sig) &&
			       sum <= CONF_FILES_SUM_MAX;
		if (f->n == CONF_FILES_MAX || !line_parse(&f->list[f->n], line) ||
		    (f->n && strcmp(f->list[f->n - 1].name, f->list[f->n].name) >= 0))
			return false;
		sum += f->list[f->n++].bytes;
	}
	return false;
}

int conf_files_parse(struct conf_files **ret, const char *text, size_t n)
{
	size_t lines = 0, again_n = 0;

	if (n > CONF_FILES_TEXT_MAX)
		return EINVAL;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	struct conf_files *f = calloc(1, sizeof(*f) + lines * sizeof(f->list[0]));
	char *copy = malloc(n + 1), *again = NULL;
	int err = f && copy ? 0 : ENOMEM;

	if (!err) {
		memcpy(copy, text, n);
		copy[n] = '\0';
		err = lines_parse(f, copy) ? 0 : EINVAL;
	}
	/* Exactly what would be printed: nothing unsigned rides along. */
	if (!err && !(again = conf_files_print(f, &again_n)))
		err = ENOMEM;
	if (!err && (again_n != n || memcmp(again, text, n) != 0))
		err = EINVAL;
	free(again);
	free(copy);
	if (err)
		free(f);
	else
		*ret = f;
	return err;
}

const struct conf_listed *conf_files_find(const struct conf_files *f, const char *name)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (!strcmp(f->list[i].name, name))
			return &f->list[i];
	return NULL;
}

int conf_files_path(char dst[static CONF_PATH_SIZE], const char *dir,
		    const uint8_t hash[static CONF_FILE_HASH])
{
	char hex[2 * CONF_FILE_HASH + 1];

	hex_encode(hex, hash, CONF_FILE_HASH);
	int n = snprintf(dst, CONF_PATH_SIZE, "%s/%s", dir, hex);
	return n < 0 || n >= CONF_PATH_SIZE ? ENAMETOOLONG : 0;
}

int conf_files_read(struct conf_files **ret, const char *path)
{
	char *text;
	size_t n;
	int err = file_read(path, CONF_FILES_TEXT_MAX, &text, &n, NULL);

	if (err)
		return err;
	err = conf_files_parse(ret, text, n);
	free(text);
	return err;
}

int conf_files_applied(struct conf_files **ret, char ret_dir[static CONF_PATH_SIZE],
		       const char *path)
{
	char real[PATH_MAX], list[CONF_PATH_SIZE];
	struct stat st;

	if (!realpath(path, real))
		return errno;
	char *slash = strrchr(real, '/');
	*slash = '\0';
	int n = snprintf(ret_dir, CONF_PATH_SIZE, "%s/files", real);
	if (n < 0 || n >= CONF_PATH_SIZE ||
	    snprintf(list, sizeof(list), "%s/cluster.files", real) >= (int)sizeof(list))
		return ENOENT; /* no such path was ever made by apply */
	if (stat(ret_dir, &st) || !S_ISDIR(st.st_mode))
		return ENOENT;
	return conf_files_read(ret, list);
}
