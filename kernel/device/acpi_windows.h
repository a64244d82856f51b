/* SPDX-License-Identifier: MIT */
/*
 * Which physical addresses PCI devices may have, from the DSDT. Pure: runs on the host under tests
 * and the fuzzer.
 *
 * There is no AML interpreter: the resource descriptors of the host bridge's _CRS are found by
 * their encoding (ACPI 6.5, sections 6.4.3.5.1 and 6.4.3.5.2), as constants in the table. A host
 * bridge that computes its windows is not understood; then nothing is placed.
 */
#ifndef KERNEL_DEVICE_ACPI_WINDOWS_H
#define KERNEL_DEVICE_ACPI_WINDOWS_H

#include "device/mcfg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_window {
	uint64_t start, end; /* end: the first address behind it */
};

/* Memory windows of at least 1 MiB, above the first megabyte. Returns how many, at most max. */
size_t acpi_find_windows(const uint8_t *table, size_t size, struct address_window *windows,
			 size_t max);

/*
 * Configuration space in memory where there is no MCFG (PCI Firmware Specification 3.2, section
 * 4.1.3): the constant that \_CBA is or returns, of segment 0. Its buses are as many as a memory
 * descriptor that begins there has room for, else bus 0 alone. False if there is none.
 */
bool acpi_find_ecam(const uint8_t *table, size_t size, struct ecam *ecam);

#endif
