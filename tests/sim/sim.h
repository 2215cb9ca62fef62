/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator: one PCI device model, a driver that is sometimes lawful and sometimes hostile, a
 * backend whose answers come late, in any order, or not well, and virtual time. docs/simulator.md
 * tells how to use it.
 *
 * A run is a plan: which device, how it is built (one number), and a list of steps. A step is an
 * operation of the device's actor and one number, from which the operation takes all that it has to
 * choose. Plans come from a seed (plan_of_seed) or a file; leaving steps out of a plan gives a plan
 * again, which is how failures are shrunk.
 *
 * Every call into the device is made between sim_enter and sim_leave. sim_leave is where the oracles
 * sit: what the device did to guest memory, what interrupts it sent, and what the actor knows about
 * the device (struct sim_actor.before, .after). A broken oracle ends the process by sim_fail; the
 * parent process shrinks and prints. No KVM, no thread, no clock.
 */
#ifndef ZHYVE_TESTS_SIM_SIM_H
#define ZHYVE_TESTS_SIM_SIM_H

#include "devices/pci.h"
#include "gmem/gmem.h"
#include "prng.h"

#define SIM_RAM        (64u << 10)
#define SIM_GUARD      (1u << 20) /* of bytes that nobody may touch, on either side of RAM */
#define SIM_STEPS_MAX  400
#define SIM_TIMERS     8
#define SIM_RANGES_MAX 2048
#define SIM_MSI_MAX    512
#define SIM_JUNK       0xa5 /* what was in a device that is gone */

struct sim;
struct state;

struct sim_step {
	uint32_t op;     /* of the actor's */
	uint32_t number; /* all else */
};

struct sim_plan {
	const struct sim_actor *actor;
	uint32_t how; /* how the device is built */
	unsigned nsteps;
	struct sim_step step[SIM_STEPS_MAX];
};

struct sim_op {
	const char *name;
	unsigned weight; /* how often, compared with the others */
	void (*run)(struct sim *s, struct prng *r);
};

/* What knows how to drive one kind of device. */
struct sim_actor {
	const char *name;
	size_t size; /* of its state, which sim.priv points to, zeroed */
	const struct sim_op *op;
	unsigned nops;
	/* Build device and backend, and attach it (sim_attach). */
	void (*start)(struct sim *s, struct prng *r);
	/* The last step is done: let all that is under way end, look at it, take it all down. */
	void (*finish)(struct sim *s);
	/*
	 * At the end of each call into the device, before and after guest memory is compared with
	 * what it should be. `before` takes notice (sim_expect) of what the device was right to
	 * write; `after` looks at what requests have come to and takes back their ranges.
	 */
	void (*before)(struct sim *s);
	void (*after)(struct sim *s);
};

/* A range of guest memory with a request on it; tag says whose. */
struct sim_range {
	uint32_t gpa, len;
	bool write; /* the device may write to it */
	uint32_t tag;
};

struct sim_timer {
	struct sim *sim;
	struct dev_timer *t;
	uint64_t at_ns;
};

enum sim_count {
	SIM_REQUESTS, /* that the device gave back */
	SIM_BREACHES, /* broken rules the device has found */
	SIM_RESETS,
	SIM_INTERRUPTS,
	SIM_COUNTS
};

struct sim {
	const struct sim_actor *actor;
	void *priv;
	bool trace; /* say what each step does */
	unsigned step;
	uint64_t count[SIM_COUNTS];

	uint8_t *ram, *shadow; /* as it is, as it should be */
	struct gmem gm;
	/*
	 * The device has no business in memory: it is looked at now and then only. The actor says so.
	 */
	bool idle;
	unsigned skipped; /* looks since */
	bool wild;        /* the driver has given up on order: any byte of RAM may change */
	struct sim_range range[SIM_RANGES_MAX];
	unsigned nranges;

	struct pci_bus *pci;
	struct pci_dev *dev;
	struct pci_dev_ops ops;             /* the device's, with a watch for re-entry */
	const struct pci_dev_ops *real_ops; /* the device's */
	bool in_bar;                        /* the driver is accessing a BAR */
	unsigned depth;                     /* of sim_enter */
	bool mapped[PCI_REGIONS];
	uint64_t mapped_at[PCI_REGIONS];

	struct {
		uint64_t addr;
		uint32_t data;
	} msi[SIM_MSI_MAX]; /* sent during this entry */
	unsigned nmsi;
	bool line;           /* the INTx line */
	unsigned line_rises; /* during this entry */

	uint64_t now_ns;
	struct sim_timer timer[SIM_TIMERS];
	unsigned ntimers;
	struct clock clock;
};

