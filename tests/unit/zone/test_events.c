/* SPDX-License-Identifier: BSD-2-Clause */
/* Events and the log files they and others are kept in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <jansson.h>

#include "zone/events.h"
#include "zone/throttle.h"

static char dir[] = "/tmp/zhyve-events.XXXXXX", path[64], old[72];

static int
make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	(void)snprintf(old, sizeof(old), "%s.0", path);
	return (0);
}

static int
remove_dir(void **state)
{
	return (rmdir(dir));
}

static int
clean(void **state)
{
	(void)unlink(path);
	(void)unlink(old);
	return (0);
}

static void
format(void **state)
{
	char buf[EVENTS_LINE_MAX + 1], longest[EVENTS_DETAIL_MAX * 2];
	json_t *j;

	(void)events_format(buf, 7, "z1", "running", NULL, 1763820123456789012ll, 42);
	assert_string_equal(buf,
	    "{\"seq\":7,\"date\":\"2025-11-22T14:02:03.456Z\",\"zone\":\"z1\",\"event\":"
	    "\"running\","
	    "\"detail\":\"\",\"mono_ns\":42}");
	/* Whatever a guest manages to get into a detail, it stays one JSON string. */
	(void)events_format(buf, 1, "z1", "vmm-error", "a\"b\\c\n\x1b[2J\xff", 0, 0);
	j = json_loads(buf, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "detail")), "a\"b\\c??[2J?");
	json_decref(j);
	memset(longest, '"', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_true(events_format(buf, INT64_MAX, "z1", "x", longest, 0, 0) < EVENTS_LINE_MAX);
	j = json_loads(buf, 0, NULL);
	assert_int_equal(json_string_length(json_object_get(j, "detail")), EVENTS_DETAIL_MAX);
	json_decref(j);
}

static unsigned watched;
static void
watch(void *arg, const char *json)
{
	json_t *j = json_loads(json, 0, NULL);

	assert_non_null(j);
	json_decref(j);
	watched++;
}

static void
told_and_kept(void **state)
{
	struct events ev;
	struct stat st;
	struct err e = { 0 };

	assert_int_equal(events_open(&ev, "z1", path, watch, NULL, &e), 0);
	events_tell(&ev, "ready", NULL);
	events_tell(&ev, "running", "x");
	assert_int_equal(watched, 2);
	events_close(&ev);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size > 100);
	(void)clean(NULL);
}

static char seqs[4096];
static void
collect(void *arg, const char *json)
{
	json_t *j = json_loads(json, 0, NULL);

	assert_non_null(j);
	(void)snprintf(seqs + strlen(seqs), sizeof(seqs) - strlen(seqs), "%d:%s ",
	    (int)json_integer_value(json_object_get(j, "seq")),
	    json_string_value(json_object_get(j, "event")));
	json_decref(j);
}

static const char *
replayed(const struct events *ev, uint64_t from)
{
	seqs[0] = '\0';
	events_replay(ev, from, collect, NULL);
	return (seqs);
}

