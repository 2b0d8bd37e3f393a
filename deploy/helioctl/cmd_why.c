/* why: the story of one live call, from its owner and from those who match it. */
#include "deploy/helioctl/ctl.h"

#include <string.h>

#include "common/base/base.h"

/* Owner first; one broker that matches the call is enough, for all brokers of a site see the same.
 */
static json_t *sentences(const struct answers *as)
{
	json_t *all = json_array();
	bool told[2] = {false, false};

	for (unsigned pass = 0; pass < 2; pass++) {
		const char *who = pass == 0 ? "owner" : "matcher";
		for (uint32_t i = 0; i < as->n && !told[pass]; i++) {
			const json_t *r = as->list[i].reply;
			if (!json_is_true(json_object_get(r, who)))
				continue;
			/* on an island the owner matches too, and has said everything */
			told[pass] = true;
			if (json_is_true(json_object_get(r, "owner")) &&
			    json_is_true(json_object_get(r, "matcher")))
				told[1] = true;
			json_array_extend(all, json_object_get(r, "lines"));
		}
	}
	return all;
}

int cmd_why(struct ctl *ctl)
{
	struct answers as;
	uint64_t id;
	size_t n;
	json_t *line;

	if (conf_id_parse(ctl->conf, ctl->argv[0], &id))
		return ctl_fail(CTL_USAGE, "write it as oslo1-2f-91; `helioctl calls` lists them",
				"'%s' is not an id of this cluster", ctl->argv[0]);
	/* Only the site that minted it knows why. */
	const struct conf_site *site = conf_site_by_number(ctl->conf, addr_site(id_addr(id)));
	if (site)
		ctl->site = site->name;
	json_t *req = json_pack("{s:s}", "call", ctl->argv[0]);
	ask(ctl, ASK_NODES | ASK_BROKERS, NULL, "why", req, &as);
	int code = as.answered ? CTL_OK : CTL_SILENT;
	json_t *lines = sentences(&as);
	if (code == CTL_OK && json_array_size(lines) == 0)
		code = ctl_fail(CTL_UNHEALTHY, "if it has ended: helioctl id CALL",
				"nobody at its site knows call %s", ctl->argv[0]);
	if (ctl->json) {
		answers_json_print(ctl, &as, "lines", lines);
	} else {
		json_array_foreach(lines, n, line)
		    fprintf(ctl->out, "%s\n", json_string_value(line));
		answers_silent_print(ctl, &as);
		json_decref(lines);
	}
	json_decref(req);
	answers_free(&as);
	return code;
}
