/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What links cost, in a network namespace of the program's own: the time to make and to remove a
 * vnic, the first and the last hundred of many on one bridge, each beside one that is alone on
 * another bridge, made in turn with it (so that what else the machine does is in both); and what the
 * filter adds to a frame's way from one tap over the bridge to another. Root.
 *
 * usage: links [VNICS] [old]     (default 1000, 200 at least; 0: the frames; old: with the filters of
 *                                kernels before 6.6)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#include "../unit/zone/sandbox.h"
#include "zone/link.h"
#include "zone/netlink.h"
#include "zone/protect_conf.h"

#define ALL    (PROTECT_MAC | PROTECT_IP | PROTECT_DHCP | PROTECT_RESTRICTED | PROTECT_PROMISC)
#define BATCH  100
#define ROUNDS 21
#define TURNS  12
#define FRAMES 2000

static double
clock_of(clockid_t which)
{
	struct timespec t;

	(void)clock_gettime(which, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static double
now(void)
{
	return (clock_of(CLOCK_MONOTONIC));
}

static void
check(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "links: %s\n", e->text);
	sandbox_remove(NULL);
	exit(1);
}

static struct vnic_spec
vnic(unsigned i)
{
	struct vnic_spec v = { .tag = "bench0",
		.mac = { 0x02, 0x08, 0x20, 0x01, (uint8_t)(i >> 8), (uint8_t)i } };

	(void)snprintf(v.ifname, sizeof(v.ifname), "z%un0", i);
	v.protect.flags = ALL;
	v.protect.nv4 = 1;
	v.protect.v4[0] = (struct protect_v4){ htonl(0x0a000000 + i), UINT32_MAX };
	return (v);
}

/* ---- many ---- */

static unsigned
interfaces(void)
{
	FILE *f = fopen("/proc/net/dev", "re");
	unsigned n = 0;
	int c;

	while (f != NULL && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		(void)fclose(f);
	return (n);
}

/* Seconds that it takes to make a vnic, and to remove it again, alone on the other bridge. */
static void
alone(double *made, double *gone)
{
	struct vnic_spec v = vnic(0);
	struct filter *filter;
	struct err e = { 0 };
	double start = now();
	int fd;

	(void)snprintf(v.tag, sizeof(v.tag), "alone0");
	check(vnic_create(&v, &fd, &filter, &e), &e);
	*made += now() - start;
	start = now();
	filter_close(filter);
	(void)close(fd);
	*gone += now() - start;
}

static void
many(unsigned n)
{
	double start, made[2] = { 0 }, gone[2] = { 0 }, made1[2] = { 0 }, gone1[2] = { 0 };
	struct filter **filter = calloc(n, sizeof(*filter));
	int *fd = calloc(n, sizeof(*fd));
	unsigned before = interfaces();
	struct err e = { 0 };
	double ignored = 0;

	if (filter == NULL || fd == NULL)
		exit(2);
	for (unsigned i = 0; i < n; i++) {
		struct vnic_spec v = vnic(i + 1);

		if (i < BATCH || i >= n - BATCH)
			alone(&made1[i >= BATCH], &ignored);
		start = now();
		check(vnic_create(&v, &fd[i], &filter[i], &e), &e);
		if (i < BATCH || i >= n - BATCH)
			made[i >= BATCH] += now() - start;
	}
	for (unsigned i = n; i-- > 0;) {
		if (i < BATCH || i >= n - BATCH)
			alone(&ignored, &gone1[i < BATCH]);
		start = now();
		filter_close(filter[i]);
		(void)close(fd[i]);
		if (i < BATCH || i >= n - BATCH)
			gone[i < BATCH] += now() - start;
	}
	(void)printf("making %u vnics on one bridge, against one that is alone: the first %d %.2f "
		     "(%.1f ms each), the last %d %.2f (%.1f ms)\n",
	    n, BATCH, made[0] / made1[0], made[0] * 1e3 / BATCH, BATCH, made[1] / made1[1],
	    made[1] * 1e3 / BATCH);
	(void)printf("removing them: the first %d %.2f (%.1f ms each), the last %d %.2f (%.1f ms); "
		     "left: %d\n",
	    BATCH, gone[0] / gone1[0], gone[0] * 1e3 / BATCH, BATCH, gone[1] / gone1[1],
	    gone[1] * 1e3 / BATCH, (int)interfaces() - (int)before);
	free(filter);
	free(fd);
}

/* ---- frames ---- */

/* From vnic 1 to vnic 2, with IPv4's and UDP's headers. */
static void
frame(uint8_t *f, size_t len)
{
	uint8_t head[] = { 0x02, 0x08, 0x20, 0x01, 0, 2, 0x02, 0x08, 0x20, 0x01, 0, 1, 0x08, 0x00,
		0x45, 0, (uint8_t)((len - 14) >> 8), (uint8_t)(len - 14), 0, 0, 0, 0, 64, 17, 0, 0,
		10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x30, 0x39, (uint8_t)((len - 34) >> 8),
		(uint8_t)(len - 34), 0, 0 };
	uint32_t sum = 0;

	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)head[i] << 8 | head[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	head[24] = (uint8_t)(sum >> 8);
	head[25] = (uint8_t)sum;
	memset(f, 0, len);
	memcpy(f, head, sizeof(head));
}

/* Processor time, all of it ours: a frame is carried to the other tap within the call that writes it. */
static double
carry(const int fd[2], size_t len)
{
	static uint8_t out[12 + 65536], in[12 + 65536];
	double start;
	unsigned lost = 0;

	memset(out, 0, 12);
	frame(out + 12, len);
	start = clock_of(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < FRAMES; i++) {
		if (write(fd[0], out, 12 + len) < 0 || read(fd[1], in, sizeof(in)) < 0)
			lost++;
	}
	start = clock_of(CLOCK_THREAD_CPUTIME_ID) - start;
	if (lost > FRAMES / 100) {
		(void)fprintf(stderr, "links: %u of %u frames did not arrive\n", lost, FRAMES);
		sandbox_remove(NULL);
		exit(1);
	}
	return (start / FRAMES);
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return ((*x > *y) - (*x < *y));
}

/* The tap of a vnic: with its filter on one bridge, without on the other. */
static int
end(unsigned i, bool unprotected)
{
	struct vnic_spec v = vnic(i);
	CLEANUP_NL struct nl *nl = NULL;
	struct filter *filter;
	struct err e = { 0 };
	int fd;

	if (unprotected) {
		(void)snprintf(v.tag, sizeof(v.tag), "alone0");
		(void)snprintf(v.ifname, sizeof(v.ifname), "a%un0", i);
	}
	check(vnic_create(&v, &fd, &filter, &e), &e);
	if (unprotected) {
		check(nl_open(&nl, &e), &e);
		check(filter_detach(filter, nl, v.ifname, &e), &e);
	}
	filter_close(filter);
	return (fd);
}

/*
 * Two pairs of vnics, one of them with its filters taken off, carry frames in turn; the best of each
 * is what neither was kept from by something else. Then two new pairs: where they lie in memory counts.
 */
static void
frames(void)
{
	static const size_t sizes[] = { 64, 1514 };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		double ratio[ROUNDS], cost[2] = { 1, 1 };

		for (unsigned r = 0; r < ROUNDS; r++) {
			const int fd[2][2] = { { end(1, false), end(2, false) },
				{ end(1, true), end(2, true) } };
			double best[2] = { 1, 1 };

			for (unsigned turn = 0; turn < TURNS; turn++) {
				for (unsigned off = 0; off < 2; off++) {
					double t = carry(fd[off], sizes[s]);

					best[off] = t < best[off] ? t : best[off];
				}
			}
			for (unsigned i = 0; i < 4; i++)
				(void)close(fd[i / 2][i % 2]);
			ratio[r] = best[0] / best[1];
			for (unsigned off = 0; off < 2; off++)
				cost[off] = best[off] < cost[off] ? best[off] : cost[off];
		}
		qsort(ratio, ROUNDS, sizeof(ratio[0]), by_size);
		(void)printf(
		    "a frame of %zu bytes, tap to tap: %.0f ns unprotected, %.0f ns protected at "
		    "both ends; ratio %.3f (median of %d, half of them %.3f to %.3f)\n",
		    sizes[s], cost[1] * 1e9, cost[0] * 1e9, ratio[ROUNDS / 2], ROUNDS,
		    ratio[ROUNDS / 4], ratio[ROUNDS - 1 - ROUNDS / 4]);
	}
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	struct rlimit files;
	struct nictag tag = { .name = "bench0" }, other = { .name = "alone0" };
	struct err e = { 0 };

	filter_pretend_old_kernel(argc > 2 && strcmp(argv[2], "old") == 0);
	if (n > 0 && n < 2 * BATCH) {
		(void)fprintf(stderr, "links: %d vnics at least, or 0\n", 2 * BATCH);
		return (2);
	}
	/* A filter has a dozen of descriptors: 1000 want 16384. */
	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (!sandbox_netns() || sandbox_make(NULL) != 0) {
		(void)fprintf(stderr, "links: needs root\n");
		return (1);
	}
	check(nictag_add(&tag, &e), &e);
	check(nictag_add(&other, &e), &e);
	if (n > 0)
		many(n);
	else
		frames();
	sandbox_remove(NULL);
	return (0);
}
