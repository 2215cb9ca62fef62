/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building the machine from its configuration: see machine.h. Runs in zhyve's main thread
 * before any guest code; machine_stop also on vCPUs' threads.
 */
#include "procs/zhyve/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "backend/vfio.h"
#include "base/checked.h"
#include "base/log.h"
#include "base/parse.h"
#include "devices/pm.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/gdb.h"
#include "procs/zhyve/variables.h"

#define ROM_MEM32_END 0xFEC00000ull /* where the I/O APIC begins */
#define MEM64_WINDOW  (512 * GIB)
#define MEM64_ALIGN   (4 * GIB)

static uint64_t
now_ns(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec);
}

static int64_t
wall_s(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (ts.tv_sec);
}

void
machine_stop(struct machine *m, enum machine_event ev, const char *why)
{
	int none = 0;

	lock_take(&m->why_lock);
	if (atomic_compare_exchange_strong(&m->stopped, &none, 1 + (int)ev))
		(void)snprintf(m->why, sizeof(m->why), "%s", why);
	lock_drop(&m->why_lock);
	vcpus_ask_stop(&m->vcpus);
	mevent_stop(m->loop);
}

static void
on_event(void *ctx, enum machine_event ev, const char *why)
{
	machine_stop(ctx, ev, why);
}

struct machine_ctl
machine_ctl_of(struct machine *m)
{
	return ((struct machine_ctl){ .event = on_event, .ctx = m });
}

void
machine_set_line(void *ctx, unsigned gsi, bool level)
{
	struct machine *m = ctx;

	vm_irq_line(&m->vm, gsi, level);
}

struct irq_line
machine_irq(struct machine *m, unsigned gsi)
{
	return ((struct irq_line){ .set = machine_set_line, .ctx = m, .gsi = gsi });
}

/* A device's timer on the event loop's: armed from any thread that holds the device's lock. */
struct timer {
	struct machine *m;
	struct mevent *ev;
	struct dev_timer *t;
	struct lock *lock;
};

static void
timer_fired(int fd, enum mevent_type type, void *arg)
{
	struct timer *tm = arg;

	(void)fd;
	(void)type;
	lock_take(tm->lock);
	tm->t->fire(tm->t->dev);
	lock_drop(tm->lock);
}

static void
timer_arm(void *ctx, uint64_t at_ns)
{
	struct timer *tm = ctx;
	uint64_t now = now_ns(NULL), in = 0;

	if (at_ns != 0)
		in = at_ns > now ? at_ns - now : 1;
	(void)mevent_timer_set(tm->ev, in, 0);
}

int
machine_timer(struct machine *m, struct dev_timer *t, struct lock *lock, struct err *e)
{
	struct timer *tm = calloc(1, sizeof(*tm));

	if (tm == NULL)
		return (err_set(e, ENOMEM, "cannot make a timer"));
	*tm = (struct timer){ .m = m, .t = t, .lock = lock };
	if ((tm->ev = mevent_add_timer(m->loop, 0, 0, timer_fired, tm)) == NULL) {
		int saved = errno;
		free(tm);
		return (err_set(e, saved, "cannot make a timer"));
	}
	t->arm = timer_arm;
	t->ctx = tm;
	return (0);
}

static int
configure_memory(struct machine *m, struct err *e)
{
	const char *text = config_text(m->config, "memory.size", "256M");
	uint64_t size;

	if (parse_size(text, MIB, &size) != 0 || size == 0)
		return (err_say(e, EINVAL, "invalid memsize '%s'", text));
	if (size % 4096 != 0 || size < MIB || size > 64ull * 1024 * GIB)
		return (err_say(e, EINVAL,
		    "memory size '%s' is not a multiple of 4 KiB from 1 MiB to 64 TiB", text));
	m->gm.size = size;
	return (0);
}

int
machine_configure(struct machine *m, struct err *e)
{
	int rc;

	m->name = config_text(m->config, "name", "");
	m->clock = (struct clock){ .now_ns = now_ns, .wall_s = wall_s };
	if ((rc = variables_check(m->config, e)) != 0 || (rc = gdb_configure(m, e)) != 0 ||
	    (rc = cpus_configure(m, e)) != 0)
		return (rc);
	return (configure_memory(m, e));
}

