/* Maps and lists of the cluster file: what is where, and who reads it. */
#include "common/conf/options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

size_t path_enter(struct reader *r, const char *key)
{
	size_t len = strlen(r->path);

	snprintf(r->path + len, sizeof(r->path) - len, "%s%.40s", len ? "." : "", key);
	return len;
}

void path_back(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

static bool is_empty(const struct yaml_node *v)
{
	return v->kind == YAML_SCALAR && v->plain && !*v->text;
}

static const char *key_at(size_t i, const void *arg)
{
	return ((const struct option *)arg)[i].key;
}

static void unknown_key(struct reader *r, const struct option *o, size_t n,
			const struct yaml_node *key)
{
	char allowed[512] = "", remedy[64], name[40];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s", i ? ", " : "",
					o[i].key);
	problem_quote(name, sizeof(name), key->text);
	size_t back = path_enter(r, "");
	snprintf(r->path + (back ? back + 1 : 0), sizeof(r->path) - back - 1, "%.*s",
		 (int)(strlen(name) - 2), name + 1);
	did_you_mean(remedy, sizeof(remedy), near_find(key->text, n, key_at, o), "remove it");
	bad(r, key, allowed, remedy, "unknown key");
	path_back(r, back);
}

/* Sorts the pairs of the map to their rows; vals[i] stays NULL where nothing was written. */
static void pairs_match(struct reader *r, const struct option *o, size_t n,
			const struct yaml_node *map, const struct yaml_node **vals)
{
	const struct yaml_node *keys[SECTION_OPTIONS_MAX] = {NULL};

	for (const struct yaml_node *k = map->child; k; k = k->next->next) {
		size_t i = 0;
		if (k->kind != YAML_SCALAR) {
			bad(r, k, NULL, NULL, "a key must be one word");
			continue;
		}
		while (i < n && strcmp(o[i].key, k->text))
			i++;
		if (i == n) {
			unknown_key(r, o, n, k);
		} else if (keys[i]) {
			size_t back = path_enter(r, o[i].key);
			bad(r, k, NULL, "remove one of them", "given twice; first on line %d",
			    keys[i]->line);
			path_back(r, back);
		} else {
			keys[i] = k;
			/* `key:` without a value says the same as leaving it out. */
			vals[i] = is_empty(k->next) ? NULL : k->next;
		}
	}
}

void section_read(struct reader *r, enum section s, const struct yaml_node *at,
		  const struct yaml_node *map, void *base)
{
	const struct yaml_node *vals[SECTION_OPTIONS_MAX] = {NULL};
	char allowed[160];
	size_t n;
	const struct option *o = section_options(s, &n);

	if (map && map->kind != YAML_MAP) {
		if (!is_empty(map)) {
			bad(r, map, "keys and values", NULL, "a map is needed here");
			return;
		}
		map = NULL;
	}
	if (map)
		pairs_match(r, o, n, map, vals);
	for (size_t i = 0; i < n; i++, o++) {
		size_t back = path_enter(r, o->key);
		if (!vals[i] && !o->def) {
			bad(r, at, option_allowed(o, allowed, sizeof(allowed)), o->meaning,
			    "missing");
		} else if (o->type == OPT_READ) {
			o->read(r, vals[i], base);
		} else if (vals[i]) {
			value_read(r, o, vals[i], base);
		} else if (*o->def) {
			struct yaml_node def = {.kind = YAML_SCALAR, .text = o->def};
			value_read(r, o, &def, base);
		}
		path_back(r, back);
	}
}

/* A list in which each item is one scalar; false (reported) otherwise. NULL: an empty one. */
static bool list_check(struct reader *r, const struct yaml_node *v, const char *allowed)
{
	if (!v)
		return false;
	if (v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list is needed here: [a, b]");
		return false;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next)
		if (i->kind != YAML_SCALAR) {
			bad(r, i, allowed, NULL, "each item of this list is one word");
			return false;
		}
	return true;
}

static bool map_check(struct reader *r, const struct yaml_node *v, const char *what)
{
	if (!v)
		return false;
	if (v->kind == YAML_MAP)
		return true;
	bad(r, v, what, NULL, "a map is needed here");
	return false;
}

