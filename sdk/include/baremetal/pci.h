/* SPDX-License-Identifier: MIT */
/*
 * PCI and PCI Express: what is plugged in, configuration space, registers.
 *
 *     for (int i = 0; i < bm_pci_count(); i++) {
 *             struct bm_pci_info info;
 *             bm_pci_info(i, &info);
 *             printf("%s %04x:%04x\n", info.address, info.vendor, info.device);
 *     }
 *
 * Nothing is looked for at boot: the first call of any function here, or of
 * <baremetal/block.h>, finds all buses, gives places to what firmware left without, and starts the
 * drivers. Other cores wait meanwhile. How to write a driver: <baremetal/driver.h>.
 */
#ifndef BAREMETAL_PCI_H
#define BAREMETAL_PCI_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/** Base address registers of a device; a bridge has two of them. */
#define BM_PCI_BARS 6

/** What a base address register is. */
enum bm_pci_bar_flags {
	BM_PCI_BAR_IO = 1,           /* ports; else memory */
	BM_PCI_BAR_64 = 2,           /* may lie above 4 GiB; takes the next register as well */
	BM_PCI_BAR_PREFETCHABLE = 4, /* memory without side effects of reading */
	BM_PCI_BAR_UNPLACED = 8,     /* has no address: no window was known that has room */
};

/** One base address register. */
struct bm_pci_bar {
	uint64_t address;  /* physical address or port; 0 if unplaced */
	uint64_t size;     /* bytes; 0: the device does not have this one */
	uint32_t flags;    /* enum bm_pci_bar_flags */
	uint32_t reserved; /* 0 */
};

/** One function of a device, as found at discovery. */
struct bm_pci_info {
	char address[16];          /* "00:1f.2"; with a segment other than 0 "0001:00:1f.2" */
	uint16_t segment;          /* group of buses, mostly 0 */
	uint8_t bus;               /* 0 to 255 */
	uint8_t slot;              /* 0 to 31 */
	uint8_t function;          /* 0 to 7 */
	uint8_t header_type;       /* 0 device, 1 PCI bridge, 2 CardBus bridge */
	uint16_t vendor;           /* who made it */
	uint16_t device;           /* which of that maker's */
	uint16_t subsystem_vendor; /* 0 for bridges */
	uint16_t subsystem_device; /* 0 for bridges */
	uint32_t class_code;       /* base class << 16 | subclass << 8 | interface */
	uint8_t revision;          /* of the device */
	uint8_t interrupt_line;    /* as firmware set it */
	uint8_t interrupt_pin;     /* 1 to 4: A to D, 0: none */
	uint8_t secondary_bus;     /* of a bridge, else 0 */
	uint16_t msi_vectors;      /* messages that it can send; 0: none of that kind */
	uint16_t msix_vectors;     /* likewise, with MSI-X */
	uint16_t pcie;             /* 1: has a PCI Express capability */
	uint16_t reserved;         /* 0 */
	const char *driver;        /* the driver that has it, NULL: none. Constant, for ever */
	struct bm_pci_bar bars[BM_PCI_BARS]; /* base address registers */
};

/**
 * Count the functions found.
 * @return how many, 0 on a machine without PCI. Any core. The first call discovers, which may take
 *         seconds where a device does not answer; later ones never block.
 */
static inline int bm_pci_count(void)
{
	return bm_api->pci_count();
}

/**
 * Describe a function.
 * @param index  0 … bm_pci_count() - 1, in order of address.
 * @param info   the caller's; filled.
 * @return 0; -BM_EINVAL if there is none of this number. As bm_pci_count().
 */
static inline int bm_pci_info(uint32_t index, struct bm_pci_info *info)
{
	return bm_api->pci_info(index, info);
}

/**
 * Read configuration space.
 * @param index   the function.
 * @param offset  bytes, a multiple of the size; below 256, or 4,096 where the machine has ECAM.
 * @param size    1, 2 or 4 bytes.
 * @param value   receives them, little-endian as the device has them; all ones where there is
 *                nothing.
 * @return 0; -BM_EINVAL if an argument is not as said. Any core, never blocks.
 */
static inline int bm_pci_read(uint32_t index, uint32_t offset, uint32_t size, uint32_t *value)
{
	return bm_api->pci_read(index, offset, size, value);
}

/**
 * Write configuration space, as bm_pci_read() reads it. Nothing keeps you from taking a device away
 * from its driver.
 * @return 0 or -BM_EINVAL.
 */
static inline int bm_pci_write(uint32_t index, uint32_t offset, uint32_t size, uint32_t value)
{
	return bm_api->pci_write(index, offset, size, value);
}

/**
 * Make a memory register block accessible, uncached, and switch the function's memory decoding on.
 * @param index  the function.
 * @param bar    0 to 5.
 * @return its address, the same at each call, valid for ever; the size stands in bm_pci_info. NULL
 *         if that register is none of memory, is unplaced, or if there is no memory for page
 *         tables. Any core, never blocks.
 */
static inline volatile void *bm_pci_map(uint32_t index, uint32_t bar)
{
	return bm_api->pci_map(index, bar);
}

#endif
