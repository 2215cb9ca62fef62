/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a device as a stream of bytes: saved from one, loaded into another that was made
 * with the same configuration, which then goes on where the first stood still. docs/decisions/0065
 * says why it is made like this and what is not in it.
 *
 * What of a structure is saved stands in one list, by which it is both saved and loaded, so that the
 * two cannot drift apart:
 *
 *	#define UART_STATE(F, T)                       \
 *		F(T, line, OWN, 0)                     \
 *		F(T, divisor, SAVED, UINT16_MAX)       \
 *		F(T, fifo, ARRAY, STATE_ANY)           \
 *		F(T, fifo_size, SAME, STATE_ANY)
 *	STATE_TYPE(uart_type, struct uart, UART_STATE, "uart", 1);
 *
 * The list names each member, in the order of the structure. The compiler counts them: one that is
 * not listed does not compile. A member is
 *
 *	SAVED   an unsigned number or bool, at most max; signed ones are saved as their bits
 *	ARRAY   an array of such numbers
 *	BYTES   anything, byte for byte: for plain bytes only
 *	PART    a structure with a list of its own, PARTS an array of them: max is its type
 *	SAME    a number of the configuration: saved, and on loading compared with what is there
 *	OWN     not saved, a number or pointer: the owner's, or made anew from the others on loading
 *	OWNS    the same of an array or structure; or what has a section of its own
 *
 * A device's function (`int uart_state(struct uart *, struct state *)`) calls state_struct and its
 * kin for all that it has; the same function saves and loads. The first failure sticks: later calls do
 * nothing and return it. What holds between fields is checked after loading, with state_refuse.
 *
 * The stream is not believed: what is torn, cut, too long, there twice, unknown, of another version
 * or layout, or out of range is refused with a reason. A load that fails leaves a device that may
 * only be destroyed, or reset.
 *
 * Layout, little endian: struct header (state.c), then sections. A section has a name, a version, a
 * mark of its layout (names, sizes and counts of its fields: a list that was changed under the same
 * version is found), how many structures it holds, and their fields, in order, without padding.
 *
 * Pure; allocates nothing. In zhyve and device processes.
 */
#ifndef ZHYVE_DEVICES_STATE_H
#define ZHYVE_DEVICES_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STATE_NAME_MAX     16 /* end byte included */
#define STATE_SECTIONS_MAX 64
#define STATE_MAX          (16u << 20) /* bytes of a whole stream */
#define STATE_ANY          UINT64_MAX

enum state_kind {
	STATE_OWN,
	STATE_SAVED,
	STATE_SAME,
	STATE_PART
};

struct state_type;

struct state_field {
	const char *name;
	enum state_kind kind;
	uint32_t off;
	uint32_t size;  /* of one number (1, 2, 4 or 8) or part */
	uint32_t count; /* of numbers or parts */
	uint64_t max;
	const struct state_type *part;
};

struct state_type {
	const char *name;
	uint16_t version;
	size_t size; /* of the structure */
	const struct state_field *field;
	unsigned nfields;
};

/* --- the list of a structure: see above --- */

#define STATE_OF(T, m) (((T *)0)->m)
#define STATE_LIMIT(v, mx) \
	_Generic((v), _Bool : 1, default : (mx)) /* no other bool may come to be */
#define STATE_NUMBER(T, m, kind, mx)                                                            \
	{ #m, kind, offsetof(T, m), sizeof(STATE_OF(T, m)), 1, STATE_LIMIT(STATE_OF(T, m), mx), \
		NULL },
#define STATE_ROW_SAVED(T, m, mx) STATE_NUMBER(T, m, STATE_SAVED, mx)
#define STATE_ROW_SAME(T, m, mx)  STATE_NUMBER(T, m, STATE_SAME, mx)
#define STATE_ROW_ARRAY(T, m, mx)                                     \
	{ #m, STATE_SAVED, offsetof(T, m), sizeof(STATE_OF(T, m)[0]), \
		sizeof(STATE_OF(T, m)) / sizeof(STATE_OF(T, m)[0]),   \
		STATE_LIMIT(STATE_OF(T, m)[0], mx), NULL },
