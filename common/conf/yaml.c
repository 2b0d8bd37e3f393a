#include "common/conf/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/conf/problems.h"

enum { CHUNK_BYTES = 64 << 10 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char mem[];
};

struct yaml {
	struct chunk *chunks;
	struct yaml_node *root;
	size_t nodes_n;
};

/* What the builder holds while events come in: the open containers and where each grows. */
struct builder {
	struct yaml *y;
	struct problems *problems;
	struct yaml_node *open[YAML_DEPTH_MAX];
	struct yaml_node **tail[YAML_DEPTH_MAX];
	unsigned depth, file, documents;
};

static void *arena(struct yaml *y, size_t n)
{
	struct chunk *c = y->chunks;

	n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;
		c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		c->next = y->chunks;
		c->used = 0;
		c->size = size;
		y->chunks = c;
	}
	void *p = c->mem + c->used;
	c->used += n;
	return p;
}

__attribute__((format(printf, 5, 6))) static int refuse(struct builder *b, int line, int col,
							const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problems_vadd(
	    b->problems,
	    &(struct problem_text){.file = b->file, .line = line, .col = col, .remedy = remedy},
	    fmt, ap);
	va_end(ap);
	return EINVAL;
}

static int node_new(struct builder *b, enum yaml_kind kind, int line, int col,
		    struct yaml_node **ret)
{
	if (++b->y->nodes_n > YAML_NODES_MAX)
		return refuse(b, line, col, NULL, "the file has more than %d values",
			      YAML_NODES_MAX);
	struct yaml_node *n = arena(b->y, sizeof(*n));
	if (!n)
		return ENOMEM;
	*n = (struct yaml_node){.kind = kind, .line = line, .col = col, .file = b->file};
	if (b->depth) {
		*b->tail[b->depth - 1] = n;
		b->tail[b->depth - 1] = &n->next;
	} else {
		b->y->root = n;
	}
	*ret = n;
	return 0;
}

static int container_open(struct builder *b, enum yaml_kind kind, int line, int col)
{
	struct yaml_node *n;

	if (b->depth == YAML_DEPTH_MAX)
		return refuse(b, line, col, NULL, "nested deeper than %d levels", YAML_DEPTH_MAX);
	int err = node_new(b, kind, line, col, &n);
	if (err)
		return err;
	b->open[b->depth] = n;
	b->tail[b->depth] = &n->child;
	b->depth++;
	return 0;
}

static int scalar_add(struct builder *b, struct fy_token *value, int line, int col)
{
	struct yaml_node *n;
	size_t len = 0;
	const char *text = value ? fy_token_get_text(value, &len) : "";

	if (!text)
		text = "", len = 0;
	if (memchr(text, 0, len))
		return refuse(b, line, col, NULL, "a NUL character in a value");
	int err = node_new(b, YAML_SCALAR, line, col, &n);
	if (err)
		return err;
	char *copy = arena(b->y, len + 1);
	if (!copy)
		return ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	n->text = copy;
	n->plain = !value || fy_scalar_token_get_style(value) == FYSS_PLAIN;
	return 0;
}

static int decorated(struct builder *b, const struct fy_token *anchor, const struct fy_token *tag,
		     int line, int col)
{
	if (anchor)
		return refuse(b, line, col, "write the value out where it is used",
			      "an anchor (&name) is not understood here");
	if (tag)
		return refuse(b, line, col, "leave it out", "a tag (!name) is not understood here");
	return 0;
}

static int event_take(struct builder *b, struct fy_event *ev)
{
	const struct fy_mark *mark = fy_event_start_mark(ev);
	int line = mark ? mark->line + 1 : 1, col = mark ? mark->column + 1 : 1, err;

	switch (ev->type) {
	case FYET_DOCUMENT_START:
		if (b->documents++)
			return refuse(b, line, col, "remove the line ---",
				      "a second document in one file");
		return 0;
	case FYET_MAPPING_START:
		err = decorated(b, ev->mapping_start.anchor, ev->mapping_start.tag, line, col);
		return err ? err : container_open(b, YAML_MAP, line, col);
	case FYET_SEQUENCE_START:
		err = decorated(b, ev->sequence_start.anchor, ev->sequence_start.tag, line, col);
		return err ? err : container_open(b, YAML_SEQ, line, col);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		helio_assert(b->depth > 0);
		b->depth--;
		return 0;
	case FYET_SCALAR:
		err = decorated(b, ev->scalar.anchor, ev->scalar.tag, line, col);
		return err ? err : scalar_add(b, ev->scalar.value, line, col);
	case FYET_ALIAS:
		return refuse(b, line, col, "write the value out where it is used",
			      "an alias (*name) is not understood here");
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END: return 0;
	}
	return 0;
}

