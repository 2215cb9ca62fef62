/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that every PC has whatever was asked for: four COM ports (a port without backend
 * is there too, as in bhyve), ACPI's fixed hardware, the real-time clock, the ISA bridge's own
 * ports. The bridge's PCI function is there only with -s N,lpc. Built in zhyve's main thread
 * before any guest code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "backend/chardev.h"
#include "devices/irq_share.h"
#include "devices/lpc.h"
#include "devices/pm.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "procs/zhyve/machine.h"

#define DRAIN_ROUNDS 64
#define DRAIN_MS     5

struct legacy {
	struct com {
		struct lock lock;
		struct uart uart;
		struct chardev *chardev; /* NULL: no backend */
	} com[LPC_COMS];
	struct irq_share com_irq[2]; /* of COM1 and 3, of COM2 and 4 */
	struct lock pm_lock;
	struct pm pm;
	struct lock rtc_lock;
	struct rtc rtc;
	struct dev_timer rtc_timer;
	struct lock lpc_lock;
	struct lpc lpc;
};

static int
claim(struct machine *m, const char *name, uint16_t base, uint16_t len, const struct bus_ops *ops,
    void *dev, struct lock *lock, struct err *e)
{
	return (machine_place(m, true, &(struct bus_region){ base, len, ops, dev, lock, name }, e));
}

static int
create_com(struct machine *m, unsigned i, struct err *e)
{
	struct com *com = &m->legacy->com[i];
	struct irq_share *share = &m->legacy->com_irq[i % 2];
	struct irq_line irq;
	const char *path;
	char name[32];

	(void)pthread_mutex_init(&com->lock.mutex, NULL);
	(void)snprintf(name, sizeof(name), "lpc.%s.path", lpc_com[i].name);
	path = config_get(m->config, name);
	if (path != NULL && chardev_open(&com->chardev, path, m->loop, &com->lock, e) != 0)
		return (err_ctx(e, "Unable to initialize backend '%s' for LPC device %s", path,
		    lpc_com[i].name));
	share->out = machine_irq(m, lpc_com[i].irq);
	irq = irq_share_line(share);
	uart_init(&com->uart, &irq, com->chardev);
	return (claim(
	    m, lpc_com[i].name, lpc_com[i].port, UART_PORTS, &uart_ops, &com->uart, &com->lock, e));
}

/*
 * The reset port lies within the PCI ports, so it is reached with the PCI lock held; the PM
 * block has its own.
 */
static uint64_t
reset_read(void *dev, uint64_t off, unsigned size)
{
	struct legacy *l = dev;
	uint64_t v;

	lock_take(&l->pm_lock);
	v = pm_reset_ops.read(&l->pm, off, size);
	lock_drop(&l->pm_lock);
	return (v);
}

static void
reset_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct legacy *l = dev;

	lock_take(&l->pm_lock);
	pm_reset_ops.write(&l->pm, off, size, val);
	lock_drop(&l->pm_lock);
}

static const struct bus_ops reset_ops = { .read = reset_read, .write = reset_write };

static int
create_pm(struct machine *m, struct err *e)
{
	struct legacy *l = m->legacy;
	struct irq_line sci = machine_irq(m, LPC_IRQ_SCI);
	struct machine_ctl ctl = machine_ctl_of(m);
	int rc;

	(void)pthread_mutex_init(&l->pm_lock.mutex, NULL);
	pm_init(&l->pm, &sci, &ctl, &m->clock);
	l->pm.for_rom = m->pm_base == PM_PORT_ROM;
	pci_bus_set_reset_port(m->pci, &reset_ops, l);
	if ((rc = claim(m, "pm", m->pm_base, PM_PORT_LEN, &pm_ops, &l->pm, &l->pm_lock, e)) != 0)
		return (rc);
	return (claim(m, "smi", PM_PORT_SMI, 1, &pm_smi_ops, &l->pm, &l->pm_lock, e));
}

