/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of vhost-user, as QEMU's docs/interop/vhost-user describes them: what they look
 * like, and what of one can be judged by itself. Both ends read with it (vhost_user_talk.c the
 * answers, vhost_user_back.c the requests), and neither believes the other: a length, a number of
 * descriptors or an index that does not fit ends the connection. Numbers are in the host's order.
 * Pure.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_MSG_H
#define ZHYVE_BACKEND_VHOST_USER_MSG_H

#include <stdbool.h>
#include <stdint.h>

#define VU_REGIONS_MAX 8
#define VU_FDS_MAX     8
#define VU_CONFIG_MAX  256
#define VU_QUEUES_MAX  64 /* ours; the field has 8 bits */

/* Flags of the header. */
#define VU_VERSION      0x1u
#define VU_VERSION_MASK 0x3u
#define VU_REPLY        0x4u
#define VU_NEED_REPLY   0x8u

/* Of a descriptor's message: there is none, the ring is polled. */
#define VU_NOFD 0x100u

/* The bit among the device's features that says there are features of the protocol. */
#define VU_F_PROTOCOL_FEATURES (1ull << 30)

/* Features of the protocol. */
#define VU_P_MQ             (1ull << 0)
#define VU_P_REPLY_ACK      (1ull << 3)
#define VU_P_BACKEND_REQ    (1ull << 5)
#define VU_P_CONFIG         (1ull << 9)
#define VU_P_INFLIGHT_SHMFD (1ull << 12)

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
};
/* What a back end asks, on a channel of its own. */
#define VU_BACK_CONFIG_CHANGE 2u

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vu_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user; /* where the front end says it has it: what ring addresses are given in */
	uint64_t offset;
};

union vu_payload {
	uint64_t u64;
	struct {
		uint32_t index, num;
	} state;
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr;
	struct {
		uint32_t n, padding;
		struct vu_region region[VU_REGIONS_MAX];
	} memory;
	struct {
		uint32_t offset, size, flags;
		uint8_t bytes[VU_CONFIG_MAX];
	} config;
	struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
	} inflight;
};

struct vu_msg {
	struct vu_header h;
	union vu_payload p;
	int fd[VU_FDS_MAX];
	unsigned nfds;
};

/* Bytes of these on the wire. */
#define VU_LEN_STATE     8u
#define VU_LEN_ADDR      40u
#define VU_LEN_MEMORY(n) (8u + (uint32_t)(n)*32u)
#define VU_LEN_CONFIG(n) (12u + (uint32_t)(n))
#define VU_LEN_INFLIGHT  24u /* with padding, as everybody sends it */

/*
 * A header alone, before its payload is taken: version, direction, and a length that there is
 * room for. 0 or -EPROTO.
 */
int vu_header_check(const struct vu_header *h, bool reply);
/*
 * A whole request to a back end with `nqueues` queues: length, descriptors, indices, counts. 0,
 * -ENOSYS (no request that we know; its length was in bounds), -EPROTO.
 */
int vu_request_check(const struct vu_msg *m, unsigned nqueues);
/* A whole answer to `asked`. 0 or -EPROTO. */
int vu_reply_check(const struct vu_msg *m, const struct vu_msg *asked);
/* "SET_MEM_TABLE", for messages; "?" for what we do not know. */
const char *vu_request_name(uint32_t request);
/* Has this request an answer of its own, besides the acknowledgement that may be asked for? */
bool vu_has_reply(uint32_t request);

#endif
