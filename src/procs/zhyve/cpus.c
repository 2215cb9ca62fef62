/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors of a machine out of its configuration: how many and how they are cut, what they
 * can do, which host processors they may use, which interrupt controllers serve them. Runs in
 * zhyve's main thread before any guest code.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"
#include "procs/zhyve/options.h"

#define XAPIC_IDS 255 /* identifiers 0 to 254; 255 is all of them */

/* What was derived is part of the configuration too. */
static int
write_back(struct config_node *root, const char *name, const char *text, struct err *e)
{
	if (config_set(root, name, text) != 0)
		return (err_set(e, ENOMEM, "cannot keep %s", name));
	(void)config_get(root, name); /* it has been asked for */
	return (0);
}

static int
keep_topology(struct machine *m, struct err *e)
{
	const struct cpu_topology *topo = &m->cpu.topo;
	const struct {
		const char *name;
		unsigned v;
	} kept[] = { { "cpus", m->vcpus.n }, { "sockets", topo->sockets }, { "cores", topo->cores },
		{ "threads", topo->threads } };
	char text[16];
	int rc;

	for (size_t i = 0; i < NITEMS(kept); i++) {
		(void)snprintf(text, sizeof(text), "%u", kept[i].v);
		if ((rc = write_back(m->config, kept[i].name, text, e)) != 0)
			return (rc);
	}
	if ((m->apic_id = calloc(m->vcpus.n, sizeof(*m->apic_id))) == NULL)
		return (err_set(e, ENOMEM, "cannot describe %u vCPUs", m->vcpus.n));
	for (unsigned i = 0; i < m->vcpus.n; i++)
		m->apic_id[i] = cpuid_apic_id(topo, i);
	return (0);
}

/* The number of vCPUs and how they are cut; what is not given is derived (bhyve(8), -c). */
static int
configure_topology(struct machine *m, struct err *e)
{
	uint32_t cpus, sockets, cores, threads;
	uint64_t product;
	bool given = config_get(m->config, "cpus") != NULL;
	int rc;

	if ((rc = config_number(m->config, "cpus", 1, UINT16_MAX, 1, &cpus, e)) != 0 ||
	    (rc = config_number(m->config, "sockets", 1, UINT16_MAX, 0, &sockets, e)) != 0 ||
	    (rc = config_number(m->config, "cores", 1, UINT16_MAX, 0, &cores, e)) != 0 ||
	    (rc = config_number(m->config, "threads", 1, UINT16_MAX, 0, &threads, e)) != 0)
		return (rc);
	if (!given)
		cpus = MAX(sockets, 1u) * MAX(cores, 1u) * MAX(threads, 1u);
	threads = threads == 0 ? 1 : threads;
	if (sockets == 0)
		sockets = cores != 0 ? MAX(cpus / (cores * threads), 1u) : 1;
	if (cores == 0)
		cores = MAX(cpus / (sockets * threads), 1u);
	product = (uint64_t)sockets * cores * threads;
	if (product != cpus)
		return (err_say(e, EINVAL,
		    "sockets (%u) times cores (%u) times threads (%u) must be the number of "
		    "vCPUs (%u)",
		    sockets, cores, threads, cpus));
	m->cpu.topo = (struct cpu_topology){ sockets, cores, threads };
	m->vm_config.nvcpus = m->vcpus.n = cpus;
	m->vm_config.max_apic_id = cpuid_apic_id(&m->cpu.topo, cpus - 1);
	return (keep_topology(m, e));
}

/*
 * All in the kernel while every local APIC can be reached from it. A boot ROM wants a PC's timer
 * and 8259s, so with one it is the kernel's at any size.
 */
static int
configure_irqchip(struct machine *m, struct err *e)
{
	const char *chip = config_get(m->config, "x86.irqchip");
	bool rom = firmware_rom(m) != NULL;

	if (chip == NULL)
		m->vm_config.irqchip = m->vm_config.max_apic_id >= XAPIC_IDS && !rom
		    ? VM_IRQCHIP_SPLIT
		    : VM_IRQCHIP_KERNEL;
	else if (strcmp(chip, "kernel") == 0)
		m->vm_config.irqchip = VM_IRQCHIP_KERNEL;
	else if (strcmp(chip, "split") == 0)
		m->vm_config.irqchip = VM_IRQCHIP_SPLIT;
	else
		return (err_say(e, EINVAL, "x86.irqchip: '%s' is neither kernel nor split", chip));
	if (rom && m->vm_config.irqchip == VM_IRQCHIP_SPLIT)
		return (err_say(e, ENOTSUP,
		    "x86.irqchip=split has no 8259s and no PIT, which boot ROMs need: boot a "
		    "kernel with -l kernel,FILE, or leave the variable out"));
	return (write_back(m->config, "x86.irqchip",
	    m->vm_config.irqchip == VM_IRQCHIP_SPLIT ? "split" : "kernel", e));
}

