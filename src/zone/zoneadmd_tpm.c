/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's TPM (attr tpm): swtpm beside zhyve, one for each life of it, for a TPM starts anew with
 * the machine. What it keeps is in <zonepath>/tpm, and goes with the zone.
 *
 * A guest speaks to it byte by byte, so it is presumed taken over as zhyve is: it has a uid of its
 * own, namespaces of its own, the zone's cgroup, no network; of files it sees the host's libraries,
 * and can write in that one folder only. swtpm's own filter of system calls is switched on. Its end
 * is told (event tpm-lost), and is for the guest a TPM that has failed. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/jail.h"
#include "zone/jail_tree.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"

#define SWTPM          "/usr/bin/swtpm"
#define SWTPM_THREADS  8
#define SWTPM_FILE_MAX MIB /* of state: it needs a few KiB */
#define HELPER_UID     0   /* jail_helper_uid */
#define NMOUNTS        (JAIL_LIBS + 1)

/* Not by zhyve's end, which it follows with status 0. */
static void
on_end(void *arg, int status, const char *words)
{
	struct zoneadmd *z = arg;
	char detail[HELPER_WORDS_MAX + 80];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFSIGNALED(status))
		(void)snprintf(detail, sizeof(detail),
		    "swtpm was killed by signal %d; the next start of the guest brings it back%s%s",
		    WTERMSIG(status), words[0] != '\0' ? ": " : "", words);
	else
		(void)snprintf(detail, sizeof(detail), "swtpm failed%s%s",
		    words[0] != '\0' ? ": " : "", words);
	log_warn("%s", detail);
	events_tell(&z->events, "tpm-lost", detail);
}

static int
open_mounts(const struct zoneadmd *z, uint32_t uid, struct jail_mount m[NMOUNTS], struct err *e)
{
	char state[PATH_MAX];
	int rc;

	m[JAIL_LIBS] = (struct jail_mount){ "state", -1, true };
	if ((rc = jail_tree_libs(m, e)) != 0)
		return (rc);
	m[JAIL_LIBS].fd = jail_tree_own(path_zones(state, "%s/tpm", z->name), uid, e);
	return (m[JAIL_LIBS].fd < 0 ? m[JAIL_LIBS].fd : 0);
}

static int
open_program(int *fd, struct err *e)
{
	const char *path = secure_getenv("SWTPM_BIN");
	int rc = zone_open_regular(path != NULL ? path : SWTPM, "swtpm", fd, e);

	if (rc != -ENOENT)
		return (rc);
	return (err_say(e, ENOENT,
	    "attr tpm: '%s' is missing; it is in Debian's package swtpm (apt-get install swtpm), "
	    "or clear the attribute",
	    SWTPM));
}

int
zone_tpm_start(struct zoneadmd *z, int *control, struct err *e)
{
	/* -t: it ends when zhyve does. */
	static const char *const argv[] = { "swtpm", "socket", "--tpm2", "--tpmstate",
		"dir=/state,mode=0600", "--ctrl", "type=unixio,clientfd=3", "--seccomp",
		"action=kill", "-t", NULL };
	CLEANUP_FD int bin = -1, ours = -1, its = -1;
	struct jail_mount mounts[NMOUNTS];
	struct jail_spec spec = {
		.hostname = z->name,
		.uid = jail_helper_uid(z->res.conf->did, HELPER_UID),
		.cgroup_fd = z->res.cgroup_fd,
		.argv = (char *const *)(uintptr_t)argv,
		.fds = &its,
		.nfds = 1,
		.threads = SWTPM_THREADS,
		.file_max = SWTPM_FILE_MAX,
		.mounts = mounts,
		.nmounts = NMOUNTS,
	};
	int sv[2], rc;

	if (!z->res.plan->tpm)
		return (0);
	helper_stop(
	    &z->tpm); /* that of the last life, should it still be ending: it holds a lock */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0)
		return (err_set(e, errno, "cannot make the TPM's channel"));
	ours = sv[0];
	its = sv[1];
	if ((rc = open_program(&bin, e)) != 0)
		return (rc);
	spec.exec_fd = bin;
	if ((rc = open_mounts(z, spec.uid, mounts, e)) == 0)
		rc = helper_start(&z->tpm, z->loop, &spec, &z->platform, on_end, z, e);
	for (size_t i = 0; i < NMOUNTS; i++)
		fd_close(&mounts[i].fd);
	if (rc != 0)
		return (err_ctx(e, "cannot start the TPM (swtpm)"));
	*control = fd_steal(&ours);
	return (0);
}
