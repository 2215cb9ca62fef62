/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nic tags with NAT (nictagadm add -N): behind the tag's bridge lies a private IPv4 network, whose
 * router is this host. Beside the bridge and its address, which nictag.c makes, there are a table of
 * nftables of the tag's own, the host's forwarding, and, where dnsmasq is installed, one that gives
 * addresses to machines and answers their questions for names. All of it can be made again at any
 * time, and goes with the tag; forwarding alone stays, because others may rely on it by then.
 * nft(8) and dnsmasq(8) are programs of the host that are run; what is said to them is made of
 * numbers and of names that nictag_name_check has passed. Tools and zoneadmd, root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/netlink.h"
#include "zone/nictag_nat.h"
#include "zone/paths.h"
#include "zone/program.h"

#define NFT         "/usr/sbin/nft"
#define DNSMASQ     "/usr/sbin/dnsmasq"
#define FORWARD     "/proc/sys/net/ipv4/ip_forward"
#define BITS_MIN    8u
#define BITS_MAX    29u
#define END_WAIT_MS 5000

/* A private network, host order. */
struct nat {
	uint32_t net, mask, router;
	unsigned bits;
};

static int
parse(const char *text, struct nat *n)
{
	uint8_t bytes[16], bits;
	uint32_t addr;
	int family;

	if (nl_parse_address(text, &family, bytes, &bits) != 0 || family != AF_INET ||
	    bits < BITS_MIN || bits > BITS_MAX)
		return (-EINVAL);
	addr = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	    bytes[3];
	n->bits = bits;
	n->mask = UINT32_MAX << (32 - bits);
	n->net = addr & n->mask;
	n->router = addr == n->net ? addr + 1 : addr;
	return (n->router == (n->net | ~n->mask) ? -EINVAL : 0);
}

static const char *
text_of(uint32_t addr, char out[INET_ADDRSTRLEN])
{
	struct in_addr in = { htonl(addr) };

	return (inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN));
}

int
nat_address(const char *text, char *out, size_t size, struct err *e)
{
	char router[INET_ADDRSTRLEN];
	struct nat n;

	if (parse(text, &n) != 0)
		return (err_say(e, EINVAL,
		    "'%s' is no private network: an IPv4 network with %u to %u bits, as in "
		    "10.88.0.0/24, or the host's own address in it",
		    text, BITS_MIN, BITS_MAX));
	(void)snprintf(out, size, "%s/%u", text_of(n.router, router), n.bits);
	return (0);
}

/* A network that the host is in by another interface would be out of its reach. */
static int
check_free(const struct nictag *t, const struct nat *n, struct err *e)
{
	struct ifaddrs *list, *i;
	int rc = 0;

	if (getifaddrs(&list) != 0)
		return (err_set(e, errno, "cannot read the host's addresses"));
	for (i = list; i != NULL && rc == 0; i = i->ifa_next) {
		struct sockaddr_in a, m;
		uint32_t both;

		if (i->ifa_addr == NULL || i->ifa_netmask == NULL ||
		    i->ifa_addr->sa_family != AF_INET || strcmp(i->ifa_name, t->bridge) == 0)
			continue;
		memcpy(&a, i->ifa_addr, sizeof(a));
		memcpy(&m, i->ifa_netmask, sizeof(m));
		both = n->mask & ntohl(m.sin_addr.s_addr);
		if ((ntohl(a.sin_addr.s_addr) & both) == (n->net & both))
			rc = err_say(e, EEXIST,
			    "the network of %s is that of interface '%s' already: choose another",
			    t->address, i->ifa_name);
	}
	freeifaddrs(list);
	return (rc);
}

/* ---- programs ---- */

static int
run_nft(const char *script, struct err *e)
{
	const char *const argv[] = { NFT, "-f", "-", NULL };
	int rc = program_run(argv, script, NULL, e);

	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "there is no %s (Debian package nftables)", NFT));
	return (rc);
}

/* ---- the table ---- */

/* One transaction of nft's: the table as it is to be, or as it was. */
static int
make_table(const struct nictag *t, const struct nat *n, struct err *e)
{
	char script[2048], net[INET_ADDRSTRLEN];

	(void)snprintf(script, sizeof(script),
	    "add table inet zhyve_%s\n"
	    "delete table inet zhyve_%s\n"
	    "table inet zhyve_%s {\n"
	    "chain postrouting { type nat hook postrouting priority srcnat; policy accept;\n"
	    "ip saddr %s/%u oifname != \"%s\" masquerade\n"
	    "}\n"
	    "chain forward { type filter hook forward priority filter; policy accept;\n"
	    "iifname \"%s\" meta nfproto ipv6 drop\n"
	    "oifname \"%s\" iifname != \"%s\" ct state established,related accept\n"
	    "oifname \"%s\" iifname != \"%s\" drop\n"
	    "}\n"
	    "}\n",
	    t->name, t->name, t->name, text_of(n->net, net), n->bits, t->bridge, t->bridge,
	    t->bridge, t->bridge, t->bridge, t->bridge);
	return (run_nft(script, e));
}

static int
remove_table(const struct nictag *t, struct err *e)
{
	char script[160];

	(void)snprintf(script, sizeof(script),
	    "add table inet zhyve_%s\ndelete table inet zhyve_%s\n", t->name, t->name);
	return (run_nft(script, e));
}

