/* SPDX-License-Identifier: MIT */
/*
 * Reaching configuration space: through the ports 0xcf8 and 0xcfc, or through memory (ECAM).
 *
 * The ports serve the first 256 bytes of segment 0 where the machine has them, for they need no
 * mapping; ECAM serves the rest. The host's tests bring their own.
 */
#ifndef KERNEL_DEVICE_PCI_ACCESS_H
#define KERNEL_DEVICE_PCI_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "device/acpi_windows.h"
#include "device/mcfg.h"

#define PCI_SEGMENTS_MAX 8
#define PCI_WINDOWS_MAX  8

/* One function's place. */
struct pci_place {
	uint16_t segment;
	uint8_t bus;
	uint8_t slot_function; /* slot << 3 | function */
};

/* Find the ways. Returns how many segments there are: 0 without PCI. */
size_t pci_access_open(void);

/* A segment's number and buses. */
const struct ecam *pci_access_segment(size_t index);

/* offset is a multiple of size (1, 2, 4). What cannot be reached reads as ones. */
uint32_t pci_access_read(struct pci_place place, uint32_t offset, uint32_t size);
void pci_access_write(struct pci_place place, uint32_t offset, uint32_t size, uint32_t value);

/* Addresses for devices that firmware left without: how many windows, at most max. */
size_t pci_access_windows(struct address_window *windows, size_t max);

#endif
