/* SPDX-License-Identifier: BSD-2-Clause */
/* The bhyve brand: what a zone's machine starts, and in which order a boot ROM tries its devices. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "zone/brand.h"

#include "brand_zone.h"

static struct image image;
static struct start_options start;

static void
disk(const char *path, const char *model, const char *media, bool boot)
{
	struct zdevice *d = zconf_device_add(conf);

	d->match = strdup(path);
	(void)zprop_set(&d->prop, &d->nprop, "model", model);
	(void)zprop_set(&d->prop, &d->nprop, "media", media);
	(void)zprop_set(&d->prop, &d->nprop, "boot", boot ? "true" : "false");
}

/* A cdrom, two disks, the second of which boots, and a net. */
static int
setup(void **state)
{
	struct znet *n;

	zone_setup();
	disk("/cd.iso", "ahci", "cdrom", false);
	disk("/data", "nvme", "disk", false);
	disk("/root", "virtio", "disk", true);
	n = zconf_net_add(conf);
	n->global_nic = strdup("admin");
	n->mac_addr = strdup("02:08:20:00:00:01");
	(void)zprop_set(&n->prop, &n->nprop, "primary", "true");
	image = (struct image){ .size = 1 };
	start = (struct start_options){ .ndrive = 0 };
	return (0);
}

