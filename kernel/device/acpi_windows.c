/* SPDX-License-Identifier: MIT */
/*
 * Address windows in a DSDT. Contract: acpi_windows.h.
 */
#include "device/acpi_windows.h"
#include <string.h>

#define TAG_DWORD     0x87
#define TAG_QWORD     0x8a
#define LENGTH_DWORD  0x17
#define LENGTH_QWORD  0x2b
#define TYPE_MEMORY   0
#define FLAG_CONSUMER 1 /* the device's own registers, not a window through it */
#define HEADER        6 /* tag, length, type, flags, flags of the type */
#define MIB           0x100000ul
#define ADDRESS_MAX   (1ul << 52)

/* 20.2 */
#define AML_NAME   0x08
#define AML_DWORD  0x0c
#define AML_QWORD  0x0e
#define AML_RETURN 0xa4

/* Field N behind the header: granularity, minimum, maximum, translation, length. */
static uint64_t field(const uint8_t *descriptor, unsigned bytes, unsigned n)
{
	uint64_t value = 0;
	memcpy(&value, descriptor + HEADER + n * bytes, bytes);
	return value;
}

/* The memory descriptor at a place of the table. False: there is none, or it makes no sense. */
static bool parse(const uint8_t *d, size_t left, struct address_window *window)
{
	unsigned length = d[0] == TAG_DWORD ? LENGTH_DWORD : LENGTH_QWORD;
	unsigned bytes = d[0] == TAG_DWORD ? 4 : 8;
	if ((d[0] != TAG_DWORD && d[0] != TAG_QWORD) || left < 3 + length || d[1] != length ||
	    d[2] || d[3] != TYPE_MEMORY || d[4] & FLAG_CONSUMER)
		return false;
	uint64_t low = field(d, bytes, 1), high = field(d, bytes, 2);
	*window = (struct address_window){low, high + 1};
	return low >= MIB && high > low && high < ADDRESS_MAX &&
	       field(d, bytes, 4) == high - low + 1 && field(d, bytes, 3) == 0 &&
	       high - low + 1 >= MIB;
}

size_t acpi_find_windows(const uint8_t *table, size_t size, struct address_window *windows,
			 size_t max)
{
	size_t count = 0;
	for (size_t at = 0; at < size && count < max; at++)
		count += parse(table + at, size - at, &windows[count]);
	return count;
}

/* 20.2.3: an integer constant. */
static bool constant(const uint8_t *aml, size_t left, uint64_t *value)
{
	size_t bytes = left && aml[0] == AML_DWORD ? 4 : left && aml[0] == AML_QWORD ? 8 : 0;
	*value = 0;
	if (!bytes || left < 1 + bytes)
		return false;
	memcpy(value, aml + 1, bytes);
	return true;
}

bool acpi_find_ecam(const uint8_t *table, size_t size, struct ecam *ecam)
{
	uint64_t base = 0;
	bool found = false;
	/* Name (_CBA, constant), or Method (_CBA) { Return (constant) }. */
	for (size_t at = 1; size >= 8 && at < size - 7 && !found; at++) {
		const uint8_t *aml = table + at;
		if (memcmp(aml, "_CBA", 4) != 0)
			continue;
		found = aml[-1] == AML_NAME
			    ? constant(aml + 4, size - at - 4, &base)
			    : aml[5] == AML_RETURN && constant(aml + 6, size - at - 6, &base);
		found = found && base >= MIB && base < ADDRESS_MAX && base % MIB == 0;
	}
	if (!found)
		return false;
	*ecam = (struct ecam){base, 0, 0, 0};
	for (size_t at = 0; at < size; at++) {
		struct address_window window;
		if (!parse(table + at, size - at, &window) || window.start != base)
			continue;
		uint64_t buses = (window.end - window.start) / MIB;
		ecam->last_bus = buses < 256 ? buses - 1 : 255;
		break;
	}
	return true;
}
