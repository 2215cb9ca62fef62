/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's interrupt controllers, lines and message interrupts: see vm.h. Runs in zhyve, on every
 * thread that raises an interrupt.
 *
 * KVM delivers messages by itself. With SPLIT the I/O APIC is ours; KVM knows of its entries only
 * the level-triggered ones, as routes of the lines' GSIs, so that it leaves KVM_RUN when a local
 * APIC ends such an interrupt (KVM's api.rst, 7.5 and KVM_EXIT_IOAPIC_EOI).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "vmm/vm.h"

/* KVM's own pages: one for the identity map (4.69), three for VT-x without unrestricted guest (4.36). */
#define IDENTITY_ADDR VM_KVM_PAGES_BASE
#define TSS_ADDR      (VM_KVM_PAGES_BASE + 0x1000ul)

/* A message's address as the PCI bus has it. */
#define MSI_WINDOW      0xfee00000u
#define MSI_WINDOW_MASK 0xfff00000u
#define MSI_EXT_DEST    0xfe0u /* bits 8-14 of the destination, with KVM_FEATURE_MSI_EXT_DEST_ID */

/*
 * KVM wants bits 8 and up of a destination in the address's upper half, where hardware has nothing.
 * Guests that were told of 15-bit destinations put them into bits 5 to 11.
 */
static uint64_t
kvm_address(const struct vm *vm, uint64_t addr)
{
	if (vm->config.irqchip != VM_IRQCHIP_SPLIT ||
	    ((uint32_t)addr & MSI_WINDOW_MASK) != MSI_WINDOW || (addr & MSI_EXT_DEST) == 0)
		return (addr);
	return ((addr & ~(uint64_t)MSI_EXT_DEST) | (addr & MSI_EXT_DEST) << (40 - 5));
}

static void
put_message(struct kvm_irq_routing_entry **en, unsigned gsi, const struct vm_msi_route *r)
{
	struct kvm_irq_routing_entry *to = (*en)++;

	*to = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };
	to->u.msi.address_lo = (uint32_t)r->addr;
	to->u.msi.address_hi = (uint32_t)(r->addr >> 32);
	to->u.msi.data = r->data;
}

static void
put_line(struct kvm_irq_routing_entry **en, unsigned gsi, unsigned chip, unsigned pin)
{
	struct kvm_irq_routing_entry *to = (*en)++;

	*to = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };
	to->u.irqchip.irqchip = chip;
	to->u.irqchip.pin = pin;
}

/*
 * The lines' default routes are GSI n = pin n. In PCs the PIT's IRQ 0 arrives at pin 2 of the
 * I/O APIC, which ACPI's MADT tells the guest (ACPI 6.5, 5.2.12.5); this makes it so, and adds
 * the message routes in use. Replaces the whole table (4.52).
 */
static int
push_routes(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[16 + VM_IRQCHIP_PINS + VM_MSI_ROUTES];
	} table;
	struct kvm_irq_routing_entry *en = table.entry;
	bool split = vm->config.irqchip == VM_IRQCHIP_SPLIT;

	memset(&table.head, 0, sizeof(table.head));
	for (unsigned gsi = 0; gsi < VM_IRQCHIP_PINS; gsi++) {
		if (split) {
			if (vm->pin[gsi].used)
				put_message(&en, gsi, &vm->pin[gsi]);
			continue;
		}
		if (gsi < 16 && gsi != 2)
			put_line(&en, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			    gsi % 8);
		if (gsi != 2)
			put_line(&en, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	for (unsigned i = 0; vm->routes != NULL && i < VM_MSI_ROUTES; i++) {
		if (vm->routes[i].used)
			put_message(&en, VM_IRQCHIP_PINS + i, &vm->routes[i]);
	}
	table.head.nr = (uint32_t)(en - table.entry);
	return (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &table) == 0 ? 0 : -errno);
}

/* --- the I/O APIC in this process --- */

static void
signal_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	if (ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) < 0)
		log_guest("message interrupt 0x%llx/0x%x not delivered: %s",
		    (unsigned long long)addr, data, strerror(errno));
}

static void
ioapic_msi(void *ctx, uint64_t addr, uint32_t data)
{
	signal_msi(ctx, addr, data);
}

static void
ioapic_watch(void *ctx, unsigned pin, uint64_t addr, uint32_t data)
{
	struct vm *vm = ctx;
	struct vm_msi_route *r = &vm->pin[pin];
	int rc = 0;

	(void)pthread_mutex_lock(&vm->routes_mutex);
	if (r->addr != addr || r->data != data) {
		*r = (struct vm_msi_route){ .used = data != 0, .addr = addr, .data = data };
		rc = push_routes(vm);
	}
	(void)pthread_mutex_unlock(&vm->routes_mutex);
	if (rc != 0)
		log_err(
		    "cannot watch for the end of interrupts of line %u: %s", pin, strerror(-rc));
}

void
vm_eoi(struct vm *vm, uint8_t vector)
{
	lock_take(&vm->ioapic_lock);
	ioapic_eoi(&vm->ioapic, vector);
	lock_drop(&vm->ioapic_lock);
}

/* --- all of it in the kernel --- */

