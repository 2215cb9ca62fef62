/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot ROMs: see boot_rom.h. Files are copied into our own memory, never mapped: a file that
 * shrinks while the guest runs must not become a signal. Runs in zhyve, before any guest code.
 */
#include "vmm/boot_rom.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/checked.h"

#define ROM_UNIT          4096u
#define MSR_MTRR_DEF_TYPE 0x2ff

/* An edk2 firmware volume's header (UEFI PI 1.8, volume 3, 3.2.1.1). */
#define FV_HEADER    56
#define FV_LENGTH    32
#define FV_SIGNATURE 40

static int
load_file(const struct boot_file *f, uint8_t **out, struct err *e)
{
	void *p;
	int rc;

	if (f->size % ROM_UNIT != 0 || f->size > BOOT_ROM_MAX)
		return (err_say(e, EINVAL,
		    "'%s' has %llu bytes: a multiple of 4 KiB and at most 16 MiB can be one",
		    f->name, (unsigned long long)f->size));
	p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return (err_set(e, errno, "no memory for '%s'", f->name));
	if ((rc = boot_file_read(f, 0, p, f->size, e)) != 0) {
		(void)munmap(p, f->size);
		return (rc);
	}
	*out = p;
	return (0);
}

/*
 * A variable store of edk2 says how long it is, and together with its ROM it fills a flash chip
 * of a power of two: what does not was cut, or made for another ROM.
 */
static int
check_vars(const struct boot_rom *r, const struct boot_file *rom, const struct boot_file *vars,
    struct err *e)
{
	uint64_t said;

	if (r->rom_len + r->vars_len > BOOT_ROM_MAX)
		return (err_say(e, EINVAL,
		    "'%s' and '%s' together have more than the 16 MiB that a boot ROM can have",
		    rom->name, vars->name));
	if (r->vars_len < FV_HEADER || memcmp(r->vars + FV_SIGNATURE, "_FVH", 4) != 0)
		return (0);
	said = le64_get(r->vars + FV_LENGTH);
	if (said != r->vars_len)
		return (err_say(e, EINVAL,
		    "the variable store '%s' is damaged: it has %llu bytes, its header says %llu. "
		    "Start with a fresh copy of the one that came with the ROM",
		    vars->name, (unsigned long long)r->vars_len, (unsigned long long)said));
	if (!IS_POW2(r->rom_len + r->vars_len))
		return (err_say(e, EINVAL,
		    "the variable store '%s' (%llu bytes) was not made for the ROM '%s' (%llu "
		    "bytes): "
		    "OVMF_VARS_4M.fd goes with OVMF_CODE_4M.fd, OVMF_VARS.fd with OVMF_CODE.fd",
		    vars->name, (unsigned long long)r->vars_len, rom->name,
		    (unsigned long long)r->rom_len));
	return (0);
}

int
boot_rom_load(
    struct boot_rom *r, const struct boot_file *rom, const struct boot_file *vars, struct err *e)
{
	int rc;

	*r = (struct boot_rom){ .rom_len = rom->size };
	if ((rc = load_file(rom, &r->rom, e)) != 0)
		return (err_ctx(e, "boot ROM"));
	r->rom_base = BOOT_ROM_END - r->rom_len;
	if (vars->fd < 0)
		return (0);
	r->vars_len = vars->size;
	if ((rc = load_file(vars, &r->vars, e)) != 0 || (rc = check_vars(r, rom, vars, e)) != 0)
		return (err_ctx(e, "boot ROM"));
	r->vars_base = r->rom_base - r->vars_len;
	return (0);
}

int
boot_rom_map(struct boot_rom *r, struct vm *vm, struct err *e)
{
	uint64_t isa = MIN(r->rom_len, (uint64_t)BOOT_ROM_ISA_LEN);
	uint64_t at = BOOT_ROM_ISA + BOOT_ROM_ISA_LEN - isa;
	int rc;

	if (gmem_write(vm->gmem, at, r->rom + r->rom_len - isa, isa) != 0)
		return (err_say(
		    e, ENOMEM, "a machine with a boot ROM needs at least 1 MiB of memory (-m)"));
	rc = vm_mem_map(vm, r->rom_base, r->rom, r->rom_len, true);
	if (rc == 0 && r->vars_len != 0)
		rc = vm_mem_map(vm, r->vars_base, r->vars, r->vars_len, true);
	if (rc != 0)
		return (err_set(e, -rc, "cannot give the boot ROM to KVM"));
	return (0);
}

int
boot_rom_reset_vcpu(int vcpu_fd, struct err *e)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} m = {
		.head.nmsrs = 1,
		.entry = { { .index = MSR_MTRR_DEF_TYPE, .data = 0 } },
	};

	/* MTRRs off: a ROM sets them up itself. */
	if (ioctl(vcpu_fd, KVM_SET_MSRS, &m) < 0)
		return (err_set(e, errno, "cannot set the vCPUs' memory types"));
	return (0);
}
