/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio memory balloon: see balloon.h. Refuses pages that are not RAM (they are skipped) and lists
 * of more than LIST_MAX pages (a broken rule: they would hold the event loop). Runs in zhyve.
 */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"
#include "base/log.h"

#define QUEUE_SIZE 128
#define LIST_MAX   16384u /* pages in one request; Linux sends 256, others 1,024 */
#define BATCH      256u

enum {
	INFLATE,
	DEFLATE,
	STATS, /* or reporting, see balloon.h */
	QUEUES = 5
};

/* struct virtio_balloon_config, 5.5.4 */
#define CFG_NUM_PAGES 0
#define CFG_ACTUAL    4
#define CFG_POISON    12

#define STAT_LEN      10 /* le16 tag, le64 value */

static void
discard(struct virtio_balloon *b, uint8_t *p, size_t len)
{
	int rc = b->discard(b->discard_ctx, p, len);

	if (rc < 0 && !b->failed) {
		log_warn(
		    "virtio-balloon: memory cannot be given back to the host: %s", strerror(-rc));
		b->failed = true;
	}
}

/* Pages by number (5.5.6.1). Neighbours in a row are discarded together. */
static void
discard_list(struct virtio_balloon *b, const uint8_t *list, size_t n)
{
	uint8_t *from = NULL, *p;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t gpa = (uint64_t)le32_get(list + i * 4) * VIRTIO_BALLOON_PAGE;

		if ((p = gmem_ptr(b->vd.gm, gpa, VIRTIO_BALLOON_PAGE)) == NULL)
			continue;
		if (from != NULL && p == from + len) {
			len += VIRTIO_BALLOON_PAGE;
		} else if (from != NULL && p + VIRTIO_BALLOON_PAGE == from) {
			from = p;
			len += VIRTIO_BALLOON_PAGE;
		} else {
			if (from != NULL)
				discard(b, from, len);
			from = p;
			len = VIRTIO_BALLOON_PAGE;
		}
	}
	if (from != NULL)
		discard(b, from, len);
}

static bool
inflate(struct virtio_balloon *b, const struct vq_chain *c)
{
	uint8_t list[BATCH * 4];
	size_t n;

	if (c->read_len > (uint64_t)LIST_MAX * 4) {
		virtio_needs_reset(&b->vd, "balloon list of too many pages");
		return (false);
	}
	for (size_t at = 0; (n = gmem_iov_to_buf(c->iov, c->nread, at, list, sizeof(list))) >= 4;
	     at += n)
		discard_list(b, list, n / 4);
	return (true);
}

/*
 * Free pages are reported as the buffers that they are (5.5.6.7). A guest that wants to find its
 * own pattern in them keeps them: new memory is zeros.
 */
static void
report(struct virtio_balloon *b, const struct vq_chain *c)
{
	const uintptr_t page = VIRTIO_BALLOON_PAGE;

	if (virtio_has(&b->vd, VIRTIO_BALLOON_F_PAGE_POISON) &&
	    le32_get(b->config + CFG_POISON) != 0)
		return;
	for (unsigned i = c->nread; i < c->nread + c->nwrite; i++) {
		uint8_t *p = c->iov[i].iov_base;
		size_t head = (size_t)(-(uintptr_t)p & (page - 1)), len = c->iov[i].iov_len;

		/* Whole pages only. */
		if (len >= head + page)
			discard(b, p + head, (len - head) & ~(page - 1));
	}
}

/* The guest's buffer stays here until new statistics are asked for. */
static void
take_stats(struct virtio_balloon *b, const struct vq_chain *c)
{
	uint8_t s[STAT_LEN * 32];
	size_t n = gmem_iov_to_buf(c->iov, c->nread, 0, s, sizeof(s));

	b->stats_valid = 0;
	for (size_t at = 0; at + STAT_LEN <= n; at += STAT_LEN) {
		unsigned tag = le16_get(s + at);

		if (tag < VIRTIO_BALLOON_STATS) {
			b->stats[tag] = le64_get(s + at + 2);
			b->stats_valid |= (uint16_t)(1u << tag);
		}
	}
	/* A second buffer while one is here is of no use: the older goes back. */
	if (b->stats_held)
		virtq_push(&b->vd.queue[STATS], b->stats_head, 0);
	b->stats_held = true;
	b->stats_head = c->head;
}

static bool
serve(struct virtio_balloon *b, unsigned queue)
{
	const struct vq_chain *c = &b->chain;

	if (queue == STATS && virtio_has(&b->vd, VIRTIO_BALLOON_F_STATS_VQ)) {
		take_stats(b, c);
		return (true);
	}
	if (queue == INFLATE && !inflate(b, c))
		return (false);
	if (queue >= STATS && virtio_has(&b->vd, VIRTIO_BALLOON_F_REPORTING))
		report(b, c);
	virtq_push(&b->vd.queue[queue], c->head, 0);
	return (true);
}

