#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/live/live.h"
#include "common/log/log.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Long enough to write one close frame to everyone, short beside any supervisor's patience.
	 */
	STOP_US = 2000000,
	HTTP_KEEPALIVE_S = 15,
	HTTP_HEADERS_MAX = 4096,
	/* Held by every connection, idle or not; a larger message comes in parts (desk.c). Nearly
	 * all of a page's fit. */
	DESK_RX_BYTES = 512,
};

struct options {
	const char *config, *name, *dump;
	struct gw_limits limits;
};

static volatile sig_atomic_t stop_asked, reload_asked;
static struct lws_context *signal_context;

static void usage(FILE *out)
{
	fputs(
	    "helio-gateway --config FILE --name NAME [--limit LIMIT=VALUE]... [--dump FILE]\n"
	    "\n"
	    "Serves the agents' page and carries its sealed frames to a live node of the agent's\n"
	    "site. It holds no key of a session and keeps nothing: killed, it loses nothing, and\n"
	    "pages reconnect elsewhere.\n"
	    "\n"
	    "  --config FILE   the cluster's configuration (deploy/example/cluster.yaml)\n"
	    "  --name NAME     which of its gateways this is, e.g. oslo-g1\n"
	    "  --limit L=V     change a limit; may come repeatedly\n"
	    "  --dump FILE     write every payload that passes, both ways, to FILE: for the test\n"
	    "                  which looks for plain text in it. Slow; not for real use\n"
	    "  --help          this text\n"
	    "\n"
	    "Limits (default, why):\n",
	    out);
	gw_limits_help(out);
	fputs("\n"
	      "Paths: /  /assets/…  /cluster.json  /healthz (200 while a node is live, else 503)\n"
	      "       /desk?site=NAME (WebSocket, sub-protocol heliograph.1)\n"
	      "Signals: SIGTERM, SIGINT close every browser with 1001 and end; SIGHUP reads the "
	      "page\n"
	      "and the certificate anew (which is looked at every 5 s too).\n"
	      "\n"
	      "Try:  helio-gateway --config deploy/example/cluster.yaml --name oslo-g1\n"
	      "      curl -i http://127.0.1.1:8080/healthz\n"
	      "      helioctl status\n",
	      out);
}

/* 0 go on, -1 end well, else the exit status. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
	    {"config", required_argument, NULL, 'c'}, {"name", required_argument, NULL, 'n'},
	    {"limit", required_argument, NULL, 'l'},  {"dump", required_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	char why[256];
	int c;
	gw_limits_default(&o->limits);
	while ((c = getopt_long(argc, argv, "c:n:h", known, NULL)) != -1) {
		switch (c) {
		case 'c': o->config = optarg; break;
		case 'n': o->name = optarg; break;
		case 'd': o->dump = optarg; break;
		case 'l':
			if (gw_limits_set(&o->limits, optarg, why)) {
				fprintf(stderr, "helio-gateway: %s\n", why);
				return 2;
			}
			break;
		case 'h': usage(stdout); return -1;
		default: return 2;
		}
	}
	if (!o->config || !o->name || optind != argc) {
		fputs("helio-gateway: --config FILE and --name NAME are needed; see --help\n",
		      stderr);
		return 2;
	}
	return 0;
}

static void on_signal(int sig)
{
	if (sig == SIGHUP)
		reload_asked = 1;
	else
		stop_asked = 1;
	if (signal_context)
		lws_cancel_service(signal_context);
}

/* After the libraries, some of which install handlers of their own. */
static void install_signals(struct gateway *gw)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigemptyset(&sa.sa_mask);
	signal_context = gw->lws;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void lws_line(int level, const char *line)
{
	char text[400];
	(void)str_copy(text, sizeof(text), line);
	text[strcspn(text, "\n")] = '\0';
	if (level == LLL_ERR)
		log_error("lws", "text=%s", log_quote(text));
	else
		log_warn("lws", "text=%s", log_quote(text));
}

