/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export re-creates exactly: configurations made of every kind of resource, with texts of all
 * characters that mean something to the language, go through export -f, delete and -f, and are the
 * same again. The seed is fixed; a failure names its round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"
#include "zone/zconf_rctl.h"

#include "../zone/sandbox.h"
#include "tool.h"

#define ROUNDS 30

static uint32_t seed = 20261122;

static unsigned
below(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return ((seed >> 8) % n);
}

/* One line of anything; not empty. */
static const char *
any_text(void)
{
	static const char *const pieces[] = { "a", "B7", "\"", "\\", "#", ";", ",", "=", "(", ")",
		"[", "]", "{", "}", " ", "-", "-F", "\xc3\xa4", "'", "$x", "%s", "\t" };
	static char text[4][64];
	static unsigned turn;
	char *t = text[turn++ % 4];

	t[0] = '\0';
	for (unsigned n = 1 + below(6); n > 0; n--)
		(void)strcat(t, pieces[below(NITEMS(pieces))]);
	return (t);
}

/* A word that is not the one of another number. */
static const char *
word(const char *before, unsigned i)
{
	static char text[4][64];
	static unsigned turn;
	char *t = text[turn++ % 4];

	(void)snprintf(t, sizeof(text[0]), "%s%u", before, i);
	return (t);
}

static void
put(const struct zfield *table, void *base, const char *name, const char *value)
{
	assert_int_equal(zfield_set(zfield_find(table, name), base, value), 0);
}

static void
add_links(struct zconf *c)
{
	struct zdevice *d;
	struct znet *net;

	for (unsigned i = 0, n = below(3); i < n; i++) {
		net = zconf_net_add(c);
		put(znet_fields, net, "physical", word("net", i));
		if (below(2) == 0)
			put(znet_fields, net, "global-nic", any_text());
		if (below(2) == 0)
			put(znet_fields, net, "vlan-id", word("", below(4095)));
		if (below(2) == 0)
			put(znet_fields, net, "mac-addr", word("02:08:20:00:00:1", i));
		if (below(2) == 0) {
			put(znet_fields, net, "allowed-address", "10.0.0.2/24,10.0.0.3/24");
			put(znet_fields, net, "defrouter", "10.0.0.1");
		}
		for (unsigned p = below(3); p > 0; p--)
			assert_int_equal(
			    zprop_set(&net->prop, &net->nprop, any_text(), any_text()), 0);
	}
	for (unsigned i = 0, n = below(3); i < n; i++) {
		d = zconf_device_add(c);
		put(zdevice_fields, d, "match", word(any_text(), i));
		for (unsigned p = below(3); p > 0; p--)
			assert_int_equal(zprop_set(&d->prop, &d->nprop, any_text(), any_text()), 0);
	}
}

static void
add_controls(struct zconf *c)
{
	struct zrctl *r;

	for (unsigned i = 0; zrctl_aliases[i].name != NULL; i++) {
		const struct zrctl_alias *a = &zrctl_aliases[i];
		const char *action = below(4) == 0 ? "signal=SIGTERM" : a->action;

		if (below(3) == 0)
			assert_int_equal(zconf_rctl_set(c, a->rctl, "privileged",
					     UINT64_C(1) << below(40), action),
			    0);
	}
	/* Whatever these are, locked is not more than physical. */
	(void)zconf_rctl_clear(c, "zone.max-locked-memory");
	if (below(2) == 0) {
		r = zconf_rctl_add(c, "zone.something-else");
		assert_int_equal(zrctl_value_add(r, "basic", "7", "signal=HUP"), 0);
		assert_int_equal(zrctl_value_add(r, "privileged", "8", "deny"), 0);
	}
	if (below(3) == 0) {
		put(zdedicated_fields, c, "ncpus", "2-4");
		(void)zconf_rctl_clear(c, "zone.cpu-shares");
		(void)zconf_rctl_clear(c, "zone.cpu-cap");
	}
}

