#include "common/conf/options.h"

#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

#define AT(type, field) offsetof(type, field)
#define DAEMON(field) AT(struct raw_daemon, field)

static const char one_line[] = "one line of text";

/* clang-format off */
static const struct option table[] = {
	/* section       key                   type          default        meaning */
	{SECTION_ROOT,   "cluster",            OPT_NAME,     NULL,          "name of the cluster; node certificates carry it", AT(struct conf, cluster), 0, 0, NULL, NULL},
	{SECTION_ROOT,   "agents",             OPT_PATH,     "agents.yaml", "the file of those who may sign in", AT(struct conf, agents_file), 0, 0, NULL, NULL},
	{SECTION_ROOT,   "directory",          OPT_CUSTOMERS,     "",            "customers, a CSV file: see common/directory; none: every caller is new", AT(struct conf, directory_file), 0, 0, NULL, NULL},
	{SECTION_ROOT,   "paths",              OPT_READ,     "",            "folders of this installation", 0, 0, 0, "keys: value", read_paths},
	{SECTION_ROOT,   "presence",           OPT_READ,     "",            "the shared directory of agents", 0, 0, 0, "redis: [host:port, …]", read_presence},
	{SECTION_ROOT,   "journal",            OPT_READ,     "",            "how nodes sign in at the journal Redis of their machines", 0, 0, 0, "user: and password_file:", read_journal},
	{SECTION_ROOT,   "adopt_after",        OPT_MS,       "600ms",       "a node silent for so long, by its neighbour and by witnesses, is dead: the neighbour takes its calls over", AT(struct conf, adopt_after_ms), 300, 60000, NULL, NULL},
	{SECTION_ROOT,   "keep_days",          OPT_U32,      "0",           "call records and tasks that are over are deleted after so many days, numbers of callers with them; 0: never", AT(struct conf, keep_days), 0, 36500, NULL, NULL},
	{SECTION_ROOT,   "media_silent_flag",  OPT_MS,       "30s",         "in a call, a far end that sends neither sound nor RTCP nor keep-alives for so long is flagged (log, metric, helioctl calls); 0s: never", AT(struct conf, media_silent_flag_ms), 0, 86400000, NULL, NULL},
	{SECTION_ROOT,   "media_silent_end",   OPT_MS,       "10m",         "… and after so long a caller's call ends, an agent's goes to another agent, though signalling still lives; who put us on hold is left alone; 0s: never", AT(struct conf, media_silent_end_ms), 0, 86400000, NULL, NULL},
	{SECTION_ROOT,   "allow_plain_agents", OPT_BOOL,     "false",       "agents without WebRTC may sign in: load tools only", AT(struct conf, allow_plain_agents), 0, 0, NULL, NULL},
	{SECTION_ROOT,   "trunks",             OPT_READ,     "",            "addresses of carriers: limits of their own, never locked out; default: this machine", 0, 0, 0, "a list of at most 64 IPv4 addresses or prefixes, such as [203.0.113.7, 198.51.100.0/24]", read_trunks},
	{SECTION_ROOT,   "sip_limits",         OPT_READ,     "",            "what one source address may ask of a node", 0, 0, 0, "keys: value", read_sip_limits},
	{SECTION_ROOT,   "skills",             OPT_READ,     "",            "all skills there are (at most 64): queues and agents name them", 0, 0, 0, "a list of names, such as [lang.en, product.orders]", read_skill_names},
	{SECTION_ROOT,   "sites",              OPT_READ,     NULL,          "the sites, by name", 0, 0, 0, "site names, each with number, timezone, brokers, nodes, gateways", read_sites},
	{SECTION_ROOT,   "queues",             OPT_READ,     NULL,          "the queues, by the user part that callers dial", 0, 0, 0, "queue names, each with its options", read_queues},

	{SECTION_PATHS,  "keys",               OPT_PATH,     "keys",        "keys and certificates", AT(struct conf, keys_dir), 0, 0, NULL, NULL},
	{SECTION_PATHS,  "state",              OPT_PATH,     "state",       "boot numbers and records; a folder per daemon is made in it", AT(struct conf, state_dir), 0, 0, NULL, NULL},
	{SECTION_PATHS,  "run",                OPT_PATH,     "run",         "admin sockets; keep the path short (107 bytes with the socket's name)", AT(struct conf, run_dir), 0, 0, NULL, NULL},
	{SECTION_PATHS,  "web",                OPT_PATH,     "web",         "the built browser softphone, served by the gateways", AT(struct conf, web_dir), 0, 0, NULL, NULL},

	{SECTION_PRESENCE, "redis",            OPT_READ,     "",            "presence Redis servers, the master first; nodes start only with at least one, and route calls on when none answers", AT(struct conf_redis, at), 0, 0, "a list of at most 8 IPv4:port", read_redis},
	{SECTION_PRESENCE, "sentinels",        OPT_READ,     "",            "Sentinels, asked in turn which server is the master; then `redis` is a list for people only", AT(struct conf_redis, sentinels), 0, 0, "a list of at most 8 IPv4:port", read_sentinels},
	{SECTION_PRESENCE, "master",           OPT_NAME,     "presence",    "the name of the master at the Sentinels", AT(struct conf_redis, master), 0, 0, NULL, NULL},
	{SECTION_PRESENCE, "tunnels",          OPT_READ,     "",            "how to reach what Sentinel announces; if given, no other address is connected to", 0, 0, 0, "\"IPv4:port\": IPv4:port, at most 32", read_tunnels},
	{SECTION_PRESENCE, "user",             OPT_TEXT,     "",            "who nodes are at Redis and at the Sentinels; none: no AUTH", AT(struct conf_redis, login.user), 0, 31, "one word", NULL},
	{SECTION_PRESENCE, "password_file",    OPT_PATH,     "",            "that user's password, one line, mode 0600", AT(struct conf_redis, login.password_file), 0, 0, NULL, NULL},

	{SECTION_JOURNAL, "user",              OPT_TEXT,     "",            "who nodes are at the journal Redis; none: no AUTH", AT(struct conf_login, user), 0, 31, "one word", NULL},
	{SECTION_JOURNAL, "password_file",     OPT_PATH,     "",            "that user's password, one line, mode 0600", AT(struct conf_login, password_file), 0, 0, NULL, NULL},

	{SECTION_SIP_LIMITS, "new_calls",         OPT_U32,   "20",          "new calls a second from an address that is no trunk, three times as many at once; a PBX of fifty desks makes one or two", AT(struct conf_sip_limits, new_calls), 1, 100000, NULL, NULL},
	{SECTION_SIP_LIMITS, "calls",             OPT_U32,   "100",         "its calls at the same time", AT(struct conf_sip_limits, calls), 1, 20000, NULL, NULL},
	{SECTION_SIP_LIMITS, "requests",          OPT_U32,   "200",         "its messages a second, of any kind, twice as many at once; more are not answered", AT(struct conf_sip_limits, requests), 1, 1000000, NULL, NULL},
	{SECTION_SIP_LIMITS, "connections",       OPT_U32,   "20",          "its TCP connections", AT(struct conf_sip_limits, connections), 1, 10000, NULL, NULL},
	{SECTION_SIP_LIMITS, "strikes",           OPT_U32,   "20",          "unknown queues and malformed messages within a minute; then it is locked out, as a scanner is", AT(struct conf_sip_limits, strikes), 1, 100000, NULL, NULL},
	{SECTION_SIP_LIMITS, "lockout",           OPT_MS,    "1m",          "silence after that; doubled each time, up to an hour", AT(struct conf_sip_limits, lockout_ms), 1000, 3600000, NULL, NULL},
	{SECTION_SIP_LIMITS, "trunk_new_calls",   OPT_U32,   "500",         "new calls a second from one address of a trunk, three times as many at once", AT(struct conf_sip_limits, trunk_new_calls), 1, 100000, NULL, NULL},
	{SECTION_SIP_LIMITS, "trunk_requests",    OPT_U32,   "10000",       "its messages a second, twice as many at once", AT(struct conf_sip_limits, trunk_requests), 1, 1000000, NULL, NULL},
	{SECTION_SIP_LIMITS, "trunk_connections", OPT_U32,   "1000",        "its TCP connections", AT(struct conf_sip_limits, trunk_connections), 1, 10000, NULL, NULL},

	{SECTION_SITE,   "number",             OPT_U8,       NULL,          "never reuse or change it: ids carry it", AT(struct conf_site, number), 1, 254, NULL, NULL},
	{SECTION_SITE,   "timezone",           OPT_ZONE,     NULL,          "IANA time zone of the site", AT(struct conf_site, timezone), 0, 0, NULL, NULL},
	{SECTION_SITE,   "languages",          OPT_READ,     "",            "languages spoken there, the first is the default", 0, 0, 0, "a list of at most 8 language codes, such as [nb, en]", read_languages},
	{SECTION_SITE,   "brokers",            OPT_READ,     "",            "matchers of the site: at most 4, two where it matters", 0, 0, 0, "broker names, each with its options", read_brokers},
	{SECTION_SITE,   "nodes",              OPT_READ,     "",            "nodes: calls and agent sessions", 0, 0, 0, "node names, each with its options", read_nodes},
	{SECTION_SITE,   "gateways",           OPT_READ,     "",            "gateways: browsers connect to them", 0, 0, 0, "gateway names, each with its options", read_gateways},

	{SECTION_BROKER, "ordinal",            OPT_U8,       NULL,          "unique within the site; never reuse it", DAEMON(ordinal), 64, 95, NULL, NULL},
	{SECTION_BROKER, "address",            OPT_IP,       NULL,          "where it listens and is reached", DAEMON(d.bind), 0, 0, NULL, NULL},
	{SECTION_BROKER, "mesh",               OPT_PORT,     NULL,          "ZeroMQ port between daemons (TCP)", DAEMON(d.mesh.port), 1, 65535, NULL, NULL},
	{SECTION_BROKER, "admin",              OPT_PORT,     "0",           "TCP port for operators with a CURVE key; 0: the local socket only", DAEMON(d.admin_port), 0, 65535, NULL, NULL},
	{SECTION_BROKER, "metrics",            OPT_PORT,     "0",           "TCP port of /metrics and /healthz for those who watch; 0: none", DAEMON(d.metrics_port), 0, 65535, NULL, NULL},

	{SECTION_NODE,   "ordinal",            OPT_U8,       NULL,          "unique within the site; never reuse it", DAEMON(ordinal), 1, 63, NULL, NULL},
	{SECTION_NODE,   "address",            OPT_IP,       NULL,          "where it listens and is reached; SIP and RTP are bound to it", DAEMON(d.bind), 0, 0, NULL, NULL},
	{SECTION_NODE,   "advertise",          OPT_IP,       "",            "what SDP, Contact and ICE candidates say, behind NAT; default: address", DAEMON(d.advertise), 0, 0, NULL, NULL},
	{SECTION_NODE,   "vip",                OPT_IP,       "",            "an address that moves between the nodes of a site (VRRP, keepalived): new callers are taken there too, whenever this machine has it; their dialogs and sound go on at `address`", DAEMON(d.vip), 0, 0, NULL, NULL},
	{SECTION_NODE,   "mesh",               OPT_PORT,     NULL,          "ZeroMQ port between daemons (TCP)", DAEMON(d.mesh.port), 1, 65535, NULL, NULL},
	{SECTION_NODE,   "admin",              OPT_PORT,     "0",           "TCP port for operators with a CURVE key; 0: the local socket only", DAEMON(d.admin_port), 0, 65535, NULL, NULL},
	{SECTION_NODE,   "metrics",            OPT_PORT,     "0",           "TCP port of /metrics and /healthz for those who watch; 0: none", DAEMON(d.metrics_port), 0, 65535, NULL, NULL},
	{SECTION_NODE,   "sip",                OPT_PORT,     NULL,          "SIP port (UDP and TCP)", DAEMON(d.sip_port), 1, 65535, NULL, NULL},
	{SECTION_NODE,   "media_ports",        OPT_PORTS,    NULL,          "UDP ports for RTP, one or two a leg", DAEMON(d.media_port_min), 1024, 65535, NULL, NULL},
	{SECTION_NODE,   "journal",            OPT_ENDPOINT, "",            "Redis of this machine that survives the node; none: calls are unprotected", DAEMON(d.journal), 0, 0, NULL, NULL},
	{SECTION_NODE,   "calls_max",          OPT_U32,      "1000",        "more callers get 503", DAEMON(d.calls_max), 1, 20000, NULL, NULL},
	{SECTION_NODE,   "sessions_max",       OPT_U32,      "500",         "more agents are sent to another node", DAEMON(d.sessions_max), 1, 20000, NULL, NULL},
	{SECTION_NODE,   "media_threads",      OPT_U32,      "2",           "threads that carry audio", DAEMON(d.media_threads), 1, 8, NULL, NULL},

	{SECTION_GATEWAY, "ordinal",           OPT_U8,       NULL,          "unique within the site; never reuse it", DAEMON(ordinal), 96, 127, NULL, NULL},
	{SECTION_GATEWAY, "address",           OPT_IP,       NULL,          "where it listens and is reached", DAEMON(d.bind), 0, 0, NULL, NULL},
	{SECTION_GATEWAY, "mesh",              OPT_PORT,     NULL,          "ZeroMQ port between daemons (TCP)", DAEMON(d.mesh.port), 1, 65535, NULL, NULL},
	{SECTION_GATEWAY, "admin",             OPT_PORT,     "0",           "TCP port for operators with a CURVE key; 0: the local socket only", DAEMON(d.admin_port), 0, 65535, NULL, NULL},
	{SECTION_GATEWAY, "metrics",           OPT_PORT,     "0",           "TCP port of /metrics and /healthz for those who watch; 0: none", DAEMON(d.metrics_port), 0, 65535, NULL, NULL},
	{SECTION_GATEWAY, "http",              OPT_PORT,     NULL,          "WebSockets and the page (TCP)", DAEMON(d.http_port), 1, 65535, NULL, NULL},
	{SECTION_GATEWAY, "origins",           OPT_READ,     "",            "allowed Origin headers besides its own address", 0, 0, 0, "a list of at most 4 origins, such as [https://desk.example.com]", read_origins},
	{SECTION_GATEWAY, "tls",               OPT_READ,     "",            "with it the http port speaks TLS only (https, wss)", 0, 0, 0, "{cert: FILE, key: FILE}", read_tls},

	{SECTION_TLS,    "cert",               OPT_PATH,     NULL,          "certificate with its chain, PEM, as ACME clients write fullchain.pem", DAEMON(d.tls_cert), 0, 0, NULL, NULL},
	{SECTION_TLS,    "key",                OPT_PATH,     NULL,          "its private key, PEM, readable by the gateway only", DAEMON(d.tls_key), 0, 0, NULL, NULL},

	{SECTION_QUEUE,  "display",            OPT_TEXT,     "",            "what agents read; default: the name", AT(struct conf_queue, display), 0, 63, one_line, NULL},
	{SECTION_QUEUE,  "skills",             OPT_READ,     "",            "an agent needs all of them, at that level at least", 0, 0, 0, "a list of names from skills:, or {name: level}, levels 1 to 10", read_queue_skills},
	{SECTION_QUEUE,  "priority",           OPT_U8,       "3",           "0 is the most urgent class", AT(struct conf_queue, priority), 0, 7, NULL, NULL},
	{SECTION_QUEUE,  "greeting",           OPT_SOUND,    "",            "audio file played once", AT(struct conf_queue, greeting), 0, 0, NULL, NULL},
	{SECTION_QUEUE,  "music",              OPT_SOUND,    "",            "audio file played while waiting", AT(struct conf_queue, music), 0, 0, NULL, NULL},
	{SECTION_QUEUE,  "moment",             OPT_SOUND,    "",            "audio file played while an agent whose line was lost comes back; else music", AT(struct conf_queue, moment), 0, 0, NULL, NULL},
	{SECTION_QUEUE,  "wrap_up",            OPT_MS,       "15s",         "time for notes after a call", AT(struct conf_queue, wrap_up_ms), 0, 3600000, NULL, NULL},
	{SECTION_QUEUE,  "ring_timeout",       OPT_MS,       "20s",         "an agent who does not answer by then goes to not ready", AT(struct conf_queue, ring_timeout_ms), 3000, 120000, NULL, NULL},
	{SECTION_QUEUE,  "service_level",      OPT_READ,     "",            "the promise that wallboards measure", 0, 0, 0, "{answer_within: 20s, target: 80%}", read_level},
	{SECTION_QUEUE,  "overflow",           OPT_READ,     "",            "when callers may be answered by another site", 0, 0, 0, "a list such as [{when: no_idle_here, to: any_open}, {after: 20s, to: any_open}]", read_overflow},
	{SECTION_QUEUE,  "remote_handicap",    OPT_MS,       "0s",          "a caller of another site counts as this much younger", AT(struct conf_queue, remote_handicap_ms), 0, 600000, NULL, NULL},

	{SECTION_QUEUE,  "strategy",           OPT_READ,     "longest_idle", "who of several able and idle agents is asked; ties: who is idle longest", 0, 0, 0, "longest_idle, fewest_calls, least_talk, most_skilled, round_robin, linear, ring_all", read_strategy},
	{SECTION_QUEUE,  "relax",              OPT_READ,     "",            "less is asked for after so long a wait; the caller keeps the place", 0, 0, 0, "a list of at most 4 such as [{after: 30s, skills: {product.orders: 2}}]", read_relax},
	{SECTION_QUEUE,  "ageing",             OPT_MS,       "0s",          "each time a caller has waited this long, it climbs one priority class; 0s: classes are strict", AT(struct conf_queue, ageing_ms), 0, 86400000, NULL, NULL},
	{SECTION_QUEUE,  "max_length",         OPT_U32,      "0",           "so many may wait at one node, more are refused (503); 0: no limit", AT(struct conf_queue, max_length), 0, 20000, NULL, NULL},
	{SECTION_QUEUE,  "max_wait",           OPT_MS,       "0s",          "then the call ends, recorded as failed (timeout); 0s: never", AT(struct conf_queue, max_wait_ms), 0, 86400000, NULL, NULL},
	{SECTION_QUEUE,  "missed_limit",       OPT_U32,      "1",           "an agent who misses so many in a row goes to not ready", AT(struct conf_queue, missed_limit), 1, 10, NULL, NULL},
	{SECTION_QUEUE,  "hours",              OPT_READ,     "",            "opening hours by site, as iCalendar files; a site that is not named does not answer; none: always open", 0, 0, 0, "{oslo: office-oslo.ics, manila: {open: office-manila.ics, holidays: philippines.ics}}", read_hours},
	{SECTION_QUEUE,  "ramp",               OPT_MS,       "0s",          "hand-over: a site's share of other sites' callers falls in the last so long before it closes and rises in the first after it has opened", AT(struct conf_queue, ramp_ms), 0, 14400000, NULL, NULL},
	{SECTION_QUEUE,  "closed_announcement", OPT_SOUND,   "",            "audio file for callers of a queue that is closed everywhere (to: announce)", AT(struct conf_queue, closed_announcement), 0, 0, NULL, NULL},
	{SECTION_QUEUE,  "closed_after",       OPT_MS,       "10s",         "how long it is played; then the call ends", AT(struct conf_queue, closed_after_ms), 1000, 120000, NULL, NULL},

	{SECTION_QUEUE,  "task_announcement",  OPT_SOUND,    "",            "audio file for a caller who is let go and will be called back ({after: 180s, to: callback})", AT(struct conf_queue, task_announcement), 0, 0, NULL, NULL},
	{SECTION_QUEUE,  "task_tries",         OPT_U32,      "3",           "a callback or voicemail is given to agents so often; then it is given up", AT(struct conf_queue, task_tries), 1, 100, NULL, NULL},
	{SECTION_QUEUE,  "task_retry",         OPT_MS,       "15m",         "nobody reached, or nothing noted: it comes again after so long", AT(struct conf_queue, task_retry_ms), 1000, 86400000, NULL, NULL},

	{SECTION_QUEUE,  "ring_at_once",       OPT_U8,       "8",           "with strategy: ring_all: a call rings at so many agents at the same time; who accepts first has it", AT(struct conf_queue, group_max), 2, ACD_GROUP_MAX, NULL, NULL},
	{SECTION_QUEUE,  "weight",             OPT_PERCENT,  "100%",        "an agent of several queues takes the caller whose wait, times this, is longest; within a priority class", AT(struct conf_queue, weight), 10, ACD_WEIGHT_MAX, NULL, NULL},
	{SECTION_QUEUE,  "tenant",             OPT_NAME,     "",            "whose queue it is: only agents of the same tenant ever serve it; if one queue has one, all queues and agents need one", AT(struct conf_queue, tenant), 0, 0, NULL, NULL},

	{SECTION_QUEUE,  "route",              OPT_READ,     "",            "who is asked first for whose call, by what the directory says of the caller; the first rule that fits", 0, 0, 0, "a list of at most 6 such as [{who: key, ask: [{to: owner, for: 20s}, {to: any_of, name: key-account}]}]", read_route},
	{SECTION_QUEUE,  "same_agent_within",  OPT_MS,       "0s",          "for steps with to: last: a talk longer ago than this does not count; 0s: none does", AT(struct conf_queue, same_agent_ms), 0, 2592000000, NULL, NULL},

	{SECTION_LEVEL,  "answer_within",      OPT_MS,       "20s",         "answered within this time counts as good", AT(struct conf_queue, sl_within_ms), 1000, 3600000, NULL, NULL},
	{SECTION_LEVEL,  "target",             OPT_PERCENT,  "80%",         "share of calls to be answered in time", AT(struct conf_queue, sl_target_pct), 1, 100, NULL, NULL},

	{SECTION_OVERFLOW, "when",             OPT_WORD,     "",            "a condition", AT(struct raw_overflow, when), 0, 0, "no_idle_here, queue_longer, ewt, closed_site, closed_everywhere", NULL},
	{SECTION_OVERFLOW, "after",            OPT_READ,     "",            "this long in the queue", 0, 0, 86400000, "a duration", read_after},
	{SECTION_OVERFLOW, "longer_than",      OPT_U32,      "0",           "with when: queue_longer: more than so many wait", AT(struct raw_overflow, longer_than), 0, 1000000, NULL, NULL},
	{SECTION_OVERFLOW, "above",            OPT_MS,       "0s",          "with when: ewt: a newcomer is likely to wait longer", AT(struct raw_overflow, ewt_above_ms), 0, 86400000, NULL, NULL},
	{SECTION_OVERFLOW, "to",               OPT_WORD,     NULL,          "where to", AT(struct raw_overflow, to), 0, 0, "any_open, announce, refuse, callback, voicemail", NULL},

	{SECTION_HOURS,  "open",               OPT_CALENDAR,     NULL,          "iCalendar file of the hours", AT(struct conf_calendar, file), 0, 0, NULL, NULL},
	{SECTION_HOURS,  "holidays",           OPT_READ,     "",            "iCalendar file whose events are all closed", 0, 0, 0, "a path of at most 255 bytes", read_holidays},

	{SECTION_RELAX,  "after",              OPT_MS,       NULL,          "this long in the queue", AT(struct acd_relax, after_ms), 1, 86400000, NULL, NULL},
	{SECTION_RELAX,  "skills",             OPT_READ,     NULL,            "the levels that change then; 0: not needed any more; the rest stays as before", 0, 0, 0, "{name: level} of skills that the queue asks for", read_relax_skills},

	{SECTION_ROUTE,  "who",                OPT_NAME,     NULL,          "any; known or new (in the directory or not); debt; or a segment of the directory", AT(struct conf_route, who), 0, 0, NULL, NULL},
	{SECTION_ROUTE,  "ask",                OPT_READ,     NULL,          "steps, one after another; then the caller is anybody's, with the place kept", 0, 0, 0, "a list of at most 3 such as [{to: owner, for: 20s}]", read_ask},

	{SECTION_ASK,    "to",                 OPT_WORD,     NULL,          "whom: the customer's owner, who talked to the caller last, one agent, or any with a skill; who is not signed in is not waited for", AT(struct conf_ask, to), 0, 0, "owner, last, agent, any_of", NULL},
	{SECTION_ASK,    "name",               OPT_TEXT,     "",            "with to: agent a login, with to: any_of a skill", AT(struct conf_ask, name), 0, CONF_NAME_SIZE - 1, one_line, NULL},
	{SECTION_ASK,    "for",                OPT_MS,       "20s",         "so long", AT(struct conf_ask, for_ms), 1000, ACD_WANT_MAX_MS, NULL, NULL},

	{SECTION_AGENTS, "version",            OPT_U32,      "1",           "grows with each change", SIZE_MAX, 0, UINT32_MAX, NULL, NULL},
	{SECTION_AGENTS, "agents",             OPT_READ,     "",            "those who may sign in, by login name", 0, 0, 0, "login names, each with its options", read_agents},

	{SECTION_AGENT,  "display",            OPT_TEXT,     "",            "the agent's name for people; default: the login", AT(struct raw_agent, a.display), 0, 63, one_line, NULL},
	{SECTION_AGENT,  "site",               OPT_NAME,     NULL,          "home site", AT(struct raw_agent, site), 0, 0, NULL, NULL},
	{SECTION_AGENT,  "language",           OPT_LANGUAGE, "en",          "language of the page", AT(struct raw_agent, a.language), 0, 0, NULL, NULL},
	{SECTION_AGENT,  "codec",              OPT_CODEC,    "opus",        "audio on the agent's line", AT(struct raw_agent, a.codec), 0, 0, NULL, NULL},
	{SECTION_AGENT,  "skills",             OPT_READ,     "",            "what the agent can do; without a level: 10", 0, 0, 0, "a list of names from skills: in the cluster file, or {name: level}, levels 1 to 10", read_agent_skills},
	{SECTION_AGENT,  "rank",               OPT_U8,       "100",         "for queues with strategy: linear: the smallest is asked first", AT(struct raw_agent, a.rank), 0, 255, NULL, NULL},
	{SECTION_AGENT,  "tenant",             OPT_NAME,     "",            "whose agent it is; see the tenant of queues", AT(struct raw_agent, a.tenant), 0, 0, NULL, NULL},
	{SECTION_AGENT,  "supervisor",         OPT_BOOL,     "false",       "sees all queues and agents", AT(struct raw_agent, a.supervisor), 0, 0, NULL, NULL},
	{SECTION_AGENT,  "password",           OPT_PASSWORD, "!",           "Argon2id hash; `!`: may not sign in", AT(struct raw_agent, a.password), 0, 0, NULL, NULL},
};

