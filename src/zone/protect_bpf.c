/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs of a vnic: protect.c in the kernel, as classifiers on the tap. What the guest
 * sends is the tap's ingress, what it is sent the tap's egress; both come by here whether zhyve or
 * vhost-net moves the frames. Compiled by clang for the target bpf, embedded into zoneadmd, loaded by
 * filter.c.
 *
 * One thing here is not in protect.c, because only the kernel has it: a guest may leave a checksum
 * to the host to fill in, at any place of the frame it likes, after the filter has passed it. Two
 * bytes of the source address are such a place. See offload_is_honest.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "zone/protect.h"

#define TC_ACT_OK      0
#define TC_ACT_SHOT    2
#define PROTECT_CHECKS (PROTECT_MAC | PROTECT_IP | PROTECT_DHCP | PROTECT_RESTRICTED)
#define NS_PER_S       1000000000ull

/* filter.c fills it in and freezes it before the program is attached. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct protect_link);
} link SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PROTECT_LEARNED_MAX);
	__type(key, struct protect_key);
	__type(value, uint64_t);
} learned_until SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PROTECT_NDIRECTIONS *PROTECT_NREASONS);
	__type(key, uint32_t);
	__type(value, uint64_t);
} counters SEC(".maps");

/* Has a first drop for that reason been told? */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTECT_NDIRECTIONS *PROTECT_NREASONS);
	__type(key, uint32_t);
	__type(value, uint32_t);
} told SEC(".maps");

/* Of each direction, how far its rate has come. */
struct meter {
	struct bpf_spin_lock lock;
	struct protect_meter m;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTECT_NDIRECTIONS);
	__type(key, uint32_t);
	__type(value, struct meter);
} meters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} firsts SEC(".maps");

/* ---- what protect.c asks for ---- */

static __always_inline int
env_read(const struct frame *f, uint32_t off, void *to, uint32_t len)
{
	return ((int)bpf_skb_load_bytes(f->data, off, to, len));
}

#define env_loop(n, step, arg) bpf_loop((n), (step), (arg), 0)

static __always_inline uint64_t
env_now(const struct frame *f)
{
	return (bpf_ktime_get_boot_ns() / NS_PER_S);
}

static __always_inline uint64_t
env_until(const struct frame *f, const struct protect_key *key)
{
	const uint64_t *until = bpf_map_lookup_elem(&learned_until, key);

	return (until != NULL ? *until : 0);
}

static __always_inline void
env_learn(const struct frame *f, const struct protect_key *key, uint64_t until)
{
	(void)bpf_map_update_elem(&learned_until, key, &until, BPF_ANY);
}

static __always_inline void
env_forget(const struct frame *f, const struct protect_key *key)
{
	(void)bpf_map_delete_elem(&learned_until, key);
}

#include "zone/protect.c"

/*
 * One per CPU: a program runs to its end on one, and does not run within itself. That a walk keeps
 * its state here and not on the stack also matters to kernels before 6.7, which look at the function
 * that bpf_loop calls only once, and would take what it leaves on the stack for all it can leave.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct protect_work);
} works SEC(".maps");

/* ---- checksums that are left to the host ---- */

/* The kernel's own structure behind a program's context: the loader finds where its members are. */
struct sk_buff {
	uint8_t ip_summed : 2;
	uint16_t csum_start, csum_offset, mac_header;
} __attribute__((preserve_access_index));
#define CHECKSUM_PARTIAL 3

/*
 * Will what the host fills in later leave alone what the verdict depends on? A DHCP message is
 * looked at to its end, so its checksum must be where UDP has it.
 */
static __always_inline bool
offload_is_honest(struct __sk_buff *skb, const struct protect_work *w)
{
	struct sk_buff *kernel = (struct sk_buff *)skb;
	uint32_t at;

	if (BPF_CORE_READ_BITFIELD_PROBED(kernel, ip_summed) != CHECKSUM_PARTIAL)
		return (true);
	at = (uint32_t)BPF_CORE_READ(kernel, csum_start) + BPF_CORE_READ(kernel, csum_offset) -
	    BPF_CORE_READ(kernel, mac_header);
	if (w->csum_at != 0 && at == w->csum_at)
		return (true);
	return (at >= w->judged && at < skb->len);
}

