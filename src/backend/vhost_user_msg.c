/* SPDX-License-Identifier: BSD-2-Clause */
/* Judging messages of vhost-user: see vhost_user_msg.h. Runs in zhyve and device processes. */
#include "backend/vhost_user_msg.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/checked.h"

static_assert(offsetof(union vu_payload, addr.log) == 32, "as on the wire");
static_assert(offsetof(union vu_payload, memory.region[1]) == 40, "as on the wire");
static_assert(offsetof(union vu_payload, config.bytes) == 12, "as on the wire");
static_assert(offsetof(union vu_payload, inflight.queue_size) == 18, "as on the wire");

/* What the payload holds that can be looked at. */
enum shape {
	EMPTY,
	NUMBER,
	STATE, /* index and number */
	ADDR,
	MEMORY,
	FD, /* an index, and whether a descriptor comes along */
	CONFIG,
	INFLIGHT,
};

/* Of requests, by number; without a name: unknown. */
static const struct row {
	const char *name;
	enum shape shape;
	bool reply; /* answered with the same shape, a number where the request is empty */
	uint8_t fds_min, fds_max; /* not for FD */
} table[] = {
	[VU_GET_FEATURES] = { "GET_FEATURES", EMPTY, true, 0, 0 },
	[VU_SET_FEATURES] = { "SET_FEATURES", NUMBER, false, 0, 0 },
	[VU_SET_OWNER] = { "SET_OWNER", EMPTY, false, 0, 0 },
	[VU_RESET_OWNER] = { "RESET_OWNER", EMPTY, false, 0, 0 },
	[VU_SET_MEM_TABLE] = { "SET_MEM_TABLE", MEMORY, false, 1, VU_REGIONS_MAX },
	[VU_SET_VRING_NUM] = { "SET_VRING_NUM", STATE, false, 0, 0 },
	[VU_SET_VRING_ADDR] = { "SET_VRING_ADDR", ADDR, false, 0, 0 },
	[VU_SET_VRING_BASE] = { "SET_VRING_BASE", STATE, false, 0, 0 },
	[VU_GET_VRING_BASE] = { "GET_VRING_BASE", STATE, true, 0, 0 },
	[VU_SET_VRING_KICK] = { "SET_VRING_KICK", FD, false, 0, 1 },
	[VU_SET_VRING_CALL] = { "SET_VRING_CALL", FD, false, 0, 1 },
	[VU_SET_VRING_ERR] = { "SET_VRING_ERR", FD, false, 0, 1 },
	[VU_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", EMPTY, true, 0, 0 },
	[VU_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", NUMBER, false, 0, 0 },
	[VU_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", EMPTY, true, 0, 0 },
	[VU_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE, false, 0, 0 },
	[VU_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", EMPTY, false, 1, 1 },
	[VU_GET_CONFIG] = { "GET_CONFIG", CONFIG, true, 0, 0 },
	[VU_SET_CONFIG] = { "SET_CONFIG", CONFIG, false, 0, 0 },
	[VU_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", INFLIGHT, true, 0, 0 },
	[VU_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", INFLIGHT, false, 1, 1 },
};

static const struct row *
row_of(uint32_t request)
{
	return (request < NITEMS(table) && table[request].name != NULL ? &table[request] : NULL);
}

const char *
vu_request_name(uint32_t request)
{
	const struct row *r = row_of(request);

	return (r != NULL ? r->name : "?");
}

bool
vu_has_reply(uint32_t request)
{
	const struct row *r = row_of(request);

	return (r != NULL && r->reply);
}

int
vu_header_check(const struct vu_header *h, bool reply)
{
	if ((h->flags & VU_VERSION_MASK) != VU_VERSION || ((h->flags & VU_REPLY) != 0) != reply ||
	    h->size > sizeof(union vu_payload))
		return (-EPROTO);
	return (0);
}

static bool
memory_ok(const struct vu_msg *m)
{
	uint64_t end;

	if (m->h.size < VU_LEN_MEMORY(0) || m->p.memory.n == 0 || m->p.memory.n > VU_REGIONS_MAX ||
	    m->h.size != VU_LEN_MEMORY(m->p.memory.n) || m->nfds != m->p.memory.n)
		return (false);
	for (unsigned i = 0; i < m->p.memory.n; i++) {
		const struct vu_region *r = &m->p.memory.region[i];

		if (r->size == 0 || !add_ok(r->gpa, r->size, &end) ||
		    !add_ok(r->user, r->size, &end) || !add_ok(r->offset, r->size, &end) ||
		    end > INT64_MAX)
			return (false);
	}
	return (true);
}

static bool
config_ok(const struct vu_msg *m)
{
	return (m->h.size >= VU_LEN_CONFIG(0) && m->p.config.size <= VU_CONFIG_MAX &&
	    m->h.size == VU_LEN_CONFIG(m->p.config.size) &&
	    range_ok(m->p.config.offset, m->p.config.size, VU_CONFIG_MAX));
}

/* Length and contents of one shape. */
static bool
shape_ok(const struct vu_msg *m, enum shape shape, unsigned nqueues)
{
	switch (shape) {
	case EMPTY:
		return (m->h.size == 0);
	case NUMBER:
		return (m->h.size == sizeof(uint64_t));
	case STATE:
		return (m->h.size == VU_LEN_STATE && m->p.state.index < nqueues);
	case ADDR:
		return (m->h.size == VU_LEN_ADDR && m->p.addr.index < nqueues);
	case MEMORY:
		return (memory_ok(m));
	case FD:
		return (m->h.size == sizeof(uint64_t) && (m->p.u64 & 0xff) < nqueues &&
		    (m->p.u64 & ~(0xffull | VU_NOFD)) == 0 &&
		    m->nfds == ((m->p.u64 & VU_NOFD) == 0));
	case CONFIG:
		return (config_ok(m));
	case INFLIGHT:
		/* The 4 bytes of padding at its end are not in the specification. */
		return (m->h.size == VU_LEN_INFLIGHT || m->h.size == VU_LEN_INFLIGHT - 4);
	}
	return (false);
}

int
vu_request_check(const struct vu_msg *m, unsigned nqueues)
{
	const struct row *r = row_of(m->h.request);

	if (vu_header_check(&m->h, false) < 0)
		return (-EPROTO);
	if (r == NULL)
		return (-ENOSYS);
	if (m->nfds < r->fds_min || m->nfds > r->fds_max || !shape_ok(m, r->shape, nqueues))
		return (-EPROTO);
	return (0);
}

int
vu_reply_check(const struct vu_msg *m, const struct vu_msg *asked)
{
	const struct row *r = row_of(asked->h.request);
	enum shape shape = NUMBER; /* the acknowledgement's, and that of what was empty */

	assert(r != NULL);
	if (vu_header_check(&m->h, true) < 0 || m->h.request != asked->h.request)
		return (-EPROTO);
	if (r->reply && r->shape != EMPTY)
		shape = r->shape;
	if (!shape_ok(m, shape, VU_QUEUES_MAX))
		return (-EPROTO);
	if (m->nfds != (r->reply && shape == INFLIGHT))
		return (-EPROTO);
	if (r->reply && shape == STATE && m->p.state.index != asked->p.state.index)
		return (-EPROTO);
	if (r->reply && shape == CONFIG &&
	    (m->p.config.offset != asked->p.config.offset ||
		m->p.config.size != asked->p.config.size))
		return (-EPROTO);
	return (0);
}
