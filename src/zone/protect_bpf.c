/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs of a vnic: protect.c in the kernel, as classifiers on the tap. What the guest
 * sends is the tap's ingress, what it is sent the tap's egress; both come by here whether zhyve or
 * vhost-net moves the frames. Compiled by clang for the target bpf, embedded into zoneadmd, loaded by
 * filter.c. It calls no helper that is reserved for programs under the GPL.
 *
 * One thing here is not in protect.c, because only the kernel has it: a guest may leave a checksum
 * to the host to fill in, at any place of the frame it likes, after the filter has passed it. Two
 * bytes of the source address are such a place. See offload_is_honest.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "zone/protect.h"

#define TC_ACT_OK   0
#define TC_ACT_SHOT 2
#define NS_PER_S    1000000000ull
#define EINVAL      22

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

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} firsts SEC(".maps");

/* Room for a DHCP message while its checksum is looked at. */
#define ASIDE_MAX 2048u
struct aside {
	uint8_t bytes[ASIDE_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct aside);
} asides SEC(".maps");

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

/*
 * Is a checksum still to be filled in? The kernel does not tell a program so; but asked to correct
 * one, it leaves the bytes alone where they are not a checksum yet.
 */
static __always_inline bool
offload_asked(struct __sk_buff *skb)
{
	const uint32_t at = 12; /* any two bytes that every frame has */
	uint16_t before, after;

	if (bpf_skb_load_bytes(skb, at, &before, sizeof(before)) != 0 ||
	    bpf_l4_csum_replace(skb, at, 0, 1, sizeof(before)) != 0 ||
	    bpf_skb_load_bytes(skb, at, &after, sizeof(after)) != 0)
		return (true);
	return (before == after || bpf_skb_store_bytes(skb, at, &before, sizeof(before), 0) != 0);
}

/*
 * Does the checksum of a frame that has one to be filled in end at `end` or behind it? The kernel
 * does not cut a frame before the end of its checksum. When it does cut, the frame is spoilt: it has
 * to be dropped.
 */
static __always_inline bool
offload_ends_from(struct __sk_buff *skb, uint32_t end)
{
	return (bpf_skb_change_tail(skb, end - 1, 0) == -EINVAL);
}

/*
 * Does it end exactly at `end`? Cut there, then put the rest back. Only for DHCP, which is rare: its
 * verdict depends on all of the message, so no other place will do.
 */
static __always_inline bool
offload_ends_at(struct __sk_buff *skb, uint32_t end)
{
	uint32_t zero = 0, len = skb->len, more;
	struct aside *aside = bpf_map_lookup_elem(&asides, &zero);

	if (aside == NULL || len <= end || len - end > ASIDE_MAX || !offload_ends_from(skb, end))
		return (false);
	/* The bounds once more, in the one form that the verifier of 6.1 sees them in: 1 + 0..2047. */
	more = len - end - 1;
	asm volatile("" : "+r"(more));
	more &= ASIDE_MAX - 1;
	if (bpf_skb_load_bytes(skb, end, aside->bytes, more + 1) != 0 ||
	    bpf_skb_change_tail(skb, end, 0) != 0 || bpf_skb_change_tail(skb, len, 0) != 0)
		return (false);
	return (bpf_skb_store_bytes(skb, end, aside->bytes, more + 1, 0) == 0);
}

/* Will what the host fills in later leave alone what the verdict depends on? */
static __always_inline bool
offload_is_honest(struct __sk_buff *skb, const struct frame *f)
{
	const struct protect_work *w = f->work;

	if (!offload_asked(skb))
		return (true);
	if (w->csum_at != 0 && w->judged > w->csum_at)
		return (offload_ends_at(skb, w->csum_at + 2));
	return (offload_ends_from(skb, w->judged + 2));
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
		if (r == PROTECT_PASS && f.work->judged > sizeof(struct ether) &&
		    !offload_is_honest(skb, &f))
			r = PROTECT_CHECKSUM;
	} else {
		r = protect_to_guest(&f, l);
	}
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

const char licence[] SEC("license") = "BSD-2-Clause";
