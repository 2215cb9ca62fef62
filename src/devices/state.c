/* SPDX-License-Identifier: BSD-2-Clause */
/* Saving and loading the state of devices: see state.h. Refuses whatever it has not written itself. */
#include "devices/state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"

#define MAGIC     "zhyvest1" /* the digit is the format's */
#define H_MAGIC   0u         /* struct header: 8 bytes */
#define H_LEN     8u         /* le32, of all */
#define H_COUNT   12u        /* le32, sections */
#define H_NAME    16u        /* of the device, padded with NUL */
#define H_SIZE    32u

#define S_NAME    0u  /* of the section, padded with NUL */
#define S_VERSION 16u /* le16 */
#define S_FLAGS   18u
#define S_UNIT    19u /* which of several alike */
#define S_COUNT   20u /* le32, structures */
#define S_LEN     24u /* le32, of what follows */
#define S_LAYOUT  28u /* le32 */
#define S_SIZE    32u

/* Who does not know the section may pass over it: for what later versions will add. */
#define S_OPTIONAL 1u

int
state_refuse(struct state *st, int errnum, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (st->rc != 0)
		return (st->rc);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	st->rc = err_say(st->e, errnum, "%s: its state cannot be %s: %s", st->device,
	    st->loading ? "loaded" : "saved", text);
	return (st->rc);
}

static void
name_put(uint8_t *at, const char *name)
{
	assert(strlen(name) < STATE_NAME_MAX);
	memset(at, 0, STATE_NAME_MAX);
	memcpy(at, name, strlen(name));
}

/* Room for `len` more bytes, NULL: there is none. */
static uint8_t *
room(struct state *st, size_t len)
{
	uint8_t *p = st->out + st->at;

	if (st->rc != 0)
		return (NULL);
	if (!range_ok(st->at, len, MIN(st->len, (size_t)STATE_MAX))) {
		(void)state_refuse(st, ENOSPC, "it is more than %zu bytes", st->len);
		return (NULL);
	}
	st->at += len;
	return (p);
}

void
state_save(struct state *st, const char *device, void *buf, size_t len, struct err *e)
{
	uint8_t *h;

	*st = (struct state){ .e = e, .device = device, .out = buf, .len = len };
	if ((h = room(st, H_SIZE)) == NULL)
		return;
	memcpy(h + H_MAGIC, MAGIC, 8);
	name_put(h + H_NAME, device);
}

/* --- the frame of a stream that is loaded --- */

static bool
name_ok(const uint8_t *at)
{
	unsigned n = 0;

	while (n < STATE_NAME_MAX && at[n] > ' ' && at[n] < 0x7f)
		n++;
	for (unsigned i = n; i < STATE_NAME_MAX; i++)
		if (at[i] != 0)
			return (false);
	return (n > 0 && n < STATE_NAME_MAX);
}

static bool
same_section(const uint8_t *s, const char *name, uint8_t unit)
{
	return (strcmp((const char *)s, name) == 0 && s[S_UNIT] == unit);
}

static int
look_at_section(struct state *st, size_t at)
{
	const uint8_t *s = st->in + at;

	if (!range_ok(at, S_SIZE, st->len) || !range_ok(at + S_SIZE, le32_get(s + S_LEN), st->len))
		return (state_refuse(st, EINVAL, "it ends within section %u", st->nsections + 1));
	if (!name_ok(s + S_NAME))
		return (state_refuse(st, EINVAL, "section %u has no name", st->nsections + 1));
	if ((s[S_FLAGS] & ~S_OPTIONAL) != 0)
		return (state_refuse(
		    st, EINVAL, "section '%s' has flags that nobody knows", (const char *)s));
	for (unsigned i = 0; i < st->nsections; i++)
		if (same_section(st->in + st->section[i].at, (const char *)s, s[S_UNIT]))
			return (state_refuse(
			    st, EINVAL, "section '%s' is there twice", (const char *)s));
	st->section[st->nsections++].at = (uint32_t)at;
	return (0);
}

