/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmadm: SmartOS's tool for VMs, over the zone's model. One file per group of subcommands;
 * main.c has the table of them. Data goes to stdout, every message (success too) to stderr;
 * exit 0, 1 (the operation failed) or 2 (usage). Root.
 */
#ifndef ZHYVE_CMD_VMADM_VMADM_H
#define ZHYVE_CMD_VMADM_VMADM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "zone/client.h"
#include "zone/zconf.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct subcommand {
	const char *name;
	const char *alias; /* NULL: none */
	const char *operands;
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns the exit status */
};

/* The groups; each list ends with a NULL name. */
extern const struct subcommand create_commands[];  /* create, validate */
extern const struct subcommand update_commands[];  /* update */
extern const struct subcommand delete_commands[];  /* delete */
extern const struct subcommand control_commands[]; /* start, stop, reboot, kill, sysrq, console */
extern const struct subcommand
    snapshot_commands[]; /* create-, rollback-, delete-snapshot, reprovision */
extern const struct subcommand carry_commands[]; /* send, receive */
extern const struct subcommand info_commands[];  /* info */
extern const struct subcommand query_commands[]; /* get, list, lookup */

/* ---- messages (main.c) ---- */

/* The error's text on stderr; returns EXIT_FAILED. */
int fail(const struct err *e);
/* A message (NULL: none) and the usage on stderr; returns EXIT_USAGE. */
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A message of success, on stderr; returns EXIT_DONE. */
int success(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * The one operand of most subcommands: a UUID at argv[optind]. NULL, after a usage error, when
 * it is missing, or has another form, or more than `more` operands follow it.
 */
const char *uuid_operand(int argc, char **argv, int more);

/* ---- VMs (vm.c) ---- */

struct vm {
	struct zconf *c;
	struct zone_status st;
};
/* The VM of that UUID with its status. -ENOENT with "zoneadm: UUID: No such zone configured". */
int vm_load(const char *uuid, struct vm *vm, struct err *e);
void vm_free(struct vm *vm);
/*
 * Load the VM, do it, say how it went: "Failed to VERB VM UUID: ...", or "Successfully DONE VM UUID". Returns
 * the exit status.
 */
int vm_act(const char *uuid, int (*fn)(struct vm *vm, void *arg, struct err *e), void *arg,
    const char *verb, const char *done);
/* Its state as vmadm names it. */
const char *vm_state(const struct vm *vm);
/* The VM object (the caller's). */
int vm_object(const struct vm *vm, json_t **out, struct err *e);
/*
 * The objects of all VMs, in the store's order, as an array. VMs that can't be read are named
 * on stderr and left out.
 */
int vm_objects(json_t **out, struct err *e);
/* -EINVAL with vmadm's message when it is neither running nor stopping; `what` could not be done. */
int vm_check_running(const struct vm *vm, const char *what, struct err *e);
/* Change the stored autoboot. */
int vm_set_autoboot(const char *name, bool on, struct err *e);
/* Every nic's tag must exist: -ENOENT with one line for each that does not. */
int vm_check_nic_tags(const json_t *nics, struct err *e);
/* Volumes in the zone's own folder are the VM's; others were only lent to it. */
bool vm_owns_disk(const struct zconf *c, const struct zdevice *d);
/* Print JSON on stdout, indented by two. */
int print_json(const json_t *v);

/* ---- volumes of disks (disks.c) ---- */

/*
 * Make the volume of a disk that has no path, give it one, and *made a copy of it (to be freed); nothing
 * for one that has.
 */
int vm_disk_make(const char *zone, unsigned index, json_t *disk, char **made, struct err *e);

/* Give a zone whose volumes are there the compression and quota that a payload asks for, where the pool has that. */
int vm_tune(const char *zone, const json_t *payload, struct err *e);
/* What the pool says of the disks of a VM object goes into it, where it differs from pool to pool. */
void vm_disks_tell(json_t *vm);
/* Warn of a property that has no effect, unless it has in this pool. */
void vm_warn_property(const char *property, const char *what);

/* What an update has done with a VM's volumes. Zero-initialised: nothing. */
struct vm_disks {
	char **made;
	size_t nmade;
	bool grown; /* one has another size */
};
/*
 * In this order, with the store locked: check the state that the update needs and make what
 * payload.disks has without a path; resize; and, when the new configuration is stored, remove what
 * remove_disks names, of the configuration as it was. Free: the volumes that were made go with `undo`.
 */
int vm_disks_make(const struct vm *vm, const struct zconf *c, const json_t *payload,
    struct vm_disks *d, struct err *e);
int vm_disks_resize(const struct vm *vm, const struct zconf *c, const json_t *payload,
    struct vm_disks *d, struct err *e);
/* The same of compression and reservations, the zone's and its disks', which pools of zfs's have. */
int vm_disks_tune(const struct zconf *c, const json_t *payload, struct err *e);
int vm_disks_remove(const struct zconf *c, const json_t *payload, struct err *e);
void vm_disks_free(struct vm_disks *d, bool undo);

/* ---- payloads (payload.c) ---- */

/*
 * Read a payload from a file ("-": stdin) or, with NULL, from stdin. EXIT_DONE with an object,
 * or the exit status after the message; `verb` is for the message about a tty.
 */
int payload_read(const char *file, const char *verb, json_t **out);

/* ---- choosing and ordering (filter.c) ---- */

/*
 * A value in a VM object by a path such as "ram", "disks.0.size", "tags.role"; NULL when it has
 * none.
 */
const json_t *field_value(const json_t *vm, const char *path);
/* May the path be a column of list, a key of a filter? */
bool field_known(const char *path);
/* JavaScript's toString of it, to be freed; NULL for NULL. */
char *value_text(const json_t *v);

struct filters {
	struct filter *list;
	size_t n;
};
/*
 * From operands "key=value", "key=~regex". EXIT_DONE or the exit status after a message; `what`
 * is "filter" or "lookup".
 */
int filters_parse(int n, char **operands, const char *what, struct filters *out);
bool filters_match(const struct filters *f, const json_t *vm);
void filters_free(struct filters *f);

/* Sort an array of VM objects by keys "+ram,-uuid". */
void vms_sort(json_t *vms, const char *keys);

#endif
