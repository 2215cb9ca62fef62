/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818 real-time clock: see rtc.h. Daylight-saving switching and the square wave do not
 * exist; their bits can be written and read. Pure; runs in zhyve.
 */
#include "devices/rtc.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

enum rtc_reg {
	R_SEC,
	R_SEC_ALARM,
	R_MIN,
	R_MIN_ALARM,
	R_HOUR,
	R_HOUR_ALARM,
	R_WDAY,
	R_MDAY,
	R_MONTH,
	R_YEAR,
	R_A,
	R_B,
	R_C,
	R_D,
	R_RAM /* CMOS memory from here on */
};

#define A_UIP        0x80
#define A_DIV_MASK   0x70
#define A_DIV_RESET  0x60 /* 11x: the divider is held in reset */
#define A_RATE       0x0F
#define A_DEFAULT    0x26 /* 32.768 kHz, periodic 1,024 Hz */
#define B_SET        0x80
#define B_PIE        0x40
#define B_AIE        0x20
#define B_UIE        0x10
#define B_BINARY     0x04
#define B_24H        0x02
#define C_IRQF       0x80
#define C_PF         0x40
#define C_AF         0x20
#define C_UF         0x10
#define D_VALID      0x80
#define HOUR_PM      0x80
#define ALARM_ANY    0xC0 /* both bits set: matches everything */

#define NS_PER_S     1000000000ull
#define UIP_NS       244000ull
#define OSC_HZ       32768u
#define DAY_S        86400
#define CATCH_UP_MAX DAY_S /* an alarm matches within a day or never */

/* A date of the proleptic Gregorian calendar. */
struct rtc_tm {
	int sec, min, hour, mday, month, wday; /* month 1-12, wday 1 (Sunday) - 7 */
	int64_t year;
};

/*
 * Days since 1970-01-01. Years are counted from March, so that the leap day ends them; any day or
 * month number is taken, the surplus runs over.
 */
static int64_t
days_of_date(int64_t year, int month, int mday)
{
	int64_t y, era, yoe, doy;

	year += (month - 1) / 12;
	month = (month + 11) % 12 + 1;
	y = year - (month <= 2);
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
	return (era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468);
}

static void
date_of_days(int64_t days, struct rtc_tm *tm)
{
	int64_t era, doe, yoe, doy, mp;

	tm->wday = (int)(((days + 4) % 7 + 7) % 7) + 1; /* day 0 was a Thursday */
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	tm->mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	tm->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	tm->year = yoe + era * 400 + (tm->month <= 2);
}

static void
tm_of_seconds(int64_t t, struct rtc_tm *tm)
{
	int64_t days = (t >= 0 ? t : t - (DAY_S - 1)) / DAY_S;
	int rest = (int)(t - days * DAY_S);

	date_of_days(days, tm);
	tm->hour = rest / 3600;
	tm->min = rest / 60 % 60;
	tm->sec = rest % 60;
}

/* Numbers in registers: BCD or binary as register B says. */
static uint8_t
encode(const struct rtc *rtc, int v)
{
	return ((uint8_t)((rtc->cmos[R_B] & B_BINARY) != 0 ? v : v / 10 << 4 | v % 10));
}

static int
decode(const struct rtc *rtc, uint8_t v)
{
	return ((rtc->cmos[R_B] & B_BINARY) != 0 ? v : (v >> 4) * 10 + (v & 0xf));
}

static uint8_t
encode_hour(const struct rtc *rtc, int hour)
{
	if ((rtc->cmos[R_B] & B_24H) != 0)
		return (encode(rtc, hour));
	return (encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0));
}

static int
decode_hour(const struct rtc *rtc, uint8_t v)
{
	if ((rtc->cmos[R_B] & B_24H) != 0)
		return (decode(rtc, v));
	return (decode(rtc, v & ~HOUR_PM) % 12 + ((v & HOUR_PM) != 0 ? 12 : 0));
}

static bool
divider_runs(const struct rtc *rtc)
{
	return ((rtc->cmos[R_A] & A_DIV_RESET) != A_DIV_RESET);
}

/* Whether the time moves: else the clock registers hold what was written. */
static bool
running(const struct rtc *rtc)
{
	return ((rtc->cmos[R_B] & B_SET) == 0 && divider_runs(rtc));
}

static uint64_t
now_ns(const struct rtc *rtc)
{
	uint64_t now = rtc->clock.now_ns(rtc->clock.ctx);

	/* Nothing here is ready for times before base: a clock that is turned back stands still. */
	return (MAX(now, rtc->base_ns));
}

