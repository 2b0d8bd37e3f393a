/* helio-keys: makes and shows the keys of a cluster. */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct keys keys;
	struct keys_daemon daemon;
	const char *cluster;
	char **args; /* after the subcommand */
	bool addr_given, use;
};

static const char help[] =
    "helio-keys makes and shows the keys of a Heliograph cluster.\n"
    "\n"
    "Most clusters need one command, run by the operator and again after each change:\n"
    "  helio-keys from-config CLUSTER.yaml   everything that is missing for every daemon of\n"
    "                                        the file, in the folder its paths.keys names\n"
    "\n"
    "One piece at a time:\n"
    "  helio-keys init DIR [--cluster NAME]  the cluster's signing key and ticket key\n"
    "  helio-keys site DIR SITE              the key that seals the journal of a site\n"
    "  helio-keys daemon DIR NAME --site SITE --addr N --role node|broker|gateway [--days 365]\n"
    "                                        its CURVE pair; a node's Noise key, certificate\n"
    "  helio-keys operator DIR NAME          a CURVE pair for a person with helioctl\n"
    "  helio-keys rotate DIR NAME            the next key of a daemon, beside the one in use: "
    "spread\n"
    "                                        its .pub; then --use puts it into use (deploy/rotate\n"
    "                                        does all of it)\n"
    "  helio-keys show DIR                   what is there, when it ends, what is wrong (exit 1)\n"
    "\n"
    "Options\n"
    "  --addr N      address of the daemon: SITE.ORDINAL (2.64), or 256*SITE + ORDINAL (576)\n"
    "  --days N      how long a node's certificate holds (1-3650, 365)\n"
    "  --renew       sign certificates anew, keys kept; happens by itself in the last 30 days\n"
    "  --force       replace keys that are there; says what else must be done then\n"
    "\n"
    "Every command may be repeated: what is there and right is kept. Secrets are written 0600.\n"
    "\n"
    "What goes where\n"
    "  cluster.key                  stays with the operator: it can make any machine a node\n"
    "  cluster.pub, cluster.name,\n"
    "  curve/*.pub, operators/      every machine\n"
    "  curve/NAME.key               the machine of daemon NAME\n"
    "  noise/NODE.key, NODE.cert    the machine of that node\n"
    "  ticket.key, site-SITE.key    the nodes (of that site)\n"
    "  operator-NAME.key            that person, and nowhere else; taking NAME.pub out of\n"
    "                               operators/ shuts them out\n";

static int cmd_init(struct options *o)
{
	return keys_init(&o->keys, o->cluster);
}

static int cmd_site(struct options *o)
{
	return keys_site(&o->keys, o->args[1]);
}

static int cmd_daemon(struct options *o)
{
	o->daemon.name = o->args[1];
	if (!o->daemon.role)
		return keys_error("add --role node, broker or gateway", "what is %s?",
				  o->daemon.name);
	if (!o->addr_given)
		return keys_error("add --addr SITE.ORDINAL, as in the configuration",
				  "which address has %s?", o->daemon.name);
	return keys_daemon(&o->keys, &o->daemon);
}

static int cmd_operator(struct options *o)
{
	return keys_operator(&o->keys, o->args[1]);
}

static int cmd_from_config(struct options *o)
{
	return keys_from_config(&o->keys, o->args[0], o->daemon.days);
}

static int cmd_rotate(struct options *o)
{
	o->daemon.name = o->args[1];
	return keys_rotate(&o->keys, &o->daemon, o->use);
}

static int cmd_show(struct options *o)
{
	return keys_show(&o->keys);
}

static const struct command {
	const char *name;
	int args;
	const char *usage;
	int (*run)(struct options *o);
} commands[] = {
    {"from-config", 1, "from-config CLUSTER.yaml [--days N] [--renew]", cmd_from_config},
    {"init", 1, "init DIR [--cluster NAME]", cmd_init},
    {"site", 2, "site DIR SITE", cmd_site},
    {"daemon", 2, "daemon DIR NAME --site SITE --addr N --role node|broker|gateway", cmd_daemon},
    {"operator", 2, "operator DIR NAME", cmd_operator},
    {"rotate", 2, "rotate DIR NAME [--use] [--days N]", cmd_rotate},
    {"show", 1, "show DIR", cmd_show},
};

/* A whole decimal number of at most max; stops at `end`. */
static bool number(const char *s, char end, unsigned long max, unsigned long *ret)
{
	char *stop;
	if (*s < '0' || *s > '9')
		return false;
	*ret = strtoul(s, &stop, 10);
	return *stop == end && *ret <= max;
}

static int parse_addr(const char *s, uint16_t *ret)
{
	unsigned long site, ordinal;
	const char *dot = strchr(s, '.');
	if (dot && number(s, '.', 254, &site) && number(dot + 1, '\0', 255, &ordinal))
		*ret = addr_make((unsigned)site, (unsigned)ordinal);
	else if (!dot && number(s, '\0', UINT16_MAX, &ordinal))
		*ret = (uint16_t)ordinal;
	else
		return keys_error("write SITE.ORDINAL (2.64), or 256*SITE + ORDINAL (576)",
				  "--addr %s is no address", s);
	return 0;
}

static int parse(struct options *o, int argc, char **argv)
{
	enum { CLUSTER = 256, SITE, ADDR, ROLE, DAYS, RENEW, FORCE, USE };
	static const struct option longs[] = {
	    {"cluster", required_argument, NULL, CLUSTER},
	    {"site", required_argument, NULL, SITE},
	    {"addr", required_argument, NULL, ADDR},
	    {"role", required_argument, NULL, ROLE},
	    {"days", required_argument, NULL, DAYS},
	    {"renew", no_argument, NULL, RENEW},
	    {"force", no_argument, NULL, FORCE},
	    {"use", no_argument, NULL, USE},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	unsigned long n;
	int c;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case CLUSTER: o->cluster = optarg; break;
		case SITE: o->daemon.site = optarg; break;
		case ROLE: o->daemon.role = optarg; break;
		case RENEW: o->keys.renew = true; break;
		case FORCE: o->keys.force = true; break;
		case USE: o->use = true; break;
		case ADDR:
			if (parse_addr(optarg, &o->daemon.addr))
				return 1;
			o->addr_given = true;
			break;
		case DAYS:
			if (!number(optarg, '\0', KEYS_DAYS_MAX, &n) || n == 0)
				return keys_error("give 1 to 3650", "--days %s", optarg);
			o->daemon.days = (unsigned)n;
			break;
		case 'h': fputs(help, stdout); exit(0);
		default:
			fputs("  remedy: `helio-keys --help` shows all options\n", stderr);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.daemon.days = KEYS_DAYS_DEFAULT};
	if (seal_init())
		return keys_error("check that /dev/urandom is there", "libsodium did not start");
	if (parse(&o, argc, argv))
		return 2;
	if (optind == argc) {
		fputs(help, stderr);
		return 2;
	}
	const char *name = argv[optind];
	for (size_t i = 0; i < HELIO_ARRAY_LEN(commands); i++) {
		const struct command *cmd = &commands[i];
		if (strcmp(cmd->name, name) != 0)
			continue;
		o.args = argv + optind + 1;
		if (argc - optind - 1 != cmd->args) {
			fprintf(stderr, "usage: helio-keys %s\n", cmd->usage);
			return 2;
		}
		o.keys.dir = o.args[0];
		return cmd->run(&o);
	}
	keys_error("`helio-keys --help` lists them", "no such command: %s", name);
	return 2;
}
