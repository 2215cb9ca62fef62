/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests/guest/frames.c does, as a program of a Linux guest: sends the frames of a file through a raw socket of an
 * interface, and says what it hears there. Prints, as that does, "sent 0x..." after each round, "heard 0x..." for each
 * frame heard for the first time (frame_name in heard.h), and "refused" with the reason for a frame that this
 * kernel itself does not take.
 *
 * usage: linux_guest INTERFACE FILE once|again|reset
 *
 * once: one round, and then only hears. again: round after round. reset: one round, and the machine is reset.
 * Static: it runs as the only program beside busybox.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heard.h"

#define HEADER 12u /* of a record: virtio 1's; a packet socket wants the first 10 bytes of it */

static void
say_heard(const uint8_t *frame, size_t len)
{
	static struct heard heard;
	uint32_t name = frame_name(frame, len);

	if (heard_first(&heard, name))
		printf("heard 0x%x\n", name);
}

/* A packet socket of the interface, which hears all that the nic hands on. */
static int
open_link(const char *name)
{
	const struct packet_mreq promisc = { .mr_ifindex = (int)if_nametoindex(name),
		.mr_type = PACKET_MR_PROMISC };
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = promisc.mr_ifindex };
	const int on = 1;
	int fd;

	if ((fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL))) < 0)
		err(1, "packet socket");
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0)
		err(1, "%s", name);
	return (fd);
}

/* The VLAN tag that the kernel has taken out of a frame, if there was one. */
static bool
tag_of(struct msghdr *m, uint16_t *tpid, uint16_t *tci)
{
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		*tpid = htons(aux.tp_vlan_tpid);
		*tci = htons(aux.tp_vlan_tci);
		return ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0);
	}
	return (false);
}

/* Say what has come. */
static void
hear(int fd)
{
	static uint8_t frame[65536 + 4];
	struct virtio_net_hdr vnet;
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from;
	uint16_t tpid, tci;
	ssize_t len;

	for (;;) {
		struct iovec iov[] = { { &vnet, sizeof(vnet) }, { frame, sizeof(frame) - 4 } };
		struct msghdr m = { .msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = iov,
			.msg_iovlen = 2,
			.msg_control = control,
			.msg_controllen = sizeof(control) };

		if ((len = recvmsg(fd, &m, 0)) < 0) {
			if (errno == EAGAIN)
				return;
			err(1, "receive");
		}
		if (from.sll_pkttype == PACKET_OUTGOING ||
		    (len -= (ssize_t)sizeof(vnet)) < ETH_HLEN)
			continue;
		if (tag_of(&m, &tpid, &tci)) {
			memmove(frame + 16, frame + 12, (size_t)len - 12);
			memcpy(frame + 12, &tpid, 2);
			memcpy(frame + 14, &tci, 2);
			len += 4;
		}
		say_heard(frame, (size_t)len);
	}
}

/* One frame with its header; a full queue is waited for. */
static void
send_frame(int fd, const uint8_t *record, size_t len)
{
	struct iovec iov[] = { { (void *)(uintptr_t)record, sizeof(struct virtio_net_hdr) },
		{ (void *)(uintptr_t)(record + HEADER), len - HEADER } };
	struct pollfd full = { .fd = fd, .events = POLLOUT };

	while (writev(fd, iov, 2) < 0) {
		if (errno != EAGAIN && errno != ENOBUFS) {
			printf("refused %zu bytes: %s\n", len - HEADER, strerror(errno));
			return;
		}
		(void)poll(&full, 1, 10);
		hear(fd);
	}
}

int
main(int argc, char **argv)
{
	const uint8_t *file, *at;
	struct pollfd more;
	struct stat st;
	unsigned sent;
	int fd;

	if (argc != 4)
		errx(2, "usage: linux_guest INTERFACE FILE once|again|reset");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((fd = open(argv[2], O_RDONLY | O_CLOEXEC)) < 0 || fstat(fd, &st) != 0)
		err(1, "%s", argv[2]);
	if ((file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		err(1, "%s", argv[2]);
	more = (struct pollfd){ .fd = open_link(argv[1]), .events = POLLIN };
	do {
		sent = 0;
		for (at = file; file + st.st_size - at > 2;) {
			uint32_t len = at[0] | (uint32_t)at[1] << 8;

			at += 2;
			if (len <= HEADER || len > (size_t)(file + st.st_size - at))
				errx(1, "%s: a record of %u bytes", argv[2], len);
			send_frame(more.fd, at, len);
			hear(more.fd);
			at += len;
			sent++;
		}
		printf("sent 0x%x\n", sent);
	} while (strcmp(argv[3], "again") == 0);
	if (strcmp(argv[3], "reset") == 0) {
		fflush(stdout);
		usleep(300000); /* the nic may still hold the last of them */
		reboot(RB_AUTOBOOT);
	}
	for (;;) {
		(void)poll(&more, 1, -1);
		hear(more.fd);
	}
}
