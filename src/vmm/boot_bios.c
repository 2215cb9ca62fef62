/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux kernel that a BIOS starts in real mode: can it be, and where does its initrd go? See
 * boot.h; Documentation/arch/x86/boot.rst. Pure. Runs in zhyve's main thread before any guest code.
 */
#include <string.h>

#include "base/checked.h"
#include "vmm/boot.h"

#define INITRD_ALIGN  4096u
#define BIOS_RESERVED (1u << 20) /* what SeaBIOS keeps at the top of RAM below 4 GiB, rounded up */
#define KERNEL_ADDR   0x100000u
#define SETUP_MAX     0x8000u /* the real-mode code's segment has its heap behind that */
#define CMDLINE_MAX   0x10000u

/* The setup header, counted from the file's start. */
#define H_MAGIC            0x202
#define H_VERSION          0x206
#define H_LOADFLAGS        0x211
#define LOADED_HIGH        0x01
#define H_INITRD_MAX       0x22c
#define H_INIT_SIZE        0x260
#define H_END              0x264
#define V_CMDLINE          0x202 /* the first with a pointer to the command line */
#define V_INITRD_MAX       0x203
#define V_INIT_SIZE        0x20a
#define INITRD_MAX_DEFAULT 0x37ffffffu

static bool
setup_ok(const uint8_t *setup, uint64_t len)
{
	return (len >= H_END && len <= SETUP_MAX && memcmp(setup + H_MAGIC, "HdrS", 4) == 0 &&
	    le16_get(setup + H_VERSION) >= V_CMDLINE && (setup[H_LOADFLAGS] & LOADED_HIGH) != 0);
}

bool
boot_bios_place(const struct boot_bios *b, uint32_t *initrd)
{
	uint64_t top = b->lowmem, bottom = KERNEL_ADDR + b->kernel_len;
	uint32_t last = INITRD_MAX_DEFAULT;

	if (!setup_ok(b->setup, b->setup_len) || b->cmdline_len > CMDLINE_MAX ||
	    b->lowmem < BIOS_RESERVED)
		return (false);
	if (le16_get(b->setup + H_VERSION) >= V_INIT_SIZE)
		bottom = MAX(bottom, KERNEL_ADDR + (uint64_t)le32_get(b->setup + H_INIT_SIZE));
	if (le16_get(b->setup + H_VERSION) >= V_INITRD_MAX)
		last = le32_get(b->setup + H_INITRD_MAX);
	top = MIN(top - BIOS_RESERVED, last + 1ull) & ~(uint64_t)(INITRD_ALIGN - 1);
	if (bottom > top || ROUND_UP(b->initrd_len, INITRD_ALIGN) > top - bottom)
		return (false);
	*initrd = b->initrd_len == 0 ? 0 : (uint32_t)(top - ROUND_UP(b->initrd_len, INITRD_ALIGN));
	return (true);
}
