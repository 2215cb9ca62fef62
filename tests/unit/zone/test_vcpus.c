/* SPDX-License-Identifier: BSD-2-Clause */
/* What zoneadmd makes of zhyve's answers about its vCPUs, and what it takes for a breach. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/zoneadmd.h"

static struct brand_plan plan = { .vcpus = 2 };
static struct zoneadmd z;
static unsigned asked;
static int tell_rc;
static char *told; /* JSON of the last list */

/* In the place of zoneadmd_vm.c and zoneadmd_op.c. */
int
vm_wire_tell(struct zoneadmd *zone, enum wire_type type, uint64_t memory, struct err *e)
{
	assert_ptr_equal(zone, &z);
	assert_int_equal(type, WIRE_VCPUS);
	assert_int_equal(memory, 0);
	asked++;
	return (tell_rc == 0 ? 0 : err_set(e, -tell_rc, "cannot tell zhyve"));
}

void
op_vcpus_told(struct zoneadmd *zone, json_t *list)
{
	assert_ptr_equal(zone, &z);
	free(told);
	told = json_dumps(list, JSON_COMPACT);
}

static int
setup(void **state)
{
	(void)state;
	memset(&z, 0, sizeof(z));
	z.res.plan = &plan;
	asked = 0;
	tell_rc = 0;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	vcpus_forget(&z.vm);
	free(told);
	told = NULL;
	return (0);
}

static struct wire_vcpu
running(uint32_t index)
{
	return ((struct wire_vcpu){
	    .index = index,
	    .state = WIRE_VCPU_RUNNING,
	    .rip = 0xffffffff81a18749,
	    .rsp = 0xffffc90000003da8,
	    .rflags = 2,
	    .cr3 = 0x2a10000,
	    .exits = UINT64_MAX,
	    .cs = 0x10,
	});
}

static void
test_all_are_told_at_once(void **state)
{
	struct wire_vcpu v = running(0);

	(void)state;
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_true(vcpus_answer(&z, &v));
	assert_null(told);
	/* Who asks meanwhile waits for the same answers. */
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_int_equal(asked, 1);
	v = (struct wire_vcpu){ .index = 1, .state = WIRE_VCPU_SILENT, .rip = 7 };
	assert_true(vcpus_answer(&z, &v));
	assert_string_equal(told,
	    "[{\"id\":0,\"state\":\"running\",\"rip\":\"0xffffffff81a18749\","
	    "\"rsp\":\"0xffffc90000003da8\",\"rflags\":\"0x2\",\"cr3\":\"0x2a10000\","
	    "\"cs\":\"0x10\",\"cpl\":0,\"exits\":9223372036854775807},"
	    "{\"id\":1,\"state\":\"silent\"}]");
	/* The next asks anew. */
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_int_equal(asked, 2);
}

static void
test_what_was_not_asked_for(void **state)
{
	struct wire_vcpu v = running(0), other = running(1);

	(void)state;
	assert_false(vcpus_answer(&z, &v));
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_false(vcpus_answer(&z, &other)); /* out of order */
	assert_true(vcpus_answer(&z, &v));
	assert_false(vcpus_answer(&z, &v)); /* twice */
	assert_true(vcpus_answer(&z, &other));
	assert_false(vcpus_answer(&z, &v)); /* more than there are */
	other.index = UINT32_MAX;
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_false(vcpus_answer(&z, &other));
}

static void
test_zhyve_cannot_be_told(void **state)
{
	struct wire_vcpu v = running(0);
	struct err e = { 0 };

	(void)state;
	tell_rc = -EPIPE;
	assert_int_equal(vcpus_ask(&z, &e), -EPIPE);
	assert_false(vcpus_answer(&z, &v));
	tell_rc = 0;
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_int_equal(asked, 2);
}

/* One answer of the control socket holds ZONE_VCPUS_MAX of them, whatever zhyve says. */
static void
test_an_answer_fits_into_a_message(void **state)
{
	struct wire_vcpu v = running(0);
	size_t two;

	(void)state;
	v.rsp = v.rflags = v.cr3 = UINT64_MAX;
	v.cs = UINT16_MAX;
	assert_int_equal(vcpus_ask(&z, NULL), 0);
	assert_true(vcpus_answer(&z, &v));
	v.index = 1;
	assert_true(vcpus_answer(&z, &v));
	two = strlen(told) + 2 * strlen("1000");
	assert_true(two / 2 * ZONE_VCPUS_MAX + 100 < VARLINK_MSG_MAX);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_all_are_told_at_once),
		T(test_what_was_not_asked_for),
		T(test_zhyve_cannot_be_told),
		T(test_an_answer_fits_into_a_message),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
