/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One life of zhyve: its ends of the wire and the COM ports, the jail, what it says, its end. zhyve
 * is presumed taken over by its guest: a message that does not fit the moment ends it, its output
 * is bounded in size and rate, and only its exit decides. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/jail.h"
#include "zone/zoneadmd.h"

#define NS_PER_S         1000000000ull
#define BUILD_TIMEOUT_NS (60 * NS_PER_S)
#define END_TIMEOUT_NS   (20 * NS_PER_S) /* a busy host frees a guest's memory slowly */
#define KILL_TIMEOUT_NS  (10 * NS_PER_S)
#define KILL_AGAIN_NS    (NS_PER_S / 10)
#define WIRE_ROUND       8
#define NOTES_MAX        100 /* of one life of zhyve that become events */
#define THREADS_SPARE    64  /* besides the vCPUs: I/O workers */

void
vm_init(struct zone_vm *vm)
{
	*vm = (struct zone_vm){ .pidfd = -1, .wire = -1, .log.fd = -1 };
}

/* ---- its wire ---- */

static void
say(struct zone_vm *vm, const char *text)
{
	(void)snprintf(vm->text, sizeof(vm->text), "%s", text);
}

/* A message that does not fit the moment: not a mistake to be lenient with. */
static void
violation(struct zoneadmd *z, const char *what)
{
	log_warn("zhyve broke the protocol of its wire (%s)", what);
	vm_kill(z, "it broke the protocol of its wire");
}

static void
hardware_ready(struct zoneadmd *z, const struct wire_msg *m)
{
	char detail[80];

	(void)snprintf(detail, sizeof(detail), "%u vcpus, %llu MiB", m->vcpus,
	    (unsigned long long)(m->memory / MIB));
	events_tell(&z->events, "hardware-ready", detail);
	zone_links_tell(z);
	z->vm.phase = VM_STARTING;
	(void)vm_wire_tell(z, WIRE_RUN, 0, NULL); /* should it be gone already, its exit says why */
}

/* Disks that grew while it was being built. */
static void
refresh_disks(struct zoneadmd *z)
{
	if (z->vm.refresh)
		(void)vm_wire_tell(z, WIRE_REFRESH_DISKS, 0, NULL);
	z->vm.refresh = false;
}

/* Bounded: a guest may cause as many as it likes. */
static void
note(struct zoneadmd *z, const struct wire_msg *m)
{
	char detail[ERR_TEXT_MAX];

	if (z->vm.notes++ >= NOTES_MAX)
		return;
	/* It knows its disks as fd:N. */
	brand_name_fds(z->res.plan, m->text, detail, sizeof(detail));
	events_tell(
	    &z->events, wire_note_name((enum wire_note)m->stop), detail[0] != '\0' ? detail : NULL);
}

static void
on_message(struct zoneadmd *z, const struct wire_msg *m)
{
	struct zone_vm *vm = &z->vm;

	switch (m->type) {
	case WIRE_HW_READY:
		if (vm->phase == VM_BUILDING) {
			hardware_ready(z, m);
			return;
		}
		break;
	case WIRE_RUNNING:
		if (vm->phase == VM_STARTING) {
			vm->phase = VM_RUNNING;
			(void)mevent_timer_set(vm->deadline, 0, 0);
			op_vm_running(z);
			refresh_disks(z);
			return;
		}
		break;
	case WIRE_STOPPED:
		if (vm->phase == VM_STARTING || vm->phase == VM_RUNNING) {
			vm->phase = VM_STOPPED;
			vm->told = true;
			vm->stop = (enum wire_stop)m->stop;
			say(vm, m->text);
			(void)mevent_timer_set(vm->deadline, END_TIMEOUT_NS, 0);
			return;
		}
		break;
	case WIRE_NOTE:
		if (vm->phase == VM_RUNNING || vm->phase == VM_STARTING) {
			note(z, m);
			return;
		}
		break;
	case WIRE_MEMORY:
		if (vm->phase == VM_RUNNING && op_vm_memory(z, m->memory, m->text))
			return;
		break;
	case WIRE_VCPU:
		if (vm->phase == VM_RUNNING && vcpus_answer(z, &m->vcpu))
			return;
		break;
	case WIRE_FAILED:
		if (vm->phase == VM_BUILDING || vm->phase == VM_STARTING) {
			brand_name_fds(z->res.plan, m->text, vm->text, sizeof(vm->text));
			(void)mevent_timer_set(vm->deadline, END_TIMEOUT_NS, 0);
			return;
		}
		break;
	default:
		break;
	}
	violation(z, "a message out of turn");
}

