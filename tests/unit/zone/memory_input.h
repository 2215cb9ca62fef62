/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream that is in memory, for what reads one by a function (vmstream.h, vmbundle.h): unit tests and
 * fuzz targets. Header only.
 */
#ifndef ZHYVE_TESTS_MEMORY_INPUT_H
#define ZHYVE_TESTS_MEMORY_INPUT_H

#include <errno.h>
#include <string.h>

struct memory_input {
	const void *data;
	size_t len;
};

static inline int
memory_input_read(void *arg, void *buf, size_t len)
{
	struct memory_input *in = arg;

	if (len > in->len)
		return (-EPIPE);
	memcpy(buf, in->data, len);
	in->data = (const char *)in->data + len;
	in->len -= len;
	return (0);
}

#endif
