/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices that the simulator knows. */
#include "sim.h"

extern const struct sim_actor actor_ahci, actor_xhci, actor_e1000, actor_nvme, actor_balloon,
    actor_blk, actor_console, actor_input, actor_net, actor_rng, actor_vsock;

const struct sim_actor *const sim_actors[] = {
	&actor_blk,
	&actor_net,
	&actor_rng,
	&actor_input,
	&actor_balloon,
	&actor_console,
	&actor_vsock,
	&actor_nvme,
	&actor_ahci,
	&actor_e1000,
	&actor_xhci,
	NULL,
};
