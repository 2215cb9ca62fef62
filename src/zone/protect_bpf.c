/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs of a vnic: protect.c in the kernel, as classifiers on the tap. What the guest
 * sends is the tap's ingress, what it is sent the tap's egress; both come by here whether zhyve or
 * vhost-net moves the frames. Compiled by clang for the target bpf, twice (PROTECT_OLD_KERNEL: for
 * kernels before 6.6), embedded into zoneadmd, loaded by filter.c.
 *
 * One thing here is not in protect.c, because only the kernel has it: a guest may leave a checksum
 * to the host to fill in, at any place of the frame it likes, after the filter has passed it. Two
 * bytes of the source address are such a place. See offload_is_honest.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "zone/protect.h"

/* What clsact calls so, and TCX calls TCX_PASS and TCX_DROP. */
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

/* What lies in the skb itself, as nearly all headers do; the verifier sees to it that it is asked for. */
static __always_inline const uint8_t *
env_head(const struct frame *f, uint32_t len)
{
	const struct __sk_buff *skb = f->data;
	const uint8_t *head = (const uint8_t *)(unsigned long)skb->data;

	return (head + len <= (const uint8_t *)(unsigned long)skb->data_end ? head : NULL);
}

/* One instruction each: this machine has no need of alignment, which clang does not know. */
#define env_u16(p)             (*(const uint16_t *)(p))
#define env_u32(p)             (*(const uint32_t *)(p))
#define env_u64(p)             (*(const uint64_t *)(p))

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

int v4_part(uint32_t addr);
int v6_part(uint64_t a, uint64_t b);
#define env_v4_listed(l, addr) (v4_part(addr) != 0)
#define env_v6_listed(l, a, b) (v6_part((a), (b)) != 0)

#include "zone/protect_frame.h"

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

/* ---- parts ---- */

/*
 * The verifier follows every way through a function, and through what it calls, again for each way that
 * leads to the call; but a function of global linkage only once, whatever it is called with. So the
 * function is cut into parts, which find for themselves what they need: the ways of one are not
 * multiplied with those of the next. A NULL is never seen, as an array has its elements.
 */
static __always_inline const struct protect_link *
part_begin(struct __sk_buff *skb, struct frame *f)
{
	uint32_t zero = 0;

	*f = (struct frame){
		.data = skb,
		.len = skb->len,
		.tag_proto = skb->vlan_present ? __builtin_bswap16((uint16_t)skb->vlan_proto) : 0,
		.tag = (uint16_t)skb->vlan_tci,
		.gso = skb->gso_size != 0,
		.work = bpf_map_lookup_elem(&works, &zero),
	};
	return (f->work != NULL ? bpf_map_lookup_elem(&link, &zero) : NULL);
}

