/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling the service manager that started us how far we are (sd_notify(3)): one datagram of assignments to the socket
 * that $NOTIFY_SOCKET names. Without one nothing happens, and nothing depends on its being received. zoneadm.
 */
#ifndef ZHYVE_CMD_ZONEADM_NOTIFY_H
#define ZHYVE_CMD_ZONEADM_NOTIFY_H

/* Lines "NAME=value", parted by newlines: READY=1, STOPPING=1, STATUS=text. */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
