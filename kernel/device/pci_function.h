/* SPDX-License-Identifier: MIT */
/*
 * What the files of PCI share: the list of functions that were found.
 */
#ifndef KERNEL_DEVICE_PCI_FUNCTION_H
#define KERNEL_DEVICE_PCI_FUNCTION_H

#include "device/pci.h"
#include "device/pci_access.h"

struct pci_function {
	struct bm_device device; /* first: the one of the other */
	struct bm_pci_info info;
	struct pci_place place;
	uint8_t last_bus; /* of a bridge: the highest behind it */
	struct pci_function *next;
};

/* All, in order of address. */
extern struct pci_function *pci_functions;
extern uint32_t pci_function_count;

/* Read the base address registers: what is there, and where. Nothing is trusted to make sense. */
void pci_read_bars(struct pci_function *function);

/* Give addresses to what firmware left without, where windows are known. */
void pci_place_all(void);

static inline uint32_t pci_get(const struct pci_function *f, uint32_t offset, uint32_t size)
{
	return pci_access_read(f->place, offset, size);
}

static inline void pci_set(const struct pci_function *f, uint32_t offset, uint32_t size,
			   uint32_t value)
{
	pci_access_write(f->place, offset, size, value);
}

#endif
