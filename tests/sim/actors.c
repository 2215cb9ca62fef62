/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices that the simulator knows. */
#include "sim.h"

extern const struct sim_actor actor_balloon, actor_blk, actor_input, actor_rng;

const struct sim_actor *const sim_actors[] = {
	&actor_blk,
	&actor_rng,
	&actor_input,
	&actor_balloon,
	NULL,
};