/* Take what is there; false when there will be no more. */
static bool
take_wire(struct zoneadmd *z)
{
	struct wire_msg m;
	int rc;

	for (int i = 0; i < WIRE_ROUND && z->vm.phase != VM_KILLED; i++) {
		if ((rc = wire_recv(z->vm.wire, &m)) == -EAGAIN)
			return (true);
		if (rc == 0)
			return (false);
		if (rc < 0) {
			violation(z, "a malformed message");
			return (false);
		}
		on_message(z, &m);
	}
	return (z->vm.phase != VM_KILLED);
}

static void
on_wire(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;

	if (!take_wire(z)) {
		(void)mevent_disable(z->vm.wire_ev);
		/* It has closed its end: it is ending, or no longer to be reached. */
		if (z->vm.phase != VM_KILLED)
			(void)mevent_timer_set(z->vm.deadline, END_TIMEOUT_NS, 0);
	}
}

int
vm_wire_tell(struct zoneadmd *z, enum wire_type type, uint64_t memory, struct err *e)
{
	struct wire_msg m = { .type = (uint16_t)type, .memory = memory };
	int rc = wire_send(z->vm.wire, &m);

	return (rc == 0 ? 0 : err_set(e, -rc, "cannot tell zhyve"));
}

/* ---- its end ---- */

/*
 * Until it has ended: on_end() stops the timer. Whatever keeps the kernel from sending the signal now does not for ever,
 * and who waits for a halt has nobody else.
 */
static void
send_kill(struct zone_vm *vm)
{
	int64_t again = KILL_TIMEOUT_NS;

	/* It is the init of its pid namespace: the kernel takes every other process there along. */
	if (kill(vm->pid, SIGKILL) != 0) {
		log_err(
		    "cannot kill zhyve (pid %d): %s; trying again", (int)vm->pid, strerror(errno));
		again = KILL_AGAIN_NS;
	}
	(void)mevent_timer_set(vm->deadline, again, 0);
}

void
vm_kill(struct zoneadmd *z, const char *why)
{
	struct zone_vm *vm = &z->vm;

	if (vm->phase == VM_NONE || vm->phase == VM_KILLED)
		return;
	vm->phase = VM_KILLED;
	say(vm, why);
	send_kill(vm);
}

static void
on_deadline(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;

	switch (z->vm.phase) {
	case VM_BUILDING:
	case VM_STARTING:
		vm_kill(z, "it did not come up in time");
		break;
	case VM_RUNNING:
	case VM_STOPPED:
		vm_kill(z, "it did not end in time");
		break;
	case VM_KILLED:
		if (z->state != ZONE_STATE_DOWN)
			log_err(
			    "zhyve (pid %d) does not end although killed; waiting", (int)z->vm.pid);
		z->state = ZONE_STATE_DOWN;
		send_kill(&z->vm);
		break;
	case VM_NONE:
		break;
	}
}

/* Close and forget everything of this life. */
static void
vm_clear(struct zoneadmd *z)
{
	struct zone_vm *vm = &z->vm;

	mevent_delete(vm->pidfd_ev);
	mevent_delete(vm->wire_ev);
	mevent_delete(vm->deadline);
	vcpus_forget(vm);
	fd_close(&vm->pidfd);
	fd_close(&vm->wire);
	output_close(&vm->log);
	console_guest_detach(z->console);
	metaport_detach(z->metaport);
}

static void
on_end(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;
	struct zone_vm last;
	struct err e = { 0 };
	int status;

	/* Before its pid is given up: what it said last. */
	if (z->vm.phase != VM_KILLED)
		(void)take_wire(z);
	if (waitpid(z->vm.pid, &status, WNOHANG) != z->vm.pid)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		zone_refusals_await(z, z->vm.pid);
	output_drain(&z->vm.log);
	if (ledger_gone(z->ledger, "vm", z->res.cgroup, &e) != 0)
		log_err("%s", e.text);
	vm_clear(z);
	last = z->vm;
	vm_init(&z->vm);
	z->vm.told = last.told;
	z->vm.stop = last.stop;
	say(&z->vm, last.text);
	op_vm_ended(z, status, last.phase);
}

/* ---- its start ---- */

/* What the child is given, and what of it is to be closed here afterwards. */
struct handout {
	int com1[2], com2[2], wire[2], log[2]; /* [0] ours, [1] the child's */
	int kvm, null, tpm;
	struct zone_pass pass;
	int vhost[BRAND_NICS_MAX];
	int device[ZONE_DEVICE_KINDS][ZONE_DEVICES_MAX]; /* in place of a disk, of a nic */
	int fds[BRAND_FDS_MAX];
};

