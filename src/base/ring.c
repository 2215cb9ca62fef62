/* SPDX-License-Identifier: BSD-2-Clause */
/* A byte ring: see ring.h. Pure; any process. */
#include "base/ring.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

void
ring_init(struct ring *r, void *buf, size_t size)
{
	assert(IS_POW2(size));
	*r = (struct ring){ .buf = buf, .size = size };
}

size_t
ring_used(const struct ring *r)
{
	return ((size_t)(r->head - r->tail));
}

size_t
ring_free(const struct ring *r)
{
	return (r->size - ring_used(r));
}

/* Copy into the storage at head; len fits the storage. */
static void
copy_in(struct ring *r, const uint8_t *data, size_t len)
{
	size_t at = (size_t)(r->head & (r->size - 1));
	size_t first = MIN(len, r->size - at);

	assert(len <= r->size);
	memcpy(r->buf + at, data, first);
	memcpy(r->buf, data + first, len - first);
	r->head += len;
}

size_t
ring_put(struct ring *r, const void *data, size_t len)
{
	len = MIN(len, ring_free(r));
	copy_in(r, data, len);
	return (len);
}

void
ring_put_over(struct ring *r, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len > r->size) {
		r->head += len - r->size; /* these bytes were put and forgotten at once */
		p += len - r->size;
		len = r->size;
	}
	copy_in(r, p, len);
	if (r->head - r->tail > r->size)
		r->tail = r->head - r->size;
}

size_t
ring_get(struct ring *r, void *data, size_t len)
{
	uint8_t *p = data;
	size_t got = 0, run;
	const uint8_t *src;

	while (got < len) {
		src = ring_peek(r, &r->tail, &run);
		run = MIN(run, len - got);
		if (run == 0)
			break;
		memcpy(p + got, src, run);
		got += run;
		r->tail += run;
	}
	return (got);
}

const uint8_t *
ring_peek(const struct ring *r, uint64_t *pos, size_t *len)
{
	size_t at;

	if (*pos < r->tail)
		*pos = r->tail;
	assert(*pos <= r->head);
	at = (size_t)(*pos & (r->size - 1));
	*len = MIN((size_t)(r->head - *pos), r->size - at);
	return (r->buf + at);
}
