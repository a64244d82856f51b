/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.5, chapter 5): finding, checking and a few facts from them.
 *
 * No AML interpreter: the sleep type of \_S5 is found by its encoding, as other
 * small kernels do. Every length and checksum is checked before use.
 */
#ifndef KERNEL_DEVICE_ACPI_H
#define KERNEL_DEVICE_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A register of one byte (of a generic address structure; ACPI 6.5, 5.2.3.2). */
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1
struct acpi_register {
	uint64_t address; /* 0: absent */
	uint8_t space;    /* ACPI_SPACE_… */
};

/* Facts for the rest of the kernel. All zero where there is no ACPI. Ports are 0 where absent. */
struct acpi_facts {
	uint64_t dsdt;                 /* physical address */
	uint16_t pm_timer_port;        /* 3.579545 MHz counter of 24 bits or more, 32-bit reads */
	uint16_t pm1a_port, pm1b_port; /* PM1 control */
	uint16_t smi_port;             /* takes acpi_enable; 0 if there is no legacy mode */
	uint8_t acpi_enable;
	uint8_t century_register;           /* CMOS index, 0 if none */
	struct acpi_register sleep_control; /* hardware-reduced power-off */
	struct acpi_register reset;
	uint8_t reset_value;
	bool s5_valid;
	uint8_t s5_type_a, s5_type_b; /* from acpi_find_s5() on */
};
extern struct acpi_facts acpi_facts;

/*
 * Find the tables: at rsdp if it is not 0, else by scanning the BIOS area
 * (skipped under UEFI and PVH, which always tell). Logs what it found or why
 * not; never fails.
 */
void acpi_init(uint64_t rsdp, bool may_scan);

/*
 * A table by its four letters, mapped and its checksum verified.
 * Returns NULL if there is none or it is broken. *size receives its length.
 */
const void *acpi_find(const char signature[4], size_t *size);

/* The DSDT, mapped and its checksum verified; NULL if there is none or it is broken. */
const void *acpi_map_dsdt(size_t *size);

/* Look for \_S5 in the DSDT, which is not touched before: fills s5_*. False if it is not there. */
bool acpi_find_s5(void);

#endif
