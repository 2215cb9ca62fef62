/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zoneadmd's own: the parts of the daemon of one live zone, in one thread around one event loop.
 *
 *	zoneadmd.c       main: becoming a daemon, setting up, ending when there is nothing left to do
 *	zoneadmd_ctl.c   the varlink interface org.zhyve.Zone
 *	zoneadmd_op.c    what was asked for (boot, halt, …), the zone's state
 *	zoneadmd_wait.c  who waits for it
 *	zoneadmd_ask.c   what is asked of a running machine
 *	zoneadmd_end.c   what its end means
 *	zoneadmd_res.c   the zone's resources: made at ready, undone at halt, all through the ledger
 *	zoneadmd_device.c  zhyve-blk and zhyve-net beside zhyve, for disks and nics that are processes
 *	zoneadmd_display.c  of these, the display, and zhyve-vnc that serves it
 *	zoneadmd_limits.c  of these, what the cgroup limits: changed while the zone lives, and watched
 *	zoneadmd_machined.c  the zone in systemd-machined's list
 *	zoneadmd_net.c   of these, the links
 *	zoneadmd_netlive.c  changes of their protection in a running zone
 *	zoneadmd_refusal.c  kills by system-call filters
 *	zoneadmd_rom.c   of these, the boot ROM and the zone's own variable store
 *	zoneadmd_socket.c  of these, the sockets of devices
 *	zoneadmd_pause.c   nothing of the zone runs, for a moment
 *	zoneadmd_passthru.c  of these, PCI functions of the host
 *	zoneadmd_tpm.c   swtpm beside zhyve
 *	zoneadmd_vcpus.c what zhyve's vCPUs do, when an operator asks
 *	zoneadmd_vm.c    one life of zhyve: started in the jail, its wire, its end
 */
#ifndef ZHYVE_ZONE_ZONEADMD_H
#define ZHYVE_ZONE_ZONEADMD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mevent.h"
#include "wire/wire.h"
#include "zone/brand.h"
#include "zone/cgroup.h"
#include "zone/client.h"
#include "zone/console.h"
#include "zone/events.h"
#include "zone/helper.h"
#include "zone/ledger.h"
#include "zone/logfile.h"
#include "zone/metaport.h"
#include "zone/output.h"
#include "zone/program.h"
#include "zone/varlink.h"
#include "zone/zconf.h"

#define ZONEADMD_WAITERS_MAX 64
#define PLATFORM_LOG_MAX     (1024 * 1024)
#define ZONEADMD_LOG_MAX     (1024 * 1024)

/* One link (zoneadmd_net.c). */
struct zone_link {
	char ifname[16];
	int tap_fd; /* -1: there is none */
	struct filter *filter;
	struct mevent *ev; /* first drops */
	struct events *events;
};

/* The descriptors by which one zhyve has its devices of the host (zoneadmd_passthru.c). */
struct zone_pass {
	int shared;              /* the container or the iommufd */
	int own[BRAND_PASS_MAX]; /* the devices, bound; -1: it is given their groups */
};

/* What stands from ready to halt, over all resets of the guest. */
struct zone_resources {
	struct zconf *conf;
	struct brand_plan *plan;
	struct brand_plan *again; /* takes its place when the guest resets itself; NULL: the same */
	char cgroup[PATH_MAX];
	int cgroup_fd;
	int zhyve_fd;
	int kernel_fd, initrd_fd; /* or */
	int rom_fd, vars_fd, nic_rom_fd;
	int disk_fd[BRAND_DISKS_MAX];
	struct zone_link link[BRAND_NICS_MAX];
	int socket_fd[BRAND_SOCKETS_MAX];
	int group_fd[BRAND_PASS_MAX]; /* of devices of the host; or */
	int claim_fd[BRAND_PASS_MAX]; /* their devices, locked ... */
	struct zone_pass pass;        /* ... and bound, for the first zhyve */
	uint64_t locked;              /* bytes that zhyve may lock; 0: the jail's own limit */
};

