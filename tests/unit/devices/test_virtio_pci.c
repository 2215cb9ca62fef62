/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over PCI with a toy device: what a driver finds, the order that is enforced, interrupts,
 * reset.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/virtio/virtio_pci.h"
#include "pci_host.h"
#include "vq_guest.h"

#define RAM    (1u << 20)
#define BDF    PCI_BDF(0, 3, 0)
#define COMMON 0x0000
#define ISR    0x1000
#define DEVCFG 0x2000
#define NOTIFY 0x3000
#define TABLE  0x4000

#define TOY_F  (1ull << 7)
#define TOY_F2 (1ull << 41)

static uint8_t *ram;
static struct gmem gm;
static struct bus mem_bus;
static struct pci_bus *pci;
static struct virtio_dev vd;
static struct virtio_pci vp;
static struct vq_guest ring;
static uint8_t toy_config[12];
static unsigned notified, started, stopped, moved;
static bool stop_at_once, no_msix;
static uint64_t bar;

static int
decode(void *ctx, struct pci_dev *d, unsigned b, bool io, uint64_t addr, uint64_t len)
{
	struct bus_region r = { .base = addr, .len = len, .ops = &pci_bar_ops[b], .dev = d };

	return (bus_add(&mem_bus, &r));
}

static void
undecode(void *ctx, struct pci_dev *d, unsigned b, bool io, uint64_t addr, uint64_t len)
{
	assert_int_equal(bus_remove(&mem_bus, addr), 0);
}

static int
toy_negotiate(struct virtio_dev *d, uint64_t f)
{
	return ((f & TOY_F2) != 0 && (f & TOY_F) == 0 ? -EINVAL : 0);
}

static void
toy_config_write(struct virtio_dev *d, uint32_t off, const void *buf, uint32_t len)
{
	memcpy(toy_config + off, buf, len);
}

static void
toy_start(struct virtio_dev *d)
{
	started++;
}

static void
toy_notify(struct virtio_dev *d, unsigned queue)
{
	notified++;
}

static bool
toy_stop(struct virtio_dev *d)
{
	stopped++;
	return (stop_at_once);
}

static const struct virtio_dev_ops toy_ops = {
	.name = "toy",
	.type = VIRTIO_TYPE_RNG,
	.pci_class = 0xff0000,
	.negotiate = toy_negotiate,
	.config_write = toy_config_write,
	.start = toy_start,
	.notify = toy_notify,
	.stop = toy_stop,
};

static uint64_t
rd(uint64_t off, unsigned size)
{
	const struct bus_region *r = bus_find(&mem_bus, bar + off, size);

	assert_non_null(r);
	return (r->ops->read(r->dev, bar + off - r->base, size));
}

static void
wr(uint64_t off, unsigned size, uint64_t val)
{
	const struct bus_region *r = bus_find(&mem_bus, bar + off, size);

	assert_non_null(r);
	r->ops->write(r->dev, bar + off - r->base, size, val);
}

static void
hook_irq_moved(void *ctx, struct virtio_pci *v, unsigned queue)
{
	moved++;
}

static const struct virtio_pci_hooks hooks = { .irq_moved = hook_irq_moved };

static int
setup(void **state)
{
	static const struct pci_host_ops host = {
		.map = decode, .unmap = undecode, .msi = host_msi, .intx = host_intx
	};

	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	gmem_wrap(&gm, ram, RAM);
	mem_bus = (struct bus){ 0 };
	messages = notified = started = stopped = moved = 0;
	line = false;
	stop_at_once = true;
	pci = pci_bus_create(&host, 0xc0000000, 0xe0000000, 0x800000000, 0x900000000);
	assert_non_null(pci);
	assert_int_equal(virtio_init(&vd, &toy_ops, NULL, &gm, 2, 16), 0);
	vd.offered |= TOY_F | TOY_F2;
	vd.no_msix = no_msix;
	for (unsigned i = 0; i < sizeof(toy_config); i++)
		toy_config[i] = (uint8_t)(i + 1);
	vd.config = toy_config;
	vd.config_len = sizeof(toy_config);
	assert_int_equal(virtio_pci_init(&vp, &vd), 0);
	vp.hooks = &hooks;
	vp.pci.bdf = BDF;
	assert_int_equal(pci_attach(pci, &vp.pci, NULL), 0);
	pci_cfg_write(pci, BDF, 4, 2, 0x6); /* memory decoding and bus mastering */
	bar = vp.gpa;
	assert_int_not_equal(bar, 0);
	g_init(&ring, ram, 0x10000, 16);
	return (0);
}

