/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-net: the kernel serves a nic's data queues, from the tap into the guest's memory
 * (devices/virtio/virtio_extern.h). This is the counterpart of illumos's viona.
 *
 * It is off unless asked for: the kernel then interprets what the guest writes into the rings,
 * and no jail contains a mistake there (CVE-2019-14835). A zone that wants its speed says so
 * (vhost=on, in zones vhost=fd:N). zhyve.
 */
#ifndef ZHYVE_BACKEND_VHOST_H
#define ZHYVE_BACKEND_VHOST_H

#include "base/err.h"
#include "devices/virtio/virtio_extern.h"

/*
 * `where` is a path ("/dev/vhost-net") or fd:N. `tap_fd` stays its owner's and outlives the
 * vhost. `poll_us`: so many microseconds the kernel looks at an idle queue before it sleeps (Linux
 * 4.6); 0: none. 0 or -errno.
 */
#define VHOST_POLL_US_MAX 10000
int vhost_net_open(
    struct virtio_extern **out, const char *where, int tap_fd, uint32_t poll_us, struct err *e);
void vhost_net_close(struct virtio_extern *x);

#endif