void read_paths(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_PATHS, v, v, base);
}

/* Half a login would connect without AUTH, or never be told why it is refused. */
static void login_check(struct reader *r, const struct yaml_node *at, const struct conf_login *l)
{
	if (!*l->user != !*l->password_file)
		bad(r, at, "both or neither", *l->user ? "add password_file:" : "add user:",
		    "user: and password_file: belong together");
}

void read_presence(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *p = &((struct conf *)base)->presence;

	section_read(r, SECTION_PRESENCE, v, v, p);
	login_check(r, v, &p->login);
	if (p->tunnels_n && !p->sentinels_n)
		bad(r, v, "tunnels: with sentinels:", "list the tunnel's own end in redis: instead",
		    "tunnels: says how to reach what Sentinel announces, and there is no Sentinel");
}

void read_journal(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_login *l = &((struct conf *)base)->journal_login;

	section_read(r, SECTION_JOURNAL, v, v, l);
	login_check(r, v, l);
}

static void servers_read(struct reader *r, const struct yaml_node *v,
			 struct conf_endpoint at[CONF_REDIS_MAX], uint32_t *n)
{
	static const struct option endpoint = {.key = "redis", .type = OPT_ENDPOINT};

	if (!list_check(r, v, "a list of at most 8 IPv4:port"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (*n == CONF_REDIS_MAX) {
			bad(r, i, "at most 8 servers", NULL, "too many");
			return;
		}
		if (value_read(r, &endpoint, i, &at[*n]))
			++*n;
	}
}

void read_redis(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *redis = base;

	servers_read(r, v, redis->at, &redis->n);
}

void read_sentinels(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *redis = base;

	servers_read(r, v, redis->sentinels, &redis->sentinels_n);
}

static bool tunnel_is_free(struct reader *r, const struct conf_redis *redis,
			   const struct yaml_node *key, const struct conf_endpoint *from)
{
	for (uint32_t i = 0; i < redis->tunnels_n; i++) {
		const struct conf_endpoint *e = &redis->tunnels[i].from;
		if (e->port == from->port && !strcmp(e->host, from->host)) {
			bad(r, key, "each address once", "remove one of them",
			    "this address is given twice");
			return false;
		}
	}
	return true;
}

void read_tunnels(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option end = {.key = "tunnels", .type = OPT_ENDPOINT};
	struct conf_redis *redis = base;

	if (!map_check(r, v, "\"IPv4:port\": IPv4:port, at most 32"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		struct conf_tunnel t = {0};
		if (redis->tunnels_n == CONF_TUNNELS_MAX) {
			bad(r, k, "at most 32 tunnels", NULL, "too many");
			return;
		}
		if (value_read(r, &end, k, &t.from) && value_read(r, &end, k->next, &t.to) &&
		    tunnel_is_free(r, redis, k, &t.from))
			redis->tunnels[redis->tunnels_n++] = t;
	}
}

/* "203.0.113.7" or "198.51.100.0/24". */
static bool prefix_parse(const char *s, struct conf_trunk *ret)
{
	char host[CONF_HOST_SIZE];
	struct in_addr a;
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	unsigned bits = 32;

	if (len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");
		if (digits < 1 || digits > 2 || slash[1 + digits] || slash[1] == '0')
			return false;
		bits = (unsigned)strtoul(slash + 1, NULL, 10);
	}
	if (inet_pton(AF_INET, host, &a) != 1 || bits < 8 || bits > 32)
		return false;
	ret->ip4 = ntohl(a.s_addr);
	ret->mask = UINT32_MAX << (32 - bits);
	return ret->ip4 && !(ret->ip4 & ~ret->mask);
}

void read_trunks(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "IPv4 addresses, or prefixes of 8 to 32 bits with nothing "
				      "behind them, such as 198.51.100.0/24";
	struct conf *c = base;
	char q[48];

	if (!v) {
		/* Nobody else can send from there: load tools, or a proxy on this machine. */
		c->trunks[c->trunks_n++] = (struct conf_trunk){0x7f000000, 0xff000000};
		return;
	}
	if (!list_check(r, v, allowed))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (c->trunks_n == CONF_TRUNKS_MAX) {
			bad(r, i, "at most 64 trunks", "join them to prefixes", "too many");
			return;
		}
		if (prefix_parse(i->text, &c->trunks[c->trunks_n]))
			c->trunks_n++;
		else
			bad(r, i, allowed, NULL, "%s is neither",
			    problem_quote(q, sizeof(q), i->text));
	}
}

void read_sip_limits(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_SIP_LIMITS, v, v, &((struct conf *)base)->sip_limits);
}

