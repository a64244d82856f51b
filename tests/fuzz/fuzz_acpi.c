/* SPDX-License-Identifier: MIT */
/*
 * ACPI from the RSDP on: list of tables, FADT, any table by name, \_S5. The input is
 * memory at FUZZ_BASE and at 0; its RSDP is given (the first bytes), then scanned for.
 *
 * Kernel sources: device/acpi.c (included here), device/acpi_parse.c.
 */
#include "device/acpi.c"

#include "memory.h"

const void *page_map_firmware(uint64_t physical, uint64_t size)
{
	/* While scanning, the BIOS area is as much of the input as fits. */
	static uint8_t area[BIOS_AREA_SIZE];
	if (physical != BIOS_AREA)
		return fuzz_map(physical < FUZZ_BASE ? physical + FUZZ_BASE : physical, size);
	memset(area, 0, sizeof(area));
	memcpy(area, fuzz_data, fuzz_size < size ? fuzz_size : size);
	return area;
}

void log_line(int level, const char *format, ...)
{
	(void)level, (void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_facts facts = {0};
	size_t found;

	fuzz_memory(data, size);
	for (int scan = 0; scan < 2; scan++) {
		acpi_facts = facts;
		root_count = 0;
		acpi_init(scan ? 0 : FUZZ_BASE, scan);
		if (acpi_find_s5() && (acpi_facts.s5_type_a > 7 || acpi_facts.s5_type_b > 7))
			__builtin_trap();
		if (acpi_find("HPET", &found) && found < ACPI_HEADER_SIZE)
			__builtin_trap();
		fuzz_unmap();
	}
	/* The parsers of bytes alone go deep without the list of tables. */
	acpi_parse_fadt(data, size, &facts);
	acpi_parse_s5(data, size, &facts);
	return 0;
}
