/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flash chip: see pflash.h. A command it does not know takes it back to array mode; a sequence that
 * goes wrong changes nothing and says so in the status register. Pure; runs in zhyve.
 */
#include "devices/pflash.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

/* Commands of the Intel/Sharp extended set, by what a driver calls them. */
enum pflash_cmd {
	CMD_LOCK_SET = 0x01,
	CMD_PROGRAM = 0x10,
	CMD_ERASE = 0x20,
	CMD_PROGRAM2 = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_LOCK = 0x60,
	CMD_READ_STATUS = 0x70,
	CMD_READ_ID = 0x90,
	CMD_QUERY = 0x98,
	CMD_CONFIRM = 0xD0,
	CMD_BUFFER = 0xE8,
	CMD_ARRAY = 0xFF
};

#define ST_READY         0x80
#define ST_ERASE_ERROR   0x20
#define ST_PROGRAM_ERROR 0x10
#define ST_SEQUENCE      (ST_ERASE_ERROR | ST_PROGRAM_ERROR)

#define ID_MAKER         0x89
#define ID_DEVICE        0x18
#define CFI_LEN          0x37

bool
pflash_in_array_mode(const struct pflash *f)
{
	return (f->cmd == CMD_ARRAY);
}

static void
store_dirty(struct pflash *f)
{
	uint32_t from = f->dirty_from, len = f->dirty_to - f->dirty_from;

	f->dirty_from = f->dirty_to = 0;
	if (len != 0 && f->ops.store(f->ops.ctx, from, len) != 0)
		f->status |= ST_PROGRAM_ERROR;
}

static void
to_mode(struct pflash *f, uint8_t cmd)
{
	bool was_array = pflash_in_array_mode(f);

	f->cmd = cmd;
	f->cycle = 0;
	if (pflash_in_array_mode(f))
		store_dirty(f);
	if (pflash_in_array_mode(f) != was_array)
		f->ops.array_mode(f->ops.ctx, !was_array);
}

/* The bytes now differ from what is stored. Never more than one block waits. */
static void
mark_dirty(struct pflash *f, uint32_t off, uint32_t len)
{
	uint32_t block = ROUND_DOWN(off, PFLASH_BLOCK);

	if (f->dirty_to != f->dirty_from && ROUND_DOWN(f->dirty_from, PFLASH_BLOCK) != block)
		store_dirty(f);
	if (f->dirty_to == f->dirty_from) {
		f->dirty_from = off;
		f->dirty_to = off + len;
	} else {
		f->dirty_from = MIN(f->dirty_from, off);
		f->dirty_to = MAX(f->dirty_to, off + len);
	}
}

/* Within one block: an access is within 8 bytes, but may lie across the border of two. */
static void
program(struct pflash *f, uint32_t off, const uint8_t *p, uint32_t len)
{
	while (len > 0) {
		uint32_t run = MIN(len, PFLASH_BLOCK - off % PFLASH_BLOCK);

		memcpy(f->mem + off, p, run);
		mark_dirty(f, off, run);
		off += run;
		p += run;
		len -= run;
	}
	f->status |= ST_READY;
}

static void
erase(struct pflash *f, uint32_t off)
{
	uint32_t block = ROUND_DOWN(off, PFLASH_BLOCK);

	store_dirty(f);
	memset(f->mem + block, 0xff, PFLASH_BLOCK);
	f->status |= ST_READY;
	if (f->ops.store(f->ops.ctx, block, PFLASH_BLOCK) != 0)
		f->status |= ST_ERASE_ERROR;
}

/* First cycle: a command. */
static void
command(struct pflash *f, uint8_t cmd)
{
	switch (cmd) {
	case CMD_PROGRAM:
	case CMD_PROGRAM2:
	case CMD_ERASE:
	case CMD_LOCK:
	case CMD_BUFFER:
		to_mode(f, cmd);
		f->cycle = 1;
		if (cmd == CMD_BUFFER)
			f->status |= ST_READY; /* a buffer is always free */
		break;
	case CMD_READ_STATUS:
	case CMD_READ_ID:
	case CMD_QUERY:
		to_mode(f, cmd);
		break;
	case CMD_CLEAR_STATUS:
		to_mode(f, CMD_ARRAY);
		f->status = 0;
		break;
	default:
		to_mode(f, CMD_ARRAY);
		break;
	}
}

static void
bad_sequence(struct pflash *f)
{
	f->status |= ST_READY | ST_SEQUENCE;
	to_mode(f, CMD_READ_STATUS);
}

/* Write to buffer: the count less one, that many bytes within the buffer's reach, confirmation. */
static void
buffer_cycle(struct pflash *f, uint32_t off, unsigned size, const uint8_t *p)
{
	if (f->cycle == 1) {
		f->buf_left = (uint32_t)p[0] + 1;
		f->buf_len = 0;
		f->cycle = 2;
	} else if (f->buf_left != 0) {
		if (f->buf_len == 0)
			f->buf_start = f->buf_at = off;
		/* In order and without gaps: that is all a driver does. */
		if (off != f->buf_at || size > f->buf_left ||
		    !range_ok(f->buf_len, size, PFLASH_BUFFER)) {
			bad_sequence(f);
			return;
		}
		memcpy(f->buf + f->buf_len, p, size);
		f->buf_len += size;
		f->buf_at += size;
		f->buf_left -= size;
	} else if (p[0] == CMD_CONFIRM) {
		program(f, f->buf_start, f->buf, f->buf_len);
		f->cycle = 0;
	} else {
		bad_sequence(f);
	}
}

