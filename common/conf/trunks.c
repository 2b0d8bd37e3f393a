/* trunks: who carriers are, by address. */
#include "common/conf/options.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

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
