/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading, attaching and reading the filter of a vnic: see filter.h. The compiled programs are part
 * of this one (protect_*.skel.h, made by bpftool at build time), so what runs is what was built. Which
 * of the two is for this kernel, and where it is attached, is one question: has it TCX? zoneadmd, root.
 */
#include "zone/filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "zone/tcx.h"

/* bpftool's header casts const away. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "zone/protect_bpf.skel.h"
#include "zone/protect_old.skel.h"
#pragma GCC diagnostic pop

struct filter {
	struct bpf_object *obj;
	bool tcx; /* and the program for kernels that have it */
	struct ring_buffer *ring;
	filter_first_fn *fn; /* while filter_firsts runs */
	void *arg;
	int ncpus;
};

/* What libbpf has to say about a failure; it has no other way to tell it. One thread only. */
static char said[256];

static int
keep_said(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && said[0] == '\0')
		(void)vsnprintf(said, sizeof(said), fmt, ap);
	return (0);
}

static int
load_failed(int rc, struct err *e)
{
	said[strcspn(said, "\n")] = '\0';
	return (err_say(e, -rc,
	    "cannot protect the link: this kernel does not load the BPF filter: %s%s%s%s. A link "
	    "is "
	    "not made without its filter: use a kernel (5.17 or later) with BPF and its BTF, "
	    "NET_CLS_BPF "
	    "and NET_SCH_INGRESS",
	    strerror(-rc), said[0] != '\0' ? " (" : "", said, said[0] != '\0' ? ")" : ""));
}

static int
take_first(void *ctx, void *data, size_t size)
{
	struct filter *f = ctx;

	if (size >= sizeof(struct protect_first) && f->fn != NULL)
		f->fn(data, f->arg);
	return (0);
}

static int
map_of(const struct bpf_object *obj, const char *name)
{
	return (bpf_object__find_map_fd_by_name(obj, name));
}

static struct bpf_program *
program_of(const struct bpf_object *obj, bool ingress)
{
	return (bpf_object__find_program_by_name(obj, ingress ? "from_guest" : "to_guest"));
}

/* Tell the programs who the link is; nobody can change it afterwards. */
static int
set_link(const struct bpf_object *obj, const struct protect_link *link)
{
	uint32_t zero = 0;
	int fd = map_of(obj, "link");

	if (bpf_map_update_elem(fd, &zero, link, BPF_ANY) != 0 || bpf_map_freeze(fd) != 0)
		return (-errno);
	return (0);
}

/* The maps of `from` for what is not the link's identity; what is learned needs room, where it is. */
static int
take_maps(struct bpf_object *obj, const struct protect_link *link, const struct bpf_object *from)
{
	static const char *const handed_on[] = { "counters", "told", "firsts" };
	struct bpf_map *learned = bpf_object__find_map_by_name(obj, "learned_until");
	const struct bpf_map *before =
	    from != NULL ? bpf_object__find_map_by_name(from, "learned_until") : NULL;
	bool learns = (link->flags & PROTECT_LEARN) != 0;
	int rc;

	if (before == NULL || (learns && bpf_map__max_entries(before) < PROTECT_LEARNED_MAX))
		rc = learns ? 0 : bpf_map__set_max_entries(learned, 1);
	else
		rc = bpf_map__reuse_fd(learned, bpf_map__fd(before));
	for (size_t i = 0; rc == 0 && from != NULL && i < NITEMS(handed_on); i++)
		rc = bpf_map__reuse_fd(
		    bpf_object__find_map_by_name(obj, handed_on[i]), map_of(from, handed_on[i]));
	return (rc);
}

static struct bpf_object *
open_programs(bool tcx)
{
	size_t size;
	const void *elf = tcx ? protect_bpf__elf_bytes(&size) : protect_old__elf_bytes(&size);

	return (bpf_object__open_mem(elf, size, NULL));
}

static int
load(const struct protect_link *link, bool tcx, const struct bpf_object *from,
    struct bpf_object **out)
{
	struct bpf_object *obj;
	int rc;

	said[0] = '\0';
	(void)libbpf_set_print(keep_said);
	if ((obj = open_programs(tcx)) == NULL)
		return (-errno);
	if ((rc = take_maps(obj, link, from)) != 0 || (rc = bpf_object__load(obj)) != 0 ||
	    (rc = set_link(obj, link)) != 0) {
		bpf_object__close(obj);
		return (rc);
	}
	*out = obj;
	return (0);
}

static bool without_tcx;

void
filter_pretend_old_kernel(bool old)
{
	without_tcx = old;
}