/* The watch over the cgroup's limits (zoneadmd_limits.c). */
struct zone_limits {
	int fd; /* inotify; -1: nothing is watched */
	struct mevent *ev;
	struct cgroup_hits seen;
};

/* Records of kills by system-call filters (zoneadmd_refusal.c). */
struct zone_refusals {
	int fd; /* -1: there are none to be had */
	struct mevent *ev;
	uint32_t told; /* the pid of the last that was told */
};

/* How far one zhyve has come. */
enum vm_phase {
	VM_NONE,
	VM_BUILDING, /* executed; WIRE_HW_READY awaited */
	VM_STARTING, /* WIRE_RUN sent; WIRE_RUNNING awaited */
	VM_RUNNING,
	VM_STOPPED, /* it has said why; its end awaited */
	VM_KILLED,  /* by us; its end awaited */
};

struct zone_vm {
	enum vm_phase phase;
	pid_t pid;
	int pidfd;
	int wire;
	struct output log; /* its standard output and error */
	struct mevent *pidfd_ev, *wire_ev, *deadline;
	unsigned notes;          /* WIRE_NOTE that came */
	unsigned asked;          /* WIRE_BALLOON without an answer yet */
	bool told;               /* WIRE_STOPPED came */
	bool refresh;            /* WIRE_REFRESH_DISKS is to be sent when it runs */
	enum wire_stop stop;     /* what it said */
	struct wire_vcpu *vcpu;  /* WIRE_VCPU that came, of res.plan->vcpus; NULL: not asked */
	unsigned nvcpu;          /* so many */
	char text[ERR_TEXT_MAX]; /* of WIRE_FAILED, WIRE_STOPPED, or why we killed it */
};

/* What is to happen when zhyve has ended. */
enum zone_intent {
	INTENT_NONE, /* judge by its exit */
	INTENT_HALT,
	INTENT_REBOOT,
};

enum waiter_kind {
	WAIT_RUNNING,  /* boot, reboot */
	WAIT_HALTED,   /* halt */
	WAIT_SHUTDOWN, /* shutdown: has a time limit */
	WAIT_MEMORY,   /* what zhyve says of the guest's memory; has one too */
	WAIT_VCPUS,    /* what zhyve says of its vCPUs; has one too */
};
struct waiter {
	struct varlink_conn *conn; /* NULL: free */
	enum waiter_kind kind;
	int64_t deadline_ns; /* CLOCK_MONOTONIC, 0: none */
	unsigned first;      /* WAIT_VCPUS: from this vCPU on */
};

/* The display, from ready to halt (zoneadmd_display.c); mem -1: there is none. */
struct zone_display {
	int mem;                /* framebuffer and page of the mode, wire/display.h */
	int zhyve_end, vnc_end; /* of the events' channel */
	int unix_fd, tcp_fd;    /* where clients connect */
	uint16_t port;          /* of tcp_fd */
	int rom_fd, bin_fd;
	char password[9];
	struct helper vnc; /* zhyve-vnc */
};

/* Devices with processes of their own (zoneadmd_device.c). */
enum zone_device_class {
	ZONE_DEVICE_DISK,
	ZONE_DEVICE_NIC,
	ZONE_DEVICE_KINDS,
};
#define ZONE_DEVICES_MAX 32 /* of a kind */
_Static_assert(BRAND_DISKS_MAX <= ZONE_DEVICES_MAX && BRAND_NICS_MAX <= ZONE_DEVICES_MAX, "room");

struct zone_device {
	struct zoneadmd *z;
	enum zone_device_class kind;
	unsigned index; /* in the plan, of its kind */
	struct helper helper;
	int pass;             /* over which zhyve gets connections; -1: there is no such device */
	struct mevent *timer; /* until it is started again */
	unsigned tries;
	int64_t since_ns; /* of the one that is there */
};
struct zone_devices {
	int bin_fd[ZONE_DEVICE_KINDS];
	struct zone_device of[ZONE_DEVICE_KINDS][ZONE_DEVICES_MAX];
};

/* A pause (zoneadmd_pause.c); conn NULL: there is none. */
struct zone_pause {
	const struct varlink_conn *conn; /* who holds it */
	struct mevent *timer;
	int64_t since_ns; /* CLOCK_MONOTONIC */
};

