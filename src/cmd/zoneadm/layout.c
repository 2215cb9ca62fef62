/* SPDX-License-Identifier: BSD-2-Clause */
/* The layouts of zoneadm list (zones.md 8): programs read them, so they are exact. Pure. */
#include "cmd/zoneadm/zoneadm.h"

#define ID_WIDTH 4

static const char *
id_text(int64_t id, char buf[24])
{
	if (id < 0)
		return ("-");
	(void)snprintf(buf, 24, "%lld", (long long)id);
	return (buf);
}

static const char *
known(const char *s)
{
	return (s != NULL ? s : "???");
}

void
list_header(FILE *out)
{
	(void)fprintf(out, "%*s %-16s %-10s %-30s %-8s %-6s\n", ID_WIDTH, "ID", "NAME", "STATUS",
	    "PATH", "BRAND", "IP");
}

void
list_verbose(FILE *out, const struct list_entry *le)
{
	char id[24];

	(void)fprintf(out, "%*s %-16s %-10s %-30s %-8s %-6s\n", ID_WIDTH, id_text(le->id, id),
	    le->name, known(le->state), known(le->path), known(le->brand),
	    le->exclusive_ip ? "excl" : "shared");
}

/* A colon in the path would end the field: it is written as backslash, colon. */
static void
put_path(FILE *out, const char *path)
{
	for (; *path != '\0'; path++) {
		if (*path == ':')
			(void)fputc('\\', out);
		(void)fputc(*path, out);
	}
}

void
list_parsable(FILE *out, const struct list_entry *le)
{
	char id[24];

	(void)fprintf(out, "%s:%s:%s:", id_text(le->id, id), le->name, known(le->state));
	put_path(out, known(le->path));
	(void)fprintf(out, ":%s:%s:%s:%u\n", le->uuid, known(le->brand),
	    le->exclusive_ip ? "excl" : "shared", le->did);
}
