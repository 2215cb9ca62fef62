/* SPDX-License-Identifier: BSD-2-Clause */
/* Namespaces and an empty root: see nowhere.h. Runs in device processes, before their filters. */
#include "procs/common/nowhere.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An empty folder in memory becomes the root; nothing is mounted for anybody else. */
static void
leave_files(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		"size=4k,mode=0555") != 0 ||
	    chdir("/tmp") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return;
}

void
nowhere_enter(void)
{
	const int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

	if (unshare(geteuid() == 0 ? spaces : spaces | CLONE_NEWUSER) == 0)
		leave_files();
}
