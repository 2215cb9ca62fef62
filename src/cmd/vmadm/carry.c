/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send and receive: a stopped VM as a stream on stdout, and made of one on stdin. See vmadm.h, vmadm.md 14 and
 * vmadm-stream(5), whose stream is not SmartOS's; receive takes both.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/progress.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/vmcarry.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"

static int
send_vm(struct vm *vm, void *token, struct err *e)
{
	return (vmcarry_send(vm->c, vm_owns_disk, token, STDOUT_FILENO, e));
}

static int
send_run(int argc, char **argv)
{
	const char *uuid;
	char *token = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "t:")) != -1) {
		if (opt != 't')
			return (usage_error("Invalid option for send: -%c", optopt));
		token = optarg;
	}
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if (isatty(STDOUT_FILENO)) {
		(void)fprintf(stderr, "Cannot send VM to a TTY.\n");
		return (EXIT_FAILED);
	}
	interrupt_watch(false);
	progress_watch();
	return (vm_act(uuid, send_vm, token, "send", "sent"));
}

/* Nothing of it may be in the way of another VM; its networks have to be there. */
static int
admit(const struct zconf *c, struct err *e)
{
	const struct zone_status st = { .state = ZONE_STATE_CONFIGURED, .last_exit_status = -1 };
	const struct vmconfig none = { 0 };
	json_t *vm = NULL, *others = NULL;
	int rc;

	if ((rc = vmobj_build(c, &none, &st, &vm, e)) == 0 && (rc = vm_objects(&others, e)) == 0 &&
	    (rc = vmnic_conflict(vm, others, e)) == 0)
		rc = vm_check_nic_tags(json_object_get(vm, "nics"), e);
	json_decref(vm);
	json_decref(others);
	return (rc);
}

static int
receive_run(int argc, char **argv)
{
	struct vmcarry_receive v = { .admit = admit, .warn = vm_warn_property };
	struct err e = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "f:r")) != -1) {
		if (opt == '?')
			return (usage_error("Invalid option for receive: -%c", optopt));
		v.keep = v.keep || opt == 'r'; /* -f: as on SmartOS it is always stdin */
	}
	if (optind < argc)
		return (usage_error("Too many parameters to \"receive\""));
	if (isatty(STDIN_FILENO))
		return (usage_error("Will not receive from stdin when stdin is a tty."));
	interrupt_watch(false);
	progress_watch();
	if (vmcarry_receive(&v, STDIN_FILENO, &e) == 0)
		return (success("Successfully received VM %s", v.uuid));
	(void)fail(&e);
	if (v.token[0] != '\0') {
		(void)fprintf(stderr,
		    "What came is kept. To send the rest: vmadm send -t TOKEN %s, with the token "
		    "on standard output.\n",
		    v.uuid);
		(void)puts(v.token);
	}
	return (EXIT_FAILED);
}

const struct subcommand carry_commands[] = {
	{ "send", NULL, "[-t token] <uuid>", send_run },
	{ "receive", "recv", "[-r]", receive_run },
	{ NULL },
};
