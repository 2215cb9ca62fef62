/* SPDX-License-Identifier: BSD-2-Clause */
/* Kills by system-call filters: the kernel's records, and, where it tells them, a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone/refusal.h"

static void
test_records(void **state)
{
	static const struct {
		const char *text, *thread;
		bool kill;
	} cases[] = {
		{ "audit(1.2:3): auid=1 uid=5 gid=7 ses=4 pid=6 comm=\"vcpu0\" exe=\"/x\" sig=31 "
		  "arch=c000003e syscall=59 compat=0 ip=0x1 code=0x80000000",
		    "vcpu0", true },
		{ "audit(1.2:3): auid=1 uid=5 gid=7 ses=4 subj=a pid=6 comm=6120623D exe=\"/x\" "
		  "sig=31 "
		  "syscall=59",
		    "a b=", true },
		{ "audit(1.2:3): uid=5 pid=6 comm=0A1B sig=31 syscall=59", "??", true },
		{ "audit(1.2:3): uid=5 pid=6 comm=\"0123456789abcdefghi\" sig=31 syscall=59",
		    "0123456789abcde", true },
		{ "audit(1.2:3): uid=5 pid=6 sig=31 syscall=59", "", true },
		{ "audit(1.2:3): uid=5 pid=6 comm=\"a\" sig=0 syscall=59", "",
		    false }, /* told only */
		{ "audit(1.2:3): uid=5 comm=\"a\" sig=31 syscall=59", "", false },
		{ "audit(1.2:3): uid=-5 pid=6 sig=31 syscall=59", "", false },
		{ "audit(1.2:3): uid=5 pid=6 sig=31 syscall=5x", "", false },
		{ "audit(1.2:3): uid=99999999999 pid=6 sig=31 syscall=5", "", false },
		{ "uid=5 pid=6 sig=31 syscall=59", "", false },
		{ "", "", false },
	};
	struct refusal r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(refusal_parse(cases[i].text, &r), cases[i].kill);
		if (!cases[i].kill)
			continue;
		assert_int_equal(r.uid, 5);
		assert_int_equal(r.pid, 6);
		assert_int_equal(r.call, 59);
		assert_string_equal(r.thread, cases[i].thread);
	}
}

static void __attribute__((noreturn)) refused(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	(void)prctl(PR_SET_NAME, "one thread", 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
	(void)getppid();
	_exit(1);
}

/* The kernel limits its records when there are many: none at all is no fault of ours. */
static void
test_real(void **state)
{
	int fd = refusal_open(), status;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct refusal r;
	pid_t pid;

	if (fd < 0)
		skip();
	if ((pid = fork()) == 0)
		refused();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	while (poll(&p, 1, 1000) == 1) {
		while (refusal_next(fd, &r)) {
			if (r.pid != (uint32_t)pid)
				continue;
			assert_int_equal(r.call, SYS_getppid);
			assert_int_equal(r.uid, getuid());
			assert_string_equal(r.thread, "one thread");
			(void)close(fd);
			return;
		}
	}
	(void)close(fd);
	skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_real),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
