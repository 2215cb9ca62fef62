/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The property table of VMs (brand bhyve), and the types in it: see vmprop.h. Pure; tools and
 * zoneadmd.
 */
#include "zone/vmprop.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/bootrom.h"
#include "zone/brand.h"
#include "zone/protect_conf.h"
#include "zone/startopts.h"

/* ---- rules for strings ---- */

static bool
check_attr_value(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-._", *p) == NULL)
			return (false);
	return (*s != '\0');
}

static bool
check_address(const char *s)
{
	uint8_t addr[16];

	return (inet_pton(AF_INET, s, addr) == 1 || inet_pton(AF_INET6, s, addr) == 1);
}

static bool
check_rate(const char *s)
{
	uint64_t bits;

	return (protect_rate_parse(s, &bits) == 0);
}

static bool
check_mac(const char *s)
{
	uint8_t mac[6];

	return (parse_mac(s, mac) == 0);
}

static bool
power_of_two(const char *s, size_t len)
{
	char text[12];
	uint32_t v;

	if (len == 0 || len >= sizeof(text))
		return (false);
	memcpy(text, s, len);
	text[len] = '\0';
	return (strspn(text, "0123456789") == len && parse_u32(text, 1, UINT32_MAX, &v) == 0 &&
	    (v & (v - 1)) == 0);
}

/* "512" or "512/4096": logical and physical sector size. */
static bool
check_sectors(const char *s)
{
	const char *slash = strchr(s, '/');

	if (slash == NULL)
		return (power_of_two(s, strlen(s)));
	return (power_of_two(s, (size_t)(slash - s)) && power_of_two(slash + 1, strlen(slash + 1)));
}

static bool
check_bootrom(const char *s)
{
	struct bootrom rom;

	return (bootrom_get(s, &rom, NULL) == 0);
}

/* "order=cd,once=d" */
static bool
check_boot(const char *s)
{
	struct boot_order order, once;

	return (strncmp(s, "order=", 6) == 0 && boot_order_parse(s + 6, &order, &once, NULL) == 0);
}

/* ---- the table ---- */

#define C       VMF_CREATE
#define CU      (VMF_CREATE | VMF_UPDATE)
#define CR      (VMF_CREATE | VMF_RECEIVE)
#define CUR     (VMF_CREATE | VMF_UPDATE | VMF_RECEIVE)
#define U       VMF_UPDATE
#define R       VMF_RECEIVE
#define COL     VMF_COLUMN
#define ALW     VMF_ALWAYS
#define NOFX    VMF_NOEFFECT
#define NO      VMF_REFUSE
#define LIVE    VMF_LIVE
#define MiB     (UINT64_C(1) << 20)
#define MIB_MAX (INT64_C(1) << 32) /* 4 PiB: of disks, and of memory beside the guest's */
#define PPS_MAX INT64_C(1000000000)
#define RAM_MAX (INT64_C(1) << 24) /* 16 TiB, as brand.c takes */

/*
 * The rows follow the order of vmadm(8)'s own list. Properties with no flag but COL exist in
 * SmartOS for other brands, or are derived (vmobj.c).
 */
