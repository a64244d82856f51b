/* SPDX-License-Identifier: MIT */
/*
 * A guest switches off the first PCI Express slot that it finds: what is in there is gone.
 */
#ifndef TESTS_PULL_OUT_H
#define TESTS_PULL_OUT_H

#include <baremetal/pci.h>

/* PCI Express Base Specification, 7.8.10: slot control. */
#define PCI_CAPABILITIES   0x34
#define CAPABILITY_PCIE    0x10
#define PCIE_SLOT_CONTROL  0x18
#define SLOT_POWER_OFF     (1u << 10)
#define SLOT_INDICATOR_OFF (3u << 8)

/* The bridge above the device: its slot goes off. */
static int pull_out(void)
{
	struct bm_pci_info info;
	for (int i = 0; i < bm_pci_count(); i++) {
		uint32_t at = 0, id, value;
		bm_pci_info(i, &info);
		if (info.header_type != 1 || !info.secondary_bus)
			continue;
		bm_pci_read(i, PCI_CAPABILITIES, 1, &at);
		while (at) {
			bm_pci_read(i, at, 2, &id);
			if ((id & 0xff) == CAPABILITY_PCIE) {
				bm_pci_read(i, at + PCIE_SLOT_CONTROL, 2, &value);
				value |= SLOT_POWER_OFF | SLOT_INDICATOR_OFF;
				return bm_pci_write(i, at + PCIE_SLOT_CONTROL, 2, value);
			}
			at = id >> 8;
		}
	}
	return -1;
}

#endif
