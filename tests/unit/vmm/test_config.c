/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of vmm/config.c: the tree of variables, options, files, expansion. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/config.h"

static struct config_node *root;

static int
setup(void **state)
{
	(void)state;
	root = config_create();
	return (root == NULL);
}

static int
teardown(void **state)
{
	(void)state;
	config_destroy(root);
	return (0);
}

static void
test_set_get(void **state)
{
	(void)state;
	assert_int_equal(config_set(root, "pci.0.3.0.device", "virtio-blk"), 0);
	assert_int_equal(config_set(root, "pci.0.3.0.path", "/a"), 0);
	assert_int_equal(config_set(root, "pci.0.3.0.path", "/b"), 0);
	assert_string_equal(config_get(root, "pci.0.3.0.path"), "/b");
	assert_string_equal(config_get(config_find(root, "pci.0.3"), "0.device"), "virtio-blk");
	assert_null(config_get(root, "pci.0.3"));
	assert_null(config_get(root, "pci.0.30.0.path"));
	assert_null(config_get(root, "nothing"));
	assert_string_equal(config_text(root, "nothing", "x"), "x");
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "#a", "a b", "a=", "a\t" };
	char longest[CONFIG_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(root, bad[i], "v"), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[CONFIG_NAME_MAX] = '\0';
	assert_int_equal(config_set(root, longest, "v"), -EINVAL);
	longest[CONFIG_NAME_MAX - 1] = '\0';
	assert_int_equal(config_set(root, longest, "v"), 0);
}