static int
teardown(void **state)
{
	virtio_pci_destroy(&vp);
	virtio_destroy(&vd);
	pci_bus_destroy(pci);
	free(ram);
	return (0);
}

static void
propose(uint64_t f)
{
	wr(COMMON + 0x08, 4, 0);
	wr(COMMON + 0x0c, 4, (uint32_t)f);
	wr(COMMON + 0x08, 4, 1);
	wr(COMMON + 0x0c, 4, f >> 32);
}

static void
queue_set(unsigned q, uint16_t size)
{
	wr(COMMON + 0x16, 2, q);
	wr(COMMON + 0x18, 2, size);
	wr(COMMON + 0x20, 4, ring.desc);
	wr(COMMON + 0x24, 4, 0);
	wr(COMMON + 0x28, 8, ring.avail);
	wr(COMMON + 0x30, 8, ring.used);
	wr(COMMON + 0x1c, 2, 1);
}

static void
bring_up(void)
{
	wr(COMMON + 0x14, 1, 3);
	propose(VIRTIO_FEAT_VERSION_1 | TOY_F);
	wr(COMMON + 0x14, 1, 0xb);
	assert_int_equal(rd(COMMON + 0x14, 1), 0xb);
	queue_set(0, 16);
	wr(COMMON + 0x14, 1, 0xf);
	assert_int_equal(rd(COMMON + 0x14, 1), 0xf);
}

static void
msix_on(void)
{
	for (unsigned v = 0; v < 3; v++) {
		wr(TABLE + v * 16, 4, 0xfee00000);
		wr(TABLE + v * 16 + 8, 4, 0x40 + v);
		wr(TABLE + v * 16 + 12, 4, 0);
	}
	pci_cfg_write(pci, BDF, vp.pci.msix.cap_off + 2, 2, 0x8000);
}

/* What a driver finds by walking the capabilities. */
static void
test_capabilities(void **state)
{
	unsigned off = pci_cfg_read(pci, BDF, 0x34, 1), seen = 0, msix = 0;

	assert_int_equal(pci_cfg_read(pci, BDF, 0, 4), 0x10441af4);
	assert_int_equal(pci_cfg_read(pci, BDF, 8, 1), 1);
	for (; off != 0; off = pci_cfg_read(pci, BDF, off + 1, 1)) {
		unsigned id = pci_cfg_read(pci, BDF, off, 1);
		unsigned type = pci_cfg_read(pci, BDF, off + 3, 1);
		uint32_t at = pci_cfg_read(pci, BDF, off + 8, 4);

		msix += id == 0x11;
		if (id != 9)
			continue;
		seen |= 1u << type;
		assert_true(pci_cfg_read(pci, BDF, off + 2, 1) >= 16);
		assert_int_equal(pci_cfg_read(pci, BDF, off + 4, 1), VIRTIO_PCI_BAR);
		if (type == 1)
			assert_int_equal(at, COMMON);
		if (type == 2) {
			assert_int_equal(at, NOTIFY);
			assert_int_equal(pci_cfg_read(pci, BDF, off + 12, 4), 8);
			assert_int_equal(pci_cfg_read(pci, BDF, off + 16, 4), 4);
		}
		if (type == 4)
			assert_int_equal(pci_cfg_read(pci, BDF, off + 12, 4), sizeof(toy_config));
	}
	assert_int_equal(seen, 0x3e);
	assert_int_equal(msix, 1);
}