int
cpus_configure(struct machine *m, struct err *e)
{
	struct cpu_config *c = &m->cpu;
	int rc;

	if ((rc = configure_topology(m, e)) != 0 || (rc = configure_irqchip(m, e)) != 0 ||
	    (rc = config_bool(m->config, "x86.x2apic", true, &c->x2apic, e)) != 0 ||
	    (rc = config_bool(m->config, "x86.nested", false, &c->nested, e)) != 0)
		return (rc);
	if (!c->x2apic && m->vm_config.max_apic_id >= XAPIC_IDS)
		return (err_say(e, EINVAL,
		    "%u vCPUs need x2APIC: leave out -a and x86.x2apic=false", m->vcpus.n));
	c->model = config_text(m->config, "cpu.model", "host");
	c->features = config_get(m->config, "cpu.features");
	return (0);
}

/* "-p vcpu:hostcpu", which may come again for the same vCPU: vcpu.N.cpuset, a list. */
int
options_pin(struct config_node *root, const char *arg, struct err *e)
{
	const char *colon = strchr(arg, ':'), *before;
	char vcpu[16], name[48], list[CONFIG_VALUE_MAX];
	uint32_t v, h;

	if (colon == NULL || colon - arg >= (long)sizeof(vcpu))
		return (err_say(e, EINVAL, "'%s' is not of the form vcpu:hostcpu", arg));
	(void)snprintf(vcpu, sizeof(vcpu), "%.*s", (int)(colon - arg), arg);
	if (parse_u32(vcpu, 0, UINT16_MAX, &v) != 0 || parse_u32(colon + 1, 0, UINT16_MAX, &h) != 0)
		return (err_say(e, EINVAL, "'%s' is not of the form vcpu:hostcpu", arg));
	(void)snprintf(name, sizeof(name), "vcpu.%u.cpuset", v);
	before = config_get(root, name);
	if (snprintf(list, sizeof(list), "%s%s%u", before == NULL ? "" : before,
		before == NULL ? "" : ",", h) >= (int)sizeof(list) ||
	    config_set(root, name, list) != 0)
		return (err_say(e, E2BIG, "vCPU %u is pinned to too many host processors", v));
	return (0);
}

/* "0,2-3" into a set of `max` processors. */
static int
parse_cpuset(const char *text, cpu_set_t *set, size_t size, unsigned max)
{
	char part[32], *dash;
	uint32_t from, to;
	size_t len;

	CPU_ZERO_S(size, set);
	do {
		len = strcspn(text, ",");
		if (len == 0 || len >= sizeof(part))
			return (-EINVAL);
		memcpy(part, text, len);
		part[len] = '\0';
		if ((dash = strchr(part, '-')) != NULL)
			*dash++ = '\0';
		if (parse_u32(part, 0, max - 1, &from) != 0 ||
		    parse_u32(dash == NULL ? part : dash, from, max - 1, &to) != 0)
			return (-EINVAL);
		for (; from <= to; from++)
			CPU_SET_S(from, size, set);
		text += len + (text[len] == ',');
	} while (text[-1] == ',');
	return (*text == '\0' ? 0 : -EINVAL);
}

static int
pin_one(struct machine *m, struct config_node *node, cpu_set_t *set, size_t size, struct err *e)
{
	const char *list = config_get(node, "cpuset");
	uint32_t n;
	int rc;

	if (parse_u32(node->name, 0, m->vcpus.n - 1, &n) != 0)
		return (
		    err_say(e, EINVAL, "vcpu.%s: there is no such vCPU: there are %u, from 0 on",
			node->name, m->vcpus.n));
	if (list == NULL)
		return (0);
	if (parse_cpuset(list, set, size, UINT16_MAX) != 0)
		return (err_say(e, EINVAL,
		    "vcpu.%u.cpuset: '%s' is not a list of host processors such as 0,2-3", n,
		    list));
	if ((rc = pthread_setaffinity_np(m->vcpus.cpu[n].thread, size, set)) != 0)
		return (err_set(e, rc, "cannot pin vCPU %u to host processors %s%s", n, list,
		    rc == EINVAL ? " (none of them is this process's to use)" : ""));
	return (0);
}

int
cpus_pin(struct machine *m, struct err *e)
{
	struct config_node *vcpu = config_find(m->config, "vcpu");
	size_t size = CPU_ALLOC_SIZE(UINT16_MAX);
	cpu_set_t *set;
	int rc = 0;

	if (vcpu == NULL)
		return (0);
	if ((set = CPU_ALLOC(UINT16_MAX)) == NULL)
		return (err_set(e, ENOMEM, "cannot pin vCPUs"));
	for (struct config_node *c = vcpu->child; c != NULL && rc == 0; c = c->next)
		rc = pin_one(m, c, set, size, e);
	CPU_FREE(set);
	return (rc);
}
