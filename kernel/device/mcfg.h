/* SPDX-License-Identifier: MIT */
/*
 * Where configuration space is in memory: ACPI's MCFG (PCI Firmware Specification 3.2, section
 * 4.1.2). Pure: runs on the host under tests and the fuzzer.
 */
#ifndef KERNEL_DEVICE_MCFG_H
#define KERNEL_DEVICE_MCFG_H

#include <stddef.h>
#include <stdint.h>

/* Buses of a segment whose configuration space lies at base + (bus << 20 | …), base being bus 0's.
 */
struct ecam {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
};

/*
 * Takes the table with its header. Entries that cannot be (buses the wrong way round, an odd base,
 * one that wraps round, a segment twice) are left out. Returns how many, at most max.
 */
size_t mcfg_parse(const uint8_t *table, size_t size, struct ecam *ecams, size_t max);

#endif