int
machine_place(struct machine *m, bool io, const struct bus_region *r, struct err *e)
{
	int rc = iobus_add(&m->bus, io, r);

	return (rc == 0 ? 0
			: err_set(e, -rc, "cannot place %s at %s0x%llx", r->name, io ? "port " : "",
			      (unsigned long long)r->base));
}

/* --- what the PCI bus asks of the machine --- */

static int
map_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct machine *m = ctx;
	struct bus_region r = {
		.base = addr,
		.len = len,
		.ops = &pci_bar_ops[bar],
		.dev = d,
		.lock = d->lock,
		.name = d->name,
	};
	int rc;

	if ((rc = iobus_add(&m->bus, io, &r)) != 0 || d->bar[bar].mem == NULL)
		return (rc);
	/* Plain memory: the bus keeps the place, and the guest reaches it without leaving KVM. */
	if ((rc = vm_mem_map(&m->vm, addr, d->bar[bar].mem, len, false)) != 0)
		(void)iobus_remove(&m->bus, io, addr);
	return (rc);
}

static void
unmap_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct machine *m = ctx;

	(void)len;
	if (d->bar[bar].mem != NULL)
		(void)vm_mem_unmap(&m->vm, addr);
	(void)iobus_remove(&m->bus, io, addr);
}

void
machine_send_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct machine *m = ctx;

	vm_msi(&m->vm, addr, data);
}

static int
create_pci(struct machine *m, struct err *e)
{
	const struct pci_host_ops host = {
		.map = map_bar,
		.unmap = unmap_bar,
		.msi = machine_send_msi,
		.intx = machine_set_line,
		.ctx = m,
	};
	const struct gmem_range *last = &m->gm.range[m->gm.nranges - 1];
	uint64_t ram_end = MAX(last->gpa + last->len, GMEM_HIGH_BASE);
	uint64_t mem64 = ROUND_UP(ram_end, MEM64_ALIGN);
	uint64_t space_end = 1ull << m->vm.address_bits;
	bool rom = firmware_has_rom(m);
	/* A boot ROM places BARs itself: OVMF at the very end of the address space. */
	uint64_t mem64_end = rom ? space_end : MIN(mem64 + MEM64_WINDOW, space_end);
	struct bus_region port = { PCI_PORT_BASE, PCI_PORT_LEN, &pci_port_ops, NULL, &m->pci_lock,
		"pci" };
	struct bus_region ecam = { PCI_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, NULL, &m->pci_lock,
		"ecam" };
	bool enable;
	int rc;

	if (mem64_end <= mem64) /* no room above RAM: the processor's addresses are short */
		mem64 = mem64_end = 0;
	m->pci = pci_bus_create(&host, GMEM_LOW_MAX, PCI_ECAM_BASE, mem64, mem64_end);
	m->mem32_base = GMEM_LOW_MAX;
	m->mem32_end = PCI_ECAM_BASE;
	m->mem64_base = mem64;
	m->mem64_end = mem64_end;
	if (m->pci == NULL)
		return (err_set(e, ENOMEM, "cannot make the PCI bus"));
	if (rom) {
		m->mem32_base = m->gm.range[0].len;
		m->mem32_end = ROM_MEM32_END;
		pci_bus_widen_mem32(m->pci, m->mem32_base, m->mem32_end);
	}
	if ((rc = config_bool(m->config, "pci.enable_bars", !rom, &enable, e)) != 0)
		return (rc);
	pci_bus_set_enable_bars(m->pci, enable);
	port.dev = ecam.dev = m->pci;
	if ((rc = machine_place(m, true, &port, e)) != 0)
		return (rc);
	return (machine_place(m, false, &ecam, e));
}