/* ---- rates ---- */

/* Several CPUs may carry frames of one nic. A frame that will be cut counts as what it becomes. */
static __always_inline bool
within_rate(struct __sk_buff *skb, const struct protect_link *l, uint32_t direction)
{
	const struct protect_limit limit = l->limit[direction];
	uint32_t packets = 1, len = skb->len;
	struct meter *meter;
	uint64_t now;
	bool ok;

	if (limit.byte == 0 && limit.packet == 0)
		return (true);
	if ((meter = bpf_map_lookup_elem(&meters, &direction)) == NULL)
		return (false);
	if (skb->gso_size != 0)
		packets = (len + skb->gso_size - 1) / skb->gso_size;
	now = bpf_ktime_get_ns();
	bpf_spin_lock(&meter->lock);
	ok = protect_meter_take(&meter->m, &limit, now, len, packets);
	bpf_spin_unlock(&meter->lock);
	return (ok);
}

/* ---- the programs ---- */

static __always_inline void
tell_first(struct __sk_buff *skb, uint32_t direction, uint32_t reason, uint32_t index)
{
	uint32_t *done = bpf_map_lookup_elem(&told, &index), n = skb->len;
	struct protect_first *first;

	if (done == NULL || *done != 0)
		return;
	*done = 1;
	if ((first = bpf_ringbuf_reserve(&firsts, sizeof(*first), 0)) == NULL)
		return;
	first->direction = direction;
	first->reason = reason;
	first->len = n;
	__builtin_memset(first->frame, 0, sizeof(first->frame));
	if (n >= sizeof(first->frame))
		(void)bpf_skb_load_bytes(skb, 0, first->frame, sizeof(first->frame));
	else if (n >= ETH_LEN)
		(void)bpf_skb_load_bytes(skb, 0, first->frame, ETH_LEN);
	bpf_ringbuf_submit(first, 0);
}

static __always_inline int
judge(struct __sk_buff *skb, uint32_t direction)
{
	struct frame f = {
		.data = skb,
		.len = skb->len,
		.tag_proto = skb->vlan_present ? __builtin_bswap16((uint16_t)skb->vlan_proto) : 0,
		.tag = (uint16_t)skb->vlan_tci,
		.gso = skb->gso_size != 0,
	};
	const struct protect_link *l;
	enum protect_reason r;
	uint32_t index = 0;
	uint64_t *count;

	if ((l = bpf_map_lookup_elem(&link, &index)) == NULL ||
	    (f.work = bpf_map_lookup_elem(&works, &index)) == NULL)
		return (TC_ACT_SHOT);
	if (direction == PROTECT_FROM_GUEST) {
		r = protect_from_guest(&f, l);
		if (r == PROTECT_PASS && ((l->flags & PROTECT_CHECKS) != 0 || l->nport != 0) &&
		    !offload_is_honest(skb, f.work))
			r = PROTECT_CHECKSUM;
	} else {
		r = protect_to_guest(&f, l);
	}
	if (r == PROTECT_PASS && !within_rate(skb, l, direction))
		r = PROTECT_RATE;
	index = direction * PROTECT_NREASONS + r;
	if ((count = bpf_map_lookup_elem(&counters, &index)) != NULL)
		++*count;
	if (r == PROTECT_PASS)
		return (TC_ACT_OK);
	tell_first(skb, direction, r, index);
	skb->cb[0] = r; /* for who runs this program by BPF_PROG_TEST_RUN */
	return (TC_ACT_SHOT);
}

SEC("tc")
int
from_guest(struct __sk_buff *skb)
{
	return (judge(skb, PROTECT_FROM_GUEST));
}

SEC("tc")
int
to_guest(struct __sk_buff *skb)
{
	return (judge(skb, PROTECT_TO_GUEST));
}

/* What the kernel calls a licence that goes with the GPL; bpf_probe_read_kernel asks for one. */
const char licence[] SEC("license") = "Dual BSD/GPL";
