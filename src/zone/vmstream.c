/* SPDX-License-Identifier: BSD-2-Clause */
/* The stream of a VM, its records and its head: see vmstream.h. Pure. Tools. */
#include "zone/vmstream.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/vmbundle.h"
#include "zone/zconf_json.h"

#define DISK_SIZE_MAX (1ull << 60)
#define SECTOR        512u

/* ---- checksums ---- */

static void
digest3(const void *a, size_t alen, const void *b, size_t blen, const void *c, size_t clen,
    uint8_t out[VMSTREAM_DIGEST_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, a, alen) != 1 || EVP_DigestUpdate(ctx, b, blen) != 1 ||
	    EVP_DigestUpdate(ctx, c, clen) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		abort(); /* only without memory */
	EVP_MD_CTX_free(ctx);
}

void
vmstream_digest(const void *data, size_t len, uint8_t out[VMSTREAM_DIGEST_LEN])
{
	digest3(data, len, "", 0, "", 0, out);
}

void
vmstream_token_format(const struct vmstream_point *p, char out[VMSTREAM_TOKEN_MAX])
{
	for (size_t i = 0; i < VMSTREAM_DIGEST_LEN; i++)
		(void)sprintf(out + 2 * i, "%02x", p->head[i]);
	(void)sprintf(out + (size_t)2 * VMSTREAM_DIGEST_LEN, ".%u.%llu", p->disk,
	    (unsigned long long)p->offset);
}

int
vmstream_token_parse(const char *token, struct vmstream_point *p)
{
	char again[VMSTREAM_TOKEN_MAX], hex[3] = "", disk[16];
	const char *dot, *rest;
	uint64_t n;

	if (strlen(token) >= VMSTREAM_TOKEN_MAX || strspn(token, "0123456789abcdef") != 64 ||
	    token[64] != '.')
		return (-EINVAL);
	for (size_t i = 0; i < VMSTREAM_DIGEST_LEN; i++) {
		memcpy(hex, token + 2 * i, 2);
		p->head[i] = (uint8_t)strtoul(hex, NULL, 16);
	}
	rest = token + 65;
	if ((dot = strchr(rest, '.')) == NULL || (size_t)(dot - rest) >= sizeof(disk))
		return (-EINVAL);
	memcpy(disk, rest, (size_t)(dot - rest));
	disk[dot - rest] = '\0';
	if (parse_u64(disk, &n) != 0 || n >= VMSTREAM_DISKS_MAX ||
	    parse_u64(dot + 1, &p->offset) != 0)
		return (-EINVAL);
	p->disk = (uint32_t)n;
	vmstream_token_format(p, again); /* there is one way to write it */
	return (strcmp(again, token) == 0 ? 0 : -EINVAL);
}

/* ---- the head ---- */

int
vmstream_head_format(
    const struct vmstream_head *h, const char *state, char **out, size_t *len, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	json_t *disks = json_array(), *zone, *root;
	size_t n;
	int rc;

	if ((rc = zconf_json_format(h->zone, &text, &n, e)) != 0) {
		json_decref(disks);
		return (rc);
	}
	zone = json_loadb(text, n, 0, NULL);
	for (size_t i = 0; i < h->zone->ndevice; i++)
		(void)json_array_append_new(disks, json_integer((json_int_t)h->size[i]));
	root = json_pack("{s:o, s:s, s:o}", "zone", zone, "state", state, "disks", disks);
	*out = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	if (*out == NULL)
		return (err_set(e, ENOMEM, "cannot describe the VM"));
	*len = strlen(*out);
	if (*len <= VMSTREAM_PAYLOAD_MAX)
		return (0);
	free(*out);
	return (err_say(e, EFBIG, "the configuration is too large to be sent"));
}

