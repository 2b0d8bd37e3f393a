/* The networks of the lab, made with ip(8): see the drawing in lab.h. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"

static void site_lines(FILE *f, uint32_t s)
{
	const char *name = lab_site_name(s);
	fprintf(f, "netns add helio-%s\n", name);
	fprintf(f, "link add w-%s netns helio-world type veth peer name world netns helio-%s\n",
		name, name);
	for (uint32_t i = 0; i < LAB_PER_SITE; i++) {
		const char *m = lab_machine_name(s * LAB_PER_SITE + i);
		fprintf(f, "netns add helio-%s\n", m);
		fprintf(f, "link add eth0 netns helio-%s type veth peer name %s netns helio-%s\n",
			m, m, name);
	}
}

static int batch(struct lab *lab, const char *netns, const char *text)
{
	char path[LAB_PATH_SIZE + 16];
	snprintf(path, sizeof(path), "%s/ip.batch", lab->conf.dir);
	FILE *f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	return lab_run(lab, "ip %s%s -batch %s", netns ? "-n " : "", netns ? netns : "", path);
}

static int routers(struct lab *lab, uint32_t s)
{
	char text[4096], ns[LAB_NAME_SIZE];
	size_t n = 0;
	const char *name = lab_site_name(s);
#define ADD(...) n += (size_t)snprintf(text + n, sizeof(text) - n, __VA_ARGS__)
	ADD("link set lo up\nlink add br0 type bridge\nlink set br0 up\n");
	ADD("link set world master br0\nlink set world up\n");
	for (uint32_t i = 0; i < LAB_PER_SITE; i++) {
		const char *m = lab_machine_name(s * LAB_PER_SITE + i);
		ADD("link set %s master br0\nlink set %s up\n", m, m);
	}
	ADD("addr add 10.%u.0.254/24 dev br0\n", s + 1);
	ADD("tuntap add dev wan0 mode tun\nlink set wan0 up mtu 1500\n");
	for (uint32_t o = 0; o < LAB_SITES; o++)
		if (o != s)
			ADD("route add 10.%u.0.0/16 dev wan0\n", o + 1);
	ADD("route add 10.9.0.0/16 via 10.%u.0.200\n", s + 1);
#undef ADD
	snprintf(ns, sizeof(ns), "helio-%s", name);
	int err = batch(lab, ns, text);
	if (!err)
		err = lab_run(lab, "ip netns exec %s sysctl -qw net.ipv4.ip_forward=1", ns);
	return err;
}

static int machine(struct lab *lab, uint32_t m)
{
	char text[1024], ns[LAB_NAME_SIZE];
	uint32_t k = lab_machine_site(m) + 1;
	snprintf(ns, sizeof(ns), "helio-%s", lab_machine_name(m));
	snprintf(text, sizeof(text),
		 "link set lo up\nlink set eth0 up\naddr add %s/24 dev eth0\n"
		 "route add default via 10.%u.0.254\nroute add 10.9.0.0/16 via 10.%u.0.200\n",
		 lab_machine_ip(m), k, k);
	return batch(lab, ns, text);
}

static int world(struct lab *lab)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text),
				    "link set lo up\naddr add " LAB_WORLD_IP "/32 dev lo\n");
	for (uint32_t s = 0; s < LAB_SITES; s++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "link set w-%s up\naddr add 10.%u.0.200/24 dev w-%s\n",
				      lab_site_name(s), s + 1, lab_site_name(s));
	int err = batch(lab, "helio-world", text);
	if (!err)
		err = lab_run(lab, "ip netns exec helio-world sysctl -qw net.ipv4.ip_forward=0 "
				   "net.ipv4.ip_local_port_range='20000 39999'");
	return err;
}

int net_up(struct lab *lab)
{
	char text[4096];
	FILE *f = fmemopen(text, sizeof(text), "w");
	if (!f)
		return lab_fail(lab, ENOMEM, "out of memory");
	fputs("netns add helio-world\n", f);
	for (uint32_t s = 0; s < LAB_SITES; s++)
		site_lines(f, s);
	fclose(f);
	int err = batch(lab, NULL, text);
	for (uint32_t s = 0; s < LAB_SITES && !err; s++)
		err = routers(lab, s);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++)
		err = machine(lab, m);
	return err ? err : world(lab);
}

int net_cable(struct lab *lab, uint32_t m, bool up)
{
	return lab_run(lab, "ip -n helio-%s link set %s %s", lab_site_name(lab_machine_site(m)),
		       lab_machine_name(m), up ? "up" : "down");
}

/* Reads a number of the machine's port from inside the router's namespace. */
int net_cable_state(struct lab *lab, uint32_t m, uint32_t *ret_changes, bool *ret_up)
{
	char line[256], out[256] = "";
	snprintf(line, sizeof(line),
		 "ip netns exec helio-%s sh -c 'cat /sys/class/net/%s/carrier_changes "
		 "/sys/class/net/%s/operstate'",
		 lab_site_name(lab_machine_site(m)), lab_machine_name(m), lab_machine_name(m));
	FILE *f = popen(line, "re");
	if (!f)
		return lab_fail(lab, errno, "%s", strerror(errno));
	size_t n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	char state[32] = "";
	unsigned changes = 0;
	bool ok = sscanf(out, "%u %31s", &changes, state) == 2;
	if (pclose(f) || !ok)
		return lab_fail(lab, EIO, "the port of %s cannot be read", lab_machine_name(m));
	*ret_changes = changes;
	*ret_up = strcmp(state, "up") == 0;
	return 0;
}

int net_enter(const char *netns)
{
	char path[128];
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = setns(fd, CLONE_NEWNET) ? errno : 0;
	close(fd);
	return err;
}
