/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: wire_peer ZHYVE KERNEL SCENARIO [VARIABLE=VALUE...]
 *
 * Stands in zoneadmd's place: starts zhyve with every file as a descriptor and speaks the wire
 * to it. Scenarios: run, failed (with a setting that makes it so), quit (before it runs),
 * quit-running, gone (the wire is closed while the guest runs), garbage (a malformed message),
 * button, vcpus (of a guest that spins with interrupts off), vcpus-idle (of one that sleeps), refresh (pci.0.5.0.path is a file of 1 MiB, which grows to two), balloon (with one: its
 * target is set), link (of its two nics: they go and come). Exit status 0 when all came as wire.h says; else says what did not (159: zhyve
 * was killed by SIGSYS).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/wire.h"

#define MORE_MAX 16

static int wire, com;
static pid_t child;

static void __attribute__((noreturn, format(printf, 1, 2))) bad(const char *fmt, ...)
{
	bool sigsys;
	va_list ap;
	int status;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	(void)usleep(20000); /* it may be ending by itself */
	(void)kill(child, SIGKILL);
	sigsys = waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGSYS;
	exit(sigsys ? 159 : 1);
}

static void
expect(enum wire_type type, struct wire_msg *msg)
{
	int rc = wire_recv(wire, msg);

	if (rc != 1)
		bad("message of type %d expected, wire_recv gave %d", (int)type, rc);
	if (msg->type != type)
		bad("message of type %d expected, %u came: %s", (int)type, msg->type, msg->text);
}

static void
tell(enum wire_type type)
{
	struct wire_msg msg = { .type = (uint16_t)type };

	if (wire_send(wire, &msg) != 0)
		bad("cannot send a message of type %d", (int)type);
}

/* Read the console until `text` has come; where it is in all there was. */
static const char *
console_says(const char *text)
{
	static char buf[4096];
	static size_t len;
	ssize_t n;

	while (strstr(buf, text) == NULL) {
		if ((n = read(com, buf + len, sizeof(buf) - 1 - len)) <= 0)
			bad("the console ended before '%s': %s", text, buf);
		len += (size_t)n;
		buf[len] = '\0';
	}
	return (strstr(buf, text));
}

static void
start(const char *zhyve, const char *kernel, char **more, int nmore)
{
	int w[2], c[2], kvm = open("/dev/kvm", O_RDWR), k = open(kernel, O_RDONLY);
	char kvm_arg[32], wire_arg[32], com_arg[32], kernel_arg[32];
	const char *argv[MORE_MAX * 2 + 16] = { zhyve, "-m", "32m", "-c", "2", "-o", kvm_arg, "-o",
		wire_arg, "-l", com_arg, "-l", kernel_arg };
	int argc = 13;

	if (kvm < 0 || k < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, c) != 0)
		bad("cannot set up: %s", strerror(errno));
	(void)snprintf(kvm_arg, sizeof(kvm_arg), "kvm=fd:%d", kvm);
	(void)snprintf(wire_arg, sizeof(wire_arg), "wire=fd:%d", w[1]);
	(void)snprintf(com_arg, sizeof(com_arg), "com1,fd:%d", c[1]);
	(void)snprintf(kernel_arg, sizeof(kernel_arg), "kernel,fd:%d", k);
	if ((child = fork()) < 0)
		bad("cannot fork");
	if (child == 0) {
		(void)close(w[0]);
		(void)close(c[0]);
		for (int i = 0; i < nmore; i++) {
			argv[argc++] = "-o";
			argv[argc++] = more[i];
		}
		argv[argc++] = "wired";
		argv[argc] = NULL;
		(void)execv(zhyve, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(w[1]);
	(void)close(c[1]);
	wire = w[0];
	com = c[0];
}

static void
ends_with(int want)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != want)
		bad("wait status 0x%x, exit status %d expected", (unsigned)status, want);
}