static int64_t
seconds_at(const struct rtc *rtc, uint64_t ns)
{
	return (rtc->base_s + (int64_t)((ns - rtc->base_ns) / NS_PER_S));
}

/* Periods of the oscillator's tap chosen in register A: log2 of its length in cycles, -1: none. */
static int
period_shift(const struct rtc *rtc)
{
	unsigned rate = rtc->cmos[R_A] & A_RATE;

	if (rate == 0 || !divider_runs(rtc))
		return (-1);
	/* The first two taps are those of rates 8 and 9: 256 and 128 Hz. */
	return ((int)(rate <= 2 ? rate + 6 : rate - 1));
}

static uint64_t
periods_at(const struct rtc *rtc, uint64_t ns, int shift)
{
	return ((uint64_t)((unsigned __int128)(ns - rtc->base_ns) * OSC_HZ / NS_PER_S) >> shift);
}

/* Write the time at `ns` into the clock registers. */
static void
load_registers(struct rtc *rtc, uint64_t ns)
{
	struct rtc_tm tm;
	int year;

	tm_of_seconds(seconds_at(rtc, ns), &tm);
	year = (int)((tm.year % 10000 + 10000) % 10000); /* two registers hold no more */
	rtc->cmos[R_SEC] = encode(rtc, tm.sec);
	rtc->cmos[R_MIN] = encode(rtc, tm.min);
	rtc->cmos[R_HOUR] = encode_hour(rtc, tm.hour);
	rtc->cmos[R_WDAY] = encode(rtc, tm.wday);
	rtc->cmos[R_MDAY] = encode(rtc, tm.mday);
	rtc->cmos[R_MONTH] = encode(rtc, tm.month);
	rtc->cmos[R_YEAR] = encode(rtc, year % 100);
	rtc->cmos[RTC_CENTURY] = encode(rtc, year / 100);
}

/* The time in the clock registers, whatever a guest has put there. */
static int64_t
registers_time(const struct rtc *rtc)
{
	const uint8_t *r = rtc->cmos;
	int64_t year = decode(rtc, r[RTC_CENTURY]) * 100 + decode(rtc, r[R_YEAR]);
	int64_t days = days_of_date(year, decode(rtc, r[R_MONTH]), decode(rtc, r[R_MDAY]));

	return (days * DAY_S + decode_hour(rtc, r[R_HOUR]) * 3600 + decode(rtc, r[R_MIN]) * 60 +
	    decode(rtc, r[R_SEC]));
}

static bool
alarm_field(const struct rtc *rtc, enum rtc_reg reg, uint8_t now)
{
	return ((rtc->cmos[reg] & ALARM_ANY) == ALARM_ANY || rtc->cmos[reg] == now);
}

static bool
alarm_matches(const struct rtc *rtc, int64_t t)
{
	int rest = (int)((t % DAY_S + DAY_S) % DAY_S);

	return (alarm_field(rtc, R_SEC_ALARM, encode(rtc, rest % 60)) &&
	    alarm_field(rtc, R_MIN_ALARM, encode(rtc, rest / 60 % 60)) &&
	    alarm_field(rtc, R_HOUR_ALARM, encode_hour(rtc, rest / 3600)));
}

/* Set in register C what has happened since the last time. */
static void
catch_up(struct rtc *rtc)
{
	uint64_t now = now_ns(rtc), seen = MAX(rtc->seen_ns, rtc->base_ns);
	int64_t from, to;
	int shift = period_shift(rtc);

	rtc->seen_ns = now;
	if (now <= seen)
		return;
	if (shift >= 0 && periods_at(rtc, now, shift) != periods_at(rtc, seen, shift))
		rtc->cmos[R_C] |= C_PF;
	if (!running(rtc))
		return;
	from = seconds_at(rtc, seen);
	to = seconds_at(rtc, now);
	if (from == to)
		return;
	rtc->cmos[R_C] |= C_UF;
	if (to - from > CATCH_UP_MAX)
		from = to - CATCH_UP_MAX;
	while ((rtc->cmos[R_C] & C_AF) == 0 && from < to) {
		if (alarm_matches(rtc, ++from))
			rtc->cmos[R_C] |= C_AF;
	}
}

/* Register C's flags have the places of register B's enables. */
static void
update_irq(struct rtc *rtc)
{
	bool level = (rtc->cmos[R_B] & rtc->cmos[R_C] & (C_PF | C_AF | C_UF)) != 0;

	if (level)
		rtc->cmos[R_C] |= C_IRQF;
	else
		rtc->cmos[R_C] &= (uint8_t)~C_IRQF;
	if (level == rtc->irq_level)
		return;
	rtc->irq_level = level;
	irq_set(&rtc->irq, level);
}