static int
create_rtc(struct machine *m, struct err *e)
{
	struct legacy *l = m->legacy;
	struct irq_line irq = machine_irq(m, LPC_IRQ_RTC);
	uint64_t low = m->gm.range[0].len, high = m->gm.nranges > 1 ? m->gm.range[1].len : 0;
	struct timezone tz = { 0 };
	int64_t offset = 0;
	bool local;
	int rc;

	if ((rc = config_bool(m->config, "rtc.use_localtime", true, &local, e)) != 0)
		return (rc);
	/*
	 * The kernel's own idea of local time, which is UTC unless the host keeps its clock
	 * otherwise.
	 */
	if (local && syscall(SYS_gettimeofday, NULL, &tz) == 0)
		offset = -60 * (int64_t)tz.tz_minuteswest;
	(void)pthread_mutex_init(&l->rtc_lock.mutex, NULL);
	if ((rc = machine_timer(m, &l->rtc_timer, &l->rtc_lock, e)) != 0)
		return (rc);
	rtc_init(&l->rtc, &irq, &m->clock, &l->rtc_timer, offset, low, high);
	rtc_cmos_put(&l->rtc, RTC_CMOS_CPUS, (uint8_t)(m->vcpus.n - 1));
	rtc_cmos_put(&l->rtc, RTC_CMOS_BOOT12, RTC_BOOT_DISK | RTC_BOOT_CD << 4);
	rtc_cmos_put(&l->rtc, RTC_CMOS_BOOT3, RTC_BOOT_NET << 4);
	return (claim(m, "rtc", RTC_PORT_BASE, RTC_PORT_LEN, &rtc_ops, &l->rtc, &l->rtc_lock, e));
}

static int
add_port(void *ctx, const struct bus_region *r)
{
	struct machine *m = ctx;

	return (iobus_add(&m->bus, true, r));
}

static int
create_lpc(struct machine *m, struct err *e)
{
	struct legacy *l = m->legacy;
	struct machine_ctl ctl = machine_ctl_of(m);
	uint32_t vendor, device;
	int rc;

	if ((rc = config_number(m->config, "lpc.pcireg.vendor", 0, 0xffff, 0x8086, &vendor, e)) !=
		0 ||
	    (rc = config_number(m->config, "lpc.pcireg.device", 0, 0xffff, 0x7000, &device, e)) !=
		0)
		return (rc);
	(void)pthread_mutex_init(&l->lpc_lock.mutex, NULL);
	lpc_init(&l->lpc, (uint16_t)vendor, (uint16_t)device, &ctl);
	l->lpc.pci.lock = &l->lpc_lock;
	l->lpc.has_kbc = m->i8042;
	if ((rc = lpc_add_ports(&l->lpc, &l->lpc_lock, add_port, m)) != 0)
		return (err_set(e, -rc, "cannot place the ISA bridge's ports"));
	return (0);
}

int
legacy_create(struct machine *m, struct err *e)
{
	int rc;

	if ((m->legacy = calloc(1, sizeof(*m->legacy))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the legacy devices"));
	for (unsigned i = 0; i < LPC_COMS; i++) {
		if ((rc = create_com(m, i, e)) != 0)
			return (rc);
	}
	if ((rc = create_pm(m, e)) != 0 || (rc = create_rtc(m, e)) != 0 ||
	    (rc = legacy_hpet(m, e)) != 0 || (rc = legacy_i8042_create(m, e)) != 0)
		return (rc);
	if ((rc = create_lpc(m, e)) != 0)
		return (rc);
	if ((rc = legacy_debugcon(m, e)) != 0)
		return (rc);
	return (legacy_tpm_create(m, e));
}

struct pci_dev *
legacy_isa_bridge(struct machine *m)
{
	return (&m->legacy->lpc.pci);
}

void
legacy_power_button(struct machine *m)
{
	lock_take(&m->legacy->pm_lock);
	(void)pm_power_button(&m->legacy->pm);
	lock_drop(&m->legacy->pm_lock);
}

void
legacy_close(struct machine *m)
{
	if (m->legacy == NULL)
		return;
	/*
	 * What the guest said last may still wait for its reader; one that does not read is not
	 * waited for.
	 */
	for (unsigned i = 0; i < DRAIN_ROUNDS && mevent_poll(m->loop, DRAIN_MS) > 0; i++)
		;
	for (unsigned i = 0; i < LPC_COMS; i++) {
		chardev_close(m->legacy->com[i].chardev);
		m->legacy->com[i].chardev = NULL;
	}
}
