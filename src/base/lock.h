/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of a device: whoever enters a device model (a vCPU's thread, the event loop) holds
 * it. Device models themselves never see it (devices/device.h declares the name only). NULL is
 * allowed, for tests with a single thread. Header only; zhyve and device processes.
 *
 * Order, outermost first: PCI configuration lock, device lock, the locks inside vmm/ (bus
 * tables, interrupt routes). A holder of a device's lock takes no other device's.
 */
#ifndef ZHYVE_BASE_LOCK_H
#define ZHYVE_BASE_LOCK_H

#include <pthread.h>
#include <stddef.h>

struct lock {
	pthread_mutex_t mutex;
};

#define LOCK_INIT                                  \
	{                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER \
	}

static inline void
lock_take(struct lock *l)
{
	if (l != NULL)
		(void)pthread_mutex_lock(&l->mutex);
}

static inline void
lock_drop(struct lock *l)
{
	if (l != NULL)
		(void)pthread_mutex_unlock(&l->mutex);
}

#endif
