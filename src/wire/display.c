/* SPDX-License-Identifier: BSD-2-Clause */
/* The display between processes: see display.h. Runs in zhyve, zhyve-vnc and zoneadmd. */
#include "wire/display.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/fd.h"

#define PAGE_MAGIC 0x5a464231u /* "ZFB1" */
#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

void
display_page_put(struct display_page *page, const struct display_mode *mode)
{
	uint32_t seq = __atomic_load_n(&page->seq, __ATOMIC_RELAXED) | 1;

	__atomic_store_n(&page->seq, seq, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&page->magic, PAGE_MAGIC, __ATOMIC_RELAXED);
	__atomic_store_n(&page->width, mode->width, __ATOMIC_RELAXED);
	__atomic_store_n(&page->height, mode->height, __ATOMIC_RELAXED);
	__atomic_store_n(&page->stride, mode->stride, __ATOMIC_RELAXED);
	__atomic_store_n(&page->offset, mode->offset, __ATOMIC_RELAXED);
	__atomic_store_n(&page->seq, seq + 1, __ATOMIC_RELEASE);
}

static bool
mode_ok(const struct display_mode *m, uint64_t vram)
{
	return (m->width >= DISPLAY_SIDE_MIN && m->width <= DISPLAY_WIDTH_MAX &&
	    m->height >= DISPLAY_SIDE_MIN && m->height <= DISPLAY_LINES_MAX && m->stride % 4 == 0 &&
	    m->offset % 4 == 0 && m->stride >= m->width * 4 &&
	    range_ok(m->offset, (uint64_t)m->stride * (m->height - 1) + m->width * 4, vram));
}

struct display_mode
display_page_get(const struct display_page *page, uint64_t vram)
{
	uint32_t seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
	uint32_t magic = __atomic_load_n(&page->magic, __ATOMIC_RELAXED);
	struct display_mode m = {
		.width = __atomic_load_n(&page->width, __ATOMIC_RELAXED),
		.height = __atomic_load_n(&page->height, __ATOMIC_RELAXED),
		.stride = __atomic_load_n(&page->stride, __ATOMIC_RELAXED),
		.offset = __atomic_load_n(&page->offset, __ATOMIC_RELAXED),
	};

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if ((seq & 1) != 0 || seq != __atomic_load_n(&page->seq, __ATOMIC_RELAXED) ||
	    magic != PAGE_MAGIC || !mode_ok(&m, vram))
		return ((struct display_mode){ 0 });
	return (m);
}

int
display_memory(uint64_t vram)
{
	if (vram == 0 || vram > DISPLAY_VRAM_MAX || vram % DISPLAY_PAGE_LEN != 0)
		return (-EINVAL);
	return (memfd_sealed("framebuffer", vram + DISPLAY_PAGE_LEN));
}

int
display_vram(int fd, uint64_t *vram)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0)
		return (-EINVAL);
	if (st.st_size <= (off_t)DISPLAY_PAGE_LEN || st.st_size % DISPLAY_PAGE_LEN != 0 ||
	    st.st_size > (off_t)(DISPLAY_VRAM_MAX + DISPLAY_PAGE_LEN))
		return (-EINVAL);
	*vram = (uint64_t)st.st_size - DISPLAY_PAGE_LEN;
	return (0);
}

int
display_send(int sock, const struct display_event *ev)
{
	return (fd_send_msg(sock, ev, sizeof(*ev), NULL, 0));
}

static bool
event_ok(const struct display_event *ev)
{
	switch (ev->type) {
	case DISPLAY_KEY:
		return (ev->down <= 1);
	case DISPLAY_POINTER:
		return (ev->width != 0 && ev->height != 0 && ev->width <= DISPLAY_WIDTH_MAX &&
		    ev->height <= DISPLAY_LINES_MAX && ev->x < ev->width && ev->y < ev->height);
	case DISPLAY_RELEASE:
	case DISPLAY_READY:
	case DISPLAY_CLIENT:
		return (true);
	default:
		return (false);
	}
}

int
display_recv(int sock, struct display_event *ev)
{
	ssize_t n = fd_recv_msg(sock, ev, sizeof(*ev), NULL, NULL);

	if (n == 0 || n == -ECONNRESET)
		return (0);
	if (n == -EMSGSIZE)
		return (-EPROTO);
	if (n < 0)
		return ((int)n);
	return ((size_t)n == sizeof(*ev) && event_ok(ev) ? 1 : -EPROTO);
}
