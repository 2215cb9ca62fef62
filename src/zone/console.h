/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's console: what the guest writes to COM1, kept in a ring and a bounded file, and shown
 * to any number of viewers (up to CONSOLE_VIEWERS_MAX) at once. A viewer gets the history first,
 * whenever it comes; what any viewer types goes to the guest. The console outlives the guest:
 * history, viewers and notices go on over resets, halts and boots (zones.md 9).
 *
 * Protocol: the viewer sends "IDENT <locale> <flags>\n" (flag bit 0: disconnect at halt), gets
 * "OK\n", then raw bytes both ways. A guest or a viewer can neither block zoneadmd nor make it hold
 * more than the ring. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_CONSOLE_H
#define ZHYVE_ZONE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mevent.h"

#define CONSOLE_HISTORY         (256u * 1024u)
#define CONSOLE_INPUT           4096u
#define CONSOLE_VIEWERS_MAX     16
#define CONSOLE_IDENT_MAX       128

#define CONSOLE_FLAG_DISCONNECT 1u /* end the connection when the zone halts */

struct console;

struct console_ops {
	void (*first_byte)(void *arg); /* the guest's first output since console_guest_attach */
	void (*viewers)(void *arg);    /* a viewer came or went */
};

/*
 * Listen for viewers on `path`. `log_path` is the bounded file the output is kept in; what it holds
 * already is the beginning of the history. `ops` is kept by reference.
 */
int console_create(struct mevent_loop *loop, const char *path, const char *log_path,
    const struct console_ops *ops, void *arg, struct console **out, struct err *e);
void console_destroy(struct console *c);

/* Take over the guest's end (a non-blocking stream socket). Any earlier one is detached first. */
int console_guest_attach(struct console *c, int fd);
/* Take what is left in it, then close it. Input not yet taken by the guest is dropped. */
void console_guest_detach(struct console *c);

/* CR LF "[NOTICE: text]" CR LF to all viewers and into the history. */
void console_notice(struct console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The notice of a halt; viewers that asked for it are told so and disconnected. */
void console_halted(struct console *c);
/* Disconnect all viewers when they have been sent what there is. */
void console_disconnect(struct console *c);

unsigned console_viewers(const struct console *c);

/* A viewer by descriptor, for tests: as if it had connected. Takes over fd. */
int console_viewer_add(struct console *c, int fd);

#endif
