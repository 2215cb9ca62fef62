/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nictagadm list: NAME MACADDRESS LINK TYPE, as a table or (-p) as fields for programs. The MAC
 * address is that of the port, asked of the kernel; a port that is not there has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cmd/nictagadm/nictagadm.h"
#include "zone/link.h"
#include "zone/netlink.h"

struct options {
	bool only_stubs, no_stubs, parseable;
	const char *delimiter;
};

struct row {
	const char *name, *link, *type;
	char mac[MAC_TEXT_LEN + 1];
};

static void
make_row(struct nl *nl, const struct nictag *t, struct row *r)
{
	static const uint8_t none[6];
	struct nl_link l;

	*r = (struct row){ .name = t->name, .link = "-", .type = "etherstub", .mac = "-" };
	if (t->nat)
		r->type = "nat";
	if (t->link[0] == '\0')
		return;
	r->link = t->link;
	r->type = "normal";
	if (nl_link_get(nl, t->link, &l, NULL) != 0)
		return;
	if (strcmp(l.kind, "bond") == 0)
		r->type = "aggr";
	else
		format_mac(memcmp(l.perm_mac, none, 6) != 0 ? l.perm_mac : l.mac, r->mac);
}

/* One field of -p; colons are escaped where they are the delimiter. */
static void
print_field(const char *text, const char *delimiter, const char *end)
{
	bool escape = strcmp(delimiter, ":") == 0;

	for (; *text != '\0'; text++) {
		if (*text == ':' && escape)
			(void)putchar('\\');
		(void)putchar(*text);
	}
	(void)fputs(end, stdout);
}

static void
print_row(const struct row *r, const struct options *o)
{
	if (!o->parseable) {
		(void)printf("%-14s %-18s %-14s %s\n", r->name, r->mac, r->link, r->type);
		return;
	}
	print_field(r->name, o->delimiter, o->delimiter);
	print_field(r->mac, o->delimiter, o->delimiter);
	print_field(r->link, o->delimiter, o->delimiter);
	print_field(r->type, o->delimiter, "\n");
}

static int
take_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+d:lLp")) != -1) {
		switch (c) {
		case 'd':
			o->delimiter = optarg;
			break;
		case 'l':
			o->only_stubs = true;
			break;
		case 'L':
			o->no_stubs = true;
			break;
		case 'p':
			o->parseable = true;
			break;
		default:
			return (usage("invalid option: -%c", optopt));
		}
	}
	if (optind != argc)
		return (usage("list takes no arguments"));
	if (o->only_stubs && o->no_stubs)
		return (usage("cannot use -l and -L together"));
	if (o->delimiter != NULL && !o->parseable)
		return (usage("-d needs -p"));
	if (o->delimiter == NULL)
		o->delimiter = ":";
	return (0);
}

int
nictagadm_list(int argc, char **argv)
{
	CLEANUP_FREE struct nictag *tags = NULL;
	CLEANUP_NL struct nl *nl = NULL;
	struct options o = { .delimiter = NULL };
	struct row r;
	struct err e;
	size_t i, n;
	int rc;

	if ((rc = take_options(&o, argc, argv)) != 0)
		return (rc);
	if (nictag_list(&tags, &n, &e) != 0 || nl_open(&nl, &e) != 0)
		return (report(&e));
	if (!o.parseable)
		(void)printf("%-14s %-18s %-14s %s\n", "NAME", "MACADDRESS", "LINK", "TYPE");
	for (i = 0; i < n; i++) {
		bool stub = tags[i].link[0] == '\0';
		if ((stub && o.no_stubs) || (!stub && o.only_stubs))
			continue;
		make_row(nl, &tags[i], &r);
		print_row(&r, &o);
	}
	return (CMD_OK);
}