int
state_load(struct state *st, const char *device, const void *buf, size_t len, struct err *e)
{
	const uint8_t *h = buf;
	size_t at = H_SIZE;
	uint32_t count;

	*st = (struct state){ .e = e, .device = device, .in = buf, .len = len, .loading = true };
	if (len < H_SIZE || memcmp(h + H_MAGIC, MAGIC, 8) != 0)
		return (state_refuse(st, EINVAL, "it is not the state of a device"));
	if (le32_get(h + H_LEN) != len || len > STATE_MAX)
		return (state_refuse(st, EINVAL, "it says that it is %u bytes, but there are %zu",
		    le32_get(h + H_LEN), len));
	if (!name_ok(h + H_NAME) || strcmp((const char *)h + H_NAME, device) != 0)
		return (state_refuse(st, EINVAL, "it is another device's"));
	count = le32_get(h + H_COUNT);
	if (count > STATE_SECTIONS_MAX)
		return (state_refuse(st, EINVAL, "it has %u sections", count));
	for (uint32_t i = 0; i < count; i++) {
		if (look_at_section(st, at) < 0)
			return (st->rc);
		at += S_SIZE + le32_get(h + at + S_LEN);
	}
	if (at != len)
		return (
		    state_refuse(st, EINVAL, "%zu bytes are behind its last section", len - at));
	return (0);
}

int
state_end(struct state *st, size_t *len)
{
	if (st->rc != 0)
		return (st->rc);
	if (!st->loading) {
		le32_put(st->out + H_LEN, (uint32_t)st->at);
		le32_put(st->out + H_COUNT, st->nsections);
		*len = st->at;
		return (0);
	}
	for (unsigned i = 0; i < st->nsections; i++) {
		const uint8_t *s = st->in + st->section[i].at;

		if (!st->section[i].loaded && (s[S_FLAGS] & S_OPTIONAL) == 0)
			return (state_refuse(
			    st, EINVAL, "nobody knows its section '%s'", (const char *)s));
	}
	*len = st->len;
	return (0);
}

/* --- sections --- */

struct section {
	const char *name;
	uint16_t version;
	uint32_t layout, count;
	size_t len;
};

/* Begin a section: where its content goes, NULL when something has failed. */
static uint8_t *
section_begin(struct state *st, const struct section *s)
{
	uint8_t *h;

	assert(st->nsections < STATE_SECTIONS_MAX && s->len <= UINT32_MAX);
	if ((h = room(st, S_SIZE + s->len)) == NULL)
		return (NULL);
	for (unsigned i = 0; i < st->nsections; i++)
		assert(!same_section(st->out + st->section[i].at, s->name, st->unit));
	st->section[st->nsections++].at = (uint32_t)(h - st->out);
	name_put(h + S_NAME, s->name);
	le16_put(h + S_VERSION, s->version);
	h[S_FLAGS] = 0;
	h[S_UNIT] = st->unit;
	le32_put(h + S_COUNT, s->count);
	le32_put(h + S_LEN, (uint32_t)s->len);
	le32_put(h + S_LAYOUT, s->layout);
	return (h + S_SIZE);
}

/* The content of a section that is as we would write it; NULL: it is not. */
static const uint8_t *
section_find(struct state *st, const struct section *s)
{
	const uint8_t *h = NULL;
	unsigned i;

	if (st->rc != 0)
		return (NULL);
	for (i = 0; i < st->nsections; i++) {
		h = st->in + st->section[i].at;
		if (!st->section[i].loaded && same_section(h, s->name, st->unit))
			break;
	}
	if (i == st->nsections)
		(void)state_refuse(st, EINVAL, "it has no section '%s'", s->name);
	else if (le16_get(h + S_VERSION) != s->version)
		(void)state_refuse(st, EINVAL, "section '%s' is of version %u instead of %u",
		    s->name, le16_get(h + S_VERSION), s->version);
	else if (le32_get(h + S_LAYOUT) != s->layout)
		(void)state_refuse(
		    st, EINVAL, "section '%s' has other fields than it has here", s->name);
	else if (le32_get(h + S_COUNT) != s->count || le32_get(h + S_LEN) != s->len)
		(void)state_refuse(st, EINVAL,
		    "section '%s' is %u times, %u bytes, instead of "
		    "%u and %zu",
		    s->name, le32_get(h + S_COUNT), le32_get(h + S_LEN), s->count, s->len);
	if (st->rc != 0)
		return (NULL);
	st->section[i].loaded = true;
	return (h + S_SIZE);
}

/* --- fields --- */

static uint64_t
get(const void *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return (v);
}

/* Is it bytes of which any will do? */
static bool
plain(const struct state_field *f)
{
	return (f->kind == STATE_SAVED && f->size == 1 && f->max == STATE_ANY);
}

