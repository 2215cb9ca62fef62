/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zhyve knows of bhyve's configuration variables beside what the code that reads them does:
 * their defaults, those without effect here, those that are refused. Runs in zhyve's main thread.
 */
#ifndef ZHYVE_PROCS_ZHYVE_VARIABLES_H
#define ZHYVE_PROCS_ZHYVE_VARIABLES_H

#include "vmm/config.h"

/* Refuse settings that this machine cannot have, with the reason. 0 or -errno. */
int variables_check(struct config_node *root, struct err *e);
/* Set what is not set to its default, where a default is a value that can be written down. */
void variables_default(struct config_node *root);
/*
 * Warn of every variable that nobody has read and that is not known to be without effect: a
 * misspelt name. After the machine has been built.
 */
void variables_warn(struct config_node *root);

#endif
