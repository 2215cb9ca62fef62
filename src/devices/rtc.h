/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real-time clock and its CMOS memory (Motorola MC146818A data sheet; PC ports 0x70 and
 * 0x71).
 *
 * Time is computed when it is read, from the host's monotonic clock and an offset; nothing ticks
 * while no interrupt is enabled. The update-in-progress bit is up for the last 244 us of each
 * second, so guests that wait for it to fall seldom wait at all. Interrupts (periodic, alarm,
 * update ended) come by one timer. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_RTC_H
#define ZHYVE_DEVICES_RTC_H

#include "devices/bus.h"
#include "devices/device.h"

#define RTC_PORT_BASE   0x70
#define RTC_PORT_LEN    2
#define RTC_CMOS_SIZE   128
#define RTC_CENTURY     0x32 /* where the FADT says the century is */
#define RTC_CMOS_MEM16M 0x34 /* two bytes: 64 KiB units from 16 MiB up to 4 GiB */
#define RTC_CMOS_MEM4G  0x5B /* three bytes: 64 KiB units above 4 GiB */
#define RTC_CMOS_CPUS   0x5F /* number of vCPUs less one, as SeaBIOS takes it ... */
#define RTC_CMOS_BOOT12 0x3D /* ... and what it boots from first, second (upper half) ... */
#define RTC_CMOS_BOOT3  0x38 /* ... and third (upper half), where no boot order is given */
#define RTC_BOOT_DISK   2
#define RTC_BOOT_CD     3
#define RTC_BOOT_NET    4

struct rtc {
	struct irq_line irq; /* IRQ 8 */
	struct clock clock;
	struct dev_timer *timer;
	uint8_t index;
	/* clock registers are current only while the clock is stopped */
	uint8_t cmos[RTC_CMOS_SIZE];
	int64_t base_s;   /* the clock's time, seconds since 1970, at ... */
	uint64_t base_ns; /* ... this instant of the monotonic clock */
	uint64_t seen_ns; /* events up to here are in register C */
	bool irq_level;
};

/*
 * Set up the clock with the host's time plus `offset_s` (0: UTC; the host's offset from UTC for
 * bhyve's rtc.use_localtime), and the memory sizes in CMOS: RAM in bytes below and above 4 GiB.
 * `timer` stays the caller's and gets fire and dev set; NULL: no interrupts.
 */
void rtc_init(struct rtc *rtc, const struct irq_line *irq, const struct clock *clock,
    struct dev_timer *timer, int64_t offset_s, uint64_t lowmem, uint64_t highmem);
/* Preset a byte of CMOS memory (from 0x0E on), as a PC's setup program would. */
void rtc_cmos_put(struct rtc *rtc, uint8_t at, uint8_t val);
/* Machine reset: interrupts off; time and CMOS memory go on, as by battery. */
void rtc_reset(struct rtc *rtc);

/* Ports 0x70 (index) and 0x71 (data). `dev` is the struct rtc. */
extern const struct bus_ops rtc_ops;

struct state;
/* Save or load it (state.h): the clock goes on from when it was saved, until somebody sets it. */
int rtc_state(struct rtc *rtc, struct state *st);

#endif
