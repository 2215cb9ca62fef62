/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of a vnic: the BPF programs of protect_bpf.c, loaded for one link and attached to its
 * tap, by TCX or, on kernels before 6.6, by clsact. The tap holds them: they are there as long as it is, whoever has died, and go with it; nothing
 * is pinned, so nothing can be left behind, and no path leads to them. What zoneadmd keeps are the
 * descriptors of their maps. zhyve gets neither, and has no bpf(2). zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_FILTER_H
#define ZHYVE_ZONE_FILTER_H

#include <stddef.h>

#include "base/err.h"
#include "zone/netlink.h"
#include "zone/protect.h"

struct filter;

/*
 * Load the programs for a link. Where the kernel has no BPF, or refuses the program, it fails and
 * says so: the link must not be made then.
 */
int filter_load(const struct protect_link *link, struct filter **out, struct err *e);
/* Attach both directions. To be called while the interface cannot carry a frame yet. */
int filter_attach(const struct filter *f, struct nl *nl, const char *ifname, struct err *e);
/*
 * Protect the link in another way from now on: programs with the new identity are loaded, and take
 * the place of those attached, each in one step: every frame is judged, by the old or by the new. What
 * was learned, counted and told goes on; a rate limit begins anew. On failure the filter is as it was.
 */
int filter_replace(struct filter *f, const struct protect_link *link, struct nl *nl,
    const char *ifname, struct err *e);
/* For measuring: what the link is without its filter. */
int filter_detach(const struct filter *f, struct nl *nl, const char *ifname, struct err *e);
/* For tests: filters that are loaded from now on are those of a kernel before 6.6, or not. */
void filter_pretend_old_kernel(bool old);
/* NULL is allowed. What is attached stays. */
void filter_close(struct filter *f);

struct filter_counters {
	uint64_t frames[PROTECT_NDIRECTIONS][PROTECT_NREASONS];
};
int filter_counters(const struct filter *f, struct filter_counters *out, struct err *e);

/*
 * First drops: a descriptor that becomes readable when there are some, and the call that takes them.
 * There is at most one for each direction and reason in a link's life.
 */
int filter_firsts_fd(const struct filter *f);
typedef void filter_first_fn(const struct protect_first *first, void *arg);
void filter_firsts(struct filter *f, filter_first_fn *fn, void *arg);

/*
 * Run a program once over a frame, without a link: for tests. The reason into *reason. -EINVAL for
 * frames that the kernel does not take (shorter than an Ethernet header).
 */
int filter_try(const struct filter *f, enum protect_direction direction, const void *frame,
    size_t len, bool gso, enum protect_reason *reason);

#endif
