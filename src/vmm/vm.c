/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's side of a machine: see vm.h. Refuses a KVM without what zhyve needs rather than working
 * around it. Runs in zhyve.
 *
 * The order of the calls in vm_create matters for speed: a memory slot added before the
 * interrupt controllers costs 0.1 ms, after them 4 ms or more, because each registers I/O
 * ranges and the slot then waits for their grace period.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

#define VM_TSS_ADDR 0xfeffd000ul /* three pages for VT-x without unrestricted guest (4.36) */
#define VM_IDENTITY_ADDR \
	0xfeffc000ul /* one page (4.69); both above the local APICs, below any boot ROM */

static const struct {
	int cap;
	const char *name;
} needed_caps[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_IRQCHIP, "in-kernel interrupt controllers" },
	{ KVM_CAP_PIT2, "in-kernel timer" },
	{ KVM_CAP_EXT_CPUID, "extended CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_SIGNAL_MSI, "message interrupts" },
	{ KVM_CAP_MP_STATE, "processor states" },
};

static int
check_kvm(int fd, const char *path, struct err *e)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return (err_say(e, ENODEV, "'%s' is not KVM's device", path));
	if (version != KVM_API_VERSION)
		return (err_say(e, ENODEV,
		    "'%s' speaks version %d of KVM's interface, version %d is needed", path,
		    version, KVM_API_VERSION));
	for (size_t i = 0; i < NITEMS(needed_caps); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, needed_caps[i].cap) <= 0)
			return (err_say(e, ENODEV, "KVM ('%s') lacks %s: a newer kernel is needed",
			    path, needed_caps[i].name));
	}
	return (0);
}

int
vm_open_kvm(const char *path, struct err *e)
{
	int fd, rc;

	if (parse_fd(path, &fd) != 0) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 && errno == ENOENT)
			return (err_set(e, errno,
			    "cannot open KVM's device '%s' (is the kvm_intel or kvm_amd module "
			    "loaded, and "
			    "virtualization enabled in the firmware?)",
			    path));
		if (fd < 0)
			return (err_set(e, errno, "cannot open KVM's device '%s'%s", path,
			    errno == EACCES ? " (be root, or a member of the group kvm)" : ""));
	}
	if ((rc = check_kvm(fd, path, e)) != 0) {
		(void)close(fd);
		return (rc);
	}
	return (fd);
}

static int
add_memory(struct vm *vm, struct err *e)
{
	for (unsigned i = 0; i < vm->gmem->nranges; i++) {
		const struct gmem_range *r = &vm->gmem->range[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->len,
			.userspace_addr = (uintptr_t)r->hva,
		};
		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) != 0)
			return (err_set(e, errno, "cannot give %llu MiB of memory at 0x%llx to KVM",
			    (unsigned long long)(r->len / MIB), (unsigned long long)r->gpa));
	}
	return (0);
}

static int
set_slot(struct vm *vm, unsigned i, uint64_t gpa, void *mem, uint64_t len, bool readonly)
{
	struct kvm_userspace_memory_region region = {
		.slot = vm->gmem->nranges + i,
		.flags = readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)mem,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
		return (-errno);
	vm->slot[i] = (struct vm_slot){ .gpa = gpa, .len = len };
	return (0);
}

int
vm_mem_map(struct vm *vm, uint64_t gpa, void *mem, uint64_t len, bool readonly)
{
	int rc = -ENOSPC;

	(void)pthread_mutex_lock(&vm->slots_mutex);
	for (unsigned i = 0; i < VM_SLOTS; i++) {
		if (vm->slot[i].len == 0) {
			rc = set_slot(vm, i, gpa, mem, len, readonly);
			break;
		}
	}
	(void)pthread_mutex_unlock(&vm->slots_mutex);
	return (rc);
}

int
vm_mem_unmap(struct vm *vm, uint64_t gpa)
{
	int rc = -ENOENT;

	(void)pthread_mutex_lock(&vm->slots_mutex);
	for (unsigned i = 0; i < VM_SLOTS; i++) {
		if (vm->slot[i].len != 0 && vm->slot[i].gpa == gpa) {
			rc = set_slot(vm, i, gpa, NULL, 0, false); /* size 0 deletes (4.35) */
			break;
		}
	}
	(void)pthread_mutex_unlock(&vm->slots_mutex);
	return (rc);
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

	memset(&table.head, 0, sizeof(table.head));
	for (unsigned gsi = 0; gsi < VM_IRQCHIP_PINS; gsi++) {
		if (gsi < 16 && gsi != 2) {
			*en = (struct kvm_irq_routing_entry){ .gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP };
			en->u.irqchip.irqchip =
			    gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
			en++->u.irqchip.pin = gsi % 8;
		}
		if (gsi != 2) {
			*en = (struct kvm_irq_routing_entry){ .gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP };
			en->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
			en++->u.irqchip.pin = gsi == 0 ? 2 : gsi;
		}
	}
	for (unsigned i = 0; vm->routes != NULL && i < VM_MSI_ROUTES; i++) {
		const struct vm_msi_route *r = &vm->routes[i];
		if (!r->used)
			continue;
		*en = (struct kvm_irq_routing_entry){ .gsi = VM_IRQCHIP_PINS + i,
			.type = KVM_IRQ_ROUTING_MSI };
		en->u.msi.address_lo = (uint32_t)r->addr;
		en->u.msi.address_hi = (uint32_t)(r->addr >> 32);
		en++->u.msi.data = r->data;
	}
	table.head.nr = (uint32_t)(en - table.entry);
	return (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &table) == 0 ? 0 : -errno);
}

