/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF programs at an interface itself: see tcx.h. zoneadmd, root.
 */
#include "zone/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>

/* enum bpf_attach_type of Linux 6.6; the headers that we build with are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

#define LOOPBACK    1 /* its index, in every network namespace */

bool
tcx_there(void)
{
	uint32_t n = 0;

	/* A kernel that does not know the place says EINVAL. */
	return (bpf_prog_query(LOOPBACK, TCX_INGRESS, 0, NULL, NULL, &n) == 0);
}

static int
index_of(const char *ifname, int *out, struct err *e)
{
	*out = (int)if_nametoindex(ifname);
	return (*out != 0 ? 0 : err_say(e, ENODEV, "interface '%s' does not exist", ifname));
}

int
tcx_set(const char *ifname, bool ingress, int prog_fd, int old, struct err *e)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = old >= 0 ? BPF_F_REPLACE : 0,
	    .replace_prog_fd = old >= 0 ? old : 0);
	int rc, index;

	if ((rc = index_of(ifname, &index, e)) != 0)
		return (rc);
	rc = bpf_prog_attach_opts(prog_fd, index, ingress ? TCX_INGRESS : TCX_EGRESS, &opts);
	return (rc == 0 ? 0
			: err_set(e, -rc, "cannot filter what is sent %s '%s' (TCX)",
			      ingress ? "by" : "to", ifname));
}

int
tcx_unset(const char *ifname, bool ingress, int prog_fd, struct err *e)
{
	int rc, index;

	if ((rc = index_of(ifname, &index, e)) != 0)
		return (rc);
	rc = bpf_prog_detach2(prog_fd, index, ingress ? TCX_INGRESS : TCX_EGRESS);
	return (rc == 0 ? 0 : err_set(e, -rc, "cannot take the filter off '%s' (TCX)", ifname));
}
