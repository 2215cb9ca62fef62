/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of a qcow2 file (QEMU's "Qcow2 Image File Format"), looked at before any other
 * program may open the file. Pure. Tools.
 */
#ifndef ZHYVE_ZONE_QCOW2_H
#define ZHYVE_ZONE_QCOW2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Bytes at the file's begin that the check wants to see: header and header extensions lie in the
 * first cluster, of 2 MiB at most.
 */
#define QCOW2_HEAD_MAX (2u * 1024u * 1024u)

/* Does it begin like a qcow2 file? */
bool qcow2_is(const void *head, size_t len);

/*
 * Can it be converted without opening any other file and without a secret? `head` is the begin of
 * the file (all of it, when shorter than QCOW2_HEAD_MAX). Refuses (-EINVAL, with the reason): a
 * backing file, an external data file, encryption, unknown incompatible features, a file marked
 * corrupt, a broken header. *size: bytes of the virtual disk.
 */
int qcow2_check(const void *head, size_t len, uint64_t *size, struct err *e);

#endif
