/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program in the place of a helper (zone/helper.h), for the tests of the zone: swtpm ($SWTPM_BIN),
 * zhyve-blk ($ZHYVE_BLK_BIN) or zhyve-vnc ($ZHYVE_VNC_BIN). It tries to get out of the helper's jail
 * in every way of hostile.h, and where the root is not empty (swtpm's) in some more. What it found it
 * leaves where it may, one line each, "NAME: refused (reason)" or "NAME: DONE", at last "end: N
 * tried": swtpm's in /state/probe, zhyve-blk's on its disk, zhyve-vnc's for a client of its socket.
 * Then it waits to be killed. Static; it is no part of the product.
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

#include "hostile.h"

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

static unsigned ntried;

static void
tell(const struct attempt_group *g, const struct attempt *a, enum hostile_filter filter,
    enum hostile_end end, int number)
{
	ntried++;
	if (end == END_DONE || end == END_OTHER)
		(void)fprintf(out, "%s, %s (%s): DONE (%d)\n", g->name, a->name,
		    hostile_filter_names[filter], number);
}

static void
identity(void)
{
	(void)fprintf(out, "identity: uid %u gid %u pid %d groups %d\n", getuid(), getgid(),
	    (int)getpid(), getgroups(0, NULL));
}

/* What we opened ourselves follows what was handed over; the last of both. */
static int
last_of(int handed)
{
	return (fileno(out) == handed + 1 ? handed + 1 : handed);
}

static void
in_swtpm(void)
{
	if ((out = fopen("/state/probe.new", "we")) == NULL)
		_exit(1);
	bait.highest = last_of(3);
	identity();
	hostile_try(FILTER_NONE, false, tell);
	probe_files();
	probe_landlock();
	probe_exec();
	probe_privileges();
	probe_network();
	probe_limits();
	(void)fprintf(out, "end: %u tried\n", ntried);
	(void)fclose(out);
	(void)rename("/state/probe.new", "/state/probe");
}

static void
in_blk(void)
{
	if ((out = fdopen(dup(4), "w")) == NULL)
		_exit(1);
	bait.highest = last_of(4);
	identity();
	hostile_try(FILTER_NONE, false, tell);
	hostile_try(FILTER_BLK_MAIN, false, tell);
	(void)fprintf(out, "end: %u tried\n", ntried);
	(void)fclose(out);
}

static void
in_vnc(void)
{
	char *text;
	size_t len;

	bait.highest = 6;
	bait.lent = 3; /* the framebuffer */
	if ((out = open_memstream(&text, &len)) == NULL)
		_exit(1);
	identity();
	hostile_try(FILTER_NONE, false, tell);
	hostile_try(FILTER_VNC, false, tell);
	(void)fprintf(out, "end: %u tried\n", ntried);
	(void)fclose(out);
	for (;;) {
		int client = accept(5, NULL, NULL);

		(void)!write(client, text, len);
		(void)close(client);
	}
}

int
main(int argc, char **argv)
{
	umask(022);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 0 && strcmp(argv[0], "zhyve-blk") == 0)
		in_blk();
	else if (argc > 0 && strcmp(argv[0], "zhyve-vnc") == 0)
		in_vnc();
	else
		in_swtpm();
	for (;;)
		(void)pause();
}