static int
make_chips(struct vm *vm, struct err *e)
{
	struct kvm_pit_config pit = {
		.flags = KVM_PIT_SPEAKER_DUMMY
	}; /* port 0x61 is in the kernel too */
	uint64_t identity = VM_IDENTITY_ADDR;
	int rc;

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, VM_TSS_ADDR) != 0 ||
	    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0)
		return (err_set(e, errno, "cannot place KVM's own pages"));
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) != 0)
		return (err_set(e, errno, "cannot create the interrupt controllers"));
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) != 0)
		return (err_set(e, errno, "cannot create the timer"));
	if ((rc = push_routes(vm)) != 0)
		return (err_set(e, -rc, "cannot route the interrupts"));
	if (vm->nvcpus > 255) {
		/*
		 * Identifiers of more than 8 bits, and 0xff is a processor, not all of them
		 * (7.5).
		 */
		struct kvm_enable_cap cap = {
			.cap = KVM_CAP_X2APIC_API,
			.args = { KVM_X2APIC_API_USE_32BIT_IDS |
			    KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
		};
		if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) != 0)
			return (err_set(e, errno,
			    "%u vCPUs need x2APIC, which this KVM cannot give", vm->nvcpus));
	}
	return (0);
}

static int
check_vcpus(int kvm, unsigned nvcpus, struct err *e)
{
	int max = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (max <= 0)
		max = 4; /* what the interface promises without that capability (4.7) */
	if (nvcpus > (unsigned)max)
		return (
		    err_say(e, EINVAL, "%u vCPUs requested but only %d available", nvcpus, max));
	return (0);
}

int
vm_create(struct vm *vm, int kvm, struct gmem *gmem, unsigned nvcpus, struct err *e)
{
	int rc, run_size;

	*vm = (struct vm){ .kvm = kvm, .fd = -1, .gmem = gmem, .nvcpus = nvcpus };
	(void)pthread_mutex_init(&vm->routes_mutex, NULL);
	(void)pthread_mutex_init(&vm->slots_mutex, NULL);
	if ((rc = check_vcpus(kvm, nvcpus, e)) != 0)
		goto fail;
	if ((run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)) <= 0) {
		rc = err_set(e, errno, "cannot ask KVM for the size of a vCPU");
		goto fail;
	}
	vm->run_size = (size_t)run_size;
	vm->tsc_deadline = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	do
		vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0) {
		rc = err_set(e, errno, "cannot create a virtual machine");
		goto fail;
	}
	if ((rc = add_memory(vm, e)) != 0 || (rc = make_chips(vm, e)) != 0)
		goto fail;
	return (0);
fail:
	vm_destroy(vm);
	return (rc);
}

void
vm_destroy(struct vm *vm)
{
	fd_close(&vm->fd);
	fd_close(&vm->kvm);
	free(vm->routes);
	vm->routes = NULL;
	(void)pthread_mutex_destroy(&vm->routes_mutex);
	(void)pthread_mutex_destroy(&vm->slots_mutex);
}

void
vm_irq_line(struct vm *vm, unsigned gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line) != 0)
		log_err("cannot set interrupt line %u: %s", gsi, strerror(errno));
}

void
vm_msi(struct vm *vm, uint64_t addr, uint32_t data)
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

static int
doorbell(struct vm *vm, const struct vm_doorbell *d, uint32_t flags)
{
	struct kvm_ioeventfd io = {
		.addr = d->addr,
		.len = d->len,
		.fd = d->eventfd,
		.datamatch = d->value,
		.flags = flags | (d->io ? KVM_IOEVENTFD_FLAG_PIO : 0) |
		    (d->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0),
	};

	return (ioctl(vm->fd, KVM_IOEVENTFD, &io) == 0 ? 0 : -errno);
}

int
vm_doorbell_add(struct vm *vm, const struct vm_doorbell *d)
{
	return (doorbell(vm, d, 0));
}

int
vm_doorbell_remove(struct vm *vm, const struct vm_doorbell *d)
{
	return (doorbell(vm, d, KVM_IOEVENTFD_FLAG_DEASSIGN));
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

int
vm_irqfd(struct vm *vm, int gsi, int eventfd, bool bind)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = bind ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return (ioctl(vm->fd, KVM_IRQFD, &irqfd) == 0 ? 0 : -errno);
}
