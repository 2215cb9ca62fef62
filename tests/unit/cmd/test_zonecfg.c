/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg as a program: run below a temporary ZHYVE_ROOT, with arguments, a script, standard input
 * and at a terminal (a pty); its output, exit status and what it stores.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"
#include "zone/zconf.h"

#include "../zone/sandbox.h"

#define MAX_ARGS 8
#define DEADLINE 20000 /* ms, for one run */

static char out[32768], errors[8192]; /* of the last run */
static rlim_t file_limit = RLIM_INFINITY;

static void
slurp(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
}

static int
scratch(const char *content)
{
	int fd = memfd_create("scratch", MFD_CLOEXEC);

	assert_true(fd >= 0);
	if (content != NULL)
		assert_int_equal(fd_write_full(fd, content, strlen(content)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return (fd);
}

static void
child(const char *const args[], int in, int o, int err)
{
	char *argv[MAX_ARGS + 2] = { 0 };
	struct rlimit limit = { file_limit, file_limit };

	argv[0] = strdup(ZONECFG);
	for (int i = 0; i < MAX_ARGS && args[i] != NULL; i++)
		argv[i + 1] = strdup(args[i]);
	(void)dup2(in, 0);
	(void)dup2(o, 1);
	(void)dup2(err, 2);
	if (file_limit != RLIM_INFINITY) {
		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &limit);
	}
	(void)alarm(DEADLINE / 1000);
	(void)execv(ZONECFG, argv);
	_exit(127);
}

/* Run with this standard input (NULL: empty); the exit status. */
static int
run_with(const char *input, const char *const args[])
{
	int in = scratch(input), o = scratch(NULL), err = scratch(NULL), status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		child(args, in, o, err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	slurp(o, out, sizeof(out));
	slurp(err, errors, sizeof(errors));
	(void)close(in);
	(void)close(o);
	(void)close(err);
	assert_true(WIFEXITED(status));
	return (WEXITSTATUS(status));
}

#define run(...)         run_with(NULL, (const char *const[]){ __VA_ARGS__, NULL })
#define feed(input, ...) run_with((input), (const char *const[]){ __VA_ARGS__, NULL })

/* Exit status and what stderr says must both be so. */
static void
expect(int status, int want, const char *says)
{
	if (status != want || strstr(errors, says) == NULL || (*says == '\0' && *errors != '\0'))
		fail_msg("exit %d (want %d), stderr '%s' (want '%s')", status, want, errors, says);
}

static struct zconf *
load(const char *name)
{
	struct zconf *c = NULL;
	struct err e;

	if (zconf_load(name, &c, &e) != 0 && e.errnum != ENOENT)
		fail_msg("%s", e.text);
	return (c);
}

static bool
exists(const char *name)
{
	struct zconf *c = load(name);

	zconf_free(c);
	return (c != NULL);
}

static const char *
script_file(const char *text)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/script.cfg", sandbox_root);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
	return (path);
}

static const char full[] =
    "create -b\n"
    "set zonepath=/zones/z1; set brand=bhyve\n"
    "set autoboot=true\n"
    "set ip-type=exclusive\n"
    "set limitpriv=default,-file_link_any,-net_access\n"
    "set bootargs=\"-m \\\"verbose\\\" \\\\ #1\"\n"
    "set uuid=6E8CF9EB-9D5C-4A6F-9C1F-6B8B3B1A2C3D\n"
    "add net # the first\n"
    "  set physical=net0\n"
    "  set mac-addr=2:8:20:0:1:2; set global-nic=external; set vlan-id=5\n"
    "  add property (name=model,value=\"virtio\")\n"
    "  add property (name=ips,value=\"10.0.0.2/24,dhcp\")\n"
    "  add property (name=primary,value=true)\n"
    "end\n"
    "add device; set match=/zones/z1/disk0.raw\n"
    "add property [(name=boot,value=true),(name=pci-slot,value=\"0:4:0\")]; end\n"
    "add device; set match=/zones/z1/disk1.raw; end\n"
    "add attr; set name=alias; set type=string; set value=\"\"; end\n"
    "add attr; set name=ram; set type=uint; set value=1024; end\n"
    "set cpu-shares=100; set max-processes=70; clear max-lwps\n"
    "set max-shm-memory=2304m\n"
    "add capped-memory; set physical=2304m; set locked=1g; end\n"
    "add capped-cpu; set ncpus=1.5; end\n"
    "add rctl; set name=zone.max-sem-ids\n"
    "add value (priv=basic,limit=7,action=signal=SIGTERM)\n"
    "add value (priv=privileged,limit=8,action=deny); end\n";

static void
test_usage(void **state)
{
	expect(run_with(NULL, (const char *const[]){ NULL }), 2, "usage:");
	expect(run("-z"), 2, "usage:");
	expect(run("-q"), 2, "usage:");
	expect(run("-z", "z1", "-u", "x", "info"), 2, "usage:");
	expect(run("-z", "z1", "-f", "x", "info"), 2, "usage:");
	expect(run("info"), 2, "usage:");
	expect(run("-z", "global", "info"), 1, "not supported here");
	expect(run("-z", "a/b", "create"), 1, "invalid zone name 'a/b'");
	expect(run("-z", "SUNWx", "create"), 1, "reserved");
	expect(run("-u", "x", "info"), 1, "not a UUID");
	expect(run("-u", "00000000-0000-4000-8000-000000000000", "info"), 1,
	    "00000000-0000-4000-8000-000000000000: No such zone configured");
	expect(run("-h"), 0, "");
	expect(run("help"), 0, "");
	assert_non_null(strstr(out, "  export "));
	expect(run("help", "capped-memory"), 0, "");
	assert_non_null(strstr(out, "physical swap locked"));
	expect(run("help", "cpu-shares"), 0, "");
	expect(run("help", "nonsense"), 2, "no help on 'nonsense'");
}

static void
test_create_and_arguments(void **state)
{
	struct zconf *c;

	expect(run("-z", "z1", "info"), 1, "z1: No such zone configured");
	expect(run("-z", "z1", "create"), 1, "zonecfg: zone 'z1': zonepath cannot be empty");
	assert_false(exists("z1"));
	expect(run("-z", "z1", "create;", "set", "zonepath=/zones/z1"), 0, "");
	c = load("z1");
	assert_non_null(c);
	assert_string_equal(c->brand, "bhyve");
	assert_string_equal(c->ip_type, "exclusive");
	assert_string_equal(zconf_attr(c, "com1"), "/dev/zconsole");
	assert_int_equal(c->did, 1);
	expect(run("-u", c->uuid, "set autoboot=true"), 0, "");
	zconf_free(c);
	c = load("z1");
	assert_true(c->autoboot);
	zconf_free(c);
	expect(run("-z", "z1", "create"), 1, "already exists");
	expect(run("-z", "z1", "create -F; set zonepath=/zones/other"), 0, "");
	c = load("z1");
	assert_false(c->autoboot);
	assert_int_equal(c->did, 1);
	zconf_free(c);
	expect(run("-z", "z2", "create -t z1; set zonepath=/zones/z2"), 0, "");
	c = load("z2");
	assert_int_equal(c->did, 2);
	zconf_free(c);
	expect(run("-z", "z3", "create -t none"), 1, "none: No such zone configured");
	expect(run("-z", "z3", "create -b -t z1"), 2, "usage: create");
	expect(run("-z", "z3", "create -Q"), 2, "unknown option -Q");
	expect(run("-z", "z3", "create -X"), 2, "not supported");
	expect(run("-z", "z3", "create -a /x -b"), 2, "usage: create");
	expect(run("-z", "z3", "create -a /nonexistent"), 1, "'/nonexistent': No such file");
}

static void
test_script_and_round_trip(void **state)
{
	struct zconf *a, *b;
	char first[sizeof(out)];
	uint64_t limit;

	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	a = load("z1");
	assert_non_null(a);
	assert_string_equal(a->uuid, "6e8cf9eb-9d5c-4a6f-9c1f-6b8b3b1a2c3d");
	assert_string_equal(a->bootargs, "-m \"verbose\" \\ #1");
	assert_string_equal(a->limitpriv, "default,-file_link_any,-net_access");
	assert_string_equal(zprop_get(a->net[0].prop, a->net[0].nprop, "ips"), "10.0.0.2/24,dhcp");
	assert_string_equal(zprop_get(a->device[0].prop, a->device[0].nprop, "pci-slot"), "0:4:0");
	assert_int_equal(zconf_rctl_get(a, "zone.cpu-cap", &limit), 0);
	assert_int_equal(limit, 150);
	assert_int_equal(zconf_rctl_get(a, "zone.max-physical-memory", &limit), 0);
	assert_true(limit == UINT64_C(2415919104));
	assert_int_equal(zconf_rctl_get(a, "zone.max-lwps", &limit), -ENOENT);
	expect(run("-z", "z1", "export"), 0, "");
	memcpy(first, out, sizeof(first));
	expect(run("-z", "z1", "delete -F"), 0, "");
	assert_false(exists("z1"));
	expect(feed(first, "-z", "z1"), 0, "");
	expect(run("-z", "z1", "set uuid=6e8cf9eb-9d5c-4a6f-9c1f-6b8b3b1a2c3d"), 0, "");
	b = load("z1");
	assert_true(zconf_equal(a, b));
	zconf_free(a);
	zconf_free(b);
}

static void
test_info(void **state)
{
	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	expect(run("-z", "z1", "info"), 0, "");
	assert_non_null(strstr(out, "zonename: z1\nzonepath: /zones/z1\nbrand: bhyve\n"));
	assert_non_null(strstr(out, "\npool: \n"));
	assert_non_null(strstr(out, "\n[cpu-shares: 100]\n"));
	assert_non_null(strstr(out, "\n[max-shm-memory: 2304M]\n"));
	assert_non_null(strstr(out, "\n\tproperty: (name=model,value=\"virtio\")\n"));
	assert_non_null(
	    strstr(out, "\ncapped-memory:\n\t[physical: 2304M]\n\t[locked: 1G]\nattr:\n"));
	assert_non_null(strstr(out, "\ncapped-cpu:\n\t[ncpus: 1.50]\n"));
	expect(run("-z", "z1", "info autoboot; info cpu-shares; info max-lwps"), 0, "");
	assert_string_equal(out, "autoboot: true\n[cpu-shares: 100]\nmax-lwps: \n");
	expect(run("-z", "z1", "info device match=/zones/z1/disk1.raw"), 0, "");
	assert_string_equal(out, "device:\n\tmatch: /zones/z1/disk1.raw\n");
	expect(run("-z", "z1", "info attr name=ram"), 0, "");
	assert_string_equal(out, "attr:\n\tname: ram\n\ttype: uint\n\tvalue: 1024\n");
	expect(run("-z", "z1", "select attr name=ram; info; cancel"), 0, "");
	assert_string_equal(out, "attr:\n\tname: ram\n\ttype: uint\n\tvalue: 1024\n");
	expect(run("-z", "z1", "info attr name=none"), 1, "no such attr resource");
	expect(run("-z", "z1", "info nonsense"), 2, "unknown resource 'nonsense'");
	expect(run("-z", "z1", "info attr nm=ram"), 2, "no property 'nm'");
}

static void
test_renamed(void **state)
{
	struct zconf *c;

	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	expect(run("-z", "z1", "set zonename=z2; info zonename; revert -F; info zonename"), 0, "");
	assert_string_equal(out, "zonename: z2\nzonename: z1\n");
	expect(run("-z", "z1", "set zonename=z2; set autoboot=false; commit; info device"), 0, "");
	assert_non_null(strstr(out, "match: /zones/z2/disk1.raw\n"));
	assert_false(exists("z1"));
	assert_non_null(c = load("z2"));
	assert_string_equal(c->uuid, "6e8cf9eb-9d5c-4a6f-9c1f-6b8b3b1a2c3d");
	assert_string_equal(c->zonepath, "/zones/z2");
	assert_false(c->autoboot);
	zconf_free(c);
	expect(run("-z", "z1", "create; set zonepath=/zones/z1; set zonename=z2"), 1,
	    "configured already");
	assert_false(exists("z1"));
	expect(run("-z", "z1", "create; set zonepath=/zones/z1; set zonename=z3"), 0, "");
	assert_false(exists("z1"));
	assert_true(exists("z3"));
}

/* Each is refused with that status and text, and the stored configuration stays as it was. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *says;
	} cases[] = {
		{ "frobnicate", 2, "unknown subcommand 'frobnicate'" },
		{ "set autoboot=false; frobnicate", 2, "unknown subcommand" },
		{ "set autoboot=false; set autoboot=yes", 1, "autoboot 'yes' is invalid" },
		{ "set autoboot=false; add net", 1, "ends inside resource 'net'" },
		{ "set", 2, "usage: set" },
		{ "set x=1", 2, "unknown property 'x'" },
		{ "set autoboot=", 2, "syntax error" },
		{ "set autoboot=\"true", 2, "without an end" },
		{ "set limitpriv=(a=b)", 2, "takes a simple value" },
		{ "set brand=lx", 1, "not known here" },
		{ "set zonepath=relative", 1, "absolute" },
		{ "set zonename=-9", 1, "zone name" },
		{ "set uuid=1", 1, "uuid '1' is invalid" },
		{ "set cpu-shares=many", 1, "cpu-shares 'many' is invalid" },
		{ "clear zonepath", 1, "cannot be cleared" },
		{ "clear nonsense", 2, "unknown property" },
		{ "end", 1, "only inside a resource" },
		{ "add fs; end", 1, "fs: required property 'dir' is not set" },
		{ "add fs; set dir=/a; set special=b; end", 1, "'type' is not set" },
		{ "add fs; set dir=a; set special=b; set type=lofs; end", 1, "absolute" },
		{ "add fs; set options=ro", 2, "use add" },
		{ "add fs; add type lofs", 2, "not a list" },
		{ "add fs; add options \"ro,rw\"", 2, "a word" },
		{ "add fs; add options [ro,ro]", 1, "has 'ro' already" },
		{ "add fs; remove options ro", 1, "has no 'ro'" },
		{ "add fs; clear dir", 1, "cannot be cleared" },
		{ "add dataset; end", 1, "'name' is not set" },
		{ "add dataset; set name=a; end; add dataset; set name=a; end", 1,
		    "with the name 'a' already exists" },
		{ "add admin; set user=joe; set auths=login,fly; end", 1, "auths 'fly'" },
		{ "add security-flags; end", 1, "at least one" },
		{ "add security-flags; set lower=none; end; add security-flags", 1,
		    "already exists" },
		{ "add security-flags; set lower=none; end; select security-flags lower=none", 2,
		    "usage: select" },
		{ "add nonsense", 2, "unknown resource" },
		{ "add net; end", 1, "'physical' is not set" },
		{ "add net; set physical=net0; end", 1, "already exists" },
		{ "add net; set physical=net1; set mac-addr=x; end", 1, "net 'net1': mac-addr" },
		{ "add net; set foo=1", 2, "no property 'foo'" },
		{ "add net; add physical x", 2, "not a list: use set" },
		{ "add rctl; add name x", 2, "not a list: use set" },
		{ "add net; set property=x", 2, "use add" },
		{ "add net; add property (name=a)", 2, "(name=NAME,value=VALUE)" },
		{ "add net; add property (name=a,value=1); add property (name=a,value=2)", 1,
		    "already" },
		{ "add net; remove property (name=a)", 1, "no such property" },
		{ "add net; commit", 1, "not inside resource 'net'" },
		{ "add net; exit", 1, "not inside resource 'net'" },
		{ "add device; set match=/zones/z1/disk0.raw; end", 1, "already exists" },
		{ "add attr; set name=a; set type=string; end", 1, "'value' is not set" },
		{ "add attr; set type=float", 1, "type 'float'" },
		{ "add attr; set name=n; set type=int; set value=x; end", 1, "not of type int" },
		{ "add attr; set name=zonex; set type=int; set value=1; end", 1, "reserved" },
		{ "add attr; set name=ram; set type=int; set value=1; end", 1, "already exists" },
		{ "add rctl; end", 1, "'name' is not set" },
		{ "add rctl; set name=zone.foo; end", 1, "'value' is not set" },
		{ "add rctl; set name=foo", 1, "rctl name" },
		{ "add rctl; add value (priv=a,limit=1,action=none)", 1, "priv 'a'" },
		{ "add rctl; add value (priv=basic,limit=1)", 2, "expected" },
		{ "add rctl; set name=zone.cpu-shares; "
		  "add value (priv=basic,limit=1,action=none); end",
		    1, "already exists" },
		{ "set max-sem-ids=1", 1, "not of this form" },
		{ "add dedicated-cpu; set importance=3; end", 1, "'ncpus' is not set" },
		{ "add dedicated-cpu; set ncpus=4-2; end", 1, "ncpus '4-2' is invalid" },
		{ "add dedicated-cpu; set ncpus=0; end", 1, "ncpus '0' is invalid" },
		{ "add dedicated-cpu; set ncpus=2-; end", 1, "ncpus '2-' is invalid" },
		{ "add dedicated-cpu; set ncpus=2; end; verify", 1, "exclude each other" },
		{ "add capped-cpu", 1, "already exists" },
		{ "select capped-cpu; set ncpus=0", 1, "ncpus '0' is invalid" },
		{ "select capped-cpu; clear ncpus; end", 1, "'ncpus' is not set" },
		{ "select capped-memory; set locked=3g; end", 1, "locked must not be more" },
		{ "select net", 2, "usage: select" },
		{ "select net physical=net7", 1, "no such net" },
		{ "select net foo=net7", 2, "no property 'foo'" },
		{ "select capped-cpu ncpus=1", 2, "usage: select" },
		{ "remove net physical=net7", 1, "no such net" },
		{ "remove device", 1, "-F is not given" },
		{ "delete", 1, "-F is not given" },
		{ "revert", 1, "-F is not given" },
		{ "verify x", 2, "usage: verify" },
		{ "export -f /nonexistent/x", 1, "cannot write" },
		{ "export -f", 2, "usage: export" },
		{ "set autoboot=false; set bootargs=\"a\001b\"", 1, "control character" },
		{ "set bootargs=\"a\xff\"", 1, "UTF-8" },
	};
	struct zconf *before, *after;

	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	before = load("z1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect(run("-z", "z1", cases[i].text), cases[i].status, cases[i].says);
		assert_non_null(strstr(errors, "zonecfg: zone 'z1': "));
		after = load("z1");
		if (!zconf_equal(before, after))
			fail_msg("'%s' changed what is stored", cases[i].text);
		zconf_free(after);
	}
	zconf_free(before);
}

/* dedicated-cpu comes back as it was put in, from the store and from export. */
static void
test_dedicated(void **state)
{
	struct zconf *c;
	unsigned min, max;

	expect(run("-z", "z1",
		   "create -b; set zonepath=/zones/z1; set brand=bhyve; set ip-type=exclusive; "
		   "add dedicated-cpu; set ncpus=2-4; set importance=10; end; commit"),
	    0, "");
	c = load("z1");
	assert_int_equal(zconf_dedicated_get(c, &min, &max, NULL), 0);
	assert_int_equal(min, 2);
	assert_int_equal(max, 4);
	zconf_free(c);
	expect(run("-z", "z1", "info dedicated-cpu"), 0, "");
	assert_string_equal(out, "dedicated-cpu:\n\tncpus: 2-4\n\timportance: 10\n");
	expect(run("-z", "z1", "export"), 0, "");
	assert_non_null(strstr(out, "add dedicated-cpu\nset ncpus=2-4\nset importance=10\nend\n"));
	expect(run("-z", "z1", "set pool=p; verify"), 1, "exclude each other");
	expect(run("-z", "z1", "select dedicated-cpu; clear importance; set ncpus=1; end"), 0, "");
	c = load("z1");
	assert_string_equal(c->dedicated_ncpus, "1");
	assert_null(c->dedicated_importance);
	zconf_free(c);
	expect(run("-z", "z1", "remove dedicated-cpu"), 0, "");
	c = load("z1");
	assert_int_equal(zconf_dedicated_get(c, &min, &max, NULL), 0);
	assert_int_equal(max, 0);
	zconf_free(c);
}

static void
test_changes(void **state)
{
	struct zconf *c;

	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	expect(
	    run("-z", "z1",
		"select net physical=net0; set vlan-id=7; "
		"remove property (name=primary,value=true); end; "
		"add net; set physical=net9; cancel; remove device match=/zones/z1/disk1.raw; "
		"select attr name=ram; set value=2048; end; remove rctl name=zone.max-sem-ids; "
		"remove capped-cpu; clear autoboot; clear bootargs; remove -F net physical=none"),
	    0, "");
	c = load("z1");
	assert_int_equal(c->nnet, 1);
	assert_string_equal(c->net[0].vlan_id, "7");
	assert_null(zprop_get(c->net[0].prop, c->net[0].nprop, "primary"));
	assert_int_equal(c->ndevice, 1);
	assert_string_equal(zconf_attr(c, "ram"), "2048");
	assert_null(zconf_rctl_find(c, "zone.max-sem-ids"));
	assert_null(zconf_rctl_find(c, "zone.cpu-cap"));
	assert_false(c->autoboot);
	assert_null(c->bootargs);
	zconf_free(c);
	expect(
	    run("-z", "z1", "remove -F attr; set autoboot=true; revert -F; remove net; exit; junk"),
	    0, "");
	c = load("z1");
	assert_int_equal(c->nattr, 2);
	assert_false(c->autoboot);
	assert_int_equal(c->nnet, 0);
	zconf_free(c);
	expect(run("-z", "z1", "set autoboot=true; exit -F"), 0, "");
	expect(run("-z", "z1", "set bootargs=kept; commit; set bootargs=lost; frobnicate"), 2,
	    "frobnicate");
	c = load("z1");
	assert_false(c->autoboot);
	assert_string_equal(c->bootargs, "kept");
	zconf_free(c);
}

/* What means nothing here is kept and shown, and found by its properties. */
static void
test_kept(void **state)
{
	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	expect(run("-z", "z1",
		   "add fs; set dir=/a; set special=/b; set type=lofs; add options [ro,nodevices]; "
		   "end; add fs; set dir=/c; set special=/d; set type=zfs; end; "
		   "add admin; set user=joe; set auths=login,manage; end; "
		   "add security-flags; set lower=none; end; add dataset; set name=tank/x; end"),
	    0, "");
	expect(run("-z", "z1", "info fs options=ro; info security-flags"), 0, "");
	assert_string_equal(out,
	    "fs:\n\tdir: /a\n\tspecial: /b\n\ttype: lofs\n\traw not specified\n"
	    "\toptions: [ro,nodevices]\n"
	    "security-flags:\n\tlower: none\n\tdefault not specified\n\tupper not specified\n");
	expect(run("-z", "z1",
		   "select fs dir=/a; remove options nodevices; add options nosuid; end; "
		   "remove fs type=zfs; select admin user=joe; set auths=login; end; "
		   "remove dataset; remove security-flags; info fs; info admin; info dataset"),
	    0, "");
	assert_string_equal(out,
	    "fs:\n\tdir: /a\n\tspecial: /b\n\ttype: lofs\n\traw not specified\n"
	    "\toptions: [ro,nosuid]\nadmin:\n\tuser: joe\n\tauths: login\n");
}

static void
test_lines_are_named(void **state)
{
	char want[192];
	const char *path = script_file("create\n\n# text\nset zonepath=/zones/z1; set foo=1\n");

	(void)snprintf(
	    want, sizeof(want), "zonecfg: zone 'z1': line 4 of %s: unknown property 'foo'", path);
	expect(run("-z", "z1", "-f", path), 2, want);
	expect(feed("create\nset foo=1\n", "-z", "z1"), 2, "zone 'z1': line 2: unknown property");
	expect(run("-z", "z1", "-f", "/nonexistent"), 1, "cannot read '/nonexistent'");
	expect(run("-z", "z1", "-f", "/"), 1, "cannot read the script: Is a directory");
	assert_false(exists("z1"));
}

static void
test_installed(void **state)
{
	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	assert_int_equal(zconf_set_state("z1", ZONE_STATE_INSTALLED, NULL), 0);
	expect(run("-z", "z1", "set zonepath=/zones/z2"), 1, "zonepath: zone already installed");
	expect(run("-z", "z1", "set brand=bhyve"), 1, "zone already installed");
	expect(run("-z", "z1", "create -F"), 1, "zone already installed");
	expect(run("-z", "z1", "delete -F"), 1, "uninstall it first");
	expect(run("-z", "z1", "set autoboot=false"), 0, "");
	struct zconf *c = load("z1");
	assert_int_equal(c->state, ZONE_STATE_INSTALLED);
	assert_false(c->autoboot);
	zconf_free(c);
}

static void
test_no_space(void **state)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;
	int n = 0;

	file_limit = 512; /* room for the message, not for the configuration */
	expect(feed(full, "-z", "z1"), 1, "File too large");
	file_limit = RLIM_INFINITY;
	assert_false(exists("z1"));
	dir = opendir(path_etc(path, "%s", ""));
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	assert_int_equal(n, 0);
}

