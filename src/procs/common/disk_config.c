/* SPDX-License-Identifier: BSD-2-Clause */
/* Block options: see disk_config.h. Runs in zhyve and zhyve-blk while they start. */
#include "procs/common/disk_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/parse.h"

/* "512", "512/4096". */
static int
sector_sizes(const char *text, struct block_opts *o, struct err *e)
{
	char logical[16];
	size_t len = strcspn(text, "/");
	uint32_t l, p;

	(void)snprintf(logical, sizeof(logical), "%.*s", (int)MIN(len, sizeof(logical) - 1), text);
	if (parse_u32(logical, 512, 1u << 20, &l) != 0 || !IS_POW2(l))
		goto bad;
	p = l;
	if (text[len] == '/' &&
	    (parse_u32(text + len + 1, 512, 1u << 20, &p) != 0 || !IS_POW2(p) || p < l))
		goto bad;
	o->logical = l;
	o->physical = p;
	return (0);
bad:
	return (err_say(e, EINVAL,
	    "sectorsize: '%s' is not L or L/P with powers of two from 512, P a multiple of L",
	    text));
}

int
disk_config(struct config_node *cfg, struct block_opts *o, struct err *e)
{
	const char *sizes = config_get(cfg, "sectorsize");
	bool direct, nocache, uring;
	int rc;

	*o = (struct block_opts){ 0 };
	if ((rc = config_bool(cfg, "nocache", false, &nocache, e)) != 0 ||
	    (rc = config_bool(cfg, "direct", false, &direct, e)) != 0 ||
	    (rc = config_bool(cfg, "sync", false, &o->sync, e)) != 0 ||
	    (rc = config_bool(cfg, "ro", false, &o->readonly, e)) != 0 ||
	    (rc = config_bool(cfg, "nodelete", false, &o->nodelete, e)) != 0 ||
	    (rc = config_bool(cfg, "uring", true, &uring, e)) != 0)
		return (rc);
	o->nocache = nocache;
	/* In bhyve, too, both words mean O_SYNC; it is nocache that means O_DIRECT. */
	o->sync |= direct;
	o->no_uring = !uring;
	return (sizes == NULL ? 0 : sector_sizes(sizes, o, e));
}

const char *
disk_default_serial(const char *path, char *buf, size_t size)
{
	uint64_t h = hash_text(HASH_INIT, path);

	(void)snprintf(buf, size, "BHYVE-%04X-%04X-%04X", (unsigned)(h >> 32 & 0xffff),
	    (unsigned)(h >> 16 & 0xffff), (unsigned)(h & 0xffff));
	return (buf);
}