/*
 * A tick that comes while the one before is not taken yet is lost, as with the chip and with
 * bhyve. Left alone KVM counts them and gives them one right after the other: a guest that was
 * held up has a storm of them to wade through, and AVIC is off for as long as that is so.
 */
static int
create_in_kernel(struct vm *vm, struct err *e)
{
	/* Port 0x61 is in the kernel too. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control reinject = { .pit_reinject = 0 };
	int rc;

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) != 0)
		return (err_set(e, errno, "cannot create the interrupt controllers"));
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) != 0)
		return (err_set(e, errno, "cannot create the timer"));
	if (ioctl(vm->fd, KVM_REINJECT_CONTROL, &reinject) != 0)
		return (err_set(e, errno, "cannot set the timer to lose ticks"));
	if ((rc = push_routes(vm)) != 0)
		return (err_set(e, -rc, "cannot route the interrupts"));
	return (0);
}

static int
create_split(struct vm *vm, struct err *e)
{
	const struct ioapic_ops ops = { .msi = ioapic_msi, .watch = ioapic_watch, .ctx = vm };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { VM_IRQCHIP_PINS } };

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) != 0)
		return (err_set(e, errno,
		    "cannot create local APICs alone (x86.irqchip=split): this KVM has only all "
		    "interrupt controllers of a PC together"));
	ioapic_init(&vm->ioapic, &ops);
	return (0);
}

int
vm_irqchip_create(struct vm *vm, struct err *e)
{
	bool split = vm->config.irqchip == VM_IRQCHIP_SPLIT;
	uint64_t identity = IDENTITY_ADDR, flags = 0;
	int rc;

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) != 0 ||
	    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0)
		return (err_set(e, errno, "cannot place KVM's own pages"));
	if ((rc = split ? create_split(vm, e) : create_in_kernel(vm, e)) != 0)
		return (rc);
	/* Identifiers of more than 8 bits, and 0xff is a processor, not all of them (7.5). */
	if (split)
		flags |= KVM_X2APIC_API_USE_32BIT_IDS;
	if (vm->config.max_apic_id >= 255)
		flags |= KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
	if (flags != 0) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args = { flags } };

		if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) != 0)
			return (err_set(e, errno,
			    "%u vCPUs need x2APIC, which this KVM cannot give", vm->config.nvcpus));
	}
	return (0);
}

/* --- lines and messages --- */

void
vm_irq_line(struct vm *vm, unsigned gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	if (vm->config.irqchip == VM_IRQCHIP_SPLIT) {
		lock_take(&vm->ioapic_lock);
		ioapic_set(&vm->ioapic, gsi == 0 ? 2 : gsi, level);
		lock_drop(&vm->ioapic_lock);
	} else if (ioctl(vm->fd, KVM_IRQ_LINE, &line) != 0) {
		log_err("cannot set interrupt line %u: %s", gsi, strerror(errno));
	}
}

void
vm_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	signal_msi(vm, kvm_address(vm, addr), data);
}

int
vm_route_alloc(struct vm *vm)
{
	int gsi = -ENOSPC;

	(void)pthread_mutex_lock(&vm->routes_mutex);
	if (vm->routes == NULL)
		vm->routes = calloc(VM_MSI_ROUTES, sizeof(*vm->routes));
	if (vm->routes == NULL)
		gsi = -ENOMEM;
	for (int i = 0; vm->routes != NULL && i < VM_MSI_ROUTES; i++) {
		if (!vm->routes[i].used) {
			vm->routes[i] = (struct vm_msi_route){ .used = true };
			gsi = VM_IRQCHIP_PINS + i;
			break;
		}
	}
	(void)pthread_mutex_unlock(&vm->routes_mutex);
	return (gsi);
}

int
vm_route_set(struct vm *vm, int gsi, uint64_t addr, uint32_t data)
{
	struct vm_msi_route *r = &vm->routes[gsi - VM_IRQCHIP_PINS];
	int rc = 0;

	addr = kvm_address(vm, addr);
	(void)pthread_mutex_lock(&vm->routes_mutex);
	if (r->addr != addr || r->data != data) {
		r->addr = addr;
		r->data = data;
		rc = push_routes(vm);
	}
	(void)pthread_mutex_unlock(&vm->routes_mutex);
	return (rc);
}

void
vm_route_free(struct vm *vm, int gsi)
{
	(void)pthread_mutex_lock(&vm->routes_mutex);
	vm->routes[gsi - VM_IRQCHIP_PINS].used = false;
	(void)pthread_mutex_unlock(&vm->routes_mutex);
}

static int
set_irqfd(struct vm *vm, const struct kvm_irqfd *irqfd)
{
	return (ioctl(vm->fd, KVM_IRQFD, irqfd) == 0 ? 0 : -errno);
}

int
vm_irqfd(struct vm *vm, int gsi, int eventfd, bool bind)
{
	const struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = bind ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return (set_irqfd(vm, &irqfd));
}

int
vm_irqfd_level(struct vm *vm, int gsi, int eventfd, int ended, bool bind)
{
	const struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = bind ? KVM_IRQFD_FLAG_RESAMPLE : KVM_IRQFD_FLAG_DEASSIGN,
		.resamplefd = (uint32_t)ended,
	};

	return (set_irqfd(vm, &irqfd));
}