void read_tls(struct reader *r, const struct yaml_node *v, void *base)
{
	if (v)
		section_read(r, SECTION_TLS, v, v, base);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool skill_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < CONF_NAME_SIZE && s[0] >= 'a' && s[0] <= 'z' && s[n - 1] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

void read_skill_names(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "a-z, 0-9, - and ., starting with a letter, at most 31";
	struct conf *c = base;
	char q[48];

	if (!list_check(r, v, "a list of names, such as [lang.en, product.orders]"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		bool twice = false;
		for (uint32_t k = 0; k < c->skills_n; k++)
			twice |= !strcmp(c->skills[k], i->text);
		if (!skill_name_ok(i->text)) {
			bad(r, i, allowed, NULL, "%s is not a name",
			    problem_quote(q, sizeof(q), i->text));
		} else if (twice) {
			bad(r, i, NULL, "remove one of them", "%s is given twice",
			    problem_quote(q, sizeof(q), i->text));
		} else if (c->skills_n == CONF_SKILLS_MAX) {
			bad(r, i, "at most 64 skills", NULL, "too many");
			return;
		} else {
			str_copy(c->skills[c->skills_n++], CONF_NAME_SIZE, i->text);
		}
	}
	qsort(c->skills, c->skills_n, sizeof(c->skills[0]), by_text);
}

static const char *skill_at(size_t i, const void *arg)
{
	return ((const struct conf *)arg)->skills[i];
}

/* One name; its number, or -1 after a report. */
static int skill_read(struct reader *r, const struct yaml_node *i, uint64_t before)
{
	const struct conf *c = r->conf;
	char remedy[96], q[48];
	uint32_t k = 0;

	while (k < c->skills_n && strcmp(c->skills[k], i->text))
		k++;
	if (k == c->skills_n)
		bad(r, i, "a name from skills: in the cluster file",
		    did_you_mean(remedy, sizeof(remedy),
				 near_find(i->text, c->skills_n, skill_at, c), "add it to skills:"),
		    "unknown skill %s", problem_quote(q, sizeof(q), i->text));
	else if (before & 1ull << k)
		bad(r, i, NULL, "remove one of them", "skill %s is given twice",
		    problem_quote(q, sizeof(q), i->text));
	else
		return (int)k;
	return -1;
}

static uint64_t levels_read(struct reader *r, const struct yaml_node *map, unsigned least,
			    struct acd_levels *ret_levels)
{
	const struct option level = {.key = "level", .type = OPT_U32, .min = least, .max = 10};
	uint64_t bits = 0;

	for (const struct yaml_node *key = map->child; key; key = key->next->next) {
		uint32_t n = 0;
		if (key->kind != YAML_SCALAR) {
			bad(r, key, "a name from skills:", NULL, "a name is needed here");
			continue;
		}
		int k = skill_read(r, key, bits);
		if (k < 0)
			continue;
		size_t back = path_enter(r, key->text);
		if (value_read(r, &level, key->next, &n)) {
			bits |= 1ull << k;
			ret_levels->w[k / 16] |= (uint64_t)n << 4 * (k % 16);
		}
		path_back(r, back);
	}
	return bits;
}

uint64_t skills_read(struct reader *r, const struct yaml_node *v, struct acd_levels *ret_levels)
{
	uint64_t bits = 0;

	*ret_levels = (struct acd_levels){0};
	if (v && v->kind == YAML_MAP)
		return levels_read(r, v, 1, ret_levels);
	if (!list_check(r, v, "a list of names from skills:, or {name: level}"))
		return 0;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		int k = skill_read(r, i, bits);
		if (k >= 0)
			bits |= 1ull << k;
	}
	return bits;
}

/* ---- sites and daemons ------------------------------------------------------------------- */

void read_languages(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option language = {.key = "languages", .type = OPT_LANGUAGE};
	struct conf_site *site = base;

	if (!list_check(r, v, "a list of at most 8 language codes, such as [nb, en]"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (site->languages_n == HELIO_ARRAY_LEN(site->languages)) {
			bad(r, i, "at most 8 languages", NULL, "too many");
			return;
		}
		if (value_read(r, &language, i, site->languages[site->languages_n]))
			site->languages_n++;
	}
}

void read_origins(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "a list of at most 4 origins, such as "
				      "[https://desk.example.com]";
	struct conf_daemon *d = &((struct raw_daemon *)base)->d;
	char q[64];

	if (!list_check(r, v, allowed))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		const char *host = !strncmp(i->text, "https://", 8)  ? i->text + 8
				   : !strncmp(i->text, "http://", 7) ? i->text + 7
								     : NULL;
		if (d->origins_n == HELIO_ARRAY_LEN(d->origins)) {
			bad(r, i, allowed, NULL, "too many");
			return;
		}
		if (!host || !*host || strlen(i->text) >= sizeof(d->origins[0]) ||
		    strpbrk(host, "/ \t\r\n\"'"))
			bad(r, i, allowed, "scheme and host only, without a path",
			    "%s is not an origin", problem_quote(q, sizeof(q), i->text));
		else
			str_copy(d->origins[d->origins_n++], sizeof(d->origins[0]), i->text);
	}
}

static bool daemon_name_is_free(struct reader *r, const struct yaml_node *key)
{
	for (uint32_t i = 0; i < r->conf->daemons_n; i++)
		if (!strcmp(r->daemons[i].key->text, key->text)) {
			bad(r, key, "names that differ in the whole cluster", "rename one of them",
			    "this name is given twice; first on line %d", r->daemons[i].key->line);
			return false;
		}
	return true;
}

static void daemon_read(struct reader *r, enum section s, enum conf_role role,
			const struct yaml_node *key, const struct yaml_node *map)
{
	struct conf *c = r->conf;
	struct raw_daemon *raw;

	if (c->daemons_n == r->daemons_size) {
		uint32_t size = r->daemons_size ? 2 * r->daemons_size : 64;
		raw = realloc(r->daemons, size * sizeof(*raw));
		if (!raw) {
			r->no_memory = true;
			return;
		}
		r->daemons = raw;
		r->daemons_size = size;
	}
	raw = &r->daemons[c->daemons_n];
	memset(raw, 0, sizeof(*raw));
	raw->key = key;
	raw->map = map;
	raw->d.role = role;
	str_copy(raw->d.name, sizeof(raw->d.name), key->text);
	section_read(r, s, key, map, raw);
	str_copy(raw->d.mesh.host, sizeof(raw->d.mesh.host), raw->d.bind);
	if (role == CONF_NODE && !*raw->d.advertise)
		str_copy(raw->d.advertise, sizeof(raw->d.advertise), raw->d.bind);
	raw->d.addr = addr_make(c->sites[r->site].number, raw->ordinal);
	c->daemons_n++;
	c->sites[r->site].daemons_n++;
}

static void daemons_read(struct reader *r, const struct yaml_node *v, enum section s,
			 enum conf_role role, unsigned max)
{
	char name[CONF_NAME_SIZE];
	unsigned n = 0;

	if (!map_check(r, v, "names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (n++ == max) {
			char allowed[32];
			snprintf(allowed, sizeof(allowed), "at most %u a site", max);
			bad(r, k, allowed, NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && daemon_name_is_free(r, k))
			daemon_read(r, s, role, k, k->next);
		path_back(r, back);
	}
}

void read_brokers(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_BROKER, CONF_BROKER, 4); /* ACD_BROKERS_PER_SITE_MAX */
}

void read_nodes(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_NODE, CONF_NODE, 63);
}

