/* SPDX-License-Identifier: MIT */
/*
 * The MADT's cores. Contract: madt.h.
 */
#include "device/madt.h"
#include <string.h>

#define ENTRIES_AT 44 /* behind the header, the APIC's address and flags */

enum { TYPE_LOCAL_APIC = 0, TYPE_LOCAL_X2APIC = 9 };
#define ENABLED          1u
#define LOCAL_APIC_ALL   0xffu
#define LOCAL_X2APIC_ALL 0xffffffffu

struct local_apic { /* 5.2.12.2 */
	uint8_t type, length, processor, id;
	uint32_t flags;
};

struct local_x2apic { /* 5.2.12.12 */
	uint8_t type, length;
	uint16_t reserved;
	uint32_t id, flags, processor;
};
_Static_assert(sizeof(struct local_apic) == 8, "firmware's layout");
_Static_assert(sizeof(struct local_x2apic) == 16, "firmware's layout");

size_t madt_parse(const uint8_t *table, size_t size, uint32_t *ids, size_t max)
{
	size_t count = 0;
	for (size_t at = ENTRIES_AT; at < size && size - at >= 2 && count < max;
	     at += table[at + 1]) {
		size_t length = table[at + 1];
		if (length < 2 || length > size - at)
			break;
		uint32_t id, flags;
		if (table[at] == TYPE_LOCAL_APIC && length >= sizeof(struct local_apic)) {
			struct local_apic entry;
			memcpy(&entry, table + at, sizeof entry);
			id = entry.id == LOCAL_APIC_ALL ? LOCAL_X2APIC_ALL : entry.id;
			flags = entry.flags;
		} else if (table[at] == TYPE_LOCAL_X2APIC &&
			   length >= sizeof(struct local_x2apic)) {
			struct local_x2apic entry;
			memcpy(&entry, table + at, sizeof entry);
			id = entry.id;
			flags = entry.flags;
		} else {
			continue;
		}
		size_t known = 0;
		while (known < count && ids[known] != id)
			known++;
		/* What is sent to that number reaches all: it is no core's. */
		if (flags & ENABLED && known == count && id != LOCAL_X2APIC_ALL)
			ids[count++] = id;
	}
	return count;
}
