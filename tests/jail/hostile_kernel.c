/* SPDX-License-Identifier: BSD-2-Clause */
/* Attempts at the kernel: its settings, its large interfaces, its keyrings. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "hostile.h"

#define CAPS    LAYER(CAPS)
#define USERNS  LAYER(USERNS)
#define OVER    (CAPS | USERNS) /* a capability over the host's own user namespace */
#define SETTING FILTER          /* and, on most hosts, a setting of the kernel's */

static char space[4096] __attribute__((aligned(4096)));
static struct io_uring_params ring_plain, ring_poll = { .flags = IORING_SETUP_SQPOLL };
static union bpf_attr map_array = {
	.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
};
static const struct bpf_insn bpf_return[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
	{ .code = BPF_JMP | BPF_EXIT },
};
static union bpf_attr next_id;
static struct perf_event_attr cycles = {
	.type = PERF_TYPE_HARDWARE, .size = sizeof(cycles), .config = PERF_COUNT_HW_CPU_CYCLES
};
static struct perf_event_attr clocks = {
	.type = PERF_TYPE_SOFTWARE, .size = sizeof(clocks), .config = PERF_COUNT_SW_CPU_CLOCK
};
static struct perf_event_attr trace = {
	.type = PERF_TYPE_TRACEPOINT, .size = sizeof(trace), .config = 1
};
static struct perf_event_attr break_at = {
	.type = PERF_TYPE_BREAKPOINT, .size = sizeof(break_at), .bp_type = 1, .bp_len = 4
};

