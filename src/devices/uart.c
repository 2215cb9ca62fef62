/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A serial port: see uart.h. The interrupt line is level-driven from the enabled causes, so
 * an edge reaches the interrupt controller whenever one appears while none was there. Pure; runs
 * in zhyve.
 */
#include "devices/uart.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

enum uart_reg {
	REG_DATA, /* RBR and THR; DLL with DLAB */
	REG_IER,  /* DLM with DLAB */
	REG_IIR,  /* FCR when written */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR
};

#define IER_RX      0x01
#define IER_TX      0x02
#define IER_LINE    0x04
#define IER_MODEM   0x08
#define IER_MASK    0x0F

#define IIR_MODEM   0x00
#define IIR_NONE    0x01
#define IIR_TX      0x02
#define IIR_RX      0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0C
#define IIR_FIFO    0xC0

#define FCR_ENABLE  0x01
#define FCR_RX_RST  0x02
#define FCR_TX_RST  0x04
#define FCR_DMA     0x08
#define FCR_TRIGGER 0xC0

#define LCR_DLAB    0x80

#define MCR_DTR     0x01
#define MCR_RTS     0x02
#define MCR_OUT1    0x04
#define MCR_OUT2    0x08
#define MCR_LOOP    0x10
#define MCR_MASK    0x1F

#define LSR_DR      0x01
#define LSR_OE      0x02
#define LSR_THRE    0x20
#define LSR_TEMT    0x40

#define MSR_DCTS    0x01
#define MSR_DDSR    0x02
#define MSR_TERI    0x04
#define MSR_DDCD    0x08
#define MSR_CTS     0x10
#define MSR_DSR     0x20
#define MSR_RI      0x40
#define MSR_DCD     0x80

/* 9600 baud from 1.8432 MHz: what a guest finds that asks what firmware has set. */
#define DIVISOR_RESET 12

static unsigned
rx_size(const struct uart *u)
{
	return ((u->fcr & FCR_ENABLE) != 0 ? UART_FIFO_SIZE : 1);
}

static unsigned
rx_trigger(const struct uart *u)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return ((u->fcr & FCR_ENABLE) != 0 ? level[u->fcr >> 6] : 1);
}

static bool
tx_empty(const struct uart *u)
{
	return (UART_TX_BUF - u->tx_count >= UART_FIFO_SIZE);
}

static uint8_t
lsr_value(const struct uart *u)
{
	uint8_t lsr = u->lsr_errors;

	if (u->rx_count != 0)
		lsr |= LSR_DR;
	if (tx_empty(u))
		lsr |= LSR_THRE | LSR_TEMT;
	return (lsr);
}

/* Modem lines: of a peer that is always there, or our own outputs in loopback. */
static uint8_t
msr_lines(const struct uart *u)
{
	uint8_t msr = 0;

	if ((u->mcr & MCR_LOOP) == 0)
		return (MSR_CTS | MSR_DSR | MSR_DCD);
	if ((u->mcr & MCR_RTS) != 0)
		msr |= MSR_CTS;
	if ((u->mcr & MCR_DTR) != 0)
		msr |= MSR_DSR;
	if ((u->mcr & MCR_OUT1) != 0)
		msr |= MSR_RI;
	if ((u->mcr & MCR_OUT2) != 0)
		msr |= MSR_DCD;
	return (msr);
}

/*
 * The highest enabled cause, as the low nibble of IIR. Without a baud rate, received bytes below
 * the trigger level have always waited long enough: the timeout interrupt is there at once.
 */
static uint8_t
iir_cause(const struct uart *u)
{
	if ((u->ier & IER_LINE) != 0 && u->lsr_errors != 0)
		return (IIR_LINE);
	if ((u->ier & IER_RX) != 0 && u->rx_count >= rx_trigger(u))
		return (IIR_RX);
	if ((u->ier & IER_RX) != 0 && u->rx_count != 0)
		return (IIR_TIMEOUT);
	if ((u->ier & IER_TX) != 0 && u->thre_pending)
		return (IIR_TX);
	if ((u->ier & IER_MODEM) != 0 && u->msr_delta != 0)
		return (IIR_MODEM);
	return (IIR_NONE);
}

static void
update_irq(struct uart *u)
{
	bool level = iir_cause(u) != IIR_NONE;

	if (level == u->irq_level)
		return;
	u->irq_level = level;
	irq_set(&u->irq, level);
}

/* Grant the backend what room there is: none in loopback, where the input is cut off. */
static void
grant_room(struct uart *u)
{
	size_t room = rx_size(u) - MIN(u->rx_count, rx_size(u));

	if ((u->mcr & MCR_LOOP) != 0)
		room = 0;
	if (u->chardev == NULL || room == u->rx_granted)
		return;
	u->rx_granted = room;
	u->chardev->ops->rx_room(u->chardev, room);
}

