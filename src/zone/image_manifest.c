/* SPDX-License-Identifier: BSD-2-Clause */
/* Manifests of images: see image_manifest.h. Pure. Tools and zoneadmd. */
#include "zone/image_manifest.h"
#include "zone/image_convert.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define IMAGE_MIB_MAX (1ull << 32) /* 4 PiB */

/* Faults are gathered, so that one run tells of all. */
struct faults {
	char text[ERR_TEXT_MAX / 2];
	size_t len;
};

static void fault(struct faults *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
fault(struct faults *f, const char *fmt, ...)
{
	size_t room = sizeof(f->text) - f->len;
	va_list ap;
	int n;

	if (f->len > 0 && room > 2) {
		memcpy(f->text + f->len, ", ", 3);
		f->len += 2;
		room -= 2;
	}
	va_start(ap, fmt);
	n = vsnprintf(f->text + f->len, room, fmt, ap);
	va_end(ap);
	f->len += MIN((size_t)MAX(n, 0), room - 1);
}

/* A string member; one that is not there is a fault unless `optional`. */
static void
take_string(
    const json_t *o, const char *key, bool optional, char *out, size_t size, struct faults *f)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v), *p;

	out[0] = '\0';
	if (v == NULL) {
		if (!optional)
			fault(f, "%s (missing)", key);
		return;
	}
	if (s == NULL || (s[0] == '\0' && !optional)) {
		fault(f, "%s (not a string of at least one character)", key);
		return;
	}
	if (strlen(s) >= size) {
		fault(f, "%s (longer than %zu bytes)", key, size - 1);
		return;
	}
	for (p = s; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p)) {
			fault(f, "%s (has control characters)", key);
			return;
		}
	}
	(void)snprintf(out, size, "%s", s);
}

static void
take_uuid(const json_t *root, char out[UUID_TEXT_LEN + 1], struct faults *f)
{
	char text[UUID_TEXT_LEN + 8];
	uint8_t uuid[16];

	take_string(root, "uuid", false, text, sizeof(text), f);
	if (text[0] == '\0')
		return;
	if (parse_uuid(text, uuid) != 0)
		fault(f, "uuid (\"%s\" is no UUID)", text);
	else
		format_uuid(uuid, out);
}

static void
take_size(const json_t *root, struct image *img, struct faults *f)
{
	const json_t *v = json_object_get(root, "image_size");

	if (v == NULL)
		fault(f, "image_size (missing)");
	else if (!json_is_integer(v) || json_integer_value(v) <= 0 ||
	    (uint64_t)json_integer_value(v) > IMAGE_MIB_MAX)
		fault(f, "image_size (not a number of MiB)");
	else
		img->size = (uint64_t)json_integer_value(v) * MIB;
}

static void
take_sha1(const json_t *file, char out[SHA1_TEXT_LEN + 1], struct faults *f)
{
	size_t i;

	take_string(file, "sha1", true, out, SHA1_TEXT_LEN + 1, f);
	for (i = 0; out[i] != '\0'; i++) {
		if (!isxdigit((unsigned char)out[i]))
			break;
		out[i] = (char)tolower((unsigned char)out[i]);
	}
	if (out[i] != '\0' || (i != 0 && i != SHA1_TEXT_LEN))
		fault(f, "files.0.sha1 (not %d hexadecimal digits)", SHA1_TEXT_LEN);
}

static void
take_files(const json_t *root, struct image_manifest *out, struct faults *f)
{
	const json_t *files = json_object_get(root, "files"), *file, *size;
	enum image_packed how;

	if (files == NULL)
		return;
	file = json_array_get(files, 0);
	if (!json_is_object(file) || json_array_size(files) != 1) {
		fault(f, "files (not a list of one file)");
		return;
	}
	take_sha1(file, out->sha1, f);
	size = json_object_get(file, "size");
	if (size != NULL && (!json_is_integer(size) || json_integer_value(size) <= 0))
		fault(f, "files.0.size (not a number of bytes)");
	else
		out->file_size = (uint64_t)json_integer_value(size);
	take_string(file, "compression", true, out->compression, sizeof(out->compression), f);
	if (image_packed_by_name(out->compression, &how) != 0)
		fault(f, "files.0.compression (\"%s\" is none of none, gzip, xz, zstd)",
		    out->compression);
}

