/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of AML, the byte code of ACPI's DSDT (ACPI 6.5, chapter 20), for what static tables
 * need: scopes, devices, names, packages, resource templates, methods that return something. It
 * writes into a buffer of the caller and never beyond: what does not fit, or is misused, makes
 * the writer fail, and aml_finish tells. Pure; runs in zhyve, before any guest code.
 *
 *	aml_device(&a, "COM1");
 *	aml_name_eisaid(&a, "_HID", "PNP0501");
 *	aml_resources(&a, "_CRS");
 *	aml_res_io(&a, 0x3f8, 8);
 *	aml_res_irq(&a, 4);
 *	aml_end(&a);
 *	aml_end(&a);
 */
#ifndef ZHYVE_DEVICES_AML_H
#define ZHYVE_DEVICES_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_DEPTH_MAX 16

struct aml {
	uint8_t *buf;
	size_t size, len;
	bool failed;
	unsigned depth;
	struct {
		size_t body;    /* where its package length is to be put */
		size_t res;     /* resource template: where its size is, 0: no template */
		uint8_t *count; /* package: its number of elements, NULL: no package */
	} open[AML_DEPTH_MAX];
};

void aml_init(struct aml *a, void *buf, size_t size);
/* Bytes written, or -ENOSPC, -EINVAL when something went wrong on the way or is left open. */
int aml_finish(const struct aml *a);

/* Things that stay open until aml_end. Names are "ABCD", "\\ABCD", "ABCD.EFGH". */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned nargs);
void aml_package(struct aml *a);
/* Name (name, ResourceTemplate () { ... }). */
void aml_resources(struct aml *a, const char *name);
void aml_end(struct aml *a);

/* Name (name, ...): the value has to follow. */
void aml_name(struct aml *a, const char *name);
/* Values; in a package each is one element (so is a package in it). */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *s);
/* "PNP0A08" in the compressed form of EISAID (). */
void aml_eisaid(struct aml *a, const char *id);
/* Return (ArgN). */
void aml_return_arg(struct aml *a, unsigned n);

static inline void
aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_int(a, v);
}

static inline void
aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisaid(a, id);
}

/* Resource descriptors (6.4), inside aml_resources. Ranges are inclusive. */
void aml_res_io(struct aml *a, uint16_t port, uint8_t len);
void aml_res_irq(struct aml *a, unsigned irq); /* edge, active high, 0-15 */
void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len);
/* Windows that a bridge produces. */
void aml_res_bus_window(struct aml *a, uint16_t first, uint16_t last);
void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last);
void aml_res_mem32_window(struct aml *a, uint32_t first, uint32_t last);
void aml_res_mem64_window(struct aml *a, uint64_t first, uint64_t last);

#endif