static void
move_number(struct state *st, const struct state_type *t, const struct state_field *f,
    uint8_t *here, uint8_t *to, const uint8_t *from)
{
	uint64_t v = get(st->loading ? from : here, f->size);

	/* One that could not be loaded is not saved: it is noticed while there is time. */
	if (v > f->max)
		(void)state_refuse(st, EINVAL, "%s.%s is %llu, more than %llu", t->name, f->name,
		    (unsigned long long)v, (unsigned long long)f->max);
	else if (!st->loading)
		memcpy(to, &v, f->size);
	else if (f->kind == STATE_SAVED)
		memcpy(here, &v, f->size);
	else if (v != get(here, f->size))
		(void)state_refuse(st, EINVAL,
		    "%s.%s was %llu and is %llu here: not the same configuration", t->name, f->name,
		    (unsigned long long)v, (unsigned long long)get(here, f->size));
}

/* Bytes of a structure in a section. */
static size_t
len_of(const struct state_type *t)
{
	size_t len = 0;

	for (unsigned i = 0; i < t->nfields; i++) {
		const struct state_field *f = &t->field[i];

		if (f->kind != STATE_OWN)
			len += f->count * (f->kind == STATE_PART ? len_of(f->part) : f->size);
	}
	return (len);
}

/* Move a structure between memory and section. */
static void
move(struct state *st, const struct state_type *t, uint8_t *obj, uint8_t *to, const uint8_t *from)
{
	size_t at = 0, step;

	for (unsigned k = 0; k < t->nfields && st->rc == 0; k++) {
		const struct state_field *f = &t->field[k];
		uint8_t *here = obj + f->off;

		if (f->kind == STATE_OWN)
			continue;
		if (plain(f)) {
			if (st->loading)
				memcpy(here, from + at, f->count);
			else
				memcpy(to + at, here, f->count);
			at += f->count;
			continue;
		}
		step = f->kind == STATE_PART ? len_of(f->part) : f->size;
		for (uint32_t i = 0; i < f->count && st->rc == 0;
		     i++, here += f->size, at += step) {
			uint8_t *into = st->loading ? NULL : to + at;
			const uint8_t *out = st->loading ? from + at : NULL;

			if (f->kind == STATE_PART)
				move(st, f->part, here, into, out);
			else
				move_number(st, t, f, here, into, out);
		}
	}
}

/* The mark of a layout; also, the list is one that this can work with. */
static uint64_t
layout_of(const struct state_type *t, uint64_t h)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct state_field *f = &t->field[i];

		assert(i == 0 || f->off > t->field[i - 1].off);
		if (f->kind == STATE_OWN)
			continue;
		h = hash_text(hash_add(h, f->count), f->name);
		assert(f->kind == STATE_PART ? f->part->size == f->size
					     : IS_POW2(f->size) && f->size <= 8);
		h = f->kind == STATE_PART ? layout_of(f->part, h) : hash_add(h, f->size);
	}
	return (h);
}

static struct section
section_of(const struct state_type *t, unsigned n)
{
	uint64_t h = layout_of(t, HASH_INIT);

	return ((struct section){ .name = t->name,
	    .version = t->version,
	    .layout = (uint32_t)(h ^ h >> 32),
	    .count = n,
	    .len = len_of(t) * n });
}

int
state_structs(struct state *st, const struct state_type *t, void *p, unsigned n)
{
	const struct section s = section_of(t, n);
	const size_t len = len_of(t);
	const uint8_t *from = NULL;
	uint8_t *to = NULL;

	if (st->loading)
		from = section_find(st, &s);
	else
		to = section_begin(st, &s);
	for (unsigned i = 0; i < n && st->rc == 0; i++)
		move(st, t, (uint8_t *)p + i * t->size, st->loading ? NULL : to + i * len,
		    st->loading ? from + i * len : NULL);
	return (st->rc);
}

int
state_struct(struct state *st, const struct state_type *t, void *p)
{
	return (state_structs(st, t, p, 1));
}

int
state_bytes(struct state *st, const char *name, void *p, size_t len)
{
	const struct section s = { .name = name, .version = 1, .count = 1, .len = len };
	const uint8_t *from;
	uint8_t *to;

	if (st->loading) {
		if ((from = section_find(st, &s)) != NULL)
			memcpy(p, from, len);
	} else if ((to = section_begin(st, &s)) != NULL) {
		memcpy(to, p, len);
	}
	return (st->rc);
}
