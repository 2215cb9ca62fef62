/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices at fixed ports: UART with a peer that blocks, RTC with its timer, the PM block. */
#include "devices/pm.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "fuzz_host.h"

struct peer {
	struct chardev dev;
	size_t room; /* what the UART takes */
	size_t take; /* what the peer takes */
};

static size_t
peer_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct peer *p = c->softc;
	size_t n = len < p->take ? len : p->take;

	p->take -= n;
	return (n);
}

static void
peer_room(struct chardev *c, size_t n)
{
	((struct peer *)c->softc)->room = n;
}

static void
peer_step(struct peer *p, struct fuzz *in)
{
	uint8_t buf[UART_FIFO_SIZE], n = fuzz_u8(in);

	if ((n & 1) != 0) {
		p->take = n;
		p->dev.writable(p->dev.dev);
	} else if (p->room > 0) {
		n = (uint8_t)(1 + n % (p->room < sizeof(buf) ? p->room : sizeof(buf)));
		(void)fuzz_bytes(in, buf, n);
		p->room -= n;
		p->dev.rx(p->dev.dev, buf, n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct chardev_ops peer_ops = { peer_write, peer_room };
	struct fuzz in = { data, size }, time;
	struct dev_timer timer = { 0 };
	struct fuzz_host h;
	struct peer peer = { .dev = { .ops = &peer_ops, .softc = &peer } };
	struct uart uart;
	struct rtc rtc;
	struct pm pm;
	struct {
		const struct bus_ops *ops;
		void *dev;
		unsigned len;
	} port[] = {
		{ &uart_ops, &uart, UART_PORTS },
		{ &rtc_ops, &rtc, RTC_PORT_LEN },
		{ &pm_ops, &pm, PM_PORT_LEN },
		{ &pm_smi_ops, &pm, 1 },
		{ &pm_reset_ops, &pm, 1 },
	};

	fuzz_host_init(&h);
	fuzz_host_timer(&h, &timer);
	uart_init(&uart, &h.irq, &peer.dev);
	rtc_init(&rtc, &h.irq, &h.clock, &timer, 0, FUZZ_RAM, 0);
	pm_init(&pm, &h.irq, &h.ctl, &h.clock);
	while (in.left > 0) {
		unsigned op = fuzz_u8(&in), i = op % 8, bytes = 1u << (op >> 4) % 3, off;

		if (i == 5) {
			time = (struct fuzz){ in.p - 1, in.left < 3 ? in.left + 1 : 4 };
			fuzz_host_run(&h, NULL, &time);
		} else if (i == 6) {
			peer_step(&peer, &in);
		} else if (i == 7) {
			(void)pm_power_button(&pm);
		} else {
			off = fuzz_u8(&in) % port[i].len;
			if (off + bytes > port[i].len)
				bytes = 1;
			if ((op & 8) != 0)
				(void)port[i].ops->read(port[i].dev, off, bytes);
			else
				port[i].ops->write(port[i].dev, off, bytes, fuzz_value(&in, bytes));
		}
	}
	fuzz_host_fini(&h);
	return (0);
}
