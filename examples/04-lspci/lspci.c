/* SPDX-License-Identifier: MIT */
/*
 * What is on the PCI buses: a line a function, as `lspci` prints it elsewhere, and with -v its
 * register blocks, interrupts and driver. Then the block devices that drivers have found.
 *
 * Names are those of classes alone; a list of all makers and products would be larger than the
 * kernel.
 */
#include <baremetal/block.h>
#include <baremetal/pci.h>
#include <stdio.h>
#include <string.h>

/* PCI Code and ID Assignment Specification: base class << 8 | subclass, and some interfaces. */
static const struct {
	unsigned code, digits; /* hexadecimal digits of six that count */
	const char *name;
} classes[] = {
    {0x010802, 6, "NVMe controller"},
    {0x010601, 6, "AHCI controller"},
    {0x0c0330, 6, "USB controller (xHCI)"},
    {0x0c0320, 6, "USB controller (EHCI)"},
    {0x0c0300, 6, "USB controller (UHCI)"},
    {0x0100, 4, "SCSI controller"},
    {0x0101, 4, "IDE controller"},
    {0x0104, 4, "RAID controller"},
    {0x0106, 4, "SATA controller"},
    {0x0108, 4, "non-volatile memory controller"},
    {0x01, 2, "storage controller"},
    {0x0200, 4, "Ethernet controller"},
    {0x02, 2, "network controller"},
    {0x0300, 4, "VGA controller"},
    {0x03, 2, "display controller"},
    {0x0403, 4, "audio device"},
    {0x04, 2, "multimedia controller"},
    {0x0500, 4, "memory"},
    {0x0600, 4, "host bridge"},
    {0x0601, 4, "ISA bridge"},
    {0x0604, 4, "PCI bridge"},
    {0x06, 2, "bridge"},
    {0x07, 2, "communication controller"},
    {0x08, 2, "system device"},
    {0x09, 2, "input device"},
    {0x0c03, 4, "USB controller"},
    {0x0c05, 4, "SMBus controller"},
    {0x0c, 2, "serial bus controller"},
    {0x12, 2, "processing accelerator"},
    {0x00, 2, "device of no class"},
};

static const char *class_name(unsigned code)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (code >> (24 - 4 * classes[i].digits) == classes[i].code)
			return classes[i].name;
	return "device of an unknown class";
}

static void print_size(unsigned long size)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
	int unit = 0;
	for (; size >= 1024 && unit < 3; unit++)
		size /= 1024;
	printf("%lu %s", size, units[unit]);
}

static void print_details(const struct bm_pci_info *info)
{
	if (info->header_type == 1)
		printf("        bus behind it: %02x\n", info->secondary_bus);
	if (info->subsystem_vendor)
		printf("        subsystem %04x:%04x\n", info->subsystem_vendor,
		       info->subsystem_device);
	for (int i = 0; i < BM_PCI_BARS; i++) {
		const struct bm_pci_bar *bar = &info->bars[i];
		if (!bar->size)
			continue;
		printf("        region %d: %s ", i,
		       bar->flags & BM_PCI_BAR_IO ? "ports" : "memory");
		if (bar->flags & BM_PCI_BAR_UNPLACED)
			printf("without an address");
		else
			printf("at 0x%lx", (unsigned long)bar->address);
		printf("%s%s, ", bar->flags & BM_PCI_BAR_64 ? ", 64-bit" : "",
		       bar->flags & BM_PCI_BAR_PREFETCHABLE ? ", prefetchable" : "");
		print_size(bar->size);
		putchar('\n');
	}
	if (info->msix_vectors)
		printf("        MSI-X: %u messages\n", info->msix_vectors);
	if (info->msi_vectors)
		printf("        MSI: %u messages\n", info->msi_vectors);
	if (info->interrupt_pin)
		printf("        interrupt pin %c, line %u\n", 'A' + info->interrupt_pin - 1,
		       info->interrupt_line);
	if (info->driver)
		printf("        driver: %s\n", info->driver);
}

static void print_disks(void)
{
	for (int i = 0; i < bm_block_count(); i++) {
		struct bm_block_info info;
		if (bm_block_info(i, &info))
			continue;
		printf("%-14s %s: ", info.name, info.address);
		print_size(info.sectors * info.sector_size);
		printf(", sectors of %u bytes%s%s", info.sector_size,
		       info.flags & BM_BLOCK_READ_ONLY ? ", read-only" : "",
		       info.flags & BM_BLOCK_WRITE_CACHE ? ", write cache" : "");
		if (info.model[0])
			printf(", %s", info.model);
		if (info.serial[0])
			printf(", serial number %s", info.serial);
		putchar('\n');
	}
}

int main(int argc, char **argv)
{
	int details = argc > 1 && !strcmp(argv[1], "-v"), count = bm_pci_count();

	for (int i = 0; i < count; i++) {
		struct bm_pci_info info;
		if (bm_pci_info(i, &info))
			continue;
		printf("%s %04x: %s %04x:%04x (revision %u)\n", info.address, info.class_code >> 8,
		       class_name(info.class_code), info.vendor, info.device, info.revision);
		if (details)
			print_details(&info);
	}
	print_disks();
	printf("%d PCI functions, %d block devices\n", count, bm_block_count());
	return 0;
}