/* clang-format off */
const struct vmprop vmprops[] = {
	{ "uuid", NULL, VMP_UUID, CR|COL, VMS_ZONE, "uuid", .header = "UUID", .width = 36 },
	{ "alias", NULL, VMP_STRING, CUR|COL|LIVE, VMS_ATTR_B64, "alias", .header = "ALIAS", .width = 10 },
	{ "archive_on_delete", NULL, VMP_BOOLEAN, CUR|LIVE, VMS_ATTR, "archive-on-delete" },
	{ "autoboot", NULL, VMP_BOOLEAN, CUR|COL|LIVE|ALW, VMS_ZONE, "autoboot", .dflt = "true",
	  .header = "AUTOBOOT", .width = 8 },
	{ "balloon", NULL, VMP_BOOLEAN, CUR, VMS_ATTR, "balloon" },
	{ "balloon_target", NULL, VMP_INTEGER, CUR|LIVE, VMS_ATTR, "balloon-target", .min = 1, .max = RAM_MAX },
	{ "bhyve_extra_opts", NULL, VMP_STRING, CUR, VMS_ATTR, "bhyve-extra-opts" },
	{ "billing_id", NULL, VMP_STRING, CUR|COL|LIVE, VMS_ATTR, "billing-id",
	  .dflt = "\"00000000-0000-0000-0000-000000000000\"", .header = "BILLING_ID", .width = 36 },
	{ "boot", NULL, VMP_STRING, CUR, VMS_ATTR, "boot", .check = check_boot },
	{ "boot_timestamp", NULL, VMP_STRING, COL, .header = "BOOT_TIMESTAMP", .width = 24 },
	{ "bootrom", NULL, VMP_STRING, CUR, VMS_ATTR, "bootrom", .check = check_bootrom },
	{ "brand", NULL, VMP_STRING, CR|COL, VMS_ZONE, "brand", .dflt = "\"joyent\"",
	  .header = "BRAND", .width = 14 },
	{ "com1", NULL, VMP_STRING, CUR, VMS_ATTR, "com1" },
	{ "com2", NULL, VMP_STRING, CUR, VMS_ATTR, "com2" },
	{ "cpu_cap", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.cpu-cap", .action = "deny",
	  .header = "CPU_CAP", .width = 7 },
	{ "cpu_shares", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.cpu-shares", .action = "none",
	  .dflt = "100", .header = "CPU_SHARE", .width = 9 },
	{ "cpu_type", NULL, VMP_STRING, COL, .header = "CPU_TYPE", .width = 8 },
	{ "create_only", NULL, VMP_BOOLEAN, R },
	{ "create_timestamp", NULL, VMP_STRING, R|COL, VMS_ATTR, "create-timestamp",
	  .header = "CREATE_TIMESTAMP", .width = 24 },
	{ "customer_metadata", NULL, VMP_FLAT, CR|ALW, VMS_CONFIG, "customer_metadata" },
	{ "datasets", NULL, VMP_LIST, R },
	{ "disk_driver", NULL, VMP_STRING, CUR, VMS_ATTR, "disk-driver" },
	{ "disks", NULL, VMP_ARRAY, CR|ALW },
	{ "dns_domain", NULL, VMP_STRING, COL, .header = "DOMAIN", .width = 32 },
	{ "do_not_inventory", NULL, VMP_BOOLEAN, CUR|COL|LIVE, VMS_ATTR, "do-not-inventory",
	  .header = "DNI", .width = 5 },
	{ "docker", NULL, VMP_BOOLEAN, COL, .header = "DOCKER", .width = 6 },
	{ "exit_status", NULL, VMP_INTEGER, COL, .header = "EXIT", .width = 4 },
	{ "exit_timestamp", NULL, VMP_STRING, COL, .header = "EXIT_TIMESTAMP", .width = 24 },
	{ "firewall_enabled", NULL, VMP_BOOLEAN, CUR|COL|ALW|NO, VMS_ATTR, "firewall-enabled",
	  .header = "FIREWALL_ENABLED", .width = 16 },
	{ "flexible_disk_size", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_ATTR, "flexible-disk-size",
	  .header = "FLEX_DISK_SIZE", .width = 14 },
	{ "free_space", NULL, VMP_INTEGER, COL, .header = "FREE_SPACE", .width = 14 },
	{ "hostname", NULL, VMP_STRING, CUR|COL|LIVE, VMS_ATTR, "hostname", .header = "HOSTNAME", .width = 32 },
	{ "hvm", NULL, VMP_BOOLEAN, COL, .header = "HVM", .width = 5 },
	{ "image_uuid", NULL, VMP_UUID, CR|COL, VMS_ATTR, "dataset-uuid", .header = "IMAGE_UUID",
	  .width = 36 },
	{ "indestructible_delegated", NULL, VMP_BOOLEAN, CUR|COL|NOFX, VMS_NONE,
	  .header = "INDESTR_DATA", .width = 12 },
	{ "indestructible_zoneroot", NULL, VMP_BOOLEAN, CUR|COL|LIVE, VMS_ATTR, "indestructible-zoneroot",
	  .header = "INDESTR_ROOT", .width = 12 },
	{ "internal_metadata", NULL, VMP_FLAT, CR|ALW, VMS_CONFIG, "internal_metadata" },
	{ "internal_metadata_namespaces", NULL, VMP_LIST, CUR|LIVE, VMS_ATTR,
	  "internal-metadata-namespaces", .check = check_attr_value },
	{ "limit_priv", NULL, VMP_LIST, CUR|LIVE|VMF_TEXT, VMS_ZONE, "limitpriv", .dflt =
	  "[\"default\",\"-file_link_any\",\"-net_access\",\"-proc_fork\",\"-proc_info\",\"-proc_session\"]" },
	{ "max_locked_memory", NULL, VMP_INTEGER, CUR|COL, VMS_RCTL, "zone.max-locked-memory",
	  .action = "deny", .unit = MiB, .max = MIB_MAX, .header = "MAX_LOCKED", .width = 10 },
	{ "max_lwps", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.max-lwps", .action = "deny",
	  .dflt = "2000", .header = "MAX_LWP", .width = 7 },
	{ "max_msg_ids", NULL, VMP_INTEGER, CUR, VMS_RCTL, "zone.max-msg-ids", .action = "deny",
	  .dflt = "4096" },
	{ "max_physical_memory", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.max-physical-memory",
	  .action = "deny", .unit = MiB, .max = MIB_MAX, .header = "MAX_PHYS", .width = 8 },
	{ "max_sem_ids", NULL, VMP_INTEGER, CUR, VMS_RCTL, "zone.max-sem-ids", .action = "deny",
	  .dflt = "4096" },
	{ "max_shm_ids", NULL, VMP_INTEGER, CUR, VMS_RCTL, "zone.max-shm-ids", .action = "deny",
	  .dflt = "4096" },
	{ "max_shm_memory", NULL, VMP_INTEGER, CUR, VMS_RCTL, "zone.max-shm-memory",
	  .action = "deny", .unit = MiB, .max = MIB_MAX },
	{ "max_swap", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.max-swap", .min = 256,
	  .action = "deny", .unit = MiB, .max = MIB_MAX, .header = "MAX_SWAP", .width = 8 },
	{ "nic_driver", NULL, VMP_STRING, CUR, VMS_ATTR, "nic-driver" },
	{ "nics", NULL, VMP_ARRAY, CR|ALW },
	{ "owner_uuid", NULL, VMP_STRING, CUR|COL|LIVE, VMS_ATTR, "owner-uuid",
	  .dflt = "\"00000000-0000-0000-0000-000000000000\"", .header = "OWNER_UUID", .width = 36 },
	{ "package_name", NULL, VMP_STRING, COL, .header = "PACKAGE_NAME", .width = 32 },
	{ "package_version", NULL, VMP_STRING, COL, .header = "PACKAGE_VER", .width = 11 },
	{ "pci_devices", NULL, VMP_ARRAY, CR },
	{ "pid", NULL, VMP_INTEGER, COL, .header = "PID", .width = 6 },
	{ "qemu_extra_opts", NULL, VMP_STRING, COL, .header = "QEMU_EXTRA_OPTS", .width = 15 },
	{ "quota", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_ATTR, "quota", .dflt = "1", .header = "QUOTA",
	  .width = 5 },
	{ "ram", NULL, VMP_INTEGER, CUR|COL, VMS_ATTR, "ram", .dflt = "256", .max = RAM_MAX, .header = "RAM",
	  .width = 7 },
	{ "resolvers", NULL, VMP_LIST, CUR|LIVE|ALW, VMS_ATTR, "resolvers", .check = check_address },
	{ "routes", NULL, VMP_FLAT, CR|ALW, VMS_CONFIG, "routes" },
	{ "state", NULL, VMP_STRING, COL, .header = "STATE", .width = 16 },
	{ "tags", NULL, VMP_FLAT, CR|ALW, VMS_CONFIG, "tags" },
	{ "tmpfs", NULL, VMP_INTEGER, COL, .header = "TMPFS", .width = 5 },
	{ "tpm", NULL, VMP_BOOLEAN, CUR, VMS_ATTR, "tpm" },
	{ "transition", NULL, VMP_FLAT, R },
	{ "type", NULL, VMP_STRING, COL, .header = "TYPE", .width = 4 },
	{ "usb_keyboard", NULL, VMP_BOOLEAN, CUR, VMS_ATTR, "usb-keyboard" },
	{ "v", NULL, VMP_INTEGER, R, VMS_ATTR, "vm-version" },
	{ "vcpus", NULL, VMP_INTEGER, CUR|COL, VMS_ATTR, "vcpus", .min = 1, .max = 1024, .dflt = "1",
	  .header = "VCPUS", .width = 5 },
	{ "virtio_ports", NULL, VMP_LIST, CUR, VMS_ATTR, "virtio-ports", .check = brand_port_name_ok },
	{ "vnc_password", NULL, VMP_STRING, CUR, VMS_ATTR_B64, "vnc-password" },
	{ "vnc_port", NULL, VMP_INTEGER, CUR, VMS_ATTR, "vnc-port", .min = -1, .max = 65535 },
	{ "vsock_cid", NULL, VMP_INTEGER, CUR, VMS_ATTR, "vsock-cid", .min = 3, .max = UINT32_MAX - 1 },
	{ "vsock_ports", NULL, VMP_LIST, CUR, VMS_ATTR, "vsock-ports", .check = brand_vsock_port_ok },
	{ "zfs_filesystem", NULL, VMP_STRING, R },
	{ "zfs_filesystem_limit", NULL, VMP_INTEGER, CUR|NOFX|LIVE, VMS_ATTR, "zfs-filesystem-limit" },
	{ "zfs_io_priority", NULL, VMP_INTEGER, CUR|COL|LIVE, VMS_RCTL, "zone.zfs-io-priority",
	  .action = "none", .dflt = "100", .header = "IO_PRIORITY", .width = 11 },
	{ "zfs_root_compression", NULL, VMP_STRING, CUR|NOFX|LIVE, VMS_ATTR, "zfs-root-compression" },
	{ "zfs_root_recsize", NULL, VMP_INTEGER, CUR|NOFX|LIVE, VMS_ATTR, "zfs-root-recsize" },
	{ "zfs_snapshot_limit", NULL, VMP_INTEGER, CUR|LIVE, VMS_ATTR, "zfs-snapshot-limit" },
	{ "zlog_mode", NULL, VMP_STRING, 0, VMS_ATTR, "zlog-mode" },
	{ "zlog_name", NULL, VMP_STRING, 0, VMS_ATTR, "zlog-name" },
	{ "zone_dataset_uuid", NULL, VMP_UUID, CR },
	{ "zone_state", NULL, VMP_STRING, COL, .header = "ZONE_STATE", .width = 10 },
	{ "zoneid", NULL, VMP_INTEGER, COL, .header = "ZONEID", .width = 6 },
	{ "zonename", NULL, VMP_STRING, CR|COL, VMS_ZONE, "zonename", .header = "ZONENAME", .width = 12 },
	{ "zonepath", NULL, VMP_STRING, COL, .header = "ZONEPATH", .width = 40 },
	{ "zpool", NULL, VMP_POOL, CR|COL, .dflt = "\"zones\"", .header = "ZPOOL", .width = 12 },

	/* Changes of a payload for update (create knows but two of them). */
	{ "add_disks", NULL, VMP_ARRAY, U },
	{ "add_nics", NULL, VMP_ARRAY, U },
	{ "add_pci_devices", NULL, VMP_ARRAY, CUR|NO },
	{ "update_disks", NULL, VMP_ARRAY, U|LIVE },
	{ "update_nics", NULL, VMP_ARRAY, U|LIVE },
	{ "update_pci_devices", NULL, VMP_ARRAY, U|NO },
	{ "remove_customer_metadata", NULL, VMP_LIST, U|LIVE },
	{ "remove_disks", NULL, VMP_LIST, U },
	{ "remove_filesystems", NULL, VMP_LIST, U },
	{ "remove_internal_metadata", NULL, VMP_LIST, U|LIVE },
	{ "remove_nics", NULL, VMP_LIST, U },
	{ "remove_pci_devices", NULL, VMP_LIST, U|NO },
	{ "remove_routes", NULL, VMP_LIST, U|LIVE },
	{ "remove_tags", NULL, VMP_LIST, U|LIVE },
	{ "set_customer_metadata", NULL, VMP_FLAT, U|LIVE },
	{ "set_internal_metadata", NULL, VMP_FLAT, U|LIVE },
	{ "set_routes", NULL, VMP_FLAT, U|LIVE },
	{ "set_tags", NULL, VMP_FLAT, U|LIVE },

	{ "path", "disks", VMP_STRING, CU, VMS_MEMBER, "match" },
	{ "boot", "disks", VMP_BOOLEAN, CU|COL, VMS_PROPERTY, "boot" },
	{ "model", "disks", VMP_STRING, CU|COL, VMS_PROPERTY, "model" },
	{ "media", "disks", VMP_STRING, CU|COL, VMS_PROPERTY, "media" },
	{ "image_size", "disks", VMP_INTEGER, C|COL, VMS_PROPERTY, "image-size" },
	{ "image_uuid", "disks", VMP_UUID, C|COL, VMS_PROPERTY, "image-uuid" },
	{ "image_name", "disks", VMP_STRING, COL, VMS_PROPERTY, "image-name" },
	{ "pci_slot", "disks", VMP_STRING, CU, VMS_PROPERTY, "pci-slot" },
	{ "uuid", "disks", VMP_UUID, CU, VMS_PROPERTY, "uuid" },
	{ "notrim", "disks", VMP_BOOLEAN, CU, VMS_PROPERTY, "notrim" },
	{ "guest_block_size", "disks", VMP_STRING, CU, VMS_PROPERTY, "guest-block-size",
	  .check = check_sectors },
	{ "size", "disks", VMP_INTEGER, CU|COL, VMS_PROPERTY, "size", .max = MIB_MAX },
	{ "zpool", "disks", VMP_STRING, C|COL },
	{ "block_size", "disks", VMP_INTEGER, C|NOFX, VMS_PROPERTY, "block-size" },
	{ "compression", "disks", VMP_STRING, CU|NOFX, VMS_PROPERTY, "compression" },
	{ "refreservation", "disks", VMP_INTEGER, CU|NOFX, VMS_PROPERTY, "refreservation",
	  .min = INT64_MIN },
	{ "nocreate", "disks", VMP_BOOLEAN, C },
	{ "dangerous_allow_shrink", "disks", VMP_BOOLEAN, U },
	{ "zfs_filesystem", "disks", VMP_STRING, R },

	{ "interface", "nics", VMP_STRING, CU|COL, VMS_MEMBER, "physical" },
	{ "mac", "nics", VMP_STRING, CU|COL, VMS_MEMBER, "mac-addr", .check = check_mac },
	{ "nic_tag", "nics", VMP_STRING, CU|COL, VMS_MEMBER, "global-nic" },
	{ "vlan_id", "nics", VMP_INTEGER, CU|COL, VMS_MEMBER, "vlan-id", .max = 4095 },
	{ "gateway", "nics", VMP_STRING, CU|COL, VMS_PROPERTY, "gateway" },
	{ "gateways", "nics", VMP_LIST, CU, VMS_PROPERTY, "gateways" },
	{ "netmask", "nics", VMP_STRING, CU|COL|LIVE, VMS_PROPERTY, "netmask" },
	{ "ip", "nics", VMP_STRING, CU|COL|LIVE, VMS_PROPERTY, "ip" },
	{ "ips", "nics", VMP_LIST, CU|LIVE, VMS_PROPERTY, "ips" },
	{ "model", "nics", VMP_STRING, CU|COL, VMS_PROPERTY, "model" },
	{ "mtu", "nics", VMP_INTEGER, CU, VMS_PROPERTY, "mtu", .min = 576, .max = 9000 },
	{ "primary", "nics", VMP_BOOLEAN, CU, VMS_PROPERTY, "primary" },
	{ "network_uuid", "nics", VMP_UUID, CU, VMS_PROPERTY, "network_uuid" },
	{ "allow_dhcp_spoofing", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "allow_dhcp_spoofing" },
	{ "allow_ip_spoofing", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "allow_ip_spoofing" },
	{ "allow_mac_spoofing", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "allow_mac_spoofing" },
	{ "allow_restricted_traffic", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "allow_restricted_traffic" },
	{ "allow_unfiltered_promisc", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "allow_unfiltered_promisc" },
	{ "allowed_ips", "nics", VMP_LIST, CU|LIVE, VMS_PROPERTY, "allowed_ips" },
	{ "blocked_outgoing_ports", "nics", VMP_LIST, CU|LIVE, VMS_PROPERTY, "blocked_outgoing_ports" },
	{ "dhcp_server", "nics", VMP_BOOLEAN, CU|COL|LIVE, VMS_PROPERTY, "dhcp_server" },
	{ "isolated", "nics", VMP_BOOLEAN, CU|LIVE, VMS_PROPERTY, "isolated" },
	{ "link_state", "nics", VMP_STRING, CU|LIVE, VMS_PROPERTY, "link_state",
	  .check = protect_link_state_ok },
	{ "maxbw", "nics", VMP_STRING, CU|LIVE, VMS_PROPERTY, "maxbw", .check = check_rate },
	{ "maxbw_rx", "nics", VMP_STRING, CU|LIVE, VMS_PROPERTY, "maxbw_rx", .check = check_rate },
	{ "maxbw_tx", "nics", VMP_STRING, CU|LIVE, VMS_PROPERTY, "maxbw_tx", .check = check_rate },
	{ "maxpps", "nics", VMP_INTEGER, CU|LIVE, VMS_PROPERTY, "maxpps", .min = 1, .max = PPS_MAX },
	{ "maxpps_rx", "nics", VMP_INTEGER, CU|LIVE, VMS_PROPERTY, "maxpps_rx", .min = 1, .max = PPS_MAX },
	{ "maxpps_tx", "nics", VMP_INTEGER, CU|LIVE, VMS_PROPERTY, "maxpps_tx", .min = 1, .max = PPS_MAX },
	{ "vrrp_vrid", "nics", VMP_INTEGER, CU, VMS_PROPERTY, "vrrp_vrid", .max = 255 },
	{ "vrrp_primary_ip", "nics", VMP_STRING, CU|LIVE, VMS_PROPERTY, "vrrp_primary_ip" },

	{ "path", "pci_devices", VMP_STRING, CU, VMS_MEMBER, "match" },
	{ "pci_slot", "pci_devices", VMP_STRING, CU, VMS_PROPERTY, "pci-slot" },
	{ "model", "pci_devices", VMP_STRING, CU, VMS_PROPERTY, "model" },
};
/* clang-format on */
const size_t nvmprops = NITEMS(vmprops);

