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
#include "base/parse.h"

static const struct {
	int cap;
	const char *name;
} needed_caps[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_IRQCHIP, "in-kernel interrupt controllers" },
	{ KVM_CAP_PIT2, "in-kernel timer" },
	{ KVM_CAP_REINJECT_CONTROL, "a timer that may lose ticks" },
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

static int
check_vcpus(int kvm, const struct vm_config *c, struct err *e)
{
	int max = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int max_id = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	if (max <= 0)
		max = 4; /* what the interface promises without that capability (4.7) */
	if (c->nvcpus > (unsigned)max)
		return (
		    err_say(e, EINVAL, "%u vCPUs requested but only %d available", c->nvcpus, max));
	if (max_id > 0 && c->max_apic_id >= (unsigned)max_id)
		return (err_say(e, EINVAL,
		    "%u vCPUs of this topology have APIC identifiers up to %u, but KVM has them up "
		    "to %d only: use powers of two for cores and threads",
		    c->nvcpus, c->max_apic_id, max_id - 1));
	return (0);
}

int
vm_create(struct vm *vm, int kvm, struct gmem *gmem, const struct vm_config *config, struct err *e)
{
	int rc, run_size;

	*vm = (struct vm){ .kvm = kvm, .fd = -1, .gmem = gmem, .config = *config };
	(void)pthread_mutex_init(&vm->routes_mutex, NULL);
	(void)pthread_mutex_init(&vm->slots_mutex, NULL);
	(void)pthread_mutex_init(&vm->ioapic_lock.mutex, NULL);
	if ((rc = check_vcpus(kvm, config, e)) != 0)
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
	if ((rc = add_memory(vm, e)) != 0 || (rc = vm_irqchip_create(vm, e)) != 0)
		goto fail;
	return (0);
fail:
	vm_destroy(vm);
	return (rc);
}

int
vm_add_vfio(struct vm *vm, int file)
{
	struct kvm_create_device make = { .type = KVM_DEV_TYPE_VFIO };
	int32_t fd = file;
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP, /* its newer name is KVM_DEV_VFIO_FILE */
		.attr = KVM_DEV_VFIO_GROUP_ADD,
		.addr = (uintptr_t)&fd,
	};

	if (vm->vfio == 0) {
		if (ioctl(vm->fd, KVM_CREATE_DEVICE, &make) != 0)
			return (-errno);
		vm->vfio = (int)make.fd;
	}
	return (ioctl(vm->vfio, KVM_SET_DEVICE_ATTR, &attr) == 0 ? 0 : -errno);
}

void
vm_destroy(struct vm *vm)
{
	if (vm->vfio > 0)
		(void)close(vm->vfio);
	vm->vfio = 0;
	fd_close(&vm->fd);
	fd_close(&vm->kvm);
	free(vm->routes);
	vm->routes = NULL;
	(void)pthread_mutex_destroy(&vm->routes_mutex);
	(void)pthread_mutex_destroy(&vm->slots_mutex);
	(void)pthread_mutex_destroy(&vm->ioapic_lock.mutex);
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
