/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio input: what the configuration tells, events in groups, and a driver without buffers. */
#include "devices/virtio/input.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "saved.h"
#include "vd_guest.h"

#define RAM  (1u << 20)
#define DATA 0x80000u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_input in;
static struct input_sink sink;
static struct vq_guest g[2];

static void
make(enum virtio_input_kind kind)
{
	ram = vd_ram(&gm, RAM);
	assert_int_equal(virtio_input_init(&in, &gm, kind), 0);
	virtio_input_sink(&in, &sink);
	vd_listen(&in.vd);
	assert_false(sink.ready(sink.dev));
	vd_up(&in.vd, 0, g, 2, ram, 64);
	assert_true(sink.ready(sink.dev));
}

static int
teardown(void **state)
{
	virtio_input_destroy(&in);
	free(ram);
	return (0);
}

static void
offer(unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		g_desc(&g[0], i, DATA + i * 8, 8, G_WRITE, 0);
		g_offer(&g[0], (uint16_t)i);
	}
	virtio_notify(&in.vd, 0);
}

static void
expect(unsigned type, unsigned code, uint32_t value)
{
	uint32_t len = 0;
	int head = g_take(&g[0], &len);
	const uint8_t *p = ram + DATA + head * 8;

	assert_true(head >= 0);
	assert_int_equal(len, 8);
	assert_int_equal(le16_get(p), type);
	assert_int_equal(le16_get(p + 2), code);
	assert_int_equal(le32_get(p + 4), value);
}

static uint8_t
ask(uint8_t select, uint8_t subsel)
{
	const uint8_t sel[2] = { select, subsel };

	in.vd.ops->config_write(&in.vd, 0, sel, 2);
	return (in.config[2]);
}

static void
test_config(void **state)
{
	make(VIRTIO_INPUT_TABLET);
	assert_int_equal(ask(1, 0), 19);
	assert_memory_equal(in.config + 8, "zhyve virtio tablet", 19);
	assert_int_equal(ask(3, 0), 8);
	assert_int_equal(ask(0x12, 1), 20);
	assert_int_equal(le32_get(in.config + 12), 0x7fff);
	assert_int_equal(ask(0x12, 2), 0);
	assert_int_equal(ask(0x11, 3), 1);
	assert_int_equal(ask(0x11, 1), 0x112 / 8 + 1);
	assert_int_equal(in.config[8 + 0x110 / 8], 7);
	for (unsigned s = 0; s < 256; s++) {
		for (unsigned sub = 0; sub < 256; sub++)
			assert_true(ask((uint8_t)s, (uint8_t)sub) <= 128);
	}
	in.vd.ops->config_write(&in.vd, 2, "\xff\xff\xff\xff", 4); /* the rest is read-only */
	assert_int_not_equal(in.config[2], 0xff);
	(void)teardown(NULL);
	make(VIRTIO_INPUT_KEYBOARD);
	assert_int_equal(ask(0x11, 1), 32);
	assert_int_equal(ask(0x11, 3), 0);
}

static void
test_events(void **state)
{
	const struct input_pointer p = { .x = 5, .y = 6, .buttons = INPUT_RIGHT, .wheel = -1 };

	make(VIRTIO_INPUT_TABLET);
	sink.pointer(sink.dev, &p); /* waits for buffers */
	offer(0, 3);
	expect(3, 0, 5);
	expect(3, 1, 6);
	expect(1, 0x111, 1);
	assert_int_equal(g_take(&g[0], NULL), -1);
	offer(3, 5);
	expect(2, 8, 0xffffffff);
	expect(0, 0, 0);
	assert_true(told.interrupts[0] >= 2);
	sink.pointer(sink.dev, &p); /* the button is down already */
	expect(3, 0, 5);
	assert_int_equal(in.count, 1); /* the end of the group has no buffer yet */
}

/* A driver that gives no buffers: whole groups are dropped, and none of another driver's come. */
static void
test_no_buffers(void **state)
{
	make(VIRTIO_INPUT_KEYBOARD);
	for (unsigned i = 0; i < 1000; i++)
		sink.key(sink.dev, 30, (i & 1) == 0);
	assert_true(in.count <= VIRTIO_INPUT_EVENTS);
	assert_int_equal(in.count % 2, 0);
	offer(0, 2);
	expect(1, 30, 1);
	expect(0, 0, 0);
	virtio_set_status(&in.vd, 0);
	assert_false(sink.ready(sink.dev));
	sink.key(sink.dev, 30, true);
}

/* With event indices a kick has to be asked for: for each light, and when an event waits. */
static void
test_event_idx(void **state)
{
	make(VIRTIO_INPUT_KEYBOARD);
	virtio_set_status(&in.vd, 0);
	vd_up(&in.vd, VIRTIO_FEAT_EVENT_IDX, g, 2, ram, 64);
	g_desc(&g[1], 0, DATA, 8, 0, 0);
	g_offer(&g[1], 0);
	virtio_notify(&in.vd, 1);
	assert_int_equal(g_take(&g[1], NULL), 0);
	assert_int_equal(g_avail_event(&g[1]), 1);
	offer(0, 1);
	sink.key(sink.dev, 30, true); /* two events, one buffer */
	assert_int_equal(in.count, 1);
	assert_int_equal(g_avail_event(&g[0]), 1);
}

static void
test_lights(void **state)
{
	uint32_t len = 9;

	make(VIRTIO_INPUT_KEYBOARD);
	g_desc(&g[1], 0, DATA, 8, 0, 0);
	g_offer(&g[1], 0);
	virtio_notify(&in.vd, 1);
	assert_int_equal(g_take(&g[1], &len), 0);
	assert_int_equal(len, 0);
}

/* A buffer that is too small gets the front of an event. */
static void
test_small_buffer(void **state)
{
	uint32_t len = 0;

	make(VIRTIO_INPUT_KEYBOARD);
	memset(ram + DATA, 0xee, 8);
	g_desc(&g[0], 0, DATA, 3, G_WRITE, 0);
	g_offer(&g[0], 0);
	sink.key(sink.dev, 30, true);
	assert_int_equal(g_take(&g[0], &len), 0);
	assert_int_equal(len, 3);
	assert_int_equal(ram[DATA + 3], 0xee);
}

static void
test_saved(void **state)
{
	make(VIRTIO_INPUT_KEYBOARD);
	sink.key(sink.dev, 30, true);
	assert_int_equal(saved_from(saved_virtio, &in.vd), 0);
	virtio_input_destroy(&in);
	memset(&in, 0xa5, sizeof(in));
	assert_int_equal(virtio_input_init(&in, &gm, VIRTIO_INPUT_KEYBOARD), 0);
	virtio_input_sink(&in, &sink);
	vd_listen(&in.vd);
	saved_goes_into(saved_virtio, &in.vd);
	offer(0, 4);
	expect(1, 30, 1);
	expect(0, 0, 0);
	/* A tablet is none. */
	assert_int_equal(saved_from(saved_virtio, &in.vd), 0);
	virtio_input_destroy(&in);
	assert_int_equal(virtio_input_init(&in, &gm, VIRTIO_INPUT_TABLET), 0);
	assert_int_equal(saved_into(saved_virtio, &in.vd), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_config, teardown),
		cmocka_unit_test_teardown(test_events, teardown),
		cmocka_unit_test_teardown(test_no_buffers, teardown),
		cmocka_unit_test_teardown(test_lights, teardown),
		cmocka_unit_test_teardown(test_event_idx, teardown),
		cmocka_unit_test_teardown(test_small_buffer, teardown),
		cmocka_unit_test_teardown(test_saved, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
