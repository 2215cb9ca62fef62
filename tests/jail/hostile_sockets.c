/* SPDX-License-Identifier: BSD-2-Clause */
/* Attempts at networks, and at what was handed over. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/vfio.h>
#include <linux/vhost.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checked.h"
#include "hostile.h"
#include "hostile_bait.h"

#define NET  LAYER(NET)
#define CAPS LAYER(CAPS)

static long
reach(const struct attempt *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl((uint32_t)a->arg[1]) };
	int s = socket(AF_INET, (int)a->arg[0] | SOCK_NONBLOCK, 0);

	in.sin_port = htons((uint16_t)(a->arg[2] != 0 ? a->arg[2] : bait.port));
	if (s < 0)
		return (-1);
	if (connect(s, (struct sockaddr *)&in, sizeof(in)) != 0 && errno != EINPROGRESS)
		return (-1);
	return (0);
}

static long
reach6(const struct attempt *a)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
		.sin6_addr.s6_addr = { 0x20, 1, 0xd, 0xb8 },
		.sin6_port = htons(80) };
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (s < 0)
		return (-1);
	return (
	    connect(s, (struct sockaddr *)&in, sizeof(in)) != 0 && errno != EINPROGRESS ? -1 : 0);
}

/* A UNIX socket: without a file where arg[1] is set. */
static long
reach_unix(const struct attempt *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *name = (const char *)(uintptr_t)a->arg[0];
	int s = socket(AF_UNIX, (int)a->arg[2], 0), at = a->arg[1] != 0;
	socklen_t len;

	(void)snprintf(un.sun_path + at, sizeof(un.sun_path) - 1, "%s", name);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)at + strlen(name));
	return (s < 0 ? -1 : connect(s, (struct sockaddr *)&un, len));
}

static long
bind_unix(const struct attempt *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run.sock" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	return (s < 0 ? -1 : bind(s, (struct sockaddr *)&un, sizeof(un)));
}

static long
bind_port(const struct attempt *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)a->arg[0]) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return (s < 0 ? -1 : bind(s, (struct sockaddr *)&in, sizeof(in)));
}

/* A change by netlink: the answer's error. */
static long
netlink_change(const struct attempt *a)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m = { { sizeof(m), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		{ .ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} r;
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (s < 0 || send(s, &m, sizeof(m), 0) < 0 || recv(s, &r, sizeof(r), 0) < 0)
		return (-1);
	return (r.e.error == 0 ? 0 : (errno = -r.e.error, -1));
}

/* Interfaces beside its own loopback. */
static long
see_interfaces(const struct attempt *a)
{
	struct ifreq ifr = { .ifr_ifindex = 2 };
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	return (s < 0 ? -1 : ioctl(s, SIOCGIFNAME, &ifr));
}

static long
interface_ioctl(const struct attempt *a)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	return (s < 0 ? -1 : ioctl(s, (unsigned long)a->arg[0], &ifr));
}

#define SOCKET(text, layers, f, t, p)                \
	{                                            \
		"socket: " text, layers, SYS_socket, \
		{                                    \
			f, t, p                      \
		}                                    \
	}
