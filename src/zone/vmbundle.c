/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SmartOS's stream of a VM: see vmbundle.h, and vmadm.md 14. Nothing in it is believed: texts end in their block,
 * and the VM passes the same checks as one that is created here. Pure. Tools.
 */
#include "zone/vmbundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/vmobj.h"
#include "zone/vmprop.h"
#include "zone/vmvalidate.h"
#include "zone/volume_zfs.h"

#define VERSION      "1"
#define DISK_MIB_MAX (INT64_C(1) << 40)

/* ---- blocks ---- */

size_t
vmbundle_magic(const char block[VMBUNDLE_BLOCK])
{
	for (size_t at = 0; at <= VMBUNDLE_SKIP_MAX; at++)
		if (memcmp(block + at, VMBUNDLE_MAGIC, sizeof(VMBUNDLE_MAGIC)) == 0)
			return (at);
	return (SIZE_MAX);
}

/* The next text of the block, shorter than `max`; NULL: it has no end. */
static const char *
next_text(const char *block, size_t *at, size_t max)
{
	const char *text = block + *at;
	size_t len = strnlen(text, VMBUNDLE_BLOCK - *at);

	if (*at + len >= VMBUNDLE_BLOCK || len >= max)
		return (NULL);
	*at += len + 1;
	return (text);
}

static int
damaged(struct err *e, const char *what)
{
	return (err_say(
	    e, EINVAL, "the stream, which is one of SmartOS's vmadm send, is not right: %s", what));
}

int
vmbundle_header_parse(const char block[VMBUNDLE_BLOCK], struct vmbundle_header *out, struct err *e)
{
	const char
	    *text[6]; /* magic, version, checksum (unused there), name, size, size with padding */
	size_t at = 0;

	for (size_t i = 0; i < NITEMS(text); i++)
		if ((text[i] = next_text(block, &at, sizeof(out->name))) == NULL)
			return (damaged(e, "a header is cut off"));
	if (strcmp(text[0], VMBUNDLE_MAGIC) != 0)
		return (damaged(e, "there is no header where one has to be"));
	if (strcmp(text[1], VERSION) != 0)
		return (err_say(e, EINVAL,
		    "the stream of SmartOS's vmadm send has version %.16s, and only "
		    "version " VERSION " is known",
		    text[1]));
	(void)strcpy(out->name, text[3]);
	if (out->name[0] == '\0' || parse_u64(text[4], &out->size) != 0 ||
	    parse_u64(text[5], &out->padded) != 0 || out->padded < out->size)
		return (damaged(e, "a header has no name, or no size"));
	return (0);
}

int
vmbundle_read_header(vmbundle_read_fn *read, void *arg, char block[VMBUNDLE_BLOCK], size_t have,
    struct vmbundle_header *out, struct err *e)
{
	size_t at;
	int rc;

	if (have == 0) {
		if ((rc = read(arg, block, 1)) != 0)
			return (rc == -EPIPE ? -ENODATA : vmstream_torn(rc, e));
		have = 1;
	}
	if ((rc = read(arg, block + have, VMBUNDLE_BLOCK - have)) != 0)
		return (vmstream_torn(rc, e));
	if ((at = vmbundle_magic(block)) == SIZE_MAX)
		return (damaged(e, "there is no header where one has to be"));
	memmove(block, block + at, VMBUNDLE_BLOCK - at);
	if (at > 0 && (rc = read(arg, block + VMBUNDLE_BLOCK - at, at)) != 0)
		return (vmstream_torn(rc, e));
	return (vmbundle_header_parse(block, out, e));
}

/* ---- the VM ---- */

static const char *
text_of(const json_t *o, const char *name)
{
	return (json_string_value(json_object_get(o, name)));
}

/* What vmadm get tells and nobody sets: about the host there, or computed from other properties. */
static bool
is_told_only(const char *of, const char *name)
{
	static const char *const others[] = { "datasets", "last_modified", "missing",
		"platform_buildstamp", "server_uuid", "zonedid" };
	const struct vmprop *p = vmprop_find(of, name);

	if (p != NULL)
		return ((p->flags & VMF_CREATE) == 0);
	for (size_t i = 0; of == NULL && i < NITEMS(others); i++)
		if (strcmp(name, others[i]) == 0)
			return (true);
	return (false);
}

static void
drop_told_only(const char *of, json_t *o)
{
	const char *name;
	json_t *v;
	void *next;

	json_object_foreach_safe(o, next, name, v) if (is_told_only(of, name))(void)
	    json_object_del(o, name);
}