static void
rx_clear(struct uart *u)
{
	u->rx_head = 0;
	u->rx_count = 0;
}

static void
rx_put(struct uart *u, uint8_t byte)
{
	if (u->rx_count >= rx_size(u)) {
		u->lsr_errors |= LSR_OE;
		return;
	}
	u->rx[(u->rx_head + u->rx_count) % UART_FIFO_SIZE] = byte;
	u->rx_count++;
}

static uint8_t
rx_get(struct uart *u)
{
	uint8_t byte;

	if (u->rx_count == 0)
		return (0);
	byte = u->rx[u->rx_head];
	u->rx_head = (u->rx_head + 1) % UART_FIFO_SIZE;
	/* Ask for more when all is read, and not byte by byte: a grant may cost a system call. */
	if (--u->rx_count == 0)
		grant_room(u);
	return (byte);
}

/* Backend: bytes from outside, at most what was granted. */
static void
uart_rx(void *dev, const uint8_t *buf, size_t len)
{
	struct uart *u = dev;

	u->rx_granted -= MIN(len, u->rx_granted);
	for (size_t i = 0; i < len; i++)
		rx_put(u, buf[i]);
	update_irq(u);
}

/* Offer what waits, in runs as long as the ring allows, until the backend takes less. */
static void
tx_flush(struct uart *u)
{
	while (u->tx_count != 0 && !u->tx_blocked) {
		unsigned run = MIN(u->tx_count, UART_TX_BUF - u->tx_head);
		size_t n = u->chardev->ops->write(u->chardev, &u->tx[u->tx_head], run);

		u->tx_head = (u->tx_head + (unsigned)n) % UART_TX_BUF;
		u->tx_count -= (unsigned)n;
		u->tx_blocked = n < run;
	}
}

/* Backend: there is room again. */
static void
uart_writable(void *dev)
{
	struct uart *u = dev;
	bool was_empty = tx_empty(u);

	u->tx_blocked = false;
	tx_flush(u);
	if (!was_empty && tx_empty(u))
		u->thre_pending = true;
	update_irq(u);
}

static void
tx_put(struct uart *u, uint8_t byte)
{
	u->thre_pending = false;
	if ((u->mcr & MCR_LOOP) != 0) {
		rx_put(u, byte);
	} else if (u->chardev != NULL) {
		/*
		 * When full, the guest wrote although told not to: the byte is lost, as in
		 * hardware.
		 */
		if (u->tx_count < UART_TX_BUF) {
			u->tx[(u->tx_head + u->tx_count) % UART_TX_BUF] = byte;
			u->tx_count++;
		}
		tx_flush(u);
	}
	/* It is gone already: empty again, and that is a new interrupt. */
	if (tx_empty(u))
		u->thre_pending = true;
}

static void
write_ier(struct uart *u, uint8_t val)
{
	/* Enabling the interrupt while empty raises it anew: drivers test for and rely on this. */
	if ((val & IER_TX) != 0 && (u->ier & IER_TX) == 0 && tx_empty(u))
		u->thre_pending = true;
	u->ier = val & IER_MASK;
}

static void
write_fcr(struct uart *u, uint8_t val)
{
	if (((val ^ u->fcr) & FCR_ENABLE) != 0 || (val & FCR_RX_RST) != 0)
		rx_clear(u);
	/* FCR_TX_RST drops nothing: what is in our buffer has left the guest's transmitter. */
	u->fcr = (val & FCR_ENABLE) != 0 ? val & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
	if (u->rx_count == 0)
		grant_room(u);
}

static void
write_mcr(struct uart *u, uint8_t val)
{
	uint8_t before = msr_lines(u), after;

	val &= MCR_MASK;
	if (val == u->mcr)
		return;
	u->mcr = val;
	after = msr_lines(u);
	u->msr_delta |= (uint8_t)((before ^ after) & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;
	if ((before & MSR_RI) != 0 && (after & MSR_RI) == 0)
		u->msr_delta |= MSR_TERI;
	grant_room(u);
}

static void
reg_write(struct uart *u, enum uart_reg reg, uint8_t val)
{
	bool dlab = (u->lcr & LCR_DLAB) != 0;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			u->dll = val;
		else
			tx_put(u, val);
		break;
	case REG_IER:
		if (dlab)
			u->dlm = val;
		else
			write_ier(u, val);
		break;
	case REG_IIR:
		write_fcr(u, val);
		break;
	case REG_LCR:
		u->lcr = val;
		break;
	case REG_MCR:
		write_mcr(u, val);
		break;
	case REG_LSR: /* read-only outside a factory */
	case REG_MSR:
		break;
	case REG_SCR:
		u->scr = val;
		break;
	}
	update_irq(u);
}

