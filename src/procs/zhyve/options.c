/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: see options.h. Refuses what it does not know; accepts for bhyve's sake what
 * means nothing here (marked in the table). Runs in zhyve, first thing.
 */
#include "procs/zhyve/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parse.h"
#include "devices/smbios.h"
#include "procs/zhyve/emul.h"

#define OPTSTRING "+aAB:c:CdDef:G:hHIk:K:l:m:o:p:Ps:SuU:vwWxY"

#define OPT_DUMP  256
static const struct option long_options[] = {
	{ "dump", no_argument, NULL, OPT_DUMP },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* Options without an argument that set one variable. */
static const struct {
	char opt;
	const char *name, *value;
} flags[] = {
	{ 'a', "x86.x2apic", "false" },
	{ 'A', "acpi_tables", "true" },
	{ 'C', "memory.guest_in_core", "true" },
	{ 'd', "suspend_at_boot", "true" },
	{ 'D', "destroy_on_poweroff", "true" },
	{ 'e', "x86.strictio", "true" },
	{ 'H', "x86.vmexit_on_hlt", "true" },
	{ 'P', "x86.vmexit_on_pause", "true" },
	{ 'S', "memory.wired", "true" },
	{ 'u', "rtc.use_localtime", "false" },
	{ 'w', "x86.strictmsr", "false" },
	{ 'W', "virtio.msix", "false" },
	{ 'x', "x86.x2apic", "true" },
	{ 'Y', "x86.mptable", "false" },
};

static void
usage(FILE *f)
{
	(void)fprintf(f,
	    "usage: zhyve [-aACdDehHIPSuvwWxY] [-B type,key=value,...] [-c vcpus]\n"
	    "             [-f name,string=text|file=path] [-k file] [-l help|device[,conf]]\n"
	    "             [-m size] [-o var=value] [-p vcpu:hostcpu]\n"
	    "             [-s help|slot,emulation[,conf]] [-U uuid] vmname\n"
	    "  -a          the guest sees no x2APIC\n"
	    "  -A          build ACPI tables (always on)\n"
	    "  -B ...      SMBIOS strings of type 0 to 3\n"
	    "  -c N        vCPUs, or cpus=N,sockets=N,cores=N,threads=N\n"
	    "  -C          include guest memory in core dumps\n"
	    "  -D          destroy the machine at power-off (always so)\n"
	    "  -e          exit on access to an unclaimed I/O port\n"
	    "  -f ...      a file for the boot ROM: name,string=text or name,file=path\n"
	    "  -d          start when a debugger says so (-G)\n"
	    "  -G [w]...   a debugger may come on [address:]port, unix:path or fd:N; w: wait for "
	    "it\n"
	    "  -h          this help\n"
	    "  -H          yield the processor on HLT (always on)\n"
	    "  -k file     read variables from a file\n"
	    "  -K layout   the keyboard that a display's clients have (us)\n"
	    "  -l ...      LPC device: bootrom, com1-com4, kernel, tpm; 'help' lists them\n"
	    "  -m size     memory, with suffix K, M, G or T (default 256M)\n"
	    "  -o var=val  set a variable\n"
	    "  -p v:h      vCPU v runs on host processor h; may be repeated\n"
	    "  -P          yield the processor on PAUSE (KVM decides)\n"
	    "  -s ...      PCI device in slot d, d:f or b:d:f; 'help' lists them\n"
	    "  -S          wire guest memory\n"
	    "  -u          the RTC keeps UTC\n"
	    "  -U uuid     SMBIOS system UUID\n"
	    "  -v          version\n"
	    "  -w          ignore unknown MSRs\n"
	    "  -W          virtio devices have MSI instead of MSI-X\n"
	    "  -x          the guest sees x2APIC (default)\n"
	    "  -Y          no MP table (there is none)\n"
	    "  --dump      print the configuration that would run, for -k, and exit\n");
}

/* "d", "d:f" or "b:d:f". */
static int
parse_slot(const char *s, unsigned *bus, unsigned *dev, unsigned *func)
{
	char copy[16], *part[3], *save = NULL;
	uint32_t v[3] = { 0 };
	unsigned n = 0;

	if (strlen(s) >= sizeof(copy) || s[0] == ':' || strstr(s, "::") != NULL || s[0] == '\0' ||
	    s[strlen(s) - 1] == ':')
		return (-EINVAL);
	(void)snprintf(copy, sizeof(copy), "%s", s);
	for (char *p = strtok_r(copy, ":", &save); p != NULL; p = strtok_r(NULL, ":", &save)) {
		if (n == NITEMS(part))
			return (-EINVAL);
		part[n++] = p;
	}
	if (n == 0)
		return (-EINVAL);
	for (unsigned i = 0; i < n; i++) {
		if (parse_u32(part[i], 0, 255, &v[i]) != 0)
			return (-EINVAL);
	}
	*bus = n == 3 ? v[0] : 0;
	*dev = n == 3 ? v[1] : v[0];
	*func = n == 1 ? 0 : v[n - 1];
	return (*dev > 31 || *func > 7 ? -EINVAL : 0);
}

static int
emulation_options(
    const struct vmm_emul *emul, struct config_node *node, const char *text, struct err *e)
{
	if (emul->options != NULL)
		return (emul->options(node, text, e));
	return (config_options(node, emul->first, text, e));
}

int
options_slot(struct config_node *root, const char *arg, struct err *e)
{
	char slot[16], emul[64], name[64];
	const char *comma = strchr(arg, ','), *rest;
	const struct vmm_emul *found;
	unsigned b, d, f;
	struct config_node *node;

	if (comma == NULL || comma[1] == '\0')
		return (err_say(e, EINVAL,
		    "PCI device '%s': slot and emulation are needed, as in -s 3,virtio-blk,PATH",
		    arg));
	(void)snprintf(slot, sizeof(slot), "%.*s", (int)MIN(comma - arg, 15), arg);
	if (comma - arg > 15 || parse_slot(slot, &b, &d, &f) != 0)
		return (err_say(e, EINVAL,
		    "PCI device '%s': '%.*s' is not a slot (d, d:f or b:d:f with b 0-255, d 0-31, "
		    "f 0-7)",
		    arg, (int)(comma - arg), arg));
	rest = comma + 1;
	(void)snprintf(
	    emul, sizeof(emul), "%.*s", (int)MIN(strcspn(rest, ","), sizeof(emul) - 1), rest);
	rest += strcspn(rest, ",");
	if ((found = emul_find(emul)) == NULL)
		return (err_say(e, EINVAL,
		    "PCI slot %u:%u:%u: unknown emulation '%s'; -s help lists them", b, d, f,
		    emul));
	(void)snprintf(name, sizeof(name), "pci.%u.%u.%u", b, d, f);
	if ((node = config_make(root, name)) == NULL)
		return (err_set(e, ENOMEM, "PCI slot %u:%u:%u", b, d, f));
	if (config_get(node, "device") != NULL)
		return (err_say(e, EEXIST, "PCI slot %u:%u:%u is used twice: by %s and %s", b, d, f,
		    config_get(node, "device"), found->name));
	if (config_set(node, "device", found->name) != 0)
		return (err_set(e, ENOMEM, "PCI slot %u:%u:%u", b, d, f));
	if (*rest == ',' && emulation_options(found, node, rest + 1, e) != 0)
		return (err_ctx(e, "PCI slot %u:%u:%u, %s", b, d, f, found->name));
	return (0);
}

static int
lpc_bootrom(struct config_node *root, const char *text, struct err *e)
{
	const char *comma = strchr(text, ',');
	char rom[CONFIG_VALUE_MAX];
	size_t len = strcspn(text, ",");

	if (len == 0 || len >= sizeof(rom) ||
	    (comma != NULL && (comma[1] == '\0' || strchr(comma + 1, ',') != NULL)))
		return (err_say(e, EINVAL, "'%s' is not ROM or ROM,VARS", text));
	(void)snprintf(rom, sizeof(rom), "%.*s", (int)len, text);
	if (config_set(root, "bootrom", rom) != 0 ||
	    (comma != NULL && config_set(root, "bootvars", comma + 1) != 0))
		return (err_say(e, ENOMEM, "cannot set the boot ROM"));
	return (0);
}

static int
lpc_kernel(struct config_node *root, const char *text, struct err *e)
{
	struct config_node *boot = config_make(root, "boot");

	if (boot == NULL)
		return (err_set(e, ENOMEM, "cannot set the kernel"));
	return (config_options(boot, "kernel", text, e));
}

/* "swtpm,SOCKET[,version=2.0]": the first word is the type, the rest are options. */
static int
lpc_tpm(struct config_node *root, const char *text, struct err *e)
{
	size_t len = strcspn(text, ",");
	struct config_node *tpm = config_make(root, "tpm");
	char type[16];

	if (text[len] == '\0' || len >= sizeof(type))
		return (
		    err_say(e, EINVAL, "a type and a socket are needed, as in tpm,swtpm,SOCKET"));
	(void)snprintf(type, sizeof(type), "%.*s", (int)len, text);
	if (tpm == NULL || config_set(tpm, "type", type) != 0)
		return (err_set(e, ENOMEM, "cannot set the TPM"));
	return (config_options(tpm, "path", text + len + 1, e));
}

/* What sets one variable has its name, the others a function. */
static const struct {
	const char *name;
	const char *variable;
	int (*set)(struct config_node *root, const char *text, struct err *e);
	const char *example;
} lpc_devices[] = {
	{ "bootrom", NULL, lpc_bootrom, "bootrom,ROM[,VARS]" },
	{ "com1", "lpc.com1.path", NULL, "com1,stdio" },
	{ "com2", "lpc.com2.path", NULL, "com2,stdio" },
	{ "com3", "lpc.com3.path", NULL, "com3,stdio" },
	{ "com4", "lpc.com4.path", NULL, "com4,stdio" },
	{ "debugcon", "lpc.debugcon.path", NULL, "debugcon,stdio" },
	{ "fwcfg", "lpc.fwcfg", NULL, "fwcfg,qemu" },
	{ "kernel", NULL, lpc_kernel, "kernel,FILE[,initrd=FILE]" },
	{ "tpm", NULL, lpc_tpm, "tpm,swtpm,SOCKET" },
};

int
options_lpc(struct config_node *root, const char *arg, struct err *e)
{
	const char *comma = strchr(arg, ',');
	char dev[32];
	size_t i = 0;
	int rc;

	(void)snprintf(dev, sizeof(dev), "%.*s", (int)MIN(strcspn(arg, ","), sizeof(dev) - 1), arg);
	while (i < NITEMS(lpc_devices) && strcasecmp(lpc_devices[i].name, dev) != 0)
		i++;
	if (i == NITEMS(lpc_devices))
		return (err_say(e, EINVAL, "unknown LPC device '%s'; -l help lists them", dev));
	if (comma == NULL || comma[1] == '\0')
		return (err_say(e, EINVAL, "LPC device '%s' needs a value, as in -l %s", dev,
		    lpc_devices[i].example));
	if (lpc_devices[i].set != NULL) {
		rc = lpc_devices[i].set(root, comma + 1, e);
		return (rc == 0 ? 0 : err_ctx(e, "LPC device '%s'", dev));
	}
	if ((rc = config_set(root, lpc_devices[i].variable, comma + 1)) != 0)
		return (err_set(e, -rc, "LPC device '%s'", dev));
	return (0);
}

int
options_fwcfg(struct config_node *root, const char *arg, struct err *e)
{
	static const char *const kinds[] = { "string", "file" };
	const char *comma = strchr(arg, ',');
	char var[32], name[CONFIG_VALUE_MAX];
	struct config_node *node;

	for (size_t i = 0; comma != NULL && comma != arg && i < NITEMS(kinds); i++) {
		size_t len = strlen(kinds[i]), n = 0;

		if (strncmp(comma + 1, kinds[i], len) != 0 || comma[1 + len] != '=')
			continue;
		do
			(void)snprintf(var, sizeof(var), "fwcfg.%zu", n++);
		while (config_find(root, var) != NULL);
		(void)snprintf(name, sizeof(name), "%.*s", (int)(comma - arg), arg);
		if ((node = config_make(root, var)) == NULL ||
		    config_set(node, "name", name) != 0 ||
		    config_set(node, kinds[i], comma + 1 + len + 1) != 0)
			return (err_say(e, E2BIG, "fw_cfg item '%s': the value is too long", arg));
		return (0);
	}
	return (err_say(
	    e, EINVAL, "invalid fw_cfg item '%s': NAME,string=TEXT or NAME,file=PATH", arg));
}

static int
smbios_key(struct config_node *root, unsigned type, const char *pair, size_t len, struct err *e)
{
	const char *eq = memchr(pair, '=', len), *variable = NULL;
	char key[32], value[CONFIG_VALUE_MAX];
	int i;

	if (eq == NULL || eq == pair || eq + 1 == pair + len || len >= sizeof(value))
		return (err_say(e, EINVAL, "invalid key=value: '%.*s'", (int)len, pair));
	(void)snprintf(key, sizeof(key), "%.*s", (int)(eq - pair), pair);
	if (type == 1 && strcmp(key, "uuid") == 0)
		variable = "smbios.uuid"; /* loses against -U */
	else if ((i = smbios_find_key(type, key)) >= 0)
		variable = smbios_vars[i].variable;
	if (variable == NULL)
		return (err_say(e, EINVAL, "Unknown SMBIOS key %s for type %u", key, type));
	(void)snprintf(value, sizeof(value), "%.*s", (int)(pair + len - eq - 1), eq + 1);
	if (config_set(root, variable, value) != 0)
		return (err_set(e, ENOMEM, "SMBIOS key %s", key));
	return (0);
}

int
options_smbios(struct config_node *root, const char *arg, struct err *e)
{
	char first[16];
	const char *p = arg;
	size_t len = strcspn(p, ",");
	uint64_t type;
	int rc;

	(void)snprintf(first, sizeof(first), "%.*s", (int)MIN(len, sizeof(first) - 1), p);
	if (first[0] == '-')
		return (err_say(e, EINVAL, "First token (type) is too small"));
	if (parse_u64(first, &type) != 0)
		return (err_say(e, EINVAL, "First token (type) is invalid"));
	if (type > 3)
		return (err_say(e, EINVAL, "First token (type) is too large"));
	if (p[len] == '\0')
		return (err_say(e, EINVAL, "invalid key=value: ''"));
	do {
		p += len + 1;
		len = strcspn(p, ",");
		if ((rc = smbios_key(root, (unsigned)type, p, len, e)) != 0)
			return (rc);
	} while (p[len] == ',');
	return (0);
}

int
options_cpus(struct config_node *root, const char *arg, struct err *e)
{
	static const char *const keys[] = { "cpus", "sockets", "cores", "threads" };
	struct config_node *given = config_create();
	const char *v;
	uint64_t n;
	int rc;

	if (given == NULL)
		return (err_set(e, ENOMEM, "cannot read the vCPUs"));
	rc = config_options(given, "cpus", arg, e);
	if (rc == 0 && given->child == NULL)
		rc = err_say(e, EINVAL, "a number of cpus is wanted");
	for (struct config_node *c = given->child; c != NULL && rc == 0; c = c->next) {
		rc = -EINVAL;
		for (size_t i = 0; i < NITEMS(keys); i++) {
			if (strcmp(c->name, keys[i]) == 0)
				rc = 0;
		}
		if (rc != 0)
			(void)err_say(e, EINVAL, "unknown key '%s'", c->name);
		else if ((v = c->value) == NULL || parse_u64(v, &n) != 0 || n == 0 ||
		    n > UINT16_MAX)
			rc = err_say(
			    e, EINVAL, "'%s' is not a number of %s", v == NULL ? "" : v, c->name);
		else
			rc = config_set(root, c->name, v);
	}
	config_destroy(given);
	return (rc == 0 ? 0 : err_ctx(e, "invalid cpu topology '%s'", arg));
}

static int
complain(int status, const struct err *e)
{
	(void)fprintf(stderr, "zhyve: %s\n", e->text);
	return (status);
}

static int
set_variable(struct config_node *root, const char *name, const char *value)
{
	if (config_set(root, name, value) == 0)
		return (OPTIONS_GO_ON);
	(void)fprintf(stderr, "zhyve: %s: the value is too long\n", name);
	return (ZHYVE_EXIT_USAGE);
}

static int
lpc_help(void)
{
	for (size_t i = 0; i < NITEMS(lpc_devices); i++)
		(void)printf("%s\n", lpc_devices[i].name);
	return (0);
}

static int
option_with_argument(struct config_node *root, int opt, const char *arg)
{
	struct err e = { 0 };
	uint64_t size;

	switch (opt) {
	case 'B':
		return (options_smbios(root, arg, &e) == 0 ? OPTIONS_GO_ON
							   : complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'c':
		return (options_cpus(root, arg, &e) == 0 ? OPTIONS_GO_ON
							 : complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'f':
		return (options_fwcfg(root, arg, &e) == 0 ? OPTIONS_GO_ON
							  : complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'G':
		return (options_gdb(root, arg, &e) == 0 ? OPTIONS_GO_ON
							: complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'k':
		return (config_load(root, arg, &e) == 0 ? OPTIONS_GO_ON
							: complain(ZHYVE_EXIT_START, &e));
	case 'l':
		if (strcmp(arg, "help") == 0)
			return (lpc_help());
		return (options_lpc(root, arg, &e) == 0 ? OPTIONS_GO_ON
							: complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'm':
		if (parse_size(arg, MIB, &size) != 0 || size == 0) {
			(void)err_say(&e, EINVAL, "invalid memsize '%s'", arg);
			return (complain(ZHYVE_EXIT_BAD_VALUE, &e));
		}
		return (set_variable(root, "memory.size", arg));
	case 'o':
		return (config_assign(root, arg, &e) == 0 ? OPTIONS_GO_ON
							  : complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 'p':
		return (options_pin(root, arg, &e) == 0 ? OPTIONS_GO_ON
							: complain(ZHYVE_EXIT_BAD_VALUE, &e));
	case 's':
		if (strcmp(arg, "help") == 0) {
			emul_list();
			return (0);
		}
		return (options_slot(root, arg, &e) == 0 ? OPTIONS_GO_ON
							 : complain(ZHYVE_EXIT_START, &e));
	case 'U':
		return (set_variable(root, "uuid", arg));
	case 'K':
		return (set_variable(root, "keyboard.layout", arg));
	default:
		(void)fprintf(stderr, "zhyve: option -%c is not supported\n", opt);
		return (ZHYVE_EXIT_USAGE);
	}
}

static int
one_option(struct config_node *root, int opt, const char *arg)
{
	for (size_t i = 0; i < NITEMS(flags); i++) {
		if (flags[i].opt == opt)
			return (set_variable(root, flags[i].name, flags[i].value));
	}
	switch (opt) {
	case 'h':
		usage(stdout);
		return (0);
	case 'v':
		(void)printf("zhyve %s\n", ZHYVE_VERSION);
		return (0);
	case 'I':
		return (OPTIONS_GO_ON);
	case '?':
		usage(stderr);
		return (ZHYVE_EXIT_USAGE);
	default:
		return (option_with_argument(root, opt, arg));
	}
}

int
options_parse(struct config_node *root, int argc, char **argv)
{
	struct err e = { 0 };
	bool dump = false;
	int asked = OPTIONS_GO_ON, opt, rc;

	while ((opt = getopt_long(argc, argv, OPTSTRING, long_options, NULL)) != -1) {
		if (opt == OPT_DUMP)
			asked = OPTIONS_DUMP;
		else if ((rc = one_option(root, opt, optarg)) != OPTIONS_GO_ON)
			return (rc);
	}
	if (argc - optind > 1 || (argc == optind && config_get(root, "name") == NULL)) {
		(void)fprintf(stderr,
		    argc == optind ? "zhyve: the machine's name is missing\n"
				   : "zhyve: more than one machine name given\n");
		usage(stderr);
		return (ZHYVE_EXIT_USAGE);
	}
	if (argc > optind && (rc = set_variable(root, "name", argv[optind])) != OPTIONS_GO_ON)
		return (rc);
	if (config_expand(root, &e) != 0 || config_bool(root, "config.dump", false, &dump, &e) != 0)
		return (complain(ZHYVE_EXIT_START, &e));
	return (asked == OPTIONS_GO_ON && dump ? OPTIONS_CONFIG_DUMP : asked);
}