static void
balloon_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_balloon *b = vd->softc;
	struct virtq *q = &vd->queue[queue];
	unsigned round = 0;

	do {
		virtq_kick_off(q);
		for (unsigned n = 0; n < q->size && virtio_pop(vd, queue, &b->chain); n++)
			if (!serve(b, queue))
				return;
		virtio_publish(vd, queue);
	} while (virtio_another_round(vd, queue, round++));
}

/* The driver says how many pages it has given, and what it fills free pages with. */
static void
balloon_config_write(struct virtio_dev *vd, uint32_t off, const void *buf, uint32_t len)
{
	struct virtio_balloon *b = vd->softc;

	if (range_ok(off - CFG_ACTUAL, len, 4) || range_ok(off - CFG_POISON, len, 4))
		memcpy(b->config + off, buf, len);
}

static bool
balloon_stop(struct virtio_dev *vd)
{
	struct virtio_balloon *b = vd->softc;

	b->stats_held = false;
	b->stats_valid = 0;
	return (true);
}

static void
balloon_was_reset(struct virtio_dev *vd)
{
	struct virtio_balloon *b = vd->softc;

	le32_put(b->config + CFG_ACTUAL, 0);
	le32_put(b->config + CFG_POISON, 0);
}

/* The buffer for statistics comes again, and they with it, where the queue is looked at. */
#define BALLOON_STATE(F, T)           \
	F(T, vd, OWNS, 0)             \
	F(T, config, BYTES, 0)        \
	F(T, chain, OWNS, 0)          \
	F(T, discard, OWN, 0)         \
	F(T, discard_ctx, OWN, 0)     \
	F(T, failed, OWN, 0)          \
	F(T, stats_held, OWN, 0)      \
	F(T, stats_head, OWN, 0)      \
	F(T, stats, ARRAY, STATE_ANY) \
	F(T, stats_valid, SAVED, (1u << VIRTIO_BALLOON_STATS) - 1)
STATE_TYPE(balloon_type, struct virtio_balloon, BALLOON_STATE, "balloon", 1);

static int
balloon_state(struct virtio_dev *vd, struct state *st)
{
	return (state_struct(st, &balloon_type, vd->softc));
}

static const struct virtio_dev_ops balloon_ops = {
	.name = "virtio-balloon",
	.type = VIRTIO_TYPE_BALLOON,
	.pci_class = 0x00ff00, /* none of PCI's classes */
	.config_write = balloon_config_write,
	.notify = balloon_notify,
	.stop = balloon_stop,
	.was_reset = balloon_was_reset,
	.state = balloon_state,
};

int
virtio_balloon_init(
    struct virtio_balloon *b, const struct gmem *gm, balloon_discard *fn, void *discard_ctx)
{
	int rc;

	*b = (struct virtio_balloon){ .discard = fn, .discard_ctx = discard_ctx };
	if ((rc = virtio_init(&b->vd, &balloon_ops, b, gm, QUEUES, QUEUE_SIZE)) < 0)
		return (rc);
	if ((rc = vq_chain_init(&b->chain, &b->vd.queue[0])) < 0) {
		virtio_balloon_destroy(b);
		return (rc);
	}
	b->vd.offered |= VIRTIO_BALLOON_F_MUST_TELL_HOST | VIRTIO_BALLOON_F_STATS_VQ |
	    VIRTIO_BALLOON_F_DEFLATE_ON_OOM | VIRTIO_BALLOON_F_PAGE_POISON |
	    VIRTIO_BALLOON_F_REPORTING;
	b->vd.config = b->config;
	b->vd.config_len = VIRTIO_BALLOON_CONFIG_LEN;
	return (0);
}

void
virtio_balloon_destroy(struct virtio_balloon *b)
{
	vq_chain_destroy(&b->chain);
	virtio_destroy(&b->vd);
}

void
virtio_balloon_set_target(struct virtio_balloon *b, uint64_t memory)
{
	uint64_t give = memory < b->vd.gm->size ? b->vd.gm->size - memory : 0;
	uint64_t pages = MIN(give / VIRTIO_BALLOON_PAGE, (uint64_t)UINT32_MAX);

	le32_put(b->config + CFG_NUM_PAGES, (uint32_t)pages);
	virtio_config_changed(&b->vd);
}

uint64_t
virtio_balloon_memory(const struct virtio_balloon *b)
{
	uint64_t given = (uint64_t)le32_get(b->config + CFG_ACTUAL) * VIRTIO_BALLOON_PAGE;

	return (b->vd.gm->size - MIN(given, b->vd.gm->size));
}

void
virtio_balloon_ask_stats(struct virtio_balloon *b)
{
	if (!b->stats_held || !virtio_running(&b->vd))
		return;
	b->stats_held = false;
	virtq_push(&b->vd.queue[STATS], b->stats_head, 0);
	virtio_publish(&b->vd, STATS);
}
