/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard controller with keyboard and mouse, between a guest's ports and a client's input. */
#include "devices/i8042.h"

#include <assert.h>

#include "fuzz_host.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct input_pointer p;
	struct fuzz_host h;
	struct i8042 c;

	fuzz_host_init(&h);
	i8042_init(&c, &h.irq, &h.irq, &h.ctl);
	while (in.left > 0) {
		switch (fuzz_u8(&in) % 6) {
		case 0:
			i8042_cmd_ops.write(&c, 0, 1, fuzz_u8(&in));
			break;
		case 1:
			i8042_data_ops.write(&c, 0, 1, fuzz_u8(&in));
			break;
		case 2:
			(void)i8042_data_ops.read(&c, 0, 1);
			break;
		case 3:
			i8042_key(&c, fuzz_u8(&in), fuzz_u8(&in) & 1);
			break;
		case 4:
			p = (struct input_pointer){ .px = fuzz_u16(&in), .py = fuzz_u16(&in) };
			p.buttons = fuzz_u8(&in);
			p.wheel = (int8_t)fuzz_u8(&in);
			i8042_pointer(&c, &p);
			break;
		default:
			for (unsigned n = fuzz_u8(&in); n > 0; n--)
				(void)i8042_data_ops.read(&c, 0, 1);
		}
		assert(c.kbd.out.n <= PS2_QUEUE && c.mouse.out.n <= PS2_QUEUE);
	}
	fuzz_host_fini(&h);
	return (0);
}
