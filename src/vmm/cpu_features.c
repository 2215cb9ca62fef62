/* SPDX-License-Identifier: BSD-2-Clause */
/* Features by name, models: see cpu_features.h. Refuses names it does not know. Runs in zhyve. */
#include "vmm/cpu_features.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define LEVELS_MAX 4
#define ABOVE      5 /* in no level yet: only the host's own model has it */

enum reg {
	EAX,
	EBX,
	ECX,
	EDX
};

/* Intel SDM 2A, "CPUID"; AMD APM 3, appendix E. Levels: x86-64 psABI, 3.1.1. */
static const struct feature {
	const char *name;
	uint32_t function, index;
	enum reg reg;
	uint8_t bit;
	uint8_t level; /* 0: belongs to none */
} features[] = {
	{ "sse3", 1, 0, ECX, 0, 2 },
	{ "pclmulqdq", 1, 0, ECX, 1, ABOVE },
	{ "ssse3", 1, 0, ECX, 9, 2 },
	{ "fma", 1, 0, ECX, 12, 3 },
	{ "cx16", 1, 0, ECX, 13, 2 },
	{ "pcid", 1, 0, ECX, 17, 0 },
	{ "sse4.1", 1, 0, ECX, 19, 2 },
	{ "sse4.2", 1, 0, ECX, 20, 2 },
	{ "movbe", 1, 0, ECX, 22, 3 },
	{ "popcnt", 1, 0, ECX, 23, 2 },
	{ "aes", 1, 0, ECX, 25, ABOVE },
	{ "xsave", 1, 0, ECX, 26, 3 },
	{ "avx", 1, 0, ECX, 28, 3 },
	{ "f16c", 1, 0, ECX, 29, 3 },
	{ "rdrand", 1, 0, ECX, 30, ABOVE },
	{ "fsgsbase", 7, 0, EBX, 0, 0 },
	{ "tsc-adjust", 7, 0, EBX, 1, 0 },
	{ "bmi1", 7, 0, EBX, 3, 3 },
	{ "hle", 7, 0, EBX, 4, ABOVE },
	{ "avx2", 7, 0, EBX, 5, 3 },
	{ "smep", 7, 0, EBX, 7, 0 },
	{ "bmi2", 7, 0, EBX, 8, 3 },
	{ "erms", 7, 0, EBX, 9, 0 },
	{ "invpcid", 7, 0, EBX, 10, 0 },
	{ "rtm", 7, 0, EBX, 11, ABOVE },
	{ "mpx", 7, 0, EBX, 14, ABOVE },
	{ "avx512f", 7, 0, EBX, 16, 4 },
	{ "avx512dq", 7, 0, EBX, 17, 4 },
	{ "rdseed", 7, 0, EBX, 18, ABOVE },
	{ "adx", 7, 0, EBX, 19, ABOVE },
	{ "smap", 7, 0, EBX, 20, 0 },
	{ "avx512ifma", 7, 0, EBX, 21, ABOVE },
	{ "clflushopt", 7, 0, EBX, 23, ABOVE },
	{ "clwb", 7, 0, EBX, 24, ABOVE },
	{ "avx512cd", 7, 0, EBX, 28, 4 },
	{ "sha", 7, 0, EBX, 29, ABOVE },
	{ "avx512bw", 7, 0, EBX, 30, 4 },
	{ "avx512vl", 7, 0, EBX, 31, 4 },
	{ "avx512vbmi", 7, 0, ECX, 1, ABOVE },
	{ "umip", 7, 0, ECX, 2, 0 },
	{ "pku", 7, 0, ECX, 3, 0 },
	{ "waitpkg", 7, 0, ECX, 5, ABOVE },
	{ "avx512vbmi2", 7, 0, ECX, 6, ABOVE },
	{ "gfni", 7, 0, ECX, 8, ABOVE },
	{ "vaes", 7, 0, ECX, 9, ABOVE },
	{ "vpclmulqdq", 7, 0, ECX, 10, ABOVE },
	{ "avx512vnni", 7, 0, ECX, 11, ABOVE },
	{ "avx512bitalg", 7, 0, ECX, 12, ABOVE },
	{ "avx512vpopcntdq", 7, 0, ECX, 14, ABOVE },
	{ "la57", 7, 0, ECX, 16, 0 },
	{ "rdpid", 7, 0, ECX, 22, ABOVE },
	{ "movdiri", 7, 0, ECX, 27, ABOVE },
	{ "movdir64b", 7, 0, ECX, 28, ABOVE },
	{ "fsrm", 7, 0, EDX, 4, 0 },
	{ "avx512vp2intersect", 7, 0, EDX, 8, ABOVE },
	{ "serialize", 7, 0, EDX, 14, ABOVE },
	{ "amx-bf16", 7, 0, EDX, 22, ABOVE },
	{ "avx512fp16", 7, 0, EDX, 23, ABOVE },
	{ "amx-tile", 7, 0, EDX, 24, ABOVE },
	{ "amx-int8", 7, 0, EDX, 25, ABOVE },
	{ "avxvnni", 7, 1, EAX, 4, ABOVE },
	{ "avx512bf16", 7, 1, EAX, 5, ABOVE },
	{ "lahf", 0x80000001, 0, ECX, 0, 2 },
	{ "lzcnt", 0x80000001, 0, ECX, 5, 3 },
	{ "sse4a", 0x80000001, 0, ECX, 6, ABOVE },
	{ "3dnowprefetch", 0x80000001, 0, ECX, 8, ABOVE },
	{ "xop", 0x80000001, 0, ECX, 11, ABOVE },
	{ "fma4", 0x80000001, 0, ECX, 16, ABOVE },
	{ "tbm", 0x80000001, 0, ECX, 21, ABOVE },
	{ "topoext", 0x80000001, 0, ECX, 22, 0 },
	{ "nx", 0x80000001, 0, EDX, 20, 0 },
	{ "pdpe1gb", 0x80000001, 0, EDX, 26, 0 },
	{ "rdtscp", 0x80000001, 0, EDX, 27, 0 },
	{ "invtsc", 0x80000007, 0, EDX, 8, 0 },
	{ "clzero", 0x80000008, 0, EBX, 0, ABOVE },
};

