/* SPDX-License-Identifier: MIT */
/*
 * The MADT's I/O APICs. Contract: madt_io.h.
 */
#include "device/madt_io.h"
#include <string.h>

#define FLAGS_AT          40
#define FLAGS_PCAT_COMPAT 1u /* 5.2.12: a dual-8259 set-up is there */
#define ENTRIES_AT        44

#define TYPE_IO_APIC 1
struct io_apic_entry { /* 5.2.12.3 */
	uint8_t type, length, id, reserved;
	uint32_t address, first;
};
_Static_assert(sizeof(struct io_apic_entry) == 12, "firmware's layout");

bool madt_find_io_apic(const uint8_t *table, size_t size, uint32_t interrupt, struct io_apic *io)
{
	bool found = false;
	for (size_t at = ENTRIES_AT; at < size && size - at >= 2; at += table[at + 1]) {
		size_t length = table[at + 1];
		struct io_apic_entry entry;
		if (length < 2 || length > size - at)
			break;
		if (table[at] != TYPE_IO_APIC || length < sizeof entry)
			continue;
		memcpy(&entry, table + at, sizeof entry);
		if (entry.first > interrupt || (found && entry.first < io->first))
			continue;
		*io = (struct io_apic){entry.address, entry.first};
		found = true;
	}
	return found;
}

bool madt_lacks_legacy(const uint8_t *table, size_t size)
{
	uint32_t flags;
	if (size < FLAGS_AT + sizeof flags)
		return false;
	memcpy(&flags, table + FLAGS_AT, sizeof flags);
	return !(flags & FLAGS_PCAT_COMPAT);
}
