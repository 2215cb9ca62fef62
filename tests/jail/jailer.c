/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the hostile program into zones' jails, on this machine, as root: zone/jail.c as it is built
 * for tests, whole and with one layer left out after the other. Around the jails stands what there
 * is to be reached (hostile_bait.h). Tells on standard output what the program tells, behind the
 * name of the layer that was left out ("none", "filter"). Status 3: the kernel lets nobody have
 * namespaces here.
 *
 *   jailer PROGRAM
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "hostile_bait.h"
#include "jail_layers.h"
#include "zone/jail.h"

#define DID 0x1fffff0u /* of no zone */

static const char *const layer_names[JAIL_LAYERS + 1] = {
	[JAIL_FILTER] = "filter",
	[JAIL_ROOT] = "empty root",
	[JAIL_CAPS] = "no capability",
	[JAIL_USERNS] = "user namespace",
	[JAIL_NESTED] = "no further namespace",
	[JAIL_PID] = "pid namespace",
	[JAIL_NET] = "network namespace",
	[JAIL_IPC] = "IPC namespace",
	[JAIL_UTS] = "UTS namespace",
	[JAIL_CGROUP] = "cgroup namespace",
	[JAIL_UID] = "uid",
	[JAIL_LIMITS] = "rlimits",
	[JAIL_FDS] = "descriptors",
	[JAIL_KEYRING] = "keyring",
	[JAIL_SEALED] = "no_new_privs",
	[JAIL_LANDLOCK] = "Landlock",
	[JAIL_LAYERS] = "none",
};

static struct {
	int tcp, abstract, port, lent, kvm, shm, sem, msg;
} outside;

static void __attribute__((noreturn)) die(const char *what)
{
	(void)fprintf(stderr, "jailer: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* A file of root's, for reading; its name is gone. */
static int
lend(void)
{
	char path[] = "/tmp/jailer.XXXXXX", proc[32];
	int fd = mkostemp(path, O_CLOEXEC), ro;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (fd < 0 || fd_write_full(fd, "lent", 4) != 0 ||
	    (ro = open(proc, O_RDONLY | O_CLOEXEC)) < 0)
		die("a file");
	(void)unlink(path);
	(void)close(fd);
	return (ro);
}

static void
listen_all(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0" BAIT_ABSTRACT };
	socklen_t len = sizeof(in);

	outside.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	outside.abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(outside.tcp, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(outside.tcp, 1) != 0 ||
	    getsockname(outside.tcp, (struct sockaddr *)&in, &len) != 0)
		die("a port");
	outside.port = ntohs(in.sin_port);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof("\0" BAIT_ABSTRACT) - 1);
	if (bind(outside.abstract, (struct sockaddr *)&un, len) != 0 ||
	    listen(outside.abstract, 1) != 0)
		die("a UNIX socket");
}

static void
put_bait(void)
{
	listen_all();
	outside.lent = lend();
	outside.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	outside.shm = shmget(BAIT_KEY, 4096, IPC_CREAT | 0666);
	outside.sem = semget(BAIT_KEY, 1, IPC_CREAT | 0666);
	outside.msg = msgget(BAIT_KEY, IPC_CREAT | 0666);
	(void)umask(0);
	(void)mq_open("/" BAIT_QUEUE, O_RDWR | O_CREAT | O_CLOEXEC, 0666, NULL);
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	(void)syscall(SYS_add_key, "user", "zhyve-bait", "x", 1, KEY_SPEC_SESSION_KEYRING);
	/* What close-on-exec alone would not keep out. */
	if (fcntl(outside.lent, F_DUPFD, 200) < 0)
		die("a descriptor");
}

static void
take_bait(void)
{
	(void)shmctl(outside.shm, IPC_RMID, NULL);
	(void)semctl(outside.sem, 0, IPC_RMID);
	(void)msgctl(outside.msg, IPC_RMID, NULL);
	(void)mq_unlink("/" BAIT_QUEUE);
}

/* What the program says, each line behind the layer's name; true when it came to its end. */
static bool
relay(int fd, const char *layer)
{
	FILE *in = fdopen(fd, "r");
	char line[512];
	bool end = false;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		end = strcmp(line, "end\n") == 0;
		if (!end)
			(void)printf("%s\t%s", layer, line);
	}
	if (in != NULL)
		(void)fclose(in);
	return (end);
}

/* One jail. */
static bool
run(int program, enum jail_layer without, const char *how)
{
	char pid[32], port[32], kvm[32];
	char *const argv[] = { (char[]){ "hostile" }, (char[]){ "report=3" }, (char[]){ "lent=4" },
		kvm, pid, port,
		outside.kvm >= 0 ? (char[]){ "highest=5" } : (char[]){ "highest=4" },
		(char *)(uintptr_t)how, NULL };
	int report[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), pidfd;
	struct err e = { 0 };
	pid_t child;
	bool end;

	if (null < 0 || pipe2(report, O_CLOEXEC) != 0)
		die("a pipe");
	(void)snprintf(pid, sizeof(pid), "pid=%d", (int)getpid());
	(void)snprintf(port, sizeof(port), "port=%d", outside.port);
	(void)snprintf(kvm, sizeof(kvm), "kvm=%d", outside.kvm >= 0 ? 5 : -1);
	const struct jail_spec spec = {
		.hostname = "jailed",
		.uid = jail_uid(DID),
		.cgroup_fd = -1,
		.exec_fd = program,
		.argv = argv,
		.fds = (const int[]){ report[1], outside.lent, outside.kvm },
		.nfds = outside.kvm >= 0 ? 3 : 2,
		.in_fd = null,
		.out_fd = STDERR_FILENO,
		.threads = 70,
	};
	jail_without = without;
	if (jail_start(&spec, &child, &pidfd, &e) != 0) {
		(void)fprintf(stderr, "jailer: without %s: %s\n", layer_names[without], e.text);
		exit(without == JAIL_LAYERS && (e.errnum == ENOSPC || e.errnum == EPERM) &&
			    strstr(e.text, "namespaces") != NULL
			? 3
			: 2);
	}
	(void)close(report[1]);
	(void)close(null);
	end = relay(report[0], layer_names[strcmp(how, "all") == 0 ? JAIL_FILTER : without]);
	(void)waitpid(child, NULL, 0);
	(void)close(pidfd);
	return (end);
}

int
main(int argc, char **argv)
{
	int program;
	bool ok;

	if (argc != 2 || (program = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0)
		die("usage: jailer PROGRAM");
	put_bait();
	ok = run(program, JAIL_LAYERS, "full") && run(program, JAIL_LAYERS, "all");
	for (int l = JAIL_FILTER + 1; ok && l < JAIL_LAYERS; l++)
		ok = run(program, (enum jail_layer)l, "once");
	take_bait();
	if (!ok)
		(void)fprintf(stderr, "jailer: the program did not come to its end\n");
	return (ok ? 0 : 1);
}
