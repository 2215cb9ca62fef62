/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A front end's side of one conversation: questions, each with its answer, within a time. A
 * conversation that failed once is dead, and every question after fails at once: nothing waits
 * twice for the same process. zhyve.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_TALK_H
#define ZHYVE_BACKEND_VHOST_USER_TALK_H

#include "backend/vhost_user_io.h"
#include "devices/virtio/virtio_extern.h"

struct vu_conn {
	int sock; /* stream, not blocking; -1: there is none */
	bool dead;
	uint64_t features; /* of the device, as offered, without the protocol's bit */
	uint64_t protocol; /* features of the protocol, as agreed; has_protocol: there are any */
	bool has_protocol;
	unsigned queues; /* that it can serve */
	struct vu_reader in;
};

/* What is asked for in the beginning. */
struct vu_hello {
	unsigned queues;     /* 0: it need not say */
	uint32_t config_len; /* 0: it has none */
	int channel;         /* given to it for its own requests; -1: none */
};

/* Agree. 0 or -errno, with *what the request that failed. */
int vu_hello(struct vu_conn *c, const struct vu_hello *h, const char **what);
/* Its configuration, `len` bytes. 0 or -errno. */
int vu_get_config(struct vu_conn *c, uint8_t *buf, uint32_t len);
int vu_set_config(struct vu_conn *c, uint32_t off, const uint8_t *buf, uint32_t len);

/* Memory that requests in flight are remembered in: the process's, kept for the next one. */
struct vu_inflight {
	int fd; /* -1: there is none */
	uint64_t size, offset;
	uint16_t queues, queue_size;
};

/* Rings as they are to be served. */
struct vu_session {
	uint64_t features;
	const struct gmem *gm;
	const struct virtio_extern_queue *q;
	unsigned nq;
	int err_fd;          /* rung when the driver broke a rule */
	bool again;          /* taken up where another ended */
	unsigned nqueues;    /* of the device, of which nq are used */
	uint16_t queue_size; /* the largest */
	/* What the driver has set of the configuration; wrote_len 0: nothing. */
	const uint8_t *wrote;
	uint32_t wrote_off, wrote_len;
	struct vu_inflight *inflight;
};

/* Hand the rings over, and take them back. 0 or -errno, with *what the request that failed. */
int vu_start(struct vu_conn *c, const struct vu_session *s, const char **what);
int vu_stop(struct vu_conn *c, const struct vu_session *s, const char **what);

#endif
