/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a zone's configuration: one typed structure, of which zonecfg's language, vmadm's
 * JSON and the stored file are views. /etc/zones/<name>.json is the truth (DESIGN 5), one file per
 * zone, replaced atomically, mode 0600. It holds the configuration, the persistent state
 * (configured, incomplete, installed) and the uuid. Pure but for load and store; runs in the tools
 * and in zoneadmd.
 *
 * Strings belong to the structure (malloc); NULL means unset.
 */
#ifndef ZHYVE_ZONE_ZCONF_H
#define ZHYVE_ZONE_ZCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/parse.h"

#define ZONENAME_MAX 64 /* with the end byte (illumos) */
#define ZCONF_DID_MAX \
	65535 /* so that the uids and link names made of two dids differ, and are short */

enum zone_state { /* low to high (zones.md 7) */
	ZONE_STATE_CONFIGURED,
	ZONE_STATE_INCOMPLETE,
	ZONE_STATE_INSTALLED, /* these three are stored; the others are derived from what lives */
	ZONE_STATE_READY,
	ZONE_STATE_MOUNTED,
	ZONE_STATE_RUNNING,
	ZONE_STATE_SHUTTING_DOWN,
	ZONE_STATE_DOWN,
};
const char *zone_state_name(enum zone_state s); /* "configured", … "shutting_down", "down" */
int zone_state_parse(const char *s, enum zone_state *out);

/* One "property" of a net or device resource: (name=model,value="virtio"). */
struct zprop {
	char *name;
	char *value;
};

struct znet {
	char *physical;   /* name of the vnic in the zone: net0, net1, … */
	char *global_nic; /* nic tag */
	char *mac_addr;
	char *vlan_id;
	char *allowed_address;
	char *defrouter;
	char *address; /* shared-IP only; refused by verify for ip-type=exclusive */
	/* ip, ips, netmask, gateway, gateways, primary, model, mtu, allow_*, … */
	struct zprop *prop;
	size_t nprop;
};

struct zdevice {
	char *match; /* path of the volume */
	/* boot, media, model, path, pci-slot, uuid, size, image-uuid, image-size, … */
	struct zprop *prop;
	size_t nprop;
};

enum zattr_type {
	ZATTR_STRING,
	ZATTR_INT,
	ZATTR_UINT,
	ZATTR_BOOLEAN
};
struct zattr {
	char *name;
	enum zattr_type type;
	char *value;
};

struct zrctl_value {
	char *priv; /* privileged, basic */
	char *limit;
	char *action; /* none, deny, signal=… */
};
struct zrctl {
	char *name; /* zone.cpu-shares, … ; the aliases of zonecfg are views of these */
	struct zrctl_value *value;
	size_t nvalue;
};

/* What is kept for other systems (zconf_kept.h). */
enum zkept_kind {
	ZKEPT_FS,
	ZKEPT_DATASET,
	ZKEPT_ADMIN,
	ZKEPT_SECURITY_FLAGS,
	ZKEPT_KINDS,
};
struct zkept {
	struct zprop *prop;
	size_t nprop;
};
struct zkept_list {
	struct zkept *one;
	size_t n;
};

struct zconf {
	char name[ZONENAME_MAX];
	char uuid[UUID_TEXT_LEN + 1]; /* lower case; "" until created */
	enum zone_state state;        /* stored states only */
	/* persistent small number of the zone, for its uid and names; given at create */
	uint32_t did;
	char *brand;
	char *zonepath;
	bool autoboot;
	char *ip_type; /* exclusive, shared */
	char *bootargs;
	char *limitpriv;
	char *pool;
	char *scheduling_class;
	char *hostid;
	char *fs_allowed;
	char *dedicated_ncpus; /* dedicated-cpu: "2" or "2-4"; NULL: there is none */
	char *dedicated_importance;
	struct znet *net;
	size_t nnet;
	struct zdevice *device;
	size_t ndevice;
	struct zattr *attr;
	size_t nattr;
	/*
	 * capped-cpu and capped-memory live here as zone.cpu-cap (percent),
	 * zone.max-physical-memory, … (bytes).
	 */
	struct zrctl *rctl;
	size_t nrctl;
	struct zkept_list kept[ZKEPT_KINDS];
};

/*
 * An empty configuration with defaults (brand NULL, ip-type NULL). Free with zconf_free. NULL when
 * memory is short.
 */
