/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm create: an image of a stopped VM's boot disk, as files. What the manifest says comes, the later
 * over the earlier, from the image that the disk was made of, from the VM, from -m, from the operands.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/brand.h"
#include "zone/client.h"
#include "zone/image_export.h"
#include "zone/image_manifest.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"
#include "zone/volume.h"

struct creation {
	struct zconf *c;
	const struct zdevice *disk;
	struct image origin; /* uuid "": the disk is of none, or that is gone */
	json_t *manifest;
	const char *more; /* -m */
	struct output out;
};

/* ---- the VM ---- */

/* 0 or an exit status, told. */
static int
find_vm(struct creation *cr, const char *uuid)
{
	struct zone_status st;
	const char *image;
	struct err e;

	if (zconf_load_uuid(uuid, &cr->c, &e) != 0)
		return (fail("VmNotFound", "vm not found: \"%s\"", uuid));
	if (zone_status_get(cr->c->name, &st, &e) != 0)
		return (fail_with(&e));
	if (st.state != ZONE_STATE_INSTALLED)
		return (fail("VmNotStopped",
		    "vm %s must be stopped to make an image of it, it is %s (vmadm stop)", uuid,
		    zone_state_name(st.state)));
	if ((cr->disk = brand_system_disk(cr->c)) == NULL)
		return (fail("VmHasNoOrigin", "vm %s has no disk", uuid));
	image = zprop_get(cr->disk->prop, cr->disk->nprop, "image-uuid");
	if (image == NULL || image_get(image, &cr->origin, &e) != 0)
		cr->origin.uuid[0] = '\0';
	return (0);
}

/* ---- the manifest ---- */

/* What an image keeps of the one that it comes from. */
static int
inherit(struct creation *cr)
{
	static const char *const kept[] = { "os", "description", "homepage", "requirements", "tags",
		"nic_driver", "disk_driver", "cpu_type", "users" };
	const char *rom = zconf_attr(cr->c, "bootrom");
	json_t *origin = NULL, *requirements;
	int rc;

	if (cr->origin.uuid[0] != '\0' && (rc = load_manifest(cr->origin.uuid, &origin)) != 0)
		return (rc);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_object_get(origin, kept[i]) != NULL)
			(void)json_object_set_new(cr->manifest, kept[i],
			    json_deep_copy(json_object_get(origin, kept[i])));
	json_decref(origin);
	if ((requirements = json_object_get(cr->manifest, "requirements")) == NULL) {
		requirements = json_object();
		(void)json_object_set_new(cr->manifest, "requirements", requirements);
	}
	(void)json_object_set_new(requirements, "brand", json_string("bhyve"));
	if (rom != NULL && (strcmp(rom, "uefi") == 0 || strcmp(rom, "bios") == 0))
		(void)json_object_set_new(requirements, "bootrom", json_string(rom));
	return (0);
}

/* -m: an object whose members go over those there. */
static int
take_more(struct creation *cr)
{
	CLEANUP_FREE char *text = NULL;
	json_error_t je;
	json_t *more;
	struct err e;
	size_t len;

	if (cr->more == NULL)
		return (0);
	if (file_read(cr->more, IMAGE_MANIFEST_MAX, &text, &len, &e) != 0)
		return (fail_with(&e));
	more = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(more)) {
		json_decref(more);
		return (fail("InvalidManifest", "'%s' is not a JSON object", cr->more));
	}
	(void)json_object_update(cr->manifest, more);
	json_decref(more);
	return (0);
}

/* FIELD=VALUE, or OBJECT.FIELD=VALUE; a number or true or false is one. */
static int
take_field(json_t *manifest, const char *operand)
{
	const char *eq = strchr(operand, '='), *dot = memchr(operand, '.', strcspn(operand, "="));
	json_t *in = manifest, *value;
	char name[128];

	if (eq == NULL || eq == operand || (size_t)(eq - operand) >= sizeof(name))
		return (fail("Usage", "not FIELD=VALUE: \"%s\"", operand));
	if (dot != NULL) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)(dot - operand), operand);
		in = json_object_get(manifest, name);
		if (!json_is_object(in)) {
			in = json_object();
			(void)json_object_set_new(manifest, name, in);
		}
		operand = dot + 1;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)(eq - operand), operand);
	value = json_loads(eq + 1, JSON_DECODE_ANY, NULL);
	if ((!json_is_number(value) && !json_is_boolean(value)) || strcmp(name, "version") == 0) {
		json_decref(value);
		value = json_string(eq + 1);
	}
	if (value == NULL || json_object_set_new(in, name, value) != 0)
		return (fail("Usage", "\"%s\" is not UTF-8", operand));
	return (0);
}

