/* agent add, passwd, list: agents.yaml, edited so that comments stay. */
#include "deploy/helioctl/push.h"
#include "deploy/helioctl/sign.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/seal/seal.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 128 };

static const char *opt_tenant, *opt_skills, *opt_display, *opt_language, *opt_codec;
static uint32_t opt_rank;
static bool opt_stdin, opt_supervisor, opt_lock;
static uint32_t opt_wait = PUSH_WAIT_MS;

const struct ctl_option cmd_agent_options[] = {
    {"skills", "A,B=4", CTL_TEXT, &opt_skills,
     "what the agent can do, with levels 1 to 10 (none: 10)"},
    {"rank", "N", CTL_NUMBER, &opt_rank,
     "for queues with strategy: linear, 1 to 255, the smallest first"},
    {"tenant", "NAME", CTL_TEXT, &opt_tenant, "whose agent it is"},
    {"display", "NAME", CTL_TEXT, &opt_display, "name for people (default: the login)"},
    {"language", "CODE", CTL_TEXT, &opt_language, "language of the page (default: the site's)"},
    {"codec", "CODEC", CTL_TEXT, &opt_codec, "opus (default) or pcmu"},
    {"supervisor", NULL, CTL_FLAG, &opt_supervisor, "sees all queues and agents"},
    {"password-stdin", NULL, CTL_FLAG, &opt_stdin, "read the password from standard input"},
    {"wait", "TIME", CTL_DURATION_MS, &opt_wait, "until every daemon knows (default 30s)"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};
const struct ctl_option cmd_passwd_options[] = {
    {"password-stdin", NULL, CTL_FLAG, &opt_stdin, "read the password from standard input"},
    {"wait", "TIME", CTL_DURATION_MS, &opt_wait, "until every daemon knows (default 30s)"},
    {"lock", NULL, CTL_FLAG, &opt_lock, "no password: the agent may not sign in"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

static const char *line_read(FILE *in, char buf[PASSWORD_MAX + 2])
{
	buf[0] = '\0';
	if (!fgets(buf, PASSWORD_MAX + 2, in))
		return NULL;
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

/* Twice, without echo; the terminal gets its echo back whatever happens. */
static const char *tty_read(char buf[PASSWORD_MAX + 2])
{
	char again[PASSWORD_MAX + 2] = "";
	struct termios old, quiet;
	FILE *tty = fopen("/dev/tty", "r+e");
	const char *got = NULL;

	if (!tty || tcgetattr(fileno(tty), &old)) {
		if (tty)
			fclose(tty);
		ctl_fail(CTL_USAGE, "use --password-stdin", "no terminal to ask for a password");
		return NULL;
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* Ctrl-C at the prompt would otherwise leave a terminal that shows nothing. */
	quiet.c_lflag &= ~(tcflag_t)ISIG;
	tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	fputs("Password: ", tty);
	got = line_read(tty, buf);
	fputs("\nAgain: ", tty);
	if (got && (!line_read(tty, again) || strcmp(buf, again) != 0)) {
		got = NULL;
		fputs("\nThey differ.", tty);
	}
	fputc('\n', tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fclose(tty);
	explicit_bzero(again, sizeof(again));
	return got;
}

static int password_set(char hash[128])
{
	char buf[PASSWORD_MAX + 2] = "";
	const char *p = opt_stdin ? line_read(stdin, buf) : tty_read(buf);
	int code = CTL_OK;

	if (!p)
		code = opt_stdin ? ctl_fail(CTL_USAGE, NULL, "no password on standard input")
				 : CTL_USAGE;
	else if (strlen(p) < PASSWORD_MIN || strlen(p) > PASSWORD_MAX)
		code = ctl_fail(CTL_USAGE, NULL, "a password has %d to %d bytes", PASSWORD_MIN,
				PASSWORD_MAX);
	else if (seal_init() || seal_password_hash(hash, p))
		code = ctl_fail(CTL_UNHEALTHY, "free some memory: Argon2id needs 64 MB",
				"the password cannot be hashed");
	explicit_bzero(buf, sizeof(buf));
	return code;
}

/* A tenant is a skill that nobody writes down as one. */
static bool is_tenant(const char *skill)
{
	return strncmp(skill, CONF_TENANT_SKILL, strlen(CONF_TENANT_SKILL)) == 0;
}

/* "a,b=4" -> bits and levels; CTL_USAGE (told) for what is not in the cluster file. A tenant's
 * skill is not given so. */
static int skills_parse(const struct conf *c, const char *list, struct conf_agent *a)
{
	char word[64];
	uint64_t bits = 0;
	struct acd_levels levels = {{0}};

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ","), name = strcspn(p, ",=:");
		uint32_t k = 0;
		unsigned long level = 0;
		char *end = NULL;
		snprintf(word, sizeof(word), "%.*s", (int)(name < 60 ? name : 60), p);
		while (k < c->skills_n && strcmp(c->skills[k], word) != 0)
			k++;
		if (n && (k == c->skills_n || is_tenant(word)))
			return ctl_fail(CTL_USAGE, "add it to skills: in the cluster file first",
					"no skill '%s'", word);
		if (name < n) {
			level = strtoul(p + name + 1, &end, 10);
			if (end != p + n || level < 1 || level > ACD_LEVEL_MAX)
				return ctl_fail(CTL_USAGE, "NAME=LEVEL, 1 to 10", "no level of %s",
						word);
		}
		if (n) {
			bits |= 1ull << k;
			levels.w[k / 16] |= (uint64_t)level << 4 * (k % 16);
		}
		p += n + (p[n] == ',');
	}
	a->skills = bits;
	a->levels = levels;
	return CTL_OK;
}

/* Unsigned: every daemon of this machine reads the file again. */
static int spread_unsigned(struct ctl *ctl)
{
	struct answers as;
	int code = ask(ctl, ASK_ALL, NULL, "reload", NULL, &as);

	if (code == CTL_SILENT && !ctl->json)
		fputs("no daemon runs here; they read it when they start\n", ctl->out);
	else if (code != CTL_OK && code != CTL_SILENT)
		answers_silent_print(ctl, &as);
	answers_free(&as);
	return code == CTL_OK       ? push_wait(ctl, 0, ctl->conf->hash, opt_wait)
	       : code == CTL_SILENT ? CTL_OK
				    : code;
}

/* From this file to every daemon of the cluster. */
static int spread(struct ctl *ctl)
{
	char sig_path[CONF_PATH_SIZE];
	struct signature sig;
	struct push p = {0};
	int err = seal_init() ? EIO : file_beside(sig_path, ctl->config, "cluster.sig");

	conf_free(ctl->conf);
	ctl->conf = NULL;
	if (err || conf_load(&ctl->conf, ctl->config, stderr))
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s is not usable any more", ctl->config);
	if (signature_read(&sig, sig_path) == ENOENT)
		return spread_unsigned(ctl);
	int code = config_sign(ctl, ctl->conf, sig_path, 0);
	if (code == CTL_OK)
		code = push_make(&p, ctl->conf, sig_path);
	if (code != CTL_OK)
		return code;
	uint32_t version = p.bundle->sig.version;
	code = push_send(ctl, &p);
	push_free(&p);
	if (code == CTL_SILENT) {
		if (!ctl->json)
			fprintf(ctl->out,
				"no daemon can be asked from here: `helioctl apply` on a host\n");
		return CTL_OK;
	}
	return code == CTL_OK ? push_wait(ctl, version, ctl->conf->hash, opt_wait) : code;
}

/* The signed files of a host are not edited there: the signature would be that of other files. */
static int may_edit(const struct ctl *ctl)
{
	char path[CONF_PATH_SIZE];
	struct stat st;

	if (lstat(ctl->conf->agents_file, &st) == 0 && S_ISLNK(st.st_mode))
		return ctl_fail(CTL_UNHEALTHY,
				"--config FILE where the files and cluster.key are kept; every "
				"daemon gets it from there",
				"%s is a signed configuration in force", ctl->conf->agents_file);
	if (file_beside(path, ctl->config, "cluster.sig") || access(path, F_OK))
		return CTL_OK;
	snprintf(path, sizeof(path), "%.230s/cluster.key", ctl->conf->keys_dir);
	if (access(path, R_OK))
		return ctl_fail(CTL_UNHEALTHY, "run this where it is",
				"%s is signed, and %s is not here", ctl->config, path);
	return CTL_OK;
}

static int put(struct ctl *ctl, const struct conf_agent *a, const char *done)
{
	if (may_edit(ctl) != CTL_OK)
		return CTL_UNHEALTHY;
	const struct conf *c = ctl->conf;
	const char *names[CONF_SKILLS_MAX];
	uint32_t n = 0;
	char why[256];

	for (uint32_t i = 0; i < c->skills_n; i++)
		if (a->skills & 1ull << i && !is_tenant(c->skills[i]))
			names[n++] = c->skills[i];
	if (conf_agent_put(c->agents_file, a, conf_site_by_number(c, a->site)->name, names, n, why))
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s", why);
	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:s, s:s}", "ok", 1, "agent", a->name, "file",
					  c->agents_file));
	else
		fprintf(ctl->out, "%s %s in %s\n", a->name, done, c->agents_file);
	return spread(ctl);
}

static bool login_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 24 && islower((unsigned char)s[0]) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool display_ok(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 32 || *p == 127)
			return false;
	return strlen(s) < sizeof(((struct conf_agent *)0)->display);
}