/* Ask for the next moment at which an interrupt can arise that has not been raised yet. */
static void
arm_timer(struct rtc *rtc)
{
	uint8_t want = rtc->cmos[R_B] & (uint8_t)~rtc->cmos[R_C];
	uint64_t now = rtc->seen_ns, at = UINT64_MAX, next;
	int shift = period_shift(rtc);

	if (rtc->irq_level) {
		dev_timer_arm(rtc->timer, 0); /* nothing new to tell before C is read */
		return;
	}
	if ((want & B_PIE) != 0 && shift >= 0) {
		next = (periods_at(rtc, now, shift) + 1) << shift;
		at = rtc->base_ns +
		    (uint64_t)(((unsigned __int128)next * NS_PER_S + OSC_HZ - 1) / OSC_HZ);
	}
	if ((want & (B_UIE | B_AIE)) != 0 && running(rtc)) {
		next = rtc->base_ns + ((now - rtc->base_ns) / NS_PER_S + 1) * NS_PER_S;
		at = MIN(at, next);
	}
	dev_timer_arm(rtc->timer, at == UINT64_MAX ? 0 : at);
}

static void
settle(struct rtc *rtc)
{
	catch_up(rtc);
	update_irq(rtc);
	arm_timer(rtc);
}

static void
rtc_fire(void *dev)
{
	settle(dev);
}

/* Change register A or B; starting and stopping the clock hangs on both. */
static void
write_control(struct rtc *rtc, enum rtc_reg reg, uint8_t val)
{
	bool ran = running(rtc), divided = divider_runs(rtc);

	catch_up(rtc);
	if (ran)
		load_registers(rtc, rtc->seen_ns);
	if (reg == R_A) {
		rtc->cmos[R_A] = val & (uint8_t)~A_UIP;
	} else {
		/* Setting the time ends the update interrupt. */
		if ((val & B_SET) != 0)
			val &= (uint8_t)~B_UIE;
		rtc->cmos[R_B] = val;
	}
	if (!divided && divider_runs(rtc)) {
		/* Out of reset the first update comes after half a second. */
		rtc->base_ns = rtc->seen_ns - MIN(rtc->seen_ns, NS_PER_S / 2);
		rtc->base_s = registers_time(rtc);
	} else if (!ran && running(rtc)) {
		/* The divider went on while the time was set: keep its phase. */
		rtc->base_ns += (rtc->seen_ns - rtc->base_ns) / NS_PER_S * NS_PER_S;
		rtc->base_s = registers_time(rtc);
	}
	settle(rtc);
}

static bool
is_clock_reg(unsigned reg)
{
	return (reg == R_SEC || reg == R_MIN || reg == R_HOUR || (reg >= R_WDAY && reg <= R_YEAR) ||
	    reg == RTC_CENTURY);
}

static void
write_clock(struct rtc *rtc, unsigned reg, uint8_t val)
{
	uint64_t now = now_ns(rtc);

	if (!running(rtc)) {
		rtc->cmos[reg] = val;
		return;
	}
	catch_up(rtc);
	load_registers(rtc, now);
	rtc->cmos[reg] = val;
	rtc->base_ns += (now - rtc->base_ns) / NS_PER_S * NS_PER_S;
	rtc->base_s = registers_time(rtc);
	settle(rtc);
}

static void
write_reg(struct rtc *rtc, unsigned reg, uint8_t val)
{
	if (is_clock_reg(reg)) {
		write_clock(rtc, reg, val);
	} else if (reg == R_A || reg == R_B) {
		write_control(rtc, reg, val);
	} else if (reg < R_A) { /* alarm */
		catch_up(rtc);
		rtc->cmos[reg] = val;
		settle(rtc);
	} else if (reg >= R_RAM) { /* C and D are read-only */
		rtc->cmos[reg] = val;
	}
}

static uint8_t
read_reg(struct rtc *rtc, unsigned reg)
{
	uint64_t now;
	uint8_t val;

	if (is_clock_reg(reg)) {
		if (running(rtc))
			load_registers(rtc, now_ns(rtc));
		return (rtc->cmos[reg]);
	}
	switch (reg) {
	case R_A:
		now = now_ns(rtc);
		val = rtc->cmos[R_A];
		if (running(rtc) && (now - rtc->base_ns) % NS_PER_S >= NS_PER_S - UIP_NS)
			val |= A_UIP;
		return (val);
	case R_C:
		catch_up(rtc);
		update_irq(rtc);
		val = rtc->cmos[R_C];
		rtc->cmos[R_C] = 0;
		/* The line falls even if the next event is due: an edge tells of that. */
		update_irq(rtc);
		settle(rtc);
		return (val);
	case R_D:
		return (D_VALID);
	default:
		return (rtc->cmos[reg]);
	}
}

