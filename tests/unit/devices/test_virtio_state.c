/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a whole virtio function over PCI, saved from one and loaded into another, with the
 * entropy device as the simplest; and that a stream no driver can have brought about is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/virtio/rng.h"
#include "devices/virtio/virtio_pci.h"
#include "pci_host.h"
#include "saved.h"
#include "vd_guest.h"

#define RAM     (1u << 20)
#define DATA    0x80000u
#define COMMAND 0x04
#define MASTER  0x06 /* memory decoding too */

/* A machine with one device. */
struct box {
	struct pci_bus *pci;
	struct virtio_rng rng;
	struct virtio_pci vp;
	uint64_t at; /* of the BAR */
};

static uint8_t *ram;
static struct gmem gm;
static struct box one, two;
static struct vq_guest g;
static unsigned filled;

static long
fill(void *ctx, void *buf, size_t len)
{
	filled++;
	memset(buf, 0x5a, len);
	return ((long)len);
}

static void
box_up(struct box *b)
{
	memset(b, 0xa5, sizeof(*b));
	b->pci = host_bus();
	assert_int_equal(virtio_rng_init(&b->rng, &gm, fill, NULL), 0);
	assert_int_equal(virtio_pci_init(&b->vp, &b->rng.vd), 0);
	b->vp.pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(b->pci, &b->vp.pci, NULL), 0);
}

static void
box_down(struct box *b)
{
	pci_bus_destroy(b->pci);
	virtio_pci_destroy(&b->vp);
	virtio_rng_destroy(&b->rng);
}

static int
function_state(void *box, struct state *st)
{
	return (virtio_pci_state(&((struct box *)box)->vp, st));
}

static int
save(struct box *b)
{
	return (saved_from(function_state, b));
}

static int
load(struct box *b)
{
	return (saved_into(function_state, b));
}

/* The first is up, with MSI-X, vector 1 for its queue, and has served one request. */
static int
setup(void **state)
{
	struct virtio_dev *vd = &one.rng.vd;

	ram = vd_ram(&gm, RAM);
	filled = 0;
	box_up(&one);
	box_up(&two);
	pci_cfg_write(one.pci, one.vp.pci.bdf, COMMAND, 2, MASTER);
	pci_cfg_write(one.pci, one.vp.pci.bdf, one.vp.pci.msix.cap_off + 2, 2, 0x8000);
	pci_bar_ops[0].write(&one.vp.pci, 0x4010, 8, 0xfee01000);
	pci_bar_ops[0].write(&one.vp.pci, 0x4018, 4, 77);
	pci_bar_ops[0].write(&one.vp.pci, 0x401c, 4, 0);
	one.vp.queue_vector[0] = 1;
	vd_up(vd, VIRTIO_FEAT_INDIRECT_DESC, &g, 1, ram, 8);
	g_desc(&g, 3, DATA, 16, G_WRITE, 0);
	g_offer(&g, 3);
	virtio_notify(vd, 0);
	assert_int_equal(g_take(&g, NULL), 3);
	assert_int_equal(messages, 1);
	return (0);
}

static int
teardown(void **state)
{
	box_down(&one);
	box_down(&two);
	free(ram);
	return (0);
}

/* A request that nobody has been told of before the device was saved is served by the other. */
static void
test_goes_on(void **state)
{
	uint32_t len;

	g_desc(&g, 5, DATA + 64, 32, G_WRITE, 0);
	g_offer(&g, 5);
	assert_int_equal(save(&one), 0);
	saved_goes_into(function_state, &two);
	assert_int_equal(g_take(&g, NULL), -1);
	virtio_pci_resume(&two.vp);
	assert_int_equal(g_take(&g, &len), 5);
	assert_int_equal(len, 32);
	assert_int_equal(ram[DATA + 64], 0x5a);
	assert_int_equal(filled, 2);
	assert_int_equal(messages, 2);
	assert_int_equal(last_addr, 0xfee01000);
	assert_int_equal(last_data, 77);
}

/* What is pending behind a mask comes when the other is unmasked. */
static void
test_pending(void **state)
{
	pci_bar_ops[0].write(&one.vp.pci, 0x401c, 4, 1);
	g_offer(&g, 3);
	virtio_notify(&one.rng.vd, 0);
	assert_int_equal(messages, 1);
	assert_int_equal(save(&one), 0);
	assert_int_equal(load(&two), 0);
	virtio_pci_resume(&two.vp);
	assert_int_equal(messages, 1);
	pci_bar_ops[0].write(&two.vp.pci, 0x401c, 4, 0);
	assert_int_equal(messages, 2);
}

static void
test_line(void **state)
{
	pci_cfg_write(one.pci, one.vp.pci.bdf, one.vp.pci.msix.cap_off + 2, 2, 0);
	g_offer(&g, 3);
	virtio_notify(&one.rng.vd, 0);
	assert_true(line);
	assert_int_equal(save(&one), 0);
	line = false;
	assert_int_equal(load(&two), 0);
	assert_true(line);
	assert_int_equal(pci_bar_ops[0].read(&two.vp.pci, 0x1000, 1), 1);
	assert_false(line);
}

static int
bus_state(void *bus, struct state *st)
{
	return (pci_bus_state(bus, st));
}

