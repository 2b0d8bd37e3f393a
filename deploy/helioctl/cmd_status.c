/* Who is there, and what is not as it should be. */
#include "deploy/helioctl/ctl.h"

#include <stdlib.h>
#include <string.h>

static const char *const roles[] = {
    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};

static bool is_false(const json_t *o, const char *key)
{
	return json_is_false(json_object_get(o, key));
}

/* The configuration that all should run: the highest version that any of them has; where nothing is
 * signed, what lies here. */
struct expected {
	uint32_t version;
	char hash[24];
};

static struct expected expected_find(const struct ctl *ctl, const struct answers *as)
{
	struct expected e = {0};

	snprintf(e.hash, sizeof(e.hash), "%016llx", (unsigned long long)ctl->conf->hash);
	for (uint32_t i = 0; i < as->n; i++) {
		const json_t *c = json_object_get(as->list[i].reply, "config");
		if (json_number(c, "version") <= e.version)
			continue;
		e.version = (uint32_t)json_number(c, "version");
		snprintf(e.hash, sizeof(e.hash), "%.16s", json_text(c, "hash"));
	}
	return e;
}

static const char *config_fault(const struct expected *e, const json_t *c, const char *hash,
				char buf[160])
{
	uint32_t version = (uint32_t)json_number(c, "version");
	const json_t *refused = json_object_get(c, "refused");

	if (json_is_object(refused)) {
		snprintf(buf, 160, "refuses version %lld of the configuration: %.100s",
			 (long long)json_number(refused, "version"), json_text(refused, "why"));
		return buf;
	}
	if (*hash && strcmp(hash, e->hash) != 0) {
		if (!e->version)
			return "runs another configuration than this file: helioctl reload";
		if (version == e->version)
			snprintf(
			    buf, 160,
			    "version %u with other bytes than elsewhere: helioctl config sign, "
			    "apply",
			    version);
		else
			snprintf(buf, 160, "runs version %u of the configuration, not %u", version,
				 e->version);
		return buf;
	}
	if (*json_text(c, "needs_roll")) {
		snprintf(buf, 160, "needs a restart (deploy/roll): %.100s",
			 json_text(c, "needs_roll"));
		return buf;
	}
	return NULL;
}

/* The first thing that is wrong, in words; NULL when all is well. */
static const char *fault(const struct expected *e, const struct ctl *ctl, const struct answer *a,
			 char buf[160])
{
	const json_t *r = a->reply;
	const json_t *records = json_object_get(json_object_get(r, "counters"), "records");

	if (!r)
		return a->why;
	const char *wrong =
	    config_fault(e, json_object_get(r, "config"), json_text(r, "config_hash"), buf);
	if (wrong)
		return wrong;
	if (json_is_true(json_object_get(r, "island")))
		return "no broker of its site answers: it matches its own callers only";
	if (is_false(r, "presence") && (ctl->conf->presence.n || ctl->conf->presence.sentinels_n))
		return "presence Redis does not answer; calls are routed all the same";
	if (is_false(r, "journal") && a->d->journal.port)
		return "journal Redis does not answer: new calls are unprotected";
	if (json_is_true(json_object_get(json_object_get(r, "neighbour"), "lapsed")))
		return "silent: it asks its neighbour who owns its calls";
	if (json_number(r, "unprotected") > 0) {
		snprintf(buf, 160, "%lld calls are unprotected",
			 (long long)json_number(r, "unprotected"));
		return buf;
	}
	if (json_number(records, "dropped") > 0) {
		snprintf(buf, 160, "%lld call records were lost: look at its disk",
			 (long long)json_number(records, "dropped"));
		return buf;
	}
	/* A few may always wait for the next transaction; with errors they wait for the disk. */
	if (json_number(records, "pending") > 0 && json_number(records, "errors") > 0) {
		snprintf(buf, 160, "%lld call records wait for the disk",
			 (long long)json_number(records, "pending"));
		return buf;
	}
	return NULL;
}

static unsigned nodes_up(const json_t *r)
{
	unsigned up = 0;
	size_t n;
	json_t *o;

	json_array_foreach(json_object_get(r, "nodes"), n, o) up +=
	    json_is_true(json_object_get(o, "up"));
	return up;
}