void read_gateways(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_GATEWAY, CONF_GATEWAY, 32);
}

static bool key_is_free(struct reader *r, const struct yaml_node *key,
			const struct yaml_node *const *keys, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(keys[i]->text, key->text)) {
			bad(r, key, NULL, "rename or remove one of them",
			    "this name is given twice; first on line %d", keys[i]->line);
			return false;
		}
	return true;
}

void read_sites(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf *c = base;
	char name[CONF_NAME_SIZE];

	if (!map_check(r, v, "site names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (c->sites_n == CONF_SITES_MAX) {
			bad(r, k, "at most 64 sites", NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && key_is_free(r, k, r->site_keys, c->sites_n)) {
			struct conf_site *site = &c->sites[c->sites_n];
			r->site = c->sites_n;
			r->site_keys[c->sites_n] = k;
			str_copy(site->name, sizeof(site->name), name);
			site->first = c->daemons_n;
			section_read(r, SECTION_SITE, k, k->next, site);
			c->sites_n++;
		}
		path_back(r, back);
	}
}

/* ---- queues ------------------------------------------------------------------------------ */

void read_queue_skills(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_queue *q = base;

	q->skills = skills_read(r, v, &q->levels);
}

void read_strategy(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char *const names[ACD_STRATEGY_COUNT] = {
	    [ACD_LONGEST_IDLE] = "longest_idle", [ACD_FEWEST_CALLS] = "fewest_calls",
	    [ACD_LEAST_TALK] = "least_talk",     [ACD_MOST_SKILLED] = "most_skilled",
	    [ACD_ROUND_ROBIN] = "round_robin",   [ACD_LINEAR] = "linear",
	    [ACD_RING_ALL] = "ring_all",
	};
	struct conf_queue *q = base;

	if (!v)
		return; /* longest_idle is 0 */
	for (uint8_t s = 0; v->kind == YAML_SCALAR && s < ACD_STRATEGY_COUNT; s++)
		if (strcmp(v->text, names[s]) == 0) {
			q->strategy = s;
			return;
		}
	bad(r, v,
	    "longest_idle, fewest_calls, least_talk, most_skilled, round_robin, linear, ring_all",
	    NULL, "not a strategy");
}

void read_relax_skills(struct reader *r, const struct yaml_node *v, void *base)
{
	struct acd_relax *x = base;

	if (!v)
		return; /* reported */
	if (v->kind != YAML_MAP)
		bad(r, v, "{name: level} of skills that the queue asks for", NULL,
		    "names with their new levels are needed here");
	else
		x->skills.bits = levels_read(r, v, 0, &x->levels);
}

static unsigned level_at(struct acd_levels levels, unsigned skill)
{
	return levels.w[skill / 16] >> 4 * (skill % 16) & 15;
}

void read_relax(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] =
	    "a list of at most 4 such as [{after: 30s, skills: {name: 2}}]";
	struct conf_queue *q = base;

	if (!v)
		return;
	if (v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list of steps is needed here");
		return;
	}
	/* The queue's own skills may stand below relax: they are compared in check_all(). */
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (q->relax_n == ACD_RELAX_MAX) {
			bad(r, i, "at most 4 steps", NULL, "too many");
			return;
		}
		section_read(r, SECTION_RELAX, i, i, &q->relax[q->relax_n++]);
	}
}

