/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and events of the display: see display.h. zhyve-vnc is believed no more than the clients
 * it serves; when it ends or sends what is no event, the machine goes on without. Runs in zhyve,
 * stage 3, and in the event loop.
 */
#include "procs/zhyve/display.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "procs/zhyve/display_start.h"

#define KBDLAYOUT_DIR "/usr/share/zhyve/kbdlayout/"
#define EVENTS_MAX    64 /* in one round of the event loop */

/* RFB's button mask (RFC 6143, 7.5.5). */
#define RFB_LEFT       0x01
#define RFB_MIDDLE     0x02
#define RFB_RIGHT      0x04
#define RFB_WHEEL_UP   0x08
#define RFB_WHEEL_DOWN 0x10

static void
on_pointer(struct display *d, const struct display_event *ev)
{
	uint8_t pressed = ev->buttons & ~d->wheel; /* a step of the wheel is a press */
	struct input_pointer p = {
		.x = (uint16_t)((uint32_t)ev->x * INPUT_ABS_MAX / MAX(ev->width - 1, 1)),
		.y = (uint16_t)((uint32_t)ev->y * INPUT_ABS_MAX / MAX(ev->height - 1, 1)),
		.px = ev->x,
		.py = ev->y,
		.buttons = (uint8_t)(((ev->buttons & RFB_LEFT) != 0 ? INPUT_LEFT : 0) |
		    ((ev->buttons & RFB_MIDDLE) != 0 ? INPUT_MIDDLE : 0) |
		    ((ev->buttons & RFB_RIGHT) != 0 ? INPUT_RIGHT : 0)),
		.wheel = (int8_t)(((pressed & RFB_WHEEL_UP) != 0 ? 1 : 0) -
		    ((pressed & RFB_WHEEL_DOWN) != 0 ? 1 : 0)),
	};

	d->wheel = ev->buttons & (RFB_WHEEL_UP | RFB_WHEEL_DOWN);
	input_pointer(&d->m->input, &p);
}

static void
end_events(struct display *d, const char *why)
{
	log_warn("%s: the display has no clients any more: %s", d->m->name, why);
	mevent_delete(d->ev);
	d->ev = NULL;
	fd_close(&d->events);
	input_release_all(&d->m->input);
}

static void
on_events(int fd, enum mevent_type type, void *arg)
{
	struct display *d = arg;
	struct display_event ev;
	int rc;

	(void)type;
	for (unsigned i = 0; i < EVENTS_MAX; i++) {
		rc = display_recv(fd, &ev);
		if (rc == -EAGAIN || rc == -EINTR)
			return;
		if (rc != 1) {
			end_events(
			    d, rc == 0 ? "zhyve-vnc is gone" : "zhyve-vnc sent what is no event");
			return;
		}
		if (ev.type == DISPLAY_KEY)
			input_key(&d->m->input, keymap_key(&d->map, ev.keysym), ev.down != 0);
		else if (ev.type == DISPLAY_POINTER)
			on_pointer(d, &ev);
		else if (ev.type == DISPLAY_RELEASE)
			input_release_all(&d->m->input);
	}
}

/* -K: the layout built in, a name, a path or a descriptor. */
static int
load_layout(struct display *d, const char *layout, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[256];
	size_t len;
	int fd, rc;
	bool bare;

	keymap_us(&d->map);
	if (layout == NULL || strcmp(layout, "us") == 0 || strcmp(layout, "default") == 0)
		return (0);
	bare = strchr(layout, '/') == NULL && parse_fd(layout, &fd) != 0;
	if ((size_t)snprintf(path, sizeof(path), "%s%s", bare ? KBDLAYOUT_DIR : "", layout) >=
	    sizeof(path))
		return (
		    err_say(e, ENAMETOOLONG, "keyboard layout '%s': the name is too long", layout));
	if ((rc = file_read_named(path, KEYMAP_FILE_MAX, &text, &len, e)) != 0 ||
	    (rc = keymap_parse(&d->map, text, len, e)) != 0)
		return (err_ctx(e, "keyboard layout '%s'", layout));
	return (0);
}

static int
map_memory(struct display *d, uint64_t vram, struct err *e)
{
	uint8_t *at;

	if (display_vram(d->mem, &d->vram_size) != 0 || d->vram_size != vram)
		return (err_say(e, EINVAL,
		    "mem: not a sealed memory object of %llu bytes, as this width and height need",
		    (unsigned long long)vram + DISPLAY_PAGE_LEN));
	at = mmap(NULL, vram + DISPLAY_PAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
	    d->mem, 0);
	if (at == MAP_FAILED)
		return (err_set(e, errno, "cannot map the framebuffer"));
	(void)madvise(at, vram, MADV_DONTDUMP);
	d->vram = at;
	d->page = (struct display_page *)(void *)(at + vram);
	return (0);
}

/* Handed over by zoneadmd. */
static int
take_handed(struct display *d, const char *mem, const char *events, struct err *e)
{
	if (mem == NULL || events == NULL || parse_fd(mem, &d->mem) != 0 ||
	    parse_fd(events, &d->events) != 0)
		return (err_say(e, EINVAL, "mem and events go together, and are of the form fd:N"));
	return (0);
}

/*
 * A display without clients is one all the same: its pictures may be taken (bhyve listens on
 * 127.0.0.1:5900 when nothing is said; so do we).
 */
static int
start_own(struct display *d, struct config_node *cfg, uint64_t vram, struct err *e)
{
	if ((d->mem = display_memory(vram)) < 0)
		return (err_set(e, -d->mem, "cannot make the framebuffer"));
	return (display_start(cfg, d->m->name, d->mem, &d->events, e));
}

int
display_open(
    struct display *d, struct machine *m, struct config_node *cfg, uint64_t vram, struct err *e)
{
	const char *mem = config_get(cfg, "mem"), *events = config_get(cfg, "events");
	int rc;

	*d = (struct display){ .m = m, .mem = -1, .events = -1 };
	if ((rc = load_layout(d, config_get(m->config, "keyboard.layout"), e)) != 0)
		return (rc);
	rc = mem != NULL || events != NULL ? take_handed(d, mem, events, e)
					   : start_own(d, cfg, vram, e);
	if (rc != 0 || (rc = map_memory(d, vram, e)) != 0)
		return (rc);
	if ((rc = fd_set_nonblock(d->events)) != 0)
		return (err_set(e, -rc, "cannot watch the display's events"));
	if ((d->ev = mevent_add(m->loop, d->events, EVF_READ, on_events, d)) == NULL)
		return (err_set(e, errno, "cannot watch the display's events"));
	return (0);
}