static const char *const titles[SECTION_COUNT] = {
	[SECTION_ROOT] = "the file", [SECTION_PATHS] = "paths", [SECTION_PRESENCE] = "presence",
	[SECTION_SIP_LIMITS] = "sip_limits", [SECTION_TLS] = "sites.NAME.gateways.NAME.tls",
	[SECTION_JOURNAL] = "journal",
	[SECTION_SITE] = "sites.NAME", [SECTION_BROKER] = "sites.NAME.brokers.NAME",
	[SECTION_NODE] = "sites.NAME.nodes.NAME", [SECTION_GATEWAY] = "sites.NAME.gateways.NAME",
	[SECTION_QUEUE] = "queues.NAME", [SECTION_LEVEL] = "queues.NAME.service_level",
	[SECTION_OVERFLOW] = "queues.NAME.overflow[]", [SECTION_RELAX] = "queues.NAME.relax[]",
	[SECTION_ROUTE] = "queues.NAME.route[]", [SECTION_ASK] = "queues.NAME.route[].ask[]",
	[SECTION_HOURS] = "queues.NAME.hours.SITE", [SECTION_AGENTS] = "agents.yaml",
	[SECTION_AGENT] = "agents.NAME (agents.yaml)",
};
/* clang-format on */

const struct option *section_options(enum section s, size_t *ret_n)
{
	size_t i = 0, n = 0;

	while (table[i].section != s)
		i++;
	while (i + n < HELIO_ARRAY_LEN(table) && table[i + n].section == s)
		n++;
	helio_assert(n <= SECTION_OPTIONS_MAX);
	*ret_n = n;
	return &table[i];
}

