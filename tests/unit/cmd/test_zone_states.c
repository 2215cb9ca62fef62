/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each command in each state: docs/zone-states.md is the table that the programs ask (--table writes
 * it), and zoneadm and zonecfg refuse what it refuses, with its text and exit status 1, in the states
 * that are stored. The live states are tried in tests/host/scenarios/zone-life.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"
#include "zone/zstate.h"

#include "../zone/sandbox.h"
#include "tool.h"

#define MAX_WORDS 8

static void
table(FILE *f)
{
	(void)fprintf(f,
	    "# What may be done with a zone in which state\n\n"
	    "Written by `build/tests/unit/cmd/test_cmd_zone_states --table` from "
	    "src/zone/zstate.c, "
	    "which the programs ask;\n"
	    "`make check-unit` fails when this file is another one. `ok`: the command may go on. "
	    "Anything "
	    "else is what it says\n"
	    "(after `zoneadm: zone 'NAME': ` and the like) with exit status 1; a command line that "
	    "makes no sense is exit status 2.\n"
	    "No zone here is ever `mounted`: a machine has nothing that could be.\n\n|");
	for (size_t s = 0; s < ZONE_STATES; s++)
		(void)fprintf(f, " | %s", zone_state_name((enum zone_state)s));
	(void)fprintf(f, " |\n|---");
	for (size_t s = 0; s < ZONE_STATES; s++)
		(void)fprintf(f, "|---");
	(void)fprintf(f, "|\n");
	for (size_t c = 0; c < ZONE_COMMANDS; c++) {
		(void)fprintf(f, "| `%s`", zone_command_name((enum zone_command)c));
		for (size_t s = 0; s < ZONE_STATES; s++) {
			struct err e = { 0 };

			(void)fprintf(f, " | %s",
			    zone_state_check((enum zone_command)c, (enum zone_state)s, &e) == 0
				? "ok"
				: e.text);
		}
		(void)fprintf(f, " |\n");
	}
}

static void
test_documented(void **state)
{
	char *text = NULL, *doc = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	table(f);
	(void)fclose(f);
	assert_int_equal(file_read(DOC, 65536, &doc, NULL, NULL), 0);
	if (strcmp(text, doc) != 0)
		fail_msg("docs/zone-states.md is not this table: write it with --table");
	free(text);
	free(doc);
}

/* An answer has a text and an errno, and nobody may do with a live zone what takes its ground away. */
static void
test_whole(void **state)
{
	static const enum zone_command not_live[] = { ZCMD_INSTALL, ZCMD_UNINSTALL, ZCMD_CLONE,
		ZCMD_CLONE_FROM, ZCMD_DETACH, ZCMD_ATTACH, ZCMD_ATTACH_FORCED, ZCMD_MARK,
		ZCMD_RENAME, ZCMD_DELETE };

	for (size_t c = 0; c < ZONE_COMMANDS; c++) {
		size_t allowed = 0;

		for (size_t s = 0; s < ZONE_STATES; s++) {
			struct err e = { 0 };
			int rc = zone_state_check((enum zone_command)c, (enum zone_state)s, &e);

			allowed += rc == 0;
			assert_true(rc == 0 ? e.text[0] == '\0' : rc < 0 && e.text[0] != '\0');
		}
		/* move is there for its answers only. */
		assert_true(c == ZCMD_MOVE ? allowed == 0 : allowed > 0);
	}
	for (size_t i = 0; i < sizeof(not_live) / sizeof(not_live[0]); i++) {
		for (size_t s = ZONE_STATE_READY; s < ZONE_STATES; s++)
			assert_true(zone_state_check(not_live[i], (enum zone_state)s, NULL) < 0);
	}
}

