/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debugger's protocol: bytes as they come from a socket, in pieces, sometimes as packets with the
 * right sum, against a machine of two vCPUs and a page of memory that stops now and then.
 */
#include <errno.h>

#include "fuzz.h"

#define TOY_CPUS 2
#define TOY_BASE 0
#define TOY_LEN  4096
#include "../unit/vmm/gdb_toy.h"

static int
breakpoint(void *ctx, enum gdb_break kind, uint64_t addr, uint64_t len, bool insert)
{
	(void)ctx;
	(void)addr;
	(void)len;
	(void)insert;
	return (kind == GDB_WATCH_READ ? -ENOTSUP : 0);
}

static void
action(void *ctx, unsigned cpu, enum gdb_action what)
{
	(void)ctx;
	(void)what;
	if (cpu > 1)
		__builtin_trap();
}

static void
nothing(void *ctx)
{
	(void)ctx;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gdb_ops ops = { toy_read_regs, toy_write_regs, toy_read_mem, toy_write_mem,
		breakpoint, action, nothing, nothing, nothing, nothing, NULL };
	static struct gdb_server g;
	struct fuzz f = { data, size };
	char frame[260];

	gdb_server_init(&g, &ops, 2);
	while (f.left > 0) {
		uint8_t op = fuzz_u8(&f), n = fuzz_u8(&f), sum = 0;
		size_t len = fuzz_bytes(&f, frame + 1, n);

		if ((op & 3) == 0) {
			(void)gdb_server_input(&g, frame + 1, len);
		} else {
			static const char digit[] = "0123456789abcdef";

			frame[0] = '$';
			for (size_t i = 1; i <= len; i++)
				sum = (uint8_t)(sum + (uint8_t)frame[i]);
			frame[len + 1] = '#';
			frame[len + 2] = digit[sum >> 4];
			frame[len + 3] = digit[sum & 15];
			(void)gdb_server_input(&g, frame, len + 4);
		}
		if (g.out_len > sizeof(g.out))
			__builtin_trap();
		if ((op & 4) != 0)
			gdb_server_sent(&g, op);
		if ((op & 8) != 0)
			gdb_server_sent(&g, g.out_len);
		if ((op & 16) != 0)
			gdb_server_stopped(&g, op >> 5, GDB_SIGTRAP, "awatch", n);
	}
	return (0);
}