void read_ask(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_route *route = base;

	if (!v)
		return; /* reported */
	if (v->kind != YAML_SEQ) {
		bad(r, v, "a list of at most 3 such as [{to: owner, for: 20s}]", NULL,
		    "a list of steps is needed here");
		return;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (route->ask_n == ACD_WANTS_MAX) {
			bad(r, i, "at most 3 steps", NULL, "too many");
			return;
		}
		section_read(r, SECTION_ASK, i, i, &route->ask[route->ask_n++]);
	}
}

/* Names are looked up in check_all(), when agents are known. */
void read_route(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_queue *q = base;

	if (!v)
		return;
	if (v->kind != YAML_SEQ) {
		bad(r, v, "a list of rules {who: …, ask: […]}", NULL,
		    "a list of rules is needed here");
		return;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (q->route_n == CONF_ROUTES_MAX) {
			bad(r, i, "at most 6 rules", NULL, "too many");
			return;
		}
		section_read(r, SECTION_ROUTE, i, i, &q->route[q->route_n++]);
	}
}

/* Of one step: what is named must have been asked for, and at a higher level. */
static bool step_settle(struct acd_relax *at, const struct acd_relax *change)
{
	for (unsigned s = 0; s < 64; s++) {
		if (!(change->skills.bits >> s & 1))
			continue;
		unsigned was = level_at(at->levels, s), is = level_at(change->levels, s);
		if (!(at->skills.bits >> s & 1) || is >= (was ? was : 1))
			return false;
		at->levels.w[s / 16] ^= (uint64_t)(was ^ is) << 4 * (s % 16);
		if (is == 0)
			at->skills.bits &= ~(1ull << s);
	}
	at->after_ms = change->after_ms;
	return change->skills.bits != 0;
}

