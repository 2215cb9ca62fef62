/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tells the machine from outside what to do: zoneadmd over the wire, signals, and the halt
 * watch. Believes zoneadmd, which is its parent; a malformed message ends the machine. Runs in
 * zhyve's event loop.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/parse.h"
#include "procs/zhyve/disks.h"
#include "procs/zhyve/machine.h"
#include "procs/zhyve/nics.h"
#include "wire/wire.h"

#define NOTES_MAX       100
#define DISK_ERRORS_MAX 32 /* of a broken disk there are many */
#define HALT_ROUND_NS   1000000000u

#define SAMPLE_ROUND_NS 5000000u
#define SAMPLE_ROUNDS   200 /* then a vCPU that has not answered is silent */

static struct halt_watch halt_watch; /* one machine per process */
static unsigned interrupts;
static struct mevent *sample_timer;
static unsigned sample_rounds; /* left; 0: nobody has asked */

/* zoneadmd asks for the guest's memory, or sets it: the answer comes at once. */
static void
on_balloon(struct machine *m, uint64_t target)
{
	struct wire_msg msg = { .type = WIRE_MEMORY, .memory = m->gm.size };

	if (m->balloon != NULL)
		msg.memory = m->balloon->ask(m->balloon->ctx, target, msg.text, sizeof(msg.text));
	else
		(void)snprintf(msg.text, sizeof(msg.text), "the machine has no virtio-balloon");
	(void)wire_send(m->wire, &msg);
}

static void
ask_vcpus(struct machine *m)
{
	if (sample_rounds != 0)
		return;
	sample_rounds = SAMPLE_ROUNDS;
	vcpus_sample_start(&m->vcpus);
	(void)mevent_timer_set(sample_timer, SAMPLE_ROUND_NS, SAMPLE_ROUND_NS);
}

static void
tell_vcpu(struct machine *m, struct vcpu *v)
{
	static const enum wire_vcpu_state states[] = {
		[VCPU_RUNNING] = WIRE_VCPU_RUNNING,
		[VCPU_HALTED] = WIRE_VCPU_HALTED,
		[VCPU_OFFLINE] = WIRE_VCPU_OFFLINE,
	};
	struct wire_msg msg = { .type = WIRE_VCPU };
	struct vcpu_sample s;

	msg.vcpu = (struct wire_vcpu){ .index = v->id, .state = WIRE_VCPU_SILENT };
	if (vcpu_sample_get(v, &s))
		msg.vcpu = (struct wire_vcpu){
			.index = v->id,
			.state = states[s.state],
			.rip = s.rip,
			.rsp = s.rsp,
			.rflags = s.rflags,
			.cr3 = s.cr3,
			.exits = s.exits,
			.cs = s.cs,
			.cpl = s.cpl,
		};
	(void)wire_send(m->wire, &msg);
}

/* The vCPUs' answers: told when all have come, or time is up. */
static void
on_sample_round(int fd, enum mevent_type type, void *arg)
{
	struct machine *m = arg;
	struct vcpu_sample s;

	(void)fd;
	(void)type;
	if (sample_rounds == 0)
		return;
	sample_rounds--;
	for (unsigned i = 0; i < m->vcpus.n && sample_rounds > 0; i++)
		if (!vcpu_sample_get(&m->vcpus.cpu[i], &s))
			return;
	sample_rounds = 0;
	(void)mevent_timer_set(sample_timer, 0, 0);
	for (unsigned i = 0; i < m->vcpus.n; i++)
		tell_vcpu(m, &m->vcpus.cpu[i]);
}

static void
on_link(struct machine *m, const struct wire_link *l)
{
	if (nics_link(m, l->mac, l->up != 0) != 0)
		log_warn("zoneadmd speaks of the link of a nic that is not there");
}

