/* SPDX-License-Identifier: BSD-2-Clause */
/* The i6300esb watchdog: registers, its timer, and pvpanic's one register by the first byte. */
#include "devices/i6300esb.h"

#include <assert.h>

#include "devices/pvpanic.h"
#include "fuzz_host.h"

static void
expired(void *ctx)
{
	(*(unsigned *)ctx)++;
}

static void
report(void *ctx, uint8_t events)
{
	assert(events != 0 && (events & ~PVPANIC_EVENTS) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct dev_timer timer = { 0 };
	struct i6300esb w;
	struct pvpanic p;
	struct fuzz_host h;
	unsigned n = 0;

	fuzz_host_init(&h);
	if ((fuzz_u8(&in) & 7) == 7) {
		pvpanic_init(&p, report, NULL);
		fuzz_host_attach(&h, &p.pci);
		fuzz_host_run(&h, &p.pci, &in);
	} else {
		fuzz_host_timer(&h, &timer);
		i6300esb_init(&w, &h.clock, &timer, expired, &n);
		fuzz_host_attach(&h, &w.pci);
		fuzz_host_run(&h, &w.pci, &in);
	}
	fuzz_host_fini(&h);
	return (0);
}
