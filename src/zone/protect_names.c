/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for the reasons of protect.h. Pure; any process of the control plane. */
#include "zone/protect.h"

static const struct {
	const char *name, *counter, *text;
} reasons[PROTECT_NREASONS] = {
#define X(id, name, counter, text) { name, counter, text },
	PROTECT_REASONS_X(X)
#undef X
};

const char *
protect_reason_name(unsigned reason)
{
	return (reason < PROTECT_NREASONS ? reasons[reason].name : "unknown");
}

const char *
protect_reason_counter(unsigned reason)
{
	return (reason < PROTECT_NREASONS ? reasons[reason].counter : "unknown");
}

const char *
protect_reason_text(unsigned reason)
{
	return (reason < PROTECT_NREASONS ? reasons[reason].text : "for a reason of its own");
}