static int
take_disks(const json_t *disks, struct vmstream_head *h, struct err *e)
{
	const json_t *size;
	size_t i;

	if (!json_is_array(disks) || json_array_size(disks) > VMSTREAM_DISKS_MAX)
		return (
		    err_say(e, EINVAL, "disks is not a list of at most %d", VMSTREAM_DISKS_MAX));
	/* A device without content would be one of this host, which no stream has to give. */
	if (json_array_size(disks) != h->zone->ndevice)
		return (err_say(e, EINVAL, "the zone has devices that are not in the stream"));
	json_array_foreach (disks, i, size) {
		if (!json_is_integer(size) || json_integer_value(size) <= 0 ||
		    (uint64_t)json_integer_value(size) > DISK_SIZE_MAX ||
		    json_integer_value(size) % SECTOR != 0)
			return (err_say(e, EINVAL, "the size of disk %zu is not possible", i));
		h->size[i] = (uint64_t)json_integer_value(size);
	}
	return (0);
}

int
vmstream_head_parse(const char *text, size_t len, struct vmstream_head *h, struct err *e)
{
	CLEANUP_FREE char *zone = NULL;
	json_error_t je;
	json_t *root;
	int rc;

	*h = (struct vmstream_head){ .zone = NULL };
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	zone = json_dumps(json_object_get(root, "zone"), 0);
	if (root == NULL)
		rc = err_say(
		    e, EINVAL, "not JSON: line %d, column %d: %s", je.line, je.column, je.text);
	else if (zone == NULL)
		rc = err_say(e, EINVAL, "there is no zone in it");
	else if ((rc = zconf_json_parse(zone, strlen(zone), &h->zone, e)) == 0 &&
	    (rc = zconf_verify(h->zone, e)) == 0)
		rc = take_disks(json_object_get(root, "disks"), h, e);
	json_decref(root);
	if (rc == 0)
		return (0);
	zconf_free(h->zone);
	h->zone = NULL;
	return (err_ctx(e, "the stream's description of the VM"));
}

uint64_t
vmstream_bytes_before(const struct vmstream_head *h, size_t disk)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < disk; i++)
		bytes += h->size[i];
	return (bytes);
}

/* ---- records ---- */

void
vmstream_free(struct vmstream *s)
{
	free(s->payload);
	s->payload = NULL;
}

static void
put_header(const struct vmstream_record *r, uint8_t out[VMSTREAM_HEADER_LEN])
{
	le32_put(out, r->type);
	le32_put(out + 4, r->disk);
	le32_put(out + 8, r->len);
	le32_put(out + 12, 0);
	le64_put(out + 16, r->offset);
}

int
vmstream_write(struct vmstream *s, const struct vmstream_record *r, const void *payload)
{
	uint8_t header[VMSTREAM_HEADER_LEN];
	int rc;

	put_header(r, header);
	digest3(s->chain, sizeof(s->chain), header, sizeof(header), payload, r->len, s->chain);
	if (!s->begun && (rc = s->write(s->arg, VMSTREAM_MAGIC, VMSTREAM_MAGIC_LEN)) != 0)
		return (rc);
	s->begun = true;
	if ((rc = s->write(s->arg, header, sizeof(header))) != 0 ||
	    (rc = s->write(s->arg, payload, r->len)) != 0)
		return (rc);
	return (s->write(s->arg, s->chain, sizeof(s->chain)));
}

int
vmstream_torn(int rc, struct err *e)
{
	if (rc == -EPIPE)
		return (err_say(e, EPIPE, "the stream is torn: it ends before its end"));
	return (err_set(e, -rc, "cannot read the stream"));
}

static int
take(struct vmstream *s, void *buf, size_t len, struct err *e)
{
	int rc = s->read(s->arg, buf, len);

	return (rc == 0 ? 0 : vmstream_torn(rc, e));
}

int
vmstream_begin(struct vmstream *s, bool *smartos, struct err *e)
{
	char magic[VMSTREAM_MAGIC_LEN];
	int rc;

	if ((rc = take(s, magic, sizeof(magic), e)) != 0)
		return (rc);
	s->begun = true;
	*smartos = memcmp(magic, VMBUNDLE_MAGIC, sizeof(magic)) == 0;
	if (*smartos)
		return (0);
	if (memcmp(magic, VMSTREAM_MAGIC, sizeof(magic) - 1) != 0)
		return (err_say(e, EINVAL, "this is not a stream of vmadm send"));
	if (magic[sizeof(magic) - 1] != VMSTREAM_MAGIC[sizeof(magic) - 1])
		return (err_say(e, EINVAL,
		    "the stream has version %u, and only version %u is known; use a newer vmadm",
		    (unsigned char)magic[sizeof(magic) - 1],
		    (unsigned char)VMSTREAM_MAGIC[sizeof(magic) - 1]));
	return (0);
}