static uint8_t
read_iir(struct uart *u)
{
	uint8_t iir = iir_cause(u);

	/* Naming the transmitter as the cause acknowledges it. */
	if (iir == IIR_TX)
		u->thre_pending = false;
	return (iir | ((u->fcr & FCR_ENABLE) != 0 ? IIR_FIFO : 0));
}

static uint8_t
reg_read(struct uart *u, enum uart_reg reg)
{
	bool dlab = (u->lcr & LCR_DLAB) != 0;
	uint8_t val = 0;

	switch (reg) {
	case REG_DATA:
		val = dlab ? u->dll : rx_get(u);
		break;
	case REG_IER:
		val = dlab ? u->dlm : u->ier;
		break;
	case REG_IIR:
		val = read_iir(u);
		break;
	case REG_LCR:
		val = u->lcr;
		break;
	case REG_MCR:
		val = u->mcr;
		break;
	case REG_LSR:
		val = lsr_value(u);
		u->lsr_errors = 0;
		break;
	case REG_MSR:
		val = msr_lines(u) | u->msr_delta;
		u->msr_delta = 0;
		break;
	case REG_SCR:
		val = u->scr;
		break;
	}
	update_irq(u);
	return (val);
}

static uint64_t
uart_read(void *dev, uint64_t off, unsigned size)
{
	uint64_t val = 0;

	for (unsigned i = 0; i < size; i++)
		val |= (uint64_t)reg_read(dev, (off + i) % UART_PORTS) << (8 * i);
	return (val);
}

static void
uart_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	for (unsigned i = 0; i < size; i++)
		reg_write(dev, (off + i) % UART_PORTS, (uint8_t)(val >> (8 * i)));
}

const struct bus_ops uart_ops = { uart_read, uart_write };

static void
set_registers(struct uart *u)
{
	u->ier = 0;
	u->lcr = 0;
	u->mcr = 0;
	u->scr = 0;
	u->fcr = 0;
	u->dll = DIVISOR_RESET;
	u->dlm = 0;
	u->lsr_errors = 0;
	u->msr_delta = 0;
	u->thre_pending = false;
	rx_clear(u);
}

void
uart_init(struct uart *u, const struct irq_line *irq, struct chardev *c)
{
	memset(u, 0, sizeof(*u));
	u->irq = *irq;
	u->chardev = c;
	set_registers(u);
	if (c == NULL)
		return;
	c->rx = uart_rx;
	c->writable = uart_writable;
	c->dev = u;
	grant_room(u);
}

void
uart_reset(struct uart *u)
{
	set_registers(u);
	grant_room(u);
	update_irq(u);
}

/* --- state --- */

#define UART_STATE(F, T)                         \
	F(T, irq, OWNS, 0)                       \
	F(T, chardev, OWN, 0)                    \
	F(T, ier, SAVED, IER_MASK)               \
	F(T, lcr, SAVED, STATE_ANY)              \
	F(T, mcr, SAVED, MCR_MASK)               \
	F(T, scr, SAVED, STATE_ANY)              \
	F(T, dll, SAVED, STATE_ANY)              \
	F(T, dlm, SAVED, STATE_ANY)              \
	F(T, fcr, SAVED, STATE_ANY)              \
	F(T, lsr_errors, SAVED, STATE_ANY)       \
	F(T, msr_delta, SAVED, STATE_ANY)        \
	F(T, thre_pending, SAVED, 1)             \
	F(T, irq_level, OWN, 0)                  \
	F(T, tx_blocked, OWN, 0)                 \
	F(T, rx, BYTES, 0)                       \
	F(T, rx_head, SAVED, UART_FIFO_SIZE - 1) \
	F(T, rx_count, SAVED, UART_FIFO_SIZE)    \
	F(T, rx_granted, OWN, 0)                 \
	F(T, tx, BYTES, 0)                       \
	F(T, tx_head, SAVED, UART_TX_BUF - 1)    \
	F(T, tx_count, SAVED, UART_TX_BUF)
STATE_TYPE(uart_type, struct uart, UART_STATE, "uart", 1);

int
uart_state(struct uart *u, struct state *st)
{
	if (state_struct(st, &uart_type, u) < 0 || !st->loading)
		return (st->rc);
	if (u->rx_count > rx_size(u) || (u->chardev == NULL && u->tx_count != 0))
		return (state_refuse(st, EINVAL, "more bytes wait than there is room for"));
	update_irq(u);
	grant_room(u);
	return (0);
}

void
uart_resume(struct uart *u)
{
	if (u->chardev != NULL)
		uart_writable(u);
}
