/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers for the debugger: see gdb_regs.h. One table says all. Pure; runs in zhyve. */
#include "vmm/gdb_regs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"

enum feature {
	CORE,
	SSE,
	SEGMENTS,
	SYSTEM
};

static const char *const features[] = {
	[CORE] = "org.gnu.gdb.i386.core",
	[SSE] = "org.gnu.gdb.i386.sse",
	[SEGMENTS] = "org.gnu.gdb.i386.segments",
	[SYSTEM] = "org.zhyve.system",
};

struct reg {
	const char *name, *type;
	uint16_t offset, size; /* in struct gdb_regs */
	enum feature feature;
	bool fixed; /* read-only */
};

#define FIELD(f) offsetof(struct gdb_regs, f), sizeof(((struct gdb_regs *)0)->f)
#define GPR(name, n)                                      \
	{                                                 \
		name, "int64", FIELD(gpr[n]), CORE, false \
	}
#define PTR(name, f)                                    \
	{                                               \
		name, "data_ptr", FIELD(f), CORE, false \
	}
#define I32(name, f, fix)                          \
	{                                          \
		name, "int32", FIELD(f), CORE, fix \
	}
#define ST(n)                                                  \
	{                                                      \
		"st" #n, "i387_ext", FIELD(st[n]), CORE, false \
	}
#define FCTL(name, f)                              \
	{                                          \
		name, "int", FIELD(f), CORE, false \
	}
#define XMM(n)                                                \
	{                                                     \
		"xmm" #n, "vec128", FIELD(xmm[n]), SSE, false \
	}
#define SYS(f)                                      \
	{                                           \
#f, "int64", FIELD(f), SYSTEM, true \
	}

static const struct reg regs[] = {
	GPR("rax", 0),
	GPR("rbx", 1),
	GPR("rcx", 2),
	GPR("rdx", 3),
	GPR("rsi", 4),
	GPR("rdi", 5),
	PTR("rbp", gpr[6]),
	PTR("rsp", gpr[7]),
	GPR("r8", 8),
	GPR("r9", 9),
	GPR("r10", 10),
	GPR("r11", 11),
	GPR("r12", 12),
	GPR("r13", 13),
	GPR("r14", 14),
	GPR("r15", 15),
	{ "rip", "code_ptr", FIELD(rip), CORE, false },
	I32("eflags", eflags, false),
	I32("cs", cs, true),
	I32("ss", ss, true),
	I32("ds", ds, true),
	I32("es", es, true),
	I32("fs", fs, true),
	I32("gs", gs, true),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	FCTL("fctrl", fctrl),
	FCTL("fstat", fstat),
	FCTL("ftag", ftag),
	FCTL("fiseg", fiseg),
	FCTL("fioff", fioff),
	FCTL("foseg", foseg),
	FCTL("fooff", fooff),
	FCTL("fop", fop),
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	{ "mxcsr", "int", FIELD(mxcsr), SSE, false },
	{ "fs_base", "int64", FIELD(fs_base), SEGMENTS, false },
	{ "gs_base", "int64", FIELD(gs_base), SEGMENTS, false },
	SYS(cr0),
	SYS(cr2),
	SYS(cr3),
	SYS(cr4),
	SYS(cr8),
	SYS(efer),
};

struct text {
	char *at;
	size_t left;
	bool over;
};

__attribute__((format(printf, 2, 3))) static void
say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left) {
		t->over = true;
		return;
	}
	t->at += n;
	t->left -= (size_t)n;
}

static void
say_vectors(struct text *t)
{
	static const struct {
		const char *id, *type;
		unsigned count;
	} v[] = { { "v4f", "ieee_single", 4 }, { "v2d", "ieee_double", 2 }, { "v16i8", "int8", 16 },
		{ "v4i32", "int32", 4 }, { "v2i64", "int64", 2 } };

	for (size_t i = 0; i < NITEMS(v); i++)
		say(t, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>", v[i].id, v[i].type,
		    v[i].count);
	say(t, "<union id=\"vec128\">");
	for (size_t i = 0; i < NITEMS(v); i++)
		say(t, "<field name=\"%s\" type=\"%s\"/>", v[i].id, v[i].id);
	say(t, "<field name=\"uint128\" type=\"uint128\"/></union>");
}

size_t
gdb_regs_xml(char *out, size_t size)
{
	struct text t = { out, size, false };

	say(&t,
	    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	    "<architecture>i386:x86-64</architecture>");
	for (size_t i = 0; i < NITEMS(regs); i++) {
		if (i == 0 || regs[i].feature != regs[i - 1].feature) {
			say(&t, "%s<feature name=\"%s\">", i == 0 ? "" : "</feature>",
			    features[regs[i].feature]);
			if (regs[i].feature == SSE)
				say_vectors(&t);
		}
		say(&t, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", regs[i].name,
		    regs[i].size * 8u, regs[i].type);
	}
	say(&t, "</feature></target>");
	return (t.over ? 0 : size - t.left);
}

size_t
gdb_hex_put(char *out, const void *bytes, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++) {
		*out++ = digit[b[i] >> 4];
		*out++ = digit[b[i] & 15];
	}
	return (2 * n);
}

bool
gdb_hex_get(const char *text, void *bytes, size_t n)
{
	uint8_t *b = bytes;
	int hi, lo;

	for (size_t i = 0; i < n; i++) {
		if ((hi = parse_hex_digit(text[2 * i])) < 0 ||
		    (lo = parse_hex_digit(text[2 * i + 1])) < 0)
			return (false);
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	return (true);
}

size_t
gdb_regs_put(const struct gdb_regs *r, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < NITEMS(regs); i++)
		len += gdb_hex_put(out + len, (const char *)r + regs[i].offset, regs[i].size);
	return (len);
}

int
gdb_regs_get(struct gdb_regs *r, const char *text)
{
	struct gdb_regs new = *r;

	for (size_t i = 0; i < NITEMS(regs); i++) {
		uint8_t value[16];

		if (!gdb_hex_get(text, value, regs[i].size))
			return (-EINVAL);
		text += 2 * (size_t)regs[i].size;
		if (!regs[i].fixed)
			memcpy((char *)&new + regs[i].offset, value, regs[i].size);
	}
	if (*text != '\0')
		return (-EINVAL);
	*r = new;
	return (0);
}

int
gdb_reg_put(const struct gdb_regs *r, unsigned n, char *out, size_t *len)
{
	if (n >= NITEMS(regs))
		return (-EINVAL);
	*len = gdb_hex_put(out, (const char *)r + regs[n].offset, regs[n].size);
	return (0);
}

int
gdb_reg_get(struct gdb_regs *r, unsigned n, const char *text)
{
	uint8_t value[16];

	if (n >= NITEMS(regs) || strlen(text) != 2 * (size_t)regs[n].size ||
	    !gdb_hex_get(text, value, regs[n].size))
		return (-EINVAL);
	if (regs[n].fixed)
		return (-EACCES);
	memcpy((char *)r + regs[n].offset, value, regs[n].size);
	return (0);
}