const char *section_title(enum section s)
{
	return titles[s];
}

static void duration_text(char *buf, size_t size, int64_t ms)
{
	if (ms && ms % 3600000 == 0)
		snprintf(buf, size, "%dh", (int)(ms / 3600000));
	else if (ms && ms % 60000 == 0)
		snprintf(buf, size, "%dm", (int)(ms / 60000));
	else if (ms % 1000 == 0)
		snprintf(buf, size, "%ds", (int)(ms / 1000));
	else
		snprintf(buf, size, "%dms", (int)ms);
}

char *option_allowed(const struct option *o, char *buf, size_t size)
{
	char lo[24], hi[24];

	switch (o->type) {
	case OPT_NAME:
		snprintf(buf, size, "a-z, 0-9 and -, starting with a letter, at most 24");
		break;
	case OPT_TEXT: snprintf(buf, size, "one line of at most %d bytes", (int)o->max); break;
	case OPT_BOOL: snprintf(buf, size, "true, false"); break;
	case OPT_U8:
	case OPT_U32:
		snprintf(buf, size, "%lld to %lld", (long long)o->min, (long long)o->max);
		break;
	case OPT_MS:
		duration_text(lo, sizeof(lo), o->min);
		duration_text(hi, sizeof(hi), o->max);
		snprintf(buf, size, "%s to %s, with a unit: 500ms, 20s, 3m, 1h", lo, hi);
		break;
	case OPT_PERCENT:
		snprintf(buf, size, "%d%% to %d%%, with the sign", (int)o->min, (int)o->max);
		break;
	case OPT_PORT: snprintf(buf, size, "a port, %d to %d", (int)o->min, (int)o->max); break;
	case OPT_PORTS:
		snprintf(buf, size, "FIRST-LAST within %d to %d, such as 20000-21999", (int)o->min,
			 (int)o->max);
		break;
	case OPT_IP:
		snprintf(buf, size, "an IPv4 address of one machine, such as 192.0.2.10");
		break;
	case OPT_ENDPOINT: snprintf(buf, size, "IPv4:port, such as 127.0.0.1:6401"); break;
	case OPT_CALENDAR:
	case OPT_CUSTOMERS:
	case OPT_PATH: snprintf(buf, size, "a path of at most %d bytes", CONF_PATH_SIZE - 1); break;
	case OPT_SOUND:
		snprintf(buf, size, "an audio file that this user can read (WAV, FLAC, Ogg …)");
		break;
	case OPT_ZONE: snprintf(buf, size, "an IANA time zone, such as Europe/Oslo"); break;
	case OPT_LANGUAGE: snprintf(buf, size, "a language code, such as en, nb, ru"); break;
	case OPT_CODEC: snprintf(buf, size, "opus, pcmu"); break;
	case OPT_PASSWORD: snprintf(buf, size, "an Argon2id hash ($argon2id$…), or \"!\""); break;
	case OPT_WORD:
	case OPT_READ: snprintf(buf, size, "%s", o->words); break;
	}
	return buf;
}

void conf_options_print(FILE *out)
{
	char allowed[160];

	for (int s = 0; s < SECTION_COUNT; s++) {
		size_t n;
		const struct option *o = section_options((enum section)s, &n);

		fprintf(out, "%s%s\n", s ? "\n" : "", titles[s]);
		for (size_t i = 0; i < n; i++, o++) {
			fprintf(out, "  %-20s %s\n", o->key, o->meaning);
			fprintf(out, "  %-20s   %s", "",
				option_allowed(o, allowed, sizeof(allowed)));
			if (!o->def)
				fprintf(out, "; must be given\n");
			else if (*o->def)
				fprintf(out, "; default: %s\n", o->def);
			else
				fprintf(out, "; optional\n");
		}
	}
}
