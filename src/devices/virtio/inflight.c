/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight, remembered: see inflight.h. The order of stores is the point: a process may
 * end between any two of them. A head is marked before it is worked on; heads given back are
 * chained before the driver is shown them, and unmarked after; the index stored last says whether
 * that was done. Runs in device processes.
 */
#include "devices/virtio/inflight.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

/* The head of a queue's part, and one entry per descriptor behind it. */
#define R_FEATURES 0u  /* le64; 0 */
#define R_VERSION  8u  /* le16; 1 */
#define R_SIZE     10u /* le16 */
#define R_BATCH    12u /* le16: the head given back last */
#define R_USED     14u /* le16: the used index up to which marks are taken away */
#define R_ENTRIES  16u
#define E_SIZE     16u
#define E_INFLIGHT 0u /* one byte */
#define E_NEXT     6u /* le16: the head given back before, of the same batch */
#define E_COUNTER  8u /* le64: the order in which they came */
#define VERSION    1u

static uint8_t *
entry(const struct virtq_inflight *t, uint16_t head)
{
	return (t->region + R_ENTRIES + (size_t)head * E_SIZE);
}

static void
put16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
}

static void
mark(const struct virtq_inflight *t, uint16_t head, bool on)
{
	__atomic_store_n(entry(t, head) + E_INFLIGHT, on, __ATOMIC_RELEASE);
}

size_t
virtq_inflight_len(uint16_t size)
{
	return (ROUND_UP(R_ENTRIES + (size_t)size * E_SIZE, (size_t)64));
}

/* A batch was shown to the driver, and its marks are still there: it is done. */
static void
finish_batch(struct virtq_inflight *t, uint16_t used_idx)
{
	uint16_t n = (uint16_t)(used_idx - le16_get(t->region + R_USED));
	uint16_t head = le16_get(t->region + R_BATCH);

	for (; n > 0 && n <= t->size && head < t->size; n--) {
		mark(t, head, false);
		head = le16_get(entry(t, head) + E_NEXT);
	}
	put16(t->region + R_USED, used_idx);
}

/*
 * By their counters, by heap: no memory, no recursion, no bad case. The counters are shared memory,
 * and should they change meanwhile the order is lost, nothing else.
 */
static void
sift(struct virtq_inflight *t, size_t i, size_t n)
{
	for (;;) {
		size_t big = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
			if (le64_get(entry(t, t->again[c]) + E_COUNTER) >
			    le64_get(entry(t, t->again[big]) + E_COUNTER))
				big = c;
		if (big == i)
			return;
		uint16_t swap = t->again[i];
		t->again[i] = t->again[big];
		t->again[big] = swap;
		i = big;
	}
}

static void
sort_again(struct virtq_inflight *t)
{
	for (size_t i = t->nagain / 2; i-- > 0;)
		sift(t, i, t->nagain);
	for (size_t n = t->nagain; n > 1; n--) {
		uint16_t swap = t->again[0];

		t->again[0] = t->again[n - 1];
		t->again[n - 1] = swap;
		sift(t, 0, n - 1);
	}
}

void
virtq_inflight_open(
    struct virtq_inflight *t, uint8_t *region, uint16_t size, uint16_t used_idx, uint16_t *again)
{
	*t = (struct virtq_inflight){ .region = region, .size = size, .again = again };
	if (le16_get(region + R_VERSION) != VERSION || le16_get(region + R_SIZE) != size) {
		/* Not used before, or by nobody that we know. */
		memset(region, 0, virtq_inflight_len(size));
		le16_put(region + R_VERSION, VERSION);
		le16_put(region + R_SIZE, size);
		put16(region + R_USED, used_idx);
		return;
	}
	finish_batch(t, used_idx);
	for (uint16_t head = 0; head < size; head++) {
		if (entry(t, head)[E_INFLIGHT] == 0)
			continue;
		t->counter = MAX(t->counter, le64_get(entry(t, head) + E_COUNTER));
		again[t->nagain++] = head;
	}
	sort_again(t);
}

bool
virtq_inflight_again(struct virtq_inflight *t, uint16_t *head)
{
	if (t->next == t->nagain)
		return (false);
	*head = t->again[t->next++];
	return (true);
}

void
virtq_inflight_taken(struct virtq_inflight *t, uint16_t head)
{
	assert(head < t->size);
	le64_put(entry(t, head) + E_COUNTER, ++t->counter);
	mark(t, head, true);
}

void
virtq_inflight_pushed(struct virtq_inflight *t, uint16_t head)
{
	assert(head < t->size);
	put16(entry(t, head) + E_NEXT, t->nbatch > 0 ? t->batch : 0);
	t->batch = head;
	t->nbatch++;
	put16(t->region + R_BATCH, head);
}

void
virtq_inflight_published(struct virtq_inflight *t, uint16_t used_idx)
{
	uint16_t head = t->batch;

	/* The links are our own stores; that another has changed them can only mislead us within. */
	for (; t->nbatch > 0 && head < t->size; t->nbatch--) {
		mark(t, head, false);
		head = le16_get(entry(t, head) + E_NEXT);
	}
	t->nbatch = 0;
	put16(t->region + R_USED, used_idx);
}
