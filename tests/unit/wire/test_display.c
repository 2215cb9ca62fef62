/* SPDX-License-Identifier: BSD-2-Clause */
/* The display between processes: modes that lie, events that are none. */
#include "wire/display.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define VRAM (16u << 20)

static void
test_mode(void **state)
{
	struct display_page page = { 0 };
	const struct display_mode good = { 1024, 768, 4096, 8192 };
	struct display_mode m;

	(void)state;
	assert_int_equal(display_page_get(&page, VRAM).width, 0);
	display_page_put(&page, &good);
	m = display_page_get(&page, VRAM);
	assert_memory_equal(&m, &good, sizeof(m));
	page.seq++;
	assert_int_equal(display_page_get(&page, VRAM).width, 0);
	display_page_put(&page, &good); /* a writer that died in the middle is no obstacle */
	assert_int_equal(display_page_get(&page, VRAM).width, 1024);
	page.magic++;
	assert_int_equal(display_page_get(&page, VRAM).width, 0);
}

static void
test_modes_that_lie(void **state)
{
	static const struct display_mode bad[] = {
		{ 63, 768, 4096, 0 },
		{ 1024, 63, 4096, 0 },
		{ 3841, 768, 3841 * 4, 0 },
		{ 64, 2161, 256, 0 },
		{ 1024, 768, 4092, 0 },
		{ 1024, 768, 4098, 0 },
		{ 1024, 768, 4096, 2 },
		{ 1024, 768, 4096, VRAM - 768 * 4096 + 4 },
		{ 1024, 768, 0xfffffffc, 0 },
		{ 1024, 768, 4096, 0xfffffffc },
		{ 3840, 2160, 3840 * 4, 0 },
	};
	struct display_page page = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		display_page_put(&page, &bad[i]);
		assert_int_equal(display_page_get(&page, VRAM).width, 0);
	}
}

static void
test_memory(void **state)
{
	uint64_t vram = 0;
	int fd = display_memory(VRAM);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(display_vram(fd, &vram), 0);
	assert_int_equal(vram, VRAM);
	assert_int_not_equal(ftruncate(fd, 0), 0);
	(void)close(fd);
	assert_int_equal(display_memory(0), -EINVAL);
	assert_int_equal(display_memory(4097), -EINVAL);
	assert_int_equal(display_memory((uint64_t)DISPLAY_VRAM_MAX + 4096), -EINVAL);
	fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, VRAM + 4096), 0);
	assert_int_equal(display_vram(fd, &vram), -EINVAL);
	(void)close(fd);
	assert_int_equal(display_vram(STDIN_FILENO, &vram), -EINVAL);
}

static void
test_events(void **state)
{
	const struct display_event good[] = {
		{ .type = DISPLAY_KEY, .keysym = 'a', .down = 1 },
		{ .type = DISPLAY_POINTER, .x = 639, .y = 479, .width = 640, .height = 480 },
		{ .type = DISPLAY_RELEASE },
	};
	const struct display_event bad[] = {
		{ .type = 0 },
		{ .type = 6 },
		{ .type = DISPLAY_KEY, .down = 2 },
		{ .type = DISPLAY_POINTER },
		{ .type = DISPLAY_POINTER, .x = 640, .width = 640, .height = 480 },
		{ .type = DISPLAY_POINTER, .y = 480, .width = 640, .height = 480 },
		{ .type = DISPLAY_POINTER, .width = 3841, .height = 480 },
	};
	struct display_event ev;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(display_recv(sv[1], &ev), -EAGAIN);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(display_send(sv[0], &good[i]), 0);
		assert_int_equal(display_recv(sv[1], &ev), 1);
		assert_memory_equal(&ev, &good[i], sizeof(ev));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(display_send(sv[0], &bad[i]), 0);
		assert_int_equal(display_recv(sv[1], &ev), -EPROTO);
	}
	assert_int_equal(send(sv[0], &good[0], sizeof(ev) - 1, 0), sizeof(ev) - 1);
	assert_int_equal(display_recv(sv[1], &ev), -EPROTO);
	(void)close(sv[0]);
	assert_int_equal(display_recv(sv[1], &ev), 0);
	(void)close(sv[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_modes_that_lie),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_events),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