static void
test_bring_up(void **state)
{
	wr(COMMON + 0x00, 4, 0);
	assert_int_equal(rd(COMMON + 0x04, 4), 0x30000080);
	wr(COMMON + 0x00, 4, 1);
	assert_int_equal(rd(COMMON + 0x04, 4), 0x201);
	wr(COMMON + 0x00, 4, 2);
	assert_int_equal(rd(COMMON + 0x04, 4), 0);
	assert_int_equal(rd(COMMON + 0x12, 2), 2);
	wr(COMMON + 0x16, 2, 1);
	assert_int_equal(rd(COMMON + 0x18, 2), 16);
	assert_int_equal(rd(COMMON + 0x1e, 2), 1);
	wr(COMMON + 0x16, 2, 2); /* there is no such queue */
	assert_int_equal(rd(COMMON + 0x18, 2), 0);
	bring_up();
	assert_int_equal(started, 1);
	assert_int_equal(notified, 1); /* for what may have been put there before */
	wr(NOTIFY, 2, 0);
	assert_int_equal(notified, 2);
	wr(NOTIFY + 4, 2, 1); /* not enabled */
	wr(NOTIFY + 8, 2, 2); /* not there */
	wr(NOTIFY + 2, 2, 0); /* between */
	assert_int_equal(notified, 2);
	assert_int_equal(virtio_pci_doorbell(&vp, 1), bar + NOTIFY + 4);
}

static void
test_features_refused(void **state)
{
	static const uint64_t bad[] = {
		TOY_F,                              /* no VERSION_1 */
		VIRTIO_FEAT_VERSION_1 | 1ull << 50, /* never offered */
		VIRTIO_FEAT_VERSION_1 | TOY_F2,     /* the device says no */
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		wr(COMMON + 0x14, 1, 0);
		wr(COMMON + 0x14, 1, 3);
		propose(bad[i]);
		wr(COMMON + 0x14, 1, 0xb);
		assert_int_equal(rd(COMMON + 0x14, 1), 3);
		/* And without it there is no DRIVER_OK. */
		wr(COMMON + 0x14, 1, 0x7);
		assert_int_equal(rd(COMMON + 0x14, 1), 3);
	}
	assert_int_equal(started, 0);
	/* Once accepted they stand. */
	wr(COMMON + 0x14, 1, 0);
	bring_up();
	propose(0);
	assert_int_equal(vd.features, VIRTIO_FEAT_VERSION_1 | TOY_F);
	assert_int_equal(vd.proposed, VIRTIO_FEAT_VERSION_1 | TOY_F);
}

/* CVE-2026-5747: ring registers changed under a running device. */
static void
test_frozen(void **state)
{
	struct virtq before;

	bring_up();
	before = vd.queue[0];
	wr(COMMON + 0x16, 2, 0);
	wr(COMMON + 0x18, 2, 8);
	wr(COMMON + 0x20, 4, 0x50000);
	wr(COMMON + 0x24, 4, 1);
	wr(COMMON + 0x28, 8, 0x50000);
	wr(COMMON + 0x30, 8, 0x50000);
	wr(COMMON + 0x1c, 2, 0);
	wr(COMMON + 0x1c, 2, 1);
	assert_memory_equal(&before, &vd.queue[0], sizeof(before));
	/* A queue that was not enabled before DRIVER_OK is too late. */
	queue_set(1, 16);
	assert_false(vd.queue[1].enabled);
	assert_int_equal(vd.queue[1].desc, 0);
	/* Status bits are not taken back. */
	wr(COMMON + 0x14, 1, 3);
	assert_int_equal(rd(COMMON + 0x14, 1), 0xf);
	assert_int_equal(started, 1);
}

