/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the manifest of a boot disk's image asks of a VM that is made of it: see vmvalidate.h. Its boot ROM is
 * vmvalidate.c's. Pure, but for asking for the image; tools.
 */
#include <errno.h>
#include <string.h>

#include "zone/vmvalidate.h"

/* The image of the disk that boots: the one that says so, else the first. */
static int
boot_image(const json_t *payload, vm_image_get *images, struct image *out)
{
	const json_t *disks = json_object_get(payload, "disks"), *disk, *boot;
	const char *uuid;
	size_t i;

	boot = json_array_get(disks, 0);
	json_array_foreach (disks, i, disk)
		if (vmprop_truth(json_object_get(disk, "boot")))
			boot = disk;
	uuid = json_string_value(json_object_get(boot, "image_uuid"));
	return (uuid == NULL ? -ENOENT : images(uuid, out, NULL));
}

static int
check_ram(const json_t *payload, const struct image *img, struct err *e)
{
	int64_t ram;

	if (vmprop_integer(json_object_get(payload, "ram"), &ram) < 0 || ram < 0)
		return (0); /* which the validation says */
	if ((uint64_t)ram < img->min_ram)
		return (err_say(e, EINVAL,
		    "image %s (%s@%s) requires at least %llu MiB of ram, the VM has %lld",
		    img->uuid, img->name, img->version, (unsigned long long)img->min_ram,
		    (long long)ram));
	if (img->max_ram != 0 && (uint64_t)ram > img->max_ram)
		return (err_say(e, EINVAL,
		    "image %s (%s@%s) requires at most %llu MiB of ram, the VM has %lld", img->uuid,
		    img->name, img->version, (unsigned long long)img->max_ram, (long long)ram));
	return (0);
}

/* The tag says by which way the guest's cloud-init is to be told; on SmartOS it goes over the payload's. */
static void
take_datasource(
    json_t *payload, const struct image *img, void (*warn)(const char *property, const char *what))
{
	json_t *metadata = json_object_get(payload, "internal_metadata");

	if (img->datasource[0] == '\0')
		return;
	if (!json_is_object(metadata)) {
		metadata = json_object();
		(void)json_object_set_new(payload, "internal_metadata", metadata);
	}
	(void)json_object_set_new(metadata, "cloudinit_datasource", json_string(img->datasource));
	if (strcmp(img->datasource, "nocloud") == 0)
		warn("internal_metadata.cloudinit_datasource",
		    "is nocloud, as the image wants it, and no disk with that is made by this "
		    "version "
		    "of zhyve: give the VM a seed disk");
}

int
vmimage_requirements(json_t *payload, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	const char *brand = json_string_value(json_object_get(payload, "brand"));
	const json_t *metadata = json_object_get(payload, "customer_metadata");
	struct image img = { .uuid = "" };
	int rc;

	if (boot_image(payload, images, &img) < 0)
		return (0); /* none, or unknown, which the validation says */
	if (img.brand[0] != '\0' && (brand == NULL || strcmp(brand, img.brand) != 0))
		return (err_say(e, EINVAL, "image %s (%s@%s) requires brand %s, the VM has %s",
		    img.uuid, img.name, img.version, img.brand, brand != NULL ? brand : "none"));
	if ((rc = check_ram(payload, &img, e)) < 0)
		return (rc);
	if (json_array_size(json_object_get(payload, "nics")) < img.networks)
		warn("nics", "are fewer than the image asks for");
	if (img.ssh_key && json_object_get(metadata, "root_authorized_keys") == NULL)
		warn("customer_metadata.root_authorized_keys",
		    "is missing: the image is of use with an SSH key only");
	take_datasource(payload, &img, warn);
	return (0);
}
