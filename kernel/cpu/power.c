/* SPDX-License-Identifier: MIT */
/*
 * Power-off and reset, and the status for a host that watches. Each way out is
 * tried in turn; a way that works does not return.
 *
 * QEMU: `-M pc`, `-M q35` (PM1 control), `-M microvm` (sleep control register).
 */
#include "cpu/power.h"

#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "device/acpi.h"
#include "lib/format.h"
#include "memory/page.h"

/* fw_cfg (QEMU, docs/specs/fw_cfg.txt): item 0 is the signature. */
#define FW_CFG_SELECTOR  0x510
#define FW_CFG_DATA      0x511
#define DEBUGCON_PRESENT 0xe9

/* PM1 control (ACPI 6.5, 4.8.3.2.1). */
#define PM1_SCI_ENABLE          (1 << 0)
#define PM1_SLEEP_TYPE          (7 << 10)
#define PM1_SLEEP_TYPE_OF(type) ((type) << 10)
#define PM1_SLEEP_ENABLE        (1 << 13)

/* Sleep control register of hardware-reduced ACPI (4.8.3.7). */
#define SLEEP_TYPE_OF(type) ((type) << 2)
#define SLEEP_ENABLE        (1 << 5)

#define RESET_CONTROL         0xcf9 /* of PC chip sets */
#define RESET_CONTROL_HARD    0x02
#define RESET_CONTROL_TRIGGER 0x04
#define I8042_COMMAND         0x64
#define I8042_COMMAND_RESET   0xfe
#define I8042_INPUT_FULL      0x02

#define SETTLE_US      10000  /* for a command to take effect */
#define ACPI_MODE_US   500000 /* for the firmware to hand over */
#define I8042_READY_US 50000

static void register_write(const struct acpi_register *reg, uint8_t value)
{
	volatile uint8_t *at;

	if (reg->address && reg->space == ACPI_SPACE_IO)
		out8(reg->address, value);
	else if (reg->address &&
		 (at = page_map_device(reg->address, 1, PAGE_WRITE | PAGE_UNCACHED)))
		*at = value;
}

static void pm1_sleep(uint16_t port, uint8_t type)
{
	if (port)
		out16(port,
		      (in16(port) & ~PM1_SLEEP_TYPE) | PM1_SLEEP_TYPE_OF(type) | PM1_SLEEP_ENABLE);
}

/* The PM1 registers listen only once the firmware has let go of them (4.8.2.5). */
static void enter_acpi_mode(void)
{
	uint64_t end = time_monotonic() + ACPI_MODE_US * 1000ul;

	if (!acpi_facts.smi_port || !acpi_facts.acpi_enable ||
	    in16(acpi_facts.pm1a_port) & PM1_SCI_ENABLE)
		return;
	out8(acpi_facts.smi_port, acpi_facts.acpi_enable);
	while (!(in16(acpi_facts.pm1a_port) & PM1_SCI_ENABLE) && time_monotonic() < end)
		cpu_relax();
}

static void acpi_power_off(void)
{
	if (!acpi_find_s5())
		return;
	register_write(&acpi_facts.sleep_control,
		       SLEEP_TYPE_OF(acpi_facts.s5_type_a) | SLEEP_ENABLE);
	if (acpi_facts.pm1a_port) {
		enter_acpi_mode();
		pm1_sleep(acpi_facts.pm1a_port, acpi_facts.s5_type_a);
		pm1_sleep(acpi_facts.pm1b_port, acpi_facts.s5_type_b);
	}
	time_delay_us(SETTLE_US);
}

static bool is_qemu(void)
{
	if (!cpu_features.hypervisor)
		return false;
	out16(FW_CFG_SELECTOR, 0);
	for (const char *c = "QEMU"; *c; c++)
		if (in8(FW_CFG_DATA) != (uint8_t)*c)
			return false;
	return true;
}

static void tell_host(enum power_outcome outcome, int status)
{
	char line[16] = "crash\n";

	if (outcome == POWER_REFUSED)
		format_text(line, sizeof(line), "refused\n");
	else if (outcome == POWER_EXIT)
		format_text(line, sizeof(line), "exit %d\n", status & 0xff);
	if (in8(POWER_STATUS_PORT) == DEBUGCON_PRESENT)
		for (const char *c = line; *c; c++)
			out8(POWER_STATUS_PORT, *c);
	/* QEMU then ends with twice this, plus 1. */
	out8(POWER_QEMU_EXIT_PORT, outcome == POWER_EXIT ? status : 0x7f);
}

_Noreturn void power_end(enum power_outcome outcome, int status)
{
	static const char message[] =
	    "\nThe program has ended. It is safe to switch the machine off.\n";

	if (is_qemu())
		tell_host(outcome, status);
	/* On a real machine the report of a crash stays on the screen. */
	if (outcome == POWER_EXIT || cpu_features.hypervisor)
		acpi_power_off();
	console_confine_unlocked(CONSOLE_WHOLE);
	console_write_unlocked(message, sizeof(message) - 1);
	cpu_halt();
}

_Noreturn void power_reboot(void)
{
	static const struct {
		uint16_t limit;
		uint64_t address;
	} __attribute__((packed)) no_idt = {0};

	register_write(&acpi_facts.reset, acpi_facts.reset_value);
	time_delay_us(SETTLE_US);

	out8(RESET_CONTROL, RESET_CONTROL_HARD);
	out8(RESET_CONTROL, RESET_CONTROL_HARD | RESET_CONTROL_TRIGGER);
	time_delay_us(SETTLE_US);

	for (unsigned us = 0; us < I8042_READY_US && in8(I8042_COMMAND) & I8042_INPUT_FULL; us++)
		time_delay_us(1);
	out8(I8042_COMMAND, I8042_COMMAND_RESET);
	time_delay_us(SETTLE_US);

	/* An exception that finds no handler shuts the processor down, which resets the machine. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	cpu_halt();
}
