/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layers of the jail by name, and zone/jail.c as it is built for tests/jail: with one layer
 * left out, which the process that makes jails chooses. Nothing of this is in the product.
 */
#ifndef ZHYVE_TESTS_JAIL_LAYERS_H
#define ZHYVE_TESTS_JAIL_LAYERS_H

enum jail_layer {
	JAIL_FILTER, /* the program's own; here for its name */
	JAIL_ROOT,   /* a mount namespace with an empty root */
	JAIL_CAPS,   /* no capability */
	JAIL_USERNS, /* a user namespace: capabilities would be over it alone */
	JAIL_NESTED, /* no further namespace in it */
	JAIL_PID,
	JAIL_NET,
	JAIL_IPC,
	JAIL_UTS,
	JAIL_CGROUP,
	JAIL_UID,
	JAIL_LIMITS, /* rlimits */
	JAIL_FDS,    /* the named descriptors and no other */
	JAIL_KEYRING,
	JAIL_SEALED, /* no_new_privs */
	JAIL_LANDLOCK,
	JAIL_LAYERS,
};

extern enum jail_layer jail_without; /* JAIL_LAYERS: none */
#define JAIL_WITH(layer) (jail_without != (layer))

/* In place of dropping them: kept over the execve, and all that they can do is tried. 0 or -errno. */
int jail_keep_caps(void);

#endif
