/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of one start. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "zone/startopts.h"

/* "dcn" of an order. */
static const char *
letters(const struct boot_order *o)
{
	static char out[2][BOOT_NCLASSES + 1];
	static unsigned k;
	char *p = out[k ^= 1];

	for (size_t i = 0; i < o->n; i++)
		p[i] = o->class[i] == BOOT_DISK ? 'c' : o->class[i] == BOOT_CDROM ? 'd' : 'n';
	p[o->n] = '\0';
	return (p);
}

static void
orders(void **state)
{
	static const struct {
		const char *text, *order, *once;
	} good[] = {
		{ "cdrom,disk,net", "dcn", "" },
		{ "cd", "cd", "" },
		{ "dcn", "dcn", "" },
		{ "net", "n", "" },
		{ "d,net", "dn", "" },
		{ "cd,once=d", "cd", "d" },
		{ "once=d", "", "d" },
		{ "disk,net,once=cdrom,disk", "cn", "dc" },
	};
	static const char *const bad[] = { "", ",", "c,", "x", "cdroms", "cc", "disk,c",
		"c,once=", "c,once=d,once=c", "Disk", "order=c", "dix" };
	struct boot_order order, once;

	for (size_t i = 0; i < NITEMS(good); i++) {
		assert_int_equal(boot_order_parse(good[i].text, &order, &once, NULL), 0);
		assert_string_equal(letters(&order), good[i].order);
		assert_string_equal(letters(&once), good[i].once);
	}
	for (size_t i = 0; i < NITEMS(bad); i++)
		if (boot_order_parse(bad[i], &order, &once, NULL) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
}

static void
words(void **state)
{
	struct start_options o = { .ndrive = 0 };

	assert_false(start_options_any(&o));
	assert_int_equal(start_options_add(&o, "cdrom=/iso/a,b.iso,ide", NULL), 0);
	assert_int_equal(start_options_add(&o, "disk=/d.raw,nvme", NULL), 0);
	assert_int_equal(start_options_add(&o, "order=cd,once=d", NULL), 0);
	assert_int_equal(start_options_add(&o, "efivars=reset", NULL), 0);
	assert_int_equal(o.ndrive, 2);
	assert_string_equal(o.drive[0].path, "/iso/a,b.iso");
	assert_string_equal(o.drive[0].model, "ahci");
	assert_true(o.drive[0].cdrom);
	assert_string_equal(o.drive[1].path, "/d.raw");
	assert_string_equal(o.drive[1].model, "nvme");
	assert_false(o.drive[1].cdrom);
	assert_string_equal(letters(&o.once), "d");
	assert_true(o.reset_vars);
	assert_true(start_options_any(&o));
}

static void
bad_words(void **state)
{
	static const struct {
		const char *word, *says;
	} bad[] = {
		{ "colour=red", "Invalid argument to start: colour" },
		{ "order", "Invalid argument to start: order" },
		{ "efivars=none", "Invalid argument to start: efivars" },
		{ "cdrom=/a", "Parameter to cdrom must be: path,model" },
		{ "disk=,virtio", "Parameter to disk must be: path,model" },
		{ "disk=/a,", "Parameter to disk must be: path,model" },
		{ "cdrom=/a,nvme", "unknown model 'nvme' (there are: ahci, virtio)" },
		{ "disk=/a,scsi", "unknown model 'scsi' (there are: virtio, ahci, nvme)" },
		{ "disk=a,virtio", "'a' is no absolute path" },
		{ "order=x", "boot order: 'x'" },
	};
	struct start_options o = { .ndrive = 0 };
	char word[PATH_MAX + 32];
	struct err e = { 0 };

	for (size_t i = 0; i < NITEMS(bad); i++) {
		o = (struct start_options){ .ndrive = 0 };
		assert_int_equal(start_options_add(&o, bad[i].word, &e), -EINVAL);
		if (strstr(e.text, bad[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", e.text, bad[i].says);
		assert_int_equal(o.ndrive, 0);
	}
	memset(word, 'x', sizeof(word));
	memcpy(word, "disk=/", 6);
	memcpy(word + sizeof(word) - 8, ",virtio", 8);
	assert_int_equal(start_options_add(&o, word, &e), -EINVAL);
	for (int i = 0; i < START_DRIVES_MAX; i++)
		assert_int_equal(start_options_add(&o, "disk=/a,virtio", &e), 0);
	assert_int_equal(start_options_add(&o, "disk=/a,virtio", &e), -EINVAL);
	assert_int_equal(start_options_add(&o, "order=c", &e), 0);
	assert_int_equal(start_options_add(&o, "order=c", &e), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(words),
		cmocka_unit_test(bad_words),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