static void
on_wire(int fd, enum mevent_type type, void *arg)
{
	struct machine *m = arg;
	struct wire_msg msg;
	int rc = wire_recv(fd, &msg);

	(void)type;
	if (rc == -EAGAIN || rc == -EINTR)
		return;
	if (rc != 1) {
		machine_stop(m, MACHINE_ERROR,
		    rc == 0 ? "zoneadmd is gone" : "zoneadmd sent what is no message");
		return;
	}
	switch (msg.type) {
	case WIRE_POWER_BUTTON:
		legacy_power_button(m);
		break;
	case WIRE_NMI:
		vcpus_nmi(&m->vcpus);
		break;
	case WIRE_REFRESH_DISKS:
		disks_refresh(m);
		break;
	case WIRE_BALLOON:
		on_balloon(m, msg.memory);
		break;
	case WIRE_VCPUS:
		ask_vcpus(m);
		break;
	case WIRE_LINK:
		on_link(m, &msg.link);
		break;
	case WIRE_QUIT:
		machine_stop(m, MACHINE_POWEROFF, "halted by zoneadmd");
		break;
	default:
		machine_stop(m, MACHINE_ERROR, "zoneadmd sent a message that has no place here");
	}
}

static void
on_term(int signo, enum mevent_type type, void *arg)
{
	(void)signo;
	(void)type;
	legacy_power_button(arg);
}

/* SIGUSR1 is what stops vCPUs (vmm/vcpu.h). */
static void
on_usr2(int signo, enum mevent_type type, void *arg)
{
	(void)signo;
	(void)type;
	disks_refresh(arg);
}

static void
on_int(int signo, enum mevent_type type, void *arg)
{
	struct machine *m = arg;

	(void)signo;
	(void)type;
	if (interrupts++ > 0) {
		machine_stop(m, MACHINE_POWEROFF, "interrupted");
		return;
	}
	log_warn("power button pressed; interrupt again to end the machine at once");
	legacy_power_button(m);
}

static void
on_halt_round(int fd, enum mevent_type type, void *arg)
{
	struct machine *m = arg;

	(void)fd;
	(void)type;
	if (vcpus_all_halted(&m->vcpus, &halt_watch))
		machine_stop(m, MACHINE_HALT, "every vCPU is halted with interrupts off");
}

static void
tell_disk_error(struct machine *m, struct wire_msg *msg)
{
	static unsigned told;

	memcpy(msg->text, m->disk_error, sizeof(msg->text));
	atomic_store(&m->disk_error_kept, false);
	if (m->wire >= 0 && told++ < DISK_ERRORS_MAX)
		(void)wire_send(m->wire, msg);
}

/* Main thread. */
static void
tell_notes(struct machine *m)
{
	static const char *const texts[] = {
		[WIRE_NOTE_PANIC] = "the guest panicked",
		[WIRE_NOTE_CRASHLOADED] = "the guest panicked; its crash kernel takes over",
		[WIRE_NOTE_WATCHDOG] = "the guest's watchdog expired",
	};
	static unsigned told;
	unsigned notes = atomic_exchange(&m->notes, 0);

	for (unsigned n = 0; n < WIRE_NOTES; n++) {
		struct wire_msg msg = { .type = WIRE_NOTE, .stop = n };

		if ((notes & 1u << n) == 0)
			continue;
		if (n == WIRE_NOTE_DISK_ERROR) {
			tell_disk_error(m, &msg);
			continue;
		}
		/* A guest may cause as many as it likes. */
		if (told++ >= NOTES_MAX)
			continue;
		log_warn("%s: %s", m->name, texts[n]);
		if (m->wire >= 0)
			(void)wire_send(m->wire, &msg);
	}
}

static void
on_notes(int fd, enum mevent_type type, void *arg)
{
	uint64_t n;

	(void)type;
	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		tell_notes(arg);
}

void
control_note(struct machine *m, enum wire_note note)
{
	uint64_t one = 1;

	(void)atomic_fetch_or(&m->notes, 1u << note);
	(void)!write(m->notes_fd, &one, sizeof(one));
}

