/* SPDX-License-Identifier: MIT */
/*
 * The MCFG. Contract: mcfg.h.
 */
#include "device/mcfg.h"
#include <string.h>

#define ENTRIES_AT 44 /* behind the header and 8 reserved bytes */
#define BUS_SIZE   0x100000ul
#define BASE_MAX   (1ul << 52)

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
};
_Static_assert(sizeof(struct mcfg_entry) == 16, "PCI Firmware Specification 3.2, table 4-3");

size_t mcfg_parse(const uint8_t *table, size_t size, struct ecam *ecams, size_t max)
{
	size_t count = 0;
	struct mcfg_entry entry;

	for (size_t at = ENTRIES_AT; at < size && size - at >= sizeof entry && count < max;
	     at += sizeof entry) {
		memcpy(&entry, table + at, sizeof entry);
		if (!entry.base || entry.base % BUS_SIZE || entry.base > BASE_MAX ||
		    entry.first_bus > entry.last_bus)
			continue;
		size_t known = 0;
		while (known < count && ecams[known].segment != entry.segment)
			known++;
		if (known == count)
			ecams[count++] = (struct ecam){entry.base, entry.segment, entry.first_bus,
						       entry.last_bus};
	}
	return count;
}
