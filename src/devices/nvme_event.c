/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous events and log pages of the NVMe controller (NVM Express 1.4, 5.2 and 5.14). An
 * event waits until the host has left a request for it and there is a place for the answer; its
 * type is then quiet until the host has read the log page. So there is never more than one of each
 * kind to remember. Refuses log pages that identify does not offer. Runs in zhyve.
 */
#include "base/checked.h"
#include "devices/nvme_internal.h"

enum {
	LOG_ERROR = 0x01,
	LOG_HEALTH = 0x02,
	LOG_FIRMWARE = 0x03,
	LOG_CHANGED_NS = 0x04,
};

#define RETAIN_EVENT 0x8000u /* of dword 10 */

static const struct {
	uint8_t type, info, log;
	uint32_t wanted; /* bits of the feature; 0: always */
} kinds[NVME_EVENTS] = {
	[NVME_EVENT_BAD_DOORBELL] = { NVME_TYPE_ERROR, 0, LOG_ERROR, 0 },
	[NVME_EVENT_BAD_VALUE] = { NVME_TYPE_ERROR, 1, LOG_ERROR, 0 },
	[NVME_EVENT_TEMPERATURE] = { NVME_TYPE_HEALTH, 1, LOG_HEALTH, 0x002 },
	[NVME_EVENT_NAMESPACE] = { NVME_TYPE_NOTICE, 0, LOG_CHANGED_NS, 0x100 },
};

void
nvme_events_flush(struct nvme *n)
{
	for (unsigned ev = 0; ev < NVME_EVENTS; ev++) {
		if ((n->events & 1u << ev) == 0 || (n->events_masked & 1u << kinds[ev].type) != 0)
			continue;
		if (n->naers == 0 || nvme_cq_room(&n->cq[0]) == 0)
			return;
		n->events &= ~(1u << ev);
		n->events_masked |= 1u << kinds[ev].type;
		nvme_post(n, 0, 0, n->aer[--n->naers], NVME_OK,
		    (uint32_t)kinds[ev].log << 16 | (uint32_t)kinds[ev].info << 8 | kinds[ev].type);
	}
}

void
nvme_event(struct nvme *n, enum nvme_event ev)
{
	/* While it waits for its reset the queues are as good as gone, and so is their memory. */
	if (!nvme_running(n) || (kinds[ev].wanted & ~n->feat.events) != 0)
		return;
	n->events |= 1u << ev;
	nvme_events_flush(n);
}

uint16_t
nvme_aer(struct nvme *n, uint16_t cid)
{
	if (n->naers == NVME_AERS)
		return (NVME_AER_LIMIT);
	n->aer[n->naers++] = cid;
	return (NVME_PARKED);
}

/* One entry, the newest (5.14.1.1). */
static uint32_t
error_log(struct nvme *n)
{
	uint8_t *p = n->page;

	le64_put(p, n->error.count);
	le16_put(p + 8, n->error.sqid);
	le16_put(p + 10, n->error.cid);
	le16_put(p + 12, (uint16_t)(n->error.status << 1));
	le16_put(p + 14, 0xffff); /* no parameter is named */
	le32_put(p + 24, NVME_NSID);
	return (64);
}

static uint32_t
health_log(struct nvme *n)
{
	bool hot = n->feat.over <= NVME_TEMPERATURE || n->feat.under >= NVME_TEMPERATURE;
	const struct nvme_stats *s = &n->stats;
	uint8_t *p = n->page;

	p[0] = hot ? 0x2 : 0;
	le16_put(p + 1, NVME_TEMPERATURE);
	p[3] = 100; /* spare, percent */
	p[4] = 10;
	/* Units of a thousand sectors, begun ones counted. */
	le64_put(p + 32, (s->read_sectors + 999) / 1000);
	le64_put(p + 48, (s->written_sectors + 999) / 1000);
	le64_put(p + 64, s->reads);
	le64_put(p + 80, s->writes);
	le64_put(p + 112, 1); /* power cycles */
	le64_put(p + 160, s->media_errors);
	le64_put(p + 176, n->error.count);
	return (512);
}

static uint32_t
firmware_log(struct nvme *n)
{
	n->page[0] = 1; /* slot 1 is active */
	memcpy(n->page + 8, "1.0     ", 8);
	return (512);
}

static uint32_t
changed_log(struct nvme *n)
{
	if (n->ns_changed)
		le32_put(n->page, NVME_NSID);
	return (4096);
}

/* Build the page in n->page; its length, 0 when there is no such page. */
static uint32_t
build_log(struct nvme *n, uint8_t log)
{
	memset(n->page, 0, sizeof(n->page));
	switch (log) {
	case LOG_ERROR:
		return (error_log(n));
	case LOG_HEALTH:
		return (health_log(n));
	case LOG_FIRMWARE:
		return (firmware_log(n));
	case LOG_CHANGED_NS:
		return (changed_log(n));
	default:
		return (0);
	}
}

/* The host has seen it: so it has what would have been told meanwhile. */
static void
log_was_read(struct nvme *n, uint8_t log)
{
	for (unsigned ev = 0; ev < NVME_EVENTS; ev++)
		if (kinds[ev].log == log) {
			n->events &= ~(1u << ev);
			n->events_masked &= ~(1u << kinds[ev].type);
		}
	if (log == LOG_CHANGED_NS)
		n->ns_changed = false;
}

uint16_t
nvme_get_log(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	uint64_t dwords = (c->dw10 >> 16 | (uint64_t)(c->dw11 & 0xffff) << 16) + 1;
	uint64_t off = c->dw12 | (uint64_t)c->dw13 << 32, len = dwords * 4;
	uint8_t log = (uint8_t)c->dw10;
	uint32_t have;
	uint16_t status;

	if (c->nsid != 0 && c->nsid != NVME_NSID && c->nsid != NVME_NSID_ALL)
		return (NVME_INVALID_NAMESPACE);
	if (len > NVME_XFER_MAX || off % 4 != 0)
		return (NVME_INVALID_FIELD);
	/* Mapped before the page is built: both use the scratch page. */
	if ((status = nvme_prp_map(n, c, len, r->io.iov, &r->io.niov)) != NVME_OK)
		return (status);
	if ((have = build_log(n, log)) == 0)
		return (NVME_LOG_INVALID);
	if (off > have)
		return (NVME_INVALID_FIELD);
	/* What the host asks for beyond the page's end stays as it was. */
	(void)gmem_buf_to_iov(n->page + off, MIN(len, have - off), r->io.iov, r->io.niov, 0);
	if ((c->dw10 & RETAIN_EVENT) == 0)
		log_was_read(n, log);
	return (NVME_OK);
}
