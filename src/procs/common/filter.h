/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A seccomp filter under construction: classic BPF, written instruction by instruction. What goes
 * into it is each process's own. Runs in every jailed process.
 */
#ifndef ZHYVE_PROCS_COMMON_FILTER_H
#define ZHYVE_PROCS_COMMON_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX 256 /* instructions */

struct filter {
	struct sock_filter insn[FILTER_MAX];
	unsigned n; /* wanted; more than FILTER_MAX: it did not fit */
};

/* Append an instruction; jt and jf are how many to skip. */
void filter_put(struct filter *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf);
/* Load 32 bits of struct seccomp_data. */
void filter_load(struct filter *f, size_t offset);
/* End with SECCOMP_RET_*. */
void filter_return(struct filter *f, uint32_t action);
/* End with `action` when the loaded word is `value`, else go on. */
void filter_return_if(struct filter *f, uint32_t value, uint32_t action);
/*
 * The beginning of every filter: x86-64's own system calls only, anything else kills; the number
 * is loaded.
 */
void filter_begin(struct filter *f);
/* Allow mmap of memory that cannot be executed; of other memory it kills. */
void filter_mmap(struct filter *f);
/* Put the calling thread under it, for good. 0 or -errno (-E2BIG: it did not fit). */
int filter_install(const struct filter *f);

#endif
