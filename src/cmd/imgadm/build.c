/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm build: a system's image made of its packages, and imported. The work is that of tools/mkimage, which is
 * installed with the folders it takes things from, and leaves what it makes in a folder.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/image_folder.h"
#include "zone/paths.h"

/* What it can make; the files are called so, too. */
static const char *const systems[] = { "debian-12" };

/* Run it, its words on standard error. 0 or an exit status, told. */
static int
make_image(const char *folder)
{
	const char *program = secure_getenv("ZHYVE_MKIMAGE");
	int status;
	pid_t pid;

	if (program == NULL)
		program = MKIMAGE;
	if ((pid = fork()) == 0) {
		if (setenv("ZHYVE_CACHE", folder, 1) == 0 &&
		    dup2(STDERR_FILENO, STDOUT_FILENO) == STDOUT_FILENO)
			(void)execl(program, program, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return (fail("InternalError", "cannot run %s: %s", program, strerror(errno)));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (interrupt_pending() != 0)
			(void)kill(pid, SIGTERM); /* it clears up */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return (0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return (fail("FileSystem", "cannot run %s", program));
	return (fail("BuildError", "%s failed (its words are above)", program));
}

static int
import_made(const char *folder, const char *system)
{
	char manifest[PATH_MAX], disk[PATH_MAX];
	struct image img;
	struct err e;
	int rc;

	if ((size_t)snprintf(manifest, sizeof(manifest), "%s/%s.json", folder, system) >=
		sizeof(manifest) ||
	    (size_t)snprintf(disk, sizeof(disk), "%s/%s.raw", folder, system) >= sizeof(disk))
		return (fail("Usage", "the folder's name is too long"));
	rc = image_import(manifest, disk, &img, &e);
	if (rc != 0 && rc != -EEXIST)
		return (fail_with(&e));
	(void)printf("%s image %s (%s@%s)\n", rc == 0 ? "Imported" : "There is already", img.uuid,
	    img.name, img.version);
	return (EXIT_OK);
}

int
imgadm_build(int argc, char **argv)
{
	const char *folder = NULL;
	char path[PATH_MAX];
	bool known = false, keep = false;
	struct err e;
	int c, rc;

	while ((c = getopt(argc, argv, "+d:n")) != -1) {
		if (c == 'd')
			folder = optarg;
		else if (c == 'n')
			keep = true;
		else
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
	}
	for (size_t i = 0; argc - optind == 1 && i < NITEMS(systems); i++)
		known = known || strcmp(argv[optind], systems[i]) == 0;
	if (!known)
		return (fail("Usage", "one system is wanted, of: %s", systems[0]));
	if (folder == NULL)
		folder = path_zones(path, "%s", IMAGE_FOLDER);
	if (folder[0] != '/')
		return (fail("Usage", "-d: \"%s\" does not begin with a slash", folder));
	if (dir_make(folder, 0755, &e) != 0)
		return (fail_with(&e));
	interrupt_watch(false);
	if ((rc = make_image(folder)) != 0 || keep)
		return (rc);
	return (import_made(folder, argv[optind]));
}