/* The arguments in one line; `again` as after a reset. */
static const char *
line(bool again)
{
	static char text[4096];
	struct brand_plan *p;
	struct err e = { 0 };
	size_t n = 0;

	if (brand_plan_start(conf, &image, &start, again, 3, &p, &e) != 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < p->argc; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", p->argv[i]);
	brand_plan_free(p);
	return (text);
}

static void
has(const char *have, const char *want)
{
	if (strstr(have, want) == NULL)
		fail_msg("'%s' is not in '%s'", want, have);
}

/* The order of the four devices: net, boot disk, other disk, cdrom; "0": none. */
static void
indexes(bool again, const char *want)
{
	static const char *const devices[] = {
		"vhost-user-net,fd:", "5:0,nvme,fd:", "vhost-user-blk,fd:", "ahci-cd,fd:"
	};
	char have[16] = "", arg[256];
	const char *l = line(again), *p;

	for (size_t i = 0; i < NITEMS(devices); i++) {
		p = strstr(l, devices[i]);
		assert_non_null(p);
		(void)snprintf(arg, sizeof(arg), "%.*s", (int)strcspn(p, " "), p);
		p = strstr(arg, ",bootindex=");
		(void)snprintf(have + i, sizeof(have) - i, "%s", p != NULL ? p + 11 : "0");
	}
	assert_string_equal(have, want);
}

static void
refused(const char *why)
{
	struct brand_plan *p;
	struct err e = { 0 };

	assert_true(brand_plan_start(conf, &image, &start, false, 3, &p, &e) < 0);
	if (strstr(e.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, why);
}

static void
roms(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	/* Nothing said: UEFI. */
	has(line(false),
	    "-l bootrom,fd:5,fd:6 -s 0,hostbridge,model=i440fx -c 1 -m 256M "
	    "-s 3:0,ahci-cd,fd:7,bootindex=3 -s 5:0,nvme,fd:8,bootindex=2 "
	    "-s 4:0,vhost-user-blk,fd:9,bootindex=1 "
	    "-s 6:0,vhost-user-net,fd:10,mac=02:08:20:00:00:01,bootindex=4 ");
	assert_int_equal(brand_plan_start(conf, NULL, NULL, false, 3, &p, &e), 0);
	assert_int_equal(p->fd[2].kind, BRAND_FD_BOOTROM);
	assert_int_equal(p->fd[3].kind, BRAND_FD_BOOTVARS);
	assert_string_equal(p->rom.package, "ovmf");
	assert_string_equal(p->kernel, "");
	assert_true(p->disk[0].readonly);
	brand_plan_free(p);
	/* What the image brings, what it wants, what the zone says: the later win. */
	(void)snprintf(image.kernel, sizeof(image.kernel), "/k");
	has(line(false), "-l kernel,fd:5 -o boot.cmdline=console=ttyS0 ");
	assert_null(strstr(line(false), "bootindex"));
	(void)snprintf(image.bootrom, sizeof(image.bootrom), "bios");
	has(line(false), "-l bootrom,fd:5 -s");
	attr("bootrom", "uefi");
	has(line(false), "-l bootrom,fd:5,fd:6 ");
	attr("bootrom", "/opt/rom.fd");
	has(line(false), "-l bootrom,fd:5 -s");
	attr("bootrom", "coreboot");
	refused("bootrom 'coreboot' is neither");
}

static void
contradictions(void **state)
{
	attr("kernel", "/k");
	attr("bootrom", "bios");
	refused("attrs kernel and bootrom exclude each other");
	attr("kernel", NULL);
	attr("bootargs", "quiet");
	refused("there is a bootrom: clear them, or clear bootrom");
	attr("bootrom", NULL);
	refused("there is none: clear them, or set kernel");
	attr("bootargs", NULL);
	attr("boot", "order=cd");
	attr("bootorder", "disk");
	refused("attrs boot and bootorder");
	attr("boot", NULL);
	attr("bootorder", "floppy");
	refused("attr bootorder: boot order: 'floppy'");
	attr("bootorder", NULL);
	attr("kernel", "/k");
	assert_int_equal(start_options_add(&start, "order=d", NULL), 0);
	refused("order=: this zone's kernel is started directly");
}

static void
order(void **state)
{
	struct zdevice *d = &conf->device[0];

	indexes(false, "4213");
	attr("bootorder", "net,disk");
	indexes(false, "1320");
	attr("bootorder", NULL);
	attr("boot", "order=dc");
	indexes(false, "0321");
	attr("boot", "order=cn,once=d");
	indexes(false, "0001");
	indexes(true, "3210");
	/* What one start asks for replaces it, for all of that start or until the guest's reset. */
	assert_int_equal(start_options_add(&start, "order=n", NULL), 0);
	indexes(false, "1000");
	indexes(true, "1000");
	start = (struct start_options){ .ndrive = 0 };
	assert_int_equal(start_options_add(&start, "order=once=cdrom,net", NULL), 0);
	indexes(false, "2001");
	indexes(true, "3210");
	start = (struct start_options){ .ndrive = 0 };
	attr("boot", NULL);
	/* A cdrom that is the boot disk. */
	(void)zprop_set(&conf->device[2].prop, &conf->device[2].nprop, "boot", NULL);
	(void)zprop_set(&d->prop, &d->nprop, "boot", "true");
	indexes(false, "4231");
}

/* A BIOS boots from the primary nic by a ROM, which is there only where net was asked for. */
static void
netboot(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	attr("bootrom", "bios");
	assert_null(strstr(line(false), "rom=fd:"));
	attr("bootorder", "disk,cdrom");
	assert_null(strstr(line(false), "rom=fd:"));
	assert_int_equal(start_options_add(&start, "order=d,once=n", NULL), 0);
	has(line(false), "vhost-user-net,fd:9,mac=02:08:20:00:00:01,rom=fd:10,bootindex=1 ");
	has(line(true),
	    "vhost-user-net,fd:9,mac=02:08:20:00:00:01,rom=fd:10 "); /* the same descriptors */
	assert_int_equal(brand_plan_start(conf, NULL, &start, false, 3, &p, &e), 0);
	assert_int_equal(p->fd[7].kind, BRAND_FD_NIC_ROM);
	assert_string_equal(p->nic_rom, "/usr/lib/ipxe/qemu/pxe-virtio.rom");
	brand_plan_free(p);
	attr("bootrom", "uefi");
	assert_null(strstr(line(false), "rom=fd:"));
}

static void
once(void **state)
{
	struct brand_plan *p, *again;
	struct err e = { 0 };

	assert_int_equal(brand_plan_start(conf, NULL, &start, false, 3, &p, &e), 0);
	assert_false(p->once);
	brand_plan_free(p);
	assert_int_equal(start_options_add(&start, "order=c,once=d", NULL), 0);
	assert_int_equal(brand_plan_start(conf, NULL, &start, false, 3, &p, &e), 0);
	assert_int_equal(brand_plan_start(conf, NULL, &start, true, 3, &again, &e), 0);
	assert_true(p->once);
	assert_int_equal(p->nfd, again->nfd);
	assert_memory_equal(p->fd, again->fd, p->nfd * sizeof(p->fd[0]));
	brand_plan_free(p);
	brand_plan_free(again);
}

static void
drives(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	assert_int_equal(start_options_add(&start, "cdrom=/new.iso,ide", NULL), 0);
	assert_int_equal(start_options_add(&start, "disk=/new.raw,virtio", NULL), 0);
	assert_int_equal(start_options_add(&start, "order=dc", NULL), 0);
	has(line(false), "-s 3:0,ahci-cd,fd:7,bootindex=2 ");
	has(line(false), "-s 3:1,ahci-cd,fd:10,bootindex=1 ");
	has(line(false), "-s 5:0,nvme,fd:8,bootindex=4 ");
	has(line(false), "-s 4:0,vhost-user-blk,fd:9,bootindex=3 ");
	has(line(false), "-s 5:1,vhost-user-blk,fd:11,bootindex=5 ");
	assert_int_equal(brand_plan_start(conf, NULL, &start, false, 3, &p, &e), 0);
	assert_int_equal(p->ndisk, 5);
	assert_string_equal(p->disk[3].path, "/new.iso");
	assert_true(p->disk[3].readonly);
	assert_string_equal(p->disk[4].path, "/new.raw");
	assert_false(p->disk[4].readonly);
	brand_plan_free(p);
	/* They are no devices of the ROM alone. */
	start.order.n = 0;
	attr("kernel", "/k");
	has(line(false), "-s 3:1,ahci-cd,fd:9 ");
}

static void
models(void **state)
{
	struct zdevice *d = &conf->device[1];

	(void)zprop_set(&d->prop, &d->nprop, "model", "ahci");
	(void)zprop_set(&d->prop, &d->nprop, "serial", "S1");
	(void)zprop_set(&d->prop, &d->nprop, "notrim", "true"); /* virtio's alone, as the next */
	(void)zprop_set(&d->prop, &d->nprop, "guest-block-size", "4096");
	has(line(false), "-s 5:0,ahci-hd,fd:8,ser=S1,bootindex=2 ");
	d = &conf->device[0];
	(void)zprop_set(&d->prop, &d->nprop, "model", "nvme");
	refused("device /cd.iso: unknown model 'nvme' (there are: virtio, ahci)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(roms, setup, teardown),
		cmocka_unit_test_setup_teardown(contradictions, setup, teardown),
		cmocka_unit_test_setup_teardown(order, setup, teardown),
		cmocka_unit_test_setup_teardown(netboot, setup, teardown),
		cmocka_unit_test_setup_teardown(once, setup, teardown),
		cmocka_unit_test_setup_teardown(drives, setup, teardown),
		cmocka_unit_test_setup_teardown(models, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
