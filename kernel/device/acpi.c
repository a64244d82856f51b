/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables: find, map and check them. What their bytes mean is acpi_parse.c's
 * business. At boot only the RSDP, the list of tables and the FADT are touched.
 */
#include "device/acpi.h"

#include <string.h>

#include "console/log.h"
#include "device/acpi_parse.h"
#include "memory/page.h"

/* Where a BIOS leaves the RSDP (ACPI 6.5, 5.2.5.1), always on a 16-byte boundary. */
#define BIOS_EBDA_SEGMENT 0x40e
#define BIOS_EBDA_SIZE    0x400
#define BIOS_AREA         0xe0000
#define BIOS_AREA_SIZE    0x20000

struct acpi_facts acpi_facts;

static const uint8_t *root_entries;
static size_t root_count;
static unsigned root_entry_size;

/* Map a whole table; NULL, with a line in the log, if it is not what it should be. */
static const uint8_t *map_table(uint64_t address, size_t *size)
{
	const uint8_t *table = page_map_firmware(address, ACPI_HEADER_SIZE);

	*size = table ? acpi_table_length(table) : 0;
	if (*size) {
		table = page_map_firmware(address, *size);
		if (table && acpi_checksum_good(table, *size))
			return table;
	}
	log_warning("acpi: broken table at 0x%lx ignored", address);
	return NULL;
}

const void *acpi_find(const char signature[4], size_t *size)
{
	for (size_t i = 0; i < root_count; i++) {
		uint64_t address = 0;
		const uint8_t *table;

		memcpy(&address, root_entries + i * root_entry_size, root_entry_size);
		table = address ? page_map_firmware(address, ACPI_HEADER_SIZE) : NULL;
		if (!table || memcmp(table, signature, 4) != 0)
			continue;
		table = map_table(address, size);
		if (table)
			return table;
	}
	return NULL;
}

const void *acpi_map_dsdt(size_t *size)
{
	return acpi_facts.dsdt ? map_table(acpi_facts.dsdt, size) : NULL;
}

bool acpi_find_s5(void)
{
	size_t size;
	const uint8_t *table;

	if (acpi_facts.s5_valid || !acpi_facts.dsdt)
		return acpi_facts.s5_valid;
	table = map_table(acpi_facts.dsdt, &size);
	return table && acpi_parse_s5(table, size, &acpi_facts);
}

static bool scan(uint64_t start, size_t size, struct acpi_root *root)
{
	const uint8_t *area = page_map_firmware(start, size);

	for (size_t i = 0; area && i < size; i += 16)
		if (area[i] == 'R' && acpi_parse_rsdp(area + i, size - i, root))
			return true;
	return false;
}

static bool scan_bios(struct acpi_root *root)
{
	const uint8_t *pointer = page_map_firmware(BIOS_EBDA_SEGMENT, 2);

	return (pointer && scan((pointer[0] | pointer[1] << 8) << 4, BIOS_EBDA_SIZE, root)) ||
	       scan(BIOS_AREA, BIOS_AREA_SIZE, root);
}

void acpi_init(uint64_t rsdp, bool may_scan)
{
	struct acpi_root root;
	const uint8_t *table = rsdp ? page_map_firmware(rsdp, ACPI_RSDP_SIZE) : NULL;
	size_t size;

	if (!(table && acpi_parse_rsdp(table, ACPI_RSDP_SIZE, &root)) &&
	    !(may_scan && scan_bios(&root))) {
		log_info("acpi: none");
		return;
	}
	table = map_table(root.address, &size);
	if (!table)
		return;
	root_entries = table + ACPI_HEADER_SIZE;
	root_count = (size - ACPI_HEADER_SIZE) / root.entry_size;
	root_entry_size = root.entry_size;
	table = acpi_find("FACP", &size);
	if (!table || !acpi_parse_fadt(table, size, &acpi_facts)) {
		log_warning("acpi: no usable FADT");
		return;
	}
	log_info("acpi: %zu tables listed at 0x%lx", root_count, root.address);
}
