/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debugger's side of -G: GDB's remote serial protocol (GDB manual, appendix E) as a state
 * machine. Bytes of the debugger go in, bytes for it come out, what it wants of the machine goes
 * through a table of functions. No system call, no allocation; a malformed packet gets an error or
 * nothing. All-stop: while the machine runs, only an interrupt (0x03) is listened to.
 *
 * Threads are vCPUs: thread n is vCPU n - 1. Runs in zhyve's event loop; believes nothing about
 * the debugger but that it may do what it likes with the guest.
 */
#ifndef ZHYVE_VMM_GDB_SERVER_H
#define ZHYVE_VMM_GDB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GDB_PACKET_MAX 4096
#define GDB_OUT_MAX    (2 * GDB_PACKET_MAX + 64)
#define GDB_XML_MAX    8192

#define GDB_SIGINT     2
#define GDB_SIGTRAP    5

/* A vCPU's registers, in the order of the target description. */
struct gdb_regs {
	uint64_t gpr[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8-r15 */
	uint64_t rip;
	uint32_t eflags, cs, ss, ds, es, fs, gs;
	uint8_t st[8][10];
	uint32_t fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop;
	uint8_t xmm[16][16];
	uint32_t mxcsr;
	uint64_t fs_base, gs_base;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer; /* read-only, as are the selectors */
};

enum gdb_action {
	GDB_HOLD,
	GDB_CONTINUE,
	GDB_STEP
};
/* The numbers of Z packets. */
enum gdb_break {
	GDB_BREAK_SOFT,
	GDB_BREAK_HARD,
	GDB_WATCH_WRITE,
	GDB_WATCH_READ,
	GDB_WATCH_ACCESS
};

/* Called while the machine stands, but for interrupt. 0 or -errno. */
struct gdb_ops {
	int (*read_regs)(void *ctx, unsigned cpu, struct gdb_regs *r);
	int (*write_regs)(void *ctx, unsigned cpu, const struct gdb_regs *r);
	/* At a linear address, by the vCPU's page tables. All of it or an error. */
	int (*read_mem)(void *ctx, unsigned cpu, uint64_t addr, void *buf, size_t len);
	int (*write_mem)(void *ctx, unsigned cpu, uint64_t addr, const void *buf, size_t len);
	/* -ENOTSUP: there are none of the kind. */
	int (*breakpoint)(void *ctx, enum gdb_break kind, uint64_t addr, uint64_t len, bool insert);
	/* What each vCPU is to do; then all at once. */
	void (*action)(void *ctx, unsigned cpu, enum gdb_action what);
	void (*go)(void *ctx);
	/* Stop, and call gdb_server_stopped. */
	void (*interrupt)(void *ctx);
	/* No breakpoint stays, everything runs; the connection ends. */
	void (*detach)(void *ctx);
	/* The machine is to end. */
	void (*kill)(void *ctx);
	void *ctx;
};

enum gdb_state {
	GDB_IDLE,
	GDB_BODY,
	GDB_SUM1,
	GDB_SUM2
};

struct gdb_server {
	struct gdb_ops ops;
	unsigned ncpus;
	bool running, no_ack, swbreak, hwbreak;
	unsigned cpu;     /* of g, m, ... (H packets) */
	unsigned stopped; /* whose stop was told last */
	int signal;
	unsigned listed; /* the next thread to be told */
	/* What comes. */
	enum gdb_state state;
	char in[GDB_PACKET_MAX + 1];
	size_t in_len;
	bool in_over, escaped;
	uint8_t sum, sum_sent;
	/* What goes. */
	char out[GDB_OUT_MAX + GDB_PACKET_MAX];
	size_t out_len;
	char last[GDB_OUT_MAX]; /* to be sent again when the debugger did not understand */
	size_t last_len;
	char xml[GDB_XML_MAX];
	size_t xml_len;
};

/* For each connection: the machine stands, as if stopped by an interrupt. */
void gdb_server_init(struct gdb_server *g, const struct gdb_ops *ops, unsigned ncpus);

/*
 * Take bytes. Returns how many were taken: fewer than all when there is no room for what would be
 * said.
 */
size_t gdb_server_input(struct gdb_server *g, const void *buf, size_t len);

/* What is to be sent stands at g->out, g->out_len bytes; tell how many have been. */
void gdb_server_sent(struct gdb_server *g, size_t n);

/*
 * The machine has stopped: vCPU, signal, and what did it (NULL, or "watch", "rwatch", "awatch" with
 * the address, "swbreak", "hwbreak").
 */
void gdb_server_stopped(
    struct gdb_server *g, unsigned cpu, int signal, const char *reason, uint64_t addr);
/* The machine has ended with this status. */
void gdb_server_exited(struct gdb_server *g, unsigned status);

#endif