static void
add_kept(struct zconf *c)
{
	struct zkept *k;

	for (unsigned i = 0, n = below(3); i < n; i++) {
		k = zconf_kept_add(c, ZKEPT_FS);
		assert_int_equal(zkept_set(k, "dir", word("/d", i)), 0);
		assert_int_equal(zkept_set(k, "special", any_text()), 0);
		assert_int_equal(zkept_set(k, "type", "lofs"), 0);
		if (below(2) == 0)
			assert_int_equal(zkept_set(k, "raw", any_text()), 0);
		for (unsigned o = below(4); o > 0; o--)
			assert_int_equal(zkept_list_add(k, "options", word("o=", o)), 0);
	}
	for (unsigned i = 0, n = below(3); i < n; i++)
		assert_int_equal(
		    zkept_set(zconf_kept_add(c, ZKEPT_DATASET), "name", word("tank/", i)), 0);
	for (unsigned i = 0, n = below(3); i < n; i++) {
		k = zconf_kept_add(c, ZKEPT_ADMIN);
		assert_int_equal(zkept_set(k, "user", word("u", i)), 0);
		assert_int_equal(zkept_set(k, "auths", "login,clonefrom"), 0);
	}
	if (below(2) == 0)
		assert_int_equal(
		    zkept_set(zconf_kept_add(c, ZKEPT_SECURITY_FLAGS), "default", any_text()), 0);
}

static struct zconf *
any_zone(void)
{
	static const char *const texts[] = { "bootargs", "pool", "scheduling-class" };
	struct zconf *c = zconf_new("z1");
	const char *name;

	put(zconf_fields, c, "zonepath", "/zones/z1");
	put(zconf_fields, c, "brand", "bhyve");
	put(zconf_fields, c, "ip-type", "exclusive");
	c->autoboot = below(2) == 0;
	add_controls(c);
	for (unsigned i = 0; i < NITEMS(texts); i++) {
		if (below(2) == 0 && (i != 1 || c->dedicated_ncpus == NULL))
			put(zconf_fields, c, texts[i], any_text());
	}
	if (below(2) == 0)
		put(zconf_fields, c, "limitpriv", "default,-net_access,!sys_time");
	if (below(2) == 0)
		put(zconf_fields, c, "hostid", "0xfe");
	if (below(2) == 0)
		put(zconf_fields, c, "fs-allowed", "-,ufs");
	add_links(c);
	for (unsigned i = 0, n = below(4); i < n; i++) {
		name = word("a", i);
		assert_int_equal(zconf_attr_set(c, name, i == 0 ? ZATTR_UINT : ZATTR_STRING,
				     i == 0 ? "18446744073709551615" : any_text()),
		    0);
	}
	add_kept(c);
	return (c);
}

static void
test_round_trip(void **state)
{
	char path[256], export[300];
	struct zconf *a, *b;
	struct err e = { 0 };

	(void)snprintf(path, sizeof(path), "%s/z1.cfg", sandbox_root);
	(void)snprintf(export, sizeof(export), "export -f %s; delete -F", path);
	for (unsigned round = 0; round < ROUNDS; round++) {
		a = any_zone();
		if (zconf_verify(a, &e) != 0)
			fail_msg("round %u: the test's own configuration: %s", round, e.text);
		assert_int_equal(zconf_store(a, &e), 0);
		if (RUN("-z", "z1", export) != 0 || RUN("-z", "z1", "-f", path) != 0)
			fail_msg("round %u: %s", round, tool_err);
		if (zconf_load("z1", &b, &e) != 0)
			fail_msg("round %u: %s", round, e.text);
		(void)strcpy(b->uuid, a->uuid); /* is not exported */
		if (!zconf_equal(a, b))
			fail_msg("round %u: not the same", round);
		zconf_free(a);
		zconf_free(b);
		assert_int_equal(RUN("-z", "z1", "delete -F"), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
