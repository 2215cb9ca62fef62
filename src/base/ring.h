/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte ring of fixed size, in one of two tempers: as a queue it refuses what does not fit
 * (ring_put); as a history it forgets the oldest bytes (ring_put_over). Readers with a place of
 * their own (the viewers of a console) follow it by absolute position: the number of bytes ever put
 * before. Pure; not thread-safe; storage belongs to the caller.
 */
#ifndef ZHYVE_BASE_RING_H
#define ZHYVE_BASE_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	uint8_t *buf;
	size_t size;   /* power of two */
	uint64_t head; /* bytes ever put */
	uint64_t tail; /* position of the oldest byte kept; head - tail <= size */
};

/* `size` is a power of two; `buf` holds as many bytes and outlives the ring. */
void ring_init(struct ring *r, void *buf, size_t size);

size_t ring_used(const struct ring *r);
size_t ring_free(const struct ring *r);

/* Put as much as fits; returns how much that was. */
size_t ring_put(struct ring *r, const void *data, size_t len);

/* Put everything, dropping the oldest bytes to make room. */
void ring_put_over(struct ring *r, const void *data, size_t len);

/* Take the oldest bytes out; returns how many. */
size_t ring_get(struct ring *r, void *data, size_t len);

/*
 * Look at the bytes from absolute position *pos on, without taking them out. A position that has
 * been forgotten moves up to the oldest byte kept. Returns a pointer to the longest run that is
 * contiguous in storage, its length in *len (0 when there is nothing new). The caller advances
 * *pos.
 */
const uint8_t *ring_peek(const struct ring *r, uint64_t *pos, size_t *len);

#endif