static void
test_export_to_file(void **state)
{
	char path[128], command[160], *text = NULL;

	expect(run("-z", "z1", "-f", script_file(full)), 0, "");
	(void)snprintf(path, sizeof(path), "%s/export.cfg", sandbox_root);
	(void)snprintf(command, sizeof(command), "export -f %s", path);
	expect(run("-z", "z1", command), 0, "");
	assert_string_equal(out, "");
	assert_int_equal(file_read(path, 65536, &text, NULL, NULL), 0);
	assert_int_equal(strncmp(text, "create -b\n", 10), 0);
	expect(run("-z", "z1", "export"), 0, "");
	assert_string_equal(out, text);
	free(text);
}

/*
 * A zonecfg with a pipe for its input, which has carried out `first`; the last subcommand of it is
 * "info zonename". The end of the pipe and the process are the caller's.
 */
static pid_t
half_way(const char *first, int *pipe_end)
{
	int in[2], answer[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	if ((pid = fork()) == 0)
		child((const char *const[]){ "-z", "z1", NULL }, in[0], answer[1], answer[1]);
	(void)close(in[0]);
	(void)close(answer[1]);
	assert_int_equal(fd_write_full(in[1], first, strlen(first)), 0);
	/* "zonename: z1" says that all before it was carried out. */
	assert_int_equal(read(answer[0], &byte, 1), 1);
	assert_int_equal(byte, 'z');
	while (read(answer[0], &byte, 1) == 1 && byte != '\n')
		;
	(void)close(answer[0]);
	*pipe_end = in[1];
	return (pid);
}

static void
test_meanwhile(void **state)
{
	struct zconf *c;
	int in, status;
	pid_t pid;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Killed half-way: nothing is kept. */
	pid = half_way("create; set zonepath=/zones/z1; info zonename\n", &in);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(in);
	assert_false(exists("z1"));
	/* Two writers: the later one is told, and the earlier one's work stands. */
	expect(run("-z", "z1", "create; set zonepath=/zones/z1"), 0, "");
	pid = half_way("set bootargs=mine; info zonename\n", &in);
	expect(run("-z", "z1", "set bootargs=theirs"), 0, "");
	(void)close(in);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
	c = load("z1");
	assert_string_equal(c->bootargs, "theirs");
	zconf_free(c);
	/* A change of state is no conflict, and is kept. */
	pid = half_way("set bootargs=mine; info zonename\n", &in);
	assert_int_equal(zconf_set_state("z1", ZONE_STATE_INSTALLED, NULL), 0);
	(void)close(in);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	c = load("z1");
	assert_string_equal(c->bootargs, "mine");
	assert_int_equal(c->state, ZONE_STATE_INSTALLED);
	zconf_free(c);
	(void)signal(SIGPIPE, SIG_DFL);
}

/* One turn at a terminal: wait until it shows `prompt`, then type. */
static void
turn(int tty, const char *prompt, const char *typed)
{
	struct pollfd p = { .fd = tty, .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	for (out[0] = '\0'; strstr(out, prompt) == NULL; out[n] = '\0') {
		if (poll(&p, 1, DEADLINE) != 1 || n == sizeof(out) - 1 ||
		    (got = read(tty, out + n, sizeof(out) - 1 - n)) <= 0)
			fail_msg("waiting for '%s', got '%s'", prompt, out);
		else
			n += (size_t)got;
	}
	assert_int_equal(fd_write_full(tty, typed, strlen(typed)), 0);
}

static const char *terminal = "dumb";

static pid_t
at_terminal(int *tty, const char *const args[])
{
	int slave;
	pid_t pid;

	*tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*tty >= 0 && grantpt(*tty) == 0 && unlockpt(*tty) == 0);
	slave = open(ptsname(*tty), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	(void)setenv("TERM", terminal, 1);
	if ((pid = fork()) == 0)
		child(args, slave, slave, slave);
	(void)close(slave);
	return (pid);
}

/* The tabulator completes, by what has been typed before and the scope; the arrow brings back. */
static void
test_completion(void **state)
{
	int tty, status;
	struct zconf *c;
	pid_t pid;

	terminal = "vt100";
	pid = at_terminal(&tty, (const char *const[]){ "-z", "z1", NULL });
	turn(tty, "zonecfg:z1> ", "cr\t\n");
	turn(tty, "zonecfg:z1> ", "set zonep\t/zones/z1\n");
	turn(tty, "zonecfg:z1> ", "set auto\ttrue; set boota\tx\n");
	turn(tty, "zonecfg:z1> ", "add ne\t\n");
	turn(tty, "zonecfg:z1:net> ", "set phys\tnet0; set mac\t02:08:20:00:00:01\n");
	turn(tty, "zonecfg:z1:net> ", "add prop\t(name=a,value=b)\n");
	turn(tty, "zonecfg:z1:net> ", "end\n");
	turn(tty, "zonecfg:z1> ", "sel\tnet phys\tnet0\n");
	turn(tty, "zonecfg:z1:net> ", "can\t\n");
	turn(tty, "zonecfg:z1> ", "set pool=first\n");
	turn(tty, "zonecfg:z1> ", "clear pool\n");
	turn(tty, "zonecfg:z1> ", "\033[A\033[A\n"); /* twice up: set pool */
	turn(tty, "zonecfg:z1> ", "exit\n");
	turn(tty, "exit", "");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(tty);
	terminal = "dumb";
	c = load("z1");
	assert_non_null(c);
	assert_true(c->autoboot);
	assert_string_equal(c->bootargs, "x");
	assert_string_equal(c->pool, "first");
	assert_int_equal(c->nnet, 1);
	assert_string_equal(c->net[0].mac_addr, "02:08:20:00:00:01");
	assert_string_equal(zprop_get(c->net[0].prop, c->net[0].nprop, "a"), "b");
	zconf_free(c);
}

static void
test_import(void **state)
{
	static const char xml[] = "<?xml version=\"1.0\"?>\n"
				  "<zone name=\"a\" zonepath=\"/zones/a\" brand=\"bhyve\" "
				  "ip-type=\"exclusive\"><device match=\"/zones/a/d0\"/>"
				  "<device match=\"/dev/zvol/rdsk/zones/a\"/></zone>\n";
	char command[192];
	struct zconf *c;

	(void)snprintf(command, sizeof(command), "create -a %s", script_file(xml));
	expect(run("-z", "z1", command), 0, "");
	c = load("z1");
	assert_non_null(strstr(c->zonepath, "/zones/z1"));
	assert_non_null(strstr(c->device[0].match, "/zones/z1/d0"));
	assert_string_equal(c->device[1].match, "/dev/zvol/rdsk/zones/a");
	zconf_free(c);
	(void)snprintf(command, sizeof(command), "create -F -a %s", script_file("<zone/>"));
	expect(run("-z", "z1", command), 1, "script.cfg': line 1: the zone's name");
}

static void
test_prompt(void **state)
{
	int tty, status;
	pid_t pid = at_terminal(&tty, (const char *const[]){ "-z", "z1", NULL });
	struct zconf *c;

	turn(tty, "zonecfg:z1> ", "create\n");
	turn(tty, "zonecfg:z1> ", "frobnicate\n"); /* an error does not end it */
	turn(tty, "unknown subcommand", "exit\n");
	turn(tty, "(y/[n])? ", "n\n"); /* incomplete: stay */
	turn(tty, "zonecfg:z1> ", "set zonepath=/zones/z1\n");
	turn(tty, "zonecfg:z1> ", "add net\n");
	turn(tty, "zonecfg:z1:net> ", "set physical=net0\n");
	turn(tty, "zonecfg:z1:net> ", "end\n");
	turn(tty, "zonecfg:z1> ", "exit\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(tty);
	c = load("z1");
	assert_non_null(c);
	assert_int_equal(c->nnet, 1);
	zconf_free(c);
	pid = at_terminal(&tty, (const char *const[]){ "-z", "z1", "delete", NULL });
	turn(tty, "(y/[n])? ", "y\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(tty);
	assert_false(exists("z1"));
}

static int
setup(void **state)
{
	file_limit = RLIM_INFINITY;
	return (sandbox_make(state));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, sandbox_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_usage),
		TEST(test_create_and_arguments),
		TEST(test_script_and_round_trip),
		TEST(test_info),
		TEST(test_renamed),
		TEST(test_refusals),
		TEST(test_dedicated),
		TEST(test_changes),
		TEST(test_kept),
		TEST(test_lines_are_named),
		TEST(test_installed),
		TEST(test_meanwhile),
		TEST(test_no_space),
		TEST(test_export_to_file),
		TEST(test_prompt),
		TEST(test_completion),
		TEST(test_import),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