static void
test_values(void **state)
{
	struct err e = { 0 };
	char value[CONFIG_VALUE_MAX + 1];
	uint32_t n;
	bool b;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[CONFIG_VALUE_MAX] = '\0';
	assert_int_equal(config_set(root, "a", value), -E2BIG);
	(void)config_set(root, "a.b", "off");
	(void)config_set(root, "a.n", "12");
	assert_int_equal(config_bool(root, "a.b", true, &b, &e), 0);
	assert_false(b);
	assert_int_equal(config_bool(root, "a.missing", true, &b, &e), 0);
	assert_true(b);
	assert_int_equal(config_bool(root, "a.n", true, &b, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a.n: '12'"));
	assert_int_equal(config_number(root, "a.n", 1, 12, 0, &n, &e), 0);
	assert_int_equal(n, 12);
	assert_int_equal(config_number(root, "a.n", 1, 11, 0, &n, &e), -EINVAL);
	assert_int_equal(config_number(root, "a.b", 1, 11, 0, &n, &e), -EINVAL);
}

static void
test_words(void **state)
{
	static const char *const words[] = { "stop", "reset", "run" };
	struct config_node *dev = config_make(root, "dev");
	struct err e = { 0 };
	unsigned n = 9;

	(void)state;
	assert_int_equal(config_word(dev, "action", words, 3, 1, &n, &e), 0);
	assert_int_equal(n, 1);
	(void)config_set(dev, "action", "run");
	assert_int_equal(config_word(dev, "action", words, 3, 1, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(config_word(dev, "action", words, 2, 1, &n, &e), -EINVAL);
	assert_string_equal(e.text, "unknown action 'run': known are stop, reset");
}

static void
test_assign(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(config_assign(root, "boot.cmdline=root=/dev/vda1 quiet", &e), 0);
	assert_string_equal(config_get(root, "boot.cmdline"), "root=/dev/vda1 quiet");
	assert_int_equal(config_assign(root, "x=", &e), 0);
	assert_string_equal(config_get(root, "x"), "");
	assert_int_equal(config_assign(root, "=x", &e), -EINVAL);
	assert_int_equal(config_assign(root, "x", &e), -EINVAL);
}

static void
test_options(void **state)
{
	struct config_node *dev = config_make(root, "dev");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(config_options(dev, "path", "/dev/a=b,ro,serial=x", &e), 0);
	assert_string_equal(config_get(dev, "path"), "/dev/a=b");
	assert_string_equal(config_get(dev, "ro"), "true");
	assert_string_equal(config_get(dev, "serial"), "x");
	assert_int_equal(config_options(dev, "vnic", "vnic=tap1,mtu=9000", &e), 0);
	assert_string_equal(config_get(dev, "vnic"), "tap1");
	assert_int_equal(config_options(dev, NULL, "model=q35", &e), 0);
	assert_string_equal(config_get(dev, "model"), "q35");
	assert_int_equal(config_options(dev, "path", "a,,b", &e), -EINVAL);
	assert_int_equal(config_options(dev, "path", ",b", &e), -EINVAL);
}

static void
test_load(void **state)
{
	static const char good[] = "# comment\n\nname=x\n  \nmemory.size=1g";
	static const char bad[] = "name=x\nwhat is this\n";
	char path[] = "/tmp/zhyve-config-XXXXXX";
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
	assert_int_equal(config_load(root, path, &e), 0);
	assert_string_equal(config_get(root, "memory.size"), "1g");
	assert_int_equal(pwrite(fd, bad, sizeof(bad) - 1, 0), sizeof(bad) - 1);
	assert_int_equal(config_load(root, path, &e), -EINVAL);
	assert_non_null(strstr(e.text, "line 2: invalid config option 'what is this'"));
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(config_load(root, path, &e), -ENOENT);
}

static void
test_expand(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)config_set(root, "name", "z1");
	(void)config_set(root, "lpc.com1.path", "socket,/tmp/%(name).%(suffix),50%%");
	(void)config_set(root, "suffix", "%(name)-com1");
	assert_int_equal(config_expand(root, &e), 0);
	assert_string_equal(config_get(root, "lpc.com1.path"), "socket,/tmp/z1.z1-com1,50%");
	assert_string_equal(config_get(root, "suffix"), "z1-com1");
}

static void
test_expand_refused(void **state)
{
	static const char *const bad[] = { "%(b)", "%(a", "%(a)" };
	struct err e = { 0 };
	char big[CONFIG_VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)config_set(root, "a", bad[i]);
		assert_true(config_expand(root, &e) < 0);
	}
	memset(big, 'x', sizeof(big));
	big[CONFIG_VALUE_MAX - 1] = '\0';
	(void)config_set(root, "big", big);
	(void)config_set(root, "a", "%(big)%(big)");
	assert_int_equal(config_expand(root, &e), -E2BIG);
}

static char *
dump(struct config_node *from)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	config_dump(from, f);
	assert_int_equal(fclose(f), 0);
	return (text);
}

/* Sorted, numbers by their value; read back it is the same. */
static void
test_dump(void **state)
{
	struct config_node *again = config_create();
	struct err e = { 0 };
	char *text, *copy, *second;

	(void)state;
	(void)config_set(root, "x", "50%% of %(name)");
	(void)config_set(root, "pci.0.10.0.device", "b");
	(void)config_set(root, "pci.0.9.0.device", "a");
	(void)config_set(root, "pci.enable_bars", "");
	(void)config_set(root, "name", "m");
	(void)config_set(root, "gone", "1");
	config_unset(root, "gone");
	config_unset(root, "never");
	assert_int_equal(config_set(root, "two", "a\nb=c"), -EINVAL);
	assert_int_equal(config_expand(root, &e), 0);
	text = dump(root);
	assert_string_equal(text,
	    "name=m\npci.0.9.0.device=a\npci.0.10.0.device=b\npci.enable_bars=\nx=50%% of m\n");
	copy = strdup(text);
	assert_int_equal(config_parse(again, "dump", copy, &e), 0);
	assert_int_equal(config_expand(again, &e), 0);
	second = dump(again);
	assert_string_equal(text, second);
	free(text);
	free(copy);
	free(second);
	config_destroy(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set_get, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_assign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expand_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dump, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
