/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of the board against each other: between two updates of the RTC, told by its
 * update flag, the ACPI timer makes 3,579,545 ticks; the RTC's periodic flag at 8 Hz comes 8
 * times. The time is one of this century, and the day of the week agrees with the date.
 */
#include "guest.h"

#define TOLERANCE (PM_HZ / 20) /* polled, on a machine that may have other work for 50 ms */
#define ATTEMPTS  8

#define RTC_A     0x0a
#define RTC_B     0x0b
#define RTC_C     0x0c
#define RTC_D     0x0d
#define RTC_UF    0x10
#define RTC_PF    0x40
#define RTC_8_HZ  0x2d

static uint8_t
rtc_read(uint8_t reg)
{
	out8(0x70, reg);
	return (in8(0x71));
}

static void
rtc_write(uint8_t reg, uint8_t v)
{
	out8(0x70, reg);
	out8(0x71, v);
}

static unsigned
bcd(uint8_t v)
{
	CHECK((v & 0xf) < 10 && v >> 4 < 10, v);
	return ((v >> 4) * 10 + (v & 0xf));
}

/* Wait for the next update; the number of periods that went by. */
static unsigned
next_update(void)
{
	unsigned periods = 0;
	uint8_t c;

	do {
		c = rtc_read(RTC_C);
		periods += (c & RTC_PF) != 0;
	} while ((c & RTC_UF) == 0);
	return (periods);
}

static void
check_rates(void)
{
	uint32_t before, ticks = 0;
	unsigned periods = 0;

	rtc_write(RTC_A, RTC_8_HZ);
	(void)next_update();
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		before = in32(PM_TIMER);
		periods = next_update();
		ticks = in32(PM_TIMER) - before;
		if (ticks > PM_HZ - TOLERANCE && ticks < PM_HZ + TOLERANCE && periods >= 7 &&
		    periods <= 9)
			return;
	}
	CHECK(periods == 8, periods);
	fail("ticks of the ACPI timer in a second", ticks);
}

/* Zeller's congruence: 1 is Sunday, as in the RTC. */
static unsigned
weekday(unsigned y, unsigned m, unsigned d)
{
	if (m < 3) {
		m += 12;
		y--;
	}
	return ((d + 13 * (m + 1) / 5 + y + y / 4 - y / 100 + y / 400 + 6) % 7 + 1);
}

static void
check_date(void)
{
	unsigned y, m, d;

	(void)next_update(); /* no change while we read, but at midnight */
	y = bcd(rtc_read(0x32)) * 100 + bcd(rtc_read(9));
	m = bcd(rtc_read(8));
	d = bcd(rtc_read(7));
	CHECK(y >= 2024 && y < 2100, y);
	CHECK(m >= 1 && m <= 12 && d >= 1 && d <= 31, m * 100 + d);
	CHECK(bcd(rtc_read(6)) == weekday(y, m, d), rtc_read(6));
	CHECK(bcd(rtc_read(4)) < 24, rtc_read(4));
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	CHECK(rtc_read(RTC_D) == 0x80, rtc_read(RTC_D));
	CHECK((rtc_read(RTC_B) & 0x06) == 0x02, rtc_read(RTC_B)); /* 24 hours, BCD */
	check_rates();
	check_date();
	put_text("ok\n");
}
