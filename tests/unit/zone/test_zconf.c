/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration model and its store, below a temporary ZHYVE_ROOT: round trips, refusals,
 * identities, the lock between processes, a full disk, what a killed writer leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"
#include "zone/zconf_json.h"

#include "sandbox.h"

static void
set(struct zconf *c, const char *name, const char *value)
{
	assert_int_equal(zfield_set(zfield_find(zconf_fields, name), c, value), 0);
}

/* A configuration with one of everything. */
static struct zconf *
sample(const char *name)
{
	struct zconf *c = zconf_new(name);
	struct znet *net;
	struct zdevice *d;

	assert_non_null(c);
	set(c, "zonepath", "/zones/sample");
	set(c, "brand", "bhyve");
	set(c, "ip-type", "exclusive");
	set(c, "limitpriv", "default,-proc_fork");
	set(c, "bootargs", "with \"quotes\", a tab\t and ü");
	c->autoboot = true;
	assert_int_equal(zfield_set(zfield_find(zdedicated_fields, "ncpus"), c, "2-4"), 0);
	net = zconf_net_add(c);
	assert_int_equal(zfield_set(zfield_find(znet_fields, "physical"), net, "net0"), 0);
	assert_int_equal(zfield_set(zfield_find(znet_fields, "mac-addr"), net, "2:8:20:0:1:2"), 0);
	assert_int_equal(zprop_set(&net->prop, &net->nprop, "model", "virtio"), 0);
	assert_int_equal(zprop_set(&net->prop, &net->nprop, "ips", "10.0.0.2/24,dhcp"), 0);
	d = zconf_device_add(c);
	assert_int_equal(zfield_set(zfield_find(zdevice_fields, "match"), d, "/zones/s/disk0"), 0);
	assert_int_equal(zprop_set(&d->prop, &d->nprop, "boot", "true"), 0);
	assert_int_equal(zconf_attr_set(c, "ram", ZATTR_UINT, "1024"), 0);
	assert_int_equal(zconf_attr_set(c, "empty", ZATTR_STRING, ""), 0);
	assert_int_equal(
	    zconf_rctl_set(c, "zone.max-locked-memory", "privileged", UINT64_MAX, "deny"), 0);
	assert_int_equal(zrctl_value_add(zconf_rctl_find(c, "zone.max-locked-memory"), "basic", "1",
			     "signal=SIGTERM"),
	    0);
	return (c);
}

static int
count_files(void)
{
	char path[PATH_MAX];
	DIR *dir = opendir(path_etc(path, "%s", ""));
	struct dirent *d;
	int n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	return (n);
}

static void
write_text(const char *name, const char *text)
{
	char path[PATH_MAX];

	assert_int_equal(
	    file_replace(path_etc(path, "%s", name), text, strlen(text), 0600, NULL), 0);
}

static void
test_states_and_names(void **state)
{
	static const char *const good[] = { "z1", "0", "a_b-c.d", "Z" };
	static const char *const bad[] = { "", "-a", ".a", "a/b", "a b", "global", "SUNWx", "ä",
		"nictags", "a\n" };
	char name[ZONENAME_MAX + 1];
	enum zone_state s;
	struct err e;

	for (s = ZONE_STATE_CONFIGURED; s <= ZONE_STATE_DOWN; s++) {
		enum zone_state back;
		assert_int_equal(zone_state_parse(zone_state_name(s), &back), 0);
		assert_int_equal(back, s);
	}
	assert_int_equal(zone_state_parse("Running", &s), -EINVAL);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(zconf_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zconf_name_check(bad[i], &e), -EINVAL);
	memset(name, 'a', sizeof(name));
	name[ZONENAME_MAX] = '\0';
	assert_int_equal(zconf_name_check(name, NULL), -EINVAL);
	name[ZONENAME_MAX - 1] = '\0';
	assert_int_equal(zconf_name_check(name, NULL), 0);
}

