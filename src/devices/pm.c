/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware: see pm.h. Sleep states other than S5 are ignored. Pure; runs in zhyve. */
#include "devices/pm.h"
#include "devices/state.h"

#include <errno.h>
#include <string.h>

/* PM1 status and enable (ACPI 6.5, table 4.11, 4.12). */
#define PM1_GLOBAL   0x0020
#define PM1_PWRBTN   0x0100
#define PM1_RTC      0x0400
#define PM1_WAKE     0x8000
#define PM1_STS_MASK (PM1_GLOBAL | PM1_PWRBTN | PM1_RTC | PM1_WAKE)
#define PM1_EN_MASK  (PM1_GLOBAL | PM1_PWRBTN | PM1_RTC)

/* PM1 control (table 4.13). */
#define PM1_SCI_EN    0x0001
#define PM1_BM_RLD    0x0002
#define PM1_SLP_SHIFT 10
#define PM1_SLP_MASK  0x1C00
#define PM1_SLP_EN    0x2000 /* write only */

#define GPE_MASK      (1u << PM_GPE_VMGENC)

#define RESET_CPU     0x04
#define RESET_KEPT    0x0A /* bits that read back: kind of reset */

#define NS_PER_S      1000000000ull

/* The 16-bit registers of the block by offset. */
enum pm_reg {
	REG_PM1_STS = 0x0,
	REG_PM1_EN = 0x2,
	REG_PM1_CNT = 0x4,
	REG_TMR_LO = 0x8,
	REG_TMR_HI = 0xA,
	REG_GPE_STS = 0xC,
	REG_GPE_EN = 0xE
};

static void
update_sci(struct pm *pm)
{
	bool level = (pm->pm1_cnt & PM1_SCI_EN) != 0 &&
	    ((pm->pm1_sts & pm->pm1_en) != 0 || (pm->gpe_sts & pm->gpe_en) != 0);

	if (level == pm->sci_level)
		return;
	pm->sci_level = level;
	irq_set(&pm->sci, level);
}

/* The timer counts since the host's clock began; 32 bits wide, it wraps every 20 minutes. */
static uint32_t
timer_value(const struct pm *pm)
{
	uint64_t ns = pm->clock.now_ns(pm->clock.ctx);

	/* Whole seconds apart, so that the product cannot overflow. */
	return ((uint32_t)(ns / NS_PER_S * PM_TIMER_HZ + ns % NS_PER_S * PM_TIMER_HZ / NS_PER_S));
}

static void
write_cnt(struct pm *pm, uint16_t val)
{
	unsigned typ;

	pm->pm1_cnt = (uint16_t)((pm->pm1_cnt & PM1_SCI_EN) | (val & (PM1_BM_RLD | PM1_SLP_MASK)));
	if ((val & PM1_SLP_EN) == 0)
		return;
	typ = (val & PM1_SLP_MASK) >> PM1_SLP_SHIFT;
	if (typ == PM_SLP_TYP_S5 || (pm->for_rom && typ == PM_SLP_TYP_ROM))
		machine_event(&pm->ctl, MACHINE_POWEROFF, "ACPI S5");
}

static uint16_t
reg_read(const struct pm *pm, enum pm_reg reg, uint32_t timer)
{
	switch (reg) {
	case REG_PM1_STS:
		return (pm->pm1_sts);
	case REG_PM1_EN:
		return (pm->pm1_en);
	case REG_PM1_CNT:
		return (pm->pm1_cnt);
	case REG_TMR_LO:
		return ((uint16_t)timer);
	case REG_TMR_HI:
		return ((uint16_t)(timer >> 16));
	case REG_GPE_STS:
		return (pm->gpe_sts);
	case REG_GPE_EN:
		return (pm->gpe_en);
	}
	return (0);
}

/* Write the bits of `mask` (the bytes that the access covers). */
static void
reg_write(struct pm *pm, enum pm_reg reg, uint16_t val, uint16_t mask)
{
	switch (reg) {
	case REG_PM1_STS: /* write one to clear */
		pm->pm1_sts &= (uint16_t) ~(val & mask);
		break;
	case REG_PM1_EN:
		pm->pm1_en = ((pm->pm1_en & (uint16_t)~mask) | (val & mask)) & PM1_EN_MASK;
		break;
	case REG_PM1_CNT:
		write_cnt(pm, (uint16_t)((pm->pm1_cnt & (uint16_t)~mask) | (val & mask)));
		break;
	case REG_TMR_LO: /* read-only */
	case REG_TMR_HI:
		break;
	case REG_GPE_STS:
		pm->gpe_sts &= (uint16_t) ~(val & mask);
		break;
	case REG_GPE_EN:
		pm->gpe_en = ((pm->gpe_en & (uint16_t)~mask) | (val & mask)) & GPE_MASK;
		break;
	}
}

