/* SPDX-License-Identifier: MIT */
/*
 * The cores that ACPI lists: the MADT (ACPI 6.5, section 5.2.12). Pure: runs on
 * the host under tests and the fuzzer.
 */
#ifndef KERNEL_DEVICE_MADT_H
#define KERNEL_DEVICE_MADT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The APIC numbers of all enabled cores, each once, in the table's order. Takes
 * the table with its header; stops at an entry that does not fit. Returns how many, at most max.
 */
size_t madt_parse(const uint8_t *table, size_t size, uint32_t *ids, size_t max);

#endif