static void
stopped(enum wire_stop why, int status)
{
	struct wire_msg msg;

	expect(WIRE_STOPPED, &msg);
	if (msg.stop != why)
		bad("stopped by %s: %s", wire_stop_name(msg.stop), msg.text);
	ends_with(status);
}

/* Built, told so, and has not run: nothing on the console yet. */
static void
ready(void)
{
	struct wire_msg msg;
	char byte;

	expect(WIRE_HW_READY, &msg);
	if (msg.vcpus != 2 || msg.memory != 32 << 20)
		bad("ready with %u vCPUs and %llu bytes", msg.vcpus,
		    (unsigned long long)msg.memory);
	(void)usleep(50000);
	if (recv(com, &byte, 1, MSG_DONTWAIT) >= 0)
		bad("the guest ran before it was told to");
}

static void
go(void)
{
	struct wire_msg msg;

	ready();
	tell(WIRE_RUN);
	expect(WIRE_RUNNING, &msg);
}

static struct wire_vcpu
ask_one(unsigned index)
{
	struct wire_msg msg;

	expect(WIRE_VCPU, &msg);
	if (msg.vcpu.index != index)
		bad("vCPU %u came, not %u", msg.vcpu.index, index);
	return (msg.vcpu);
}

/* The first vCPU is as it should be; the second was never started. */
static void
ask(enum wire_vcpu_state state, bool interrupts, struct wire_vcpu *v)
{
	tell(WIRE_VCPUS);
	*v = ask_one(0);
	if (v->state != state || v->cpl != 0 || v->cs == 0 || v->cr3 == 0 || v->rsp == 0 ||
	    ((v->rflags & 0x200) != 0) != interrupts)
		bad("vCPU 0 is %s, cpl %u, cs 0x%x, cr3 0x%llx, rsp 0x%llx, rflags 0x%llx",
		    wire_vcpu_state_name((enum wire_vcpu_state)v->state), v->cpl, v->cs,
		    (unsigned long long)v->cr3, (unsigned long long)v->rsp,
		    (unsigned long long)v->rflags);
	if (ask_one(1).state != WIRE_VCPU_OFFLINE)
		bad("vCPU 1 is not offline");
}

static void
vcpus(void)
{
	unsigned long begin, end;
	struct wire_vcpu v;
	uint64_t exits = 0;
	char *at;

	go();
	(void)console_says("\n");
	begin = strtoul(console_says("ready ") + 6, &at, 16);
	end = strtoul(at, NULL, 16);
	for (unsigned i = 0; i < 20; i++) {
		ask(WIRE_VCPU_RUNNING, false, &v);
		if (v.rip < begin || v.rip > end || v.exits <= exits)
			bad("at 0x%llx, not in 0x%lx-0x%lx; %llu exits", (unsigned long long)v.rip,
			    begin, end, (unsigned long long)v.exits);
		exits = v.exits;
		(void)usleep(10000);
	}
	tell(WIRE_POWER_BUTTON);
	(void)console_says("ok\n");
	stopped(WIRE_STOP_POWEROFF, 1);
}

static void
vcpus_idle(void)
{
	struct wire_vcpu v;

	go();
	(void)usleep(500000);
	for (unsigned i = 0; i < 5; i++) {
		ask(WIRE_VCPU_HALTED, true, &v);
		(void)usleep(100000);
	}
	(void)console_says("ok\n");
	stopped(WIRE_STOP_POWEROFF, 1);
}

static void
set_link(uint8_t nic, bool up)
{
	struct wire_msg msg = { .type = WIRE_LINK };

	msg.link = (struct wire_link){ .mac = { 2, 8, 0x20, 0, 0, nic }, .up = up };
	if (wire_send(wire, &msg) != 0)
		bad("cannot send");
}