/* A later zoneadmd counts on, and knows what was before. */
static void
numbers_go_on(void **state)
{
	struct events ev;
	struct err e = { 0 };
	FILE *f;

	assert_int_equal(events_open(&ev, "z1", path, NULL, NULL, &e), 0);
	assert_string_equal(replayed(&ev, 0), "");
	events_tell(&ev, "a", NULL);
	events_tell(&ev, "b", "with \"detail\"");
	assert_string_equal(replayed(&ev, 0), "1:a 2:b ");
	events_close(&ev);
	/* What is no event of ours, and one that a power cut has cut off. */
	assert_non_null(f = fopen(path, "a"));
	assert_true(
	    fputs("{\"date\":\"2025\"}\nseq\n\n{\"seq\":1,\"old\":1}\n{\"seq\":9,\"da\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(events_open(&ev, "z1", path, NULL, NULL, &e), 0);
	events_tell(&ev, "c", NULL);
	assert_string_equal(replayed(&ev, 0), "1:a 2:b 3:c ");
	assert_string_equal(replayed(&ev, 2), "2:b 3:c ");
	assert_string_equal(replayed(&ev, 4), "");
	events_close(&ev);
	(void)clean(NULL);
}

/* Of many the newest are kept, whole and without a hole. */
static void
the_newest_are_kept(void **state)
{
	struct events ev;
	struct err e = { 0 };
	char detail[EVENTS_DETAIL_MAX + 1];
	const char *p;
	int first, next;

	memset(detail, '"', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	assert_int_equal(events_open(&ev, "z1", path, NULL, NULL, &e), 0);
	for (int i = 1; i <= 1000; i++)
		events_tell(&ev, "x", detail);
	for (int round = 0; round < 2; round++) {
		assert_true(ev.kept_len > EVENTS_KEPT / 2 && ev.kept_len <= EVENTS_KEPT);
		p = replayed(&ev, 0);
		first = next = atoi(p);
		for (; *p != '\0'; p = strchr(p, ' ') + 1)
			assert_int_equal(atoi(p), next++);
		assert_int_equal(next, 1001);
		assert_true(first > 900);
		events_close(&ev);
		assert_int_equal(events_open(&ev, "z1", path, NULL, NULL, &e), 0);
	}
	events_close(&ev);
	(void)clean(NULL);
}

static void
log_rotates(void **state)
{
	struct logfile lf;
	struct stat st;
	struct err e = { 0 };
	char tail[64];

	assert_int_equal(logfile_open(&lf, path, 10, &e), 0);
	logfile_write(&lf, "aaaaaa", 6);
	logfile_write(&lf, "bbb", 3);
	assert_int_equal(logfile_tail(path, tail, sizeof(tail)), 9);
	logfile_write(&lf, "cccc", 4); /* does not fit: a new file */
	assert_int_equal(logfile_tail(path, tail, sizeof(tail)), 13);
	assert_memory_equal(tail, "aaaaaabbbcccc", 13);
	assert_int_equal(logfile_tail(path, tail, 6), 6);
	assert_memory_equal(tail, "bbcccc", 6);
	logfile_write(&lf, "too much at once", 16);
	for (int i = 0; i < 1000; i++)
		logfile_write(&lf, "dddd", 4);
	logfile_close(&lf);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 10);
	assert_int_equal(stat(old, &st), 0);
	assert_true(st.st_size <= 10);
	assert_int_equal(logfile_tail("/nowhere/log", tail, sizeof(tail)), 0);
	(void)clean(NULL);
}

/* Written through its descriptor, as log_msg does. */
static void
log_is_checked(void **state)
{
	struct logfile lf;
	struct stat st;
	struct err e = { 0 };

	assert_int_equal(logfile_open(&lf, path, 10, &e), 0);
	assert_int_equal(write(lf.fd, "0123456789", 10), 10);
	logfile_check(&lf);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(write(lf.fd, "x", 1), 1);
	logfile_check(&lf);
	assert_int_equal(stat(old, &st), 0);
	assert_int_equal(st.st_size, 11);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	logfile_close(&lf);
	(void)clean(NULL);
}

static void
log_follows_no_link(void **state)
{
	struct logfile lf;
	struct err e = { 0 };

	assert_int_equal(symlink("/tmp/zhyve-not-to-be-made", path), 0);
	assert_true(logfile_open(&lf, path, 10, &e) < 0);
	assert_int_equal(access("/tmp/zhyve-not-to-be-made", F_OK), -1);
	(void)clean(NULL);
}

static void
throttled(void **state)
{
	struct throttle t = { .budget = 100 };

	assert_false(throttle_take(&t, 60, THROTTLE_WINDOW_NS * 5));
	assert_true(throttle_take(&t, 60, THROTTLE_WINDOW_NS * 5 + 1));
	assert_false(throttle_take(&t, 60, THROTTLE_WINDOW_NS * 6 + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format),
		cmocka_unit_test(told_and_kept),
		cmocka_unit_test(numbers_go_on),
		cmocka_unit_test(the_newest_are_kept),
		cmocka_unit_test(log_rotates),
		cmocka_unit_test(log_is_checked),
		cmocka_unit_test(log_follows_no_link),
		cmocka_unit_test(throttled),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