/* The guest may be between the two halves of an access by ports. */
static void
test_config_address(void **state)
{
	pci_port_ops.write(one.pci, 0, 4, 0x80001800);
	assert_int_equal(saved_from(bus_state, one.pci), 0);
	saved_goes_into(bus_state, two.pci);
	assert_int_equal(pci_port_ops.read(two.pci, 4, 4), 0x10441af4);
}

/* A BAR that the guest has moved is where it was. */
static void
test_bar(void **state)
{
	pci_cfg_write(one.pci, one.vp.pci.bdf, 0x10, 4, 0xd0000000);
	pci_cfg_write(one.pci, one.vp.pci.bdf, 0x14, 4, 0);
	assert_int_equal(save(&one), 0);
	assert_int_equal(load(&two), 0);
	assert_int_equal(two.vp.gpa, 0xd0000000);
	assert_true(two.vp.pci.bar[0].mapped);
	assert_int_equal(two.vp.pci.bar[0].mapped_addr, 0xd0000000);
}

/* Without leave to master the bus nothing is looked at, until it is given. */
static void
test_no_master(void **state)
{
	pci_cfg_write(one.pci, one.vp.pci.bdf, COMMAND, 2, 2);
	g_offer(&g, 3);
	assert_int_equal(save(&one), 0);
	assert_int_equal(load(&two), 0);
	virtio_pci_resume(&two.vp);
	assert_int_equal(g_take(&g, NULL), -1);
	pci_cfg_write(two.pci, two.vp.pci.bdf, COMMAND, 2, MASTER);
	assert_int_equal(g_take(&g, NULL), 3);
}

static void
test_broken_stays(void **state)
{
	g_offer(&g, 99);
	virtio_notify(&one.rng.vd, 0);
	assert_int_equal(one.rng.vd.status & VIRTIO_STATUS_NEEDS_RESET, VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(save(&one), 0);
	assert_int_equal(load(&two), 0);
	virtio_pci_resume(&two.vp);
	assert_int_equal(two.rng.vd.status, one.rng.vd.status);
	assert_int_equal(filled, 1);
	virtio_set_status(&two.rng.vd, 0);
	assert_int_equal(two.rng.vd.status, 0);
}

/* --- what is refused --- */

static void
refused(const char *words)
{
	assert_int_equal(load(&two), -EINVAL);
	if (strstr(saved_why.text, words) == NULL)
		fail_msg("refused as \"%s\", not as \"%s\"", saved_why.text, words);
	box_down(&two);
	box_up(&two);
}

/* The first is made to be as no driver can bring it about, and saved. */
#define AS_IF(field, value, words)                  \
	do {                                        \
		__typeof__(field) before = (field); \
		(field) = (value);                  \
		assert_int_equal(save(&one), 0);    \
		(field) = before;                   \
		refused(words);                     \
	} while (0)

static void
test_refused(void **state)
{
	struct virtio_dev *vd = &one.rng.vd;

	AS_IF(vd->status, 0x1f, "its status is 0x1f");
	AS_IF(vd->status, 0x7, "features are in use that were not accepted");
	AS_IF(vd->features, 1ull << 32 | 2, "features are in use that are not offered");
	AS_IF(vd->features, 0, "features are in use that are not offered");
	AS_IF(vd->offered, vd->offered | 2, "not the same configuration");
	AS_IF(vd->queue[0].desc, RAM, "queue address is not RAM");
	AS_IF(vd->queue[0].used, UINT64_MAX - 3, "queue address is not RAM");
	AS_IF(vd->queue[0].avail, 1, "queue address is not aligned");
	AS_IF(vd->queue[0].size, 24, "queue size is not a power of two");
	AS_IF(vd->queue[0].size, 128, "queue size is not a power of two within the maximum");
	AS_IF(vd->queue[0].size_max, 128, "not the same configuration");
	AS_IF(vd->queue[0].reopened, true, "queue 0 cannot have been reset");
	AS_IF(one.vp.queue_vector[0], 2, "a vector that is not there for queue 0");
	AS_IF(one.vp.queue_vector[9], 2, "a vector that is not there for queue 9");
	AS_IF(one.vp.config_vector, 0xfffe, "a vector that is not there for configuration");
	AS_IF(one.vp.pci.cfg[0], 0, "it is the state of another PCI function");
	AS_IF(one.vp.pci.wmask[0], 1, "it is the state of another PCI function");
	AS_IF(one.vp.pci.msix.table[1].addr, 0xfee00002, "MSI-X vector 1 is not aligned");
	AS_IF(one.vp.pci.msix.pba[0], 4, "an MSI-X vector is pending that is not there");
}

static void
test_not_now(void **state)
{
	one.rng.vd.resetting = true;
	assert_int_equal(save(&one), -EBUSY);
	one.rng.vd.resetting = false;
	assert_int_equal(save(&one), 0);
	assert_int_equal(load(&one), -EBUSY); /* it is up already */
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_goes_on),
		T(test_pending),
		T(test_line),
		T(test_config_address),
		T(test_bar),
		T(test_no_master),
		T(test_broken_stays),
		T(test_refused),
		T(test_not_now),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
