/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are. All below one root, "/" unless ZHYVE_ROOT is set in the environment of a root
 * that is not set-uid (secure_getenv): the tests run whole systems below a temporary folder. Tools
 * and zoneadmd.
 */
#ifndef ZHYVE_ZONE_PATHS_H
#define ZHYVE_ZONE_PATHS_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Each writes a path into buf (PATH_MAX bytes) and returns buf; a path too long is a broken
 * invariant (names are bounded).
 */
char *path_etc(char buf[PATH_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* /etc/zones/… */
char *path_run(char buf[PATH_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* /run/zones/… */
char *path_zones(char buf[PATH_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* /zones/… : the pool */

/*
 * /etc/zones/<name>.json           configuration (zconf.h)
 * /etc/zones/.lock                 who changes configurations holds it; what zconf_ids.h remembers
 * /etc/zones/nictags.json          nic tags (link.h)
 * /zones/<name>/                   zone path: root/, logs/platform.log,
 *                                  config/{metadata,tags,routes}.json,
 *                                  config/uefivars.fd, tpm/, lastexited, lastbooted
 * /zones/<name>/disk0.raw …        its volumes (file driver)
 * /zones/<name>/snapshots/         vmsnap-<snapshot>.json (vmsnap.h), diskN@vmsnap-<snapshot>
 * /zones/images/<uuid>.json, <uuid>.raw, <uuid>.kernel, <uuid>.initrd   images
 * /run/zones/<name>/               control (varlink), console, ledger.jsonl, vm.vnc,
 *                                  port.*, vsock, vsock.*
 */

/*
 * Open what is below /zones, where no symbolic link is followed (/zones itself may be one), and without waiting for
 * the other end of a FIFO. fd or -errno: -ELOOP for a link. Another path: only its last component is no link.
 */
int path_open(const char *path, int flags, mode_t mode);

#endif