static void
test_dup_equal_change(void **state)
{
	struct zconf *a = sample("z1"), *b = zconf_dup(a);

	assert_non_null(b);
	assert_true(zconf_equal(a, b));
	assert_int_equal(zprop_set(&b->net[0].prop, &b->net[0].nprop, "model", "e1000"), 0);
	assert_false(zconf_equal(a, b));
	assert_int_equal(zprop_set(&b->net[0].prop, &b->net[0].nprop, "model", "virtio"), 0);
	assert_true(zconf_equal(a, b));
	assert_int_equal(zconf_attr_set(b, "ram", ZATTR_STRING, "1024"), 0);
	assert_false(zconf_equal(a, b));
	assert_int_equal(zconf_attr_set(b, "ram", ZATTR_UINT, "1024"), 0);
	assert_int_equal(zconf_attr_set(b, "empty", ZATTR_STRING, NULL), 0);
	assert_null(zconf_attr(b, "empty"));
	assert_false(zconf_equal(a, b));
	zconf_free(b);
	b = zconf_dup(a);
	assert_int_equal(zconf_rctl_clear(b, "zone.max-locked-memory"), 0);
	assert_int_equal(zconf_rctl_clear(b, "zone.none"), 0);
	assert_int_equal(b->nrctl, 0);
	zconf_net_remove(b, 7);
	assert_int_equal(b->nnet, 1);
	zconf_net_remove(b, 0);
	zconf_device_remove(b, 0);
	assert_int_equal(b->nnet + b->ndevice, 0);
	assert_int_equal(zprop_set(&a->net[0].prop, &a->net[0].nprop, "model", NULL), 0);
	assert_int_equal(a->net[0].nprop, 1);
	assert_null(zprop_get(a->net[0].prop, a->net[0].nprop, "model"));
	assert_string_equal(zprop_get(a->net[0].prop, a->net[0].nprop, "ips"), "10.0.0.2/24,dhcp");
	zconf_free(b);
	zconf_free(a);
}

static void
test_rctl_values(void **state)
{
	struct zconf *c = zconf_new("z1");
	uint64_t limit;

	assert_int_equal(zconf_rctl_get(c, "zone.cpu-cap", &limit), -ENOENT);
	assert_int_equal(zconf_rctl_set(c, "zone.cpu-cap", "privileged", 150, "deny"), 0);
	assert_int_equal(zconf_rctl_set(c, "zone.cpu-cap", "privileged", 175, "deny"), 0);
	assert_int_equal(c->nrctl, 1);
	assert_int_equal(c->rctl[0].nvalue, 1);
	assert_int_equal(zconf_rctl_get(c, "zone.cpu-cap", &limit), 0);
	assert_int_equal(limit, 175);
	zconf_free(c);
}

