/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process of a zone could try once its guest has taken it over: attempts to reach what the
 * jail keeps from it, each with the layers that stop it. They are made inside a jail, one child
 * each (hostile.c), with or without a process's system-call filter. No part of the product.
 */
#ifndef ZHYVE_TESTS_JAIL_HOSTILE_H
#define ZHYVE_TESTS_JAIL_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jail_layers.h"

/*
 * A system call with its arguments, or a function; it has failed when it returns less than 0. An
 * errno that means "you got as far as your arguments" is none of a refusal (hostile.c), unless
 * `also` says so.
 */
struct attempt {
	const char *name;
	unsigned
	    layers; /* bits of enum jail_layer besides the filter; 0: the filter alone stops it */
	long nr;
	long arg[6];
	long (*fn)(const struct attempt *a);
	int also;
};

#define P(...)   ((long)(uintptr_t)(__VA_ARGS__))
#define LAYER(l) (1u << JAIL_##l)
#define FILTER   0u /* alone */

struct attempt_group {
	const char *name;
	const struct attempt *list;
	size_t n;
};
extern const struct attempt_group try_files, try_mounts, try_rights, try_namespaces, try_kernel,
    try_keys, try_processes, try_limits, try_sockets, try_ipc, try_descriptors, try_kvm,
    try_drivers;

/* What the jail's maker has put in the way for them to find; 0: it has not. */
extern struct hostile_bait {
	int pid;     /* of a process outside */
	int port;    /* of 127.0.0.1 outside, TCP, where somebody listens */
	int highest; /* the last descriptor that was handed over */
	int kvm;     /* of those: -1: none */
	int lent;    /* a file opened for reading only; -1: none */
} bait;

enum hostile_filter {
	FILTER_NONE,
	FILTER_ZHYVE_MAIN,
	FILTER_ZHYVE_VCPU,
	FILTER_ZHYVE_DISK,
	FILTER_BLK_MAIN,
	FILTER_BLK_DISK,
	FILTER_NET,
	FILTER_VNC,
	FILTER_COUNT,
};
extern const char *const hostile_filter_names[FILTER_COUNT];

/* How an attempt ended. */
enum hostile_end {
	END_REFUSED, /* by an error */
	END_KILLED,  /* by the filter */
	END_DONE,
	END_OTHER, /* killed by another signal, or it waits */
};

/*
 * Each attempt under a filter, told one by one; `number` is that of the error, or of a signal.
 * Those that only a filter stops are left out under FILTER_NONE, unless `all`.
 */
typedef void hostile_tell(const struct attempt_group *g, const struct attempt *a,
    enum hostile_filter filter, enum hostile_end end, int number);
void hostile_try(enum hostile_filter filter, bool all, hostile_tell *tell);
/*
 * Every system call by number; `let` hears of those that the filter lets through, or (refused) lets
 * end with EPERM.
 */
void hostile_calls(
    enum hostile_filter filter, void (*let)(enum hostile_filter filter, long nr, bool refused));

#endif
