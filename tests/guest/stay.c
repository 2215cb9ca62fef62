/* SPDX-License-Identifier: BSD-2-Clause */
/* As idle.c, for a minute: what a zone's tests look at (tests/host/scenarios/zone-jail.sh). */
#define SECONDS 60
#include "idle.c"
