/* SPDX-License-Identifier: BSD-2-Clause */
/* The bhyve brand: configurations to command lines, and every fault the brand has to find. */
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

#include "base/checked.h"
#include "zone/brand.h"

#include "brand_zone.h"

static struct image image;

static int
setup(void **state)
{
	zone_setup();
	attr("ram", "1024");
	attr("vcpus", "2");
	image = (struct image){ .kernel = "/zones/images/i.kernel",
		.initrd = "/zones/images/i.initrd",
		.cmdline = "root=/dev/vda1" };
	return (0);
}

static struct zdevice *
disk(const char *path, const char *slot, bool boot)
{
	struct zdevice *d = zconf_device_add(conf);

	d->match = strdup(path);
	(void)zprop_set(&d->prop, &d->nprop, "model", "virtio");
	if (slot != NULL)
		(void)zprop_set(&d->prop, &d->nprop, "pci-slot", slot);
	if (boot)
		(void)zprop_set(&d->prop, &d->nprop, "boot", "true");
	return (d);
}

static struct znet *
net(const char *mac, bool primary)
{
	struct znet *n = zconf_net_add(conf);

	n->physical = strdup("net0");
	n->global_nic = strdup("admin");
	n->mac_addr = strdup(mac);
	if (primary)
		(void)zprop_set(&n->prop, &n->nprop, "primary", "true");
	return (n);
}

/* All arguments in one line. */
static const char *
line(const struct brand_plan *p)
{
	static char text[4096];

	text[0] = '\0';
	for (size_t i = 0; i < p->argc; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, p->argv[i]);
	}
	assert_null(p->argv[p->argc]);
	return (text);
}

static void
refused(const char *why)
{
	struct brand_plan *p;
	struct err e = { 0 };
	int rc = brand_plan_make(conf, &image, 3, &p, &e);

	assert_true(rc < 0);
	if (strstr(e.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, why);
}

static void
display(void **state)
{
	static const char *const bad[] = { "", "-2", "65536", "5900x" };
	struct brand_plan *p;
	struct err e = { 0 };

	(void)disk("/zones/web1/disk0.raw", "0:4:0", true);
	(void)zconf_attr_set(conf, "vnc-port", ZATTR_STRING, "5901");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_true(p->display);
	assert_int_equal(p->vnc_port, 5901);
	assert_non_null(strstr(line(p),
	    " -s 30:0,fbuf,vga=off,mem=fd:8,events=fd:9,rom=fd:10 -s 30:1,xhci,tablet -o kvm="));
	assert_int_equal(p->fd[5].kind, BRAND_FD_FRAMEBUFFER);
	assert_int_equal(p->fd[6].kind, BRAND_FD_DISPLAY);
	assert_int_equal(p->fd[7].kind, BRAND_FD_VGA_ROM);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "vnc-port", ZATTR_STRING, "-1");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_false(p->display);
	assert_null(strstr(line(p), "fbuf"));
	brand_plan_free(p);
	for (size_t i = 0; i < NITEMS(bad); i++) {
		(void)zconf_attr_set(conf, "vnc-port", ZATTR_STRING, bad[i]);
		assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), -EINVAL);
		assert_non_null(strstr(e.text, "attr vnc-port: "));
	}
}

