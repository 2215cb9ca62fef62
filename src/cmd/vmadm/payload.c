/* SPDX-License-Identifier: BSD-2-Clause */
/* Payloads: JSON objects from a file or from standard input, bounded. See vmadm.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/vmadm/vmadm.h"

#define PAYLOAD_MAX (4u * 1024u * 1024u)

/* All of a descriptor; NULL with errno. */
static char *
read_all(int fd, size_t *len)
{
	char *buf = malloc(PAYLOAD_MAX + 1);
	ssize_t r;

	*len = 0;
	while (buf != NULL && *len <= PAYLOAD_MAX) {
		r = read(fd, buf + *len, PAYLOAD_MAX + 1 - *len);
		if (r == 0)
			return (buf);
		if (r < 0 && errno != EINTR)
			break;
		*len += r > 0 ? (size_t)r : 0;
	}
	if (buf != NULL && *len > PAYLOAD_MAX)
		errno = EFBIG;
	free(buf);
	return (NULL);
}

int
payload_read(const char *file, const char *verb, json_t **out)
{
	bool from_stdin = file == NULL || strcmp(file, "-") == 0;
	CLEANUP_FD int fd = -1;
	CLEANUP_FREE char *text = NULL;
	json_error_t je;
	size_t len;

	if (from_stdin && isatty(STDIN_FILENO))
		return (usage_error("Will not %s from stdin when stdin is a tty.", verb));
	fd = from_stdin ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) {
		(void)fprintf(stderr, "File: %s does not exist.\n", file);
		return (EXIT_FAILED);
	}
	if (fd < 0 || (text = read_all(fd, &len)) == NULL) {
		(void)fprintf(
		    stderr, "Error reading: %s %s\n", from_stdin ? "stdin" : file, strerror(errno));
		return (EXIT_FAILED);
	}
	if ((*out = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je)) == NULL) {
		(void)fprintf(stderr, "Invalid JSON payload: line %d, column %d: %s\n", je.line,
		    je.column, je.text);
		return (EXIT_FAILED);
	}
	if (!json_is_object(*out)) {
		json_decref(*out);
		(void)fprintf(stderr, "Invalid JSON payload: it must be an object\n");
		return (EXIT_FAILED);
	}
	return (EXIT_DONE);
}
