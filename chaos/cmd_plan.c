/* helio-chaos plan: what an experiment would do, in words, and who is at risk. Breaks nothing. */
#include "chaos/chaos.h"
#include "chaos/drill/experiment.h"
#include "chaos/lab/lab.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

/* Callers and agents are spread evenly: over the nodes, and over the sites. */
struct risk {
	bool node[LAB_MACHINES], gateway[LAB_MACHINES];
	bool link[LAB_SITES];
};

static void daemon_risk(struct risk *r, const char *pattern)
{
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		char gateway[LAB_NAME_SIZE];
		snprintf(gateway, sizeof(gateway), "%s-g%u", lab_site_name(lab_machine_site(m)),
			 m % LAB_PER_SITE + 1);
		r->node[m] |= fnmatch(pattern, lab_machine_name(m), 0) == 0;
		r->gateway[m] |= fnmatch(pattern, gateway, 0) == 0;
	}
}

static void link_risk(struct risk *r, const char *a, const char *b)
{
	for (uint32_t s = 0; s < LAB_SITES; s++)
		r->link[s] |= !a || strcmp(a, "*") == 0 || strcmp(a, lab_site_name(s)) == 0 || !b ||
			      strcmp(b, "*") == 0 || strcmp(b, lab_site_name(s)) == 0;
}

static void step_risk(struct risk *r, const struct step *s)
{
	const char *target = json_string_value(json_object_get(s->args, "target"));
	const char *from = json_string_value(json_object_get(s->args, "from"));
	const char *to = json_string_value(json_object_get(s->args, "to"));
	if (!s->func || (s->func->class != FUNC_FAULT && s->func->class != FUNC_CTL))
		return;
	if (strcmp(s->func->name, "cut") == 0 || strcmp(s->func->name, "link") == 0)
		link_risk(r, from ? from : target, to);
	else if (target)
		daemon_risk(r, target);
	int m = target ? lab_machine_find(target) : -1;
	if (m >= 0 && s->func->class == FUNC_FAULT)
		r->gateway[m] |= strcmp(s->func->name, "machine_lost") == 0 ||
				 strcmp(s->func->name, "suspend") == 0 ||
				 strcmp(s->func->name, "unplug") == 0;
}

static void print_args(const json_t *args)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)args, key, v)
	{
		char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		printf(" %s=%s", key, text ? text : "?");
		free(text);
	}
}

static double print_steps(const struct step *s, uint32_t n, struct risk *r)
{
	double at = 0;
	for (uint32_t i = 0; i < n; i++) {
		at += s[i].pause_before_s;
		printf("  %6.1f s  %s: ", at, s[i].name);
		if (s[i].func) {
			printf("%s", s[i].func->name);
			print_args(s[i].args);
		} else {
			printf("run %s %s", s[i].path, s[i].arguments);
		}
		putchar('\n');
		at += s[i].pause_after_s;
		if (r)
			step_risk(r, &s[i]);
	}
	return at;
}

static void print_risk(const struct experiment *e, const struct risk *r)
{
	uint32_t calls = 0, agents = 0, talking = e->agents < e->callers ? e->agents : e->callers;
	printf("At risk\n");
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		uint32_t here = e->callers * (m + 1) / LAB_MACHINES - e->callers * m / LAB_MACHINES;
		uint32_t desks = e->agents / LAB_MACHINES;
		if (r->node[m]) {
			printf("  node %s: its %u callers, about %u of them talking; the pages of "
			       "about %u agents\n",
			       lab_machine_name(m), here,
			       e->callers ? here * talking / e->callers : 0, desks);
			calls += here;
		}
		if (r->gateway[m])
			printf("  a gateway at %s: the pages of about %u agents reconnect\n",
			       lab_machine_name(m), desks);
		agents += r->node[m] || r->gateway[m] ? desks : 0;
	}
	uint32_t linked = 0;
	for (uint32_t s = 0; s < LAB_SITES; s++)
		linked += r->link[s];
	if (linked)
		printf("  lines between sites: talks across them, at most %u\n", talking);
	printf("  together: at most %u of %u calls and %u of %u agents; audio, not records: a call "
	       "that\n  is lost is a deviation\n",
	       linked && calls < talking ? talking : calls, e->callers, agents, e->agents);
}

int cmd_plan(int argc, char **argv)
{
	struct experiment *e = NULL;
	struct risk r = {0};
	char file[LAB_PATH_SIZE];
	if (argc != 2 || strcmp(argv[1], "--help") == 0) {
		fputs("helio-chaos plan DRILL|FILE - what an experiment would do, and who is at "
		      "risk;\nnothing is started or broken. exit: 0, 2 the experiment cannot be "
		      "read\n",
		      argc == 2 ? stdout : stderr);
		return argc == 2 ? 0 : EXIT_USAGE_;
	}
	if (place_drill(file, argv[1])) {
		fprintf(stderr,
			"helio-chaos plan: no drill is called %s; helio-chaos score "
			"--list\n",
			argv[1]);
		return EXIT_USAGE_;
	}
	if (experiment_load(&e, file, NULL, stderr))
		return EXIT_USAGE_;
	printf("%s\n%s\n\n", e->title, e->description);
	printf("Lab: %d sites of %d machines in namespaces of this host; lines: %s%s%s\n",
	       LAB_SITES, LAB_PER_SITE, e->wan, e->clock ? "; clocks can jump" : "",
	       e->small_disks ? "; disks can be filled" : "");
	printf("Load: %u callers, %u agents; a talk lasts %s\n", e->callers, e->agents,
	       e->talk_s > 0 ? "until the agent ends it" : "until the caller hangs up");
	if (e->far)
		printf("  %u of the callers are for agents of another site\n", e->far);
	if (e->sipp)
		printf("  %u of the callers are SIPp's\n", e->sipp);
	if (e->again)
		printf("  who has ended calls again\n");
	putchar('\n');
	printf("Before and after must hold (%s)\n", e->steady_title);
	for (uint32_t i = 0; i < e->steady_n; i++) {
		char wanted[160];
		tolerance_text(&e->steady[i].tolerance, wanted);
		printf("  %s: %s\n", e->steady[i].name, wanted);
	}
	printf("\nMethod\n");
	double took = print_steps(e->method, e->method_n, &r);
	printf("  %6.1f s  then at most %g s until the steady state is back\n", took, e->settle_s);
	printf("\nAfterwards, whatever happened\n");
	(void)print_steps(e->rollbacks, e->rollbacks_n, NULL);
	printf("  every fault heals\n\n");
	for (uint32_t i = 0; i < e->stops_n; i++) {
		printf("%s  %s", i ? "" : "Stops when\n", e->stop[i].name);
		if (isfinite(e->stop[i].above))
			printf(" is above %g", e->stop[i].above);
		if (isfinite(e->stop[i].below))
			printf(" is below %g", e->stop[i].below);
		putchar('\n');
	}
	print_risk(e, &r);
	experiment_free(e);
	return 0;
}

int cmd_functions(int argc, char **argv)
{
	static const char *const classes[] = {"fault", "heal", "helioctl", "load", "probe", "wait"};
	size_t n;
	const struct func *f = func_table(&n);
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < n; i++) {
		printf("%-16s %-9s %s\n", f[i].name, classes[f[i].class], f[i].what);
		printf("%26s", "");
		for (size_t k = 0; k < HELIO_ARRAY_LEN(f[i].args) && f[i].args[k].name; k++)
			printf(f[i].args[k].required ? "%s " : "[%s] ", f[i].args[k].name);
		putchar('\n');
	}
	return 0;
}