static int
switch_forwarding_on(struct err *e)
{
	CLEANUP_FD int fd = open(FORWARD, O_RDWR | O_CLOEXEC);
	char now = '0';

	if (fd < 0 || pread(fd, &now, 1, 0) != 1 || (now == '0' && pwrite(fd, "1", 1, 0) != 1))
		return (err_set(e, errno, "cannot have this host forward (%s)", FORWARD));
	return (0);
}

/* ---- dnsmasq ---- */

static char *
path_of(const struct nictag *t, const char *what, char buf[PATH_MAX])
{
	return (path_run(buf, ".nictags/%s.%s", t->name, what));
}

/* Is that word one of the process's command line? */
static bool
has_word(pid_t pid, const char *word)
{
	char path[64], line[4 * PATH_MAX];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ||
	    (n = read(fd, line, sizeof(line) - 1)) <= 0)
		return (false);
	line[n] = '\0';
	for (const char *w = line; w < line + n; w += strlen(w) + 1) {
		if (strcmp(w, word) == 0)
			return (true);
	}
	return (false);
}

/* A descriptor of the tag's dnsmasq, or -1: the pid in its file may be anybody's by now. */
static int
find_dnsmasq(const struct nictag *t)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX], mine[PATH_MAX + 16];
	uint32_t pid;
	size_t len;
	int fd;

	if (file_read(path_of(t, "pid", path), 32, &text, &len, NULL) != 0)
		return (-1);
	text[strcspn(text, "\n")] = '\0';
	if (parse_u32(text, 1, INT32_MAX, &pid) != 0 || (fd = pidfd_open((pid_t)pid, 0)) < 0)
		return (-1);
	(void)snprintf(mine, sizeof(mine), "--pid-file=%s", path);
	if (has_word((pid_t)pid, mine))
		return (fd);
	(void)close(fd);
	return (-1);
}

/* The upper half of the network is given out; the lower is for addresses that are written down. */
static int
start_dnsmasq(const struct nictag *t, const struct nat *n, struct err *e)
{
	CLEANUP_FD int running = find_dnsmasq(t);
	char first[INET_ADDRSTRLEN], last[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN], path[PATH_MAX];
	char conf[PATH_MAX + 16] = "--conf-file=", interface[32], range[64 + 3 * INET_ADDRSTRLEN];
	char pid[PATH_MAX + 16], leases[PATH_MAX + 32];
	const char *const argv[] = { DNSMASQ, conf, "--bind-interfaces", "--except-interface=lo",
		"--dhcp-authoritative", interface, range, pid, leases, NULL };
	int rc;

	if (running >= 0)
		return (0);
	if (access(path_etc(path, "nictag-%s.dnsmasq", t->name), R_OK) == 0)
		(void)snprintf(conf, sizeof(conf), "--conf-file=%s", path);
	(void)snprintf(interface, sizeof(interface), "--interface=%s", t->bridge);
	(void)snprintf(range, sizeof(range), "--dhcp-range=%s,%s,%s,1h",
	    text_of(n->net + (~n->mask + 1) / 2, first), text_of((n->net | ~n->mask) - 1, last),
	    text_of(n->mask, mask));
	(void)snprintf(pid, sizeof(pid), "--pid-file=%s", path_of(t, "pid", path));
	(void)snprintf(leases, sizeof(leases), "--dhcp-leasefile=%s", path_of(t, "leases", path));
	rc = program_run(argv, "", NULL, e);
	if (rc == -ENOENT) {
		log_info(
		    "nic tag '%s': there is no %s (Debian package dnsmasq-base): machines need "
		    "addresses in their configuration, with the gateway %.*s",
		    t->name, DNSMASQ, (int)strcspn(t->address, "/"), t->address);
		err_clear(e);
		return (0);
	}
	return (rc);
}

static int
stop_dnsmasq(const struct nictag *t, struct err *e)
{
	CLEANUP_FD int fd = find_dnsmasq(t);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char path[PATH_MAX];

	if (fd >= 0 && pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0 &&
	    poll(&p, 1, END_WAIT_MS) == 0)
		(void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
	if (fd >= 0 && poll(&p, 1, END_WAIT_MS) != 1)
		return (err_say(e, EBUSY, "its dnsmasq does not end"));
	(void)unlink(path_of(t, "pid", path));
	(void)unlink(path_of(t, "leases", path));
	(void)rmdir(path_run(path, ".nictags"));
	return (0);
}

/* ---- both ---- */

int
nat_ensure(const struct nictag *t, struct err *e)
{
	CLEANUP_FD int lock = -1;
	char path[PATH_MAX];
	struct nat n;
	int rc;

	if (parse(t->address, &n) != 0)
		return (err_say(e, EINVAL, "'%s' is no private network", t->address));
	/* Zones of one tag may boot at the same time. */
	if ((rc = dir_make(path_run(path, ".nictags"), 0755, e)) != 0)
		return (rc);
	lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0)
		return (err_set(e, errno, "cannot lock '%s'", path));
	if ((rc = make_table(t, &n, e)) != 0 || (rc = switch_forwarding_on(e)) != 0)
		return (rc);
	return (start_dnsmasq(t, &n, e));
}

int
nat_check(const struct nictag *t, struct err *e)
{
	struct nat n;

	if (parse(t->address, &n) != 0)
		return (err_say(e, EINVAL, "'%s' is no private network", t->address));
	return (check_free(t, &n, e));
}

int
nat_remove(const struct nictag *t, struct err *e)
{
	int rc = stop_dnsmasq(t, e);

	return (rc != 0 ? rc : remove_table(t, e));
}
