/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM 2.0 behind the Command Response Buffer interface (TCG PC Client Platform TPM Profile 1.05,
 * 6.5.3), locality 0 alone, without interrupts. The guest writes a command into the buffer, sets
 * START, and polls until it is clear; meanwhile the backend executes, and nothing that the guest
 * writes changes the buffer. The TPM itself is the backend's.
 *
 * Every access is one within the page, of any size and alignment: taken apart into bytes here, so
 * that none reaches beyond a register or the buffer. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_TPM_CRB_H
#define ZHYVE_DEVICES_TPM_CRB_H

#include "devices/bus.h"

#define TPM_CRB_BASE    0xFED40000ull
#define TPM_CRB_LEN     0x1000u
#define TPM_CRB_CONTROL (TPM_CRB_BASE + 0x40) /* the control area, for ACPI's TPM2 table */
#define TPM_CRB_BUFFER  0x80u                 /* from here to the end of the page */
#define TPM_BUFFER_SIZE (TPM_CRB_LEN - TPM_CRB_BUFFER)

/* What a TPM device asks of its backend, e.g. backend/tpm_swtpm.c. */
struct tpm_backend {
	/*
	 * Execute a command of `len` bytes, which are copied before this returns. 0, or -errno:
	 * it will not be answered. Never blocks; one at a time. With the device's lock held.
	 */
	int (*submit)(struct tpm_backend *b, const uint8_t *cmd, size_t len);
	/* Ask for the command to be given up; it is still answered. */
	void (*cancel)(struct tpm_backend *b);
	/*
	 * Set by the device, called with its lock held: the answer, TPM_BUFFER_SIZE bytes at most,
	 * or NULL when the TPM has failed.
	 */
	void (*done)(void *dev, const uint8_t *answer, size_t len);
	void *dev;
};

struct tpm_crb {
	struct tpm_backend *backend;
	bool assigned; /* locality 0 has asked for access */
	bool idle;     /* commands are not taken */
	bool busy;     /* START: the backend has a command */
	bool cancel;
	bool failed; /* the backend did; only a reset helps */
	uint8_t buffer[TPM_BUFFER_SIZE];
};

void tpm_crb_init(struct tpm_crb *t, struct tpm_backend *backend);

/* The page at TPM_CRB_BASE; `dev` is the struct tpm_crb. */
extern const struct bus_ops tpm_crb_ops;

#endif
