/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM 2.0 in a process of its own: swtpm (https://github.com/stefanberger/swtpm), reached by its
 * control channel on a UNIX socket (swtpm_ioctls(3)). The channel hands it one end of a socket pair,
 * over which commands and answers go. zhyve.
 */
#ifndef ZHYVE_BACKEND_TPM_SWTPM_H
#define ZHYVE_BACKEND_TPM_SWTPM_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/tpm_crb.h"

/*
 * Connect to the control socket (a path, or fd:N: connected already) and start the TPM. Blocks until
 * swtpm has answered. The device is called from `loop` with `lock` held. It lives as long as the
 * process. 0 or -errno.
 */
int tpm_swtpm_open(struct tpm_backend **out, const char *where, struct mevent_loop *loop,
    struct lock *lock, struct err *e);

#endif