void
control_disk_error(void *arg, const char *text)
{
	struct machine *m = arg;

	if (atomic_exchange(&m->disk_error_kept, true))
		return;
	(void)snprintf(m->disk_error, sizeof(m->disk_error), "%s", text);
	control_note(m, WIRE_NOTE_DISK_ERROR);
}

int
control_create(struct machine *m, struct err *e)
{
	m->notes_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->notes_fd < 0 || mevent_add(m->loop, m->notes_fd, EVF_READ, on_notes, m) == NULL)
		return (err_set(e, errno, "cannot watch for the guest's notes"));
	if (mevent_add_signal(m->loop, SIGTERM, on_term, m) == NULL ||
	    (m->wire < 0 && mevent_add_signal(m->loop, SIGINT, on_int, m) == NULL) ||
	    (m->wire < 0 && mevent_add_signal(m->loop, SIGUSR2, on_usr2, m) == NULL))
		return (err_set(e, errno, "cannot watch signals"));
	if (mevent_add_timer(m->loop, HALT_ROUND_NS, HALT_ROUND_NS, on_halt_round, m) == NULL)
		return (err_set(e, errno, "cannot watch for halted vCPUs"));
	sample_timer = mevent_add_timer(m->loop, 0, 0, on_sample_round, m);
	if (sample_timer == NULL)
		return (err_set(e, errno, "cannot watch the vCPUs"));
	return (0);
}

int
control_wait_run(struct machine *m)
{
	struct wire_msg msg = { .type = WIRE_HW_READY, .vcpus = m->vcpus.n, .memory = m->gm.size };
	int rc;

	if (m->wire < 0)
		return (1);
	(void)snprintf(msg.text, sizeof(msg.text), "%s: %u vCPUs, %llu MiB", m->name, m->vcpus.n,
	    (unsigned long long)(m->gm.size / MIB));
	if ((rc = wire_send(m->wire, &msg)) != 0)
		return (rc);
	while ((rc = wire_recv(m->wire, &msg)) == -EINTR || rc == -EAGAIN ||
	    (rc == 1 && msg.type == WIRE_LINK))
		if (rc == 1)
			on_link(m, &msg.link);
	if (rc != 1)
		return (rc == 0 ? -EPIPE : rc);
	if (msg.type == WIRE_QUIT)
		return (0);
	if (msg.type != WIRE_RUN)
		return (-EPROTO);
	if (mevent_add(m->loop, m->wire, EVF_READ, on_wire, m) == NULL)
		return (-errno);
	return (1);
}

void
control_running(struct machine *m)
{
	struct wire_msg msg = { .type = WIRE_RUNNING };

	if (m->wire >= 0)
		(void)wire_send(m->wire, &msg);
}

void
control_stopped(struct machine *m, enum machine_event ev)
{
	static const enum wire_stop stops[] = {
		[MACHINE_RESET] = WIRE_STOP_RESET,
		[MACHINE_POWEROFF] = WIRE_STOP_POWEROFF,
		[MACHINE_HALT] = WIRE_STOP_HALT,
		[MACHINE_TRIPLE_FAULT] = WIRE_STOP_TRIPLE_FAULT,
		[MACHINE_PANIC] = WIRE_STOP_PANIC,
		[MACHINE_ERROR] = WIRE_STOP_ERROR,
	};
	struct wire_msg msg = { .type = WIRE_STOPPED, .stop = stops[ev] };

	tell_notes(m);
	if (m->wire < 0)
		return;
	(void)snprintf(msg.text, sizeof(msg.text), "%.*s", WIRE_TEXT_MAX - 1, m->why);
	(void)wire_send(m->wire, &msg);
}

void
control_failed(int wire, const struct err *e)
{
	struct wire_msg msg = { .type = WIRE_FAILED };

	if (wire < 0)
		return;
	(void)snprintf(msg.text, sizeof(msg.text), "%.*s", WIRE_TEXT_MAX - 1, e->text);
	(void)wire_send(wire, &msg);
}
