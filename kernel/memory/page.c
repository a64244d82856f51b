/* SPDX-License-Identifier: MIT */
/*
 * Page tables (Intel SDM volume 3, section 4.5). Contract: page.h.
 */
#include "memory/page.h"
#include "cpu/cpu.h"
#include "memory/layout.h"
#include "memory/physical.h"
#include <baremetal/error.h>

#define ENTRY_PRESENT  (1ul << 0)
#define ENTRY_WRITE    (1ul << 1)
#define ENTRY_PWT      (1ul << 3) /* alone: write-combining, as cpu_init() sets the PAT */
#define ENTRY_PCD      (1ul << 4)
#define ENTRY_ACCESSED (1ul << 5)
#define ENTRY_DIRTY    (1ul << 6)
#define ENTRY_LARGE    (1ul << 7)
#define ENTRY_NX       (1ul << 63)
#define ENTRY_ADDRESS  0x000ffffffffff000ul

#define TABLE_LEVELS 4

/* Bytes that one entry of a level covers: level 1 is the last, with 4 KiB pages. */
static uint64_t level_size(int level)
{
	return 1ul << (3 + 9 * level);
}

/* The entry for an address on a level, through the recursive slot. */
static volatile uint64_t *entry_of(uint64_t virtual, int level)
{
	while (level--)
		virtual = LAYOUT_TABLES | (virtual >> 9 & 0x7ffffffff8ul);
	return (volatile uint64_t *)virtual;
}

static void flush(uint64_t virtual)
{
	__asm__ volatile("invlpg (%0)" : : "r"(virtual) : "memory");
}

/* Put an empty table behind an entry. */
static bool add_table(volatile uint64_t *entry, uint64_t virtual, int level)
{
	bool clean;
	uint64_t frame = physical_take_table(&clean);
	if (!frame)
		return false;
	*entry = frame | ENTRY_PRESENT | ENTRY_WRITE;
	if (!clean) {
		uint64_t *table = (uint64_t *)((uint64_t)entry_of(virtual, level) & ~0xffful);
		__builtin_memset(table, 0, PAGE_SIZE);
	}
	return true;
}

/* Access rights as an entry has them. */
static uint64_t rights(unsigned flags)
{
	uint64_t bits = ENTRY_PRESENT | ENTRY_ACCESSED;
	if (flags & PAGE_WRITE)
		bits |= ENTRY_WRITE | ENTRY_DIRTY;
	if (!(flags & PAGE_EXECUTE) && cpu_features.nx)
		bits |= ENTRY_NX;
	if (flags & PAGE_UNCACHED)
		bits |= ENTRY_PWT | ENTRY_PCD;
	if (flags & PAGE_WRITE_COMBINE)
		bits |= ENTRY_PWT;
	return bits;
}

int page_map(uint64_t virtual, uint64_t physical, uint64_t size, unsigned flags)
{
	if ((virtual | physical | size) % PAGE_SIZE ||
	    (flags & (PAGE_WRITE | PAGE_EXECUTE)) == (PAGE_WRITE | PAGE_EXECUTE))
		return -BM_EINVAL;

	uint64_t bits = rights(flags);
	while (size) {
		/* The largest page that fits here. */
		int level = cpu_features.pages_1g ? 3 : 2;
		while (level > 1 &&
		       ((virtual | physical) % level_size(level) || size < level_size(level)))
			level--;

		/* Its table, and those on the way. */
		int at = TABLE_LEVELS;
		volatile uint64_t *entry;
		for (;; at--) {
			entry = entry_of(virtual, at);
			if (*entry & ENTRY_LARGE && at > 1)
				break;
			if (at == level && (level == 1 || !(*entry & ENTRY_PRESENT)))
				break;
			/* On the way, or smaller pages are here already: go down. */
			if (!(*entry & ENTRY_PRESENT) && !add_table(entry, virtual, at - 1))
				return -BM_ENOMEM;
		}

		uint64_t step = level_size(at);
		if (at > level) {
			/* A larger page covers this place: right only if it says the same. */
			uint64_t offset = virtual % step;
			if ((*entry & ~ENTRY_LARGE) != ((physical - offset) | bits))
				return -BM_EINVAL;
			step = step - offset < size ? step - offset : size;
			virtual += step;
			physical += step;
			size -= step;
			continue;
		}

		/* Entries side by side, as long as they are of this size and in this table. */
		uint64_t value = physical | bits | (at > 1 ? ENTRY_LARGE : 0);
		do {
			uint64_t old = *entry;
			*entry++ = value;
			if (old & ENTRY_PRESENT)
				flush(virtual);
			value += step;
			virtual += step;
			physical += step;
			size -= step;
		} while (size >= step && (uint64_t)entry % PAGE_SIZE && at == 1);
	}
	return 0;
}

