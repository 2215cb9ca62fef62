/* SPDX-License-Identifier: BSD-2-Clause */
/* The XML of a SmartOS zone: what it becomes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/zonecfg/xml.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"

#define HEAD                                                                \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                      \
	"<!DOCTYPE zone PUBLIC \"-//Sun Microsystems Inc//DTD Zones//EN\" " \
	"\"file:///usr/share/lib/xml/dtd/zonecfg.dtd.1\">\n"                \
	"<!-- do not edit -->\n"
#define ZONE(inside) HEAD "<zone name=\"z1\">" inside "</zone>"

static const char whole[] =
    HEAD "<zone name=\"z1\" zonepath=\"/zones/z1\" autoboot=\"true\" brand=\"bhyve\" "
	 "ip-type=\"exclusive\" debugid=\"7\" version=\"1\" "
	 "limitpriv=\"default,-file_link_any,-net_access\">\n"
	 "  <attr name=\"ram\" type=\"string\" value=\"1024\"/>\n"
	 "  <attr name=\"alias\" type=\"string\" value=\"a &amp; b &lt;&quot;&#228;\"/>\n"
	 "  <rctl name=\"zone.cpu-shares\">"
	 "<rctl-value priv=\"privileged\" limit=\"100\" action=\"none\"/></rctl>\n"
	 "  <device match=\"/dev/zvol/rdsk/zones/z1/disk0\">"
	 "<net-attr name=\"boot\" value=\"true\"/><net-attr name=\"model\" value=\"virtio\"/>"
	 "</device>\n"
	 "  <network physical=\"net0\" mac-addr=\"2:8:20:0:0:1\" vlan-id=\"5\" "
	 "global-nic=\"admin\" allowed-address=\"10.0.0.2/24\" defrouter=\"10.0.0.1\">"
	 "<net-attr name=\"primary\" value=\"true\"/></network>\n"
	 "  <filesystem special=\"/a\" directory=\"/b\" type=\"lofs\" raw=\"/c\">"
	 "<fsoption name=\"ro\"/><fsoption name=\"nodevices\"/></filesystem>\n"
	 "  <dataset name=\"tank/x\"/><mcap physcap=\"1073741824\"/>"
	 "<pset ncpu_min=\"2\" ncpu_max=\"4\"/><tmp_pool importance=\"10\"/>"
	 "<security-flags lower=\"none\" default=\"aslr\" upper=\"all\"/>"
	 "<admin user=\"joe\" auths=\"login\"/>"
	 "<dev-perm name=\"null\" uid=\"0\" gid=\"3\" mode=\"666\" acl=\"\"/>"
	 "<package name=\"SUNWx\" version=\"1\"/>\n"
	 "</zone>\n";

static void
test_whole(void **state)
{
	struct err e = { 0 };
	struct zconf *c;
	const struct zkept *fs;
	uint64_t limit;

	if (zc_xml_parse(whole, sizeof(whole) - 1, &c, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(c->name, "z1");
	assert_string_equal(c->zonepath, "/zones/z1");
	assert_string_equal(c->brand, "bhyve");
	assert_string_equal(c->ip_type, "exclusive");
	assert_string_equal(c->limitpriv, "default,-file_link_any,-net_access");
	assert_true(c->autoboot);
	assert_string_equal(zconf_attr(c, "alias"), "a & b <\"\xc3\xa4");
	assert_int_equal(zconf_rctl_get(c, "zone.cpu-shares", &limit), 0);
	assert_int_equal(limit, 100);
	assert_int_equal(zconf_rctl_get(c, "zone.max-physical-memory", &limit), 0);
	assert_int_equal(limit, 1 << 30);
	assert_int_equal(c->ndevice, 1);
	assert_string_equal(c->device[0].match, "/dev/zvol/rdsk/zones/z1/disk0");
	assert_string_equal(zprop_get(c->device[0].prop, c->device[0].nprop, "model"), "virtio");
	assert_int_equal(c->nnet, 1);
	assert_string_equal(c->net[0].global_nic, "admin");
	assert_string_equal(c->net[0].vlan_id, "5");
	assert_string_equal(zprop_get(c->net[0].prop, c->net[0].nprop, "primary"), "true");
	assert_string_equal(c->dedicated_ncpus, "2-4");
	assert_string_equal(c->dedicated_importance, "10");
	fs = &c->kept[ZKEPT_FS].one[0];
	assert_string_equal(zkept_get(fs, "dir"), "/b");
	assert_string_equal(zkept_get(fs, "options"), "ro,nodevices");
	assert_int_equal(c->kept[ZKEPT_ADMIN].n, 1);
	assert_int_equal(c->kept[ZKEPT_DATASET].n, 1);
	assert_int_equal(c->kept[ZKEPT_SECURITY_FLAGS].n, 1);
	assert_string_equal(c->uuid, "");
	zconf_free(c);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "line 1: no element found" },
		{ "<zone", "line 1: unclosed token" },
		{ "<zone/>", "line 1: the zone's name '' is missing" },
		{ "<zone name=\"global\"/>", "name 'global'" },
		{ "<zones/>", "element 'zones' is not known here" },
		{ "<zone name=\"z1\" colour=\"red\"/>", "no attribute 'colour'" },
		{ "<zone name=\"z1\" autoboot=\"yes\"/>", "autoboot 'yes'" },
		{ "<zone name=\"z1\" version=\"2\"/>", "version '2'" },
		{ ZONE("\n\n<zone name=\"z2\"/>"), "line 6: element 'zone' is not known here" },
		{ ZONE("text"), "text that belongs to no attribute" },
		{ ZONE("<net-attr name=\"a\" value=\"b\"/>"), "'net-attr' is not known here" },
		{ ZONE("<rctl name=\"a\"><net-attr/></rctl>"), "'net-attr' is not known here" },
		{ ZONE("<package><rctl-value/></package>"), "'rctl-value' is not known here" },
		{ ZONE("<network address=\"a\" x=\"b\"/>"), "no attribute 'x'" },
		{ ZONE("<network><net-attr name=\"a\"/></network>"),
		    "lacks its attribute 'value'" },
		{ ZONE("<device><net-attr name=\"a\" value=\"\"/>"
		       "<net-attr name=\"a\" value=\"\"/></device>"),
		    "'a' is empty, or stands there twice" },
		{ ZONE("<device><net-attr name=\"a\" value=\"\"><zone/></net-attr></device>"),
		    "'zone' is not known here" },
		{ ZONE("<attr name=\"a\" type=\"float\" value=\"\"/>"), "type 'float'" },
		{ ZONE("<attr name=\"a\" type=\"int\" value=\"1\"/>"
		       "<attr name=\"a\" type=\"int\" value=\"1\"/>"),
		    "attr 'a' stands there twice" },
		{ ZONE("<rctl name=\"a\"/><rctl name=\"a\"/>"), "rctl 'a' stands there twice" },
		{ ZONE("<mcap physcap=\"1\"/><mcap physcap=\"1\"/>"), "capped twice" },
		{ ZONE("<filesystem dir=\"/a\"/>"), "no attribute 'dir'" },
		{ ZONE("<filesystem><fsoption name=\"a,b\"/></filesystem>"), "no word" },
		{ "<!DOCTYPE zone [<!ENTITY a \"b\">]><zone name=\"z1\"/>", "entity 'a'" },
		{ "<!DOCTYPE zone [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>"
		  "<zone name=\"&a;\"/>",
		    "entity 'a'" },
	};
	struct zconf *c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };
		int rc = zc_xml_parse(cases[i].text, strlen(cases[i].text), &c, &e);

		if (rc >= 0 || c != NULL || strstr(e.text, cases[i].says) == NULL)
			fail_msg("'%s': %d, '%s' does not say '%s'", cases[i].text, rc, e.text,
			    cases[i].says);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