static long
load_bpf(const struct attempt *a)
{
	union bpf_attr attr = {
		.prog_type = (uint32_t)a->arg[0],
		.insn_cnt = NITEMS(bpf_return),
		.insns = (uint64_t)(uintptr_t)bpf_return,
		.license = (uint64_t)(uintptr_t) "GPL",
	};

	return (syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

/* Memory that can be written and then executed. */
static long
own_code(const struct attempt *a)
{
	void *p = mmap(NULL, 4096, (int)a->arg[0], MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return (-1);
	return (a->arg[1] != 0 ? mprotect(p, 4096, (int)a->arg[1]) : 0);
}

/* Back to the session's keyring of who made the jail, by its well-known name. */
static long
caller_keyring(const struct attempt *a)
{
	return (
	    syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "zhyve-bait", 0));
}

static const struct attempt kernel[] = {
	{ "bpf: a map", SETTING, SYS_bpf, { BPF_MAP_CREATE, P(&map_array), sizeof(map_array) } },
	{ "bpf: a socket filter", SETTING, .arg = { BPF_PROG_TYPE_SOCKET_FILTER }, .fn = load_bpf },
	{ "bpf: a kprobe", OVER, .arg = { BPF_PROG_TYPE_KPROBE }, .fn = load_bpf },
	{ "bpf: for tc", OVER, .arg = { BPF_PROG_TYPE_SCHED_CLS }, .fn = load_bpf },
	{ "bpf: for XDP", OVER, .arg = { BPF_PROG_TYPE_XDP }, .fn = load_bpf },
	{ "bpf: for tracing", OVER, .arg = { BPF_PROG_TYPE_TRACEPOINT }, .fn = load_bpf },
	{ "bpf: for cgroups", OVER, .arg = { BPF_PROG_TYPE_CGROUP_SKB }, .fn = load_bpf },
	{ "bpf: others' programs", OVER, SYS_bpf,
	    { BPF_PROG_GET_NEXT_ID, P(&next_id), sizeof(next_id) } },
	{ "bpf: others' maps", OVER, SYS_bpf,
	    { BPF_MAP_GET_NEXT_ID, P(&next_id), sizeof(next_id) } },
	{ "perf: the CPU's cycles, of all", SETTING, SYS_perf_event_open,
	    { P(&cycles), -1, 0, -1, 0 } },
	{ "perf: a clock, of all", SETTING, SYS_perf_event_open, { P(&clocks), -1, 0, -1, 0 } },
	{ "perf: tracepoints", SETTING, SYS_perf_event_open, { P(&trace), -1, 0, -1, 0 } },
	{ "perf: breakpoints, of all", SETTING, SYS_perf_event_open,
	    { P(&break_at), -1, 0, -1, 0 } },
	{ "perf: of itself", FILTER, SYS_perf_event_open, { P(&clocks), 0, -1, -1, 0 } },
	{ "userfaultfd, also of the kernel's accesses", SETTING, SYS_userfaultfd, { 0 } },
	{ "userfaultfd", FILTER, SYS_userfaultfd, { UFFD_USER_MODE_ONLY } },
	{ "io_uring: a ring", FILTER, SYS_io_uring_setup, { 8, P(&ring_plain) } },
	{ "io_uring: a ring with a thread of the kernel's", FILTER, SYS_io_uring_setup,
	    { 8, P(&ring_poll) } },
	{ "io_uring: registering", FILTER, SYS_io_uring_register,
	    { 0, IORING_REGISTER_PROBE, P(space), 16 } },
	{ "asynchronous I/O of the old kind", FILTER, SYS_io_setup, { 8, P(space) } },
	{ "load a module", OVER, SYS_init_module, { P(space), 64, P("") } },
	{ "load a module by descriptor", OVER, SYS_finit_module, { 0, P(""), 0 } },
	{ "unload a module", OVER, SYS_delete_module, { P("kvm"), 0x800 } },
	{ "load another kernel", OVER, SYS_kexec_load, { 0, 0, 0, 0x3e0000 } },
	{ "load another kernel by descriptor", OVER, SYS_kexec_file_load, { 0, -1, 1, P(""), 0 } },
	{ "restart the machine", CAPS, SYS_reboot, { 0xfee1dead, 672274793, 0, 0 } },
	{ "read the kernel's log", SETTING, SYS_syslog, { 3, P(space), sizeof(space) } },
	{ "clear the kernel's log", OVER, SYS_syslog, { 5, 0, 0 } },
	{ "set the time", OVER, SYS_settimeofday, { P((struct timeval[]){ { 1, 0 } }), 0 } },
	{ "set a clock", OVER, SYS_clock_settime,
	    { CLOCK_REALTIME, P((struct timespec[]){ { 1, 0 } }) } },
	{ "bend the clock", OVER, SYS_adjtimex,
	    { P((struct timex[]){ { .modes = ADJ_TICK, .tick = 10000 } }) } },
	{ "bend a clock", OVER, SYS_clock_adjtime,
	    { CLOCK_REALTIME, P((struct timex[]){ { .modes = ADJ_TICK, .tick = 10000 } }) } },
	{ "an alarm that wakes the machine", OVER, SYS_timer_create,
	    { CLOCK_REALTIME_ALARM, 0, P(space) } },
	{ "ports of I/O", OVER, SYS_ioperm, { 0x80, 1, 1 } },
	{ "all ports of I/O", OVER, SYS_iopl, { 3 } },
	{ "a local descriptor table", FILTER, SYS_modify_ldt, { 0, P(space), 16 } },
	{ "thread areas", FILTER, SYS_arch_prctl, { 0x1003, P(space) } },
	{ "memory that is writable and executable", FILTER,
	    .arg = { PROT_READ | PROT_WRITE | PROT_EXEC }, .fn = own_code },
	{ "executable memory", FILTER, .arg = { PROT_READ | PROT_EXEC }, .fn = own_code },
	{ "memory made executable", FILTER,
	    .arg = { PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC }, .fn = own_code },
	{ "memory under a key", FILTER, SYS_pkey_mprotect, { P(space), 4096, PROT_READ, -1 } },
	{ "secret memory", FILTER, SYS_memfd_secret, { 0 } },
	{ "a file in memory", FILTER, SYS_memfd_create, { P("x"), 0 } },
	{ "move pages of another", LAYER(PID) | LAYER(UID) | OVER, SYS_move_pages,
	    { 99999, 0, 0, 0, 0, MPOL_MF_MOVE_ALL } },
	{ "where its memory lies", FILTER, SYS_get_mempolicy, { 0, 0, 0, 0, 0 } },
	{ "migrate another's pages", LAYER(PID), SYS_migrate_pages,
	    { 99999, 8, P(space), P(space) } },
	{ "barriers in all processes", FILTER, SYS_membarrier, { MEMBARRIER_CMD_GLOBAL, 0, 0 } },
	{ "a filter of its own", FILTER, SYS_seccomp,
	    { SECCOMP_GET_ACTION_AVAIL, 0, P((uint32_t[]){ SECCOMP_RET_ALLOW }) } },
	{ "a filter that another answers", FILTER, SYS_seccomp,
	    { SECCOMP_GET_NOTIF_SIZES, 0, P(space) } },
	{ "Landlock rules of its own", FILTER, SYS_landlock_create_ruleset, { 0, 0, 1 },
	    .also = EOPNOTSUPP },
	{ "which CPU it runs on", FILTER, SYS_sched_setaffinity,
	    { 0, 8, P((uint64_t[]){ ~0ull }) } },
	{ "core scheduling with another", LAYER(PID) | LAYER(UID) | CAPS, SYS_prctl,
	    { 62, 2, 99999, 0, 0 }, .also = EINVAL },
	{ "a futex across processes", FILTER, SYS_set_robust_list, { P(space), 24 } },
	{ "names of the file system types", FILTER, SYS_sysfs, { 3 } },
	{ "what the host is", FILTER, SYS_uname, { P(space) } },
	{ "how busy the host is", FILTER, SYS_sysinfo, { P(space) } },
	{ "a cookie of a directory", OVER, SYS_lookup_dcookie, { 1, P(space), sizeof(space) } },
	{ "poison memory", OVER, SYS_madvise, { P(space), 4096, 100 }, .also = EINVAL },
};

static const struct attempt keys[] = {
	{ "find a key of who made the jail", LAYER(KEYRING), .fn = caller_keyring },
	{ "add a key", FILTER, SYS_add_key,
	    { P("user"), P("x"), P("y"), 1, KEY_SPEC_PROCESS_KEYRING } },
	{ "request a key", LAYER(KEYRING), SYS_request_key, { P("user"), P("zhyve-bait"), 0, 0 } },
	{ "request a key by a helper outside", FILTER, SYS_request_key,
	    { P("user"), P("zhyve-none"), P("x"), KEY_SPEC_PROCESS_KEYRING } },
	{ "another session's keyring", FILTER, SYS_keyctl,
	    { KEYCTL_JOIN_SESSION_KEYRING, P("_ses.0") } },
	{ "the persistent keyring of root", OVER | LAYER(UID), SYS_keyctl,
	    { KEYCTL_GET_PERSISTENT, 0, KEY_SPEC_PROCESS_KEYRING }, .also = EINVAL },
	{ "its keyrings", FILTER, SYS_keyctl, { KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1 } },
	{ "a key's parent", FILTER, SYS_keyctl, { KEYCTL_SESSION_TO_PARENT } },
	{ "invalidate by number", OVER, SYS_keyctl, { KEYCTL_INVALIDATE, 1 } },
	{ "instantiate a key", OVER, SYS_keyctl,
	    { KEYCTL_INSTANTIATE, 1, P("x"), 1, KEY_SPEC_PROCESS_KEYRING } },
};

const struct attempt_group try_kernel = { "the kernel", kernel, NITEMS(kernel) };
const struct attempt_group try_keys = { "keyrings", keys, NITEMS(keys) };
