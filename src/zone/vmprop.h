/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The properties of a VM, as one table: vmadm's names and types, who may set them, the default
 * at create, where the model keeps them, how list shows them. Validation, the VM object (get,
 * sdc: keys), storing a payload, the columns of list and the keys of lookup all walk it; adding
 * a property is one line in vmprop.c. Pure; tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_VMPROP_H
#define ZHYVE_ZONE_VMPROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum vmprop_type {
	VMP_STRING,
	VMP_UUID,
	VMP_BOOLEAN,
	VMP_INTEGER,
	VMP_LIST,  /* of strings or numbers; in the model one text with commas */
	VMP_FLAT,  /* object of strings, numbers and booleans */
	VMP_ARRAY, /* of objects, whose members are in the table too (`of`) */
	VMP_POOL,
};

/* Where the model keeps it (zconf.h); `key` is the name there. */
enum vmprop_store {
	VMS_NONE,     /* nowhere: of the payload only, or derived (vmobj.c) */
	VMS_ZONE,     /* a property of the zone: autoboot, brand, … */
	VMS_ATTR,     /* attr */
	VMS_ATTR_B64, /* attr, in base64 */
	VMS_RCTL,     /* rctl, times `unit` */
	VMS_CONFIG,   /* config/ *.json (vmconfig.h) */
	VMS_MEMBER,   /* field of the net or device resource */
	VMS_PROPERTY, /* property of the net or device resource */
};

enum vmprop_flag {
	VMF_CREATE = 1 << 0,   /* may stand in a create payload (members of arrays: on add) */
	VMF_UPDATE = 1 << 1,   /* in an update payload */
	VMF_RECEIVE = 1 << 2,  /* in what `vmadm send` wrote */
	VMF_COLUMN = 1 << 3,   /* column of list, key of lookup */
	VMF_ALWAYS = 1 << 4,   /* shown by get also when unset, as the empty value of its type */
	VMF_TEXT = 1 << 5,     /* a list that get shows as one text */
	VMF_REFUSE = 1 << 6,   /* a value that asks for something is refused: it is not built yet */
	VMF_NOEFFECT = 1 << 7, /* accepted, but nothing here acts on it: create says so */
	VMF_LIVE = 1 << 8, /* an update has effect on the running VM, not only on its next boot */
};

struct vmprop {
	const char *name;
	const char *of; /* "disks", "nics", "pci_devices"; NULL: of the VM */
	enum vmprop_type type;
	unsigned flags;
	enum vmprop_store store;
	const char *key;
	int64_t min, max;             /* integers; max 0: none */
	bool (*check)(const char *s); /* further rule for strings and list elements */
	const char *dflt;             /* JSON text of the default at create */
	uint64_t unit;                /* of the rctl; 0: 1 */
	const char *action;           /* of the rctl */
	const char *header;           /* of the column; NULL: no column of its own */
	int width;
};

extern const struct vmprop vmprops[];
extern const size_t nvmprops;

/* The entry; of NULL: of the VM itself. NULL when there is none. */
const struct vmprop *vmprop_find(const char *of, const char *name);

/*
 * Is the value of the property's type and within its rules? null and "" are unset, which
 * strings, integers and lists may be.
 */
bool vmprop_valid(const struct vmprop *p, const json_t *v);

/*
 * Between the texts of the model and JSON. NULL when the text is no value of the type, or
 * memory is short.
 */
json_t *vmprop_from_text(const struct vmprop *p, const char *text);
/* *out is to be freed; NULL for unset: null, "", [] and false. 0 or -ENOMEM, -EINVAL. */
int vmprop_to_text(const struct vmprop *p, const json_t *v, char **out);

/* Accepted forms of true: true, 1, "1", "true". */
bool vmprop_truth(const json_t *v);
/* A whole number, also as a text of digits: 0 or -EINVAL. */
int vmprop_integer(const json_t *v, int64_t *out);

#endif
