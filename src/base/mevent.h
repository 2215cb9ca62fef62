/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mevent: the event loop (bhyve's name and calls, with the loop made explicit). Descriptors, timers
 * and signals become callbacks in the one thread that runs mevent_dispatch(). Events may be added,
 * disabled, enabled and deleted from any callback, their own included: a deleted event never fires
 * again, also not when it was already pending in the same round. Memory is taken when events are
 * added, never when they fire. Every process.
 *
 * Not thread-safe, but for these: mevent_stop(); mevent_timer_set(); mevent_enable() and
 * mevent_disable() as long as the caller sees to it that no two calls concern the same descriptor
 * at a time (a device's lock does). A callback may run once more while another thread disables its
 * event, so it looks again, under that lock, whether it is wanted.
 */
#ifndef ZHYVE_BASE_MEVENT_H
#define ZHYVE_BASE_MEVENT_H

#include <stdbool.h>
#include <stdint.h>

struct mevent_loop;
struct mevent;

enum mevent_type {
	EVF_READ,   /* readable, or the peer is gone */
	EVF_WRITE,  /* writable */
	EVF_TIMER,  /* made by mevent_add_timer */
	EVF_SIGNAL, /* made by mevent_add_signal */
};

/* `fd` is the descriptor, the signal's number, or -1 for a timer. */
typedef void mevent_cb(int fd, enum mevent_type type, void *arg);

/* 0 or -errno. */
int mevent_loop_create(struct mevent_loop **out);
/* Frees the loop and its events; descriptors that were added stay open and stay the caller's. */
void mevent_loop_destroy(struct mevent_loop *loop);

/*
 * Watch a descriptor (level-triggered), enabled. Reading and writing of one descriptor are two
 * events. The descriptor stays the caller's. NULL with errno set when it cannot be watched or
 * memory is short.
 */
struct mevent *mevent_add(
    struct mevent_loop *loop, int fd, enum mevent_type type, mevent_cb *cb, void *arg);
/* As mevent_add, but disabled. */
struct mevent *mevent_add_disabled(
    struct mevent_loop *loop, int fd, enum mevent_type type, mevent_cb *cb, void *arg);

/*
 * A timer (CLOCK_MONOTONIC): first after `first_ns`, then every `period_ns` (0: once). It is
 * created even with first_ns 0, unarmed, to be set by mevent_timer_set. Expirations missed are
 * reported as one.
 */
struct mevent *mevent_add_timer(
    struct mevent_loop *loop, uint64_t first_ns, uint64_t period_ns, mevent_cb *cb, void *arg);
/* Set it again; first_ns 0 disarms. */
int mevent_timer_set(struct mevent *ev, uint64_t first_ns, uint64_t period_ns);

/*
 * Take a signal through the loop: it is blocked in the calling thread (do so before threads are
 * made).
 */
struct mevent *mevent_add_signal(struct mevent_loop *loop, int signo, mevent_cb *cb, void *arg);

int mevent_enable(struct mevent *ev);
int mevent_disable(struct mevent *ev);
/* Remove and free (after the present round of callbacks). NULL is allowed. */
void mevent_delete(struct mevent *ev);
/* Also closes the descriptor. */
void mevent_delete_close(struct mevent *ev);

/* Events that exist and are not deleted. */
unsigned mevent_count(const struct mevent_loop *loop);

/* Run callbacks until mevent_stop. Returns 0 or -errno. */
int mevent_dispatch(struct mevent_loop *loop);
/*
 * One round: wait at most timeout_ms (-1 for ever, 0 not at all). Number of callbacks run, or
 * -errno.
 */
int mevent_poll(struct mevent_loop *loop, int timeout_ms);
/* Make mevent_dispatch return after the present round. Any thread. */
void mevent_stop(struct mevent_loop *loop);

#endif
