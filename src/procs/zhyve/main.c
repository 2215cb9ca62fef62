/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve: one virtual machine on KVM, with bhyve(8)'s command line. In a zone it is the init
 * process of the jail and gets every file as an open descriptor (fd:N); by hand it takes paths.
 * It refuses to run a guest before it has given up what the guest must not get.
 *
 * Stages, in order; each needs less than the one before:
 *   1. parse      the command line becomes configuration; nothing is opened
 *   2. open       no_new_privs; kernel, KVM and wire are opened
 *   3. build memory, KVM's machine, devices with their files and sockets, the kernel in its
 *      place
 *   4. confine a system-call filter per thread class (seccomp.c); from here on no path can be
 *      opened; "hardware ready" is told
 *   5. run        vCPUs in the guest, the main thread in the event loop
 *   6. end        vCPUs stopped, the reason told, bhyve's exit status
 *
 * Any failure in 1 to 4 says one line on stderr (and over the wire) and ends with status 4 (1
 * or 64 for the command line).
 */
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/gdb.h"
#include "procs/zhyve/machine.h"
#include "procs/zhyve/options.h"
#include "procs/zhyve/seccomp.h"
#include "procs/zhyve/variables.h"
#include "wire/wire.h"

#define PAGE ((uintptr_t)4096)

/* First of all, so that zoneadmd hears of whatever goes wrong. */
static int
open_wire(struct machine *m, struct err *e)
{
	const char *wire = config_get(m->config, "wire");

	if (wire != NULL && parse_fd(wire, &m->wire) != 0)
		return (err_say(e, EINVAL, "wire: '%s' is not of the form fd:N", wire));
	return (0);
}

static int
stage_open(struct machine *m, struct err *e)
{
	const char *kvm = config_text(m->config, "kvm", "/dev/kvm");
	uint32_t omit;
	int rc;

	/* Before any thread is made: they all inherit it. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (err_set(e, errno, "cannot give up gaining privileges"));
	if ((rc = config_bool(m->config, "seccomp", true, &m->seccomp, e)) != 0)
		return (rc);
	if ((rc = config_number(
		 m->config, "seccomp.without", 0, UINT32_MAX, SECCOMP_OMIT_NONE, &omit, e)) != 0)
		return (rc);
	seccomp_omit(omit);
	if ((m->kvm = vm_open_kvm(kvm, e)) < 0)
		return (m->kvm);
	if ((rc = firmware_open(m, e)) != 0)
		return (rc);
	return (kernel_open(m, e));
}

static int
stage_build(struct machine *m, struct err *e)
{
	int rc;

	if ((rc = mevent_loop_create(&m->loop)) != 0)
		return (err_set(e, -rc, "cannot make the event loop"));
	if ((rc = machine_create(m, e)) != 0 || (rc = firmware_create(m, e)) != 0 ||
	    (rc = machine_add_devices(m, e)) != 0 || (rc = firmware_load(m, e)) != 0)
		return (rc);
	if (!firmware_has_rom(m) && (rc = kernel_load(m, e)) != 0)
		return (rc);
	if ((rc = gdb_create(m, e)) != 0)
		return (rc);
	return (control_create(m, e));
}

static int
enter_vcpu(void *ctx, unsigned id)
{
	struct machine *m = ctx;

	(void)id;
	return (m->seccomp ? seccomp_enter(SECCOMP_VCPU) : 0);
}

/*
 * Code and constants that only the start needed are dropped from our page tables; what runs
 * comes back from the page cache by itself. That is most of a static program, and halves what a
 * machine costs.
 */
static int
drop_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t from = ROUND_UP(info->dlpi_addr + ph->p_vaddr, PAGE);
		uintptr_t to = ROUND_DOWN(info->dlpi_addr + ph->p_vaddr + ph->p_memsz, PAGE);

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W) == 0 && from < to)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return (1); /* our own program alone: there are no libraries */
}

static int
stage_confine(struct machine *m, struct err *e)
{
	int rc;

	variables_warn(m->config);
	(void)dl_iterate_phdr(drop_code, NULL);
	if (m->vfio != NULL)
		seccomp_allow_passthrough();
	if ((rc = vcpus_start(&m->vcpus, e)) != 0 || (rc = cpus_pin(m, e)) != 0)
		return (rc);
	if (m->debugged)
		seccomp_allow_debugger();
	if (m->seccomp && (rc = seccomp_enter(SECCOMP_MAIN)) != 0)
		return (err_set(e, -rc, "cannot confine the main thread"));
	return (0);
}

static int
status_of(enum machine_event ev)
{
	switch (ev) {
	case MACHINE_RESET:
		return (0);
	case MACHINE_POWEROFF:
		return (1);
	case MACHINE_HALT:
	case MACHINE_PANIC:
		return (2);
	case MACHINE_TRIPLE_FAULT:
		return (3);
	default:
		return (4);
	}
}

/* Stages 5 and 6. The exit status. */
static int
run(struct machine *m)
{
	enum machine_event ev;
	int rc;

	vcpus_release(&m->vcpus);
	control_running(m);
	if ((rc = mevent_dispatch(m->loop)) != 0)
		machine_stop(m, MACHINE_ERROR, strerror(-rc));
	vcpus_stop(&m->vcpus);
	legacy_close(m);
	ev = (enum machine_event)(atomic_load(&m->stopped) - 1);
	control_stopped(m, ev);
	if (ev == MACHINE_ERROR)
		log_err("%s: %s", m->name, m->why);
	gdb_close(status_of(ev));
	return (status_of(ev));
}

/* What would run, for people and for -k. The exit status, bhyve's for config.dump. */
static int
dump(struct machine *m, int how)
{
	config_unset(m->config, "config.dump");
	variables_default(m->config);
	config_sort(m->config);
	config_dump(m->config, stdout);
	if (fflush(stdout) != 0)
		return (ZHYVE_EXIT_START);
	return (how == OPTIONS_DUMP ? 0 : ZHYVE_EXIT_USAGE);
}

int
main(int argc, char **argv)
{
	static struct machine machine = { .kvm = -1, .wire = -1 };
	struct machine *m = &machine;
	struct err e = { 0 };
	int how, rc;

	fd_std_hold();
	log_open("zhyve", STDERR_FILENO, LOG_LVL_WARN);
	/* Executed by descriptor, older kernels call it by that number. */
	(void)prctl(PR_SET_NAME, "zhyve", 0, 0, 0);
	if ((m->config = config_create()) == NULL)
		return (ZHYVE_EXIT_OS);
	if ((rc = options_parse(m->config, argc, argv)) >= 0)
		return (rc);
	how = rc;
	(void)pthread_mutex_init(&m->pci_lock.mutex, NULL);
	(void)pthread_mutex_init(&m->why_lock.mutex, NULL);
	m->vcpus.ops.enter = enter_vcpu;
	rc = open_wire(m, &e) != 0 || machine_configure(m, &e) != 0;
	if (rc == 0 && how != OPTIONS_GO_ON)
		return (dump(m, how));
	if (rc != 0 || stage_open(m, &e) != 0 || stage_build(m, &e) != 0 ||
	    stage_confine(m, &e) != 0) {
		log_err("%s", e.text);
		control_failed(m->wire, &e);
		return (ZHYVE_EXIT_START);
	}
	if ((rc = control_wait_run(m)) == 0)
		return (WIRE_STOP_POWEROFF);
	if (rc != 1) {
		log_err("%s: zoneadmd did not let the machine run: %s", m->name, strerror(-rc));
		return (ZHYVE_EXIT_START);
	}
	return (run(m));
}