static bool tenant_known(const struct conf *c, const char *tenant)
{
	for (uint32_t i = 0; i < c->queues_n; i++)
		if (*tenant && strcmp(c->queues[i].tenant, tenant) == 0)
			return true;
	return false;
}

static int agent_fill(struct ctl *ctl, struct conf_agent *a)
{
	const struct conf_site *site = ctl->site ? conf_site_by_name(ctl->conf, ctl->site) : NULL;
	const char *language = opt_language                ? opt_language
			       : site && site->languages_n ? site->languages[0]
							   : "en";

	if (!site)
		return ctl_fail(CTL_USAGE, "say --site SITE", "whose home site is it?");
	if (!login_ok(ctl->argv[0]))
		return ctl_fail(CTL_USAGE, "a-z, 0-9 and -, starting with a letter, at most 24",
				"'%s' is not a login name", ctl->argv[0]);
	if (opt_codec && strcmp(opt_codec, "opus") != 0 && strcmp(opt_codec, "pcmu") != 0)
		return ctl_fail(CTL_USAGE, "opus or pcmu", "no codec '%s'", opt_codec);
	if (strlen(language) >= sizeof(a->language) || !islower((unsigned char)language[0]))
		return ctl_fail(CTL_USAGE, "en, nb …", "no language '%s'", language);
	if (opt_display && !display_ok(opt_display))
		return ctl_fail(CTL_USAGE, "one line, at most 63 bytes",
				"the display name does not fit");
	str_copy(a->name, sizeof(a->name), ctl->argv[0]);
	str_copy(a->display, sizeof(a->display), opt_display ? opt_display : a->name);
	str_copy(a->language, sizeof(a->language), language);
	a->codec = opt_codec && opt_codec[0] == 'p' ? CONF_CODEC_PCMU : CONF_CODEC_OPUS;
	a->supervisor = opt_supervisor;
	if (opt_rank > UINT8_MAX)
		return ctl_fail(CTL_USAGE, "1 to 255", "no rank %u", (unsigned)opt_rank);
	a->rank = (uint8_t)opt_rank;
	if (opt_tenant && !tenant_known(ctl->conf, opt_tenant))
		return ctl_fail(CTL_USAGE, "give it to a queue in the cluster file first",
				"no queue is of tenant '%s'", opt_tenant);
	str_copy(a->tenant, sizeof(a->tenant), opt_tenant ? opt_tenant : "");
	a->site = site->number;
	return skills_parse(ctl->conf, opt_skills ? opt_skills : "", a);
}

