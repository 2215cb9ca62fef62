/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bhyve brand: see brand.h. Order and names of the arguments are those of the brand's boot
 * program (zones.md 12). Pure; runs in zoneadmd.
 */
#include "zone/brand_internal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/protect_conf.h"

#define RAM_DEFAULT_MIB 256
#define RAM_MAX_MIB     (16ull * 1024 * 1024)
#define VCPUS_MAX       1024

void
brand_fail(struct maker *m, int errnum, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (m->rc != 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->rc = err_say(m->e, errnum, "%s", text);
}

void
brand_arg(struct maker *m, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	if (m->rc != 0)
		return;
	if (m->p->argc == BRAND_ARGV_MAX) {
		brand_fail(m, E2BIG, "too many arguments for zhyve (at most %d): remove devices",
		    BRAND_ARGV_MAX);
		return;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		brand_fail(m, ENOMEM, "no memory for zhyve's arguments");
	else
		m->p->argv[m->p->argc++] = text;
}

int
brand_want_fd(struct maker *m, enum brand_fd_kind kind, size_t index)
{
	struct brand_plan *p = m->p;

	if (p->nfd == NITEMS(p->fd)) {
		brand_fail(m, E2BIG, "too many devices");
		return (-1);
	}
	p->fd[p->nfd] = (struct brand_fd){ .kind = kind, .index = (unsigned)index };
	return (m->first_fd + (int)p->nfd++);
}

int
brand_ram(const struct zconf *c, uint64_t *ram, struct err *e)
{
	const char *text = zconf_attr(c, "ram");
	uint64_t mib = RAM_DEFAULT_MIB;

	if (text != NULL && (parse_u64(text, &mib) != 0 || mib == 0 || mib > RAM_MAX_MIB))
		return (err_say(e, EINVAL,
		    "attr ram: '%s' is not a number of MiB between 1 and %llu", text, RAM_MAX_MIB));
	*ram = mib * MIB;
	return (0);
}

bool
brand_attr_true(struct maker *m, const char *name, bool unset)
{
	const char *text = zconf_attr(m->c, name);
	bool b = unset;

	if (text != NULL && parse_bool(text, &b) != 0)
		brand_fail(m, EINVAL, "attr %s: '%s' is neither true nor false", name, text);
	return (b);
}

bool
brand_is_true(const struct zprop *p, size_t n, const char *name)
{
	const char *v = zprop_get(p, n, name);
	bool b;

	return (v != NULL && parse_bool(v, &b) == 0 && b);
}

bool
brand_has_comma(const char *s)
{
	return (strchr(s, ',') != NULL);
}

static void
add_identity(struct maker *m)
{
	if (brand_has_comma(m->c->name)) {
		brand_fail(m, EINVAL, "a comma in the zone's name");
		return;
	}
	brand_arg(m, "zhyve");
	brand_arg(m, "-H");
	brand_arg(m, "-U");
	brand_arg(m, "%s", m->c->uuid);
	brand_arg(m, "-B");
	brand_arg(m,
	    "1,manufacturer=Joyent,product=SmartDC HVM,version=7." ZHYVE_VERSION
	    ",serial=%s,sku=001,family=Virtual Machine",
	    m->c->name);
	brand_arg(m, "-s");
	brand_arg(m, "31,lpc");
}

static void
add_lpc(struct maker *m)
{
	brand_arg(m, "-l");
	brand_arg(m, "com1,fd:%d", brand_want_fd(m, BRAND_FD_COM1, 0));
	brand_arg(m, "-l");
	brand_arg(m, "com2,fd:%d", brand_want_fd(m, BRAND_FD_COM2, 0));
}

/*
 * -c of bhyve: N, or [cpus=]N,sockets=N,cores=N,threads=N in any order; without cpus it is the
 * product. False when it is neither. zhyve checks the topology; here the number counts.
 */
static bool
vcpus_parse(const char *text, uint32_t *out)
{
	static const char *const keys[] = { "sockets", "cores", "threads" };
	uint32_t cpus = 0, product = 1, v;
	char copy[128], *save = NULL;

	if (strlen(text) >= sizeof(copy))
		return (false);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(w, '=');
		bool known = eq == NULL || strncmp(w, "cpus=", 5) == 0;

		if (parse_u32(eq != NULL ? eq + 1 : w, 1, VCPUS_MAX, &v) != 0)
			return (false);
		if (known)
			cpus = v;
		for (size_t i = 0; i < NITEMS(keys) && !known; i++) {
			known = (size_t)(eq - w) == strlen(keys[i]) &&
			    strncmp(w, keys[i], strlen(keys[i])) == 0;
			if (known && !mul_ok(product, v, &product))
				return (false);
		}
		if (!known)
			return (false);
	}
	*out = cpus != 0 ? cpus : product;
	return (text[0] != '\0' && *out <= VCPUS_MAX);
}

static void
add_board(struct maker *m)
{
	const char *bridge = zconf_attr(m->c, "hostbridge");
	const char *vcpus = zconf_attr(m->c, "vcpus");
	const char *huge = zconf_attr(m->c, "hugepages");

	if (bridge == NULL || strcmp(bridge, "none") != 0) {
		brand_arg(m, "-s");
		if (bridge == NULL)
			brand_arg(m, "0,hostbridge,model=i440fx");
		else if (strchr(bridge, '=') != NULL)
			brand_arg(m, "0,hostbridge,%s", bridge);
		else
			brand_arg(m, "0,hostbridge,model=%s", bridge);
	}
	m->p->vcpus = 1;
	if (vcpus != NULL && !vcpus_parse(vcpus, &m->p->vcpus))
		brand_fail(m, EINVAL,
		    "attr vcpus: '%s' is neither a number between 1 and %d nor a topology "
		    "(sockets=1,cores=2)",
		    vcpus, VCPUS_MAX);
	brand_arg(m, "-c");
	brand_arg(m, "%s", vcpus != NULL ? vcpus : "1");
	if (m->rc == 0)
		m->rc = brand_ram(m->c, &m->p->ram, m->e);
	brand_arg(m, "-m");
	brand_arg(m, "%lluM", (unsigned long long)(m->p->ram / MIB));
	m->p->core_sched = brand_attr_true(m, "core-scheduling", true);
	if (huge == NULL)
		return;
	if (strcmp(huge, "2M") != 0 && strcmp(huge, "1G") != 0)
		brand_fail(m, EINVAL, "attr hugepages: '%s' is neither 2M nor 1G", huge);
	brand_arg(m, "-o");
	brand_arg(m, "memory.hugepages=%s", huge);
}

/* The vnic of a net resource; checked here so that nothing is made for a net that cannot work. */
static void
make_nic(struct maker *m, const struct znet *net, size_t index, struct vnic_spec *v)
{
	const char *who = net->physical != NULL ? net->physical : "net";
	const char *mtu = zprop_get(net->prop, net->nprop, "mtu");
	uint32_t value = 0, vlan = 0;

	*v = (struct vnic_spec){ 0 };
	if (net->global_nic == NULL || strlen(net->global_nic) >= sizeof(v->tag))
		brand_fail(
		    m, EINVAL, "net %s: no nic tag (global-nic), or its name is too long", who);
	else if (net->mac_addr == NULL || parse_mac(net->mac_addr, v->mac) != 0)
		brand_fail(m, EINVAL, "net %s: no valid mac-addr", who);
	else if ((v->mac[0] & 1) != 0)
		brand_fail(
		    m, EINVAL, "net %s: mac-addr %s is a multicast address", who, net->mac_addr);
	else if (mtu != NULL && parse_u32(mtu, 576, 9216, &value) != 0)
		brand_fail(
		    m, EINVAL, "net %s: mtu '%s' is not a number between 576 and 9216", who, mtu);
	else if (net->vlan_id != NULL && parse_u32(net->vlan_id, 0, 4094, &vlan) != 0)
		brand_fail(m, EINVAL, "net %s: vlan-id '%s' is not a number between 0 and 4094",
		    who, net->vlan_id);
	if (m->rc == 0 &&
	    ((m->rc = protect_conf(net, &v->protect, m->e)) != 0 ||
		(m->rc = protect_conf_isolated(net, &v->isolated, m->e)) != 0 ||
		(m->rc = protect_conf_down(net, &v->down, m->e)) != 0))
		(void)err_ctx(m->e, "net %s", who);
	if (m->rc != 0)
		return;
	v->mtu = (uint16_t)value;
	v->vlan = (uint16_t)vlan;
	(void)snprintf(v->tag, sizeof(v->tag), "%s", net->global_nic);
	if ((size_t)snprintf(v->ifname, sizeof(v->ifname), "z%un%zu", m->c->did, index) >=
	    sizeof(v->ifname))
		brand_fail(m, EINVAL, "net %s: no name for its interface", who);
}

/* zhyve's emulation of a nic; e1000 is for guests without virtio drivers. */
static const char *
nic_emulation(const char *model)
{
	static const char *const names[] = { "virtio", "virtio-net-viona", "viona" };

	if (model != NULL && strcmp(model, "e1000") == 0)
		return ("e1000");
	for (size_t i = 0; i < NITEMS(names); i++) {
		if (model == NULL || strcmp(model, names[i]) == 0)
			return ("virtio-net-viona");
	}
	return (NULL);
}

/* Who moves the frames of the nics of model virtio (docs/decisions/0044). */
enum nic_driver {
	NIC_THREAD,  /* attr net-process false */
	NIC_KERNEL,  /* attr vhost-net */
	NIC_PROCESS, /* neither attribute set, or net-process */
};

static enum nic_driver
nic_driver(struct maker *m)
{
	bool kernel = brand_attr_true(m, "vhost-net", false);
	bool process = brand_attr_true(m, "net-process", !kernel);

	if (kernel && process)
		brand_fail(m, EINVAL,
		    "attrs vhost-net and net-process: only one of them can move a nic's frames");
	return (kernel ? NIC_KERNEL : process ? NIC_PROCESS : NIC_THREAD);
}

#define POLL_US_MAX 10000 /* zhyve's */

/* Attr vhost-poll-us: how long the kernel looks at an idle queue; 0: not at all. */
static uint32_t
nic_polling(struct maker *m, enum nic_driver by)
{
	const char *text = zconf_attr(m->c, "vhost-poll-us");
	uint32_t us = 0;

	if (text == NULL)
		return (0);
	if (parse_u32(text, 0, POLL_US_MAX, &us) != 0)
		brand_fail(m, EINVAL,
		    "attr vhost-poll-us: '%s' is not a number of microseconds up to %d", text,
		    POLL_US_MAX);
	else if (us != 0 && by != NIC_KERNEL)
		brand_fail(m, EINVAL,
		    "attr vhost-poll-us: it is for attr vhost-net, which is not "
		    "set: only the kernel polls");
	return (us);
}

static void
add_nic(struct maker *m, const struct znet *net, size_t index, unsigned func, enum nic_driver by)
{
	struct brand_plan *p = m->p;
	struct vnic_spec *v = &p->nic[p->nnic];
	const char *model = zprop_get(net->prop, net->nprop, "model");
	const char *emul = nic_emulation(model), *device = emul;
	const uint32_t poll_us = nic_polling(m, by);
	char mac[MAC_TEXT_LEN + 1], virtio[48] = "", rom[24] = "", order[24];
	int tap, len = 0;

	if (emul == NULL)
		brand_fail(m, EINVAL, "net %s: unknown model '%s' (there are: virtio, e1000)",
		    net->physical != NULL ? net->physical : "", model);
	make_nic(m, net, index, v);
	if (m->rc != 0)
		return;
	tap = brand_want_fd(m, BRAND_FD_TAP, p->nnic);
	/* An e1000 is told neither its MTU nor who moves its frames. */
	if (strcmp(emul, "e1000") != 0) {
		if (v->mtu != 0)
			len = snprintf(virtio, sizeof(virtio), ",mtu=%u", v->mtu);
		p->nic_process[p->nnic] = by == NIC_PROCESS;
		if (by == NIC_PROCESS)
			device = "vhost-user-net";
		if (by == NIC_KERNEL)
			len += snprintf(virtio + len, sizeof(virtio) - (size_t)len, ",vhost=fd:%d",
			    brand_want_fd(m, BRAND_FD_VHOST, p->nnic));
		if (poll_us != 0)
			(void)snprintf(
			    virtio + len, sizeof(virtio) - (size_t)len, ",poll_us=%u", poll_us);
	}
	/* Not without need: a BIOS runs it, and that takes its time. */
	if (m->netboot && func == 0 && (p->nic_rom = bootrom_nic(&p->rom, emul)) != NULL)
		(void)snprintf(
		    rom, sizeof(rom), ",rom=fd:%d", brand_want_fd(m, BRAND_FD_NIC_ROM, 0));
	format_mac(v->mac, mac);
	brand_arg(m, "-s");
	brand_arg(m, "6:%u,%s,fd:%d,mac=%s%s%s%s", func, device, tap, mac, virtio, rom,
	    brand_bootindex(m, BOOT_NET, func, order));
	p->nnic++;
}

/* Primary at 6:0, the others after it in their order. */
static void
add_nics(struct maker *m, uint8_t used[32])
{
	const enum nic_driver by = nic_driver(m);
	size_t primary = m->c->nnet;
	unsigned func = 1;

	for (size_t i = 0; i < m->c->nnet; i++) {
		if (!brand_is_true(m->c->net[i].prop, m->c->net[i].nprop, "primary"))
			continue;
		if (primary != m->c->nnet)
			brand_fail(m, EINVAL, "two primary nets have been specified");
		primary = i;
	}
	if (m->c->nnet == 0)
		return;
	if (primary == m->c->nnet)
		brand_fail(m, EINVAL, "no primary net has been specified");
	if (m->c->nnet > 8)
		brand_fail(m, E2BIG, "more than 8 nets");
	if (m->rc != 0)
		return;
	add_nic(m, &m->c->net[primary], primary, 0, by);
	for (size_t i = 0; i < m->c->nnet; i++) {
		if (i != primary)
			add_nic(m, &m->c->net[i], i, func++, by);
	}
	for (unsigned f = 0; f < func; f++)
		brand_slot_take(m, used, "nets", 0, 6, f);
}

/*
 * A device that is there for what it does in the end: attr `name` is one of its `actions` (the first
 * when unset), or "none": no such device.
 */
static void
add_guard(
    struct maker *m, const char *name, const char *device, const char *const actions[], bool wanted)
{
	const char *action = zconf_attr(m->c, name);
	size_t i = 0;

	if (action == NULL ? !wanted : strcmp(action, "none") == 0)
		return;
	while (actions[i] != NULL && action != NULL && strcmp(action, actions[i]) != 0)
		i++;
	if (actions[i] == NULL) {
		brand_fail(m, EINVAL, "attr %s: '%s' is none of %s, %s, %s and none", name, action,
		    actions[0], actions[1], actions[2]);
		return;
	}
	brand_arg(m, "-s");
	brand_arg(m, "%s,action=%s", device, actions[i]);
}

/* What tells the zone that its guest is no longer well. */
static void
add_guards(struct maker *m)
{
	static const char *const panic[] = { "stop", "reset", "run", NULL };
	static const char *const watchdog[] = { "reset", "poweroff", "nmi", NULL };

	add_guard(m, "on-panic", "7:1,pvpanic", panic, true);
	add_guard(m, "watchdog", "7:2,i6300esb", watchdog, false);
}

/*
 * The display, at SmartOS's place for it, where vnc-port says so: a port, 0 for any free one, -1 for
 * none. Unlike there, none is the default: a server needs none, and it is not free of cost.
 */
static void
add_display(struct maker *m, uint8_t used[32])
{
	const char *text = zconf_attr(m->c, "vnc-port");
	int mem, events, rom;
	uint32_t port;

	if (text == NULL || strcmp(text, "-1") == 0)
		return;
	if (parse_u32(text, 0, UINT16_MAX, &port) != 0) {
		brand_fail(m, EINVAL,
		    "attr vnc-port: '%s' is not a port number between 0 and 65535, nor -1", text);
		return;
	}
	brand_slot_take(m, used, "the display", 0, 30, 0);
	brand_slot_take(m, used, "the display's tablet", 0, 30, 1);
	m->p->display = true;
	m->p->vnc_port = (uint16_t)port;
	mem = brand_want_fd(m, BRAND_FD_FRAMEBUFFER, 0);
	events = brand_want_fd(m, BRAND_FD_DISPLAY, 0);
	rom = brand_want_fd(m, BRAND_FD_VGA_ROM, 0);
	brand_arg(m, "-s");
	brand_arg(m, "30:0,fbuf,vga=off,mem=fd:%d,events=fd:%d,rom=fd:%d", mem, events, rom);
	brand_arg(m, "-s");
	brand_arg(m, "30:1,xhci,%s", brand_usb_devices(m));
}

/*
 * bhyve-extra-opts: split at blanks, no quoting (zones.md 12). What has a path there fails in the
 * jail: it has none.
 */
static void
add_extra(struct maker *m)
{
	const char *p = zconf_attr(m->c, "bhyve-extra-opts");

	while (p != NULL && *p != '\0') {
		size_t len = strcspn(p, " \t");
		if (len > 0)
			brand_arg(m, "%.*s", (int)len, p);
		p += len;
		p += strspn(p, " \t");
	}
}

int
brand_plan_start(const struct zconf *c, const struct image *image,
    const struct start_options *start, bool again, int first_fd, struct brand_plan **out,
    struct err *e)
{
	struct maker m = { .c = c, .start = start, .first_fd = first_fd, .e = e };
	uint8_t used[32] = { [0] = 1, [7] = 7, [31] = 1 }; /* hostbridge; entropy, guards; LPC */

	if (c->brand == NULL || strcmp(c->brand, "bhyve") != 0)
		return (err_say(e, EINVAL, "brand '%s' is unknown (there is: bhyve)",
		    c->brand != NULL ? c->brand : ""));
	if (c->did == 0 || c->uuid[0] == '\0')
		return (
		    err_say(e, EINVAL, "the configuration has no uuid or no id yet: commit it"));
	if ((m.p = calloc(1, sizeof(*m.p))) == NULL)
		return (err_set(e, ENOMEM, "cannot plan the machine"));
	m.p->first_fd = first_fd;
	add_identity(&m);
	add_lpc(&m);
	brand_add_boot(&m, image, again);
	add_board(&m);
	brand_add_disks(&m, used);
	add_nics(&m, used);
	brand_arg(&m, "-s");
	brand_arg(&m, "7,virtio-rnd");
	add_guards(&m);
	brand_add_devices(&m, used);
	brand_add_passthru(&m, used);
	add_display(&m, used);
	add_extra(&m);
	brand_arg(&m, "-o");
	brand_arg(&m, "kvm=fd:%d", brand_want_fd(&m, BRAND_FD_KVM, 0));
	brand_arg(&m, "-o");
	brand_arg(&m, "wire=fd:%d", brand_want_fd(&m, BRAND_FD_WIRE, 0));
	brand_arg(&m, "SYSbhyve-%u", c->did);
	if (m.rc != 0) {
		brand_plan_free(m.p);
		return (m.rc);
	}
	*out = m.p;
	return (0);
}

int
brand_plan_make(const struct zconf *c, const struct image *image, int first_fd,
    struct brand_plan **out, struct err *e)
{
	return (brand_plan_start(c, image, NULL, false, first_fd, out, e));
}

int
brand_plan_pin(struct brand_plan *p, const struct cpus *own, struct err *e)
{
	char *name = p->argv[p->argc - 1]; /* comes last */
	unsigned cpu = 0;

	if (p->vcpus > cpus_count(own) || p->vcpus > BRAND_PINS_MAX)
		return (0);
	assert(p->argc <= BRAND_ARGV_MAX);
	p->argc--;
	for (unsigned i = 0; i < p->vcpus; i++, cpu++) {
		char *option = strdup("-p"), *value = NULL;

		while (!cpus_has(own, cpu))
			cpu++;
		if (option == NULL || asprintf(&value, "%u:%u", i, cpu) < 0) {
			free(option);
			p->argv[p->argc++] = name;
			return (err_set(e, ENOMEM, "no memory for zhyve's arguments"));
		}
		p->argv[p->argc++] = option;
		p->argv[p->argc++] = value;
	}
	p->argv[p->argc++] = name;
	return (0);
}

void
brand_plan_free(struct brand_plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->argc; i++)
		free(p->argv[i]);
	free(p);
}

