/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of a complete configuration, and the aliases of resource controls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "zone/zconf.h"
#include "zone/zconf_field.h"
#include "zone/zconf_rctl.h"

static void
set(const struct zfield *table, void *base, const char *name, const char *value)
{
	assert_int_equal(zfield_set(zfield_find(table, name), base, value), 0);
}

static struct zconf *
minimal(void)
{
	struct zconf *c = zconf_new("z1");

	set(zconf_fields, c, "zonepath", "/zones/z1");
	set(zconf_fields, c, "brand", "bhyve");
	set(zconf_fields, c, "ip-type", "exclusive");
	return (c);
}

static void
refused(const struct zconf *c, const char *says)
{
	struct err e = { 0 };

	assert_int_equal(zconf_verify(c, &e), -EINVAL);
	if (strstr(e.text, says) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, says);
}

static void
test_global_rules(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{ "zonepath", "", "zonepath cannot be empty" },
		{ "zonepath", "zones/z1", "absolute" },
		{ "zonepath", "/", "absolute path below" },
		{ "zonepath", "/zones//z1", "empty parts" },
		{ "zonepath", "/zones/z1/", "empty parts" },
		{ "zonepath", "/zones/../etc", "'..'" },
		{ "zonepath", "/zones/a:b", "':'" },
		{ "brand", "", "brand cannot be empty" },
		{ "brand", "lx", "not known here" },
		{ "ip-type", "", "runs with exclusive" },
		{ "ip-type", "shared", "runs with exclusive" },
		{ "ip-type", "both", "not one of" },
		{ "hostid", "0xffffffff", "hostid" },
		{ "hostid", "0x", "hostid" },
		{ "hostid", "-1", "hostid" },
		{ "limitpriv", "default,zone", "'zone' is forbidden" },
		{ "limitpriv", "default,,x", "commas" },
		{ "fs-allowed", "ufs, nfs", "commas" },
		{ "bootargs", "a\nb", "control character" },
	};
	static const struct {
		const char *name, *value;
	} fine[] = {
		{ "zonepath", "/zones/.z1/..x" },
		{ "hostid", "0xfffffffe" },
		{ "hostid", "0" },
		{ "limitpriv", "default,!sys_time,-proc_fork,zones" },
	};
	struct zconf *c = minimal();
	struct err e;

	assert_int_equal(zconf_verify(c, &e), 0);
	zconf_free(c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = minimal();
		set(zconf_fields, c, cases[i].name, cases[i].value);
		refused(c, cases[i].says);
		zconf_free(c);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		c = minimal();
		set(zconf_fields, c, fine[i].name, fine[i].value);
		assert_int_equal(zconf_verify(c, &e), 0);
		zconf_free(c);
	}
}

static void
test_net_rules(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{ "physical", "", "'physical' is not set" },
		{ "physical", "net/0", "physical 'net/0'" },
		{ "physical", "0net", "physical '0net'" },
		{ "address", "10.0.0.1", "address cannot be set" },
		{ "defrouter", "10.0.0.1", "allowed-address" },
		{ "mac-addr", "1:2:3:4:5", "mac-addr" },
		{ "mac-addr", "01:00:5e:00:00:01", "the first one even" },
		{ "vlan-id", "4095", "vlan-id" },
		{ "vlan-id", "x", "vlan-id" },
	};
	struct zconf *c;
	struct znet *net;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = minimal();
		net = zconf_net_add(c);
		set(znet_fields, net, "physical", "net0");
		set(znet_fields, net, "mac-addr", "2:8:20:0:1:2");
		assert_int_equal(zconf_verify(c, NULL), 0);
		set(znet_fields, net, cases[i].name, cases[i].value);
		refused(c, cases[i].says);
		zconf_free(c);
	}
	c = minimal();
	for (int i = 0; i < 2; i++) {
		net = zconf_net_add(c);
		set(znet_fields, net, "physical", "net0");
		set(znet_fields, net, "mac-addr", i == 0 ? "2:8:20:0:1:2" : "02:08:20:00:01:02");
	}
	refused(c, "set twice");
	set(znet_fields, &c->net[1], "physical", "net1");
	refused(c, "same mac-addr");
	set(znet_fields, &c->net[1], "mac-addr", "2:8:20:0:1:3");
	set(znet_fields, &c->net[1], "allowed-address", "10.0.0.2/24");
	set(znet_fields, &c->net[1], "defrouter", "10.0.0.1");
	assert_int_equal(zconf_verify(c, NULL), 0);
	zconf_free(c);
}

