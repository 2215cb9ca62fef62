/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metadata service over a zone's own configuration and files, below a root of its own:
 * values as `vmadm get` has them, changes by the guest on disk, and how much it may store.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "sandbox.h"
#include "zone/codec.h"
#include "zone/metadata.h"
#include "zone/vmconfig.h"
#include "zone/vmobj.h"

#define ZONE "cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1"

static char sent[4096];

static void
take(void *arg, const void *buf, size_t len)
{
	assert_true(len < sizeof(sent));
	memcpy(sent, buf, len);
	sent[len] = '\0';
}

static int
setup(void **state)
{
	static const char text[] =
	    "{\"uuid\": \"" ZONE
	    "\", \"brand\": \"bhyve\", \"hostname\": \"web1\", \"alias\": \"w\","
	    "\"ram\": 512, \"autoboot\": true, \"resolvers\": [\"192.0.2.53\"],"
	    "\"internal_metadata_namespaces\": [\"team\"],"
	    "\"nics\": [{\"interface\": \"net0\", \"mac\": \"02:08:20:00:01:02\", \"nic_tag\": "
	    "\"a\","
	    "  \"model\": \"virtio\", \"primary\": true, \"ip\": \"192.0.2.7\","
	    "  \"netmask\": \"255.255.255.0\", \"ips\": [\"192.0.2.7/24\"], \"gateways\": "
	    "[\"192.0.2.1\"]}],"
	    "\"customer_metadata\": {\"root_authorized_keys\": \"ssh-ed25519 AAAA\"},"
	    "\"internal_metadata\": {\"root_pw\": \"s3cret\", \"hidden\": \"h\"}}";
	json_t *payload = json_loads(text, 0, NULL);
	struct zconf *c = zconf_new(ZONE);
	struct vmconfig vc = { 0 };
	struct err e = { 0 };

	if (sandbox_make(state) != 0 || payload == NULL || c == NULL)
		return (-1);
	vmobj_payload_config(payload, &vc);
	if (vmobj_apply(payload, c, &e) < 0 || zconf_store(c, &e) < 0 ||
	    vmconfig_store(ZONE, &vc, &e) < 0) {
		print_error("%s\n", e.text);
		return (-1);
	}
	vmconfig_free(&vc);
	zconf_free(c);
	json_decref(payload);
	return (metadata_create(ZONE, take, NULL, (struct metadata **)state, NULL));
}

static int
teardown(void **state)
{
	metadata_destroy(*state);
	return (sandbox_remove(NULL));
}

static const char *
ask(struct metadata *md, const char *line)
{
	sent[0] = '\0';
	metadata_input(md, line, strlen(line));
	return (sent);
}

/* A PUT in version 2; the answer's code and text. */
static const char *
put_pair(struct metadata *md, const char *key, const char *value)
{
	static char frame[201 * 1024], body[200 * 1024], pair[100 * 1024], text[256];
	char code[16] = "", coded[256] = "";
	size_t n;

	n = base64_encode(key, strlen(key), pair);
	pair[n++] = ' ';
	n += base64_encode(value, strlen(value), pair + n);
	n = (size_t)sprintf(body, "0badf00d PUT ");
	(void)base64_encode(pair, strlen(pair), body + n);
	(void)snprintf(frame, sizeof(frame), "V2 %zu %08x %s\n", strlen(body),
	    crc32_ieee(body, strlen(body)), body);
	(void)ask(md, frame);
	assert_int_equal(sscanf(sent, "V2 %*u %*x 0badf00d %15s %255s", code, coded), 2);
	n = (size_t)sprintf(text, "%s ", code);
	size_t len = 0;
	assert_int_equal(base64_decode(coded, strlen(coded), text + n, &len), 0);
	text[n + len] = '\0';
	return (text);
}

