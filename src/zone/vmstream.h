/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream that carries a stopped VM from one host to another, vmadm-stream(5): a head in JSON, files of the
 * zone's config folder, the disks' content without what is zero, an end; each record with a checksum over it and
 * all before it. Reading believes nothing: every length has a bound, and a record is handed out only when its
 * checksum is right. Pure but for the two functions given. Tools.
 */
#ifndef ZHYVE_ZONE_VMSTREAM_H
#define ZHYVE_ZONE_VMSTREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/zconf.h"

#define VMSTREAM_MAGIC       "ZHYVEVM\1" /* the last byte is the version */
#define VMSTREAM_MAGIC_LEN   8
#define VMSTREAM_HEADER_LEN  24
#define VMSTREAM_DIGEST_LEN  32
#define VMSTREAM_PAYLOAD_MAX (4u * 1024u * 1024u)
#define VMSTREAM_CHUNK       (1u * 1024u * 1024u) /* of disk in one record */
#define VMSTREAM_DISKS_MAX   32
#define VMSTREAM_NAME_MAX    64 /* bytes of a file's name, with its end */
#define VMSTREAM_TOKEN_MAX   (2 * VMSTREAM_DIGEST_LEN + 40)

enum vmstream_type {
	VMSTREAM_HEAD =
	    1, /* JSON; disk, offset: where the content goes on, 0 and 0: from the begin */
	VMSTREAM_FILE = 2, /* name, 0, content */
	VMSTREAM_DATA = 3, /* of `disk`, at `offset` */
	VMSTREAM_END = 4   /* no payload */
};

struct vmstream_record {
	uint32_t type, disk, len;
	uint64_t offset;
};

/* ---- the head ---- */

struct vmstream_head {
	/* As it was sent: its state and zone path mean nothing here. Its devices are the disks that are sent. */
	struct zconf *zone;
	uint64_t size[VMSTREAM_DISKS_MAX]; /* bytes of each */
};
/*
 * The head's text (the caller's) for a zone; `state` is text that changes whenever the disks may have. -EINVAL,
 * -ENOMEM.
 */
int vmstream_head_format(
    const struct vmstream_head *h, const char *state, char **out, size_t *len, struct err *e);
/* Its other way: what it holds is checked, and the zone verified. The caller frees h->zone. -EINVAL. */
int vmstream_head_parse(const char *text, size_t len, struct vmstream_head *h, struct err *e);
/* Bytes of all disks before this one; of all there are, for their number. */
uint64_t vmstream_bytes_before(const struct vmstream_head *h, size_t disk);

/* ---- where a torn stream is to go on ---- */

struct vmstream_point {
	uint8_t head[VMSTREAM_DIGEST_LEN]; /* of the head's text */
	uint32_t disk;
	uint64_t offset;
};
void vmstream_token_format(const struct vmstream_point *p, char out[VMSTREAM_TOKEN_MAX]);
int vmstream_token_parse(const char *token, struct vmstream_point *p); /* -EINVAL */
void vmstream_digest(const void *data, size_t len, uint8_t out[VMSTREAM_DIGEST_LEN]);

/* ---- records ---- */

struct vmstream {
	/* Transfer all of it; 0 or -errno (reading: -EPIPE at the end of input). */
	int (*read)(void *arg, void *buf, size_t len);
	int (*write)(void *arg, const void *buf, size_t len);
	void *arg;
	bool unchecked; /* a wrong checksum is not minded: for the fuzzer */
	uint8_t chain[VMSTREAM_DIGEST_LEN];
	uint8_t *payload; /* of the record read last */
	/* What has been read so far. */
	const struct vmstream_head *head;
	uint64_t at[2]; /* disk and offset where the last DATA ended, or that the head names */
	bool begun, ended;
};
void vmstream_free(struct vmstream *s);

/* Write a record; the first also writes the magic. 0 or -errno. */
int vmstream_write(struct vmstream *s, const struct vmstream_record *r, const void *payload);
/* Say why reading a stream failed, of which `rc` is the error: -EPIPE, it is torn. `rc`. */
int vmstream_torn(int rc, struct err *e);
/*
 * Look at the stream's first bytes, before its first record is read. *smartos: it is SmartOS's, and those were the
 * first VMSTREAM_MAGIC_LEN of a block (vmbundle.h). As vmstream_read, which does it when it has not been done.
 */
int vmstream_begin(struct vmstream *s, bool *smartos, struct err *e);
/*
 * Read the next record into *r and s->payload, `len` bytes and an end byte. The first has to be the head; when
 * the caller has parsed it, it says so by s->head, and bounds of what follows are checked against it. -EPIPE: the
 * stream ends early; -EBADMSG: a checksum is wrong; -EINVAL: no such stream, or nothing that may stand there;
 * each with a message.
 */
int vmstream_read(struct vmstream *s, struct vmstream_record *r, struct err *e);

#endif