/* What every manifest has. */
static void
take_fixed(struct creation *cr)
{
	char uuid[UUID_TEXT_LEN + 1], now[VMOBJ_TIME_LEN + 1];
	json_t *m = cr->manifest;

	vm_uuid_generate(uuid);
	vmobj_time((int64_t)time(NULL) * 1000, now);
	if (json_object_get(m, "uuid") == NULL)
		(void)json_object_set_new(m, "uuid", json_string(uuid));
	if (json_object_get(m, "owner") == NULL)
		(void)json_object_set_new(
		    m, "owner", json_string("00000000-0000-0000-0000-000000000000"));
	(void)json_object_set_new(m, "v", json_integer(2));
	(void)json_object_set_new(m, "type", json_string("zvol"));
	(void)json_object_set_new(m, "state", json_string("active"));
	(void)json_object_set_new(m, "disabled", json_false());
	if (json_object_get(m, "public") == NULL)
		(void)json_object_set_new(m, "public", json_false());
	(void)json_object_set_new(m, "published_at", json_string(now));
}

/* ---- the whole ---- */

static int
write_out(struct creation *cr)
{
	bool direct = cr->origin.kernel[0] != '\0' && zconf_attr(cr->c, "bootrom") == NULL;
	struct image_output o = {
		.packed = cr->out.packed,
		.manifest = cr->manifest,
		.kernel = direct ? cr->origin.kernel : NULL,
		.initrd = direct ? cr->origin.initrd : NULL,
	};
	json_t *tags = json_object_get(cr->manifest, "tags");
	char prefix[PATH_MAX], file[PATH_MAX];
	struct err e;
	int rc;

	if (!direct) { /* then it boots by its own boot loader */
		(void)json_object_del(tags, "org.zhyve:kernel");
		(void)json_object_del(tags, "org.zhyve:initrd");
		(void)json_object_del(tags, "org.zhyve:cmdline");
	}
	if ((o.disk = volume_open(cr->disk->match, 1, &o.size, &e)) < 0)
		return (fail_with(&e));
	image_output_prefix(cr->manifest, cr->out.where, prefix);
	rc = image_output(&o, prefix, file, &e);
	volume_close(&o.disk);
	if (rc != 0)
		return (fail_with(&e));
	if (!cr->out.quiet)
		(void)printf("Image %s (%s@%s) is in %s and %s.json\n",
		    json_string_value(json_object_get(cr->manifest, "uuid")),
		    json_string_value(json_object_get(cr->manifest, "name")),
		    json_string_value(json_object_get(cr->manifest, "version")), file, prefix);
	return (EXIT_OK);
}

static int
take_options(struct creation *cr, int argc, char **argv)
{
	int c, rc;

	while ((c = getopt(argc, argv, "+c:m:o:q")) != -1) {
		if (c == 'm')
			cr->more = optarg;
		else if ((rc = take_output(c, &cr->out)) != 0)
			return (rc);
	}
	return (0);
}

int
imgadm_create(int argc, char **argv)
{
	struct creation cr = { .out.where = ".", .manifest = json_object() };
	char uuid[UUID_TEXT_LEN + 1];
	int rc;

	if ((rc = take_options(&cr, argc, argv)) == 0 &&
	    (rc = take_uuid_operand(argc, argv, argc, uuid)) == 0 &&
	    (rc = find_vm(&cr, uuid)) == 0 && (rc = inherit(&cr)) == 0)
		rc = take_more(&cr);
	for (int i = optind + 1; rc == 0 && i < argc; i++)
		rc = take_field(cr.manifest, argv[i]);
	if (rc == 0) {
		take_fixed(&cr);
		if (!cr.out.quiet)
			(void)fprintf(stderr,
			    "A guest is to be made ready before its image is taken (imgadm(8), "
			    "PREPARING A GUEST).\n");
		interrupt_watch(false);
		if (!cr.out.quiet)
			progress_watch();
		rc = write_out(&cr);
	}
	zconf_free(cr.c);
	json_decref(cr.manifest);
	return (rc);
}
