/* SPDX-License-Identifier: BSD-2-Clause */
/* Files named on the command line: see files.h. Runs in zhyve. */
#include "procs/zhyve/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "devices/pci_regs.h"
#include "devices/pci_rom.h"

#define ROM_MIN (2 * KIB)
#define ROM_MAX MIB

int
file_take(struct boot_file *f, const char *what, const char *path, int mode, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc;

	*f = (struct boot_file){ .fd = -1 };
	if (parse_fd(path, &fd) != 0 &&
	    (fd = open(path, mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
		return (err_set(e, errno, "cannot open %s%s%s'%s'%s", what != NULL ? "the " : "",
		    what != NULL ? what : "", what != NULL ? " " : "", path,
		    mode == O_RDWR ? " for writing" : ""));
	if (mode == O_RDWR && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return (err_say(e, EACCES, "the %s '%s' is not open for writing", what, path));
	if ((rc = boot_file_open(f, fd, path, e)) != 0)
		return (what != NULL ? err_ctx(e, "%s", what) : rc);
	(void)fd_steal(&fd); /* f has it */
	return (0);
}

/* In memory of a power of two of bytes, zeroed behind it. */
static int
read_rom(const char *path, uint8_t **out, uint64_t *size, struct err *e)
{
	CLEANUP_FREE uint8_t *image = NULL;
	struct boot_file f;
	int rc;

	if ((rc = file_take(&f, "ROM", path, O_RDONLY, e)) != 0)
		return (rc);
	for (*size = ROM_MIN; *size < f.size && *size < ROM_MAX; *size *= 2)
		continue;
	if (f.size > ROM_MAX)
		rc = err_say(e, EFBIG, "the ROM '%s' has more than 1 MiB", path);
	else if ((image = calloc(1, *size)) == NULL)
		rc = err_set(e, ENOMEM, "no memory for the ROM '%s'", path);
	else
		rc = boot_file_read(&f, 0, image, f.size, e);
	fd_close(&f.fd);
	if (rc == 0) {
		*out = image;
		image = NULL;
	}
	return (rc);
}

int
file_add_rom(struct pci_dev *d, const char *path, bool adopt, struct err *e)
{
	CLEANUP_FREE uint8_t *image = NULL;
	uint64_t size = 0;
	int rc;

	if (path == NULL)
		return (0);
	if ((rc = read_rom(path, &image, &size, e)) != 0)
		return (rc);
	if (adopt &&
	    pci_rom_adopt(
		image, size, le16_get(&d->cfg[PCIR_VENDOR]), le16_get(&d->cfg[PCIR_DEVICE])) != 0)
		return (err_say(e, EINVAL, "'%s' is not an expansion ROM", path));
	if ((rc = pci_add_rom(d, image, size)) != 0)
		return (err_set(e, -rc, "cannot attach the ROM '%s'", path));
	image = NULL; /* it stays for as long as the function */
	return (0);
}
