/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: first_byte RUNS COMMAND [ARGUMENT...]
 *
 * Starts COMMAND so many times with standard output on a pipe. Measures from before the exec to
 * the first byte that comes out (CLOCK_MONOTONIC), then the process's PSS without its guest's
 * memory (the mapping of exactly 64 MiB, which is what every command gives its guest), and
 * kills it. Prints "minimum median pss": microseconds, microseconds, KiB (median).
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX  1000
#define GUEST_KIB (64 * 1024ul) /* every command gives its guest 64 MiB */

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/*
 * Proportional set size without the mapping that is the guest's RAM: the one of exactly its
 * size.
 */
static unsigned long
pss_kib(pid_t pid)
{
	unsigned long from, to, kib, sum = 0;
	int guest = 0, guests = 0;
	char path[64], line[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			guest = (to - from) / 1024 == GUEST_KIB;
			guests += guest;
		} else if (sscanf(line, "Pss: %lu kB", &kib) == 1 && !guest) {
			sum += kib;
		}
	}
	(void)fclose(f);
	if (guests != 1)
		fprintf(stderr,
		    "first_byte: %d mappings of the guest's size, 1 expected: PSS is not to be "
		    "trusted\n",
		    guests);
	return (sum);
}

static void
one_run(char **argv, uint64_t *us, unsigned long *pss)
{
	uint64_t begin;
	int out[2], status;
	char byte;
	pid_t pid;

	if (pipe(out) != 0)
		die("pipe");
	begin = now_us();
	if ((pid = vfork()) < 0)
		die("vfork");
	if (pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)close(out[1]);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(out[1]);
	if (read(out[0], &byte, 1) != 1) {
		fprintf(stderr, "first_byte: %s ended without a byte\n", argv[0]);
		exit(1);
	}
	*us = now_us() - begin;
	(void)usleep(20000); /* let it come to rest */
	*pss = pss_kib(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)close(out[0]);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

int
main(int argc, char **argv)
{
	static uint64_t us[RUNS_MAX], pss[RUNS_MAX];
	int runs = argc > 2 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: first_byte RUNS COMMAND [ARGUMENT...]\n");
		return (2);
	}
	for (int i = 0; i < runs; i++) {
		unsigned long kib = 0;

		one_run(argv + 2, &us[i], &kib);
		pss[i] = kib;
	}
	qsort(us, (size_t)runs, sizeof(us[0]), compare);
	qsort(pss, (size_t)runs, sizeof(pss[0]), compare);
	printf("%llu %llu %llu\n", (unsigned long long)us[0], (unsigned long long)us[runs / 2],
	    (unsigned long long)pss[runs / 2]);
	return (0);
}
