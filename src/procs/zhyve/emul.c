/* SPDX-License-Identifier: BSD-2-Clause */
/* Lookup in the table of device emulations: see emul.h. Runs in zhyve. */
#include "procs/zhyve/emul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EMULS_MAX 64

/* The linker's names for the section's ends. */
extern const struct vmm_emul *const __start_zhyve_emul[];
extern const struct vmm_emul *const __stop_zhyve_emul[];

const struct vmm_emul *
emul_find(const char *name)
{
	for (const struct vmm_emul *const *p = __start_zhyve_emul; p < __stop_zhyve_emul; p++) {
		if (strcasecmp((*p)->name, name) == 0)
			return (*p);
	}
	return (NULL);
}

static int
by_name(const void *a, const void *b)
{
	const struct vmm_emul *const *x = a, *const *y = b;

	return (strcmp((*x)->name, (*y)->name));
}

void
emul_list(void)
{
	const struct vmm_emul *sorted[EMULS_MAX];
	size_t n = 0;

	for (const struct vmm_emul *const *p = __start_zhyve_emul;
	     p < __stop_zhyve_emul && n < EMULS_MAX; p++)
		sorted[n++] = *p;
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < n; i++)
		(void)printf("%s\n", sorted[i]->name);
}