/* The entry in machined's list (zoneadmd_machined.c). */
struct zone_machined {
	bool wanted; /* the zone is up */
	bool listed; /* we are its leader, in a scope of our own */
	struct program call;
	struct mevent *ev; /* of its end */
	struct mevent *retry;
	unsigned tries;
};

struct zoneadmd {
	char name[ZONENAME_MAX];
	struct mevent_loop *loop;
	struct ledger *ledger;
	struct console *console;
	struct metaport *metaport;
	struct varlink_server *server;
	struct events events;
	struct logfile platform;
	struct mevent *timer_waiters, *timer_restart, *timer_idle;
	enum zone_state state; /* installed, ready, running, shutting_down, down */
	enum zone_intent intent;
	bool reset_pending; /* between the end of one zhyve and the start of the next */
	int64_t reset_times[6];
	unsigned lost_starts;       /* in a row, for the end of a device's process */
	struct start_options start; /* what was asked of this start */
	struct zone_resources res;
	struct zone_limits limits;
	struct zone_refusals refusals;
	struct zone_display display;
	struct helper tpm; /* swtpm */
	struct zone_devices devices;
	struct zone_vm vm;
	struct zone_pause pause;
	struct zone_machined machined;
	struct zone_status status; /* what GetStatus tells besides the state */
	struct waiter waiter[ZONEADMD_WAITERS_MAX];
	struct varlink_conn *watcher[VARLINK_CONNS_MAX];
	bool terminating; /* end when the zone is down: SIGTERM, uninstall */
};

/* zoneadmd_res.c: 0 or -errno; on failure nothing of it is left. */
int zone_resources_make(struct zoneadmd *z, struct err *e);
/* Undo all. A resource that does not go stays in the ledger and is the error. */
int zone_resources_undo(struct zoneadmd *z, struct err *e);
/* No descriptor open. */
void zone_resources_init(struct zone_resources *r);
/* Open a file the guest is started from: a regular file, and only for reading. */
int zone_open_regular(const char *path, const char *what, int *fd, struct err *e);
/* The guest has reset itself: what was asked for once is over. */
void zone_resources_again(struct zone_resources *r);

/*
 * zoneadmd_rom.c: open the plan's boot ROM, and the zone's variable store, which is made when it
 * is not there.
 */
int zone_rom_open(struct zoneadmd *z, struct err *e);

/*
 * zoneadmd_passthru.c: take the zone's PCI functions from the host, so that no other zone has them
 * until _undo; 0 or -errno. What is half done is undone by that, too.
 */
void zone_passthru_init(struct zone_resources *r);
int zone_passthru_make(struct zoneadmd *z, struct err *e);
void zone_passthru_undo(struct zone_resources *r);
/* How the next zhyve is to have them: the caller's to close, when it has them. 0 or -errno. */
int zone_passthru_start(struct zone_resources *r, struct zone_pass *out, struct err *e);
void zone_passthru_close(struct zone_pass *pass);

/*
 * zoneadmd_device.c: before a life of zhyve those of the last are ended and channels made;
 * zhyve_end[kind][i], the caller's to close, is what zhyve gets in place of the i-th disk or nic (-1:
 * the device itself). Once zhyve is there their processes are started, while it builds its machine. 0
 * or -errno.
 */
void zone_devices_init(struct zone_devices *devices);
int zone_devices_open(struct zoneadmd *z, struct err *e);
int zone_devices_prepare(
    struct zoneadmd *z, int zhyve_end[ZONE_DEVICE_KINDS][ZONE_DEVICES_MAX], struct err *e);
int zone_devices_start(struct zoneadmd *z, struct err *e);
/* The disks' sizes may have changed. */
void zone_devices_refresh(struct zoneadmd *z);
/* Has a process of them ended in this life of zhyve, other than with it? */
bool zone_devices_lost(const struct zoneadmd *z);
void zone_devices_close(struct zoneadmd *z);