static void load_text(const struct answer *a, char buf[64])
{
	const json_t *r = a->reply;

	buf[0] = '\0';
	if (r && a->d->role == CONF_NODE)
		snprintf(buf, 64, "%lld/%lld calls, %lld agents",
			 (long long)json_number(r, "calls"), (long long)json_number(r, "calls_max"),
			 (long long)json_number(r, "sessions"));
	else if (r && a->d->role == CONF_BROKER)
		snprintf(buf, 64, "%u of %u nodes", nodes_up(r),
			 (unsigned)json_array_size(json_object_get(r, "nodes")));
	else if (r)
		snprintf(buf, 64, "%lld browsers", (long long)json_number(r, "connections"));
}

static void config_cell(struct table *t, const struct expected *e, const json_t *reply)
{
	const json_t *c = json_object_get(reply, "config");
	const char *hash = json_text(reply, "config_hash");
	bool same = !strcmp(hash, e->hash);

	if (json_number(c, "version"))
		table_cell(t, same ? STYLE_DIM : STYLE_WARN, "%lld %.8s%s",
			   (long long)json_number(c, "version"), hash, same ? "" : " !");
	else
		table_cell(t, same ? STYLE_DIM : STYLE_WARN, "%.8s%s", hash,
			   same || !*hash ? "" : " !");
}

static void table(struct ctl *ctl, const struct expected *e, const struct answers *as)
{
	static const char *const heads[] = {"DAEMON", "ROLE",    "SITE",   "STATE", ">UP",
					    "LOAD",   "VERSION", "CONFIG", "NOTE",  NULL};
	struct table *t = table_new(heads);
	char load[64], up[24], buf[160];

	for (uint32_t i = 0; i < as->n; i++) {
		const struct answer *a = &as->list[i];
		const char *bad = fault(e, ctl, a, buf);
		bool draining = json_is_true(json_object_get(a->reply, "draining"));

		load_text(a, load);
		table_cell(t, STYLE_NONE, "%s", a->d->name);
		table_cell(t, STYLE_DIM, "%s", roles[a->d->role]);
		table_cell(t, STYLE_NONE, "%s", a->site->name);
		if (!a->reply)
			table_cell(t, STYLE_BAD, "silent");
		else if (draining)
			table_cell(t, STYLE_WARN, "draining");
		else
			table_cell(t, bad ? STYLE_WARN : STYLE_GOOD, bad ? "unwell" : "up");
		table_cell(t, STYLE_NONE, "%s",
			   a->reply ? duration_text(up, json_number(a->reply, "uptime_ms")) : "");
		table_cell(t, STYLE_NONE, "%s", load);
		table_cell(t, STYLE_DIM, "%s", json_text(a->reply, "version"));
		config_cell(t, e, a->reply);
		table_cell(t, a->reply ? STYLE_WARN : STYLE_BAD, "%s", bad ? bad : "");
	}
	table_print(t, ctl->out, ctl->colour);
}

static void json(struct ctl *ctl, const struct expected *e, const struct answers *as)
{
	json_t *list = json_array();
	char buf[160];

	for (uint32_t i = 0; i < as->n; i++) {
		const struct answer *a = &as->list[i];
		const char *bad = fault(e, ctl, a, buf);
		json_t *o = a->reply ? json_deep_copy(a->reply) : json_object();
		/* The bare address would be read as a number of ours by nobody: names say it. */
		json_object_set_new(o, "name", json_string(a->d->name));
		json_object_set_new(o, "role", json_string(roles[a->d->role]));
		json_object_set_new(o, "site", json_string(a->site->name));
		json_object_set_new(o, "answers", json_boolean(a->reply));
		json_object_set_new(o, "fault", bad ? json_string(bad) : json_null());
		json_array_append_new(list, o);
	}
	answers_json_print(ctl, as, "daemons", list);
}

static int once(struct ctl *ctl)
{
	struct answers as;
	char buf[160];
	int code = ask(ctl, ASK_ALL, ctl->argc ? ctl->argv[0] : NULL, "status", NULL, &as);

	struct expected e = expected_find(ctl, &as);

	for (uint32_t i = 0; i < as.n && code == CTL_OK; i++)
		if (fault(&e, ctl, &as.list[i], buf))
			code = CTL_UNHEALTHY;
	if (ctl->json)
		json(ctl, &e, &as);
	else
		table(ctl, &e, &as);
	answers_free(&as);
	return code;
}

int cmd_status(struct ctl *ctl)
{
	if (ctl->argc && !conf_daemon_by_name(ctl->conf, ctl->argv[0]))
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them", "no daemon '%s'",
				ctl->argv[0]);
	return ctl_watch(ctl, once);
}