static void
whole_line(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };
	static const enum brand_fd_kind kinds[] = { BRAND_FD_COM1, BRAND_FD_COM2, BRAND_FD_KERNEL,
		BRAND_FD_INITRD, BRAND_FD_DISK, BRAND_FD_DISK, BRAND_FD_TAP, BRAND_FD_TAP,
		BRAND_FD_KVM, BRAND_FD_WIRE };

	(void)disk("/zones/web1/disk1.raw", NULL, false);
	(void)disk("/zones/web1/disk0.raw", "0:4:0", true);
	(void)net("2:8:20:aa:bb:c", false);
	struct znet *second = net("02:08:20:00:00:02", true);
	(void)zprop_set(&second->prop, &second->nprop, "mtu", "9000");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_string_equal(line(p),
	    "zhyve -H -U c8b7b6a4-9d3e-4a53-9f6c-3a1f0f2d4e11 -B "
	    "1,manufacturer=Joyent,product=SmartDC HVM,version=7." ZHYVE_VERSION
	    ",serial=web1,sku=001,family=Virtual Machine -s 31,lpc -l com1,fd:3 -l com2,fd:4 -l "
	    "kernel,fd:5,initrd=fd:6"
	    " -o boot.cmdline=root=/dev/vda1 -s 0,hostbridge,model=i440fx -c 2 -m 1024M -s "
	    "5:0,vhost-user-blk,fd:7"
	    " -s 4:0,vhost-user-blk,fd:8 -s "
	    "6:0,vhost-user-net,fd:9,mac=02:08:20:00:00:02,mtu=9000"
	    " -s 6:1,vhost-user-net,fd:10,mac=02:08:20:aa:bb:0c -s 7,virtio-rnd "
	    "-s 7:1,pvpanic,action=stop -o kvm=fd:11 -o "
	    "wire=fd:12 SYSbhyve-7");
	assert_int_equal(p->nfd, NITEMS(kinds));
	for (size_t i = 0; i < NITEMS(kinds); i++)
		assert_int_equal(p->fd[i].kind, kinds[i]);
	assert_int_equal(p->fd[5].index, 1);
	assert_int_equal(p->ram, 1024 * MIB);
	assert_string_equal(p->disk[0].path, "/zones/web1/disk1.raw");
	assert_string_equal(p->nic[0].ifname, "z7n1"); /* by its place in the configuration */
	assert_int_equal(p->nic[0].mtu, 9000);
	assert_string_equal(p->nic[1].ifname, "z7n0");
	brand_plan_free(p);
}

static void
kernel_sources(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	/* The zone's own attributes win. */
	(void)zconf_attr_set(conf, "kernel", ZATTR_STRING, "/boot/vmlinuz");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_string_equal(p->kernel, "/boot/vmlinuz");
	assert_string_equal(p->initrd, "");
	assert_non_null(strstr(line(p), "-l kernel,fd:5 -o boot.cmdline=console=ttyS0 "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "bootargs", ZATTR_STRING, "quiet a=b,c");
	assert_int_equal(brand_plan_make(conf, NULL, 3, &p, &e), 0);
	assert_non_null(strstr(line(p), "-o boot.cmdline=quiet a=b,c "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "kernel", ZATTR_STRING, "vmlinuz");
	refused("is not an absolute path");
	(void)zconf_attr_set(conf, "kernel", ZATTR_STRING, NULL);
	image.kernel[0] = '\0';
	refused("there is none: clear them, or set kernel"); /* bootargs is still set */
}

static void
disks(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };
	struct zdevice *d = disk("/cd.iso", NULL, false);

	(void)zprop_set(&d->prop, &d->nprop, "media", "cdrom");
	(void)disk("/a", NULL, false); /* the first that is no cdrom boots */
	(void)disk("/b", "5:1", false);
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_non_null(strstr(line(p),
	    "-s 3:0,virtio-blk,fd:7,ro -s 4:0,vhost-user-blk,fd:8 -s 5:1,vhost-user-blk,fd:9 "));
	assert_false(p->disk[0].process); /* a cdrom is not one */
	assert_true(p->disk[1].process);
	brand_plan_free(p);
	d = &conf->device[2];
	(void)zprop_set(&d->prop, &d->nprop, "notrim", "true");
	(void)zprop_set(&d->prop, &d->nprop, "guest-block-size", "4096");
	(void)zprop_set(&d->prop, &d->nprop, "serial", "S1");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "guest-block-size", "0");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_non_null(strstr(line(p), "-s 5:1,vhost-user-blk,fd:9 "));
	assert_string_equal(p->disk[2].options, ",nodelete,sectorsize=4096,serial=S1");
	assert_string_equal(p->disk[0].options, ",ro");
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "disk-process", ZATTR_BOOLEAN, "false");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_non_null(strstr(line(p),
	    "-s 4:0,virtio-blk,fd:8 -s 5:1,virtio-blk,fd:9,nodelete,sectorsize=4096,serial=S1 "));
	assert_false(p->disk[1].process);
	brand_plan_free(p);
	(void)zprop_set(&d->prop, &d->nprop, "guest-block-size", "4096,ro");
	refused("malformed guest-block-size");
	(void)zprop_set(&conf->device[2].prop, &conf->device[2].nprop, "image-uuid", "X");
	assert_null(brand_boot_image(conf));
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "image-uuid", "Y");
	assert_string_equal(brand_boot_image(conf), "Y");
	/* A cdrom that boots is not what its system is on. */
	assert_ptr_equal(brand_system_disk(conf), &conf->device[1]);
	(void)zprop_set(&conf->device[0].prop, &conf->device[0].nprop, "boot", "true");
	assert_ptr_equal(brand_boot_disk(conf), &conf->device[0]);
	assert_ptr_equal(brand_system_disk(conf), &conf->device[1]);
}

