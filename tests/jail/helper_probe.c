/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program in swtpm's place ($SWTPM_BIN), for the tests of the zone: it tries to get out of a
 * helper's jail (zone/helper.h), whose root is not empty, in every way it knows, and writes into the
 * one folder that it may write to, one line each, to /state/probe: "NAME: refused (reason)" or
 * "NAME: DONE". Then it waits to be killed. Static; it is no part of the product.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

/* rc as of a system call: it must have failed. */
static void
tried(const char *name, long rc)
{
	if (rc < 0)
		(void)fprintf(out, "%s: refused (%s)\n", name, strerror(errno));
	else
		(void)fprintf(out, "%s: DONE\n", name);
}

static void
probe_files(void)
{
	static const char *const paths[] = { "/etc/passwd", "/proc/self/status", "/dev/kvm",
		"/sys/kernel", "/zones", "/run/zones", "/state/../../etc/passwd",
		"/lib/../etc/passwd", "/usr/sbin/zhyve" };
	char name[80];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)snprintf(name, sizeof(name), "open %s", paths[i]);
		tried(name, open(paths[i], O_RDONLY));
	}
	tried("create /x", open("/x", O_RDWR | O_CREAT, 0600));
	tried("create /lib/x", open("/lib/x", O_RDWR | O_CREAT, 0600));
	tried("write the dynamic linker", open("/lib64/ld-linux-x86-64.so.2", O_RDWR));
	tried("mkdir /d", mkdir("/d", 0700));
	/* 0:0 would be the mark that overlayfs makes, which everybody may. */
	tried("device in /state", mknod("/state/n", S_IFCHR | 0600, makedev(1, 3)));
	tried("remove /usr", unlink("/usr"));
	tried("rename /state", rename("/state", "/states"));
	tried("link out of /lib", link("/lib64/ld-linux-x86-64.so.2", "/state/ld"));
}

/* What only Landlock forbids, where the kernel has it. */
static void
probe_landlock(void)
{
	tried("landlock: folder in /state", mkdir("/state/d", 0700));
	tried("landlock: link in /state", symlink("/", "/state/l"));
	tried("landlock: socket in /state", mknod("/state/s", S_IFSOCK | 0600, 0));
}

static void
probe_exec(void)
{
	static char *const none[] = { NULL };
	int fd = open("/state/own", O_RDWR | O_CREAT, 0700);

	(void)dprintf(fd, "#!/lib64/ld-linux-x86-64.so.2\n");
	(void)close(fd);
	tried("execute what it wrote", execve("/state/own", none, none));
	tried("execute a shell", execve("/bin/sh", none, none));
}

static void
probe_privileges(void)
{
	tried("uid 0", setuid(0));
	tried("gid 0", setgid(0));
	tried("groups", syscall(SYS_setgroups, 1, &(gid_t){ 0 }));
	tried("user namespace", unshare(CLONE_NEWUSER));
	tried("mount namespace", unshare(CLONE_NEWNS));
	tried("network namespace", unshare(CLONE_NEWNET));
	tried("mount", mount("none", "/state", "tmpfs", 0, NULL));
	tried("remount", mount(NULL, "/lib", NULL, MS_REMOUNT | MS_BIND, NULL));
	tried("umount", umount2("/lib", MNT_DETACH));
	tried("chroot", chroot("/state"));
	tried("hostname", sethostname("x", 1));
	tried("ptrace its parent", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	tried("signal others", kill(-1, 0));
}

static void
probe_network(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(22) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	in.sin_addr.s_addr = htonl(0x08080808);
	tried("connect", s < 0 ? -1 : connect(s, (struct sockaddr *)&in, sizeof(in)));
	tried("raw socket", socket(AF_INET, SOCK_RAW, 1));
	tried("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
}

/* Bounds: the size of a file, the number of processes. */
static void
probe_limits(void)
{
	static const char block[65536];
	int fd = open("/state/large", O_WRONLY | O_CREAT, 0600), n = 0;
	long rc = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < 32 && rc >= 0; i++)
		rc = write(fd, block, sizeof(block));
	tried("a file of 2 MiB", rc);
	(void)unlink("/state/large");
	for (rc = 0; n < 32 && rc >= 0; n++) {
		if ((rc = fork()) == 0) {
			(void)pause();
			_exit(0);
		}
	}
	tried("32 processes", rc);
}

int
main(void)
{
	umask(022);
	if ((out = fopen("/state/probe.new", "we")) == NULL)
		return (1);
	(void)fprintf(out, "identity: uid %u gid %u pid %d groups %d\n", getuid(), getgid(),
	    (int)getpid(), getgroups(0, NULL));
	probe_files();
	probe_landlock();
	probe_exec();
	probe_privileges();
	probe_network();
	probe_limits();
	(void)fclose(out);
	(void)rename("/state/probe.new", "/state/probe");
	for (;;)
		(void)pause();
}
