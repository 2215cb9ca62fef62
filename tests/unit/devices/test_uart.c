/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A: registers, FIFOs, interrupt order, back-pressure both ways, and Linux's 8250 probes. */
#include "devices/uart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
	DATA,
	IER,
	IIR,
	LCR,
	MCR,
	LSR,
	MSR,
	SCR
};
#define FCR IIR

static struct uart uart;
static bool line;
static unsigned edges;

/* A backend that takes up to `out_room` bytes and remembers them and the room granted. */
static char out[4096];
static size_t out_len, out_room, out_calls, granted, grants;

static size_t
mem_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	size_t n = len < out_room ? len : out_room;

	assert_true(out_len + n <= sizeof(out));
	memcpy(out + out_len, buf, n);
	out_len += n;
	out_room -= n;
	out_calls++;
	return (n);
}

static void
mem_rx_room(struct chardev *c, size_t n)
{
	granted = n;
	grants++;
}

static const struct chardev_ops mem_ops = { mem_write, mem_rx_room };
static struct chardev chardev = { .ops = &mem_ops };

static void
set_line(void *ctx, unsigned gsi, bool level)
{
	assert_int_equal(gsi, 4);
	assert_true(level != line); /* told of changes only */
	line = level;
	edges += level;
}

static const struct irq_line irq = { .set = set_line, .gsi = 4 };

static int
setup(void **state)
{
	line = false;
	edges = 0;
	out_len = out_calls = granted = grants = 0;
	out_room = sizeof(out);
	uart_init(&uart, &irq, &chardev);
	return (0);
}

static uint8_t
in(unsigned reg)
{
	return ((uint8_t)uart_ops.read(&uart, reg, 1));
}

static void
outb(unsigned reg, uint8_t val)
{
	uart_ops.write(&uart, reg, 1, val);
}

/* What the outside types, as far as the uart granted room. */
static void
type(const char *s, size_t len)
{
	assert_true(len <= granted);
	granted -= len;
	chardev.rx(chardev.dev, (const uint8_t *)s, len);
}

static void
test_reset_state(void **state)
{
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(granted, 1);
}