static void
test_values(void **state)
{
	struct metadata *md = *state;
	json_t *nics, *want;
	char *end;

	assert_string_equal(ask(md, "GET sdc:uuid\n"), "SUCCESS\n" ZONE "\n.\n");
	assert_string_equal(ask(md, "GET sdc:hostname\n"), "SUCCESS\nweb1\n.\n");
	assert_string_equal(ask(md, "GET sdc:alias\n"), "SUCCESS\nw\n.\n");
	assert_string_equal(ask(md, "GET sdc:ram\n"), "SUCCESS\n512\n.\n");
	assert_string_equal(ask(md, "GET sdc:state\n"), "SUCCESS\nrunning\n.\n");
	assert_string_equal(ask(md, "GET sdc:resolvers\n"), "SUCCESS\n[\"192.0.2.53\"]\n.\n");
	assert_string_equal(ask(md, "GET sdc:routes\n"), "SUCCESS\n[]\n.\n");
	assert_string_equal(
	    ask(md, "GET root_authorized_keys\n"), "SUCCESS\nssh-ed25519 AAAA\n.\n");
	assert_string_equal(ask(md, "GET root_pw\n"), "SUCCESS\ns3cret\n.\n");
	assert_string_equal(ask(md, "GET hidden\n"), "NOTFOUND\n");
	assert_string_equal(ask(md, "KEYS\n"), "SUCCESS\nroot_authorized_keys\nroot_pw\n.\n");

	(void)ask(md, "GET sdc:nics\n");
	end = strchr(sent + 8, '\n');
	assert_non_null(end);
	*end = '\0';
	nics = json_loads(sent + 8, 0, NULL);
	want = json_pack("[{s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:[s],s:[s]}]", "interface", "net0", "mac",
	    "02:08:20:00:01:02", "nic_tag", "a", "model", "virtio", "primary", 1, "ip", "192.0.2.7",
	    "netmask", "255.255.255.0", "ips", "192.0.2.7/24", "gateways", "192.0.2.1");
	assert_non_null(want);
	assert_true(json_equal(nics, want));
	json_decref(nics);
	json_decref(want);
}

/* What vmadm or an editor changes is served at once. */
static void
test_fresh(void **state)
{
	struct metadata *md = *state;
	struct err e = { 0 };

	assert_string_equal(ask(md, "GET colour\n"), "NOTFOUND\n");
	assert_int_equal(vmconfig_set(ZONE, "customer_metadata", "colour", "green", &e), 0);
	assert_string_equal(ask(md, "GET colour\n"), "SUCCESS\ngreen\n.\n");
	assert_int_equal(vmconfig_set(ZONE, "customer_metadata", "colour", NULL, &e), 0);
	assert_string_equal(ask(md, "GET colour\n"), "NOTFOUND\n");
	/* A file that is broken is the host's trouble, and the guest learns no more than that. */
	assert_true(sandbox_write(sandbox_path("zones/" ZONE "/config/tags.json"), "no JSON!"));
	assert_string_equal(ask(md, "GET sdc:uuid\n"), "FAILURE\n");
}

static void
test_put(void **state)
{
	struct metadata *md = *state;
	struct vmconfig vc;

	assert_string_equal(put_pair(md, "colour", "green"), "SUCCESS OK");
	assert_string_equal(put_pair(md, "admin_pw", "x"), "SUCCESS OK");
	assert_string_equal(put_pair(md, "operator-script", "y"), "SUCCESS OK");
	assert_string_equal(
	    put_pair(md, "team:x", "z"), "FAILURE Cannot update the \"team\" Namespace.");
	assert_string_equal(
	    put_pair(md, "sdc:uuid", "z"), "FAILURE Cannot update the \"sdc\" Namespace.");
	assert_string_equal(
	    put_pair(md, "latin1", "\xe9"), "FAILURE key and value must be UTF-8 text");
	assert_int_equal(vmconfig_load(ZONE, &vc, NULL), 0);
	assert_string_equal(
	    json_string_value(json_object_get(vc.customer_metadata, "colour")), "green");
	assert_string_equal(
	    json_string_value(json_object_get(vc.internal_metadata, "admin_pw")), "x");
	assert_string_equal(
	    json_string_value(json_object_get(vc.internal_metadata, "operator-script")), "y");
	assert_string_equal(
	    json_string_value(json_object_get(vc.internal_metadata, "hidden")), "h");
	vmconfig_free(&vc);
	assert_string_equal(ask(md, "GET colour\n"), "SUCCESS\ngreen\n.\n");
	assert_string_equal(put_pair(md, "colour", ""), "SUCCESS OK");
	assert_string_equal(ask(md, "GET colour\n"), "NOTFOUND\n");
}

/* A guest that stores without end is stopped, and what is stored stays readable. */
static void
test_put_bounded(void **state)
{
	struct metadata *md = *state;
	char *value = malloc(20001);
	const char *said = "SUCCESS OK";
	char key[32];
	int i;

	assert_non_null(value);
	memset(value, 'x', 20000);
	value[20000] = '\0';
	for (i = 0; i < 100 && strcmp(said, "SUCCESS OK") == 0; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		said = put_pair(md, key, value);
	}
	assert_in_range(i, VMCONFIG_FILE_MAX / 20000 - 2, VMCONFIG_FILE_MAX / 20000 + 2);
	assert_string_equal(said, "FAILURE metadata may not be larger than 1048576 bytes");
	assert_string_equal(ask(md, "GET sdc:uuid\n"), "SUCCESS\n" ZONE "\n.\n");
	free(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fresh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_bounded, setup, teardown),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