/* Rewrite the entries of a range: the bits outside `keep` become `set`. */
static int change(uint64_t virtual, uint64_t size, uint64_t keep, uint64_t set)
{
	uint64_t end = virtual + size, step;
	for (; virtual < end; virtual += step) {
		int at = TABLE_LEVELS;
		volatile uint64_t *entry = entry_of(virtual, at);
		while (*entry & ENTRY_PRESENT && at > 1 && !(*entry & ENTRY_LARGE))
			entry = entry_of(virtual, --at);
		step = level_size(at) - virtual % level_size(at);
		if (!(*entry & ENTRY_PRESENT))
			continue;
		if (step != level_size(at) || step > end - virtual)
			return -BM_EINVAL; /* a larger page reaches beyond the range */
		*entry = (*entry & keep) | set;
		flush(virtual);
	}
	return 0;
}

int page_protect(uint64_t virtual, uint64_t size, unsigned flags)
{
	uint64_t set = rights(flags) & (ENTRY_WRITE | ENTRY_NX | ENTRY_DIRTY);
	return change(virtual, size, ~(ENTRY_WRITE | ENTRY_NX | ENTRY_DIRTY), set);
}

int page_unmap(uint64_t virtual, uint64_t size)
{
	return change(virtual, size, 0, 0);
}

bool page_lookup(uint64_t virtual, uint64_t *physical)
{
	/* Only canonical addresses reach the tables (section 3.3.7.1). */
	if ((uint64_t)((int64_t)(virtual << 16) >> 16) != virtual)
		return false;
	for (int at = TABLE_LEVELS; at; at--) {
		uint64_t entry = *entry_of(virtual, at);
		if (!(entry & ENTRY_PRESENT))
			return false;
		if (at == 1 || (at < TABLE_LEVELS && entry & ENTRY_LARGE)) {
			uint64_t mask = level_size(at) - 1;
			*physical = (entry & ENTRY_ADDRESS & ~mask) | (virtual & mask);
			return true;
		}
	}
	return false;
}

uint64_t page_physical_limit(void)
{
	return cpu_features.physical_bits < 45 ? 1ul << cpu_features.physical_bits
					       : LAYOUT_PHYS_LIMIT;
}

/* A window where virtual = base + physical. */
static void *map_at(uint64_t base, uint64_t physical, uint64_t size, unsigned flags)
{
	uint64_t limit = page_physical_limit();
	if (physical >= limit || size > limit - physical)
		return NULL;
	uint64_t start = physical & -PAGE_SIZE;
	uint64_t end = (physical + size + PAGE_SIZE - 1) & -PAGE_SIZE;
	if (page_map(base + start, start, end - start, flags))
		return NULL;
	return (void *)(base + physical);
}

volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags)
{
	return map_at(LAYOUT_DEVICES, physical, size, flags | PAGE_WRITE);
}

const void *page_map_firmware(uint64_t physical, uint64_t size)
{
	return map_at(LAYOUT_FIRMWARE, physical, size, PAGE_READ);
}