static void
test_registers(void **state)
{
	outb(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	outb(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	outb(IER, 0);
	outb(LCR, 0x83);
	outb(DATA, 0x01);
	outb(IER, 0x02);
	assert_int_equal(in(DATA), 0x01);
	assert_int_equal(in(IER), 0x02);
	outb(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(LCR), 0x03);
	outb(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
	outb(MCR, 0);
	outb(LSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(out_len, 0);
}

static void
test_fifo_identification(void **state)
{
	outb(FCR, 0x01);
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(granted, 16);
	outb(FCR, 0x00);
	assert_int_equal(in(IIR), 0x01);
	/* The bits besides enable only count together with it. */
	outb(FCR, 0xc0);
	assert_int_equal(in(IIR), 0x01);
}

static void
test_output_at_once(void **state)
{
	outb(DATA, 'h');
	assert_int_equal(out_len, 1);
	outb(DATA, 'i');
	assert_memory_equal(out, "hi", 2);
	assert_int_equal(in(LSR), 0x60);
}

/* A backend that is busy gets the rest as one run. */
static void
test_output_backpressure(void **state)
{
	out_room = 1;
	for (unsigned i = 0; i < 100; i++) {
		assert_true((in(LSR)&0x20) != 0);
		outb(DATA, (uint8_t)i);
	}
	assert_int_equal(out_len, 1);
	assert_int_equal(out_calls, 2); /* the first byte, the refusal; none per byte after */
	out_room = 1000;
	chardev.writable(chardev.dev);
	assert_int_equal(out_calls, 3);
	assert_int_equal(out_len, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(out[i], i);
}

static void
test_output_full(void **state)
{
	unsigned sent = 0;

	out_room = 0;
	outb(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	while ((in(LSR)&0x20) != 0) {
		for (unsigned i = 0; i < 16; i++)
			outb(DATA, (uint8_t)sent++);
	}
	/* All of it is kept: a driver that fills the FIFO when told it is empty loses nothing. */
	assert_true(sent <= UART_TX_BUF);
	assert_int_equal(in(LSR), 0);
	assert_false(line);
	for (unsigned i = 0; i < 1000; i++) /* one that does not listen loses its bytes, no more */
		outb(DATA, 0xee);
	out_room = 1;
	chardev.writable(chardev.dev);
	assert_false(line);
	out_room = sizeof(out) - 1;
	chardev.writable(chardev.dev);
	assert_true(line);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(out_len, UART_TX_BUF);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal((uint8_t)out[i], (uint8_t)i);
}

/* Linux, serial8250_do_startup: enabling the interrupt twice must raise it twice. */
static void
test_linux_thre_test(void **state)
{
	outb(IER, 0x02);
	assert_true(line);
	assert_int_equal(in(IIR), 0x02);
	assert_false(line);
	outb(IER, 0x00);
	outb(IER, 0x02);
	assert_true(line);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x01); /* reading it acknowledged it */
	outb(IER, 0x00);
	assert_false(line);
}

/* Linux, autoconfig: OUT2 and RTS come back as DCD and CTS. */
static void
test_linux_loopback_test(void **state)
{
	outb(MCR, 0x1a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	outb(MCR, 0x15);
	assert_int_equal(in(MSR)&0xf0, 0x60);
}

static void
test_loopback_data(void **state)
{
	outb(FCR, 0x01);
	outb(MCR, 0x10);
	assert_int_equal(granted, 0); /* the outside is cut off */
	outb(DATA, 'x');
	outb(DATA, 'y');
	assert_int_equal(out_len, 0);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'x');
	assert_int_equal(in(DATA), 'y');
	assert_int_equal(in(LSR), 0x60);
	outb(MCR, 0);
	assert_int_equal(granted, 16);
	outb(MCR, 0x10);
	for (unsigned i = 0; i < 17; i++)
		outb(DATA, (uint8_t)i);
	assert_int_equal(in(LSR), 0x63); /* overrun, cleared by reading */
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 0);
}

static void
test_modem_deltas(void **state)
{
	outb(IER, 0x08);
	assert_false(line);
	outb(MCR, 0x10); /* CTS, DSR and DCD fall */
	assert_true(line);
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0x0b);
	assert_false(line);
	outb(MCR, 0x14);
	assert_int_equal(in(MSR), 0x40);
	outb(MCR, 0x10); /* the trailing edge of RI */
	assert_int_equal(in(MSR), 0x04);
}

static void
test_input_trigger_and_timeout(void **state)
{
	outb(FCR, 0x81); /* trigger at 8 */
	outb(IER, 0x01);
	type("1234567", 7);
	assert_true(line);
	assert_int_equal(in(IIR), 0xcc); /* below the trigger: timeout */
	type("8", 1);
	assert_int_equal(in(IIR), 0xc4);
	for (char c = '1'; c <= '8'; c++) {
		assert_true((in(LSR)&1) != 0);
		assert_int_equal(in(DATA), c);
	}
	assert_false(line);
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(edges, 1);
}

static void
test_input_backpressure(void **state)
{
	outb(FCR, 0x01);
	type("0123456789abcdef", 16);
	assert_int_equal(granted, 0);
	grants = 0;
	for (unsigned i = 0; i < 15; i++)
		in(DATA);
	assert_int_equal(grants, 0);
	assert_int_equal(in(DATA), 'f');
	assert_int_equal(grants, 1);
	assert_int_equal(granted, 16);
	assert_int_equal(in(DATA), 0);
	assert_int_equal(in(LSR), 0x60);
}

static void
test_input_without_fifo(void **state)
{
	outb(IER, 0x01);
	type("a", 1);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(granted, 0);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(granted, 1);
	assert_int_equal(in(IIR), 0x01);
}

/* A backend that breaks its word: the surplus is dropped and told. */
static void
test_input_overrun(void **state)
{
	outb(FCR, 0x01);
	outb(IER, 0x04);
	chardev.rx(chardev.dev, (const uint8_t *)"0123456789abcdefXYZ", 19);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(in(DATA), '0');
}

static void
test_interrupt_priority(void **state)
{
	outb(FCR, 0x01);
	outb(IER, 0x0f);
	outb(MCR, 0x10);
	for (unsigned i = 0; i < 17; i++)
		outb(DATA, 'z');
	assert_int_equal(in(IIR), 0xc6); /* line status */
	in(LSR);
	assert_int_equal(in(IIR), 0xc4); /* data */
	for (unsigned i = 0; i < 16; i++)
		in(DATA);
	assert_int_equal(in(IIR), 0xc2); /* transmitter */
	assert_int_equal(in(IIR), 0xc0); /* modem */
	in(MSR);
	assert_int_equal(in(IIR), 0xc1);
	assert_false(line);
}

static void
test_fifo_reset(void **state)
{
	outb(FCR, 0x01);
	outb(IER, 0x01);
	type("abc", 3);
	outb(FCR, 0x03);
	assert_false(line);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(granted, 16);
	type("abc", 3);
	outb(FCR, 0x00); /* leaving FIFO mode empties it as well */
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(granted, 1);
}

static void
test_wide_accesses(void **state)
{
	uart_ops.write(&uart, LCR, 2, 0x0083); /* LCR, MCR */
	uart_ops.write(&uart, DATA, 2, 0x0201);
	assert_int_equal(uart_ops.read(&uart, DATA, 2), 0x0201);
	assert_int_equal(uart_ops.read(&uart, LCR, 4), 0xb0600083);
	for (unsigned off = 0; off < UART_PORTS; off++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			(void)uart_ops.read(&uart, off, size);
			uart_ops.write(&uart, off, size, UINT64_MAX);
		}
	}
}

static void
test_no_backend(void **state)
{
	uart_init(&uart, &irq, NULL);
	for (unsigned i = 0; i < 1000; i++)
		outb(DATA, 'x');
	assert_int_equal(in(LSR), 0x60);
	outb(FCR, 0x07);
	outb(MCR, 0x10);
	outb(DATA, 'q');
	assert_int_equal(in(DATA), 'q');
	uart_reset(&uart);
}

/* Anything a guest and a backend may do, from a fixed seed: the line always says what IIR says. */
static void
test_random(void **state)
{
	unsigned seed = 11;

	for (unsigned i = 0; i < 300000; i++) {
		unsigned reg = (unsigned)rand_r(&seed) % 8, what = (unsigned)rand_r(&seed) % 8;
		size_t n = (unsigned)rand_r(&seed) % 17;
		bool was;

		out_len = 0;
		if (what < 4) {
			outb(reg, (uint8_t)rand_r(&seed));
		} else if (what < 6) {
			(void)in(reg);
		} else if (what == 6) {
			type("0123456789abcdef", n < granted ? n : granted);
		} else {
			out_room = n * 8;
			if (uart.tx_blocked)
				chardev.writable(chardev.dev);
		}
		assert_true(uart.tx_count <= UART_TX_BUF && uart.rx_count <= UART_FIFO_SIZE);
		assert_true(uart.rx_head < UART_FIFO_SIZE && uart.tx_head < UART_TX_BUF);
		was = line;
		assert_int_equal((in(IIR)&1) == 0, was);
	}
}

static void
test_machine_reset(void **state)
{
	outb(FCR, 0x01);
	outb(IER, 0x03);
	out_room = 0;
	outb(DATA, 'k');
	type("abc", 3);
	assert_true(line);
	uart_reset(&uart);
	assert_false(line);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(granted, 1);
	out_room = 1;
	chardev.writable(chardev.dev);
	assert_int_equal(out[0], 'k'); /* was sent before the reset */
}

#define T(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset_state),
		T(test_registers),
		T(test_fifo_identification),
		T(test_output_at_once),
		T(test_output_backpressure),
		T(test_output_full),
		T(test_linux_thre_test),
		T(test_linux_loopback_test),
		T(test_loopback_data),
		T(test_modem_deltas),
		T(test_input_trigger_and_timeout),
		T(test_input_backpressure),
		T(test_input_without_fifo),
		T(test_input_overrun),
		T(test_interrupt_priority),
		T(test_fifo_reset),
		T(test_wide_accesses),
		T(test_no_backend),
		T(test_random),
		T(test_machine_reset),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
