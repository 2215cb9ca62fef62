/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between zoneadmd and what it jails: fixed size, over one SOCK_SEQPACKET pair per
 * child. Neither side believes the other's lengths: a message of another size, version or type is
 * refused. Descriptors are not passed here: a child gets its own at start, named on its command
 * line as fd:N. Both wings include this; it includes nothing of either.
 */
#ifndef ZHYVE_WIRE_WIRE_H
#define ZHYVE_WIRE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#define WIRE_MAGIC    0x5a485956u /* "ZHYV" */
#define WIRE_VERSION  1u
#define WIRE_TEXT_MAX 256

enum wire_type {
	/* child -> zoneadmd */
	WIRE_HW_READY = 1, /* the machine is built, nothing has run; waits for WIRE_RUN */
	WIRE_RUNNING,      /* the vCPUs have been let go */
	WIRE_STOPPED,      /* why: enum wire_stop; bhyve's exit status follows */
	WIRE_FAILED,       /* could not be built; text says why; exit status 4 */
	WIRE_NOTE, /* what happened in a guest that goes on, or is about to stop: enum wire_note */
	WIRE_MEMORY, /* answer to WIRE_BALLOON: memory is what the guest has now; statistics in text */
	WIRE_VCPU, /* answer to WIRE_VCPUS: one of as many as there are vCPUs, in their order */
	/* zoneadmd -> child */
	WIRE_RUN = 64,
	WIRE_POWER_BUTTON,
	WIRE_NMI,
	WIRE_QUIT,          /* end at once (halt): exit status 1 */
	WIRE_REFRESH_DISKS, /* a volume's size may have changed: look, and tell the guest */
	/*
	 * Make the guest do with `memory` bytes (0: as it is), and tell what it has. It takes its time,
	 * and may refuse: ask again. Statistics are those of the question before.
	 */
	WIRE_BALLOON,
	/*
	 * What is each vCPU doing? Answered within about a second, whatever the guest does; not to be
	 * asked again before all have been answered.
	 */
	WIRE_VCPUS,
	/* A nic has a link from now on, or none: the guest is told. Also before WIRE_RUN. */
	WIRE_LINK,
};

enum wire_stop {
	WIRE_STOP_RESET = 0, /* the values are bhyve's exit statuses */
	WIRE_STOP_POWEROFF = 1,
	WIRE_STOP_HALT = 2,
	WIRE_STOP_TRIPLE_FAULT = 3,
	WIRE_STOP_ERROR = 4,
	WIRE_STOP_PANIC = 5, /* the guest reported a panic; exit status as for a halt */
};

enum wire_note {
	WIRE_NOTE_PANIC,       /* the guest reported a panic */
	WIRE_NOTE_CRASHLOADED, /* it did, and its crash kernel takes over */
	WIRE_NOTE_WATCHDOG,    /* the guest's watchdog expired */
	WIRE_NOTE_DISK_ERROR, /* a request of a disk failed, and others may have since; text says which */
	WIRE_NOTES
};

enum wire_vcpu_state {
	WIRE_VCPU_SILENT,  /* did not answer in time; nothing is known of it */
	WIRE_VCPU_RUNNING, /* executes, or waits for a device */
	WIRE_VCPU_HALTED,
	WIRE_VCPU_OFFLINE, /* waits for INIT or SIPI */
	WIRE_VCPU_STATES
};

/* One vCPU at one moment. */
struct wire_vcpu {
	uint32_t index;
	uint32_t state; /* enum wire_vcpu_state */
	uint64_t rip, rsp, rflags, cr3;
	uint64_t exits; /* that zhyve has served, since the machine's start */
	uint16_t cs;
	uint8_t cpl; /* 0-3 */
	uint8_t zero[5];
};

struct wire_link {
	uint8_t mac[6]; /* the nic's */
	uint8_t up;     /* 0 or 1 */
	uint8_t zero;
};

struct wire_msg {
	uint32_t magic;
	uint16_t version;
	uint16_t type;    /* enum wire_type */
	uint32_t stop;    /* WIRE_STOPPED: enum wire_stop; WIRE_NOTE: enum wire_note */
	uint32_t vcpus;   /* for WIRE_HW_READY */
	uint64_t memory;  /* bytes, for WIRE_HW_READY, WIRE_MEMORY, WIRE_BALLOON */
	uint64_t mono_ns; /* CLOCK_MONOTONIC when it was sent */
	union {
		char text[WIRE_TEXT_MAX]; /* NUL-terminated; for people, not to be parsed */
		struct wire_vcpu vcpu;    /* WIRE_VCPU */
		struct wire_link link;    /* WIRE_LINK */
	};
};

/* Send; fills magic, version and mono_ns. 0 or -errno. Never raises SIGPIPE. */
int wire_send(int sock, struct wire_msg *msg);
/*
 * Receive one message and check it: 1 received, 0 the peer is gone, -EAGAIN, -EPROTO (malformed:
 * the text is made safe, do not go on with this child), -errno. Descriptors that come along are
 * refused (closed). Text is NUL-terminated and printable after; a WIRE_VCPU's state and cpl and a
 * WIRE_LINK's state are in their range.
 */
int wire_recv(int sock, struct wire_msg *msg);

const char *wire_stop_name(
    enum wire_stop stop); /* "reset", "power-off", "halt", "triple-fault", "error", "panic" */
const char *wire_vcpu_state_name(
    enum wire_vcpu_state state); /* "silent", "running", "halted", "offline" */
/* The name of zoneadmd's event: "guest-panic", "guest-crashloaded", "watchdog", "disk-error". */
const char *wire_note_name(enum wire_note note);

#endif
