/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices that the simulator knows. */
#include "sim.h"

extern const struct sim_actor actor_blk;

const struct sim_actor *const sim_actors[] = {
	&actor_blk,
	NULL,
};