/* The name of a file beside the manifest: of one part and not hidden. */
static void
take_file_tag(const json_t *tags, const char *key, char *out, size_t size, struct faults *f)
{
	take_string(tags, key, true, out, MIN(size, (size_t)256), f);
	if (out[0] == '.' || strchr(out, '/') != NULL) {
		fault(f, "tags.%s (\"%s\" is not the plain name of a file beside the manifest)",
		    key, out);
		out[0] = '\0';
	}
}

static void
take_tags(const json_t *root, struct image *img, struct faults *f)
{
	const json_t *tags = json_object_get(root, "tags");

	if (tags == NULL)
		return;
	if (!json_is_object(tags)) {
		fault(f, "tags (not an object)");
		return;
	}
	take_file_tag(tags, "org.zhyve:kernel", img->kernel, sizeof(img->kernel), f);
	take_file_tag(tags, "org.zhyve:initrd", img->initrd, sizeof(img->initrd), f);
	take_string(tags, "org.smartos:cloudinit_datasource", true, img->datasource,
	    sizeof(img->datasource), f);
	take_string(tags, "org.zhyve:cmdline", true, img->cmdline, sizeof(img->cmdline), f);
	if (img->initrd[0] != '\0' && img->kernel[0] == '\0')
		fault(f, "tags.org.zhyve:initrd (without org.zhyve:kernel)");
}

/* A number of MiB; 0 when it is not there. */
static uint64_t
take_mib(const json_t *o, const char *key, struct faults *f)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL ||
	    (json_is_integer(v) && json_integer_value(v) >= 0 &&
		(uint64_t)json_integer_value(v) <= IMAGE_MIB_MAX))
		return ((uint64_t)json_integer_value(v));
	fault(f, "requirements.%s (not a number of MiB)", key);
	return (0);
}

/* What the content wants of a VM. min_platform and max_platform are SmartOS's releases, and no concern here. */
static void
take_requirements(const json_t *root, struct image *img, struct faults *f)
{
	const json_t *requirements = json_object_get(root, "requirements");

	if (!json_is_object(requirements))
		return;
	take_string(requirements, "brand", true, img->brand, sizeof(img->brand), f);
	img->min_ram = take_mib(requirements, "min_ram", f);
	img->max_ram = take_mib(requirements, "max_ram", f);
	img->networks = (unsigned)json_array_size(json_object_get(requirements, "networks"));
	img->ssh_key = json_is_true(json_object_get(requirements, "ssh_key"));
	take_string(requirements, "bootrom", true, img->bootrom, sizeof(img->bootrom), f);
	if (img->bootrom[0] != '\0' && strcmp(img->bootrom, "uefi") != 0 &&
	    strcmp(img->bootrom, "bios") != 0)
		fault(f, "requirements.bootrom (\"%s\" is neither uefi nor bios)", img->bootrom);
}

static void
take_all(const json_t *root, struct image_manifest *out, struct faults *f)
{
	struct image *img = &out->image;
	const json_t *v = json_object_get(root, "v");

	if (v != NULL && json_integer_value(v) != 2)
		fault(f, "v (only 2 is known)");
	take_uuid(root, img->uuid, f);
	take_string(root, "name", false, img->name, sizeof(img->name), f);
	take_string(root, "version", false, img->version, sizeof(img->version), f);
	take_string(root, "os", false, img->os, sizeof(img->os), f);
	take_string(root, "type", false, img->type, sizeof(img->type), f);
	if (img->type[0] != '\0' && strcmp(img->type, "zvol") != 0)
		fault(f, "type (\"%s\": a bhyve zone takes images of type \"zvol\")", img->type);
	take_string(root, "published_at", true, img->published, sizeof(img->published), f);
	take_size(root, img, f);
	take_files(root, out, f);
	take_tags(root, img, f);
	take_requirements(root, img, f);
}

int
image_manifest_parse(const char *text, size_t len, struct image_manifest *out, struct err *e)
{
	struct faults f = { .len = 0 };
	json_error_t je;
	json_t *root;

	memset(out, 0, sizeof(*out));
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (root == NULL)
		return (err_say(e, EINVAL, "invalid manifest: not JSON: line %d, column %d: %s",
		    je.line, je.column, je.text));
	if (!json_is_object(root))
		fault(&f, "not an object");
	else
		take_all(root, out, &f);
	json_decref(root);
	if (f.len > 0)
		return (err_say(e, EINVAL, "invalid manifest: %s", f.text));
	return (0);
}
