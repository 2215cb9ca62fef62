/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A serial port with its 16-byte FIFOs (National Semiconductor PC16550D data sheet). There
 * is no baud rate: bytes move as fast as guest and backend take them.
 *
 * Transmission: bytes go to the backend at once; when it takes less, up to UART_TX_BUF of them
 * wait and are handed over as one run when it is writable again. The guest sees the transmitter
 * empty while a full FIFO's worth still fits, so a slow backend holds the guest back and loses
 * nothing. Reception: the backend gets room for what the FIFO takes, never more.
 *
 * Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_UART_H
#define ZHYVE_DEVICES_UART_H

#include "devices/bus.h"
#include "devices/chardev.h"
#include "devices/device.h"

#define UART_PORTS     8 /* I/O ports it takes */
#define UART_FIFO_SIZE 16
#define UART_TX_BUF    256 /* power of two */

struct uart {
	struct irq_line irq;
	struct chardev *chardev; /* NULL: nothing attached, output is dropped */
	uint8_t ier, lcr, mcr, scr, dll, dlm, fcr;
	uint8_t lsr_errors; /* LSR bits that reading LSR clears */
	uint8_t msr_delta;  /* MSR bits that reading MSR clears */
	bool thre_pending;  /* transmitter-empty interrupt not yet acknowledged */
	bool irq_level;     /* as the line is driven */
	bool tx_blocked;    /* the backend took less than offered; writable is to come */
	uint8_t rx[UART_FIFO_SIZE];
	unsigned rx_head, rx_count;
	size_t rx_granted; /* what the backend may still give */
	uint8_t tx[UART_TX_BUF];
	unsigned tx_head, tx_count;
};

/*
 * Set up a port in its reset state. `irq` is copied; `c` (may be NULL) outlives the uart and gets
 * its rx, writable and dev set, and is granted room.
 */
void uart_init(struct uart *u, const struct irq_line *irq, struct chardev *c);
/* Machine reset. Bytes that the guest sent are not lost: they stay queued for the backend. */
void uart_reset(struct uart *u);

/* Ports, off 0-7; wider accesses than a byte are split into bytes. `dev` is the struct uart. */
extern const struct bus_ops uart_ops;

struct state;
/*
 * Save or load it (state.h): loading is for one that is fresh. What waits for the backend is offered
 * to it by uart_resume.
 */
int uart_state(struct uart *u, struct state *st);
void uart_resume(struct uart *u);

#endif