static void
test_bad_queue(void **state)
{
	wr(COMMON + 0x14, 1, 3);
	propose(VIRTIO_FEAT_VERSION_1);
	wr(COMMON + 0x14, 1, 0xb);
	ring.desc = RAM;
	queue_set(0, 16);
	assert_int_equal(rd(COMMON + 0x14, 1), 0x4b); /* NEEDS_RESET */
	assert_int_equal(rd(COMMON + 0x1c, 2), 0);
	wr(COMMON + 0x14, 1, 0xf);
	wr(NOTIFY, 2, 0);
	assert_int_equal(notified, 0);
	wr(COMMON + 0x14, 1, 0);
	assert_int_equal(rd(COMMON + 0x14, 1), 0);
	ring.desc = 0x10000;
	bring_up();
}

static void
test_interrupt_msix(void **state)
{
	uint64_t addr;
	uint32_t data;

	msix_on();
	wr(COMMON + 0x10, 2, 2);
	assert_int_equal(rd(COMMON + 0x10, 2), 2);
	wr(COMMON + 0x16, 2, 0);
	wr(COMMON + 0x1a, 2, 3); /* there are three: 0 to 2 */
	assert_int_equal(rd(COMMON + 0x1a, 2), 0xffff);
	wr(COMMON + 0x1a, 2, 1);
	assert_int_equal(rd(COMMON + 0x1a, 2), 1);
	assert_int_equal(moved, 2);
	bring_up();
	virtio_pci_interrupt(&vp, 0);
	assert_int_equal(messages, 1);
	assert_int_equal(last_data, 0x41);
	assert_true(virtio_pci_queue_msi(&vp, 0, &addr, &data));
	assert_int_equal(addr, 0xfee00000);
	assert_int_equal(data, 0x41);
	assert_false(virtio_pci_queue_msi(&vp, 1, &addr, &data));
	wr(TABLE + 16 + 12, 4, 1); /* masked: pending, then sent */
	assert_false(virtio_pci_queue_msi(&vp, 0, &addr, &data));
	assert_int_equal(moved, 3);
	virtio_pci_interrupt(&vp, 0);
	assert_int_equal(messages, 1);
	wr(TABLE + 16 + 12, 4, 0);
	assert_int_equal(messages, 2);
	virtio_config_changed(&vd);
	assert_int_equal(last_data, 0x42);
	assert_int_equal(rd(COMMON + 0x15, 1), 1);
	virtio_pci_interrupt(&vp, 1); /* no vector */
	assert_int_equal(messages, 3);
	assert_int_equal(rd(ISR, 1), 0);
}

static void
test_interrupt_line(void **state)
{
	bring_up();
	virtio_pci_interrupt(&vp, 0);
	assert_true(line);
	virtio_config_changed(&vd);
	assert_int_equal(rd(ISR, 1), 3);
	assert_false(line);
	assert_int_equal(rd(ISR, 1), 0);
	assert_int_equal(messages, 0);
}

static int
setup_msi(void **state)
{
	no_msix = true;
	assert_int_equal(setup(state), 0);
	no_msix = false;
	return (0);
}

/* bhyve's -W: no MSI-X, so no vectors; one message once the driver has switched MSI on. */
static void
test_msi(void **state)
{
	bring_up();
	assert_int_equal(vp.pci.msix.nvec, 0);
	wr(COMMON + 0x10, 2, 0);
	assert_int_equal(rd(COMMON + 0x10, 2), VIRTIO_MSI_NO_VECTOR);
	virtio_pci_interrupt(&vp, 0);
	assert_true(line);
	assert_int_equal(rd(ISR, 1), 1);
	pci_cfg_write(pci, BDF, vp.pci.msi_off + 4, 4, 0xfee00000);
	pci_cfg_write(pci, BDF, vp.pci.msi_off + 12, 2, 0x55);
	pci_cfg_write(pci, BDF, vp.pci.msi_off + 2, 2, 1);
	virtio_pci_interrupt(&vp, 0);
	assert_false(line);
	assert_int_equal(messages, 1);
	assert_int_equal(last_data, 0x55);
	virtio_config_changed(&vd);
	assert_int_equal(messages, 2);
	assert_int_equal(rd(ISR, 1), 3);
}

