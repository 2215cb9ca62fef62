/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of vhost-user over a stream socket that does not block: taken piece by piece, with a
 * header judged before its payload is, and sent whole or not at all. zhyve and device processes.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_IO_H
#define ZHYVE_BACKEND_VHOST_USER_IO_H

#include <stddef.h>

#include "backend/vhost_user_msg.h"

/* A message under way; zeroed before the first. */
struct vu_reader {
	struct vu_msg m;
	size_t have; /* bytes of header and payload so far */
};

/*
 * Take what is there: 1 with the message whole in r->m (its descriptors are the caller's, who
 * takes them or calls vu_reader_next), 0 when the rest is still to come (-EAGAIN from the socket),
 * -EPIPE when the peer is gone, -EPROTO, -errno. Is it to be a reply?
 */
int vu_receive(struct vu_reader *r, int sock, bool reply);
/* Ready for the next message; closes the descriptors that were not taken (set to -1). */
void vu_reader_next(struct vu_reader *r);

/* Send; 0 or -errno (-EAGAIN: the peer does not read, give up on it). */
int vu_send(int sock, const struct vu_msg *m);

#endif
