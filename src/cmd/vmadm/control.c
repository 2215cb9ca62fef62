/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start, stop, reboot, kill, sysrq, console: what is done to a VM that exists. See vmadm.h,
 * vmadm.md 11.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cmd/common/cmd.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/paths.h"
#include "zone/startopts.h"

#define STOP_TIMEOUT_S   180 /* how long a guest may take to shut down */
#define REBOOT_TIMEOUT_S 10

static bool
running(const struct vm *vm)
{
	return (vm->st.state == ZONE_STATE_RUNNING);
}

/* Does anything of it stand, also when it is not up yet, or not down in order (a process that could not be ended)? */
static bool
standing(const struct vm *vm)
{
	return (vm->st.state >= ZONE_STATE_READY);
}

/* Do all the nic tags of the VM exist? */
static int
check_tags(const struct vm *vm, struct err *e)
{
	json_t *o = NULL;
	int rc;

	if ((rc = vm_object(vm, &o, e)) == 0)
		rc = vm_check_nic_tags(json_object_get(o, "nics"), e);
	json_decref(o);
	return (rc);
}

/* ---- start ---- */

/* A path of cdrom= or disk= is, as on SmartOS, below the zone's root, or else this host's. */
static int
find_drive(const struct vm *vm, char **word, struct err *e)
{
	const char *path = strchr(*word, '=') + 1, *comma = strrchr(path, ',');
	CLEANUP_FREE char *name = NULL, *ours = NULL;
	char *found;
	char root[PATH_MAX];

	if (asprintf(&name, "%.*s", (int)(comma - path), path) < 0)
		return (err_set(e, ENOMEM, "cannot look for '%s'", path));
	if (asprintf(&ours, "%s%s", path_zones(root, "%s/root", vm->c->name), name) < 0)
		return (err_set(e, ENOMEM, "cannot look for '%s'", path));
	if (access(ours, F_OK) != 0) {
		if (access(name, F_OK) != 0)
			return (err_say(e, ENOENT, "Cannot find disk: %s", name));
		return (0);
	}
	if (asprintf(&found, "%.*s=%s%s", (int)strcspn(*word, "="), *word, ours, comma) < 0)
		return (err_set(e, ENOMEM, "cannot look for '%s'", path));
	*word = found; /* lives as long as the process */
	return (0);
}

/*
 * "order=…", "cdrom=path,model", "disk=path,model", "efivars=reset": their form. SmartOS checks it,
 * and for bhyve does nothing with them; here they have effect.
 */
static int
check_start_extras(int n, char **extras)
{
	static struct start_options o;
	struct err e = { 0 };

	for (int i = 0; i < n; i++)
		if (start_options_add(&o, extras[i], &e) < 0)
			return (usage_error("%s", e.text));
	return (EXIT_DONE);
}

static int
start_vm(const struct vm *vm, int n, char **extras, struct err *e)
{
	const char *state = vm_state(vm);
	bool installed = vm->st.state == ZONE_STATE_INSTALLED;
	int rc;

	if (strcmp(state, "stopped") != 0 && !(installed && strcmp(state, "provisioning") == 0))
		return (err_say(
		    e, EBUSY, "Cannot start vm from state \"%s\", must be \"stopped\".", state));
	for (int i = 0; i < n; i++)
		if ((strncmp(extras[i], "cdrom=", 6) == 0 || strncmp(extras[i], "disk=", 5) == 0) &&
		    (rc = find_drive(vm, &extras[i], e)) < 0)
			return (rc);
	if ((rc = check_tags(vm, e)) < 0 ||
	    (rc = zone_boot_with(vm->c->name, (size_t)n, extras, e)) < 0)
		return (rc);
	return (vm_set_autoboot(vm->c->name, true, e));
}

static int
start_run(int argc, char **argv)
{
	struct err e = { 0 };
	const char *uuid;
	struct vm vm;
	int n, rc;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for start: -%c", optopt));
	if ((uuid = uuid_operand(argc, argv, argc)) == NULL)
		return (EXIT_USAGE);
	n = argc - optind - 1;
	if ((rc = check_start_extras(n, argv + optind + 1)) != EXIT_DONE)
		return (rc);
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	if (running(&vm))
		rc = success("VM %s is already 'running'", uuid);
	else if (start_vm(&vm, n, argv + optind + 1, &e) < 0)
		rc = fail(&e);
	else
		rc = success("Successfully started VM %s", uuid);
	vm_free(&vm);
	return (rc);
}

