/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protection of a link, fed with anything: a link's flags, then frames of both directions, each
 * with its length. What has to hold whatever comes: it stays within the frame (AddressSanitizer sees
 * to that: each frame lies in memory of its own), what passes has the link's MAC address, and the short
 * way of protect_everyday.h lets nothing pass that the function would not, or would learn from.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "zone/protect_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t mac[6] = { 0x02, 0x08, 0x20, 0x00, 0x00, 0x01 };

/* What the function says, held against the short way. */
static enum protect_reason
judge(struct frame *f, const struct protect_link *l, bool to_guest)
{
	const struct protect_table before = *f->table;
	enum protect_reason r;
	uint32_t judged = 0;
	bool may_pass;

	if (to_guest) {
		may_pass = protect_everyday_to_guest(f, l);
		r = protect_to_guest(f, l);
	} else {
		judged = protect_everyday_from_guest(f, l);
		may_pass = judged != 0;
		r = protect_from_guest(f, l);
	}
	if (may_pass &&
	    (r != PROTECT_PASS || judged > f->len ||
		memcmp(&before, f->table, sizeof(before)) != 0))
		abort();
	return (r);
}

static void
one(const struct protect_link *l, struct protect_table *t, const uint8_t *data, uint32_t len,
    uint8_t how)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct frame f = { .data = copy, .table = t, .len = len, .gso = (how & 2) != 0 };
	bool to_guest = (how & 1) != 0;
	enum protect_reason r;

	if (copy == NULL)
		return;
	memcpy(copy, data, len);
	if ((how & 4) != 0) {
		f.tag_proto = (how & 8) != 0 ? 0x88a8 : 0x8100;
		f.tag = how >> 4;
	}
	r = judge(&f, l, to_guest);
	if (!to_guest && r == PROTECT_PASS && (l->flags & PROTECT_MAC) != 0 &&
	    memcmp(copy + 6, mac, 6) != 0)
		abort();
	if (r >= PROTECT_NREASONS)
		abort();
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct protect_table t;
	struct protect_link l = { .nv4 = 1, .nv6 = 1, .nport = 1, .port = { 25 } };
	uint32_t len;

	if (size < 2)
		return (0);
	memset(&t, 0, sizeof(t));
	t.now = 1000;
	l.flags = (uint32_t)data[0] | (uint32_t)(data[1] & 1) << 8;
	l.vlan = data[1] >> 4;
	l.v4[0] = (struct protect_v4){ 0x0500000a, UINT32_MAX };
	l.v6[0].addr[0] = 0xfd;
	l.v6[0].mask[0] = UINT64_MAX;
	protect_set_mac(&l, mac);
	data += 2;
	size -= 2;
	while (size > 3) {
		uint8_t how = data[0];

		len = (uint32_t)data[1] << 8 | data[2];
		data += 3;
		size -= 3;
		if (len > size)
			len = (uint32_t)size;
		one(&l, &t, data, len, how);
		data += len;
		size -= len;
	}
	return (0);
}
