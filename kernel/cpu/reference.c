/* SPDX-License-Identifier: MIT */
/*
 * Reference timers: ACPI PM timer, PIT, HPET. Each is started if need be and
 * then only read; none raises an interrupt that anyone waits for.
 *
 * QEMU: `-M pc` and `-M q35` have all three, `-M microvm` the PIT alone.
 */
#include "cpu/reference.h"

#include <string.h>

#include "cpu/cpu.h"
#include "device/acpi.h"
#include "memory/page.h"

/* ACPI PM timer (ACPI 6.5, 4.8.2.1): 3.579545 MHz, which is 315/88. */
#define PM_TIMER_NUMERATOR   17600
#define PM_TIMER_DENOMINATOR 63

static uint32_t pm_timer_read(void)
{
	return in32(acpi_facts.pm_timer_port);
}

static bool pm_timer_start(struct reference *reference)
{
	(void)reference;
	return acpi_facts.pm_timer_port;
}

/* PIT (Intel 8254 data sheet): 1.193182 MHz, which is 105/88. Channel 0 counts down from 65536. */
#define PIT_NUMERATOR      17600
#define PIT_DENOMINATOR    21
#define PIT_CHANNEL0       0x40
#define PIT_CONTROL        0x43
#define PIT_CONTROL_LATCH0 0x00
#define PIT_CONTROL_MODE2  0x34 /* channel 0, low byte then high, rate generator */

static uint32_t pit_read(void)
{
	out8(PIT_CONTROL, PIT_CONTROL_LATCH0);
	uint32_t low = in8(PIT_CHANNEL0);
	return -(low | (uint32_t)in8(PIT_CHANNEL0) << 8);
}

static bool pit_start(struct reference *reference)
{
	(void)reference;
	out8(PIT_CONTROL, PIT_CONTROL_MODE2);
	out8(PIT_CHANNEL0, 0);
	out8(PIT_CHANNEL0, 0);
	return true;
}

/* HPET (IA-PC HPET specification 1.0a, 2.3 and 3.2.4). */
#define HPET_TABLE_ADDRESS  44 /* in its ACPI table */
#define HPET_TABLE_SPACE    40
#define HPET_SIZE           0x400
#define HPET_PERIOD         0x004 /* femtoseconds a tick */
#define HPET_PERIOD_MAX     100000000
#define HPET_CONFIG         0x010
#define HPET_CONFIG_ENABLE  (1 << 0)
#define HPET_COUNTER        0x0f0
#define FEMTOSECONDS_PER_NS 1000000

static volatile uint8_t *hpet;

static volatile uint32_t *hpet_register(unsigned offset)
{
	return (volatile uint32_t *)(hpet + offset);
}

static uint32_t hpet_read(void)
{
	return *hpet_register(HPET_COUNTER);
}

static bool hpet_start(struct reference *reference)
{
	size_t size;
	uint64_t address;
	const uint8_t *table = acpi_find("HPET", &size);

	if (!table || size < HPET_TABLE_ADDRESS + sizeof(address) ||
	    table[HPET_TABLE_SPACE] != ACPI_SPACE_MEMORY)
		return false;
	memcpy(&address, table + HPET_TABLE_ADDRESS, sizeof(address));
	if (!address || address % 8 ||
	    !(hpet = page_map_device(address, HPET_SIZE, PAGE_WRITE | PAGE_UNCACHED)))
		return false;
	reference->numerator = *hpet_register(HPET_PERIOD);
	*hpet_register(HPET_CONFIG) |= HPET_CONFIG_ENABLE;
	return reference->numerator && reference->numerator <= HPET_PERIOD_MAX;
}

/* The PM timer may have 32 bits; 24 are enough. */
static struct reference references[] = {
    {"tsc (acpi-pm)", PM_TIMER_NUMERATOR, PM_TIMER_DENOMINATOR, 0xffffff, pm_timer_start,
     pm_timer_read},
    {"tsc (pit)", PIT_NUMERATOR, PIT_DENOMINATOR, 0xffff, pit_start, pit_read},
    {"tsc (hpet)", 0, FEMTOSECONDS_PER_NS, 0xffffffff, hpet_start, hpet_read},
};

const struct reference *reference_next(void)
{
	static unsigned next;

	while (next < sizeof(references) / sizeof(*references)) {
		struct reference *reference = &references[next++];
		if (reference->start(reference))
			return reference;
	}
	return NULL;
}