static void
handout_init(struct handout *h)
{
	memset(h, 0xff, sizeof(*h)); /* every descriptor -1 */
}

static void
handout_close(struct handout *h)
{
	for (int i = 0; i < 2; i++) {
		fd_close(&h->com1[i]);
		fd_close(&h->com2[i]);
		fd_close(&h->wire[i]);
		fd_close(&h->log[i]);
	}
	fd_close(&h->kvm);
	fd_close(&h->null);
	fd_close(&h->tpm);
	zone_passthru_close(&h->pass);
	for (size_t i = 0; i < NITEMS(h->vhost); i++)
		fd_close(&h->vhost[i]);
	for (size_t k = 0; k < NITEMS(h->device); k++)
		for (size_t i = 0; i < NITEMS(h->device[k]); i++)
			fd_close(&h->device[k][i]);
}

static int
handout_open(struct handout *h, struct err *e)
{
	const int stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	if (socketpair(AF_UNIX, stream, 0, h->com1) != 0 ||
	    socketpair(AF_UNIX, stream, 0, h->com2) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, h->wire) != 0 ||
	    fd_set_nonblock(h->wire[0]) != 0 || pipe2(h->log, O_CLOEXEC) != 0 ||
	    fd_set_nonblock(h->log[0]) != 0)
		return (err_set(e, errno, "cannot make the zone's channels"));
	if ((h->null = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot open /dev/null"));
	if ((h->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(e, errno,
		    "cannot open /dev/kvm (the host needs VT-x or AMD-V, switched on in its "
		    "firmware, and the module "
		    "kvm_intel or kvm_amd)"));
	return (0);
}

static int
handout_vhost(struct handout *h, unsigned index, struct err *e)
{
	h->vhost[index] = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (h->vhost[index] < 0)
		return (err_set(e, errno,
		    "cannot open /dev/vhost-net (load vhost_net, or clear attr vhost-net)"));
	return (0);
}

/* Of a device with a process its channel, else `own`. */
static int
handout_device(const struct handout *h, enum zone_device_class kind, unsigned index, int own)
{
	return (h->device[kind][index] >= 0 ? h->device[kind][index] : own);
}

/* One of the plan's list, which is open by now or is opened here; else -errno, and the error is filled in. */
static int
handout_fd(struct handout *h, const struct zone_resources *r, const struct zone_display *d,
    const struct brand_fd *want, struct err *e)
{
	unsigned index = want->index;
	int rc;

	switch (want->kind) {
	case BRAND_FD_COM1:
		return (h->com1[1]);
	case BRAND_FD_COM2:
		return (h->com2[1]);
	case BRAND_FD_KERNEL:
		return (r->kernel_fd);
	case BRAND_FD_INITRD:
		return (r->initrd_fd);
	case BRAND_FD_BOOTROM:
		return (r->rom_fd);
	case BRAND_FD_BOOTVARS:
		return (r->vars_fd);
	case BRAND_FD_NIC_ROM:
		return (r->nic_rom_fd);
	case BRAND_FD_DISK:
		return (handout_device(h, ZONE_DEVICE_DISK, index, r->disk_fd[index]));
	case BRAND_FD_TAP:
		return (handout_device(h, ZONE_DEVICE_NIC, index, r->link[index].tap_fd));
	case BRAND_FD_VHOST:
		if ((rc = handout_vhost(h, index, e)) != 0)
			return (rc);
		return (h->vhost[index]);
	case BRAND_FD_KVM:
		return (h->kvm);
	case BRAND_FD_FRAMEBUFFER:
		return (d->mem);
	case BRAND_FD_DISPLAY:
		return (d->zhyve_end);
	case BRAND_FD_VGA_ROM:
		return (d->rom_fd);
	case BRAND_FD_SOCKET:
		return (r->socket_fd[index]);
	case BRAND_FD_VFIO:
		return (h->pass.shared);
	case BRAND_FD_PASS:
		return (h->pass.own[index] >= 0 ? h->pass.own[index] : r->group_fd[index]);
	case BRAND_FD_TPM:
		return (h->tpm);
	case BRAND_FD_WIRE:
		return (h->wire[1]);
	}
	return (err_say(e, EINVAL, "a descriptor of an unknown kind"));
}

/* The plan's list, in its order. */
static int
handout_fill(
    struct handout *h, const struct zone_resources *r, const struct zone_display *d, struct err *e)
{
	const struct brand_plan *p = r->plan;

	for (size_t i = 0; i < p->nfd; i++) {
		h->fds[i] = handout_fd(h, r, d, &p->fd[i], e);
		if (h->fds[i] < 0)
			return (h->fds[i]);
	}
	/* The last zhyve may have read these; offsets are shared with it. */
	(void)lseek(r->kernel_fd, 0, SEEK_SET);
	(void)lseek(r->initrd_fd, 0, SEEK_SET);
	(void)lseek(r->rom_fd, 0, SEEK_SET);
	(void)lseek(r->vars_fd, 0, SEEK_SET);
	(void)lseek(r->nic_rom_fd, 0, SEEK_SET);
	return (0);
}

/* Put our ends to work. From here on the machine is alive. */
static int
attach(struct zoneadmd *z, struct handout *h)
{
	struct zone_vm *vm = &z->vm;
	int rc;

	vm->wire = fd_steal(&h->wire[0]);
	if ((rc = output_follow(&vm->log, z->loop, fd_steal(&h->log[0]), &z->platform)) != 0)
		return (rc);
	vm->pidfd_ev = mevent_add(z->loop, vm->pidfd, EVF_READ, on_end, z);
	vm->wire_ev = mevent_add(z->loop, vm->wire, EVF_READ, on_wire, z);
	vm->deadline = mevent_add_timer(z->loop, BUILD_TIMEOUT_NS, 0, on_deadline, z);
	if (vm->pidfd_ev == NULL || vm->wire_ev == NULL || vm->deadline == NULL)
		return (-ENOMEM);
	if ((rc = console_guest_attach(z->console, fd_steal(&h->com1[0]))) != 0)
		return (rc);
	return (metaport_attach(z->metaport, fd_steal(&h->com2[0])));
}

static int
jail(struct zoneadmd *z, const struct handout *h, struct err *e)
{
	struct zone_resources *r = &z->res;
	struct jail_spec spec = {
		.hostname = z->name,
		.uid = jail_uid(r->conf->did),
		.cgroup_fd = r->cgroup_fd,
		.exec_fd = r->zhyve_fd,
		.argv = r->plan->argv,
		.fds = h->fds,
		.nfds = r->plan->nfd,
		.in_fd = h->null,
		.out_fd = h->log[1],
		.threads = r->plan->vcpus + THREADS_SPARE,
		.locked = r->locked,
	};

	return (jail_start(&spec, &z->vm.pid, &z->vm.pidfd, e));
}

int
vm_start(struct zoneadmd *z, struct err *e)
{
	struct handout h;
	char detail[64];
	int rc;

	zoneadmd_log_check();
	zone_pause_end(z);
	vm_init(&z->vm);
	handout_init(&h);
	if ((rc = zone_display_start(z, e)) != 0 || (rc = zone_tpm_start(z, &h.tpm, e)) != 0 ||
	    (rc = zone_devices_prepare(z, h.device, e)) != 0 || (rc = handout_open(&h, e)) != 0 ||
	    (rc = zone_passthru_start(&z->res, &h.pass, e)) != 0 ||
	    (rc = handout_fill(&h, &z->res, &z->display, e)) != 0 ||
	    (rc = ledger_add(z->ledger, "vm", z->res.cgroup, e)) != 0) {
		handout_close(&h);
		return (rc);
	}
	if ((rc = jail(z, &h, e)) != 0) {
		(void)ledger_gone(z->ledger, "vm", z->res.cgroup, NULL);
		handout_close(&h);
		vm_init(&z->vm);
		return (rc);
	}
	(void)snprintf(
	    detail, sizeof(detail), "pid %d, uid %u", (int)z->vm.pid, jail_uid(z->res.conf->did));
	events_tell(&z->events, "jailed", detail);
	z->vm.phase = VM_BUILDING;
	z->status.init_pid = z->vm.pid;
	/* While it builds its machine. */
	if ((rc = zone_devices_start(z, e)) == 0 && attach(z, &h) != 0)
		rc = err_set(e, ENOMEM, "cannot look after zhyve");
	if (rc != 0) {
		(void)kill(z->vm.pid, SIGKILL);
		(void)waitpid(z->vm.pid, NULL, 0);
		(void)ledger_gone(z->ledger, "vm", z->res.cgroup, NULL);
		vm_clear(z);
		vm_init(&z->vm);
	}
	handout_close(&h);
	return (rc);
}