/* ---- stop ---- */

/* The power button, and if that does not help in time, the plug. */
static int
shut_down(const char *name, unsigned timeout_s, struct err *e)
{
	int rc = zone_shutdown(name, timeout_s, e);
	struct zone_status st;

	if (rc == 0)
		return (0);
	/* It may have gone down by itself meanwhile. */
	if (zone_status_get(name, &st, NULL) == 0 && st.state == ZONE_STATE_INSTALLED)
		return (0);
	err_clear(e);
	return (zone_halt(name, e));
}

static int
stop_vm(const struct vm *vm, bool force, unsigned timeout_s, struct err *e)
{
	int rc;

	if ((rc = vm_set_autoboot(vm->c->name, false, e)) < 0)
		return (rc);
	return (force ? zone_halt(vm->c->name, e) : shut_down(vm->c->name, timeout_s, e));
}

static int
stop_run(int argc, char **argv)
{
	struct err e = { 0 };
	uint32_t timeout_s = STOP_TIMEOUT_S;
	bool force = false;
	const char *uuid;
	struct vm vm;
	int opt, rc;

	while ((opt = getopt(argc, argv, "Ft:")) != -1) {
		if (opt == 'F')
			force = true;
		else if (opt != 't')
			return (usage_error("Invalid option for stop: -%c", optopt));
		else if (parse_u32(optarg, 0, 86400, &timeout_s) < 0)
			return (usage_error("Invalid timeout: \"%s\" (seconds)", optarg));
	}
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	if (!running(&vm) && !(force && standing(&vm)))
		rc = success("VM %s is already not 'running' (currently: %s)", uuid, vm_state(&vm));
	else if (stop_vm(&vm, force, timeout_s, &e) < 0)
		rc = fail(&e);
	else
		rc = success("Successfully completed stop for VM %s", uuid);
	vm_free(&vm);
	return (rc);
}

/* ---- reboot ---- */

static int
reboot_vm(const struct vm *vm, bool force, struct err *e)
{
	int rc;

	if (!running(vm))
		return (err_say(e, EINVAL, "Cannot %s vm from state \"%s\", must be \"running\"%s",
		    force ? "reset" : "reboot", vm_state(vm), force ? "." : ""));
	if ((rc = check_tags(vm, e)) < 0)
		return (err_ctx(e, "Cannot reboot vm"));
	if (force)
		return (zone_reboot(vm->c->name, e));
	if ((rc = shut_down(vm->c->name, REBOOT_TIMEOUT_S, e)) < 0)
		return (rc);
	return (zone_boot(vm->c->name, e));
}

static int
reboot_run(int argc, char **argv)
{
	struct err e = { 0 };
	bool force = false;
	const char *uuid;
	struct vm vm;
	int opt, rc;

	/* -t is taken, and as in SmartOS not used. */
	while ((opt = getopt(argc, argv, "Ft:")) != -1) {
		if (opt == 'F')
			force = true;
		else if (opt != 't')
			return (usage_error("Invalid option for reboot: -%c", optopt));
	}
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	rc = reboot_vm(&vm, force, &e) < 0
	    ? fail(&e)
	    : success("Successfully completed reboot for VM %s", uuid);
	vm_free(&vm);
	return (rc);
}

/* ---- kill, sysrq ---- */

/* "TERM", "SIGTERM" or "15". -1 when there is no such signal. */
static int
signal_number(const char *name)
{
	const char *abbrev;
	uint32_t n;

	if (parse_u32(name, 1, (uint32_t)SIGRTMAX, &n) == 0)
		return ((int)n);
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int sig = 1; sig < NSIG; sig++)
		if ((abbrev = sigabbrev_np(sig)) != NULL && strcmp(abbrev, name) == 0)
			return (sig);
	return (-1);
}

