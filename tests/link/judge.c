/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the function that protects a link (src/zone/protect.c) about frames, both as ordinary C and as
 * the BPF program in the kernel. Lines on standard input:
 *
 *	link MAC VLAN [PROPERTY=VALUE...]   a new link, by the properties of its net resource
 *	out HEX, in HEX                     a frame from, to the guest
 *	gso HEX                             one from the guest that is to be segmented
 *
 * Each is answered by one line: "ok" for a link; the reasons of C and of BPF for a frame, "-" for one
 * that was not asked (no -b, or a frame the kernel does not take). -b: load BPF too; needs root. Every
 * fourth link has the program for kernels before 6.6. Where the short way of protect_everyday.h says pass
 * and the function itself does not, or learns something, the reason of C is "everyday".
 */
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "zone/filter.h"
#include "zone/protect_conf.h"

static struct protect_link link_now;
static struct protect_table table;
static struct filter *filter;
static unsigned nlinks;
static bool with_bpf;

static void
new_link(char *line)
{
	struct err e = { 0 };
	struct znet net = { 0 };
	char *save, *word, *eq;
	uint8_t mac[6];
	uint32_t vlan;

	if ((word = strtok_r(line, " ", &save)) == NULL || parse_mac(word, mac) != 0 ||
	    (word = strtok_r(NULL, " ", &save)) == NULL || parse_u32(word, 0, 4094, &vlan) != 0)
		errx(2, "link: MAC and VLAN are wanted");
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		if ((eq = strchr(word, '=')) == NULL)
			errx(2, "link: '%s' is no PROPERTY=VALUE", word);
		*eq = '\0';
		if (zprop_set(&net.prop, &net.nprop, word, eq + 1) != 0)
			errx(2, "no memory");
	}
	if (protect_conf(&net, &link_now, &e) != 0)
		errx(2, "link: %s", e.text);
	for (size_t i = 0; i < net.nprop; i++) {
		free(net.prop[i].name);
		free(net.prop[i].value);
	}
	free(net.prop);
	protect_set_mac(&link_now, mac);
	link_now.vlan = (uint16_t)vlan;
	table = (struct protect_table){ .now = 1000 };
	filter_close(filter);
	filter = NULL;
	filter_pretend_old_kernel(nlinks++ % 4 == 3);
	if (with_bpf && filter_load(&link_now, &filter, &e) != 0)
		errx(3, "%s", e.text);
	(void)puts("ok");
}

static size_t
unhex(const char *s, uint8_t *out, size_t size)
{
	size_t n = 0;

	while (isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]) && n < size) {
		out[n++] = (uint8_t)(parse_hex_digit(s[0]) << 4 | parse_hex_digit(s[1]));
		s += 2;
	}
	return (n);
}

/* What C says, by the short way where that has something to say. */
static const char *
by_c(enum protect_direction dir, struct frame *f)
{
	const struct protect_table before = table;
	enum protect_reason r;
	bool may_pass;

	if (dir == PROTECT_FROM_GUEST) {
		may_pass = protect_everyday_from_guest(f, &link_now) != 0;
		r = protect_from_guest(f, &link_now);
	} else {
		may_pass = protect_everyday_to_guest(f, &link_now);
		r = protect_to_guest(f, &link_now);
	}
	if (may_pass && (r != PROTECT_PASS || memcmp(&before, &table, sizeof(table)) != 0))
		return ("everyday");
	return (protect_reason_name(r));
}

static void
judge(enum protect_direction dir, bool gso, const char *hex)
{
	static uint8_t bytes[16384];
	struct frame f = { .data = bytes, .table = &table, .gso = gso };
	const char *bpf = "-", *c;
	enum protect_reason b;

	f.len = (uint32_t)unhex(hex, bytes, sizeof(bytes));
	c = by_c(dir, &f);
	if (filter != NULL && filter_try(filter, dir, bytes, f.len, gso, &b) == 0)
		bpf = protect_reason_name(b);
	(void)printf("%s %s\n", c, bpf);
}

int
main(int argc, char **argv)
{
	static char line[40000];

	with_bpf = argc > 1 && strcmp(argv[1], "-b") == 0;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "link ", 5) == 0)
			new_link(line + 5);
		else if (strncmp(line, "out ", 4) == 0)
			judge(PROTECT_FROM_GUEST, false, line + 4);
		else if (strncmp(line, "gso ", 4) == 0)
			judge(PROTECT_FROM_GUEST, true, line + 4);
		else if (strncmp(line, "in ", 3) == 0)
			judge(PROTECT_TO_GUEST, false, line + 3);
		else
			errx(2, "'%s': neither link nor out nor in nor gso", line);
		(void)fflush(stdout);
	}
	filter_close(filter);
	return (0);
}