int cmd_agent_add(struct ctl *ctl)
{
	struct conf_agent a = {0};
	int code = agent_fill(ctl, &a);

	if (code == CTL_OK && conf_agent_by_name(ctl->conf, a.name))
		code = ctl_fail(CTL_UNHEALTHY, "for a new password: helioctl agent passwd",
				"there is an agent '%s' already", a.name);
	if (code == CTL_OK)
		code = password_set(a.password);
	return code == CTL_OK ? put(ctl, &a, "added") : code;
}

/* Only what was said changes. */
int cmd_agent_set(struct ctl *ctl)
{
	const struct conf_agent *had = conf_agent_by_name(ctl->conf, ctl->argv[0]);

	if (!had)
		return ctl_fail(CTL_UNHEALTHY, "`helioctl agent list` shows them", "no agent '%s'",
				ctl->argv[0]);
	struct conf_agent a = *had;
	int code = CTL_OK;
	if (opt_skills)
		code = skills_parse(ctl->conf, opt_skills, &a);
	if (code == CTL_OK && opt_rank > UINT8_MAX)
		code = ctl_fail(CTL_USAGE, "1 to 255", "no rank %u", (unsigned)opt_rank);
	if (opt_rank)
		a.rank = (uint8_t)opt_rank;
	if (code == CTL_OK && opt_display && !display_ok(opt_display))
		code = ctl_fail(CTL_USAGE, "one line, at most 63 bytes",
				"the display name does not fit");
	if (opt_display && code == CTL_OK)
		str_copy(a.display, sizeof(a.display), opt_display);
	if (code == CTL_OK && opt_tenant && !tenant_known(ctl->conf, opt_tenant))
		code = ctl_fail(CTL_USAGE, "give it to a queue in the cluster file first",
				"no queue is of tenant '%s'", opt_tenant);
	if (opt_tenant && code == CTL_OK)
		str_copy(a.tenant, sizeof(a.tenant), opt_tenant);
	return code == CTL_OK ? put(ctl, &a, "changed") : code;
}