const struct vmprop *
vmprop_find(const char *of, const char *name)
{
	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];

		if (strcmp(p->name, name) == 0 &&
		    (of == NULL ? p->of == NULL : p->of != NULL && strcmp(p->of, of) == 0))
			return (p);
	}
	return (NULL);
}

/* ---- types ---- */

bool
vmprop_truth(const json_t *v)
{
	const char *s = json_string_value(v);

	return (json_is_true(v) || (json_is_integer(v) && json_integer_value(v) == 1) ||
	    (s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "1") == 0)));
}

int
vmprop_integer(const json_t *v, int64_t *out)
{
	const char *s = json_string_value(v);
	uint64_t u;

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return (0);
	}
	if (json_is_real(v)) {
		double d = json_real_value(v);

		if (d < -9e15 || d > 9e15 || (double)(int64_t)d != d)
			return (-EINVAL);
		*out = (int64_t)d;
		return (0);
	}
	if (s == NULL)
		return (-EINVAL);
	if (strspn(s + (*s == '-'), "0123456789") != strlen(s + (*s == '-')) ||
	    parse_u64(s + (*s == '-'), &u) < 0 || u > INT64_MAX)
		return (-EINVAL);
	*out = *s == '-' ? -(int64_t)u : (int64_t)u;
	return (0);
}