static const struct lws_protocols *protocols(void)
{
	static struct lws_protocols v[] = {
	    {.name = "http", .callback = gw_http_callback},
	    {.name = "heliograph.1", .callback = gw_desk_callback, .rx_buffer_size = DESK_RX_BYTES},
	    {.name = "mesh", .callback = gw_link_mesh_callback},
	    {.name = "admin", .callback = gw_link_admin_callback},
	    {.name = "metrics", .callback = gw_metrics_callback},
	    {0},
	};
	v[0].per_session_data_size = gw_http_session_size();
	v[1].per_session_data_size = gw_desk_session_size();
	return v;
}

static int listen_http(struct gateway *gw, char why[256])
{
	/* On every answer, errors included. */
	static struct lws_protocol_vhost_options header[] = {
	    {&header[1], NULL, "content-security-policy:", NULL},
	    {&header[2], NULL, "x-content-type-options:", "nosniff"},
	    {&header[3], NULL, "referrer-policy:", "no-referrer"},
	    {&header[4], NULL,
	     "permissions-policy:", "microphone=(self), camera=(), geolocation=()"},
	    {NULL, NULL, "cross-origin-opener-policy:", "same-origin"},
	    /* Only with TLS: a browser that came by it does not come without it for a year. */
	    {NULL, NULL, "strict-transport-security:", "max-age=31536000"},
	};
	/* No pings of libwebsockets' own: gw_desk_sweep() says why. */
	static const lws_retry_bo_t idle;
	const struct gw_limits *l = &gw->limits;
	header[0].value = gw->csp;
	struct lws_context_creation_info info = {
	    .port = gw->self->http_port,
	    .iface = gw->self->mesh.host,
	    .protocols = protocols(),
	    .headers = header,
	    .server_string = "heliograph",
	    .retry_and_idle_policy = &idle,
	    .keepalive_timeout = HTTP_KEEPALIVE_S,
	    .max_http_header_data = HTTP_HEADERS_MAX,
	    .timeout_secs = (l->handshake_ms + 999) / 1000,
	    .timeout_secs_ah_idle = (l->handshake_ms + 999) / 1000,
	    .user = gw,
	    .rlimit_nofile = (int)(2 * l->connections + 1024),
	    .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_DISABLE_IPV6,
	};
	gw_loop_prepare(gw->loop, &info);
	if (gw_tls_wanted(gw))
		header[4].next = &header[5];
	int err = gw_tls_prepare(gw, &info, why);
	if (err)
		return err;
	gw->lws = lws_create_context(&info);
	if (!gw->lws) {
		snprintf(why, 256,
			 "libwebsockets does not start; see the lines above. Is its "
			 "plugin installed (Debian: libwebsockets-evlib-ev)?");
		return ENOMEM;
	}
	gw->vhost = lws_create_vhost(gw->lws, &info);
	if (!gw->vhost) {
		snprintf(why, 256,
			 "%s:%u cannot be listened on; is another gateway running? "
			 "`ss -ltnp` shows who has the port",
			 gw->self->mesh.host, gw->self->http_port);
		return EADDRINUSE;
	}
	gw_tls_watch(gw);
	return 0;
}

static int start(struct gateway *gw, const struct options *o, char why[256])
{
	char state[CONF_PATH_SIZE];
	gw->self = conf_daemon_by_name(gw->conf, o->name);
	if (!gw->self || gw->self->role != CONF_GATEWAY) {
		snprintf(why, 256, "%.60s is no gateway of this cluster", o->name);
		return ENOENT;
	}
	if (o->dump && !(gw->dump = fopen(o->dump, "ab"))) {
		snprintf(why, 256, "%.200s: %s", o->dump, strerror(errno));
		return errno;
	}
	int err = gw_loop_new(&gw->loop);
	if (!err)
		err = gw_http_prepare(gw, why);
	if (!err) /* whatever is wrong so far has cost no boot number */
		err = conf_ports_free(gw->self, why);
	if (err)
		return err;
	err = conf_state_path(gw->conf, gw->self, state);
	if (!err)
		err = boot_next(state, &gw->boot);
	if (err) {
		snprintf(why, 256, "the state folder %.180s: %s", state, strerror(err));
		return err;
	}
	err = gw_link_open(gw, why);
	if (!err)
		err = gw_metrics_open(gw, why);
	if (!err)
		err = listen_http(gw, why);
	if (!err)
		err = gw_link_adopt(gw);
	if (!err)
		err = gw_metrics_adopt(gw);
	return err;
}