static int
create_memory(struct machine *m, struct err *e)
{
	const char *huge = config_text(m->config, "memory.hugepages", "");
	uint64_t size = m->gm.size, page = 0;
	bool wired, in_core;
	int rc;

	if (strcmp(huge, "2M") == 0)
		page = 2 * MIB;
	else if (strcmp(huge, "1G") == 0)
		page = GIB;
	else if (huge[0] != '\0')
		return (err_say(e, EINVAL, "memory.hugepages '%s' is neither 2M nor 1G", huge));

	if ((rc = config_bool(m->config, "memory.wired", false, &wired, e)) != 0 ||
	    (rc = config_bool(m->config, "memory.guest_in_core", false, &in_core, e)) != 0 ||
	    (rc = gmem_create_huge(&m->gm, size, page, e)) != 0)
		return (rc);
	if (in_core)
		(void)madvise(m->gm.range[0].hva, size, MADV_DODUMP);
	if (wired && mlock(m->gm.range[0].hva, size) != 0)
		return (
		    err_set(e, errno, "cannot wire %llu MiB of guest memory (-S); see ulimit -l",
			(unsigned long long)(size / MIB)));
	return (0);
}

int
machine_create(struct machine *m, struct err *e)
{
	struct vcpu_ops ops = m->vcpus.ops;
	bool strict_msr;
	int rc;

	iobus_init(&m->bus);
	if ((rc = config_bool(m->config, "x86.strictio", false, &m->bus.strict, e)) != 0 ||
	    (rc = config_bool(m->config, "x86.strictmsr", true, &strict_msr, e)) != 0 ||
	    (rc = create_memory(m, e)) != 0)
		return (rc);
	rc = vm_create(&m->vm, m->kvm, &m->gm, &m->vm_config, e);
	m->kvm = -1; /* the vm's now, or closed */
	if (rc != 0)
		return (rc);
	m->pm_base = firmware_has_rom(m) ? PM_PORT_ROM : PM_PORT_BASE;
	ops.event = on_event;
	ops.ctx = m;
	if ((rc = vcpus_create(&m->vcpus, &m->vm, &m->bus, &m->cpu, strict_msr, &ops, e)) != 0)
		return (rc);
	if (m->vm_config.irqchip == VM_IRQCHIP_SPLIT) {
		const struct bus_region r = { IOAPIC_BASE, IOAPIC_LEN, &ioapic_ops, &m->vm.ioapic,
			&m->vm.ioapic_lock, "ioapic" };

		if ((rc = machine_place(m, false, &r, e)) != 0)
			return (rc);
	}
	if ((rc = create_pci(m, e)) != 0)
		return (rc);
	return (legacy_create(m, e));
}

static int
add_device(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *device = config_get(cfg, "device");
	const struct vmm_emul *emul;

	if (device == NULL)
		return (0);
	if ((emul = emul_find(device)) == NULL)
		return (err_say(e, EINVAL,
		    "PCI slot %u:%u:%u: unknown emulation '%s'; -s help lists them", bdf >> 8,
		    bdf >> 3 & 31, bdf & 7, device));
	if (emul->init(m, cfg, bdf, e) != 0)
		return (err_ctx(
		    e, "PCI slot %u:%u:%u, %s", bdf >> 8, bdf >> 3 & 31, bdf & 7, emul->name));
	return (0);
}

int
machine_add_devices(struct machine *m, struct err *e)
{
	struct config_node *pci = config_find(m->config, "pci"), *b, *s, *f;
	uint32_t bus, slot, func;
	int rc;

	for (b = pci == NULL ? NULL : pci->child; b != NULL; b = b->next) {
		if (parse_u32(b->name, 0, 255, &bus) != 0)
			continue; /* pci.enable_bars */
		for (s = b->child; s != NULL; s = s->next) {
			for (f = s->child; f != NULL; f = f->next) {
				if (parse_u32(s->name, 0, 31, &slot) != 0 ||
				    parse_u32(f->name, 0, 7, &func) != 0)
					return (err_say(e, EINVAL, "pci.%s.%s.%s is not a PCI slot",
					    b->name, s->name, f->name));
				if ((rc = add_device(m, f, PCI_BDF(bus, slot, func), e)) != 0)
					return (rc);
			}
		}
	}
	if (m->vfio != NULL && m->balloon != NULL)
		return (err_say(e, EINVAL,
		    "virtio-balloon and passthru do not go together: a device of the host would go "
		    "on "
		    "using pages that the balloon has given back"));
	if (m->vfio != NULL)
		vfio_container_seal(m->vfio);
	return (0);
}