/* The actors, NULL at the end. */
extern const struct sim_actor *const sim_actors[];

/* --- run.c: plans --- */
void plan_of_seed(struct sim_plan *p, uint64_t seed, const struct sim_actor *only);
/* Execute it in this process; ends the process where an oracle is broken. */
void plan_run(const struct sim_plan *p, bool trace, uint64_t *counts);

/*
 * The device has done wrong. `oracle` is one word, by which failures are told apart. Ends the
 * process.
 */
void sim_fail(struct sim *s, const char *oracle, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* What a step does, for the reader of a trace. */
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- world.c --- */
void world_init(struct sim *s, struct prng *r);
void world_fini(struct sim *s);
/* Put the device on the bus at 0:3.0, with decoding and bus mastering on. */
void sim_attach(struct sim *s, struct pci_dev *d);
/* The same in the place of the one that was there, in a machine that is new but for its memory. */
void sim_replace(struct sim *s, struct pci_dev *d);
/* Give a device's timer something to run on. */
void sim_timer(struct sim *s, struct dev_timer *t);
/* Let time pass; timers that fall due fire, each in an entry of its own, in the order of time. */
void sim_pass(struct sim *s, uint64_t ns);

/* Around each call into the device. */
void sim_enter(struct sim *s);
void sim_leave(struct sim *s);
/* Accesses by the driver, entries of their own. A BAR that is not mapped is not there. */
void sim_bar_write(struct sim *s, unsigned bar, uint64_t off, unsigned size, uint64_t val);
uint64_t sim_bar_read(struct sim *s, unsigned bar, uint64_t off, unsigned size);
void sim_cfg_write(struct sim *s, unsigned off, unsigned size, uint32_t val);
uint32_t sim_cfg_read(struct sim *s, unsigned off, unsigned size);

/* The driver writes memory. */
void sim_poke(struct sim *s, uint64_t gpa, const void *buf, size_t len);
void sim_poke16(struct sim *s, uint64_t gpa, uint16_t v);
void sim_poke32(struct sim *s, uint64_t gpa, uint32_t v);
void sim_poke64(struct sim *s, uint64_t gpa, uint64_t v);
/* The driver reads memory. */
const uint8_t *sim_at(const struct sim *s, uint64_t gpa);
/* What stands there now is right. */
void sim_expect(struct sim *s, uint64_t gpa, size_t len);

/* Ranges in use by requests. */
void sim_range_add(struct sim *s, uint32_t gpa, uint32_t len, bool write, uint32_t tag);
void sim_range_drop(struct sim *s, uint32_t tag);
void sim_range_drop_all(struct sim *s);
/* Nobody may write there any more, and it is not used again, until all are dropped. */
void sim_range_freeze(struct sim *s, uint32_t tag);
/*
 * Find `len` bytes at a multiple of `align` that no request uses, at or above `from`. 0: there are
 * none.
 */
uint32_t sim_room(struct sim *s, struct prng *r, uint32_t from, uint32_t len, uint32_t align);
/* An address that is not RAM: past its end, across it, at the top of all, a BAR of the device. */
uint64_t sim_bad_gpa(struct sim *s, struct prng *r, uint32_t len);
/* Does [gpa, gpa + len) lie in ranges of that tag with that right? */
bool sim_owned(const struct sim *s, const void *hva, size_t len, bool write, uint32_t tag);

/* --- state.c: save a device, throw it away, load what was saved into another --- */
struct sim_look {
	unsigned bar;
	uint32_t off, len; /* registers that reading does nothing to, of 32 bits */
};
struct sim_saved {
	/* Save or load it all, by the function that the machine would call. */
	int (*state)(struct sim *s, struct state *st);
	/* Let the backend end something; false: there is nothing. NULL: there never is. */
	bool (*end_one)(struct sim *s, struct prng *r);
	/* Destroy the device and make another of the same configuration, on the bus (sim_replace). */
	void (*remake)(struct sim *s);
	/* Go on. */
	void (*resume)(struct sim *s);
	/* What must read as before; len 0 at the end. Configuration space is looked at as well. */
	const struct sim_look *look;
};
/* Is this member of two structures not the same? For members without padding inside. */
#define SIM_DIFFERS(a, b, member) (memcmp(&(a)->member, &(b)->member, sizeof((a)->member)) != 0)
void sim_save_and_load(struct sim *s, struct prng *r, const struct sim_saved *how);

/* --- pci.c: what a driver may do to any PCI function --- */
/* Sizes and moves BARs, switches decoding off and on, reads and writes registers that are not its. */
void pci_disturb(struct sim *s, struct prng *r);
/* Decoding and bus mastering on, whatever was before. */
void pci_calm(struct sim *s);

#endif