static void
test_store_and_load(void **state)
{
	struct zconf *a = sample("z1"), *b;
	struct stat st;
	char path[PATH_MAX];
	struct err e;

	assert_int_equal(zconf_load("z1", &b, &e), -ENOENT);
	assert_string_equal(e.text, "z1: No such zone configured");
	assert_int_equal(zconf_load("../z1", &b, &e), -ENOENT);
	assert_int_equal(zconf_store(a, &e), 0);
	assert_int_equal(a->did, 1);
	assert_int_equal(strlen(a->uuid), UUID_TEXT_LEN);
	assert_int_equal(a->uuid[14], '4');
	assert_int_equal(stat(path_etc(path, "z1.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(zconf_load("z1", &b, &e), 0);
	assert_true(zconf_equal(a, b));
	zconf_free(b);
	assert_int_equal(zconf_load_uuid(a->uuid, &b, &e), 0);
	assert_true(zconf_equal(a, b));
	zconf_free(b);
	assert_int_equal(zconf_load_uuid("00000000-0000-4000-8000-000000000000", &b, &e), -ENOENT);
	assert_int_equal(zconf_load_uuid("z1", &b, &e), -EINVAL);
	assert_int_equal(zconf_set_state("z1", ZONE_STATE_INSTALLED, &e), 0);
	assert_int_equal(zconf_set_state("z1", ZONE_STATE_RUNNING, &e), -EINVAL);
	assert_int_equal(zconf_set_state("z2", ZONE_STATE_INSTALLED, &e), -ENOENT);
	assert_int_equal(zconf_load("z1", &b, &e), 0);
	assert_int_equal(b->state, ZONE_STATE_INSTALLED);
	zconf_free(b);
	assert_int_equal(zconf_delete("z1", &e), 0);
	assert_int_equal(zconf_delete("z1", &e), -ENOENT);
	zconf_free(a);
}

static void
test_identities(void **state)
{
	struct zconf *z[3], *again;
	char name[] = "z0";
	char **names;
	size_t n;
	struct err e;

	for (int i = 0; i < 3; i++) {
		name[1] = (char)('0' + i);
		z[i] = sample(name);
		assert_int_equal(zconf_store(z[i], &e), 0);
		assert_int_equal(z[i]->did, i + 1);
	}
	write_text("nictags.json", "{}");
	assert_int_equal(zconf_list(&names, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_string_equal(names[0], "z0");
	assert_string_equal(names[2], "z2");
	zconf_list_free(names, n);
	assert_int_equal(zconf_delete("z1", &e), 0);
	zconf_free(z[1]);
	again = sample("another");
	memcpy(again->uuid, z[0]->uuid, sizeof(again->uuid));
	for (char *p = again->uuid; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	assert_int_equal(zconf_store(again, &e), -EEXIST);
	assert_non_null(strstr(e.text, "that of zone 'z0'"));
	assert_int_equal(again->did, 0);
	(void)strcpy(again->uuid, "not a uuid");
	assert_int_equal(zconf_store(again, &e), -EINVAL);
	again->uuid[0] = '\0';
	assert_int_equal(zconf_store(again, &e), 0);
	assert_int_equal(again->did, 2); /* the one given back */
	write_text("broken.json", "{\n \"version\": 1,\n oops }");
	assert_int_equal(zconf_load_uuid(again->uuid, &z[1], &e), 0);
	zconf_free(again);
	again = sample("third");
	assert_int_equal(zconf_store(again, &e), -EINVAL);
	assert_non_null(strstr(e.text, "broken.json"));
	assert_non_null(strstr(e.text, "line 3"));
	for (int i = 0; i < 3; i++)
		zconf_free(z[i]);
	zconf_free(again);
}

/* How often a zone's configuration was opened since; z5's does not count. */
static int
opens_of_others(int fd)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;
	int n = 0;

	while ((len = read(fd, buf, sizeof(buf))) > 0) {
		const struct inotify_event *ev;

		for (char *p = buf; p < buf + len; p += sizeof(*ev) + ev->len) {
			ev = (const void *)p;
			if (ev->len > 0 && ev->name[0] == 'z' && ev->name[1] != '5')
				n++;
		}
	}
	return (n);
}

/* Stores a zone "z5" that asks for this number. */
static int
store_with_did(uint32_t did, struct err *e)
{
	struct zconf *c = sample("z5");
	int rc;

	c->did = did;
	rc = zconf_store(c, e);
	zconf_free(c);
	return (rc);
}

static void
give_did(const char *name, uint32_t did)
{
	struct zconf *c;
	char file[32], *text;
	size_t len;

	assert_int_equal(zconf_load(name, &c, NULL), 0);
	c->did = did;
	assert_int_equal(zconf_json_format(c, &text, &len, NULL), 0);
	(void)snprintf(file, sizeof(file), "%s.json", name);
	write_text(file, text); /* in place, as a person's editor may */
	free(text);
	zconf_free(c);
}

/* What was read of the others is not read again, until their files have changed, however. */
static void
test_identities_are_remembered(void **state)
{
	char path[PATH_MAX], name[] = "z0";
	struct err e = { 0 };
	struct zconf *c;
	int fd;

	for (int i = 0; i < 4; i++) {
		name[1] = (char)('0' + i);
		c = sample(name);
		assert_int_equal(zconf_store(c, &e), 0);
		zconf_free(c);
	}
	(void)usleep(100000); /* what has just changed is read once more */
	assert_int_equal(store_with_did(5, &e), 0);
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(inotify_add_watch(fd, path_etc(path, "%s", ""), IN_OPEN) >= 0);
	assert_int_equal(store_with_did(5, &e), 0);
	assert_int_equal(opens_of_others(fd), 0);
	give_did("z1", 7);
	assert_true(opens_of_others(fd) > 0);
	assert_int_equal(store_with_did(7, &e), -EEXIST);
	assert_non_null(strstr(e.text, "did 7 is that of zone 'z1'"));
	give_did("z1", 8); /* of the same size, and at once */
	assert_int_equal(store_with_did(8, &e), -EEXIST);
	assert_int_equal(store_with_did(7, &e), 0);
	give_did("z1", 6);
	assert_int_equal(store_with_did(6, &e), -EEXIST);
	write_text(".lock", "what nobody wrote");
	assert_int_equal(store_with_did(6, &e), -EEXIST);
	assert_int_equal(store_with_did(3, &e), -EEXIST);
	assert_int_equal(zconf_delete("z2", &e), 0);
	assert_int_equal(store_with_did(3, &e), 0);
	(void)close(fd);
}

static void
test_broken_files(void **state)
{
#define HEAD                                                                                \
	"{\"version\":1,\"name\":\"z1\",\"uuid\":\"0cfac3d5-5a5c-4d4e-9c4d-0d33a6f0a7c1\"," \
	"\"state\":\"configured\",\"did\":1"
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "line 1" },
		{ "[]", "must be an object" },
		{ HEAD ",\n\n\"x", "line 3" },
		{ HEAD ",\"zonepth\":\"/z\"}", "unknown member 'zonepth'" },
		{ HEAD ",\"autoboot\":\"true\"}", "must be true or false" },
		{ HEAD ",\"brand\":1}", "member 'brand' must be a string" },
		{ HEAD ",\"brand\":\"a\",\"brand\":\"b\"}", "duplicate" },
		{ HEAD ",\"brand\":\"a\\u0000b\"}", "" },
		{ HEAD ",\"net\":{}}", "must be an array" },
		{ HEAD ",\"net\":[{},{\"macaddr\":\"\"}]}", "net[1]: unknown member 'macaddr'" },
		{ HEAD ",\"net\":[1]}", "net[0] must be an object" },
		{ HEAD ",\"device\":[{\"property\":[]}]}", "must be an object" },
		{ HEAD ",\"attr\":[{\"name\":\"a\",\"value\":\"\"}]}", "'type' is missing" },
		{ HEAD ",\"attr\":[{\"name\":\"a\",\"type\":\"str\",\"value\":\"\"}]}",
		    "type 'str'" },
		{ HEAD ",\"rctl\":[{\"name\":\"zone.x\"}]}", "rctl[0]" },
		{ HEAD ",\"rctl\":[{\"name\":\"zone.x\",\"value\":[{}]}]}", "'priv' is missing" },
		{ "{\"version\":2}", "version" },
		{ "{\"version\":1}", "'name'" },
		{ "{\"version\":1,\"name\":\"z1\",\"uuid\":\"x\",\"state\":\"configured\"}",
		    "not a UUID" },
		{ "{\"version\":1,\"name\":\"z2\",\"uuid\":\"0cfac3d5-5a5c-4d4e-9c4d-"
		  "0d33a6f0a7c1\","
		  "\"state\":\"configured\",\"did\":1}",
		    "it must be the file's name" },
		{ "{\"version\":1,\"name\":\"z1\",\"uuid\":\"0cfac3d5-5a5c-4d4e-9c4d-"
		  "0d33a6f0a7c1\","
		  "\"state\":\"running\",\"did\":1}",
		    "state 'running'" },
		{ "{\"version\":1,\"name\":\"z1\",\"uuid\":\"0cfac3d5-5a5c-4d4e-9c4d-"
		  "0d33a6f0a7c1\","
		  "\"state\":\"configured\",\"did\":0}",
		    "'did'" },
		{ "{\"version\":1,\"name\":\"z1\",\"uuid\":\"0cfac3d5-5a5c-4d4e-9c4d-"
		  "0d33a6f0a7c1\","
		  "\"state\":\"configured\",\"did\":65536}",
		    "'did' must be a number from 1 to 65535" },
	};
	struct zconf *c;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_text("z1.json", cases[i].text);
		assert_int_equal(zconf_load("z1", &c, &e), -EINVAL);
		if (strstr(e.text, cases[i].says) == NULL || strstr(e.text, "z1.json") == NULL)
			fail_msg("%s: '%s'", cases[i].text, e.text);
	}
	write_text("z1.json", HEAD "}");
	assert_int_equal(zconf_load("z1", &c, &e), 0);
	zconf_free(c);
#undef HEAD
}

static void
test_not_storable(void **state)
{
	struct zconf *c = sample("z1"), *b;
	struct err e;

	assert_int_equal(zconf_attr_set(c, "alias", ZATTR_STRING, "a\xff"), 0);
	assert_int_equal(zconf_store(c, &e), -EILSEQ);
	assert_int_equal(c->did, 0);
	assert_int_equal(zconf_attr_set(c, "alias", ZATTR_STRING, NULL), 0);
	c->did = ZCONF_DID_MAX + 1; /* it could not be read again */
	assert_int_equal(zconf_store(c, &e), -ERANGE);
	assert_int_equal(zconf_load("z1", &b, &e), -ENOENT);
	zconf_free(c);
}

/* A full disk (here: a limit on file size) leaves the old file and nothing beside it. */
static void
test_no_space(void **state)
{
	struct zconf *c = sample("z1"), *b;
	struct rlimit old, none;
	struct err e;

	assert_int_equal(zconf_store(c, &e), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 16, .rlim_max = old.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	set(c, "bootargs", "changed");
	int rc = zconf_store(c, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, -EFBIG);
	assert_int_equal(zconf_load("z1", &b, &e), 0);
	assert_string_not_equal(b->bootargs, "changed");
	assert_int_equal(count_files(), 1);
	zconf_free(b);
	zconf_free(c);
}

static void
test_leftovers_are_swept(void **state)
{
	struct zconf *c = sample("z1");

	assert_int_equal(zconf_store(c, NULL), 0);
	write_text("z1.json.new", "half a fi");
	write_text("z10.json.new", "another zone's");
	assert_int_equal(zconf_store(c, NULL), 0);
	assert_int_equal(count_files(), 2);
	zconf_sweep();
	assert_int_equal(count_files(), 1);
	write_text("z1.json.new", "half a fi");
	assert_int_equal(zconf_delete("z1", NULL), 0);
	assert_int_equal(count_files(), 0);
	zconf_free(c);
}

/* Four processes each raise a number twenty-five times by load, change and store; none is lost. */
static void
test_lock_between_processes(void **state)
{
	struct zconf *c = sample("z1");
	char text[16];
	int status;

	assert_int_equal(zconf_store(c, NULL), 0);
	zconf_free(c);
	for (int i = 0; i < 4; i++) {
		if (fork() != 0)
			continue;
		for (int j = 0; j < 25; j++) {
			if (zconf_lock(NULL) != 0 || zconf_load("z1", &c, NULL) != 0)
				_exit(1);
			(void)snprintf(text, sizeof(text), "%d", atoi(zconf_attr(c, "ram")) + 1);
			if (zconf_attr_set(c, "ram", ZATTR_UINT, text) != 0 ||
			    zconf_store(c, NULL) != 0)
				_exit(1);
			zconf_free(c);
			zconf_unlock();
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(zconf_load("z1", &c, NULL), 0);
	assert_string_equal(zconf_attr(c, "ram"), "1124");
	zconf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_and_names),
		cmocka_unit_test(test_dup_equal_change),
		cmocka_unit_test(test_rctl_values),
		cmocka_unit_test_setup_teardown(test_store_and_load, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_identities, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    test_identities_are_remembered, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_broken_files, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_not_storable, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_no_space, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    test_leftovers_are_swept, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    test_lock_between_processes, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