/* VIRTIO_F_RING_RESET by its registers (4.1.4.3). */
static void
test_ring_reset(void **state)
{
	vd.offered |= VIRTIO_FEAT_RING_RESET;
	wr(COMMON + 0x14, 1, 3);
	propose(VIRTIO_FEAT_VERSION_1 | VIRTIO_FEAT_RING_RESET | TOY_F);
	wr(COMMON + 0x14, 1, 0xb);
	queue_set(0, 16);
	assert_int_equal(rd(COMMON + 0x14, 1), 0xb);
	wr(COMMON + 0x3a, 2, 1); /* not before it runs */
	assert_int_equal(rd(COMMON + 0x1c, 2), 1);
	wr(COMMON + 0x14, 1, 0xf);
	assert_int_equal(rd(COMMON + 0x38, 2), 0);
	wr(COMMON + 0x3a, 2, 0);
	assert_int_equal(rd(COMMON + 0x1c, 2), 1);
	wr(COMMON + 0x3a, 2, 1);
	assert_int_equal(rd(COMMON + 0x3a, 2), 0);
	assert_int_equal(rd(COMMON + 0x1c, 2), 0);
	g_init(&ring, ram, 0x40000, 8);
	queue_set(0, 8);
	assert_int_equal(rd(COMMON + 0x1c, 2), 1);
	assert_int_equal(vd.queue[0].desc, 0x40000);
	wr(COMMON + 0x20, 4, 0x1000); /* frozen again */
	assert_int_equal(vd.queue[0].desc, 0x40000);
	assert_int_equal(vd.status, 0xf);
}

static void
test_config_space(void **state)
{
	assert_int_equal(rd(DEVCFG, 4), 0x04030201);
	assert_int_equal(rd(DEVCFG + 11, 1), 12);
	assert_int_equal(rd(DEVCFG + 10, 4), 0); /* over its end */
	assert_int_equal(rd(DEVCFG + 12, 1), 0);
	wr(DEVCFG + 1, 1, 0x77);
	wr(DEVCFG + 11, 2, 0xffff);
	assert_int_equal(rd(DEVCFG, 4), 0x04037701);
	assert_int_equal(toy_config[11], 12);
}

/* iPXE reads features by their lower halves, and VERSION_1 is the lowest bit of the second word. */
static void
test_features_by_halves(void **state)
{
	for (uint32_t word = 0; word < 2; word++) {
		wr(COMMON, 4, word);
		assert_int_equal((uint16_t)rd(COMMON, 2), word);
		assert_int_equal((uint16_t)rd(COMMON + 4, 2), (uint16_t)rd(COMMON + 4, 4));
	}
	assert_int_equal(rd(COMMON + 4, 2) & 1, 1);
	/* Writing wants the whole register. */
	wr(COMMON, 2, 0);
	assert_int_equal(rd(COMMON, 4), 1);
}

/* Every width everywhere: nothing but the right ones has an effect, nothing falls over. */
static void
test_odd_accesses(void **state)
{
	for (uint64_t off = 0; off + 8 <= VIRTIO_PCI_BAR_SIZE; off++)
		for (unsigned size = 1; size <= 8; size *= 2) {
			if (off == COMMON + 0x14)
				continue;
			(void)rd(off, size);
			wr(off, size, 0xa5a5a5a5a5a5a5a5);
		}
	assert_int_equal(rd(COMMON + 0x14, 2), 0);
	wr(COMMON + 0x14, 2, 0x0f0f);
	assert_int_equal(rd(COMMON + 0x14, 1), 0);
	assert_int_equal(notified, 0);
	assert_int_equal(started, 0);
}