/* What follows the first cycle of a command that has more. */
static void
second(struct pflash *f, uint32_t off, unsigned size, const uint8_t *p)
{
	switch (f->cmd) {
	case CMD_PROGRAM:
	case CMD_PROGRAM2:
		program(f, off, p, size);
		f->cycle = 0;
		break;
	case CMD_ERASE:
		if (p[0] != CMD_CONFIRM) {
			bad_sequence(f);
			break;
		}
		erase(f, off);
		f->cycle = 0;
		break;
	case CMD_LOCK: /* blocks have no locks */
		if (p[0] == CMD_ARRAY)
			to_mode(f, CMD_ARRAY);
		else if (p[0] != CMD_CONFIRM && p[0] != CMD_LOCK_SET)
			bad_sequence(f);
		f->status |= ST_READY;
		f->cycle = 0;
		break;
	default:
		buffer_cycle(f, off, size, p);
		break;
	}
}

static void
pflash_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pflash *f = dev;
	uint8_t bytes[8];

	le64_put(bytes, val);
	if (f->cycle == 0)
		command(f, bytes[0]);
	else
		second(f, (uint32_t)off, size, bytes);
}

/* CFI's query structure (JEDEC JESD68.01): one region of equal blocks. */
static uint8_t
query(const struct pflash *f, uint32_t off)
{
	uint32_t blocks = f->len / PFLASH_BLOCK - 1;
	uint8_t t[CFI_LEN] = {
		[0x10] = 'Q',
		[0x11] = 'R',
		[0x12] = 'Y',
		[0x13] = 1,    /* primary command set 0001, its table: */
		[0x15] = 0x31, /* "PRI" */
		[0x1B] = 0x45,
		[0x1C] = 0x55, /* supply 4.5 to 5.5 V */
		[0x1F] = 7,
		[0x20] = 7,
		[0x21] = 10, /* typical times, powers of two: 128 us, 1 s */
		[0x23] = 4,
		[0x24] = 4,
		[0x25] = 4,
		[0x2A] = 8, /* buffer: 2^8 bytes */
		[0x2C] = 1, /* regions */
		[0x31] = 'P',
		[0x32] = 'R',
		[0x33] = 'I',
		[0x34] = '1',
		[0x35] = '0',
	};

	for (uint32_t n = f->len - 1; n != 0; n >>= 1)
		t[0x27]++; /* size, power of two, rounded up */
	t[0x2D] = (uint8_t)blocks;
	t[0x2E] = (uint8_t)(blocks >> 8);
	t[0x2F] = (uint8_t)(PFLASH_BLOCK >> 8);
	t[0x30] = (uint8_t)(PFLASH_BLOCK >> 16);
	return (off < sizeof(t) ? t[off] : 0);
}

static uint8_t
read_byte(const struct pflash *f, uint32_t off)
{
	static const uint8_t id[4] = { ID_MAKER, ID_DEVICE };

	switch (f->cmd) {
	case CMD_ARRAY:
		return (f->mem[off]);
	case CMD_READ_ID:
		return (id[off & 3]);
	case CMD_QUERY:
		return (query(f, off));
	default:
		return (f->status);
	}
}

static uint64_t
pflash_read(void *dev, uint64_t off, unsigned size)
{
	const struct pflash *f = dev;
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)read_byte(f, (uint32_t)off + i) << (8 * i);
	return (v);
}

const struct bus_ops pflash_bus_ops = { pflash_read, pflash_write };

void
pflash_init(struct pflash *f, uint8_t *mem, uint32_t len, const struct pflash_ops *ops)
{
	memset(f, 0, sizeof(*f));
	f->mem = mem;
	f->len = len;
	f->ops = *ops;
	f->cmd = CMD_ARRAY;
}

/* --- state --- */

#define PFLASH_STATE(F, T)                   \
	F(T, mem, OWN, 0)                    \
	F(T, len, SAME, STATE_ANY)           \
	F(T, ops, OWNS, 0)                   \
	F(T, cmd, SAVED, STATE_ANY)          \
	F(T, cycle, SAVED, 2)                \
	F(T, status, SAVED, STATE_ANY)       \
	F(T, dirty_from, OWN, 0)             \
	F(T, dirty_to, OWN, 0)               \
	F(T, buf_start, SAVED, STATE_ANY)    \
	F(T, buf_left, SAVED, PFLASH_BUFFER) \
	F(T, buf_len, SAVED, PFLASH_BUFFER)  \
	F(T, buf_at, SAVED, STATE_ANY)       \
	F(T, buf, BYTES, 0)
STATE_TYPE(pflash_type, struct pflash, PFLASH_STATE, "pflash", 1);

int
pflash_state(struct pflash *f, struct state *st)
{
	struct pflash image = *f;

	if (f->dirty_from != f->dirty_to)
		return (state_refuse(
		    st, EBUSY, "%u bytes are not stored yet", f->dirty_to - f->dirty_from));
	if (state_struct(st, &pflash_type, &image) < 0 || !st->loading)
		return (st->rc);
	if (!range_ok(image.buf_start, image.buf_len, f->len))
		return (state_refuse(st, EINVAL, "its buffer is for beyond its end"));
	*f = image;
	if (!pflash_in_array_mode(f))
		f->ops.array_mode(f->ops.ctx, false);
	return (0);
}