/*
 * zoneadmd_limits.c: watch the cgroup that stands (what cannot be watched is not told of); look now,
 * before what it may have caused is told; stop.
 */
void zone_limits_init(struct zone_limits *l);
void zone_limits_watch(struct zoneadmd *z);
void zone_limits_look(struct zoneadmd *z);
void zone_limits_close(struct zoneadmd *z);
/* The limits of I/O in a configuration, into the cgroup that stands. 0 or -errno. */
int zone_limits_io(struct zoneadmd *z, const struct zconf *c, struct err *e);
/*
 * Read the stored configuration and set its limits in the live zone. *out is {"later": [...]}, the
 * rctls that have effect from the next boot on. 0 or -errno.
 */
int zone_limits_apply(struct zoneadmd *z, json_t **out, struct err *e);

/*
 * zoneadmd_net.c: the vnics of the plan, in the ledger first, each with its filter. On failure those
 * that were made are there for zone_links_close.
 */
int zone_links_make(struct zoneadmd *z, struct err *e);
void zone_links_close(struct zone_resources *r);
/*
 * zoneadmd_netlive.c: protect them as the stored configuration says by now, and tell what has
 * changed (link-update); *out: the names of those that have. On failure the link at fault, and those
 * behind it, are as they were.
 */
int zone_links_update(struct zoneadmd *z, json_t **out, struct err *e);
/*
 * Tell zhyve, which has built its machine and waits, of the nics whose link is down: to a new guest all
 * are up. Should it be gone already, its exit says why.
 */
void zone_links_tell(struct zoneadmd *z);
/* A list of the links with their counters; empty when the zone is down. */
int zone_links_json(const struct zoneadmd *z, json_t **out, struct err *e);

/* zoneadmd_display.c: 0 or -errno; without a display they do nothing. */
void zone_display_init(struct zone_display *d);
int zone_display_open(struct zoneadmd *z, struct err *e);
/* See to it that zhyve-vnc runs. */
int zone_display_start(struct zoneadmd *z, struct err *e);
void zone_display_stop(struct zoneadmd *z);
void zone_display_close(struct zoneadmd *z);
/* Write the picture to a file in the zone path, which is given back. */
int zone_screenshot(struct zoneadmd *z, char path[PATH_MAX], struct err *e);

/* zoneadmd_socket.c */
int zone_sockets_open(struct zoneadmd *z, struct err *e);
void zone_sockets_close(struct zoneadmd *z);

/*
 * zoneadmd_tpm.c: start swtpm for the life of zhyve that is about to begin; *control (its, and the
 * caller's to close after) is zhyve's end of its control channel. Without a TPM it does nothing.
 */
int zone_tpm_start(struct zoneadmd *z, int *control, struct err *e);

/*
 * zoneadmd_machined.c: the zone runs, and is to be listed, where there is machined; it is down; and for
 * the end of zoneadmd.
 */
void zone_machined_enter(struct zoneadmd *z);
void zone_machined_leave(struct zoneadmd *z);
void zone_machined_close(struct zoneadmd *z);

/* zoneadmd_vm.c */
int vm_start(struct zoneadmd *z, struct err *e);
/* End it at once; its exit is told by zone_vm_ended later. */
void vm_kill(struct zoneadmd *z, const char *why);
/* `memory` is that of WIRE_BALLOON. */
int vm_wire_tell(struct zoneadmd *z, enum wire_type type, uint64_t memory, struct err *e);
void vm_init(struct zone_vm *vm);

/* zoneadmd_vcpus.c: ask zhyve what its vCPUs do; op_vcpus_told when it has said so of each. */
int vcpus_ask(struct zoneadmd *z, struct err *e);
/* Take one answer; false when it has no place here. */
bool vcpus_answer(struct zoneadmd *z, const struct wire_vcpu *v);
void vcpus_forget(struct zone_vm *vm);

/*
 * zoneadmd_pause.c: begin a pause for a connection; end it, with how long it was. It ends with its
 * connection too, and before anything of the zone is started (which would be held, and we with it).
 */