/* How each is typed; those without words have no program that is tried here. */
static const struct {
	const char *tool;
	const char *words[MAX_WORDS];
} typed[ZONE_COMMANDS] = {
	[ZCMD_BOOT] = { ZONEADM, { "-z", "z1", "boot" } },
	[ZCMD_READY] = { ZONEADM, { "-z", "z1", "ready" } },
	[ZCMD_HALT] = { ZONEADM, { "-z", "z1", "halt" } },
	[ZCMD_SHUTDOWN] = { ZONEADM, { "-z", "z1", "shutdown" } },
	[ZCMD_REBOOT] = { ZONEADM, { "-z", "z1", "reboot" } },
	[ZCMD_INSTALL] = { ZONEADM, { "-z", "z1", "install" } },
	[ZCMD_UNINSTALL] = { ZONEADM, { "-z", "z1", "uninstall", "-F" } },
	[ZCMD_CLONE] = { ZONEADM, { "-z", "z1", "clone", "z2" } },
	[ZCMD_CLONE_FROM] = { ZONEADM, { "-z", "z2", "clone", "z1" } },
	[ZCMD_DETACH] = { ZONEADM, { "-z", "z1", "detach" } },
	[ZCMD_MOVE] = { ZONEADM, { "-z", "z1", "move", "/zones/z4" } },
	[ZCMD_ATTACH] = { ZONEADM, { "-z", "z1", "attach" } },
	[ZCMD_ATTACH_FORCED] = { ZONEADM, { "-z", "z1", "attach", "-F" } },
	[ZCMD_MARK] = { ZONEADM, { "-z", "z1", "mark", "incomplete" } },
	[ZCMD_VERIFY] = { ZONEADM, { "-z", "z1", "verify" } },
	[ZCMD_APPLY] = { ZONEADM, { "-z", "z1", "apply" } },
	[ZCMD_EVENTS] = { ZONEADM, { "-z", "z1", "events", "-n", "1" } },
	[ZCMD_CONSOLE] = { ZLOGIN, { "-C", "z1" } },
	[ZCMD_LOGIN] = { ZLOGIN, { "z1", "true" } },
	[ZCMD_RENAME] = { ZONECFG, { "-z", "z1", "set zonename=z3" } },
	[ZCMD_DELETE] = { ZONECFG, { "-z", "z1", "delete -F" } },
};

static void
configure(const char *name)
{
	struct zconf *c = zconf_new(name);

	assert_int_equal(zfield_set(zfield_find(zconf_fields, "zonepath"), c, "/zones/z1") |
		zfield_set(zfield_find(zconf_fields, "brand"), c, "bhyve") |
		zfield_set(zfield_find(zconf_fields, "ip-type"), c, "exclusive"),
	    0);
	assert_int_equal(zconf_store(c, NULL), 0);
	zconf_free(c);
}

static void
test_refused(void **state)
{
	const char *argv[MAX_WORDS + 2];
	unsigned n = 0;

	if (geteuid() != 0)
		skip(); /* the tools look at that first */
	configure("z1");
	configure("z2");
	for (size_t s = 0; s <= ZONE_STATE_INSTALLED; s++) {
		assert_int_equal(zconf_set_state("z1", (enum zone_state)s, NULL), 0);
		for (size_t c = 0; c < ZONE_COMMANDS; c++) {
			struct err e = { 0 };
			int status;

			if (typed[c].tool == NULL ||
			    zone_state_check((enum zone_command)c, (enum zone_state)s, &e) == 0)
				continue;
			argv[0] = typed[c].tool;
			for (size_t i = 0; i < MAX_WORDS; i++)
				argv[i + 1] = typed[c].words[i];
			argv[MAX_WORDS + 1] = NULL;
			status = tool_run(typed[c].tool, argv);
			if (status != 1 || strstr(tool_err, e.text) == NULL)
				fail_msg("%s, %s: exit %d, '%s', not '%s'",
				    zone_command_name((enum zone_command)c),
				    zone_state_name((enum zone_state)s), status, tool_err, e.text);
			n++;
		}
	}
	assert_true(n >= 20);
}

/* attach -n: of a zone that is not configured, and of a name that is none. */
static void
test_attach_dry_run(void **state)
{
	char path[128], name[300];
	const char *const argv[] = { ZONEADM, "-z", "z9", "attach", "-n", path, NULL },
			  *const real[] = { ZONEADM, "-z", "z9", "attach", NULL },
			  *const bad[] = { ZONEADM, "-z", name, "attach", "-n", path, NULL };

	if (geteuid() != 0)
		skip();
	configure("z1");
	(void)snprintf(path, sizeof(path), "%s/etc/zones/z1.json", sandbox_root);
	assert_int_equal(tool_run(ZONEADM, argv), 0);
	assert_string_equal(tool_err, "");
	assert_int_equal(tool_run(ZONEADM, real), 1);
	assert_string_equal(tool_err, "zoneadm: z9: No such zone configured\n");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tool_run(ZONEADM, bad), 1);
	assert_non_null(strstr(tool_err, "invalid zone name"));
	(void)snprintf(path, sizeof(path), "%s/nothing", sandbox_root);
	assert_int_equal(tool_run(ZONEADM, argv), 1);
	assert_non_null(strstr(tool_err, "No such file"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_whole),
		cmocka_unit_test_setup_teardown(test_refused, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_attach_dry_run, sandbox_make, sandbox_remove),
	};

	if (argc == 2 && strcmp(argv[1], "--table") == 0) {
		table(stdout);
		return (0);
	}
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