int
filter_load(const struct protect_link *link, struct filter **out, struct err *e)
{
	struct filter *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return (err_set(e, ENOMEM, "cannot protect the link"));
	f->ncpus = libbpf_num_possible_cpus();
	f->tcx = !without_tcx && tcx_there();
	rc = f->ncpus < 0 ? f->ncpus : load(link, f->tcx, NULL, &f->obj);
	if (rc == 0 &&
	    (f->ring = ring_buffer__new(map_of(f->obj, "firsts"), take_first, f, NULL)) == NULL)
		rc = -errno;
	if (rc != 0) {
		filter_close(f);
		return (load_failed(rc, e));
	}
	*out = f;
	return (0);
}

/* Put a program of `obj` in the place of that of `old`, or, with NULL, where there is none yet. */
static int
set(const struct filter *f, const struct bpf_object *obj, const struct bpf_object *old,
    struct nl *nl, const char *ifname, bool ingress, struct err *e)
{
	const struct bpf_program *prog = program_of(obj, ingress);

	if (!f->tcx)
		return (nl_filter_set(
		    nl, ifname, ingress, bpf_program__fd(prog), bpf_program__name(prog), e));
	return (tcx_set(ifname, ingress, bpf_program__fd(prog),
	    old != NULL ? bpf_program__fd(program_of(old, ingress)) : -1, e));
}

int
filter_attach(const struct filter *f, struct nl *nl, const char *ifname, struct err *e)
{
	int rc;

	if ((!f->tcx && (rc = nl_filter_prepare(nl, ifname, e)) != 0) ||
	    (rc = set(f, f->obj, NULL, nl, ifname, true, e)) != 0 ||
	    (rc = set(f, f->obj, NULL, nl, ifname, false, e)) != 0)
		return (err_ctx(e, "cannot protect the link"));
	return (0);
}

int
filter_detach(const struct filter *f, struct nl *nl, const char *ifname, struct err *e)
{
	int rc;

	if (!f->tcx)
		return (nl_filter_remove(nl, ifname, e));
	rc = tcx_unset(ifname, true, bpf_program__fd(program_of(f->obj, true)), e);
	return (
	    rc != 0 ? rc : tcx_unset(ifname, false, bpf_program__fd(program_of(f->obj, false)), e));
}

/* The descriptors of the ring and of the event loop refer to the map, not to the programs. */
int
filter_replace(struct filter *f, const struct protect_link *link, struct nl *nl, const char *ifname,
    struct err *e)
{
	struct bpf_object *obj;
	int rc;

	if ((rc = load(link, f->tcx, f->obj, &obj)) != 0)
		return (load_failed(rc, e));
	rc = set(f, obj, f->obj, nl, ifname, true, e);
	if (rc == 0 && (rc = set(f, obj, f->obj, nl, ifname, false, e)) != 0)
		(void)set(f, f->obj, obj, nl, ifname, true, NULL);
	if (rc != 0) {
		bpf_object__close(obj);
		return (err_ctx(e, "the link is protected as before, not as it is to be"));
	}
	bpf_object__close(f->obj);
	f->obj = obj;
	return (0);
}

void
filter_close(struct filter *f)
{
	if (f == NULL)
		return;
	ring_buffer__free(f->ring);
	bpf_object__close(f->obj);
	free(f);
}

int
filter_counters(const struct filter *f, struct filter_counters *out, struct err *e)
{
	int fd = map_of(f->obj, "counters");
	uint64_t *per_cpu = calloc((size_t)f->ncpus, sizeof(*per_cpu));

	if (per_cpu == NULL)
		return (err_set(e, ENOMEM, "cannot read a link's counters"));
	*out = (struct filter_counters){ 0 };
	for (uint32_t i = 0; i < PROTECT_NDIRECTIONS * PROTECT_NREASONS; i++) {
		if (bpf_map_lookup_elem(fd, &i, per_cpu) != 0) {
			free(per_cpu);
			return (err_set(e, errno, "cannot read a link's counters"));
		}
		for (int cpu = 0; cpu < f->ncpus; cpu++)
			out->frames[i / PROTECT_NREASONS][i % PROTECT_NREASONS] += per_cpu[cpu];
	}
	free(per_cpu);
	return (0);
}

int
filter_firsts_fd(const struct filter *f)
{
	return (ring_buffer__epoll_fd(f->ring));
}

void
filter_firsts(struct filter *f, filter_first_fn *fn, void *arg)
{
	f->fn = fn;
	f->arg = arg;
	(void)ring_buffer__consume(f->ring);
	f->fn = NULL;
}

int
filter_try(const struct filter *f, enum protect_direction direction, const void *frame, size_t len,
    bool gso, enum protect_reason *reason)
{
	const struct bpf_program *prog = program_of(f->obj, direction == PROTECT_FROM_GUEST);
	struct __sk_buff in = { .gso_size = gso ? 1000 : 0, .gso_segs = gso ? 2 : 0 }, out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
	    .ctx_in = &in, .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out),
	    .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) != 0)
		return (-errno);
	*reason = opts.retval == 0 ? PROTECT_PASS : (enum protect_reason)out.cb[0];
	return (0);
}