#define PROTECT_PART(name)                                                              \
	static __always_inline enum protect_reason name##_body(                         \
	    struct frame *f, const struct protect_link *l);                             \
	int name##_part(struct __sk_buff *skb);                                         \
	__noinline int name##_part(struct __sk_buff *skb)                               \
	{                                                                               \
		const struct protect_link *l;                                           \
		struct frame f;                                                         \
                                                                                        \
		if ((l = part_begin(skb, &f)) == NULL)                                  \
			return (PROTECT_SHORT);                                         \
		return ((int)name##_body(&f, l));                                       \
	}                                                                               \
	static __always_inline enum protect_reason name(                                \
	    const struct frame *f, const struct protect_link *l)                        \
	{                                                                               \
		return ((enum protect_reason)name##_part((struct __sk_buff *)f->data)); \
	}                                                                               \
	static __always_inline enum protect_reason name##_body(                         \
	    struct frame *f, const struct protect_link *l)

__noinline int
v4_part(uint32_t addr)
{
	uint32_t zero = 0;
	const struct protect_link *l = bpf_map_lookup_elem(&link, &zero);

	return (l != NULL && v4_listed(l, addr));
}

__noinline int
v6_part(uint64_t a, uint64_t b)
{
	uint32_t zero = 0;
	const struct protect_link *l = bpf_map_lookup_elem(&link, &zero);

	return (l != NULL && v6_listed(l, a, b));
}

#include "zone/protect.c"

/* ---- checksums that are left to the host ---- */

/* The kernel's own structure behind a program's context: the loader finds where its members are. */
struct sk_buff {
	uint8_t ip_summed : 2;
	uint16_t csum_start, csum_offset, mac_header;
} __attribute__((preserve_access_index));
#define CHECKSUM_PARTIAL 3

/*
 * Is a checksum left to the host, and where in the frame will it be put? Since 6.2 a program may look
 * into the structure; before, it has to ask for copies, by calls that take longer than all the rest
 * of the short way.
 */
#ifdef PROTECT_OLD_KERNEL
static __always_inline bool
checksum_is_left(const struct __sk_buff *skb, uint32_t *at)
{
	const struct sk_buff *k = (const struct sk_buff *)skb;

	if (BPF_CORE_READ_BITFIELD_PROBED(k, ip_summed) != CHECKSUM_PARTIAL)
		return (false);
	*at = (uint32_t)BPF_CORE_READ(k, csum_start) + BPF_CORE_READ(k, csum_offset) -
	    BPF_CORE_READ(k, mac_header);
	return (true);
}
#else
extern void *bpf_cast_to_kern_ctx(void *) __ksym;

static __always_inline bool
checksum_is_left(const struct __sk_buff *skb, uint32_t *at)
{
	const struct sk_buff *k = bpf_cast_to_kern_ctx((void *)(unsigned long)skb);

	if (BPF_CORE_READ_BITFIELD(k, ip_summed) != CHECKSUM_PARTIAL)
		return (false);
	*at = (uint32_t)k->csum_start + k->csum_offset - k->mac_header;
	return (true);
}
#endif

/*
 * Will what the host fills in later leave alone what the verdict depends on, the bytes before `judged`?
 * A DHCP message is looked at to its end, so its checksum must be where UDP has it, at `csum_at`.
 */
static __always_inline bool
offload_is_honest(const struct __sk_buff *skb, uint32_t judged, uint32_t csum_at)
{
	uint32_t at;

	return (!checksum_is_left(skb, &at) || (csum_at != 0 && at == csum_at) ||
	    (at >= judged && at < skb->len));
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

static __always_inline bool
everyday(const struct frame *f, const struct protect_link *l, uint32_t direction)
{
	uint32_t judged;

	if (direction == PROTECT_TO_GUEST)
		return (protect_everyday_to_guest(f, l));
	judged = protect_everyday_from_guest(f, l);
	return (judged != 0 && offload_is_honest(f->data, judged, 0));
}

PROTECT_PART(look_closer_from_guest)
{
	enum protect_reason r = protect_from_guest(f, l);

	if (r == PROTECT_PASS && ((l->flags & PROTECT_CHECKS) != 0 || l->nport != 0) &&
	    !offload_is_honest(f->data, f->work->judged, f->work->csum_at))
		return (PROTECT_CHECKSUM);
	return (r);
}

PROTECT_PART(look_closer_to_guest)
{
	return (protect_to_guest(f, l));
}

static __always_inline int
judge(struct __sk_buff *skb, uint32_t direction)
{
	/* As far as the short way looks at it. */
	const struct frame f = {
		.data = skb, .len = skb->len, .tag_proto = (uint16_t)(skb->vlan_present != 0)
	};
	enum protect_reason r = PROTECT_PASS;
	const struct protect_link *l;
	uint32_t index = 0;
	uint64_t *count;

	if ((l = bpf_map_lookup_elem(&link, &index)) == NULL)
		return (TC_ACT_SHOT);
	if (!everyday(&f, l, direction))
		r = direction == PROTECT_FROM_GUEST ? look_closer_from_guest(&f, l)
						    : look_closer_to_guest(&f, l);
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