#define STATE_ROW_BYTES(T, m, mx) \
	{ #m, STATE_SAVED, offsetof(T, m), 1, sizeof(STATE_OF(T, m)), STATE_ANY, NULL },
#define STATE_ROW_PART(T, m, t) \
	{ #m, STATE_PART, offsetof(T, m), sizeof(STATE_OF(T, m)), 1, 0, &(t) },
#define STATE_ROW_PARTS(T, m, t)                                     \
	{ #m, STATE_PART, offsetof(T, m), sizeof(STATE_OF(T, m)[0]), \
		sizeof(STATE_OF(T, m)) / sizeof(STATE_OF(T, m)[0]), 0, &(t) },
#define STATE_ROW_OWN(T, m, mx)   { #m, STATE_OWN, offsetof(T, m), 0, 0, 0, NULL },
#define STATE_ROW_OWNS(T, m, mx)  STATE_ROW_OWN(T, m, mx)
#define STATE_ROW(T, m, KIND, mx) STATE_ROW_##KIND(T, m, mx)

/* One initializer for each member listed: the compiler counts them. */
/* clang-format off */
#define STATE_COUNT_SAVED 0
#define STATE_COUNT_SAME  0
#define STATE_COUNT_OWN   0
#define STATE_COUNT_ARRAY {}
#define STATE_COUNT_BYTES {}
#define STATE_COUNT_PART  {}
#define STATE_COUNT_PARTS {}
#define STATE_COUNT_OWNS  {}
#define STATE_COUNT(T, m, KIND, mx) STATE_COUNT_##KIND,

#define STATE_TYPE(id, T, LIST, title, ver)                                              \
	_Pragma("GCC diagnostic push")                                                   \
	_Pragma("GCC diagnostic error \"-Wmissing-field-initializers\"")                 \
	static const T id##_complete __attribute__((unused)) = { LIST(STATE_COUNT, T) }; \
	_Pragma("GCC diagnostic pop")                                                    \
	static const struct state_field id##_fields[] = { LIST(STATE_ROW, T) };          \
	static const struct state_type id = { title, ver, sizeof(T), id##_fields,        \
		sizeof(id##_fields) / sizeof(id##_fields[0]) }
/* clang-format on */

/* --- a stream --- */

struct state {
	struct err *e; /* may be NULL */
	int rc;        /* of the first failure */
	bool loading;
	const char *device;
	uint8_t unit; /* of several alike within the device; set around their sections, else 0 */
	uint8_t *out;
	const uint8_t *in;
	size_t len; /* room for it, or the whole of it */
	size_t at;  /* saved so far */
	unsigned nsections;
	struct {
		uint32_t at;
		bool loaded;
	} section[STATE_SECTIONS_MAX]; /* where they begin */
};

/*
 * Begin to save a device into `len` bytes at `buf`. `device` says what it is ("virtio-blk"), shorter
 * than STATE_NAME_MAX.
 */
void state_save(struct state *st, const char *device, void *buf, size_t len, struct err *e);
/* Begin to load: the whole frame of the stream is looked at. 0, -EINVAL. */
int state_load(struct state *st, const char *device, const void *buf, size_t len, struct err *e);
/*
 * The device's functions have been called. 0 with the stream's length in *len; -EINVAL also when
 * something was left that nobody has loaded; -ENOSPC when there was no room.
 */
int state_end(struct state *st, size_t *len);

/* --- for a device's function; 0 or the first failure --- */

/* One structure, or `n` in a row. A section of that type's name comes once for each `unit`. */
int state_struct(struct state *st, const struct state_type *t, void *p);
int state_structs(struct state *st, const struct state_type *t, void *p, unsigned n);
/* Plain bytes, of a length that follows from the configuration. */
int state_bytes(struct state *st, const char *name, void *p, size_t len);
/* What was loaded makes no sense, or cannot be saved. -errnum. */
int state_refuse(struct state *st, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
