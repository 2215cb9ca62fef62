/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm: the images of this host. SmartOS's command, of which it has what needs no image server:
 * import (of a file with its manifest), list, get, show, delete. Errors are "imgadm SUBCOMMAND:
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
#include "base/fd.h"
#include "base/log.h"
#include "cmd/imgadm/imgadm.h"

static const struct command {
	const char *name;
	command_fn *run;
	const char *synopsis; /* NULL: another name of the row above */
	const char *text;
} commands[] = {
	{ "import", imgadm_import, "import [-q] [-P POOL] -m MANIFEST -f FILE",
	    "Import an image from a file." },
	{ "install", imgadm_import, NULL, NULL },
	{ "list", imgadm_list, "list [-H | -p | -j] [-o FIELD,...] [-s FIELD,...]",
	    "List the images." },
	{ "get", imgadm_get, "get [-P POOL] UUID", "Show an image: manifest, pool, users." },
	{ "info", imgadm_get, NULL, NULL },
	{ "show", imgadm_show, "show UUID", "Show an image's manifest." },
	{ "delete", imgadm_delete, "delete [-P POOL] UUID", "Delete an image." },
	{ "destroy", imgadm_delete, NULL, NULL },
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
			    "    imgadm %-55s %s\n", commands[i].synopsis, commands[i].text);
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
	uint8_t bytes[16];
	int c, rc;

	while ((c = getopt(argc, argv, "+P:")) != -1) {
		if (c != 'P')
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		if ((rc = take_pool(optarg)) != 0)
			return (rc);
	}
	if (argc - optind != 1)
		return (fail(
		    "Usage", "incorrect number of args (%d), one UUID is wanted", argc - optind));
	if (parse_uuid(argv[optind], bytes) != 0)
		return (fail("InvalidUUID", "invalid uuid: \"%s\"", argv[optind]));
	format_uuid(bytes, uuid);
	return (0);
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
dispatch(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < NITEMS(commands); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		subcommand = argv[0];
		if (geteuid() != 0 && secure_getenv("ZHYVE_ROOT") == NULL)
			return (fail("NotRoot", "imgadm must be run as root"));
		optind = 1;
		return (commands[i].run(argc, argv));
	}
	return (fail("UnknownCommand", "unknown command: \"%s\"", argv[0]));
}

int
main(int argc, char **argv)
{
	int c, rc;

	fd_std_hold();
	log_open("imgadm", 2, LOG_LVL_WARN);
	opterr = 0;
	while ((c = getopt(argc, argv, "+hv")) != -1) {
		switch (c) {
		case 'h':
			return (print_help());
		case 'v':
			log_open("imgadm", 2, LOG_LVL_DEBUG);
			break;
		default:
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		}
	}
	if (optind == argc || strcmp(argv[optind], "help") == 0)
		return (print_help());
	rc = dispatch(argc - optind, argv + optind);
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == EXIT_OK && errno != EPIPE)
		return (fail("FileSystem", "cannot write the output: %s", strerror(errno)));
	return (rc);
}
