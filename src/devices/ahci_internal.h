/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the AHCI model share; nobody else includes it. ahci.c has the registers,
 * ahci_cmd.c takes commands off the list and ends them, ahci_ata.c and ahci_identify.c are the
 * disk, ahci_atapi.c is the CD drive.
 */
#ifndef ZHYVE_DEVICES_AHCI_INTERNAL_H
#define ZHYVE_DEVICES_AHCI_INTERNAL_H

#include "devices/ahci.h"
#include "devices/ahci_regs.h"

#define AHCI_SLOTS     32
#define AHCI_SECTOR    512u /* of IDENTIFY data, logs, lists of ranges */
#define AHCI_CD_SECTOR 2048u

/* Where a command is in its descriptor table. */
struct ahci_cursor {
	uint64_t next; /* the entry to read, */
	uint32_t left; /* and so many in all */
	uint64_t addr; /* rest of the entry in hand */
	uint32_t len;
};

/* A command slot. Everything in it was copied from the guest when the command was taken. */
struct ahci_slot {
	struct block_req io;
	struct ahci_port *port;
	unsigned index;
	uint64_t header;      /* the command header, for PRDBC */
	uint64_t table;       /* the command table */
	uint8_t fis[FIS_LEN]; /* the command, then what it answers */
	bool is_packet;       /* the header says so */
	bool queued, pio_in;
	bool intr; /* a descriptor asks for an interrupt */
	struct ahci_cursor cur;
	uint64_t offset, left;            /* of the disk, bytes, still to move */
	uint32_t unit;                    /* sectors that a request has to be made of, bytes */
	uint32_t moved;                   /* bytes moved to or from guest memory */
	int result;                       /* of the last request */
	void (*next)(struct ahci_slot *); /* when it has come back */
};

/* Why the queue stopped, for the log (ATA8-ACS, NCQ Command Error log). */
struct ahci_queue_error {
	bool valid, unqueued;
	uint8_t fis[FIS_LEN];
};

struct ahci_port {
	struct ahci *hba;
	unsigned index;
	enum ahci_kind kind;
	struct block_backend *backend;
	char serial[AHCI_SERIAL_LEN + 1], revision[AHCI_REVISION_LEN + 1];
	char model[AHCI_MODEL_LEN + 1];
	uint16_t nmrr;

	uint64_t clb, fb;
	uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;

	/* Bit n is slot n: the backend has its request; and nobody waits for its end any more. */
	uint32_t flying, dropped;
	uint32_t arrived;  /* requests that came back in this batch */
	unsigned last;     /* slot taken last */
	bool halted;       /* after an error, until PxCMD.ST is cleared */
	bool reset_due;    /* the drive is reset once nothing is flying */
	bool greeting_due; /* the first frame after a reset waits for PxCMD.FRE */

	/* The drive. */
	uint32_t tags; /* queued commands that it has */
	bool srst, write_cache, look_ahead, smart;
	uint8_t multiple;
	struct ahci_queue_error queue_error;
	uint8_t sense_key, asc, ascq;
	uint8_t attention;        /* CD: a code to be told first (unit attention), 0: none */
	uint8_t event;            /* CD: a media event nobody has been told of, 0: none */
	bool locked, open;        /* CD: the tray */
	uint8_t buf[AHCI_SECTOR]; /* the data of commands without blocks; a list of ranges */
	unsigned range;           /* the one at work */
	struct ahci_slot slot[AHCI_SLOTS];
};

/* --- ahci.c --- */

/* Set bits of PxIS and tell the guest when it wants to know. */
void ahci_port_interrupt(struct ahci_port *p, uint32_t bits);
/* Nothing that was dropped is flying any more: end what waited for it. */
void ahci_port_drained(struct ahci_port *p);
/* The drive starts anew, at once or when the last request has come back. */
void ahci_drive_reset(struct ahci_port *p);

/* --- ahci_cmd.c: taking and ending commands --- */

/* Take what can be taken off the command list. */
void ahci_port_run(struct ahci_port *p);
/* Nobody waits for what is flying. */
void ahci_port_drop(struct ahci_port *p);
/* The backend's batch_done. */
void ahci_batch_done(void *dev);
/* Post the first frame after a reset, once there is a place for it. */
void ahci_greet(struct ahci_port *p);

/* The drive has taken a queued command: the slot is told to be free, the tag is not. */
void ahci_accept(struct ahci_slot *s);
/* A command ends well, or badly with bits of the error register. */
void ahci_ok(struct ahci_slot *s);
void ahci_fail(struct ahci_slot *s, uint8_t error);
/* Badly, and for a reason of the bus or of the descriptor table: PxIS bits. */
void ahci_bus_error(struct ahci_slot *s, uint32_t bits);

/*
 * Copy between buf and what the descriptors name, as far as they reach; false: they name what is
 * not memory, and the command has ended.
 */
bool ahci_to_guest(struct ahci_slot *s, const void *buf, size_t len);
bool ahci_from_guest(struct ahci_slot *s, void *buf, size_t len);
/*
 * Move s->left bytes from s->offset on, in pieces of whole sectors of `unit` bytes; ends the
 * command.
 */
void ahci_transfer(struct ahci_slot *s, enum block_op op, bool fua, uint32_t unit);
/* Give s->io to the backend; s->next is called when it has come back. */
void ahci_submit(struct ahci_slot *s);

/* --- ahci_ata.c, ahci_identify.c, ahci_atapi.c --- */

void ahci_ata_command(struct ahci_slot *s);
void ahci_ata_reset(struct ahci_port *p);
void ahci_identify(const struct ahci_port *p, uint8_t out[AHCI_SECTOR]);
/* A page of a log; false: there is none. */
bool ahci_log_page(struct ahci_port *p, uint8_t log, unsigned page, uint8_t out[AHCI_SECTOR]);
/* SMART data and thresholds. */
void ahci_smart_page(uint8_t out[AHCI_SECTOR]);
void ahci_atapi_command(struct ahci_slot *s);
void ahci_atapi_reset(struct ahci_port *p);
/* A read of the disc failed. */
void ahci_atapi_unreadable(struct ahci_slot *s);
/* IDENTIFY's strings: blanks at the end, bytes of each word swapped. */
void ahci_ata_string(uint8_t *out, const char *text, unsigned len);
/* The number of logical sectors of a disk. */
uint64_t ahci_sectors(const struct ahci_port *p);

#endif