static bool
unset(const json_t *v)
{
	const char *s = json_string_value(v);

	return (json_is_null(v) || (s != NULL && s[strspn(s, " \t\r\n")] == '\0'));
}

static bool
valid_integer(const struct vmprop *p, const json_t *v)
{
	int64_t n;

	return (vmprop_integer(v, &n) == 0 && n >= p->min && (p->max == 0 || n <= p->max));
}

static bool
valid_uuid(const json_t *v)
{
	const char *s = json_string_value(v);
	uint8_t uuid[16];

	return (s != NULL && parse_uuid(s, uuid) == 0 && strpbrk(s, "ABCDEF") == NULL);
}

/* Elements of a list of ports are numbers, all others strings. */
static json_t *
list_element(const struct vmprop *p, const char *s, size_t len)
{
	json_t *text = json_stringn(s, len);
	int64_t n;

	if (text != NULL &&
	    (strcmp(p->name, "blocked_outgoing_ports") == 0 ||
		strcmp(p->name, "vsock_ports") == 0) &&
	    vmprop_integer(text, &n) == 0) {
		json_decref(text);
		return (json_integer(n));
	}
	return (text);
}

static json_t *
list_from_text(const struct vmprop *p, const char *s)
{
	json_t *list = json_array();

	for (;;) {
		size_t len = strcspn(s, ",");

		if (len > 0)
			(void)json_array_append_new(list, list_element(p, s, len));
		if (s[len] == '\0')
			return (list);
		s += len + 1;
	}
}

