/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot order as a text: see bootorder.h. Pure; runs in zhyve. */
#include "devices/bootorder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
bootorder_add(
    struct bootorder *b, uint32_t index, enum bootorder_kind kind, unsigned bdf, unsigned unit)
{
	unsigned at = 0;

	while (at < b->n && b->entry[at].index < index)
		at++;
	if (at < b->n && b->entry[at].index == index)
		return (-EEXIST);
	if (b->n == BOOTORDER_MAX)
		return (-ENOSPC);
	memmove(&b->entry[at + 1], &b->entry[at], (b->n - at) * sizeof(b->entry[0]));
	b->entry[at] = (struct bootorder_entry){ index, kind, bdf, unit };
	b->n++;
	return (0);
}

static int
format(const struct bootorder_entry *en, char *line, size_t size)
{
	unsigned dev = en->bdf >> 3 & 31, func = en->bdf & 7;
	char slot[8];

	if (func == 0)
		(void)snprintf(slot, sizeof(slot), "%x", dev);
	else
		(void)snprintf(slot, sizeof(slot), "%x,%x", dev, func);
	switch (en->kind) {
	case BOOTORDER_VIRTIO_BLK:
		return (snprintf(line, size, "/pci@i0cf8/scsi@%s/disk@0,0", slot));
	case BOOTORDER_NET:
		return (snprintf(line, size, "/pci@i0cf8/ethernet@%s/ethernet-phy@0", slot));
	case BOOTORDER_NVME:
		return (snprintf(line, size, "/pci@i0cf8/pci8086,5845@%s/namespace@1,0", slot));
	case BOOTORDER_AHCI:
		return (snprintf(
		    line, size, "/pci@i0cf8/pci8086,2922@%s/drive@%x/disk@0", slot, en->unit));
	}
	return (-1);
}

int
bootorder_text(const struct bootorder *b, char *buf, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < b->n; i++) {
		char line[BOOTORDER_LINE_MAX];
		int n = format(&b->entry[i], line, sizeof(line));

		if (n < 0 || (size_t)n >= sizeof(line) || size - len < (size_t)n + 1)
			return (-ENOSPC);
		memcpy(buf + len, line, (size_t)n);
		len += (size_t)n;
		buf[len++] = i + 1 < b->n ? '\n' : '\0';
	}
	return ((int)len);
}