/* Each state of leaf 0xd and the feature whose instructions use it. */
static const struct {
	uint8_t state;
	const char *feature;
} states[] = {
	{ 2, "avx" },
	{ 3, "mpx" },
	{ 4, "mpx" },
	{ 5, "avx512f" },
	{ 6, "avx512f" },
	{ 7, "avx512f" },
	{ 9, "pku" },
	{ 17, "amx-tile" },
	{ 18, "amx-tile" },
};

static uint32_t *
reg_of(struct kvm_cpuid_entry2 *en, enum reg reg)
{
	switch (reg) {
	case EAX:
		return (&en->eax);
	case EBX:
		return (&en->ebx);
	case ECX:
		return (&en->ecx);
	default:
		return (&en->edx);
	}
}

static bool
has(const struct cpuid_table *t, const struct feature *f)
{
	struct kvm_cpuid_entry2 copy;
	const struct kvm_cpuid_entry2 *en = cpuid_find(t, f->function, f->index);

	if (en == NULL)
		return (false);
	copy = *en;
	return ((*reg_of(&copy, f->reg) >> f->bit & 1) != 0);
}

static void
set(struct cpuid_table *t, const struct feature *f, bool on)
{
	struct kvm_cpuid_entry2 *en = cpuid_find_mutable(t, f->function, f->index);

	if (en == NULL)
		return;
	if (on)
		*reg_of(en, f->reg) |= 1u << f->bit;
	else
		*reg_of(en, f->reg) &= ~(1u << f->bit);
}

static const struct feature *
feature_named(const char *name, size_t len)
{
	for (size_t i = 0; i < NITEMS(features); i++) {
		if (strncmp(features[i].name, name, len) == 0 && features[i].name[len] == '\0')
			return (&features[i]);
	}
	return (NULL);
}