static bool
valid_list(const struct vmprop *p, const json_t *v)
{
	json_t *split = NULL;
	const json_t *x;
	char number[24];
	size_t i;
	bool ok = true;

	if (json_is_string(v))
		v = split = list_from_text(p, json_string_value(v));
	if (!json_is_array(v))
		return (false);
	json_array_foreach (v, i, x) {
		const char *s = json_string_value(x);

		if (json_is_integer(x) && p->check != NULL) {
			(void)snprintf(
			    number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(x));
			ok = ok && p->check(number);
		} else if (s == NULL)
			ok = ok && json_is_number(x) && p->check == NULL;
		else if (strchr(s, ',') != NULL || (p->check != NULL && !p->check(s)))
			ok = false;
	}
	json_decref(split);
	return (ok);
}

static bool
valid_members(const struct vmprop *p, const json_t *v)
{
	json_t *o, *x;
	const char *key;
	size_t i;

	if (p->type == VMP_FLAT) {
		if (!json_is_object(v))
			return (false);
		json_object_foreach ((json_t *)(uintptr_t)v, key, x)
			if (json_is_object(x) || json_is_array(x) || json_is_null(x))
				return (false);
		return (true);
	}
	if (!json_is_array(v))
		return (false);
	json_array_foreach (v, i, o)
		if (!json_is_object(o))
			return (false);
	return (true);
}