/* Once all of the queue is read: its skills may stand below relax. */
void relax_settle(struct reader *r, struct conf_queue *q, const struct yaml_node *at)
{
	struct acd_relax step = {.skills = {q->skills}, .levels = q->levels};

	for (uint32_t k = 0; k < q->relax_n; k++) {
		if (q->relax[k].after_ms <= step.after_ms) {
			bad(r, at, "steps in the order of after:", "sort them",
			    "step %u comes no later than the one before it", k + 1);
		} else if (!step_settle(&step, &q->relax[k])) {
			bad(r, at,
			    "skills that the queue asks for, each at a lower level than before",
			    "0 means: not needed any more",
			    "step %u asks for no less than before it", k + 1);
		}
		q->relax[k] = step;
	}
}

void tasks_check(struct reader *r, const struct conf_queue *q, const struct yaml_node *at)
{
	if (q->max_wait_to != ACD_CLOSED_WAIT && q->max_wait_ms)
		bad(r, at, "max_wait, or a rule {after: …, to: callback}", "remove one of them",
		    "max_wait: and an overflow rule both end the call");
}

void read_level(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_LEVEL, v, v, base);
}

void read_after(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option after = {.key = "after",
					    .type = OPT_MS,
					    .offset = offsetof(struct raw_overflow, after_ms),
					    .min = 0,
					    .max = 86400000};

	if (v && value_read(r, &after, v, base))
		((struct raw_overflow *)base)->timed = true;
}

static uint8_t closed_by_name(const char *to)
{
	static const char *const names[] = {
	    [ACD_CLOSED_REFUSE] = "refuse",
	    [ACD_CLOSED_ANNOUNCE] = "announce",
	    [ACD_CLOSED_CALLBACK] = "callback",
	    [ACD_CLOSED_VOICEMAIL] = "voicemail",
	};
	for (uint8_t i = 0; i < HELIO_ARRAY_LEN(names); i++)
		if (names[i] && !strcmp(to, names[i]))
			return i;
	return ACD_CLOSED_WAIT;
}

/* {after: 180s, to: callback}: the caller need not hold the line any longer. */
static void task_apply(struct reader *r, const struct yaml_node *item, const struct raw_overflow *x,
		       struct conf_queue *q)
{
	if (!x->timed)
		bad(r, item,
		    "{after: 180s, to: callback} or {when: closed_everywhere, to: callback}", NULL,
		    "'%s' is for who has waited long, or for a queue that is closed everywhere",
		    x->to);
	else if (x->after_ms < 1000)
		bad(r, item, "after: 1s or more", "use hours: for a queue that nobody answers",
		    "no caller would wait for a person at all");
	else if (q->max_wait_to != ACD_CLOSED_WAIT)
		bad(r, item, "one rule of this kind", "remove one of them",
		    "a second rule with after: to callback or voicemail");
	else {
		q->max_wait_to = closed_by_name(x->to);
		q->task_after_ms = x->after_ms;
	}
}

static void closed_apply(struct reader *r, const struct yaml_node *item,
			 const struct raw_overflow *x, struct conf_queue *q)
{
	if (!strcmp(x->to, "any_open"))
		bad(r, item, "announce, refuse, callback, voicemail",
		    "use when: closed_site for one site",
		    "'closed_everywhere' cannot lead to any_open: nobody is open then");
	else if (q->closed_to != ACD_CLOSED_WAIT)
		bad(r, item, "one rule of each kind", "remove one of them",
		    "a second rule with closed_everywhere");
	else
		q->closed_to = closed_by_name(x->to);
}

