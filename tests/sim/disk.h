/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory whose requests end when a step says so: in any order, well, with an error, or
 * torn (some of the bytes are there, and then it failed). It knows what a device owes its backend
 * (devices/block.h) and asks its actor about the rest.
 */
#ifndef ZHYVE_TESTS_SIM_DISK_H
#define ZHYVE_TESTS_SIM_DISK_H

#include "devices/block.h"
#include "sim.h"

#define DISK_BYTES (64u << 10)
#define DISK_DEPTH 32

struct disk {
	struct block_backend be;
	struct sim *s;
	uint8_t bytes[DISK_BYTES];
	struct block_req *waiting[DISK_DEPTH];
	unsigned nwaiting;
	bool batch;       /* ends of requests are told together */
	bool unsupported; /* flushing, discarding: -EOPNOTSUPP */
	/* A request came: whose is it, and is it right? Fails by sim_fail. */
	void (*came)(struct sim *s, struct block_req *req);
	/* It is about to end with this result. */
	void (*ends)(struct sim *s, struct block_req *req, int result);
};

void disk_init(struct disk *d, struct sim *s, struct prng *r);
/* End one request, which and how by chance. False: there is none. */
bool disk_end_one(struct disk *d, struct prng *r);

/* A stream of guest memory ranges compared with what a request carries. */
struct disk_want {
	uint32_t gpa, len;
};
/* Does the request carry exactly these bytes, in this order? */
bool disk_carries(
    const struct sim *s, const struct block_req *req, const struct disk_want *w, unsigned n);

#endif
