/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of what is put in the way of hostile.h's attempts, outside the jail. */
#ifndef ZHYVE_TESTS_JAIL_BAIT_H
#define ZHYVE_TESTS_JAIL_BAIT_H

#define BAIT_KEY      0x7a687976
#define BAIT_QUEUE    "zhyve-bait" /* a message queue */
#define BAIT_ABSTRACT "zhyve-bait" /* a UNIX socket without a file */

#endif
