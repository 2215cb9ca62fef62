/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls a filter refuses: each number is tried under it, in a child of its own. Include
 * after cmocka.h.
 */
#ifndef ZHYVE_TESTS_REFUSED_H
#define ZHYVE_TESTS_REFUSED_H

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REFUSED_NR_MAX 512

/* Puts the calling thread under the filter; 0. */
typedef int refused_confine(void);

static inline bool
refused(refused_confine *confine, long nr, long arg1, long arg2)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || confine() != 0)
			_exit(99);
		(void)syscall(nr, -1L, arg1, arg2, 0L, -1L, -1L);
		(void)syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 99);
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/*
 * All but `calls` must be refused, and none of those. Not tried: those whose arguments decide, mmap
 * and ioctl, which are the caller's.
 */
static inline void
refused_try_all(refused_confine *confine, const long *calls, size_t n)
{
	for (long nr = 0; nr < REFUSED_NR_MAX; nr++) {
		bool listed = false;

		for (size_t i = 0; i < n; i++)
			listed |= calls[i] == nr;
		/* Newer kernels let uretprobe and uprobe pass every filter. */
		if (nr == SYS_mmap || nr == SYS_ioctl || nr == 335 || nr == 336)
			continue;
		if (refused(confine, nr, -1, -1) == listed)
			fail_msg("system call %ld is %s", nr, listed ? "refused" : "let through");
	}
}

#endif
