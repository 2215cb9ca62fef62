/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of tables in guest memory: the memory, and the sum that tables carry. */
#ifndef ZHYVE_TESTS_TABLES_H
#define ZHYVE_TESTS_TABLES_H

#include <stdlib.h>

#include "gmem/gmem.h"

static uint8_t *ram;
static struct gmem gm;

static inline void
tables_ram(size_t size)
{
	ram = calloc(1, size);
	assert_non_null(ram);
	gmem_wrap(&gm, ram, size);
}

static inline int
teardown(void **state)
{
	free(ram);
	return (0);
}

/* Of all bytes; 0 where the table is right. */
static inline uint8_t
sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len-- > 0)
		s += *p++;
	return (s);
}

#endif