static void
disk_faults(void **state)
{
	struct zdevice *d = disk("/a", "0:4:0", true);

	(void)disk("/b", "4", false);
	refused("used twice");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "pci-slot", "4:0:0:0");
	refused("malformed pci-slot");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "pci-slot", "32:0");
	refused("malformed pci-slot");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "pci-slot", "1:4:0");
	refused("bus 0 only");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "pci-slot", "31:0");
	refused("used twice");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "pci-slot", NULL);
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "boot", "true");
	refused("more than one boot disk");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "boot", NULL);
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "serial", "a,ro");
	refused("comma");
	(void)zprop_set(&conf->device[1].prop, &conf->device[1].nprop, "serial", NULL);
	d = &conf->device[0];
	(void)zprop_set(&d->prop, &d->nprop, "model", "ide");
	refused("unknown model 'ide'");
	(void)zprop_set(&d->prop, &d->nprop, "model", NULL);
	refused("no model");
}

static void
net_faults(void **state)
{
	struct znet *n = net("02:08:20:00:00:01", false);

	refused("no primary net has been specified");
	(void)zprop_set(&n->prop, &n->nprop, "primary", "true");
	(void)net("02:08:20:00:00:02", true);
	refused("two primary nets");
	zconf_net_remove(conf, 1);
	n = &conf->net[0];
	free(n->mac_addr);
	n->mac_addr = strdup("03:00:00:00:00:01");
	refused("multicast");
	free(n->mac_addr);
	n->mac_addr = strdup("zz");
	refused("no valid mac-addr");
	free(n->mac_addr);
	n->mac_addr = strdup("02:00:00:00:00:01");
	(void)zprop_set(&n->prop, &n->nprop, "mtu", "70000");
	refused("mtu '70000'");
	(void)zprop_set(&n->prop, &n->nprop, "mtu", NULL);
	(void)zprop_set(&n->prop, &n->nprop, "model", "rtl8139");
	refused("unknown model 'rtl8139' (there are: virtio, e1000)");
	free(n->global_nic);
	n->global_nic = NULL;
	(void)zprop_set(&n->prop, &n->nprop, "model", "virtio");
	refused("no nic tag");
}

