/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device process from the side of its front end (backend/vhost_user_back.h): what every one has
 * of it, from its start to its status.
 */
#ifndef ZHYVE_PROCS_COMMON_SERVED_H
#define ZHYVE_PROCS_COMMON_SERVED_H

#include "backend/vhost_user_back.h"
#include "procs/common/front.h"

/* The first member of a process's own structure, which is the ctx of vhost_user_back_ops. */
struct served {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct vhost_user_back *back;
	int status; /* for exit, when the front end is gone */
};

/* A loop, a lock, no memory yet. 0 or -errno. */
int served_init(struct served *s, const struct front *front, struct err *e);
/* `gone` of vhost_user_back_ops: ends served_run. */
void served_gone(void *ctx, int rc, const char *what);
/* Until the front end is gone. 0 or -errno. */
int served_run(struct served *s, struct err *e);

#endif
