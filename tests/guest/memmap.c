/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks what PVH's start information says: memory map (RAM adds up to the size, given on the
 * command line in MiB; nothing overlaps), command line, initrd whose bytes must be 0, 1, 2 and
 * so on modulo 251. Memory named is memory: its first and last word below 4 GiB keep a value.
 */
#include "guest.h"

static uint64_t
number(const char *s)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return (v);
}

static void
keeps_a_value(uint64_t addr)
{
	volatile uint64_t *p = (volatile uint64_t *)addr;
	uint64_t old = *p;

	*p = 0x1122334455667788;
	CHECK(*p == 0x1122334455667788, addr);
	*p = old;
}

static void
check_map(const struct start_info *info, uint64_t mib)
{
	const struct memmap_entry *map = (const struct memmap_entry *)info->memmap;
	uint64_t end = 0, ram = 0;

	CHECK(info->memmap_entries >= 3, info->memmap_entries);
	for (uint32_t i = 0; i < info->memmap_entries; i++) {
		CHECK(map[i].size != 0, i);
		CHECK(map[i].addr >= end, map[i].addr);
		end = map[i].addr + map[i].size;
		if (map[i].type != 1)
			continue;
		ram += map[i].size;
		if (end <= 0x100000000 && map[i].addr >= 0x100000) {
			keeps_a_value(map[i].addr + 0x700000 % map[i].size);
			keeps_a_value(end - 8);
		}
	}
	/* The area from 640 KiB to 1 MiB is not RAM to the guest. */
	CHECK(ram == (mib << 20) - 0x60000, ram);
}

static void
check_initrd(const struct start_info *info)
{
	const uint64_t *module = (const uint64_t *)info->modlist;
	const uint8_t *p;

	if (info->nr_modules == 0)
		return;
	p = (const uint8_t *)module[0];
	CHECK(module[1] == 100000, module[1]);
	for (uint64_t i = 0; i < 512; i++)
		CHECK(p[i] == i % 251, i);
	CHECK(p[99999] == 99999 % 251, p[99999]);
	put_text("initrd ");
}

void
guest_main(const struct start_info *info)
{
	CHECK(info->magic == 0x336ec578 && info->version == 1, info->version);
	check_map(info, number((const char *)info->cmdline));
	check_initrd(info);
	put_text("ok\n");
}
