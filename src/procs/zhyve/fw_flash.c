/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot ROM's flash chips in the machine: the variable store with its file, and the ROM itself,
 * which cannot be written. See firmware.h. Built in zhyve's main thread before any guest code;
 * then entered by vCPUs.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/flash_file.h"
#include "base/log.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

static uint64_t
rom_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return (UINT64_MAX); /* reads never leave KVM */
}

static void
rom_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	static atomic_bool said;

	(void)dev;
	(void)size;
	(void)val;
	if (!atomic_exchange(&said, true))
		log_info("the guest writes to its boot ROM (offset 0x%llx): ignored",
		    (unsigned long long)off);
}

/* In array mode the guest reads without leaving KVM, else every access comes to the chip. */
static void
array_mode(void *ctx, bool on)
{
	struct machine *m = ctx;
	struct boot_rom *r = &m->firmware->rom;
	int rc;

	if (on)
		rc = vm_mem_map(&m->vm, r->vars_base, r->vars, r->vars_len, true);
	else
		rc = vm_mem_unmap(&m->vm, r->vars_base);
	if (rc != 0)
		log_guest(
		    "%s: the variable store cannot change its mode: %s", m->name, strerror(-rc));
}

static int
store(void *ctx, uint32_t off, uint32_t len)
{
	struct machine *m = ctx;
	struct firmware *fw = m->firmware;
	int rc = flash_file_store(fw->vars_file.fd, off, fw->rom.vars + off, len);

	if (rc != 0)
		log_guest("%s: what the guest writes to the variable store '%s' is lost: %s",
		    m->name, fw->vars_file.name, strerror(-rc));
	return (rc);
}

int
fw_flash_create(struct machine *m, struct err *e)
{
	static const struct bus_ops rom_ops = { rom_read, rom_write };
	const struct pflash_ops ops = { .array_mode = array_mode, .store = store, .ctx = m };
	struct firmware *fw = m->firmware;
	struct boot_rom *r = &fw->rom;
	const struct bus_region rom = { r->rom_base, r->rom_len, &rom_ops, NULL, NULL, "boot ROM" };
	const struct bus_region vars = { r->vars_base, r->vars_len, &pflash_bus_ops, &fw->flash,
		&fw->flash_lock, "variable store" };
	int rc;

	if ((rc = machine_place(m, false, &rom, e)) != 0)
		return (rc);
	if (r->vars == NULL)
		return (0);
	if ((rc = flash_file_prepare(fw->vars_file.fd, r->vars_len, fw->vars_file.name, e)) != 0)
		return (rc);
	(void)pthread_mutex_init(&fw->flash_lock.mutex, NULL);
	pflash_init(&fw->flash, r->vars, (uint32_t)r->vars_len, &ops);
	return (machine_place(m, false, &vars, e));
}
