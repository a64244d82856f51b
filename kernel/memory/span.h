/* SPDX-License-Identifier: MIT */
/*
 * From a buffer's address to the physical memory behind it, for devices: as page_lookup(), in fewer
 * instructions, with rights and the extent (Intel SDM volume 3, section 4.5.4). Inline: it is asked
 * for each request.
 */
#ifndef KERNEL_MEMORY_SPAN_H
#define KERNEL_MEMORY_SPAN_H

#include "memory/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define SPAN_PRESENT 1ul
#define SPAN_WRITE   2ul
#define SPAN_LARGE   (1ul << 7)
#define SPAN_ADDRESS 0x000ffffffffff000ul

/*
 * Where the entry for an address is on each level, through the recursive slot 511: a level's
 * entries of all addresses lie side by side.
 */
#define SPAN_ENTRIES_1 LAYOUT_TABLES
#define SPAN_ENTRIES_2 (SPAN_ENTRIES_1 | 511ul << 30)
#define SPAN_ENTRIES_3 (SPAN_ENTRIES_2 | 511ul << 21)
#define SPAN_ENTRIES_4 (SPAN_ENTRIES_3 | 511ul << 12)

/* An address's number of this many bits, behind `shift`, times 8. */
static inline uint64_t span_entry(uint64_t entries, uint64_t virtual, unsigned shift, unsigned bits)
{
	uint64_t offset = virtual >> (shift - 3) & ((1ul << (bits + 3)) - 8);
	return *(const volatile uint64_t *)(entries + offset);
}

/* A gigabyte of addresses, of which it is known that tables of 2 MiB pages serve it. They stay. */
struct span_cache {
	uint64_t region; /* address >> 30; 0: none, for page 0 is not the app's */
};

/* Look at the two upper levels. The end of the look-up, as page_span(), if it ends there. */
static inline bool span_upper(struct span_cache *cache, uint64_t virtual, uint64_t *entry)
{
	*entry = 0;
	/* Only canonical addresses reach the tables (section 3.3.7.1). */
	if ((uint64_t)((int64_t)(virtual << 16) >> 16) != virtual ||
	    !(span_entry(SPAN_ENTRIES_4, virtual, 39, 9) & SPAN_PRESENT))
		return true;
	*entry = span_entry(SPAN_ENTRIES_3, virtual, 30, 18);
	if (!(*entry & SPAN_PRESENT) || *entry & SPAN_LARGE)
		return true;
	cache->region = virtual >> 30;
	return false;
}

/*
 * The physical address of `virtual`, and how many bytes from there on lie side by side in the same
 * page (of 4 KiB, 2 MiB or 1 GiB). 0 if nothing is mapped there, or if it shall be written and is
 * read-only. O(1), any core; the cache is the caller's, zeroed at first.
 */
static inline uint64_t page_span(struct span_cache *cache, uint64_t virtual, bool write,
				 uint64_t *physical)
{
	uint64_t mask = (1ul << 30) - 1, entry;

	if (__builtin_expect(virtual >> 30 == cache->region, 1) ||
	    !span_upper(cache, virtual, &entry)) {
		mask = (1ul << 21) - 1;
		entry = span_entry(SPAN_ENTRIES_2, virtual, 21, 27);
		if (__builtin_expect((entry & (SPAN_PRESENT | SPAN_LARGE)) == SPAN_PRESENT, 0)) {
			mask = (1ul << 12) - 1;
			entry = span_entry(SPAN_ENTRIES_1, virtual, 12, 36);
		}
	}
	uint64_t need = write ? SPAN_PRESENT | SPAN_WRITE : SPAN_PRESENT;
	if ((entry & need) != need)
		return 0;
	virtual &= mask;
	*physical = (entry & SPAN_ADDRESS & ~mask) | virtual;
	return mask + 1 - virtual;
}

/* No physical address. */
#define SPAN_NONE UINT64_MAX

/* The physical address of memory that lies in one page, else SPAN_NONE. */
static __attribute__((noinline, unused)) uint64_t
page_span_one(struct span_cache *cache, uint64_t virtual, uint64_t bytes, bool write)
{
	uint64_t physical = SPAN_NONE;
	return page_span(cache, virtual, write, &physical) < bytes ? SPAN_NONE : physical;
}

/* The same, quicker where it is a page of 2 MiB in the cache's gigabyte, as most of the heap's are.
 */
static inline uint64_t page_span_large(struct span_cache *cache, uint64_t virtual, uint64_t bytes,
				       bool write)
{
	const uint64_t mask = (1ul << 21) - 1;
	const uint64_t need = SPAN_PRESENT | SPAN_LARGE | (write ? SPAN_WRITE : 0);
	if (__builtin_expect(virtual >> 30 == cache->region, 1)) {
		uint64_t entry = span_entry(SPAN_ENTRIES_2, virtual, 21, 27);
		uint64_t offset = virtual & mask;
		if (__builtin_expect((entry & need) == need && offset + bytes <= mask + 1, 1))
			return (entry & SPAN_ADDRESS & ~mask) | offset;
	}
	return page_span_one(cache, virtual, bytes, write);
}

#endif
