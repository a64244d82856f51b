/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs that ACPI lists: the MADT (ACPI 6.5, section 5.2.12.3). Pure: runs on the host
 * under tests and the fuzzer.
 */
#ifndef KERNEL_DEVICE_MADT_IO_H
#define KERNEL_DEVICE_MADT_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_apic {
	uint32_t address; /* physical */
	uint32_t first;   /* global interrupt number of its first input */
};

/*
 * The one with the highest first number that is not above `interrupt`: if any has it, this one.
 * Takes the table with its header; stops at an entry that does not fit. False if there is none.
 */
bool madt_find_io_apic(const uint8_t *table, size_t size, uint32_t interrupt, struct io_apic *io);

/* Does the table say that the machine has no pair of 8259 controllers? */
bool madt_lacks_legacy(const uint8_t *table, size_t size);

#endif
