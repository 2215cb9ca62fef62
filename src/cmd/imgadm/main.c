/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm: the images of this host. SmartOS's command, of which it has what needs no image server:
 * import (of a file with its manifest), avail (in a folder), build, create, export, list, get, show, delete, and
 * pool. Errors are "imgadm SUBCOMMAND:
 * error (CODE): TEXT" on stderr, with exit status 1, or 3 for an image that is not installed. Runs
 * as root.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cmd/imgadm/imgadm.h"

static const struct subcommand commands[] = {
	{ "avail", imgadm_avail, "avail [-H | -p | -j] [-d FOLDER] [-o FIELD,...] [-s FIELD,...]",
	    "List the images of a folder." },
	{ "import", imgadm_import, "import [-q] [-P POOL] {-m MANIFEST -f FILE | [-d FOLDER] UUID}",
	    "Import an image." },
	{ "install", imgadm_import, NULL, NULL },
	{ "list", imgadm_list, "list [-H | -p | -j] [-o FIELD,...] [-s FIELD,...]",
	    "List the images." },
	{ "get", imgadm_get, "get [-P POOL] UUID", "Show an image: manifest, pool, users." },
	{ "info", imgadm_get, NULL, NULL },
	{ "show", imgadm_show, "show UUID", "Show an image's manifest." },
	{ "delete", imgadm_delete, "delete [-P POOL] UUID", "Delete an image." },
	{ "destroy", imgadm_delete, NULL, NULL },
	{ "build", imgadm_build, "build [-n] [-d FOLDER] debian-12",
	    "Make an image of a system's packages." },
	{ "create", imgadm_create,
	    "create [-q] [-c PACKING] [-m MANIFEST] [-o PATH] VM [FIELD=VALUE...]",
	    "Make an image of a stopped VM's disk." },
	{ "export", imgadm_export, "export [-q] [-c PACKING] [-o PATH] UUID",
	    "Write an image to files." },
	{ "pool", imgadm_pool, "pool list | create | delete | mount",
	    "Show the pool; set it up; take it away." },
};

static const char *subcommand; /* for messages */

static int
print_help(void)
{
	size_t i;

	(void)printf("usage: imgadm [-hv] SUBCOMMAND [ARGUMENTS]\n");
	for (i = 0; i < NITEMS(commands); i++) {
		if (commands[i].synopsis != NULL)
			(void)printf(
			    "    imgadm %s\n        %s\n", commands[i].synopsis, commands[i].text);
	}
	return (EXIT_OK);
}

int
fail(const char *code, const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fprintf(stderr, "imgadm%s%s: error (%s): ", subcommand != NULL ? " " : "",
	    subcommand != NULL ? subcommand : "", code);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return (EXIT_ERROR);
}

int
fail_with(const struct err *e)
{
	if (strncmp(e->text, "invalid uuid", 12) == 0)
		return (fail("InvalidUUID", "%s", e->text));
	if (strstr(e->text, "invalid manifest: ") != NULL)
		return (fail("ManifestValidation", "%s", e->text));
	switch (e->errnum) {
	case EINVAL:
		return (fail("InvalidImage", "%s", e->text));
	case ENOSPC:
	case EACCES:
	case ENOENT:
	case EROFS:
	case EDQUOT:
	case EFBIG:
	case EPERM:
	case ELOOP:
	case ENOTDIR:
	case ENAMETOOLONG:
		return (fail("FileSystem", "%s", e->text));
	default:
		return (fail("InternalError", "%s", e->text));
	}
}

int
take_pool(const char *name)
{
	if (strcmp(name, POOL) == 0)
		return (0);
	return (fail("Usage", "there is no pool '%s': this host has '%s'", name, POOL));
}

int
take_uuid(int argc, char **argv, char uuid[UUID_TEXT_LEN + 1])
{
	int c, rc;

	while ((c = getopt(argc, argv, "+P:")) != -1) {
		if (c != 'P')
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		if ((rc = take_pool(optarg)) != 0)
			return (rc);
	}
	return (take_uuid_operand(argc, argv, 0, uuid));
}

int
take_uuid_operand(int argc, char **argv, int more, char uuid[UUID_TEXT_LEN + 1])
{
	uint8_t bytes[16];

	if (argc - optind < 1 || argc - optind > 1 + more)
		return (fail(
		    "Usage", "incorrect number of args (%d), one UUID is wanted", argc - optind));
	if (parse_uuid(argv[optind], bytes) != 0)
		return (fail("InvalidUUID", "invalid uuid: \"%s\"", argv[optind]));
	format_uuid(bytes, uuid);
	return (0);
}

int
take_output(int option, struct output *out)
{
	switch (option) {
	case 'c':
		if (image_packed_by_name(optarg, &out->packed) != 0)
			return (
			    fail("Usage", "-c: \"%s\" is none of none, gzip, xz, zstd", optarg));
		return (0);
	case 'o':
		out->where = optarg;
		return (0);
	case 'q':
		out->quiet = true;
		return (0);
	default:
		return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
	}
}

int
load_text(const char *uuid, char **out)
{
	struct err e;
	int rc = image_manifest_text(uuid, out, &e);

	if (rc == -ENOENT) {
		(void)fail(
		    "ImageNotInstalled", "image \"%s\" was not found on zpool \"%s\"", uuid, POOL);
		return (EXIT_NOT_INSTALLED);
	}
	return (rc != 0 ? fail_with(&e) : 0);
}

int
load_manifest(const char *uuid, json_t **out)
{
	char *text = NULL;
	int rc = load_text(uuid, &text);

	if (rc != 0)
		return (rc);
	*out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (*out != NULL)
		return (0);
	return (fail("InvalidManifest",
	    "image \"%s\" is damaged: its manifest is not JSON; delete it and import it again",
	    uuid));
}

void
print_json(const json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_INDENT(2));
	(void)putchar('\n');
}

static int
bad_call(enum subcommand_error error, const char *what)
{
	switch (error) {
	case SUBCOMMAND_OPTION:
		return (fail("UnknownOption", "unknown option: \"-%s\"", what));
	case SUBCOMMAND_UNKNOWN:
		return (fail("UnknownCommand", "unknown command: \"%s\"", what));
	case SUBCOMMAND_NOT_ROOT:
		return (fail("NotRoot", "imgadm must be run as root"));
	case SUBCOMMAND_OUTPUT:
		return (fail("FileSystem", "cannot write the output: %s", what));
	case SUBCOMMAND_MISSING:
		break;
	}
	return (print_help());
}

int
main(int argc, char **argv)
{
	static const struct subcommand_tool tool = {
		.program = "imgadm",
		.rows = commands,
		.nrows = NITEMS(commands),
		.help = print_help,
		.error = bad_call,
		.current = &subcommand,
	};

	return (subcommand_main(&tool, argc, argv));
}