struct zconf *zconf_new(const char *name);
void zconf_free(struct zconf *c);
struct zconf *zconf_dup(const struct zconf *c);
/* True when both say the same: all that is stored, the order of rctls aside. */
bool zconf_equal(const struct zconf *a, const struct zconf *b);

/* Names: zones.md 1. 0 or -EINVAL with the rule that is broken. */
int zconf_name_check(const char *name, struct err *e);

/*
 * Load /etc/zones/NAME.json. -ENOENT with "NAME: No such zone configured" when there is none;
 * -EINVAL with the place when the file is broken.
 */
int zconf_load(const char *name, struct zconf **out, struct err *e);
/* The same by UUID (looks through the store). */
int zconf_load_uuid(const char *uuid, struct zconf **out, struct err *e);
/*
 * Write it. The file is complete or the old one stands. A new zone gets its uuid (when unset) and
 * did (the lowest free number from 1 on) here; both are in *c afterwards. -EEXIST when another zone
 * has the uuid. Does not verify: a caller that changed what a person wrote calls zconf_verify
 * first. Takes the lock for itself.
 */
int zconf_store(struct zconf *c, struct err *e);
/* Change only the stored state: load, change, store under the lock. */
int zconf_set_state(const char *name, enum zone_state s, struct err *e);
int zconf_delete(const char *name, struct err *e);
/* Remove what writers that were killed left beside the stored configurations. */
void zconf_sweep(void);
/*
 * Who loads, changes and stores holds this from before the load until after the store, so that
 * concurrent writers do not lose each other's changes: flock(2) of /etc/zones/.lock, waited for. It
 * nests within the process (the calls above take it again); one thread only. The kernel drops it
 * when the process ends. Each zconf_lock that returned 0 is paired with one zconf_unlock. Held for
 * the time of a change only: never while waiting for a person or a zone.
 */
int zconf_lock(struct err *e);
void zconf_unlock(void);

/* All names in the store, sorted; array and strings are the caller's (zconf_list_free). */
int zconf_list(char ***names, size_t *n, struct err *e);
void zconf_list_free(char **names, size_t n);

/*
 * How many CPUs the zone is to have alone (dedicated-cpu): from *min to *max; 0 and 0 without one.
 * -EINVAL when the text is no such number or range.
 */
int zconf_dedicated_get(const struct zconf *c, unsigned *min, unsigned *max, struct err *e);

/*
 * Attributes, properties, rctls: NULL when absent; set replaces or adds (copies), value NULL
 * removes. 0 or -ENOMEM.
 */
const char *zconf_attr(const struct zconf *c, const char *name);
int zconf_attr_set(struct zconf *c, const char *name, enum zattr_type type, const char *value);
const char *zprop_get(const struct zprop *p, size_t n, const char *name);
int zprop_set(struct zprop **p, size_t *n, const char *name, const char *value);
/* The (first privileged) limit of an rctl; -ENOENT. */
int zconf_rctl_get(const struct zconf *c, const char *name, uint64_t *limit);
int zconf_rctl_set(
    struct zconf *c, const char *name, const char *priv, uint64_t limit, const char *action);
int zconf_rctl_clear(struct zconf *c, const char *name);
/*
 * By hand, value by value. find: NULL when absent. add: an rctl without values, or NULL when memory
 * is short.
 */
struct zrctl *zconf_rctl_find(const struct zconf *c, const char *name);
struct zrctl *zconf_rctl_add(struct zconf *c, const char *name);
int zrctl_value_add(struct zrctl *r, const char *priv, const char *limit, const char *action);
void zrctl_value_remove(struct zrctl *r, size_t i);
struct znet *zconf_net_add(struct zconf *c);
struct zdevice *zconf_device_add(struct zconf *c);
/* Copies `from` into a zeroed resource (as *_add gives it). 0 or -ENOMEM. */
int znet_copy(struct znet *to, const struct znet *from);
int zdevice_copy(struct zdevice *to, const struct zdevice *from);
void zconf_net_remove(struct zconf *c, size_t i);
void zconf_device_remove(struct zconf *c, size_t i);

/*
 * Complete and consistent? (zonecfg verify, commit, zoneadm verify): 0 or -EINVAL with the first
 * fault.
 */
int zconf_verify(const struct zconf *c, struct err *e);
/* The same, and every fault is told; their number. */
size_t zconf_verify_all(
    const struct zconf *c, void (*tell)(void *arg, const char *text), void *arg);

#endif