static int
bad(struct err *e, const char *what)
{
	return (err_say(e, EINVAL, "the stream is not right: %s", what));
}

/* Before the payload is read: may such a record stand here? */
static int
check_header(
    const struct vmstream *s, const struct vmstream_record *r, uint32_t zero, struct err *e)
{
	bool resumed = r->disk != 0 || r->offset != 0;

	if (zero != 0 || r->len > VMSTREAM_PAYLOAD_MAX)
		return (bad(e, "a record's header is damaged"));
	if ((r->type == VMSTREAM_HEAD) != (s->head == NULL))
		return (bad(e, "its head is not where it has to be"));
	switch (r->type) {
	case VMSTREAM_HEAD:
		return (0);
	case VMSTREAM_FILE:
		return (resumed ? bad(e, "a file has an offset") : 0);
	case VMSTREAM_DATA:
		if (r->disk >= s->head->zone->ndevice || r->len == 0 || r->len > VMSTREAM_CHUNK ||
		    r->len % SECTOR != 0 || r->offset % SECTOR != 0 ||
		    !range_ok(r->offset, r->len, s->head->size[r->disk]))
			return (bad(e, "content that no disk has"));
		if (r->disk < s->at[0] || (r->disk == s->at[0] && r->offset < s->at[1]))
			return (bad(e, "content out of order"));
		return (0);
	case VMSTREAM_END:
		return (r->len != 0 || resumed ? bad(e, "an end that is none") : 0);
	default:
		return (bad(e, "a record of an unknown type"));
	}
}

/* "NAME\0content": a plain name. */
static int
check_file(const char *payload, size_t len, struct err *e)
{
	size_t n = strnlen(payload, MIN(len, (size_t)VMSTREAM_NAME_MAX));

	if (n == 0 || n == len || n >= VMSTREAM_NAME_MAX || payload[0] == '.')
		return (bad(e, "a file without a plain name"));
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)payload[i]) && strchr("._-", payload[i]) == NULL)
			return (bad(e, "a file without a plain name"));
	return (0);
}

int
vmstream_read(struct vmstream *s, struct vmstream_record *r, struct err *e)
{
	uint8_t header[VMSTREAM_HEADER_LEN], sum[VMSTREAM_DIGEST_LEN];
	bool smartos = false;
	int rc;

	if (s->ended)
		return (bad(e, "it goes on after its end"));
	if (s->payload == NULL && (s->payload = malloc(VMSTREAM_PAYLOAD_MAX + 1)) == NULL)
		return (err_set(e, ENOMEM, "cannot read the stream"));
	if (!s->begun && (rc = vmstream_begin(s, &smartos, e)) != 0)
		return (rc);
	if (smartos)
		return (err_say(e, EINVAL, "this is a stream of SmartOS's vmadm send"));
	if ((rc = take(s, header, sizeof(header), e)) != 0)
		return (rc);
	*r = (struct vmstream_record){
		.type = le32_get(header),
		.disk = le32_get(header + 4),
		.len = le32_get(header + 8),
		.offset = le64_get(header + 16),
	};
	if ((rc = check_header(s, r, le32_get(header + 12), e)) != 0 ||
	    (rc = take(s, s->payload, r->len, e)) != 0 || (rc = take(s, sum, sizeof(sum), e)) != 0)
		return (rc);
	s->payload[r->len] = '\0';
	digest3(s->chain, sizeof(s->chain), header, sizeof(header), s->payload, r->len, s->chain);
	if (memcmp(sum, s->chain, sizeof(sum)) != 0 && !s->unchecked)
		return (err_say(e, EBADMSG, "the stream is damaged: a checksum is wrong"));
	if (r->type == VMSTREAM_FILE && (rc = check_file((char *)s->payload, r->len, e)) != 0)
		return (rc);
	if (r->type == VMSTREAM_HEAD || r->type == VMSTREAM_DATA) {
		s->at[0] = r->disk;
		s->at[1] = r->offset + (r->type == VMSTREAM_DATA ? r->len : 0);
	}
	s->ended = r->type == VMSTREAM_END;
	return (0);
}