bool
vmprop_valid(const struct vmprop *p, const json_t *v)
{
	const char *s = json_string_value(v);

	switch (p->type) {
	case VMP_STRING:
		return (unset(v) || (s != NULL && (p->check == NULL || p->check(s))));
	case VMP_UUID:
		return (valid_uuid(v));
	case VMP_BOOLEAN:
		return (
		    json_is_false(v) || (s != NULL && strcmp(s, "false") == 0) || vmprop_truth(v));
	case VMP_INTEGER:
		return (unset(v) || valid_integer(p, v));
	case VMP_LIST:
		return (unset(v) || valid_list(p, v));
	case VMP_FLAT:
	case VMP_ARRAY:
		return (valid_members(p, v));
	case VMP_POOL:
		/* The one pool there is: /zones. */
		return (s != NULL && strcmp(s, "zones") == 0);
	}
	return (false);
}

/* ---- texts of the model ---- */

json_t *
vmprop_from_text(const struct vmprop *p, const char *text)
{
	json_t *s = json_string(text), *out = NULL;
	int64_t n;

	if (p->type == VMP_INTEGER && vmprop_integer(s, &n) == 0)
		out = json_integer(n);
	else if (p->type == VMP_BOOLEAN)
		out = json_boolean(vmprop_truth(s));
	else if (p->type == VMP_LIST && (p->flags & VMF_TEXT) == 0)
		out = list_from_text(p, text);
	else if (p->type != VMP_INTEGER)
		out = json_incref(s);
	json_decref(s);
	return (out);
}