static uint64_t
rtc_read(void *dev, uint64_t off, unsigned size)
{
	struct rtc *rtc = dev;
	uint64_t val = 0;

	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = off + i == 0 ? rtc->index : read_reg(rtc, rtc->index);

		val |= (uint64_t)byte << (8 * i);
	}
	return (val);
}

static void
rtc_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct rtc *rtc = dev;

	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(val >> (8 * i));

		/* Bit 7 of the index masks the NMI, which nothing here raises. */
		if (off + i == 0)
			rtc->index = byte % RTC_CMOS_SIZE;
		else
			write_reg(rtc, rtc->index, byte);
	}
}

const struct bus_ops rtc_ops = { rtc_read, rtc_write };

/* Memory sizes where PC firmware looks for them. */
static void
put_memory_sizes(struct rtc *rtc, uint64_t lowmem, uint64_t highmem)
{
	uint64_t low = lowmem > 16 * MIB ? (lowmem - 16 * MIB) / (64 * KIB) : 0;
	uint64_t high = highmem / (64 * KIB);

	le16_put(&rtc->cmos[RTC_CMOS_MEM16M], (uint16_t)MIN(low, 0xffffu));
	high = MIN(high, 0xffffffu);
	for (unsigned i = 0; i < 3; i++)
		rtc->cmos[RTC_CMOS_MEM4G + i] = (uint8_t)(high >> (8 * i));
}

void
rtc_init(struct rtc *rtc, const struct irq_line *irq, const struct clock *clock,
    struct dev_timer *timer, int64_t offset_s, uint64_t lowmem, uint64_t highmem)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->irq = *irq;
	rtc->clock = *clock;
	rtc->timer = timer;
	if (timer != NULL) {
		timer->fire = rtc_fire;
		timer->dev = rtc;
	}
	rtc->base_ns = rtc->seen_ns = clock->now_ns(clock->ctx);
	rtc->base_s = clock->wall_s(clock->ctx) + offset_s;
	rtc->cmos[R_A] = A_DEFAULT;
	rtc->cmos[R_B] = B_24H;
	put_memory_sizes(rtc, lowmem, highmem);
}

void
rtc_cmos_put(struct rtc *rtc, uint8_t at, uint8_t val)
{
	if (at >= R_RAM && at < RTC_CMOS_SIZE)
		rtc->cmos[at] = val;
}

void
rtc_reset(struct rtc *rtc)
{
	rtc->index = 0;
	rtc->cmos[R_C] = 0;
	write_control(rtc, R_B, rtc->cmos[R_B] & (uint8_t) ~(B_PIE | B_AIE | B_UIE));
}

/* --- state --- */

#define SECONDS_MAX (1ll << 40) /* the year of such a clock has more digits than two registers */

/* base_ns is saved as the part of a second that has passed since. */
#define RTC_STATE(F, T)                       \
	F(T, irq, OWNS, 0)                    \
	F(T, clock, OWNS, 0)                  \
	F(T, timer, OWN, 0)                   \
	F(T, index, SAVED, RTC_CMOS_SIZE - 1) \
	F(T, cmos, BYTES, 0)                  \
	F(T, base_s, SAVED, STATE_ANY)        \
	F(T, base_ns, SAVED, NS_PER_S - 1)    \
	F(T, seen_ns, OWN, 0)                 \
	F(T, irq_level, OWN, 0)
STATE_TYPE(rtc_type, struct rtc, RTC_STATE, "rtc", 1);

int
rtc_state(struct rtc *rtc, struct state *st)
{
	uint64_t now = now_ns(rtc), passed = now - rtc->base_ns;
	struct rtc image = *rtc;

	catch_up(&image);
	image.base_s = seconds_at(rtc, now);
	image.base_ns = passed % NS_PER_S;
	if (state_struct(st, &rtc_type, &image) < 0 || !st->loading)
		return (st->rc);
	if (image.base_s < -SECONDS_MAX || image.base_s > SECONDS_MAX)
		return (state_refuse(st, EINVAL, "a time that no clock shows"));
	*rtc = image;
	now = rtc->clock.now_ns(rtc->clock.ctx);
	rtc->base_ns = now - MIN(now, image.base_ns);
	rtc->seen_ns = now;
	rtc->irq_level = false;
	update_irq(rtc);
	arm_timer(rtc);
	return (0);
}
