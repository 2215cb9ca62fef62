/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which key has which value, who may see it and where a guest's change goes; against a VM
 * object as `vmadm get` prints it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/metadata_keys.h"

static const char vm_text[] =
    "{ \"uuid\": \"cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1\", \"hostname\": \"web1\", \"alias\": "
    "\"w\","
    "  \"autoboot\": false, \"ram\": 1024, \"state\": \"running\", \"owner_uuid\": null,"
    "  \"resolvers\": [\"192.0.2.53\", \"2001:db8::53\"],"
    "  \"nics\": ["
    "    {\"interface\": \"net0\", \"mac\": \"02:08:20:00:01:02\", \"ip\": \"dhcp\", \"ips\": "
    "[\"dhcp\"]},"
    "    {\"interface\": \"net1\", \"mac\": \"b2:1e:ba:a5:6e:71\", \"ip\": \"198.51.100.7\"}],"
    "  \"disks\": [{\"size\": 1024, \"boot\": true}],"
    "  \"tags\": {\"role\": \"front\", \"a.b\": \"dotted\", \"n\": 3},"
    "  \"routes\": {\"10.0.0.0/8\": \"192.0.2.1\", \"172.16.0.0/12\": \"nics[1]\","
    "    \"10.9.0.0/16\": \"macs[b2:1e:ba:a5:6e:71]\", \"10.8.0.0/16\": \"nics[0]\","
    "    \"10.7.0.0/16\": \"nics[9]\", \"10.6.0.0/16\": \"macs[0:0:0:0:0:1]\"},"
    "  \"customer_metadata\": {\"hostname\": \"mine\", \"user-script\": \"#!/bin/sh\\n\", \"n\": "
    "1.5,"
    "    \"root_pw\": \"no\", \"team:x\": \"no\", \"operator-script\": \"customer's\", \"flag\": "
    "true,"
    "    \"other:x\": \"plain\"},"
    "  \"internal_metadata\": {\"root_pw\": \"s3cret\", \"team:x\": \"internal\","
    "    \"hidden\": \"h\", \"operator-script\": \"operator's\", \"sdc:volumes\": \"[]\"},"
    "  \"internal_metadata_namespaces\": [\"team\"] }";

static json_t *vm;

static int
setup(void **state)
{
	vm = json_loads(vm_text, 0, NULL);
	return (vm != NULL ? 0 : -1);
}

static int
teardown(void **state)
{
	json_decref(vm);
	return (0);
}

static void
expect(const char *key, const char *want)
{
	char *value = NULL;

	assert_int_equal(metadata_keys_get(vm, key, &value), 0);
	assert_string_equal(value, want);
	free(value);
}

static void
expect_error(const char *key, int rc)
{
	char *value = NULL;

	assert_int_equal(metadata_keys_get(vm, key, &value), rc);
	assert_null(value);
}

static void
test_sdc(void **state)
{
	expect("sdc:uuid", "cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1");
	expect("sdc:hostname", "web1");
	expect("sdc:ram", "1024");
	expect("sdc:autoboot", "false");
	expect("sdc:disks.0.size", "1024");
	expect("sdc:disks.0.boot", "true");
	expect("sdc:tags.role", "front");
	expect("sdc:tags.a.b", "dotted");
	expect("sdc:customer_metadata.hostname", "mine");
	expect("sdc:resolvers", "[\"192.0.2.53\",\"2001:db8::53\"]");
	expect("sdc:operator-script", "operator's");
	expect("sdc:volumes", "[]");
	expect_error("sdc:vendor-data", -ENOENT);
	expect_error("sdc:dns_domain", -ENOENT);
	expect_error("sdc:datacenter_name", -ENOENT);
	expect_error("sdc:owner_uuid", -ENOENT);
	expect_error("sdc:tmpfs", -ENOENT);
	expect_error("sdc:", -ENOENT);
	expect_error("sdc:disks.1.size", -ENOENT);
	expect_error("sdc:disks.-1.size", -ENOENT);
	expect_error("sdc:uuid.x", -ENOENT);
	/* Objects and arrays have no form but where the protocol gives one. */
	expect_error("sdc:disks", -EINVAL);
	expect_error("sdc:tags", -EINVAL);
	expect_error("sdc:nics.0", -EINVAL);
}

static void
test_nics(void **state)
{
	char *value = NULL;
	json_t *back;

	assert_int_equal(metadata_keys_get(vm, "sdc:nics", &value), 0);
	back = json_loads(value, 0, NULL);
	assert_true(json_equal(back, json_object_get(vm, "nics")));
	assert_null(strchr(value, '\n'));
	json_decref(back);
	free(value);
}

static void
test_routes(void **state)
{
	expect("sdc:routes",
	    "[{\"linklocal\":false,\"dst\":\"10.0.0.0/8\",\"gateway\":\"192.0.2.1\"},"
	    "{\"linklocal\":true,\"dst\":\"172.16.0.0/12\",\"gateway\":\"198.51.100.7\"},"
	    "{\"linklocal\":true,\"dst\":\"10.9.0.0/16\",\"gateway\":\"198.51.100.7\"}]");
	json_object_del(vm, "routes");
	expect("sdc:routes", "[]");
}

static void
test_plain(void **state)
{
	expect("hostname", "mine");
	expect("user-script", "#!/bin/sh\n");
	expect("n", "1.5");
	expect("flag", "true");
	expect("other:x", "plain");
	expect("operator-script", "customer's");
	/* _pw and listed namespaces come from the internal object, never from the customer's. */
	expect("root_pw", "s3cret");
	expect("team:x", "internal");
	expect_error("team:y", -ENOENT);
	expect_error("other_pw", -ENOENT);
}

static void
test_internal_is_hidden(void **state)
{
	expect_error("hidden", -ENOENT);
	expect_error("sdc:internal_metadata", -ENOENT);
	expect_error("sdc:internal_metadata.hidden", -ENOENT);
	expect_error("sdc:internal_metadata.root_pw", -ENOENT);
	expect("sdc:internal_metadata_namespaces.0", "team");
}

static void
test_keys(void **state)
{
	char *value = NULL;

	assert_int_equal(metadata_keys_list(vm, &value), 0);
	assert_string_equal(
	    value, "hostname\nuser-script\nn\noperator-script\nflag\nother:x\nroot_pw\nteam:x");
	free(value);
	json_object_clear(vm);
	assert_int_equal(metadata_keys_list(vm, &value), 0);
	assert_string_equal(value, "");
	free(value);
}

static void
test_place(void **state)
{
	const char *object = NULL;
	struct err e = { 0 };

	assert_int_equal(metadata_keys_place(vm, "colour", &object, &e), 0);
	assert_string_equal(object, "customer_metadata");
	assert_int_equal(metadata_keys_place(vm, "other:colour", &object, &e), 0);
	assert_string_equal(object, "customer_metadata");
	assert_int_equal(metadata_keys_place(vm, "admin_pw", &object, &e), 0);
	assert_string_equal(object, "internal_metadata");
	assert_int_equal(metadata_keys_place(vm, "operator-script", &object, &e), 0);
	assert_string_equal(object, "internal_metadata");
	assert_int_equal(metadata_keys_place(vm, "sdc:uuid", &object, &e), -EPERM);
	assert_string_equal(e.text, "Cannot update the \"sdc\" Namespace.");
	assert_int_equal(metadata_keys_place(vm, "team:x", &object, &e), -EPERM);
	assert_string_equal(e.text, "Cannot update the \"team\" Namespace.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sdc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_internal_is_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