static void
board(void **state)
{
	char text[PATH_MAX + 64] = "", out[PATH_MAX + 64];
	struct brand_plan *p;
	struct err e = { 0 };

	(void)zconf_attr_set(conf, "hostbridge", ZATTR_STRING, "none");
	(void)zconf_attr_set(conf, "bhyve-extra-opts", ZATTR_STRING, "  -w   -o a=b ");
	(void)zconf_attr_set(conf, "vhost-net", ZATTR_BOOLEAN, "true");
	(void)net("02:00:00:00:00:01", true);
	assert_int_equal(brand_plan_make(conf, &image, 10, &p, &e), 0);
	assert_null(strstr(line(p), "hostbridge"));
	assert_non_null(strstr(line(p), " -w -o a=b -o kvm="));
	assert_non_null(strstr(line(p), "fd:14,mac=02:00:00:00:00:01,vhost=fd:15"));
	assert_int_equal(p->fd[5].kind, BRAND_FD_VHOST);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "vhost-poll-us", ZATTR_UINT, "50");
	assert_int_equal(brand_plan_make(conf, &image, 10, &p, &e), 0);
	assert_non_null(strstr(line(p), "mac=02:00:00:00:00:01,vhost=fd:15,poll_us=50 "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "vhost-poll-us", ZATTR_UINT, "10001");
	refused("attr vhost-poll-us: '10001' is not a number of microseconds up to 10000");
	(void)zconf_attr_set(conf, "vhost-poll-us", ZATTR_UINT, "1");
	(void)zconf_attr_set(conf, "vhost-net", ZATTR_BOOLEAN, "false");
	refused("attr vhost-poll-us: it is for attr vhost-net");
	(void)zconf_attr_set(conf, "vhost-poll-us", ZATTR_UINT, "0");
	(void)zconf_attr_set(conf, "vhost-net", ZATTR_BOOLEAN, "true");
	/* Who moves the frames is one. */
	(void)zconf_attr_set(conf, "net-process", ZATTR_BOOLEAN, "true");
	refused("attrs vhost-net and net-process");
	(void)zconf_attr_set(conf, "vhost-net", ZATTR_BOOLEAN, "false");
	assert_int_equal(brand_plan_make(conf, &image, 10, &p, &e), 0);
	assert_non_null(strstr(line(p), "-s 6:0,vhost-user-net,fd:14,mac=02:00:00:00:00:01 -"));
	assert_true(p->nic_process[0]);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "net-process", ZATTR_BOOLEAN, "false");
	assert_int_equal(brand_plan_make(conf, &image, 10, &p, &e), 0);
	assert_non_null(strstr(line(p), "-s 6:0,virtio-net-viona,fd:14,mac=02:00:00:00:00:01 -"));
	assert_false(p->nic_process[0]);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "net-process", ZATTR_BOOLEAN, "true");
	/* Not an e1000's; and nobody tells it an MTU. */
	(void)zprop_set(&conf->net[0].prop, &conf->net[0].nprop, "model", "e1000");
	(void)zprop_set(&conf->net[0].prop, &conf->net[0].nprop, "mtu", "1400");
	assert_int_equal(brand_plan_make(conf, &image, 10, &p, &e), 0);
	assert_non_null(strstr(line(p), "-s 6:0,e1000,fd:14,mac=02:00:00:00:00:01 -"));
	assert_false(p->nic_process[0]);
	/* fd:10 and fd:11 are COM1 and COM2, which have no path; 99 and a huge number are none. */
	for (size_t i = 0; i < p->nfd; i++)
		if (p->fd[i].kind == BRAND_FD_KERNEL)
			(void)snprintf(text, sizeof(text),
			    "'fd:%zu', fd:99, fd:x, fd:99999999999999999999 end", 10 + i);
	brand_name_fds(p, text, out, sizeof(out));
	(void)snprintf(
	    text, sizeof(text), "'%s', fd:99, fd:x, fd:99999999999999999999 end", p->kernel);
	assert_string_equal(out, text);
	brand_name_fds(p, "0123456789", out, 8);
	assert_string_equal(out, "0123456");
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "vcpus", ZATTR_STRING, "sockets=2,cores=3");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_int_equal(p->vcpus, 6);
	assert_non_null(strstr(line(p), " -c sockets=2,cores=3 "));
	brand_plan_free(p);
	static const char *const bad[] = { "0", "", "2000", "two", "cores=", "cores=0", "dies=2",
		"cores=1024,threads=2", "=2", "2;3" };
	for (size_t i = 0; i < NITEMS(bad); i++) {
		(void)zconf_attr_set(conf, "vcpus", ZATTR_STRING, bad[i]);
		refused("attr vcpus");
	}
	(void)zconf_attr_set(conf, "vcpus", ZATTR_STRING, "1");
	(void)zconf_attr_set(conf, "ram", ZATTR_STRING, "1g");
	refused("attr ram");
	(void)zconf_attr_set(conf, "ram", ZATTR_STRING, "1024");
	free(conf->brand);
	conf->brand = strdup("lx");
	refused("brand 'lx'");
}

