/* SPDX-License-Identifier: MIT */
/*
 * The pure half of ACPI: from bytes to facts.
 *
 * Each function takes a buffer and its size, reads nothing else and maps
 * nothing, so that it runs on the host under tests and fuzzers as well.
 */
#ifndef KERNEL_DEVICE_ACPI_PARSE_H
#define KERNEL_DEVICE_ACPI_PARSE_H

#include "device/acpi.h"

#define ACPI_HEADER_SIZE 36        /* the header that all tables but RSDP and FACS share */
#define ACPI_RSDP_SIZE   36        /* of version 2; version 1 has the first 20 bytes */
#define ACPI_TABLE_MAX   (4 << 20) /* bytes; a longer table is taken for nonsense */

/* The list of tables. */
struct acpi_root {
	uint64_t address;
	unsigned entry_size; /* bytes: 4 in the RSDT, 8 in the XSDT */
};

/* Check an RSDP (signature, length, checksums) and say where the list of tables is. */
bool acpi_parse_rsdp(const uint8_t *rsdp, size_t size, struct acpi_root *root);

/* The length that a table's header claims, or 0 if it is not plausible. */
size_t acpi_table_length(const uint8_t header[ACPI_HEADER_SIZE]);

/* All bytes add up to 0. */
bool acpi_checksum_good(const uint8_t *table, size_t size);

/* The facts in a FADT; fields that a short one lacks count as 0. False if it is too short. */
bool acpi_parse_fadt(const uint8_t *table, size_t size, struct acpi_facts *facts);

/* Find \_S5's two sleep types in a DSDT (header included) and put them into the facts. */
bool acpi_parse_s5(const uint8_t *table, size_t size, struct acpi_facts *facts);

#endif