/* The elements with commas between; NULL for none. */
static int
list_to_text(const json_t *v, char **out)
{
	const json_t *x;
	size_t i, len = 0;
	char *buf = NULL, *more;
	char number[24];

	json_array_foreach (v, i, x) {
		const char *s = json_string_value(x);

		if (s == NULL) {
			(void)snprintf(
			    number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(x));
			s = number;
		}
		if ((more = realloc(buf, len + strlen(s) + 2)) == NULL) {
			free(buf);
			return (-ENOMEM);
		}
		buf = more;
		len += (size_t)sprintf(buf + len, "%s%s", i > 0 ? "," : "", s);
	}
	*out = buf;
	return (0);
}

int
vmprop_to_text(const struct vmprop *p, const json_t *v, char **out)
{
	int64_t n;

	*out = NULL;
	if (v == NULL || unset(v))
		return (0);
	switch (p->type) {
	case VMP_INTEGER:
		if (vmprop_integer(v, &n) < 0)
			return (-EINVAL);
		return (asprintf(out, "%" PRId64, n) < 0 ? -ENOMEM : 0);
	case VMP_BOOLEAN:
		if (!vmprop_truth(v))
			return (0);
		return ((*out = strdup("true")) != NULL ? 0 : -ENOMEM);
	case VMP_LIST:
		if (json_is_array(v))
			return (list_to_text(v, out));
		__attribute__((fallthrough));
	default:
		if (!json_is_string(v))
			return (-EINVAL);
		return ((*out = strdup(json_string_value(v))) != NULL ? 0 : -ENOMEM);
	}
}