static void
guards(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	(void)zconf_attr_set(conf, "on-panic", ZATTR_STRING, "run");
	(void)zconf_attr_set(conf, "watchdog", ZATTR_STRING, "poweroff");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_non_null(
	    strstr(line(p), " -s 7:1,pvpanic,action=run -s 7:2,i6300esb,action=poweroff "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "on-panic", ZATTR_STRING, "none");
	(void)zconf_attr_set(conf, "watchdog", ZATTR_STRING, "none");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_null(strstr(line(p), "pvpanic"));
	assert_null(strstr(line(p), "i6300esb"));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "on-panic", ZATTR_STRING, "poweroff");
	refused("attr on-panic: 'poweroff' is none of stop, reset, run and none");
	(void)zconf_attr_set(conf, "on-panic", ZATTR_STRING, "stop");
	(void)zconf_attr_set(conf, "watchdog", ZATTR_STRING, "");
	refused("attr watchdog");
}

static void
huge_pages(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	(void)zconf_attr_set(conf, "hugepages", ZATTR_STRING, "2M");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_non_null(strstr(line(p), " -o memory.hugepages=2M "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "hugepages", ZATTR_STRING, "4K");
	refused("attr hugepages: '4K' is neither 2M nor 1G");
}

static void
core_scheduling(void **state)
{
	struct brand_plan *p;
	struct err e = { 0 };

	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_true(p->core_sched);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "core-scheduling", ZATTR_BOOLEAN, "false");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_false(p->core_sched);
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "core-scheduling", ZATTR_STRING, "maybe");
	refused("attr core-scheduling: 'maybe' is neither true nor false");
}

static void
pins(void **state)
{
	struct brand_plan *p;
	struct cpus own;
	struct err e = { 0 };

	(void)zconf_attr_set(conf, "vcpus", ZATTR_STRING, "3");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_int_equal(cpus_parse("2,4-5", &own), 0);
	assert_int_equal(brand_plan_pin(p, &own, &e), 0);
	assert_non_null(strstr(line(p), " -p 0:2 -p 1:4 -p 2:5 SYSbhyve-"));
	assert_null(p->argv[p->argc]);
	brand_plan_free(p);
	/* With fewer than that, the kernel moves them about on those. */
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_int_equal(cpus_parse("4-5", &own), 0);
	assert_int_equal(brand_plan_pin(p, &own, &e), 0);
	assert_null(strstr(line(p), " -p "));
	brand_plan_free(p);
	(void)zconf_attr_set(conf, "vcpus", ZATTR_STRING, "64");
	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), 0);
	assert_int_equal(cpus_parse("0-127", &own), 0);
	assert_int_equal(brand_plan_pin(p, &own, &e), 0);
	assert_string_equal(p->argv[p->argc - 2], "63:63");
	brand_plan_free(p);
}

static void
too_many(void **state)
{
	char opts[512] = "";

	for (int i = 0; i < 100; i++)
		strcat(opts, "-w ");
	(void)zconf_attr_set(conf, "bhyve-extra-opts", ZATTR_STRING, opts);
	refused("too many arguments");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(display, setup, teardown),
		cmocka_unit_test_setup_teardown(whole_line, setup, teardown),
		cmocka_unit_test_setup_teardown(kernel_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(disks, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(net_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(board, setup, teardown),
		cmocka_unit_test_setup_teardown(guards, setup, teardown),
		cmocka_unit_test_setup_teardown(huge_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(core_scheduling, setup, teardown),
		cmocka_unit_test_setup_teardown(pins, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