static void
test_device_and_attr_rules(void **state)
{
	static const struct {
		const char *name;
		enum zattr_type type;
		const char *value;
		bool ok;
	} attrs[] = {
		{ "vm-version", ZATTR_STRING, "1", true },
		{ "a.b_c-d", ZATTR_STRING, "", true },
		{ "-a", ZATTR_STRING, "", false },
		{ "zonefoo", ZATTR_STRING, "", false },
		{ "a b", ZATTR_STRING, "", false },
		{ "n", ZATTR_INT, "-9223372036854775808", true },
		{ "n", ZATTR_INT, "9223372036854775808", false },
		{ "n", ZATTR_INT, "1x", false },
		{ "n", ZATTR_UINT, "18446744073709551615", true },
		{ "n", ZATTR_UINT, "-1", false },
		{ "n", ZATTR_BOOLEAN, "true", true },
		{ "n", ZATTR_BOOLEAN, "yes", false },
	};
	struct zconf *c;

	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		c = minimal();
		assert_int_equal(
		    zconf_attr_set(c, attrs[i].name, attrs[i].type, attrs[i].value), 0);
		if (attrs[i].ok)
			assert_int_equal(zconf_verify(c, NULL), 0);
		else
			refused(c, "attr");
		zconf_free(c);
	}
	c = minimal();
	(void)zconf_device_add(c);
	refused(c, "'match' is not set");
	set(zdevice_fields, &c->device[0], "match", "/zones/z1/disk0");
	(void)zconf_device_add(c);
	set(zdevice_fields, &c->device[1], "match", "/zones/z1/disk0");
	refused(c, "set twice");
	zconf_free(c);
}

static void
test_rctl_rules(void **state)
{
	struct zconf *c = minimal();
	struct zrctl *r = zconf_rctl_add(c, "zone.cpu-shares");

	refused(c, "value is missing");
	assert_int_equal(zrctl_value_add(r, "system", "1", "none"), 0);
	refused(c, "rctl 'zone.cpu-shares': priv 'system'");
	zrctl_value_remove(r, 0);
	assert_int_equal(zrctl_value_add(r, "basic", "many", "none"), 0);
	refused(c, "limit 'many'");
	zrctl_value_remove(r, 0);
	assert_int_equal(zrctl_value_add(r, "basic", "1", "signal="), 0);
	refused(c, "action 'signal='");
	zrctl_value_remove(r, 0);
	assert_int_equal(zrctl_value_add(r, "basic", "1", "signal=SIGTERM"), 0);
	assert_int_equal(zconf_verify(c, NULL), 0);
	assert_int_equal(
	    zconf_rctl_set(c, "zone.max-physical-memory", "privileged", 1024, "deny"), 0);
	assert_int_equal(
	    zconf_rctl_set(c, "zone.max-locked-memory", "privileged", 1025, "deny"), 0);
	refused(c, "locked");
	zconf_free(c);
	c = minimal();
	(void)zconf_rctl_add(c, "process.max-core-size");
	refused(c, "rctl name");
	zconf_free(c);
}

static void
test_alias_texts(void **state)
{
	static const struct {
		const char *resource, *name, *text;
		uint64_t limit; /* 0: refused */
		const char *back;
	} cases[] = {
		{ NULL, "cpu-shares", "100", 100, "100" },
		{ NULL, "cpu-shares", "1k", 0, NULL },
		{ NULL, "cpu-shares", "-1", 0, NULL },
		{ NULL, "max-shm-memory", "2304m", 2415919104, "2304M" },
		{ NULL, "max-shm-memory", "1000", 1000, "1000" },
		{ "capped-memory", "physical", "2T", 2199023255552, "2T" },
		{ "capped-memory", "swap", "1.5g", 0, NULL },
		{ "capped-memory", "swap", "0", 0, NULL },
		{ "capped-memory", "locked", "16777216T", 0, NULL },
		{ "capped-cpu", "ncpus", "1.5", 150, "1.50" },
		{ "capped-cpu", "ncpus", ".25", 25, "0.25" },
		{ "capped-cpu", "ncpus", "4", 400, "4.00" },
		{ "capped-cpu", "ncpus", "0.07", 7, "0.07" },
		{ "capped-cpu", "ncpus", "0", 0, NULL },
		{ "capped-cpu", "ncpus", "1.234", 0, NULL },
		{ "capped-cpu", "ncpus", "1.2.3", 0, NULL },
		{ "capped-cpu", "ncpus", ".", 0, NULL },
		{ "capped-cpu", "ncpus", "", 0, NULL },
		{ "capped-cpu", "ncpus", "999999999999999999999", 0, NULL },
	};
	char text[ZRCTL_TEXT_MAX];
	uint64_t limit;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct zrctl_alias *a = zrctl_alias_find(cases[i].resource, cases[i].name);

		assert_non_null(a);
		assert_ptr_equal(zrctl_alias_of(a->rctl), a);
		if (cases[i].limit == 0) {
			assert_int_equal(zrctl_alias_parse(a, cases[i].text, &limit, &e), -EINVAL);
			continue;
		}
		assert_int_equal(zrctl_alias_parse(a, cases[i].text, &limit, &e), 0);
		assert_true(limit == cases[i].limit);
		zrctl_alias_format(a, limit, text);
		assert_string_equal(text, cases[i].back);
	}
	assert_null(zrctl_alias_find(NULL, "ncpus"));
	assert_null(zrctl_alias_find("capped-cpu", "physical"));
}