static uint64_t
pm_read(void *dev, uint64_t off, unsigned size)
{
	const struct pm *pm = dev;
	uint32_t timer = 0;
	uint64_t val = 0;

	/* One reading for the whole access: the halves must belong together. */
	if (off < REG_GPE_STS && off + size > REG_TMR_LO)
		timer = timer_value(pm);
	for (unsigned i = 0; i < size; i++) {
		uint16_t reg = reg_read(pm, (unsigned)(off + i) & ~1u, timer);

		val |= (uint64_t)(reg >> (8 * ((off + i) & 1)) & 0xff) << (8 * i);
	}
	return (val);
}

static void
pm_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pm *pm = dev;
	unsigned i = 0;

	while (i < size) {
		unsigned at = (unsigned)off + i, n = (at & 1) == 0 && size - i >= 2 ? 2 : 1;
		uint16_t mask = n == 2 ? 0xffff : (at & 1) != 0 ? 0xff00 : 0x00ff;
		uint16_t v = (uint16_t)(val >> (8 * i));

		reg_write(pm, at & ~1u, (at & 1) != 0 ? (uint16_t)(v << 8) : v, mask);
		i += n;
	}
	update_sci(pm);
}

const struct bus_ops pm_ops = { pm_read, pm_write };

static uint64_t
smi_read(void *dev, uint64_t off, unsigned size)
{
	return (0);
}

static void
smi_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pm *pm = dev;

	if ((uint8_t)val == PM_SMI_ACPI_ON)
		pm->pm1_cnt |= PM1_SCI_EN;
	else if ((uint8_t)val == PM_SMI_ACPI_OFF)
		pm->pm1_cnt &= (uint16_t)~PM1_SCI_EN;
	update_sci(pm);
}

const struct bus_ops pm_smi_ops = { smi_read, smi_write };

static uint64_t
reset_read(void *dev, uint64_t off, unsigned size)
{
	const struct pm *pm = dev;

	return (pm->reset_ctl);
}

static void
reset_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pm *pm = dev;

	pm->reset_ctl = (uint8_t)val & RESET_KEPT;
	if ((val & RESET_CPU) != 0)
		machine_event(&pm->ctl, MACHINE_RESET, "port 0xCF9");
}

const struct bus_ops pm_reset_ops = { reset_read, reset_write };

bool
pm_power_button(struct pm *pm)
{
	if ((pm->pm1_sts & PM1_PWRBTN) != 0)
		return (false);
	pm->pm1_sts |= PM1_PWRBTN;
	update_sci(pm);
	return ((pm->pm1_cnt & PM1_SCI_EN) != 0 && (pm->pm1_en & PM1_PWRBTN) != 0);
}

void
pm_gpe_raise(struct pm *pm, unsigned bit)
{
	pm->gpe_sts |= (uint16_t)((1u << bit) & GPE_MASK);
	update_sci(pm);
}

void
pm_reset(struct pm *pm)
{
	pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
	pm->gpe_sts = pm->gpe_en = 0;
	pm->reset_ctl = 0;
	update_sci(pm);
}

void
pm_init(struct pm *pm, const struct irq_line *sci, const struct machine_ctl *ctl,
    const struct clock *clock)
{
	memset(pm, 0, sizeof(*pm));
	pm->sci = *sci;
	pm->ctl = *ctl;
	pm->clock = *clock;
}

/* --- state --- */

#define PM_STATE(F, T)                     \
	F(T, sci, OWNS, 0)                 \
	F(T, ctl, OWNS, 0)                 \
	F(T, clock, OWNS, 0)               \
	F(T, pm1_sts, SAVED, STATE_ANY)    \
	F(T, pm1_en, SAVED, STATE_ANY)     \
	F(T, pm1_cnt, SAVED, STATE_ANY)    \
	F(T, gpe_sts, SAVED, STATE_ANY)    \
	F(T, gpe_en, SAVED, STATE_ANY)     \
	F(T, reset_ctl, SAVED, RESET_KEPT) \
	F(T, sci_level, OWN, 0)            \
	F(T, for_rom, SAME, 1)
STATE_TYPE(pm_type, struct pm, PM_STATE, "pm", 1);

int
pm_state(struct pm *pm, struct state *st)
{
	if (state_struct(st, &pm_type, pm) < 0 || !st->loading)
		return (st->rc);
	if ((pm->pm1_sts & ~PM1_STS_MASK) != 0 || (pm->pm1_en & ~PM1_EN_MASK) != 0 ||
	    (pm->gpe_sts & ~GPE_MASK) != 0 || (pm->gpe_en & ~GPE_MASK) != 0)
		return (state_refuse(st, EINVAL, "events that are not there"));
	update_sci(pm);
	return (0);
}
