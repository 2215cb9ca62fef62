/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of the bhyve brand that attributes ask for: what zhyve is told, and every fault in them. */
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

static struct image image = { .kernel = "/zones/images/i.kernel" };

static int
setup(void **state)
{
	zone_setup();
	attr("ram", "512");
	return (0);
}

static struct brand_plan *
plan(void)
{
	struct brand_plan *p = NULL;
	struct err e = { 0 };

	if (brand_plan_make(conf, &image, 3, &p, &e) != 0)
		fail_msg("%s", e.text);
	return (p);
}

static void
refused(const char *why)
{
	struct brand_plan *p;
	struct err e = { 0 };

	assert_int_equal(brand_plan_make(conf, &image, 3, &p, &e), -EINVAL);
	if (strstr(e.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, why);
}

/* The argument that begins with `start`; NULL when there is none. */
static const char *
argument(const struct brand_plan *p, const char *start)
{
	for (size_t i = 0; i < p->argc; i++) {
		if (strncmp(p->argv[i], start, strlen(start)) == 0)
			return (p->argv[i]);
	}
	return (NULL);
}

/* What the descriptor with this number is. */
static struct brand_fd
behind(const struct brand_plan *p, int fd)
{
	assert_true(fd >= p->first_fd && (size_t)(fd - p->first_fd) < p->nfd);
	return (p->fd[fd - p->first_fd]);
}

static void
none(void **state)
{
	struct brand_plan *p = plan();

	assert_null(argument(p, "tpm,"));
	for (unsigned f = 3; f < 8; f++) {
		char slot[8];

		(void)snprintf(slot, sizeof(slot), "7:%u,", f);
		assert_null(argument(p, slot));
	}
	assert_false(p->tpm);
	assert_false(p->balloon);
	assert_int_equal(p->nsocket, 0);
	brand_plan_free(p);
}

static void
tpm(void **state)
{
	struct brand_plan *p;
	char text[ERR_TEXT_MAX];
	int fd;

	attr("tpm", "true");
	p = plan();
	assert_true(p->tpm);
	assert_int_equal(sscanf(argument(p, "tpm,"), "tpm,swtpm,fd:%d", &fd), 1);
	assert_int_equal(behind(p, fd).kind, BRAND_FD_TPM);
	(void)snprintf(text, sizeof(text), "TPM: fd:%d: refused", fd);
	char said[ERR_TEXT_MAX];
	brand_name_fds(p, text, said, sizeof(said));
	assert_string_equal(said, "TPM: swtpm: refused");
	brand_plan_free(p);
	attr("tpm", "false");
	p = plan();
	assert_null(argument(p, "tpm,"));
	brand_plan_free(p);
	attr("tpm", "2.0");
	refused("attr tpm: '2.0' is neither true nor false");
}

static void
ports(void **state)
{
	struct brand_plan *p;
	int a, b;

	attr("virtio-ports", "org.qemu.guest_agent.0,second");
	p = plan();
	assert_int_equal(
	    sscanf(argument(p, "7:3,"),
		"7:3,virtio-console,port.0.name=org.qemu.guest_agent.0,port.0.path=fd:%d,"
		"port.1.name=second,port.1.path=fd:%d",
		&a, &b),
	    2);
	assert_int_equal(behind(p, a).kind, BRAND_FD_SOCKET);
	assert_string_equal(p->socket[behind(p, a).index].file, "port.org.qemu.guest_agent.0");
	assert_string_equal(p->socket[behind(p, b).index].file, "port.second");
	brand_plan_free(p);
	attr("virtio-ports", "a,b/c");
	refused("attr virtio-ports: 'b/c' is not a name");
	attr("virtio-ports", "..");
	refused("attr virtio-ports: '..' is not a name");
	attr("virtio-ports", "a-name-that-is-longer-than-32-characters");
	refused("is not a name");
	attr("virtio-ports", "a,b,a");
	refused("attr virtio-ports: 'a' is there twice");
	attr("virtio-ports", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q");
	refused("attr virtio-ports: more than 16 ports");
	attr("virtio-ports", ",");
	p = plan();
	assert_null(argument(p, "7:3,"));
	brand_plan_free(p);
}

static void
balloon(void **state)
{
	static const char *const bad[] = { "0", "513", "-1", "all" };
	struct brand_plan *p;

	attr("balloon", "true");
	p = plan();
	assert_true(p->balloon);
	assert_string_equal(argument(p, "7:4,"), "7:4,virtio-balloon");
	brand_plan_free(p);
	attr("balloon-target", "512");
	p = plan();
	assert_string_equal(argument(p, "7:4,"), "7:4,virtio-balloon,target=512M");
	brand_plan_free(p);
	for (size_t i = 0; i < NITEMS(bad); i++) {
		attr("balloon-target", bad[i]);
		refused("MiB between 1 and the guest's ram (512)");
	}
	attr("balloon", NULL);
	refused("attr balloon-target: there is no balloon");
	attr("balloon-target", NULL);
	attr("balloon", "yes please");
	refused("attr balloon: 'yes please' is neither true nor false");
}

static void
vsock(void **state)
{
	static const char *const bad[] = { "2", "4294967295", "x", "" };
	struct brand_plan *p;
	int a, b, c;

	attr("vsock-cid", "77");
	attr("vsock-ports", "1024,22");
	p = plan();
	assert_int_equal(
	    sscanf(argument(p, "7:5,"),
		"7:5,virtio-vsock,cid=77,path=fd:%d,port.1024=fd:%d,port.22=fd:%d", &a, &b, &c),
	    3);
	assert_string_equal(p->socket[behind(p, a).index].file, "vsock");
	assert_string_equal(p->socket[behind(p, b).index].file, "vsock.1024");
	assert_string_equal(p->socket[behind(p, c).index].file, "vsock.22");
	brand_plan_free(p);
	attr("vsock-ports", "22,0x16");
	refused("attr vsock-ports: '0x16' is not a number");
	attr("vsock-ports", "22,4294967295");
	refused("attr vsock-ports: '4294967295' is not a number between 0 and 4294967294");
	attr("vsock-ports", "22,23,22");
	refused("attr vsock-ports: 22 is there twice");
	attr("vsock-ports", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17");
	refused("attr vsock-ports: more than 16 ports");
	attr("vsock-ports", NULL);
	for (size_t i = 0; i < NITEMS(bad); i++) {
		attr("vsock-cid", bad[i]);
		refused("attr vsock-cid: ");
	}
	attr("vsock-cid", NULL);
	attr("vsock-ports", "22");
	refused("attr vsock-ports: there is no vsock");
}

static void
keyboard(void **state)
{
	struct brand_plan *p;

	attr("vnc-port", "0");
	attr("usb-keyboard", "true");
	p = plan();
	assert_string_equal(argument(p, "30:1,"), "30:1,xhci,tablet,keyboard");
	brand_plan_free(p);
	attr("usb-keyboard", "us");
	refused("attr usb-keyboard: 'us' is neither true nor false");
}

/* A disk may not stand where one of them does. */
static void
slots(void **state)
{
	struct zdevice *d = zconf_device_add(conf);

	d->match = strdup("/zones/web1/disk0.raw");
	(void)zprop_set(&d->prop, &d->nprop, "model", "virtio");
	(void)zprop_set(&d->prop, &d->nprop, "pci-slot", "7:4");
	brand_plan_free(plan());
	attr("balloon", "true");
	refused("pci slot 7:4 is used twice");
}

/* All of them at their most: they have room. */
static void
all(void **state)
{
	struct brand_plan *p;

	attr("tpm", "true");
	attr("balloon", "true");
	attr("vnc-port", "-1");
	attr("virtio-ports", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,a-name-of-exactly-32-characters.");
	attr("vsock-cid", "4294967294");
	attr("vsock-ports", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,4294967294");
	p = plan();
	assert_int_equal(p->nsocket, 33);
	assert_string_equal(p->socket[15].file, "port.a-name-of-exactly-32-characters.");
	assert_string_equal(p->socket[32].file, "vsock.4294967294");
	brand_plan_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none, setup, teardown),
		cmocka_unit_test_setup_teardown(tpm, setup, teardown),
		cmocka_unit_test_setup_teardown(ports, setup, teardown),
		cmocka_unit_test_setup_teardown(balloon, setup, teardown),
		cmocka_unit_test_setup_teardown(vsock, setup, teardown),
		cmocka_unit_test_setup_teardown(keyboard, setup, teardown),
		cmocka_unit_test_setup_teardown(slots, setup, teardown),
		cmocka_unit_test_setup_teardown(all, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