static void reload(struct gateway *gw)
{
	char why[256];
	struct gw_assets *fresh = NULL;
	reload_asked = 0;
	if (live_reload(gw->live, mono_us(), why) == 0)
		log_info("config.reload", "done=%s", log_quote(why));
	gw_tls_reload(gw);
	if (gw_assets_load(&fresh, gw->conf->web_dir, why)) {
		log_error("web.reload", "why=%s", log_quote(why));
		return;
	}
	gw_assets_free(gw->assets);
	gw->assets = fresh;
	log_info("web.reload", "files=%zu", gw_assets_count(fresh));
}

static void wake(lws_sorted_usec_list_t *sul)
{
	(void)sul; /* the loop looks at the clock itself */
}

static void serve(struct gateway *gw)
{
	lws_sorted_usec_list_t stop_sul = {0};
	uint64_t stop_at_us = UINT64_MAX;
	while (!(gw->stopping && (gw->relay.conns == 0 || mono_us() >= stop_at_us))) {
		gw_loop_once(gw->loop);
		if (reload_asked)
			reload(gw);
		if (stop_asked && !gw->stopping) {
			log_info("gateway.stop", "connections=%zu", gw->relay.conns);
			gw->stopping = true;
			stop_at_us = mono_us() + STOP_US;
			lws_sul_schedule(gw->lws, 0, &stop_sul, wake, STOP_US);
			gw_desk_close_all(gw);
		}
	}
	lws_sul_cancel(&stop_sul);
}

static void finish(struct gateway *gw)
{
	signal_context = NULL;
	gw->stopping = true;
	/* First the sockets (their ends tell the nodes), then the mesh. */
	if (gw->lws) {
		lws_sul_cancel(&gw->tick_sul);
		lws_sul_cancel(&gw->drain_sul);
		lws_sul_cancel(&gw->tls.sul);
		lws_context_destroy(gw->lws);
		gw->lws = NULL;
	}
	gw_metrics_close(gw);
	gw_tls_wipe(gw);
	gw_link_close(gw);
	gw_http_wipe(gw);
	gw->loop = gw_loop_free(gw->loop);
	if (gw->dump)
		fclose(gw->dump);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	static struct gateway gateway;
	struct gateway *gw = &gateway;
	struct live *live = NULL;
	char why[256] = "";
	int status = parse_options(&o, argc, argv);
	if (status)
		return status < 0 ? 0 : status;
	log_init(o.name, getenv("HELIO_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	lws_set_log_level(LLL_ERR | LLL_WARN, lws_line);
	if (live_start(&live, o.config, o.name, CONF_GATEWAY, stderr))
		return 1;
	gw->live = live;
	gw->conf = live_base(live);
	gw->limits = o.limits;
	gw->started_us = mono_us();
	int err = start(gw, &o, why);
	if (err) {
		log_error("gateway.start", "err=%s why=%s", log_quote(strerror(err)),
			  log_quote(why));
	} else {
		install_signals(gw);
		log_info("gateway.ready", "url=%s://%s:%u/ boot=%u files=%zu dump=%s",
			 gw_tls_wanted(gw) ? "https" : "http", gw->self->mesh.host,
			 gw->self->http_port, gw->boot, gw_assets_count(gw->assets),
			 gw->dump ? "yes" : "no");
		serve(gw);
	}
	finish(gw);
	live_free(live);
	if (!err)
		log_info("gateway.end", "uptime_s=%llu",
			 (unsigned long long)((mono_us() - gw->started_us) / 1000000));
	return err ? 1 : 0;
}