void op_pause(struct zoneadmd *z, struct varlink_conn *conn);
void op_resume(struct zoneadmd *z, struct varlink_conn *conn);
void zone_pause_closed(struct zoneadmd *z, const struct varlink_conn *conn);
void zone_pause_end(struct zoneadmd *z);

/* zoneadmd_refusal.c: watch; see to it that the kill of this process has been told; stop. */
void zone_refusals_watch(struct zoneadmd *z);
void zone_refusals_await(struct zoneadmd *z, pid_t pid);
void zone_refusals_close(struct zoneadmd *z);

/*
 * zoneadmd_wait.c: somebody waits for that; NULL when there is no room, and it has been answered so. Answer all
 * of a kind: well, or with the error. Look whose time is up, now that there is another deadline.
 */
int waiters_init(struct zoneadmd *z, struct err *e);
struct waiter *waiter_add(struct zoneadmd *z, struct varlink_conn *conn, enum waiter_kind kind);
void waiters_answer(struct zoneadmd *z, enum waiter_kind kind, const struct err *e);
bool waiting(const struct zoneadmd *z, enum waiter_kind kind);
void waiters_look(struct zoneadmd *z);
void op_conn_closed(struct zoneadmd *z, struct varlink_conn *conn);

/* zoneadmd_end.c: the event, the word for lastexited, and a text for people. */
void vm_judge(const struct zoneadmd *z, int status, enum vm_phase reached, const char **event,
    const char **word, struct err *e);

/* zoneadmd_ask.c */
void op_nmi(struct zoneadmd *z, struct varlink_conn *conn);
void op_refresh_disks(struct zoneadmd *z, struct varlink_conn *conn);
/* Set the balloon's target (bytes, 0: leave it), and answer with what the guest has. */
void op_balloon(struct zoneadmd *z, struct varlink_conn *conn, uint64_t target);
/* Answers with ZONE_VCPUS_MAX of them at most. */
void op_vcpus(struct zoneadmd *z, struct varlink_conn *conn, unsigned first);
/* What its vCPUs do: a list, borrowed. */
void op_vcpus_told(struct zoneadmd *z, json_t *list);
/* WIRE_MEMORY; false: nobody asked. */
bool op_vm_memory(struct zoneadmd *z, uint64_t memory, const char *text);

/* zoneadmd_op.c: called by the control interface … */
void op_ready(struct zoneadmd *z, struct varlink_conn *conn);
/* `start` is copied. */
void op_boot(struct zoneadmd *z, struct varlink_conn *conn, const struct start_options *start);
void op_halt(struct zoneadmd *z, struct varlink_conn *conn);
void op_reboot(struct zoneadmd *z, struct varlink_conn *conn);
void op_shutdown(struct zoneadmd *z, struct varlink_conn *conn, unsigned timeout_s);
/* … by the machine: it runs; it has ended (wait status, and why as recorded in z->vm) … */
void op_vm_running(struct zoneadmd *z);
void op_vm_ended(struct zoneadmd *z, int wait_status, enum vm_phase reached);
/* … and by main: timers; signals: SIGTERM (halt, then end), the power button, a reboot. */
int op_init(struct zoneadmd *z, struct err *e);
void op_terminate(struct zoneadmd *z);
void op_press(struct zoneadmd *z);
void op_cycle(struct zoneadmd *z);
bool op_idle(const struct zoneadmd *z);
/* Something may have become idle: look after this round. */
void op_check_idle(struct zoneadmd *z);

/* zoneadmd.c: keep our own log in its bounds; called where a guest can cause lines without end. */
void zoneadmd_log_check(void);

/* zoneadmd_ctl.c */
extern const struct varlink_ops ctl_ops;
void ctl_ok(struct varlink_conn *conn);
void ctl_fail(struct varlink_conn *conn, const struct err *e);
void ctl_refuse(struct varlink_conn *conn, int errnum, const char *text);
/* Answer GetMemory and SetBalloon. */
void ctl_memory(struct varlink_conn *conn, uint64_t memory, const char *text);
/* Hand an event to the watchers. `arg` is the struct zoneadmd. */
void ctl_watch(void *arg, const char *json);

#endif