static void overflow_apply(struct reader *r, const struct yaml_node *item,
			   const struct raw_overflow *x, struct conf_queue *q)
{
	if (!strcmp(x->when, "closed_everywhere")) {
		closed_apply(r, item, x, q);
	} else if (!strcmp(x->to, "callback") || !strcmp(x->to, "voicemail")) {
		task_apply(r, item, x, q);
	} else if (strcmp(x->to, "any_open") != 0) {
		bad(r, yaml_value(item, "to"), "any_open", "use it with when: closed_everywhere",
		    "'%s' is for callers of a queue that is closed everywhere", x->to);
	} else if (!strcmp(x->when, "closed_site")) {
		if (q->overflow_closed)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with closed_site");
		q->overflow_closed = true;
	} else if ((x->longer_than > 0) != (strcmp(x->when, "queue_longer") == 0)) {
		bad(r, item, "{when: queue_longer, longer_than: 10, to: any_open}", NULL,
		    "queue_longer and longer_than: belong together");
	} else if ((x->ewt_above_ms > 0) != (strcmp(x->when, "ewt") == 0)) {
		bad(r, item, "{when: ewt, above: 60s, to: any_open}", NULL,
		    "ewt and above: belong together");
	} else if (x->longer_than > 0) {
		if (q->overflow_longer)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with queue_longer");
		q->overflow_longer = x->longer_than;
	} else if (x->ewt_above_ms > 0) {
		if (q->overflow_ewt_ms)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with ewt");
		q->overflow_ewt_ms = x->ewt_above_ms;
	} else if (x->timed) {
		if (q->overflow_timed)
			bad(r, item, "one rule with after:", "keep the shorter one",
			    "a second rule with after: to any_open");
		q->overflow_timed = true;
		q->overflow_after_ms = x->after_ms;
	} else {
		if (q->overflow_no_idle)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with no_idle_here");
		q->overflow_no_idle = true;
	}
}

void read_overflow(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "{when: no_idle_here, to: any_open} or "
				      "{after: 20s, to: any_open}";
	unsigned n = 0;

	if (v && v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list of rules is needed here");
		return;
	}
	for (const struct yaml_node *i = v ? v->child : NULL; i && n < 16; i = i->next, n++) {
		struct raw_overflow x = {0};
		unsigned before = r->problems.errors;
		section_read(r, SECTION_OVERFLOW, i, i, &x);
		if (r->problems.errors != before)
			continue;
		if (x.timed == (*x.when != '\0'))
			bad(r, i, allowed, NULL,
			    x.timed ? "both when: and after: in one rule"
				    : "neither when: nor after: in this rule");
		else
			overflow_apply(r, i, &x, base);
	}
}

static bool queues_grow(struct reader *r)
{
	struct conf *c = r->conf;

	if (c->queues_n < r->queues_size)
		return true;
	uint32_t size = r->queues_size ? 2 * r->queues_size : 32;
	struct conf_queue *queues = realloc(c->queues, size * sizeof(*queues));
	if (queues)
		c->queues = queues;
	const struct yaml_node **keys = realloc(r->queue_keys, size * sizeof(*keys));
	if (keys)
		r->queue_keys = keys;
	r->no_memory |= !queues || !keys;
	if (!r->no_memory)
		r->queues_size = size;
	return !r->no_memory;
}

void read_queues(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf *c = base;
	char name[CONF_NAME_SIZE];

	if (!map_check(r, v, "queue names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k && !r->no_memory; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (c->queues_n == CONF_QUEUES_MAX) {
			bad(r, k, "at most 1024 queues", NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && key_is_free(r, k, r->queue_keys, c->queues_n) &&
		    queues_grow(r)) {
			struct conf_queue *q = &c->queues[c->queues_n];
			memset(q, 0, sizeof(*q));
			r->queue_keys[c->queues_n++] = k;
			str_copy(q->name, sizeof(q->name), name);
			q->id = (uint32_t)hash_str(name);
			q->line = k->line;
			section_read(r, SECTION_QUEUE, k, k->next, q);
			if (!*q->display)
				str_copy(q->display, sizeof(q->display), name);
		}
		path_back(r, back);
	}
}