static void
test_window(void **state)
{
	unsigned w = vp.window_cap;

	/* status, by way of configuration space */
	pci_cfg_write(pci, BDF, w + 4, 1, 0);
	pci_cfg_write(pci, BDF, w + 8, 4, COMMON + 0x14);
	pci_cfg_write(pci, BDF, w + 12, 4, 1);
	pci_cfg_write(pci, BDF, w + 16, 4, 3);
	assert_int_equal(rd(COMMON + 0x14, 1), 3);
	assert_int_equal(pci_cfg_read(pci, BDF, w + 16, 4), 3);
	/* Places that are not there, another BAR, lengths that are none. */
	pci_cfg_write(pci, BDF, w + 8, 4, 0xfffffffe);
	pci_cfg_write(pci, BDF, w + 12, 4, 4);
	pci_cfg_write(pci, BDF, w + 16, 4, 0);
	(void)pci_cfg_read(pci, BDF, w + 16, 4);
	pci_cfg_write(pci, BDF, w + 8, 4, COMMON + 0x14);
	pci_cfg_write(pci, BDF, w + 12, 4, 3);
	pci_cfg_write(pci, BDF, w + 16, 4, 0);
	pci_cfg_write(pci, BDF, w + 4, 1, 1);
	pci_cfg_write(pci, BDF, w + 12, 4, 1);
	pci_cfg_write(pci, BDF, w + 16, 4, 0);
	assert_int_equal(rd(COMMON + 0x14, 1), 3);
}

static void
test_reset(void **state)
{
	bring_up();
	stop_at_once = false;
	wr(COMMON + 0x14, 1, 0);
	assert_int_equal(stopped, 1);
	/*
	 * Until what is in flight has come back, the old status reads, and nothing can be
	 * changed.
	 */
	assert_int_equal(rd(COMMON + 0x14, 1), 0xf);
	wr(COMMON + 0x14, 1, 0);
	wr(COMMON + 0x14, 1, 1);
	assert_int_equal(stopped, 1);
	wr(NOTIFY, 2, 0);
	assert_int_equal(notified, 1);
	propose(0);
	assert_true(vd.queue[0].enabled);
	wr(DEVCFG + 1, 1, 0x77); /* the next driver must not find it */
	assert_int_equal(rd(DEVCFG, 4), 0x04030201);
	virtio_stopped(&vd);
	assert_int_equal(rd(COMMON + 0x14, 1), 0);
	assert_false(vd.queue[0].enabled);
	assert_int_equal(vd.queue[0].desc, 0);
	assert_int_equal(vd.features, 0);
	stop_at_once = true;
	bring_up();
	pci_reset(pci);
	assert_int_equal(stopped, 2);
	assert_int_equal(vd.status, 0);
}

static void
test_bus_master(void **state)
{
	bring_up();
	pci_cfg_write(pci, BDF, 4, 2, 0x2);
	wr(NOTIFY, 2, 0);
	assert_int_equal(notified, 1);
	pci_cfg_write(pci, BDF, 4, 2, 0x6); /* what was not heard is seen now */
	assert_int_equal(notified, 2);
}

static void
test_needs_reset(void **state)
{
	msix_on();
	wr(COMMON + 0x10, 2, 0);
	bring_up();
	g_offer(&ring, 99);
	{
		struct vq_chain c;

		assert_int_equal(vq_chain_init(&c, &vd.queue[0]), 0);
		assert_false(virtio_pop(&vd, 0, &c));
		vq_chain_destroy(&c);
	}
	assert_int_equal(rd(COMMON + 0x14, 1), 0x4f);
	assert_int_equal(messages, 1);
	assert_int_equal(last_data, 0x40);
	assert_false(virtio_running(&vd));
	wr(NOTIFY, 2, 0);
	assert_int_equal(notified, 1);
	wr(COMMON + 0x14, 1, 0);
	g_init(&ring, ram, 0x10000, 16);
	bring_up();
	assert_true(virtio_running(&vd));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_capabilities),
		T(test_bring_up),
		T(test_features_refused),
		T(test_frozen),
		T(test_bad_queue),
		T(test_interrupt_msix),
		T(test_interrupt_line),
		cmocka_unit_test_setup_teardown(test_msi, setup_msi, teardown),
		T(test_ring_reset),
		T(test_config_space),
		T(test_features_by_halves),
		T(test_odd_accesses),
		T(test_window),
		T(test_reset),
		T(test_bus_master),
		T(test_needs_reset),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