static int
kill_vm(const struct vm *vm, int sig, struct err *e)
{
	if (!running(vm) || vm->st.init_pid <= 0)
		return (err_say(e, ESRCH, "Cannot find running init PID for VM %s", vm->c->uuid));
	if (kill(vm->st.init_pid, sig) < 0)
		return (err_set(e, errno, "cannot signal process %d", (int)vm->st.init_pid));
	return (0);
}

/*
 * Options of kill: "-s SIG", "-SIG", "-15"; getopt knows only the first form. The signal's
 * name, and *at past it.
 */
static const char *
kill_signal(int argc, char **argv, int *at)
{
	*at = 1;
	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		*at = 3;
		return (argv[2]);
	}
	if (argc > 1 && argv[1][0] == '-' && argv[1][1] != '\0') {
		*at = 2;
		return (argv[1] + 1);
	}
	return ("SIGTERM");
}

static int
kill_run(int argc, char **argv)
{
	const char *uuid, *name = kill_signal(argc, argv, &optind);
	struct err e = { 0 };
	struct vm vm;
	int sig, rc;

	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if ((sig = signal_number(name)) < 0) {
		(void)fprintf(stderr, "Unknown signal \"%s\"\n", name);
		return (EXIT_FAILED);
	}
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	rc = kill_vm(&vm, sig, &e) < 0
	    ? fail(&e)
	    : success("Sent signal \"%s\" to init process for VM %s", name, uuid);
	vm_free(&vm);
	return (rc);
}

static int
nmi_vm(const struct vm *vm, struct err *e)
{
	int rc = vm_check_running(vm, "send request to", e);

	return (rc != 0 ? rc : zone_nmi(vm->c->name, e));
}

static int
screenshot_vm(const struct vm *vm, char path[PATH_MAX], struct err *e)
{
	int rc = vm_check_running(vm, "send request to", e);

	return (rc != 0 ? rc : zone_screenshot_take(vm->c->name, path, e));
}

static int
sysrq_run(int argc, char **argv)
{
	struct err e = { 0 };
	const char *uuid, *type;
	char path[PATH_MAX];
	struct vm vm;
	bool shot;
	int rc;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for sysrq: -%c", optopt));
	if ((uuid = uuid_operand(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	type = argc - optind == 2 ? argv[optind + 1] : "";
	shot = strcmp(type, "screenshot") == 0;
	if (!shot && strcmp(type, "nmi") != 0)
		return (usage_error("Invalid sysrq type: \"%s\"", type));
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	if ((shot ? screenshot_vm(&vm, path, &e) : nmi_vm(&vm, &e)) < 0)
		rc = fail(&e);
	else
		rc = shot ? success("Wrote screenshot of VM %s to %s", uuid, path)
			  : success("Sent NMI to VM %s", uuid);
	vm_free(&vm);
	return (rc);
}

/* ---- console ---- */

static int
console_run(int argc, char **argv)
{
	struct err e = { 0 };
	CLEANUP_FREE char *name = NULL;
	const char *uuid;
	struct vm vm;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for console: -%c", optopt));
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	if (!running(&vm)) {
		(void)fprintf(stderr,
		    "cannot connect to console when state is \"%s\" must be \"running\".\n",
		    vm_state(&vm));
		vm_free(&vm);
		return (EXIT_FAILED);
	}
	name = cmd_strdup(vm.c->name);
	vm_free(&vm);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execlp("zlogin", "zlogin", "-C", "-e", "\\035", name, (char *)NULL);
	(void)fprintf(stderr, "cannot run zlogin: %s\n", strerror(errno));
	return (EXIT_FAILED);
}

const struct subcommand control_commands[] = {
	{ "start", "boot",
	    "<uuid> [order=...] [cdrom=path,model] [disk=path,model] [efivars=reset]", start_run },
	{ "stop", "halt", "<uuid> [-F] [-t seconds]", stop_run },
	{ "reboot", NULL, "<uuid> [-F]", reboot_run },
	{ "kill", NULL, "[-s SIGNAL | -SIGNAL] <uuid>", kill_run },
	{ "sysrq", NULL, "<uuid> nmi|screenshot", sysrq_run },
	{ "console", NULL, "<uuid>", console_run },
	{ NULL },
};