static const struct attempt sockets[] = {
	{ "TCP to a service of the host", NET, .arg = { SOCK_STREAM, 0x7f000001, 0 }, .fn = reach },
	{ "TCP to the world", NET, .arg = { SOCK_STREAM, 0x08080808, 53 }, .fn = reach },
	{ "UDP to the world", NET, .arg = { SOCK_DGRAM, 0x08080808, 53 }, .fn = reach },
	{ "UDP to the host", NET, .arg = { SOCK_DGRAM, 0x7f000001, 53 }, .fn = reach },
	{ "TCP to a metadata service of a cloud", NET, .arg = { SOCK_STREAM, 0xa9fea9fe, 80 },
	    .fn = reach },
	{ "TCP over IPv6", NET, .fn = reach6 },
	{ "an abstract UNIX socket of the host", NET, .arg = { P(BAIT_ABSTRACT), 1, SOCK_STREAM },
	    .fn = reach_unix },
	{ "an abstract UNIX socket, datagrams", NET, .arg = { P("zhyve"), 1, SOCK_DGRAM },
	    .fn = reach_unix },
	{ "the control socket of a zone", LAYER(ROOT),
	    .arg = { P("/run/zones/other/control"), 0, SOCK_STREAM }, .fn = reach_unix },
	{ "systemd", LAYER(ROOT), .arg = { P("/run/systemd/private"), 0, SOCK_STREAM },
	    .fn = reach_unix },
	{ "D-Bus", LAYER(ROOT), .arg = { P("/run/dbus/system_bus_socket"), 0, SOCK_STREAM },
	    .fn = reach_unix },
	{ "the log", LAYER(ROOT), .arg = { P("/dev/log"), 0, SOCK_DGRAM }, .fn = reach_unix },
	{ "a UNIX socket with a file", LAYER(ROOT) | LAYER(UID), .fn = bind_unix },
	{ "a privileged port", CAPS, .arg = { 22 }, .fn = bind_port },
	{ "change an interface", CAPS, .fn = netlink_change },
	{ "see the host's interfaces", NET, .fn = see_interfaces },
	{ "an interface up, by ioctl", CAPS, .arg = { SIOCSIFFLAGS }, .fn = interface_ioctl },
	{ "an interface's address, by ioctl", CAPS, .arg = { SIOCSIFADDR }, .fn = interface_ioctl },
	{ "an interface's MAC, by ioctl", CAPS, .arg = { SIOCSIFHWADDR }, .fn = interface_ioctl },
	{ "a bridge, by ioctl", CAPS, .arg = { SIOCBRADDBR }, .fn = interface_ioctl },
	SOCKET("raw IPv4", CAPS, AF_INET, SOCK_RAW, IPPROTO_ICMP),
	SOCKET("raw IPv6", CAPS, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
	SOCKET("packets", CAPS, AF_PACKET, SOCK_RAW, 0x300),
	SOCKET("packets, cooked", CAPS, AF_PACKET, SOCK_DGRAM, 0x300),
	SOCKET("TCP", FILTER, AF_INET, SOCK_STREAM, 0),
	SOCKET("UDP", FILTER, AF_INET, SOCK_DGRAM, 0),
	SOCKET("ICMP", CAPS | NET, AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
	SOCKET("UNIX", FILTER, AF_UNIX, SOCK_STREAM, 0),
	SOCKET("routes", FILTER, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	SOCKET("events of devices", FILTER, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
	SOCKET("crypto", FILTER, AF_ALG, SOCK_SEQPACKET, 0),
	SOCKET("vsock", FILTER, AF_VSOCK, SOCK_STREAM, 0),
	SOCKET("AF_KEY", CAPS, AF_KEY, SOCK_RAW, 2),
	SOCKET("XDP", CAPS, AF_XDP, SOCK_RAW, 0),
	SOCKET("bluetooth", CAPS | NET, AF_BLUETOOTH, SOCK_RAW, 1),
	SOCKET("CAN", CAPS | NET, AF_CAN, SOCK_RAW, 1),
	SOCKET("TIPC", NET, AF_TIPC, SOCK_SEQPACKET, 0),
	SOCKET("RDS", NET, AF_RDS, SOCK_SEQPACKET, 0),
	{ "a pair of sockets", FILTER, SYS_socketpair,
	    { AF_UNIX, SOCK_STREAM, 0, P((int[2]){ 0 }) } },
};

/* ---- what was handed over ---- */

/* A descriptor beyond the last that was handed over. */
static long
beyond(const struct attempt *a)
{
	for (int fd = bait.highest + 1; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return (0);
	}
	return (errno = ENOENT, -1);
}

/* Out of a folder that was handed over: there must be none. */
static long
leave_by(const struct attempt *a)
{
	struct stat st;

	for (int fd = 0; fd <= bait.highest; fd++) {
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
		    (a->nr == SYS_fchdir ? fchdir(fd) : openat(fd, "..", O_PATH)) >= 0)
			return (0);
	}
	return (errno = ENOENT, -1);
}

/* Each of them: the call, with it as its first argument. */
static long
on_each(const struct attempt *a)
{
	for (int fd = 0; fd <= bait.highest; fd++) {
		if (syscall(a->nr, fd, a->arg[1], a->arg[2], a->arg[3], a->arg[4]) >= 0)
			return (0);
	}
	return (errno = EPERM, -1);
}

/* The file that was lent for reading. */
static long
on_lent(const struct attempt *a)
{
	long rc;

	if (bait.lent < 0)
		return (errno = ENOENT, -1);
	rc = syscall(a->nr, bait.lent, a->arg[1], a->arg[2], a->arg[3], a->arg[4]);
	return (rc < 0 && errno == EBADF ? (errno = EPERM, -1) : rc);
}

static long
map_lent(const struct attempt *a)
{
	if (bait.lent < 0)
		return (errno = ENOENT, -1);
	return (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bait.lent, 0) == MAP_FAILED
		? -1
		: 0);
}

static long
reopen_lent(const struct attempt *a)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", bait.lent);
	return (open(path, O_RDWR));
}

#define FDS LAYER(FDS)
static const struct attempt descriptors[] = {
	{ "descriptors that were not handed over", FDS, .fn = beyond },
	{ "out of a folder that was handed over", FDS, SYS_openat, .fn = leave_by },
	{ "into a folder that was handed over", FDS, SYS_fchdir, .fn = leave_by },
	{ "write what is lent for reading", LAYER(UID), SYS_write, { 0, P("x"), 1 },
	    .fn = on_lent },
	{ "write it elsewhere", LAYER(UID), SYS_pwrite64, { 0, P("x"), 1, 0 }, .fn = on_lent },
	{ "cut it short", LAYER(UID), SYS_ftruncate, { 0, 0 }, .fn = on_lent, .also = EINVAL },
	{ "make a hole in it", LAYER(UID), SYS_fallocate, { 0, 3, 0, 4096 }, .fn = on_lent },
	{ "map it for writing", LAYER(UID), .fn = map_lent },
	{ "open it anew for writing", LAYER(ROOT) | LAYER(UID), .fn = reopen_lent },
	{ "change its mode", LAYER(UID) | CAPS, SYS_fchmod, { 0, 0777 }, .fn = on_lent },
	{ "change its owner", LAYER(UID) | CAPS, SYS_fchown, { 0, 0x70000001, 0x70000001 },
	    .fn = on_lent, .also = EINVAL },
	{ "set an attribute of it", LAYER(UID) | CAPS, SYS_fsetxattr,
	    { 0, P("trusted.x"), P("y"), 1, 0 }, .fn = on_lent },
	{ "make it immutable", LAYER(UID) | CAPS, SYS_ioctl,
	    { 0, FS_IOC_SETFLAGS, P((int[]){ FS_IMMUTABLE_FL }) }, .fn = on_lent, .also = ENOTTY },
	{ "a lease on it", LAYER(UID) | CAPS, SYS_fcntl, { 0, F_SETLEASE, F_RDLCK },
	    .fn = on_lent },
	{ "seals on it", LAYER(UID), SYS_fcntl, { 0, F_ADD_SEALS, F_SEAL_WRITE }, .fn = on_lent,
	    .also = EINVAL },
	{ "watch its folder", LAYER(UID) | CAPS, SYS_fcntl, { 0, F_NOTIFY, 2 }, .fn = on_lent,
	    .also = ENOTDIR },
	{ "TUNSETIFF on each", CAPS, SYS_ioctl,
	    { 0, TUNSETIFF, P((struct ifreq[]){ { .ifr_name = "x" } }) }, .fn = on_each },
	{ "TUNSETPERSIST on each", CAPS, SYS_ioctl, { 0, TUNSETPERSIST, 1 }, .fn = on_each },
	{ "TUNSETOWNER on each", CAPS, SYS_ioctl, { 0, TUNSETOWNER, 0 }, .fn = on_each },
	{ "TUNSETQUEUE on each", CAPS, SYS_ioctl,
	    { 0, TUNSETQUEUE, P((struct ifreq[]){ { .ifr_flags = IFF_DETACH_QUEUE } }) },
	    .fn = on_each },
	{ "SIOCSIFHWADDR on each", CAPS, SYS_ioctl,
	    { 0, SIOCSIFHWADDR, P((struct ifreq[]){ { .ifr_name = "lo" } }) }, .fn = on_each },
	{ "BLKDISCARD on each", CAPS, SYS_ioctl, { 0, BLKDISCARD, P((uint64_t[]){ 0, 512 }) },
	    .fn = on_each },
	{ "BLKROSET on each", CAPS, SYS_ioctl, { 0, BLKROSET, P((int[]){ 1 }) }, .fn = on_each },
	{ "FIFREEZE on each", CAPS, SYS_ioctl, { 0, FIFREEZE, 0 }, .fn = on_each },
	{ "a terminal's input (TIOCSTI)", CAPS, SYS_ioctl, { 0, TIOCSTI, P("x") }, .fn = on_each },
	{ "a terminal as its own (TIOCSCTTY)", CAPS, SYS_ioctl, { 0, TIOCSCTTY, 1 },
	    .fn = on_each },
};

/* ---- KVM ---- */

static long
on_kvm(const struct attempt *a)
{
	return (bait.kvm < 0 ? (errno = ENOENT, -1)
			     : ioctl(bait.kvm, (unsigned long)a->arg[0], a->arg[1]));
}

#define KVM(text, cmd, v)                                                     \
	{                                                                     \
		text, FILTER, .arg = { cmd, v }, .fn = on_kvm, .also = ENOTTY \
	}
static const struct attempt kvm[] = {
	KVM("KVM_GET_API_VERSION", 0xae00, 0),
	KVM("KVM_CREATE_VM", 0xae01, 0),
	KVM("KVM_GET_MSR_INDEX_LIST", 0xc004ae02, 0),
	KVM("KVM_CHECK_EXTENSION", 0xae03, 0),
	KVM("KVM_GET_VCPU_MMAP_SIZE", 0xae04, 0),
	KVM("KVM_GET_SUPPORTED_CPUID", 0xc008ae05, 0),
	KVM("KVM_TRACE_ENABLE", 0xae06, 0),
	KVM("KVM_GET_EMULATED_CPUID", 0xc008ae09, 0),
	KVM("KVM_GET_MSR_FEATURE_INDEX_LIST", 0xc004ae0a, 0),
	KVM("KVM_CREATE_VCPU", 0xae41, 99),
	KVM("KVM_GET_DIRTY_LOG", 0x4010ae42, 0),
	KVM("KVM_SET_NR_MMU_PAGES", 0xae44, 0),
	KVM("KVM_SET_TSS_ADDR", 0xae47, 0),
	KVM("KVM_SET_IDENTITY_MAP_ADDR", 0x4008ae48, 0),
	KVM("KVM_CREATE_IRQCHIP", 0xae60, 0),
	KVM("KVM_GET_IRQCHIP", 0xc208ae62, 0),
	KVM("KVM_SET_IRQCHIP", 0x8208ae63, 0),
	KVM("KVM_CREATE_PIT2", 0x4040ae77, 0),
	KVM("KVM_REGISTER_COALESCED_MMIO", 0x4010ae67, 0),
	KVM("KVM_REINJECT_CONTROL", 0xae71, 0),
	KVM("KVM_SET_BOOT_CPU_ID", 0xae78, 0),
	KVM("KVM_SET_CLOCK", 0x4030ae7b, 0),
	KVM("KVM_GET_CLOCK", 0x8030ae7c, 0),
	KVM("KVM_ENABLE_CAP", 0x4068aea3, 0),
	KVM("KVM_CREATE_DEVICE", 0xc00caee0, 0),
	KVM("KVM_SET_MSRS", 0x4008ae89, 0),
	KVM("KVM_GET_MSRS", 0xc008ae88, 0),
	KVM("KVM_SET_CPUID2", 0x4008ae90, 0),
	KVM("KVM_SET_LAPIC", 0x4400ae8f, 0),
	KVM("KVM_SMI", 0xaeb7, 0),
	KVM("KVM_SET_VCPU_EVENTS", 0x4040aea0, 0),
	KVM("KVM_GET_NESTED_STATE", 0xc080aebe, 0),
	KVM("KVM_SET_NESTED_STATE", 0x4080aebf, 0),
	KVM("KVM_X86_SET_MSR_FILTER", 0x4188aec6, 0),
	KVM("KVM_MEMORY_ENCRYPT_OP", 0xc008aeba, 0),
	KVM("KVM_HYPERV_EVENTFD", 0x4018aebd, 0),
	KVM("KVM_XEN_HVM_CONFIG", 0x4038ae7a, 0),
	KVM("KVM_SET_PMU_EVENT_FILTER", 0x4020aeb2, 0),
	KVM("KVM_GET_STATS_FD", 0xaece, 0),
	KVM("KVM_SET_USER_MEMORY_REGION2", 0x40a0ae49, 0),
	KVM("KVM_CREATE_GUEST_MEMFD", 0xc040aed4, 0),
};

/* ---- vhost and VFIO ---- */

/*
 * What zhyve's descriptors of the kernel's drivers could be asked for beyond what its filter names. Tried on
 * standard input: a call that got through would come back with ENOTTY, which is no refusal.
 */
#define DRIVER(cmd)                       \
	{                                 \
#cmd, FILTER, SYS_ioctl,  \
		{                         \
			0, (long)(cmd), 0 \
		}                         \
	}
static const struct attempt drivers[] = {
	DRIVER(VHOST_GET_FEATURES),
	DRIVER(VHOST_SET_OWNER),
	DRIVER(VHOST_RESET_OWNER),
	DRIVER(VHOST_SET_LOG_BASE),
	DRIVER(VHOST_SET_LOG_FD),
	DRIVER(VHOST_GET_VRING_BASE),
	DRIVER(VHOST_SET_VRING_ERR),
	DRIVER(VHOST_SET_BACKEND_FEATURES),
	DRIVER(VHOST_GET_BACKEND_FEATURES),
	DRIVER(VHOST_VSOCK_SET_GUEST_CID),
	DRIVER(VHOST_VSOCK_SET_RUNNING),
	DRIVER(VFIO_SET_IOMMU),
	DRIVER(VFIO_IOMMU_GET_INFO),
	DRIVER(VFIO_IOMMU_MAP_DMA),
	DRIVER(VFIO_IOMMU_UNMAP_DMA),
	DRIVER(VFIO_GROUP_SET_CONTAINER),
	DRIVER(VFIO_GROUP_UNSET_CONTAINER),
	DRIVER(VFIO_GROUP_GET_DEVICE_FD),
	DRIVER(VFIO_DEVICE_GET_INFO),
	DRIVER(VFIO_DEVICE_GET_REGION_INFO),
	DRIVER(VFIO_DEVICE_RESET),
	DRIVER(VFIO_DEVICE_PCI_HOT_RESET),
	DRIVER(VFIO_DEVICE_IOEVENTFD),
	DRIVER(VFIO_DEVICE_FEATURE),
};

const struct attempt_group try_sockets = { "sockets", sockets, NITEMS(sockets) };
const struct attempt_group try_descriptors = { "descriptors", descriptors, NITEMS(descriptors) };
const struct attempt_group try_kvm = { "KVM", kvm, NITEMS(kvm) };
const struct attempt_group try_drivers = { "drivers", drivers, NITEMS(drivers) };
