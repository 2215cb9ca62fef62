/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of the host in a zone's configuration (zone/brand_pass.c). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/brand.h"

static struct zconf *conf;

static struct zdevice *
device(const char *match, const char *model, const char *slot)
{
	struct zdevice *d = zconf_device_add(conf);

	d->match = strdup(match);
	assert_int_equal(zprop_set(&d->prop, &d->nprop, "model", model), 0);
	if (slot != NULL)
		assert_int_equal(zprop_set(&d->prop, &d->nprop, "pci-slot", slot), 0);
	return (d);
}

static int
setup(void **state)
{
	conf = zconf_new("web1");
	conf->brand = strdup("bhyve");
	conf->did = 7;
	(void)snprintf(conf->uuid, sizeof(conf->uuid), "c8b7b6a4-9d3e-4a53-9f6c-3a1f0f2d4e11");
	return (zconf_attr_set(conf, "kernel", ZATTR_STRING, "/boot/vmlinux"));
}

static int
teardown(void **state)
{
	zconf_free(conf);
	return (0);
}

/* The argument that begins so; "" for none. */
static const char *
argument(const struct brand_plan *p, const char *begin)
{
	for (size_t i = 0; i < p->argc; i++) {
		if (strncmp(p->argv[i], begin, strlen(begin)) == 0)
			return (p->argv[i]);
	}
	return ("");
}

/* Descriptor N of the plan is of that kind. */
static void
check_fd(const struct brand_plan *p, const char *arg, const char *option, enum brand_fd_kind kind,
    unsigned index)
{
	const char *at = strstr(arg, option);
	size_t n;

	assert_non_null(at);
	n = (size_t)atoi(at + strlen(option)) - (size_t)p->first_fd;
	assert_true(n < p->nfd);
	assert_int_equal(p->fd[n].kind, kind);
	assert_int_equal(p->fd[n].index, index);
}

static void
test_plan(void **state)
{
	struct brand_plan *p = NULL;
	struct err e = { 0 };
	char text[64], fd[16];
	const char *a, *b;

	(void)device("0000:03:00.0", "passthru", NULL);
	(void)device("/zones/web1/disk0", "virtio", NULL);
	(void)device("/sys/bus/pci/devices/0000:04:00.1", "passthru", "0:12:1");
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), 0);
	a = argument(p, "8:0,passthru,0000:03:00.0,group=fd:");
	b = argument(p, "12:1,passthru,0000:04:00.1,group=fd:");
	check_fd(p, a, "group=fd:", BRAND_FD_PASS, 0);
	check_fd(p, b, "group=fd:", BRAND_FD_PASS, 1);
	check_fd(p, b, "container=fd:", BRAND_FD_VFIO, 0);
	assert_string_equal(strstr(a, "container="), strstr(b, "container="));
	assert_int_equal(p->npass, 2);
	assert_int_equal(p->ndisk, 1);
	/* It is not a disk, and not the one that boots. */
	assert_string_equal(brand_boot_disk(conf)->match, "/zones/web1/disk0");
	assert_string_equal(brand_system_disk(conf)->match, "/zones/web1/disk0");
	assert_true(argument(p, "4:0,vhost-user-blk,")[0] != '\0');
	(void)snprintf(fd, sizeof(fd), "fd:%d", atoi(strstr(b, "group=fd:") + 9));
	brand_name_fds(p, fd, text, sizeof(text));
	assert_string_equal(text, "0000:04:00.1");
	/* The other way, the same descriptors. */
	assert_int_equal(brand_plan_cdev(p, &e), 0);
	a = argument(p, "8:0,passthru,0000:03:00.0,cdev=fd:");
	b = argument(p, "12:1,passthru,0000:04:00.1,cdev=fd:");
	check_fd(p, a, "cdev=fd:", BRAND_FD_PASS, 0);
	check_fd(p, b, "cdev=fd:", BRAND_FD_PASS, 1);
	check_fd(p, b, "iommufd=fd:", BRAND_FD_VFIO, 0);
	assert_string_equal(strstr(a, "iommufd="), strstr(b, "iommufd="));
	assert_null(strstr(b, "group="));
	brand_plan_free(p);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *match, *slot, *want;
	} t[] = {
		{ "/dev/ppt0", NULL, "must be the address of a PCI device" },
		{ "0000:03:00.0", "1:2", NULL },
		{ "0000:03:00.0", "x", "malformed pci-slot 'x'" },
		{ "0000:03:00.0", "1:0:0", "bus 0 only" },
		{ "0000:03:00.0", "31", "slot 31:0 is used twice" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct brand_plan *p = NULL;
		struct err e = { 0 };

		(void)device(t[i].match, "passthru", t[i].slot);
		assert_int_equal(
		    brand_plan_make(conf, NULL, 3, &p, &e), t[i].want != NULL ? -EINVAL : 0);
		if (t[i].want != NULL)
			assert_non_null(strstr(e.text, t[i].want));
		else
			brand_plan_free(p);
		zconf_device_remove(conf, 0);
	}
}

static void
test_many(void **state)
{
	struct brand_plan *p = NULL;
	struct err e = { 0 };
	char addr[16];

	for (unsigned i = 0; i <= BRAND_PASS_MAX; i++) {
		(void)snprintf(addr, sizeof(addr), "0000:03:%02x.0", i);
		(void)device(addr, "passthru", NULL);
	}
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), -E2BIG);
	zconf_device_remove(conf, 0);
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), 0);
	brand_plan_free(p);
	zconf_device_remove(conf, 1);
	(void)device("/sys/bus/pci/devices/0000:03:01.0", "passthru", NULL);
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), -EINVAL);
	assert_non_null(strstr(e.text, "0000:03:01.0 is there twice"));
	zconf_device_remove(conf, conf->ndevice - 1);
	assert_int_equal(zconf_attr_set(conf, "balloon", ZATTR_STRING, "true"), 0);
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), -EINVAL);
	assert_non_null(strstr(e.text, "balloon"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_plan), T(test_faults), T(test_many) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