/* Nics 5 (e1000) and 6; the latter's link is down before the guest runs. There is no nic 7. */
static void
links(void)
{
	struct wire_msg msg;

	ready();
	set_link(6, false);
	set_link(7, false);
	tell(WIRE_RUN);
	expect(WIRE_RUNNING, &msg);
	console_says("virtio down\ne1000 up\nready\n");
	set_link(6, true);
	console_says("ready\nvirtio up\n");
	set_link(6, true); /* it is: nothing to tell */
	set_link(5, false);
	console_says("virtio up\ne1000 down\n");
	set_link(5, true);
	console_says("e1000 down\ne1000 up\n");
	set_link(6, false);
	console_says("e1000 up\nvirtio down\nok\n");
	stopped(WIRE_STOP_POWEROFF, 1);
}

int
main(int argc, char **argv)
{
	const char *scenario = argc >= 4 ? argv[3] : "";

	if (argc < 4 || argc > 4 + MORE_MAX)
		return (2);
	(void)alarm(30);
	start(argv[1], argv[2], argv + 4, argc - 4);
	if (strcmp(scenario, "run") == 0) {
		go();
		console_says("ok\n");
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "quit") == 0) {
		ready();
		tell(WIRE_QUIT);
		ends_with(1);
	} else if (strcmp(scenario, "quit-running") == 0) {
		go();
		console_says("ready\n");
		tell(WIRE_QUIT);
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "gone") == 0) {
		go();
		console_says("ready\n");
		(void)close(wire);
		ends_with(4);
	} else if (strcmp(scenario, "garbage") == 0) {
		go();
		console_says("ready\n");
		if (send(wire, "garbage", 7, 0) != 7)
			bad("cannot send");
		stopped(WIRE_STOP_ERROR, 4);
	} else if (strcmp(scenario, "button") == 0) {
		go();
		console_says("ready\n");
		tell(WIRE_POWER_BUTTON);
		console_says("ok\n");
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "vcpus") == 0) {
		vcpus();
	} else if (strcmp(scenario, "link") == 0) {
		links();
	} else if (strcmp(scenario, "vcpus-idle") == 0) {
		vcpus_idle();
	} else if (strcmp(scenario, "refresh") == 0) {
		go();
		console_says("ready\n");
		for (int i = 4; i < argc; i++)
			if (strncmp(argv[i], "pci.0.5.0.path=", 15) == 0 &&
			    truncate(argv[i] + 15, 2 << 20) != 0)
				bad("cannot make '%s' larger", argv[i] + 15);
		tell(WIRE_REFRESH_DISKS);
		console_says("ok\n");
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "term") == 0) {
		go();
		console_says("ready\n");
		(void)kill(child, SIGTERM);
		console_says("ok\n");
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "panic") == 0) {
		go();
		console_says("ok\n");
		stopped(WIRE_STOP_PANIC, 2);
	} else if (strcmp(scenario, "watchdog") == 0) {
		struct wire_msg msg;

		go();
		console_says("ok\n");
		expect(WIRE_NOTE, &msg);
		if (msg.stop != WIRE_NOTE_WATCHDOG)
			bad("told %s", wire_note_name((enum wire_note)msg.stop));
		stopped(WIRE_STOP_RESET, 0);
	} else if (strcmp(scenario, "balloon") == 0) {
		struct wire_msg msg = { .type = WIRE_BALLOON, .memory = 16 << 20 };

		go();
		console_says("ready\n");
		if (wire_send(wire, &msg) != 0)
			bad("cannot send");
		expect(WIRE_MEMORY, &msg);
		if (msg.memory != 32 << 20 || strcmp(msg.text, "32 MiB") != 0)
			bad("the guest's memory is %llu: %s", (unsigned long long)msg.memory,
			    msg.text);
		tell(WIRE_QUIT);
		stopped(WIRE_STOP_POWEROFF, 1);
	} else if (strcmp(scenario, "failed") == 0) {
		struct wire_msg msg;

		expect(WIRE_FAILED, &msg);
		if (strstr(msg.text, "invalid memsize 'much'") == NULL)
			bad("the reason given is: %s", msg.text);
		ends_with(4);
	} else {
		bad("no such scenario");
	}
	return (0);
}