/* Is it a volume, which will come? Then what it was made of, and where it was, go. */
static int
take_disk(json_t *disk, size_t n, struct vmbundle *b, struct err *e)
{
	static const char *const there[] = { "path", "zpool", "image_uuid", "image_size",
		"nocreate" };
	const char *dataset = text_of(disk, "zfs_filesystem");
	int64_t mib;

	if (n == VMSTREAM_DISKS_MAX)
		return (err_say(e, EINVAL, "more than %d disks", VMSTREAM_DISKS_MAX));
	if (strlen(dataset) >= VMBUNDLE_NAME_MAX || !zfs_name_valid(dataset) ||
	    vmprop_integer(json_object_get(disk, "size"), &mib) < 0 || mib <= 0 ||
	    mib > DISK_MIB_MAX)
		return (err_say(e, EINVAL, "disk %zu has no possible dataset and size", n));
	(void)strcpy(b->dataset[n], dataset);
	b->size[n] = (uint64_t)mib * MIB;
	for (size_t i = 0; i < NITEMS(there); i++)
		(void)json_object_del(disk, there[i]);
	drop_told_only("disks", disk);
	return (0);
}

static int
take_disks(json_t *vm, struct vmbundle *b, struct err *e)
{
	json_t *disks = json_object_get(vm, "disks"), *disk;
	size_t n = 0;
	int rc;

	while ((disk = json_array_get(disks, n)) != NULL) {
		if (text_of(disk, "zfs_filesystem") != NULL) {
			if ((rc = take_disk(disk, n++, b, e)) != 0)
				return (rc);
			continue;
		}
		log_warn("disk '%s' is no volume of its own there: it does not come",
		    text_of(disk, "path") != NULL ? text_of(disk, "path") : "");
		(void)json_array_remove(disks, n);
	}
	return (0);
}

static int
no_image(const char *uuid, struct image *out, struct err *e)
{
	(void)out;
	return (err_say(e, ENOENT, "image %s is not looked for", uuid));
}

/* As a payload of create has it. */
static int
make_payload(json_t *vm, vmbundle_warn_fn *warn, struct vmbundle *b, struct err *e)
{
	const char *uuid = text_of(vm, "uuid");
	uint8_t bytes[16];
	int rc;

	if (uuid == NULL || parse_uuid(uuid, bytes) != 0)
		return (err_say(e, EINVAL, "it has no uuid"));
	if (json_array_size(json_object_get(vm, "pci_devices")) > 0)
		return (err_say(e, EINVAL,
		    "it has devices of its host (pci_devices), which cannot come: remove them "
		    "there (vmadm update, remove_pci_devices) and send it again"));
	if (json_array_size(json_object_get(vm, "snapshots")) > 0)
		log_warn("its %zu snapshots do not come",
		    json_array_size(json_object_get(vm, "snapshots")));
	(void)json_object_del(vm, "snapshots");
	(void)json_object_del(vm, "image_uuid");
	if ((rc = take_disks(vm, b, e)) != 0)
		return (rc);
	drop_told_only(NULL, vm);
	return (vmcreate_prepare(vm, no_image, warn, e));
}

static int
make_zone(const char *created, struct vmbundle *b, struct err *e)
{
	const char *name = text_of(b->payload, "zonename");
	int rc;

	if ((rc = zconf_name_check(name, e)) != 0 ||
	    (rc = vmobj_new(b->payload, name, created, &b->zone, e)) != 0)
		return (rc);
	vmobj_payload_config(b->payload, &b->config);
	return (0);
}

int
vmbundle_describe(
    const char *text, size_t len, vmbundle_warn_fn *warn, struct vmbundle *out, struct err *e)
{
	char created[VMOBJ_TIME_LEN + 1] = "";
	json_error_t je;
	int rc;

	*out = (struct vmbundle){ 0 };
	out->payload = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(out->payload))
		return (err_say(e, EINVAL,
		    "SmartOS's description of the VM is no JSON object: line %d, column %d: %s",
		    je.line, je.column, je.text));
	if (text_of(out->payload, "create_timestamp") != NULL)
		(void)snprintf(
		    created, sizeof(created), "%s", text_of(out->payload, "create_timestamp"));
	if ((rc = make_payload(out->payload, warn, out, e)) == 0)
		rc = make_zone(created[0] != '\0' ? created : NULL, out, e);
	return (rc == 0 ? 0 : err_ctx(e, "SmartOS's description of the VM"));
}

void
vmbundle_free(struct vmbundle *b)
{
	vmconfig_free(&b->config);
	zconf_free(b->zone);
	json_decref(b->payload);
	*b = (struct vmbundle){ 0 };
}