/* The path behind a descriptor, NULL when it has none. */
static const char *
path_of_fd(const struct brand_plan *p, unsigned long n)
{
	const struct brand_fd *f;

	if (n < (unsigned long)p->first_fd || n - (unsigned long)p->first_fd >= p->nfd)
		return (NULL);
	f = &p->fd[n - (unsigned long)p->first_fd];
	switch (f->kind) {
	case BRAND_FD_KERNEL:
		return (p->kernel);
	case BRAND_FD_INITRD:
		return (p->initrd);
	case BRAND_FD_BOOTROM:
		return (p->rom.rom);
	case BRAND_FD_BOOTVARS:
		return ("the zone's UEFI variables");
	case BRAND_FD_NIC_ROM:
		return (p->nic_rom);
	case BRAND_FD_DISK:
		return (p->disk[f->index].path);
	case BRAND_FD_PASS:
		return (p->pass[f->index].addr);
	case BRAND_FD_TPM:
		return ("swtpm");
	case BRAND_FD_KVM:
		return ("/dev/kvm");
	default:
		return (NULL);
	}
}

void
brand_name_fds(const struct brand_plan *p, const char *text, char *out, size_t size)
{
	const char *path;
	size_t n = 0;
	char *end;

	out[0] = '\0';
	while (*text != '\0' && n + 1 < size) {
		path = NULL;
		if (strncmp(text, "fd:", 3) == 0 && isdigit((unsigned char)text[3]))
			path = path_of_fd(p, strtoul(text + 3, &end, 10));
		if (path != NULL) {
			n += (size_t)snprintf(out + n, size - n, "%s", path);
			text = end;
		} else {
			out[n++] = *text++;
			out[n] = '\0';
		}
	}
}
