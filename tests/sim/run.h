/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs in child processes, so that whatever a device does to its process is a result too: plans of
 * seeds, one plan, a plan made shorter. See sim.h.
 */
#ifndef ZHYVE_TESTS_SIM_RUN_H
#define ZHYVE_TESTS_SIM_RUN_H

#include <sys/types.h>

#include "sim.h"

/* How a run ended; written by the child into memory that it shares with its parent. */
struct outcome {
	bool failed;
	char oracle[32]; /* the oracle that was broken; "crash", "hang" */
	char text[256];
	unsigned step;
	uint64_t seed;
	uint64_t runs, steps, count[SIM_COUNTS]; /* of all runs in this child */
	uint64_t actor_runs[32];                 /* by place in sim_actors */
};

/* Where sim_fail writes. */
extern struct outcome *outcome;
/* Memory that children share with us; never freed. */
struct outcome *outcome_new(void);

/* Run the seeds first, first + stride, ... in a child until `last` or `seconds` have passed. */
struct batch {
	uint64_t first, stride, last;
	double seconds; /* 0: no limit */
	const struct sim_actor *only;
};
pid_t batch_start(const struct batch *b, struct outcome *out);
/* Wait for a child; false when it failed, with `out` saying how. */
bool child_end(pid_t pid, struct outcome *out);

/* One plan in a child of its own; true: it failed. */
bool plan_fails(const struct sim_plan *p, bool trace, struct outcome *out);
/*
 * Leave out steps as long as the same oracle is broken (ddmin: Zeller and Hildebrandt, 2002); the
 * number of runs that it took.
 */
unsigned plan_shrink(struct sim_plan *p, struct outcome *out);

/* Text form. */
void plan_print(const struct sim_plan *p);
/* 0, or -1 after it has said what is wrong with the file. */
int plan_read(struct sim_plan *p, const char *path);

const struct sim_actor *actor_by_name(const char *name);

#endif
