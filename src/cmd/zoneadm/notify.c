/* SPDX-License-Identifier: BSD-2-Clause */
/* Telling the service manager: see notify.h. The protocol is all there is to it, so no library. zoneadm. */
#include "cmd/zoneadm/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

void
notify(const char *fmt, ...)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = -1;
	char text[512];
	size_t len;
	va_list ap;

	/* A path, or @name in the abstract namespace, which begins with a null byte. */
	if (name == NULL || (*name != '/' && *name != '@') ||
	    (len = strlen(name)) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, name, len);
	if (*name == '@')
		to.sun_path[0] = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
		    (const struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
