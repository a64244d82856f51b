/* SPDX-License-Identifier: MIT */
/*
 * PCI and PCI Express for drivers: configuration space, capabilities, register blocks.
 * PCI Local Bus Specification 3.0; PCI Express Base Specification. The API's: <baremetal/pci.h>.
 *
 * Found by devices_start(); what firmware left without an address has one when a driver sees it.
 */
#ifndef KERNEL_DEVICE_PCI_H
#define KERNEL_DEVICE_PCI_H

#include "device/driver.h"
#include <baremetal/pci.h>

/* Configuration space: offset is a multiple of size (1, 2 or 4), below 256, or 4,096 with ECAM;
 * beyond that, reads give all ones and writes are nothing. */
uint32_t pci_config_read(const struct bm_device *device, uint32_t offset, uint32_t size);
void pci_config_write(const struct bm_device *device, uint32_t offset, uint32_t size,
		      uint32_t value);

/* The offset of a capability in the list (bounded: at most 48 steps), 0 if there is none. `after`:
 * 0, or the offset of the one to go on from. */
uint32_t pci_capability(const struct bm_device *device, uint8_t id, uint32_t after);

/* What stands in a base address register. NULL: beyond the sixth. */
const struct bm_pci_bar *pci_bar(const struct bm_device *device, uint32_t bar);

/*
 * Map [offset, offset + bytes) of a memory register block, uncached, and switch decoding on. bytes
 * 0: to its end. NULL if that is not all inside of it, if it is of ports, or not placed.
 */
volatile void *pci_map_bar(const struct bm_device *device, uint32_t bar, uint64_t offset,
			   uint64_t bytes);

/* Ports of an I/O register block, decoding switched on; 0 if it is none or smaller than `bytes`. */
uint16_t pci_ports(const struct bm_device *device, uint32_t bar, uint32_t bytes);

/* Let it read and write memory by itself, or not. Off until a driver wants it. */
void pci_master(const struct bm_device *device, bool on);

/* ---- For the registry and the API ---- */

void pci_find_all(void);
int pci_count(void);
int pci_info(uint32_t index, struct bm_pci_info *info);
int pci_read(uint32_t index, uint32_t offset, uint32_t size, uint32_t *value);
int pci_write(uint32_t index, uint32_t offset, uint32_t size, uint32_t value);
volatile void *pci_map(uint32_t index, uint32_t bar);

#endif
