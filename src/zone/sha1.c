/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-1 of files that may be sparse: see sha1.h. Tools. */
#include "zone/sha1.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"

#define HASH_CHUNK (1u * 1024u * 1024u)

/*
 * Take in bytes [from, to), which are data, or a hole (not read then: the kernel would fill memory
 * with zeroes).
 */
static int
hash_run(EVP_MD_CTX *ctx, int fd, uint64_t from, uint64_t to, bool hole, uint8_t *buf)
{
	size_t n;
	int rc;

	if (hole)
		memset(buf, 0, HASH_CHUNK);
	for (; from < to; from += n) {
		if (interrupt_pending() != 0)
			return (-EINTR);
		n = (size_t)MIN(to - from, HASH_CHUNK);
		if (!hole && (rc = fd_pread_full(fd, buf, n, (off_t)from)) != 0)
			return (rc);
		if (EVP_DigestUpdate(ctx, buf, n) != 1)
			return (-EIO);
		progress_at(from + n);
	}
	return (0);
}

static int
hash_all(EVP_MD_CTX *ctx, int fd, uint64_t size, uint8_t *buf)
{
	uint64_t off = 0, to;
	off_t data, hole;
	int rc = 0;

	while (off < size && rc == 0) {
		data = lseek(fd, (off_t)off, SEEK_DATA);
		to = data < 0 ? size : MIN((uint64_t)data, size);
		if (data < 0 && errno != ENXIO)
			return (hash_run(ctx, fd, off, size, false, buf)); /* it cannot tell */
		if ((rc = hash_run(ctx, fd, off, to, true, buf)) != 0 || to == size)
			break;
		off = to;
		hole = lseek(fd, (off_t)off, SEEK_HOLE);
		to = hole < 0 ? size : MIN((uint64_t)hole, size);
		rc = hash_run(ctx, fd, off, to, false, buf);
		off = to;
	}
	return (rc);
}

int
sha1_of_file(int fd, uint64_t size, char out[SHA1_TEXT_LEN + 1])
{
	CLEANUP_FREE uint8_t *buf = malloc(HASH_CHUNK);
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t i;
	int rc = -ENOMEM;

	if (buf != NULL && ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1)
		rc = hash_all(ctx, fd, size, buf);
	if (rc == 0 && EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		rc = -EIO;
	EVP_MD_CTX_free(ctx);
	for (i = 0; rc == 0 && i < SHA1_TEXT_LEN / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return (rc);
}
