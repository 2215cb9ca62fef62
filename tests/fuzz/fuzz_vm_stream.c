/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vmadm receive reads: records with any header and content, the description of the VM among them. Checksums
 * are not minded here, as whoever forges a stream can compute them; what is handed out keeps what vmstream.h
 * promises. And SmartOS's blocks, and the VM in them (vmbundle.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "../unit/zone/memory_input.h"
#include "fuzz.h"
#include "zone/vmbundle.h"
#include "zone/vmstream.h"

static void
check(const struct vmstream *s, const struct vmstream_record *r)
{
	if (r->type == VMSTREAM_DATA &&
	    (r->disk >= s->head->zone->ndevice ||
		!range_ok(r->offset, r->len, s->head->size[r->disk])))
		abort();
	if (r->type == VMSTREAM_FILE &&
	    (strchr((char *)s->payload, '/') != NULL || s->payload[0] == '.' ||
		strlen((char *)s->payload) >= r->len))
		abort();
}

static void
warn(const char *property, const char *what)
{
	(void)property;
	(void)what;
}

/* As SmartOS's: what a description gives has bounds, and no more disks than volumes. */
static void
read_bundle(const uint8_t *data, size_t size)
{
	struct memory_input in = { data, size };
	char block[VMBUNDLE_BLOCK];
	struct vmbundle_header h;
	struct vmbundle b;
	struct err e = { 0 };

	while (vmbundle_read_header(memory_input_read, &in, block, 0, &h, &e) == 0) {
		if (memchr(h.name, '\0', sizeof(h.name)) == NULL || h.padded < h.size)
			abort();
		if (strcmp(h.name, "JSON") != 0 || h.padded > in.len)
			continue;
		if (vmbundle_describe((const char *)in.data, h.size, warn, &b, &e) == 0)
			for (size_t i = 0; i < b.zone->ndevice; i++)
				if (i >= VMSTREAM_DISKS_MAX || b.size[i] == 0 ||
				    b.zone->device[i].match != NULL)
					abort();
		vmbundle_free(&b);
		in.data += h.padded;
		in.len -= h.padded;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_input in = { data, size };
	struct vmstream s = { .read = memory_input_read, .arg = &in, .unchecked = true };
	struct vmstream_head head = { .zone = NULL };
	struct vmstream_record r;
	struct vmstream_point point;
	struct err e = { 0 };
	char text[VMSTREAM_TOKEN_MAX + 8];

	(void)snprintf(
	    text, sizeof(text), "%.*s", (int)MIN(size, sizeof(text) - 1), (const char *)data);
	(void)vmstream_token_parse(text, &point);
	read_bundle(data, size);
	while (vmstream_read(&s, &r, &e) == 0) {
		if (r.type == VMSTREAM_HEAD) {
			if (vmstream_head_parse((char *)s.payload, r.len, &head, &e) != 0)
				break;
			s.head = &head;
		}
		check(&s, &r);
	}
	if (!s.ended && e.text[0] == '\0')
		abort(); /* it stopped without a word */
	vmstream_free(&s);
	zconf_free(head.zone);
	return (0);
}
