/* SPDX-License-Identifier: BSD-2-Clause */
/* What zoneadm stat and metrics print: totals, rates, what is absent, and Prometheus's rules of its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cmd/zoneadm/zoneadm.h"

static char *out;
static size_t out_len;

static struct zone_stat
live(void)
{
	struct zone_stat s = {
		.name = "web",
		.live = true,
		.mono_ns = 1000000000,
		.status = { .state = ZONE_STATE_RUNNING, .init_restarts = 2 },
		.cpu_us = 2500000,
		.cpu_user_us = 2000001,
		.cpu_system_us = 499999,
		.throttled_us = ZONESTAT_NONE,
		.memory = 300 * MIB,
		.memory_max = ZONESTAT_NONE,
		.threads = 7,
		.threads_max = 40,
		.io_read = 1536,
		.io_written = 999,
		.io_reads = 3,
		.io_writes = 4,
		.pss = 290 * MIB,
		.pss_guest = 280 * MIB,
		.pss_daemon = MIB,
		.exit = { { "io", 5 } },
		.nexit = 1,
		.exits = 12,
		.drops = 3,
	};

	return (s);
}

static const char *
line(const struct zone_stat *s, const struct zone_stat *before)
{
	FILE *f = open_memstream(&out, &out_len);

	assert_non_null(f);
	stat_line(f, s, before);
	(void)fclose(f);
	return (out);
}

static const char *
metrics(const struct zone_stat *s, size_t n)
{
	FILE *f = open_memstream(&out, &out_len);

	assert_non_null(f);
	metrics_print(f, s, n);
	(void)fclose(f);
	return (out);
}

static void
totals(void **state)
{
	struct zone_stat s = live();

	assert_string_equal(line(&s, NULL),
	    "web              running        2.50s      300M         -      291M      1.5K       "
	    "999   "
	    "     12         3\n");
	free(out);
	s.live = false;
	s.status.state = ZONE_STATE_INSTALLED;
	assert_string_equal(line(&s, NULL), "web              installed \n");
	free(out);
}

static void
rates(void **state)
{
	struct zone_stat before = live(), now = live();

	now.mono_ns += 2000000000; /* 2 s later */
	now.cpu_us += 3000000;
	now.io_read += 20480;
	now.exits += 4000;
	assert_string_equal(line(&now, &before),
	    "web              running       150.0%      300M         -      291M       10K         "
	    "0   "
	    "   2.0K         0\n");
	free(out);
	/* Its cgroup or machine is a new one: it began anew, and what KVM does not count has no rate. */
	now.cpu_us = 0;
	now.exits = ZONESTAT_NONE;
	assert_string_equal(line(&now, &before),
	    "web              running         0.0%      300M         -      291M       10K         "
	    "0   "
	    "      -         0\n");
	free(out);
	before.live = false;
	assert_non_null(strstr(line(&now, &before), "0.00s"));
	free(out);
}

static void
json(void **state)
{
	struct zone_stat s = live();
	json_t *o = stat_json(&s);

	assert_int_equal(json_integer_value(json_object_get(o, "cpu_us")), 2500000);
	assert_null(json_object_get(o, "throttled_us"));
	assert_null(json_object_get(o, "memory_max"));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "exits"), "io")), 5);
	json_decref(o);
	s.live = false;
	o = stat_json(&s);
	assert_int_equal(json_object_size(o), 3);
	json_decref(o);
}

/* The one line of the exposition that begins so, without its newline. */
static void
has_line(const char *text, const char *want)
{
	const char *at = strstr(text, want);

	if (at == NULL || (at != text && at[-1] != '\n') || at[strlen(want)] != '\n')
		fail_msg("no line '%s' in:\n%s", want, text);
}

/* Every sample follows a HELP and a TYPE of its own name, and each name has them once. */
static void
check_exposition(const char *text)
{
	char name[128] = "", seen[8192] = "", *copy = strdup(text), *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "# HELP ", 7) == 0) {
			(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(l + 7, " "), l + 7);
			strcat(name, " ");
			assert_null(strstr(seen, name));
			strcat(seen, name);
			name[strlen(name) - 1] = '\0';
		} else if (strncmp(l, "# TYPE ", 7) == 0) {
			assert_int_equal(strncmp(l + 7, name, strlen(name)), 0);
			/* A counter's name ends in _total, and no other's. */
			assert_int_equal(strstr(l, " counter") != NULL,
			    strcmp(name + strlen(name) - 6, "_total") == 0);
		} else {
			assert_int_equal(strncmp(l, name, strlen(name)), 0);
			assert_int_equal(l[strlen(name)], '{');
		}
	}
	free(copy);
}

static void
prometheus(void **state)
{
	struct zone_stat s[2] = { live(), { .name = "db" } };
	const char *text;

	s[1].status.state = ZONE_STATE_INSTALLED;
	s[0].links = json_loads("[{\"interface\":\"z1n0\",\"from_guest\":{\"passed\":9,\"dropped\":"
				"{\"ipspoofed\":2}},\"to_guest\":{\"passed\":1,\"dropped\":{}}}]",
	    0, NULL);
	text = metrics(s, 2);
	check_exposition(text);
	has_line(text, "zhyve_zone_running{zone=\"web\"} 1");
	has_line(text, "zhyve_zone_running{zone=\"db\"} 0");
	has_line(text, "# TYPE zhyve_zone_cpu_seconds_total counter");
	has_line(text, "zhyve_zone_cpu_seconds_total{zone=\"web\",mode=\"user\"} 2.000001");
	has_line(text, "zhyve_zone_cpu_seconds_total{zone=\"web\",mode=\"system\"} 0.499999");
	has_line(text, "zhyve_zone_memory_bytes{zone=\"web\"} 314572800");
	has_line(text, "zhyve_zone_vm_exits_total{zone=\"web\"} 12");
	has_line(text, "zhyve_zone_vm_exits_by_reason_total{zone=\"web\",reason=\"io\"} 5");
	has_line(text,
	    "zhyve_zone_link_dropped_frames_total{zone=\"web\",interface=\"z1n0\",direction=\"from_"
	    "guest\","
	    "reason=\"ipspoofed\"} 2");
	assert_null(strstr(text, "memory_limit_bytes{"));
	assert_null(strstr(text, "guest_resets_total{zone=\"db\"}"));
	free(out);
	json_decref(s[0].links);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals),
		cmocka_unit_test(rates),
		cmocka_unit_test(json),
		cmocka_unit_test(prometheus),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