static void no_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	(void)diag, (void)user, (void)buf, (void)len;
}

/* libfyaml says where the syntax breaks; its words are kept, its first error is the true one. */
static int syntax_error(struct builder *b, struct fy_diag *diag)
{
	void *it = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &it);

	return refuse(b, e ? e->line : 1, e ? e->column : 1,
		      "check indentation (spaces, no tabs), quotes and brackets",
		      "not valid YAML: %s", e && e->msg ? e->msg : "cannot be read");
}

static int events_run(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
	int err = 0;
	bool end = false;

	while (!err && !end) {
		struct fy_event *ev = fy_parser_parse(parser);
		if (!ev) {
			/* NULL is the end of the stream, and an error as well. */
			if (fy_parser_get_stream_error(parser) || b->depth)
				err = syntax_error(b, diag);
			break;
		}
		end = ev->type == FYET_STREAM_END;
		err = event_take(b, ev);
		fy_parser_event_free(parser, ev);
	}
	return err;
}

static int parse(struct builder *b, const char *text, size_t len)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parser *parser = NULL;
	int err = ENOMEM;

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = no_output;
	diag_cfg.colorize = false;
	struct fy_diag *diag = fy_diag_create(&diag_cfg);
	if (!diag)
		return ENOMEM;
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = {.search_path = "", .flags = FYPCF_QUIET, .diag = diag};
	parser = fy_parser_create(&cfg);
	if (parser && !fy_parser_set_string(parser, text, len))
		err = events_run(b, parser, diag);
	if (parser)
		fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return err;
}

/* libfyaml 0.7.12 never returns from some directives that the end of the text cuts off; ours need
 * none. A '%' is one only where a line starts. */
static int directives_refuse(struct builder *b, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	int line = 1;

	for (size_t i = 0; i < len; i++) {
		bool start = i == 0 || text[i - 1] == '\n' || text[i - 1] == '\r' ||
			     (i == 3 && !memcmp(text, bom, 3));
		if (start && text[i] == '%')
			return refuse(b, line, 1, "remove the line",
				      "a directive (%%…) is not understood here");
		line += text[i] == '\n';
	}
	return 0;
}

int yaml_parse(struct yaml **ret, unsigned file, const char *text, size_t len,
	       struct problems *problems)
{
	struct yaml *y = calloc(1, sizeof(*y));
	struct builder b = {.y = y, .problems = problems, .file = file};
	struct yaml_node *empty;
	int err = 0;

	if (!y)
		return ENOMEM;
	if (len > YAML_BYTES_MAX)
		err = refuse(&b, 0, 0, NULL, "larger than %d MiB", YAML_BYTES_MAX >> 20);
	else if (memchr(text, 0, len))
		err = refuse(&b, 0, 0, "save it as plain UTF-8 text", "holds NUL characters");
	else if (len)
		err = directives_refuse(&b, text, len);
	if (!err && len)
		err = parse(&b, text, len);
	if (!err && !y->root)
		err = node_new(&b, YAML_MAP, 1, 1, &empty);
	if (err) {
		yaml_free(y);
		return err;
	}
	*ret = y;
	return 0;
}

struct yaml *yaml_free(struct yaml *y)
{
	if (!y)
		return NULL;
	for (struct chunk *c = y->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(y);
	return NULL;
}

const struct yaml_node *yaml_root(const struct yaml *y)
{
	return y->root;
}

const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *k = map->child; k; k = k->next->next)
		if (k->kind == YAML_SCALAR && !strcmp(k->text, key))
			return k;
	return NULL;
}

const struct yaml_node *yaml_value(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *k = yaml_key(map, key);

	return k ? k->next : NULL;
}