int cmd_agent_passwd(struct ctl *ctl)
{
	const struct conf_agent *had = conf_agent_by_name(ctl->conf, ctl->argv[0]);

	if (!had)
		return ctl_fail(CTL_UNHEALTHY,
				"`helioctl agent list` shows them, `helioctl agent add` "
				"makes one",
				"no agent '%s'", ctl->argv[0]);
	struct conf_agent a = *had;
	str_copy(a.password, sizeof(a.password), "!");
	int code = opt_lock ? CTL_OK : password_set(a.password);
	return code == CTL_OK ? put(ctl, &a, opt_lock ? "locked" : "has a new password") : code;
}

static int by_name(const void *va, const void *vb)
{
	return strcmp((*(const struct conf_agent *const *)va)->name,
		      (*(const struct conf_agent *const *)vb)->name);
}

static void skill_names(const struct conf *c, const struct conf_agent *a, char buf[1024])
{
	size_t len = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < c->skills_n && len < 960; i++) {
		unsigned level = a->levels.w[i / 16] >> 4 * (i % 16) & 15;
		if (!(a->skills & 1ull << i) || is_tenant(c->skills[i]))
			continue;
		len +=
		    (size_t)snprintf(buf + len, 1024 - len, "%s%s", len ? ", " : "", c->skills[i]);
		if (level)
			len += (size_t)snprintf(buf + len, 1024 - len, " %u", level);
	}
}

static void agent_row(struct ctl *ctl, struct table *t, json_t *list, const struct conf_agent *a)
{
	const char *site = conf_site_by_number(ctl->conf, a->site)->name;
	char skills[1024];
	bool may = a->password[0] == '$';

	skill_names(ctl->conf, a, skills);
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:b}",
					      "name", a->name, "display", a->display, "site", site,
					      "language", a->language, "skills", skills, "rank",
					      (int)a->rank, "tenant", a->tenant, "supervisor",
					      a->supervisor, "may_sign_in", may));
	table_cell(t, STYLE_NONE, "%s", a->name);
	table_cell(t, STYLE_NONE, "%s", a->display);
	table_cell(t, STYLE_NONE, "%s", site);
	table_cell(t, STYLE_NONE, "%s", a->language);
	table_cell(t, STYLE_NONE, "%s", a->codec == CONF_CODEC_OPUS ? "opus" : "pcmu");
	table_cell(t, may ? STYLE_GOOD : STYLE_WARN, may ? "yes" : "no password");
	table_cell(t, STYLE_NONE, "%s%s%s%s", a->supervisor ? "supervisor; " : "", a->tenant,
		   *a->tenant ? ": " : "", skills);
}

int cmd_agent_list(struct ctl *ctl)
{
	static const char *const heads[] = {"AGENT", "NAME",        "SITE",   "LANGUAGE",
					    "CODEC", "MAY SIGN IN", "SKILLS", NULL};
	const struct conf *c = ctl->conf;
	const struct conf_agent **v = calloc(c->agents_n + 1u, sizeof(*v));
	struct table *t = table_new(heads);
	json_t *list = json_array();

	helio_assert(v);
	for (uint32_t i = 0; i < c->agents_n; i++)
		v[i] = &c->agents[i];
	if (c->agents_n)
		qsort(v, c->agents_n, sizeof(*v), by_name);
	for (uint32_t i = 0; i < c->agents_n; i++)
		if (!ctl->site || !strcmp(conf_site_by_number(c, v[i]->site)->name, ctl->site))
			agent_row(ctl, t, list, v[i]);
	free(v);
	if (ctl->json) {
		FILE *nowhere = fopen("/dev/null", "w");
		table_print(t, nowhere ? nowhere : stderr, false);
		if (nowhere)
			fclose(nowhere);
		json_print(ctl, json_pack("{s:b, s:o}", "ok", 1, "agents", list));
	} else {
		table_print(t, ctl->out, ctl->colour);
		json_decref(list);
	}
	return CTL_OK;
}
