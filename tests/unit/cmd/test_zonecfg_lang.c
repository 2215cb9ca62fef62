/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's lexer and parser. A statement is compared by the text that show() makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/parse.h"

static void
show_value(FILE *f, const struct zc_value *v)
{
	if (v->type == VALUE_SIMPLE) {
		(void)fprintf(f, "<%s>", v->text);
		return;
	}
	(void)fputs(v->type == VALUE_LIST ? "[" : "(", f);
	for (size_t i = 0; i < v->n; i++) {
		if (v->type == VALUE_LIST)
			show_value(f, &v->item[i]);
		else
			(void)fprintf(f, "%s:<%s>", v->pair[i].name, v->pair[i].value);
	}
	(void)fputs(v->type == VALUE_LIST ? "]" : ")", f);
}

/* All statements of a line, "verb arg arg;"; an error ends it with "!". */
static void
show(const char *line, char *out, size_t size)
{
	FILE *f = fmemopen(out, size, "w");
	struct zc_tokens t;
	struct zc_stmt s;
	struct err e;
	size_t at = 0;
	int rc = zc_lex(line, &t, &e);

	while (rc == 0 && at < t.n) {
		if ((rc = zc_parse(&t, &at, &s, &e)) == 0) {
			(void)fputs(s.verb, f);
			for (size_t i = 0; i < s.n; i++) {
				(void)fprintf(f, " %s%s",
				    s.arg[i].name != NULL ? s.arg[i].name : "",
				    s.arg[i].name != NULL ? "=" : "");
				show_value(f, &s.arg[i].value);
			}
			(void)fputs(";", f);
		}
		zc_stmt_free(&s);
	}
	if (rc != 0)
		(void)fputs("!", f);
	(void)fclose(f);
	zc_tokens_free(&t);
}

static void
check(const char *line, const char *want)
{
	char got[1024] = "";

	show(line, got, sizeof(got));
	assert_string_equal(got, want);
}

static void
test_statements(void **state)
{
	check("", "");
	check("  \t\r\n", "");
	check(";;  ;", "");
	check("# create", "");
	check("info # all of it", "info;");
	check("info#", "info#;");
	check("create -b; exit", "create <-b>;exit;");
	check("set a = b", "set a=<b>;");
	check("set zonepath=/zones/z1;set x=y", "set zonepath=</zones/z1>;set x=<y>;");
	check("select net physical=net0 vlan-id=1", "select <net> physical=<net0> vlan-id=<1>;");
	check("remove -F \"-F\"", "remove <-F> <-F>;");
}

static void
test_values(void **state)
{
	check("set a=\"b c;(d)=,{}[]#\"", "set a=<b c;(d)=,{}[]#>;");
	check("set a=\"\"", "set a=<>;");
	check("set a=\"q\\\"s\\\\t\\n\"", "set a=<q\"s\\t\\n>;");
	check("set a=#b", "!"); /* a comment where the value should be */
	check("set l=default,sys_time; info", "set l=<default,sys_time>;info;");
	check("set l=[a,b]", "set l=[<a><b>];");
	check("set l=[\"a,b\",c]", "set l=[<a,b><c>];");
	check("add property (name=model,value=\"virtio\")",
	    "add <property> (name:<model>value:<virtio>);");
	check("add value (priv=privileged,limit=1,action=signal=SIGTERM)",
	    "add <value> (priv:<privileged>limit:<1>action:<signal=SIGTERM>);");
	check("add value [(a=1,b=2),(a=3)]", "add <value> [(a:<1>b:<2>)(a:<3>)];");
	check("remove net property=(name=a)", "remove <net> property=(name:<a>);");
}

static void
test_errors(void **state)
{
	static const char *const bad[] = { "=", "(a=b)", "set a=", "set a=\"b", "set a=(b)",
		"set a=(b=)", "set a=(b=c", "set a=(b=c d)", "set a=[", "set a=[]", "set a=[b,",
		"set a=[[b]]", "set a={b}", "set a=b=c", "add ,", "add )", "\"", "set =b",
		"set a=()", "set a=(b=c=d=e)" };
	char got[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(got, 0, sizeof(got));
		show(bad[i], got, sizeof(got));
		if (strchr(got, '!') == NULL)
			fail_msg("'%s' is taken: %s", bad[i], got);
	}
}

/* What zc_quote writes is read as the one value it came from. */
static void
test_quote(void **state)
{
	static const char *const values[] = { "plain", "", " ", "a b", "#x", "a#x", "\"", "\\",
		"a\\", "\\\"", "(a=b)", "a,b", "a;b", "{}", "-F", "tab\there", "\xc3\xbc", "[" };
	char line[128], want[128], *quoted;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		quoted = zc_quote(values[i]);
		(void)snprintf(line, sizeof(line), "set a=%s", quoted);
		(void)snprintf(want, sizeof(want), "set a=<%s>;", values[i]);
		check(line, want);
		(void)snprintf(line, sizeof(line), "add p (name=%s)", quoted);
		(void)snprintf(want, sizeof(want), "add <p> (name:<%s>);", values[i]);
		check(line, want);
		free(quoted);
	}
}

/* Any bytes end in statements or an error, never worse; and a long line is no trouble. */
static void
test_garbage(void **state)
{
	static const char alphabet[] = "ab ()[]{},=;#\"\\\t-";
	char line[64], got[4096], *longest;
	uint32_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		size_t n = 0;
		while (n < sizeof(line) - 1) {
			seed = seed * 1664525 + 1013904223;
			if ((seed >> 24) < 6)
				break;
			line[n++] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		line[n] = '\0';
		show(line, got, sizeof(got));
	}
	longest = malloc(60001);
	assert_non_null(longest);
	memset(longest, '(', 60000);
	longest[60000] = '\0';
	show(longest, got, sizeof(got));
	free(longest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_garbage),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
