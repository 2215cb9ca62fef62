/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the vCPUs of the zone's machine do, for an operator whose guest has stopped answering. zhyve
 * is asked over the wire and tells of each vCPU once, in their order; anything else is a breach of
 * the protocol. What it says of them is passed on as numbers and believed by nothing. One round is
 * under way at a time: who asks during it gets its answers. Runs in zoneadmd.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "zone/zoneadmd.h"

int
vcpus_ask(struct zoneadmd *z, struct err *e)
{
	int rc;

	if (z->vm.vcpu != NULL)
		return (0);
	z->vm.nvcpu = 0;
	if ((z->vm.vcpu = calloc(z->res.plan->vcpus, sizeof(*z->vm.vcpu))) == NULL)
		return (err_set(e, ENOMEM, "cannot ask what the vCPUs do"));
	if ((rc = vm_wire_tell(z, WIRE_VCPUS, 0, e)) != 0)
		vcpus_forget(&z->vm);
	return (rc);
}

void
vcpus_forget(struct zone_vm *vm)
{
	free(vm->vcpu);
	vm->vcpu = NULL;
	vm->nvcpu = 0;
}

/* Addresses are beyond JSON's integers, so they are text as people write them. */
static json_t *
hex(uint64_t val)
{
	char text[20];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, val);
	return (json_string(text));
}

static json_t *
vcpu_json(const struct wire_vcpu *v)
{
	const char *state = wire_vcpu_state_name((enum wire_vcpu_state)v->state);

	if (v->state == WIRE_VCPU_SILENT)
		return (json_pack("{s:i,s:s}", "id", (int)v->index, "state", state));
	return (json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:I}", "id", (int)v->index, "state",
	    state, "rip", hex(v->rip), "rsp", hex(v->rsp), "rflags", hex(v->rflags), "cr3",
	    hex(v->cr3), "cs", hex(v->cs), "cpl", (int)v->cpl, "exits",
	    (json_int_t)(v->exits & INT64_MAX)));
}

bool
vcpus_answer(struct zoneadmd *z, const struct wire_vcpu *v)
{
	json_t *list;

	if (z->vm.vcpu == NULL || v->index != z->vm.nvcpu)
		return (false);
	z->vm.vcpu[z->vm.nvcpu++] = *v;
	if (z->vm.nvcpu < z->res.plan->vcpus)
		return (true);
	list = json_array();
	for (unsigned i = 0; i < z->vm.nvcpu; i++)
		(void)json_array_append_new(list, vcpu_json(&z->vm.vcpu[i]));
	vcpus_forget(&z->vm);
	op_vcpus_told(z, list);
	json_decref(list);
	return (true);
}