static int
level_of(const char *model)
{
	if (strcmp(model, "host") == 0 || strcmp(model, "max") == 0)
		return (ABOVE);
	if (strncmp(model, "x86-64-v", 8) == 0 && model[8] >= '2' && model[8] <= '4' &&
	    model[9] == '\0')
		return (model[8] - '0');
	return (-1);
}

int
cpu_model_apply(struct cpuid_table *t, const char *model, struct err *e)
{
	int level = level_of(model);
	char missing[256];
	size_t used = 0;

	if (level < 0)
		return (err_say(e, EINVAL,
		    "cpu.model '%s' is not known: host, max, x86-64-v2, x86-64-v3, x86-64-v4",
		    model));
	missing[0] = '\0';
	for (size_t i = 0; level <= LEVELS_MAX && i < NITEMS(features); i++) {
		const struct feature *f = &features[i];

		if (f->level == 0)
			continue;
		if (f->level > level)
			set(t, f, false);
		else if (!has(t, f) && used < sizeof(missing) - 1)
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
			    used == 0 ? "" : ", ", f->name);
	}
	if (used != 0)
		return (err_say(e, ENOTSUP,
		    "cpu.model %s: this host's processor, or its KVM, lacks %s", model, missing));
	return (0);
}

int
cpu_features_apply(
    struct cpuid_table *t, const struct cpuid_table *host, const char *list, struct err *e)
{
	const struct feature *f;
	size_t len;

	for (; *list != '\0'; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len < 2 || (list[0] != '+' && list[0] != '-') ||
		    (f = feature_named(list + 1, len - 1)) == NULL)
			return (err_say(e, EINVAL,
			    "cpu.features: '%.*s' is not +NAME or -NAME of a feature known here",
			    (int)len, list));
		if (list[0] == '+' && !has(host, f))
			return (err_say(e, ENOTSUP,
			    "cpu.features: this host's processor, or its KVM, lacks %s", f->name));
		set(t, f, list[0] == '+');
	}
	return (0);
}

static bool
state_wanted(const struct cpuid_table *t, unsigned state)
{
	for (size_t i = 0; i < NITEMS(states); i++) {
		if (states[i].state == state)
			return (
			    has(t, feature_named(states[i].feature, strlen(states[i].feature))));
	}
	return (true); /* x87, SSE; and what is newer than this table */
}

void
cpu_xsave_fit(struct cpuid_table *t)
{
	const struct feature *xsave = feature_named("xsave", 5);
	struct kvm_cpuid_entry2 *main_leaf = cpuid_find_mutable(t, 0xd, 0);
	uint32_t size = 512 + 64; /* the legacy area and the header */
	uint64_t states_left = 0;
	unsigned n = 0;

	if (main_leaf == NULL)
		return;
	if (has(t, xsave))
		states_left = (uint64_t)main_leaf->edx << 32 | main_leaf->eax;
	for (unsigned s = 0; s < 63; s++) {
		if ((states_left >> s & 1) != 0 && !state_wanted(t, s))
			states_left &= ~(1ull << s);
	}
	main_leaf->eax = (uint32_t)states_left;
	main_leaf->edx = (uint32_t)(states_left >> 32);
	/* Sub-leaves of user states that are gone; supervisor states (ECX bit 0) are KVM's. */
	for (unsigned i = 0; i < t->nent; i++) {
		const struct kvm_cpuid_entry2 *en = &t->entry[i];
		bool state = en->function == 0xd && en->index >= 2 && en->index < 63;

		if (state && (en->ecx & 1) == 0) {
			if ((states_left >> en->index & 1) == 0)
				continue;
			size = MAX(size, en->ebx + en->eax);
		}
		t->entry[n++] = *en;
	}
	t->nent = n;
	main_leaf = cpuid_find_mutable(t, 0xd, 0);
	main_leaf->ecx = states_left == 0 ? 0 : size;
	if (states_left == 0)
		main_leaf->ebx = 0;
}
