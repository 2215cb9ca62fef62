/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a zone's machine starts: a kernel that is loaded directly, or a boot ROM, which tries the
 * devices in an order. See brand_internal.h. Pure; runs in zoneadmd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "zone/bootrom.h"
#include "zone/brand_internal.h"

#define CMDLINE_DEFAULT "console=ttyS0"

static void
copy_path(struct maker *m, char out[PATH_MAX], const char *what, const char *path)
{
	if (path[0] != '/')
		brand_fail(m, EINVAL, "%s '%s' is not an absolute path", what, path);
	else if ((size_t)snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX)
		brand_fail(m, ENAMETOOLONG, "the path of %s is too long", what);
}

/* ---- a kernel ---- */

/* What is started: the zone's own attributes win over the image of the boot disk. */
static void
add_kernel(struct maker *m, const struct image *image)
{
	const char *kernel = zconf_attr(m->c, "kernel");
	const char *initrd = zconf_attr(m->c, "initrd");
	const char *cmdline = zconf_attr(m->c, "bootargs");
	int kernel_fd;

	if (kernel == NULL) {
		kernel = image->kernel;
		if (initrd == NULL && image->initrd[0] != '\0')
			initrd = image->initrd;
		if (cmdline == NULL && image->cmdline[0] != '\0')
			cmdline = image->cmdline;
	}
	copy_path(m, m->p->kernel, "kernel", kernel);
	kernel_fd = brand_want_fd(m, BRAND_FD_KERNEL, 0);
	brand_arg(m, "-l");
	if (initrd != NULL) {
		copy_path(m, m->p->initrd, "initrd", initrd);
		brand_arg(m, "kernel,fd:%d,initrd=fd:%d", kernel_fd,
		    brand_want_fd(m, BRAND_FD_INITRD, 0));
	} else {
		brand_arg(m, "kernel,fd:%d", kernel_fd);
	}
	brand_arg(m, "-o");
	brand_arg(m, "boot.cmdline=%s", cmdline != NULL ? cmdline : CMDLINE_DEFAULT);
}

/* ---- a boot ROM ---- */

static void
add_rom(struct maker *m, const char *name)
{
	struct brand_plan *p = m->p;
	int rom;

	if (m->rc == 0)
		m->rc = bootrom_get(name, &p->rom, m->e);
	rom = brand_want_fd(m, BRAND_FD_BOOTROM, 0);
	brand_arg(m, "-l");
	if (p->rom.vars[0] != '\0')
		brand_arg(m, "bootrom,fd:%d,fd:%d", rom, brand_want_fd(m, BRAND_FD_BOOTVARS, 0));
	else
		brand_arg(m, "bootrom,fd:%d", rom);
}

/* The configured order: attr boot, as vmadm has it ("order=cd,once=d"), or bootorder. */
static void
configured_order(struct maker *m, struct boot_order *order, struct boot_order *once)
{
	const char *boot = zconf_attr(m->c, "boot"), *bootorder = zconf_attr(m->c, "bootorder");
	const char *text = boot != NULL ? boot : bootorder;

	*order = *once = (struct boot_order){ .n = 0 };
	if (boot != NULL && bootorder != NULL)
		brand_fail(m, EINVAL, "attrs boot and bootorder say the same thing: clear one");
	else if (text != NULL && m->rc == 0 &&
	    (m->rc = boot_order_parse(
		 strncmp(text, "order=", 6) == 0 ? text + 6 : text, order, once, m->e)) != 0)
		(void)err_ctx(m->e, "attr %s", boot != NULL ? "boot" : "bootorder");
}

static bool
names_net(const struct boot_order *order)
{
	for (size_t i = 0; i < order->n; i++) {
		if (order->class[i] == BOOT_NET)
			return (true);
	}
	return (false);
}

static void
choose_order(struct maker *m, bool again)
{
	static const struct boot_order disk_first = { 3, { BOOT_DISK, BOOT_CDROM, BOOT_NET } };
	static const struct boot_order cdrom_first = { 3, { BOOT_CDROM, BOOT_DISK, BOOT_NET } };
	struct boot_order order, once, usual = disk_first;

	configured_order(m, &order, &once);
	if (m->start != NULL && (m->start->order.n != 0 || m->start->once.n != 0)) {
		once = m->start->once;
		if (m->start->order.n != 0)
			order = m->start->order;
	}
	if (brand_boots_cdrom(m->c))
		usual = cdrom_first;
	m->p->once = once.n != 0;
	m->netboot = names_net(&order) || names_net(&once);
	m->order = !again && once.n != 0 ? once : order.n != 0 ? order : usual;
}

const char *
brand_bootindex(const struct maker *m, enum boot_class class, size_t seq, char buf[24])
{
	size_t before = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < m->order.n; i++) {
		if (m->order.class[i] == class) {
			(void)snprintf(buf, 24, ",bootindex=%zu", before + seq + 1);
			break;
		}
		before += m->order.class[i] == BOOT_NET
		    ? m->c->nnet
		    : brand_count_disks(m, m->order.class[i] == BOOT_CDROM);
	}
	return (buf);
}

/* ---- which of the two ---- */

void
brand_add_boot(struct maker *m, const struct image *image, bool again)
{
	const char *rom = zconf_attr(m->c, "bootrom");
	bool kernel = zconf_attr(m->c, "kernel") != NULL, own = rom != NULL;

	if (!kernel && !own && image != NULL && image->bootrom[0] != '\0')
		rom = image->bootrom;
	if (kernel && own) {
		brand_fail(m, EINVAL,
		    "attrs kernel and bootrom exclude each other: clear kernel to start the ROM, "
		    "bootrom to start the kernel");
	} else if (kernel || (rom == NULL && image != NULL && image->kernel[0] != '\0')) {
		if (m->start != NULL && (m->start->order.n != 0 || m->start->once.n != 0))
			brand_fail(m, EINVAL,
			    "order=: this zone's kernel is started directly; set bootrom to uefi "
			    "or bios to boot from its devices");
		add_kernel(m, image);
	} else if (zconf_attr(m->c, "initrd") != NULL || zconf_attr(m->c, "bootargs") != NULL) {
		brand_fail(m, EINVAL,
		    "attrs initrd and bootargs are for a kernel that is started directly, but "
		    "there is %s: clear them, or %s",
		    own ? "a bootrom" : "none", own ? "clear bootrom" : "set kernel");
	} else {
		choose_order(m, again);
		add_rom(m, rom != NULL ? rom : BOOTROM_DEFAULT);
	}
}