static void
test_alias_and_rctl(void **state)
{
	const struct zrctl_alias *shares = zrctl_alias_find(NULL, "cpu-shares");
	struct zconf *c = minimal();
	uint64_t limit;
	struct err e;

	assert_int_equal(zrctl_alias_get(c, shares, &limit), -ENOENT);
	assert_int_equal(zrctl_alias_set(c, shares, "100", &e), 0);
	assert_int_equal(zrctl_alias_set(c, shares, "200", &e), 0);
	assert_int_equal(zrctl_alias_get(c, shares, &limit), 0);
	assert_int_equal(limit, 200);
	/* An rctl in another form is not the alias, and the alias does not overwrite it. */
	assert_int_equal(
	    zrctl_value_add(zconf_rctl_find(c, "zone.cpu-shares"), "basic", "1", "none"), 0);
	assert_int_equal(zrctl_alias_get(c, shares, &limit), -ENOENT);
	assert_int_equal(zrctl_alias_set(c, shares, "1", &e), -EINVAL);
	assert_int_equal(zconf_rctl_set(c, "zone.cpu-shares", "privileged", 1, "deny"), 0);
	assert_int_equal(zrctl_alias_get(c, shares, &limit), -ENOENT);
	/* max-processes brings max-lwps where there is none. */
	assert_int_equal(zrctl_alias_set(c, zrctl_alias_find(NULL, "max-processes"), "50", &e), 0);
	assert_int_equal(zconf_rctl_get(c, "zone.max-lwps", &limit), 0);
	assert_int_equal(limit, 500);
	assert_int_equal(zrctl_alias_set(c, zrctl_alias_find(NULL, "max-processes"), "60", &e), 0);
	assert_int_equal(zconf_rctl_get(c, "zone.max-lwps", &limit), 0);
	assert_int_equal(limit, 500);
	zconf_free(c);
}

static void
count_fault(void *arg, const char *text)
{
	char *all = arg;

	assert_true(strlen(all) + strlen(text) + 2 < 1024);
	(void)strcat(strcat(all, text), "\n");
}

/* Each of several faults is told, also when their kinds are the same. */
static void
test_all_faults(void **state)
{
	static const char *const says[] = { "absolute path", "brand 'lx'", "hostid 'x'",
		"net: required property 'physical'", "vlan-id '4095'",
		"net: physical 'net1' is set twice", "device: required property 'match'",
		"'/a' is set twice", "attr 'n'", "attr name '-'" };
	struct zconf *c = minimal();
	char all[1024] = "";

	assert_int_equal(zconf_verify_all(c, count_fault, all), 0);
	set(zconf_fields, c, "zonepath", "relative");
	set(zconf_fields, c, "brand", "lx");
	set(zconf_fields, c, "hostid", "x");
	(void)zconf_net_add(c);
	set(znet_fields, zconf_net_add(c), "physical", "net1");
	set(znet_fields, &c->net[1], "vlan-id", "4095");
	set(znet_fields, zconf_net_add(c), "physical", "net1");
	(void)zconf_device_add(c);
	set(zdevice_fields, zconf_device_add(c), "match", "/a");
	set(zdevice_fields, zconf_device_add(c), "match", "/a");
	assert_int_equal(zconf_attr_set(c, "n", ZATTR_INT, "x"), 0);
	assert_int_equal(zconf_attr_set(c, "-", ZATTR_INT, "1"), 0);
	assert_int_equal(zconf_verify_all(c, count_fault, all), sizeof(says) / sizeof(says[0]));
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		if (strstr(all, says[i]) == NULL)
			fail_msg("'%s' is not among '%s'", says[i], all);
	}
	zconf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_faults),
		cmocka_unit_test(test_global_rules),
		cmocka_unit_test(test_net_rules),
		cmocka_unit_test(test_device_and_attr_rules),
		cmocka_unit_test(test_rctl_rules),
		cmocka_unit_test(test_alias_texts),
		cmocka_unit_test(test_alias_and_rctl),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
