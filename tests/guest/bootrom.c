/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Started from a boot ROM (rom.S): where ROM, its copy below 1 MiB and the variable store are,
 * that only the store can be written and only by commands, that it comes back the next time; what
 * fw_cfg offers, by port and by DMA.
 */
#include "guest.h"

#define ROM     0xfffe0000u
#define ROM_LEN 0x20000u
#define ISA     0xe0000u
#define VARS    (ROM - 0x3000u) /* three blocks */
#define TEXT    (VARS + 0x1ffc) /* over the border of two blocks */

static const char text[] = "durable";
static uint32_t dma_request[4] __attribute__((aligned(16)));
static char dma_buffer[64];

static bool
same(uint64_t at, const char *s, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		if (mmio8(at + i) != (uint8_t)s[i])
			return (false);
	}
	return (true);
}

static void
check_rom(void)
{
	uint32_t before = mmio32(ROM);

	for (uint32_t i = 0; i < ROM_LEN; i += 4)
		CHECK(mmio32(ISA + i) == mmio32(ROM + i), i);
	mmio32_put(ROM, ~before);
	CHECK(mmio32(ROM) == before, mmio32(ROM));
	mmio8_put(ISA + 5, 0x5a); /* RAM */
	CHECK(mmio8(ISA + 5) == 0x5a, mmio8(ISA + 5));
}

/* As OVMF finds out whether it has flash. */
static void
check_detection(void)
{
	uint8_t before = mmio8(VARS);

	mmio8_put(VARS, 0x50);
	CHECK(mmio8(VARS) == before, mmio8(VARS));
	mmio8_put(VARS, 0x70);
	CHECK(mmio8(VARS) == 0, mmio8(VARS));
	mmio8_put(VARS, 0xff);
	CHECK(mmio8(VARS) == before, mmio8(VARS));
}

static void
write_vars(void)
{
	for (unsigned i = 0; i < sizeof(text); i++) {
		mmio8_put(TEXT + i, 0x10);
		CHECK(!i || (mmio8(TEXT) & 0x80) != 0, mmio8(TEXT));
		mmio8_put(TEXT + i, (uint8_t)text[i]);
	}
	mmio8_put(TEXT, 0xff);
	CHECK(same(TEXT, text, sizeof(text)), mmio8(TEXT));
	mmio8_put(VARS + 0x123, 0x20);
	mmio8_put(VARS + 0x123, 0xd0);
	CHECK(mmio8(VARS) == 0x80, mmio8(VARS));
	mmio8_put(VARS, 0xff);
	CHECK(mmio32(VARS) == 0xffffffff && mmio32(VARS + 0xffc) == 0xffffffff, mmio32(VARS));
}

static void
check_fwcfg(void)
{
	static const char sig[] = "QEMU";
	uint32_t count, key = 0;

	out16(0x510, 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK(in8(0x511) == sig[i], i);
	out16(0x510, 0x19);
	for (unsigned i = count = 0; i < 4; i++)
		count = count << 8 | in8(0x511);
	for (; count > 0 && key == 0; count--) {
		uint8_t entry[64];

		for (unsigned i = 0; i < 64; i++)
			entry[i] = in8(0x511);
		if (same((uintptr_t)entry + 8, "opt/test", 9))
			key = (uint32_t)entry[4] << 8 | entry[5];
	}
	CHECK(key != 0, key);
	dma_request[0] = __builtin_bswap32(key << 16 | 0x08 | 0x02);
	dma_request[1] = __builtin_bswap32(sizeof(dma_buffer));
	dma_request[2] = 0;
	dma_request[3] = __builtin_bswap32((uint32_t)(uintptr_t)dma_buffer);
	out32(0x514, 0);
	out32(0x518, __builtin_bswap32((uint32_t)(uintptr_t)dma_request));
	CHECK(mmio32((uintptr_t)dma_request) == 0, dma_request[0]);
	CHECK(same((uintptr_t)dma_buffer, "handed over", 12), (uint8_t)dma_buffer[0]);
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	CHECK(in16(0x604) == 0, in16(0x604)); /* the PM block is where ROMs expect it */
	check_rom();
	check_fwcfg();
	check_detection();
	if (same(TEXT, text, sizeof(text)))
		put_text("again\n");
	else
		write_vars();
	put_text("ok\n");
	out16(0x604, 0x3400);
}
