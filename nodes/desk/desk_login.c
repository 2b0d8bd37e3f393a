/*
 * Signing in: by password, or by the ticket of a device that did so within twelve hours. The answer
 * never says which part was wrong, and an unknown name takes as long as a wrong password.
 */
#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <string.h>

static const char *json_text(const json_t *msg, const char *key)
{
	const char *s = json_string_value(json_object_get(msg, key));
	return s ? s : "";
}

static void denied(struct link *l, const char *why, uint64_t retry_ms)
{
	l->desk->counters.denied++;
	l->state = LINK_SEALED;
	link_send(l, json_pack("{ss ss sI}", "t", "denied", "why", why, "retry_ms",
			       (json_int_t)retry_ms));
}

static bool audio_wanted(struct link *l, const json_t *msg)
{
	const char *audio = json_string_value(json_object_get(msg, "audio"));
	l->plain_audio = audio && strcmp(audio, "plain") == 0;
	if (l->plain_audio && !l->desk->n->conf->allow_plain_agents) {
		link_error(l, "login", "plain audio is not allowed here",
			   "set allow_plain_agents: true in the cluster file of a test system");
		return false;
	}
	return true;
}

void login_request(struct link *l, const json_t *msg)
{
	struct desk *d = l->desk;
	const char *name = json_string_value(json_object_get(msg, "name"));
	const char *password = json_string_value(json_object_get(msg, "password"));
	if (l->state != LINK_SEALED || !name || !password || !audio_wanted(l, msg)) {
		if (l->state == LINK_SEALED && (!name || !password))
			link_error(l, "login", "name or password missing", "send both as text");
		return;
	}
	uint64_t wait_ms = login_guard_begin(&d->guard, name, l->remote_ip4, mono_us());
	if (wait_ms) {
		denied(l, "locked", wait_ms);
		return;
	}
	const struct conf_agent *agent = conf_agent_by_name(d->n->conf, name);
	l->state = LINK_CHECKING;
	bool may = agent && agent->password[0] == '$';
	if (passwords_check(d->passwords, l->conn, l->remote_ip4, name,
			    may ? agent->password : NULL, password)) {
		login_guard_undo(&d->guard, name);
		denied(l, "full", 1000);
	}
}

/* Whoever tries passwords has five of a name, not five at each node. What does not arrive costs a
 * try more. */
static void hint_send(struct desk *d, const char *name, bool right, bool had_failures)
{
	Envelope env = Envelope_init_zero;
	LoginHint *h = &env.body.login_hint;
	const struct conf *conf = d->n->conf;
	if (right && !had_failures)
		return; /* nothing to take back */
	env.which_body = Envelope_login_hint_tag;
	login_guard_tell(&d->guard, name, mono_us(), &h->name, &h->failures, &h->locked_ms);
	for (uint32_t i = 0; i < conf->daemons_n; i++)
		if (conf->daemons[i].role == CONF_NODE && &conf->daemons[i] != d->n->self)
			(void)node_mesh_send(d->n, conf->daemons[i].addr, &env, NULL, 0);
}

void desk_login_hint(struct desk *d, const LoginHint *hint)
{
	login_guard_told(&d->guard, hint->name, hint->failures, hint->locked_ms, mono_us());
}

void login_checked(uint64_t conn, uint32_t ip4, const char *name, int result, void *arg)
{
	struct desk *d = arg;
	struct link *l = link_find(d, conn);
	uint64_t unused;
	uint32_t failures, unlocked;
	login_guard_tell(&d->guard, name, mono_us(), &unused, &failures, &unlocked);
	uint64_t lock_ms = login_guard_checked(&d->guard, name, ip4, result == 0, mono_us());
	if (lock_ms) {
		d->counters.login_lockouts++;
		log_warn("login.locked", "name=%s for_ms=%u", log_quote(name), (unsigned)lock_ms);
	}
	hint_send(d, name, result == 0, failures > 0);
	if (result) {
		if (l && l->state == LINK_CHECKING)
			denied(l, lock_ms ? "locked" : "credentials", lock_ms);
		return;
	}
	const struct conf_agent *agent = conf_agent_by_name(d->n->conf, name);
	if (!l || l->state != LINK_CHECKING || !agent)
		return; /* the page left meanwhile */
	d->counters.logins++;
	session_enter(l, agent, (struct enter){0});
}

void login_resume(struct link *l, const json_t *msg)
{
	struct desk *d = l->desk;
	const char *hex = json_string_value(json_object_get(msg, "ticket"));
	uint8_t sealed[SEAL_TICKET_LEN_MAX];
	struct seal_ticket t;
	if (l->state != LINK_SEALED || !audio_wanted(l, msg))
		return;
	size_t len = hex ? strlen(hex) / 2 : 0;
	const struct conf_agent *agent = NULL;
	if (hex && len <= sizeof(sealed) && !hex_decode(sealed, len, hex) &&
	    !seal_ticket_open(&t, sealed, len, d->ticket_key, l->seal.peer, wall_ms() / 1000))
		agent = conf_agent_by_id(d->n->conf, t.agent);
	/* A changed password ends every ticket made before. */
	if (!agent || t.password_mark != hash_str(agent->password)) {
		denied(l, "ticket", 0);
		return;
	}
	/* A page that comes back by itself (a lid that opens, a network that returns) does not take
	 * the desk from a newer one; a person who presses a button does. */
	uint64_t had = 0;
	(void)conf_id_parse(d->n->conf, json_text(msg, "session"), &had);
	bool again = json_is_true(json_object_get(msg, "again"));
	if (again && claim_superseded(d, agent, had, l->seal.peer)) {
		link_send(l, json_pack("{ss sb}", "t", "taken_over", "finish", false));
		return;
	}
	d->counters.resumed++;
	session_enter(l, agent,
		      (struct enter){
			  .keep_rtc = json_is_true(json_object_get(msg, "keep_rtc")),
			  .ready = json_is_true(json_object_get(msg, "ready")),
			  .talking = json_is_true(json_object_get(msg, "talking")),
			  .again = again,
			  .had = had,
		      });
}

struct desk_abuse desk_abuse(const struct desk *d)
{
	return (struct desk_abuse){.denied = d->counters.denied,
				   .login_lockouts = d->counters.login_lockouts,
				   .bad_frames = d->counters.bad_frames,
				   .too_fast = d->counters.too_fast};
}
