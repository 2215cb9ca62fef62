/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the processor's features and the baseline levels made of them (x86-64 psABI, 3.1.1
 * "micro-architecture levels"): what a named model may show of the host, and what cpu.features
 * switches. Works on the table of cpuid.h; pure. Runs in zhyve.
 *
 * A level says which instructions programs may use. Features for the kernel alone (paging,
 * protection, virtual time) belong to no level: every model has those of the host.
 */
#ifndef ZHYVE_VMM_CPU_FEATURES_H
#define ZHYVE_VMM_CPU_FEATURES_H

#include "vmm/cpuid.h"

/*
 * Cut the table down to a model: "host" and "max" leave it as it is, "x86-64-v2", "-v3" and
 * "-v4" take away all instructions of higher levels. -EINVAL: no such model; -ENOTSUP: the host
 * lacks part of it, and the error names what.
 */
int cpu_model_apply(struct cpuid_table *t, const char *model, struct err *e);

/*
 * "+name,-name,...": "-" takes a feature away, "+" demands one that the host has (also one that the
 * model took away). `host` is the table before the model. -EINVAL: no such name; -ENOTSUP: the host
 * lacks it.
 */
int cpu_features_apply(
    struct cpuid_table *t, const struct cpuid_table *host, const char *list, struct err *e);

/*
 * Make leaf 0xd fit the features that are left: states of instructions that are not there go, and
 * the largest size is that of the rest (SDM 1, 13.2).
 */
void cpu_xsave_fit(struct cpuid_table *t);

#endif
