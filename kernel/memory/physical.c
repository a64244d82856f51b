/* SPDX-License-Identifier: MIT */
/*
 * Free physical ranges. Contract: physical.h.
 */
#include "memory/physical.h"
#include "memory/heap.h"
#include "memory/page.h"

#define LOW_MEMORY 0x100000ul /* nobody but page tables takes from below */
#define SIZE_2M    0x200000ul

struct physical physical;

/* Remove an element, or make room for one. */
static void ranges_remove(size_t at)
{
	physical.count--;
	for (size_t i = at; i < physical.count; i++)
		physical.ranges[i] = physical.ranges[i + 1];
}

static void ranges_insert(size_t at, uint64_t start, uint64_t size)
{
	if (!size)
		return;
	if (physical.count == PHYSICAL_RANGES_MAX) {
		/* No room: give up the smallest memory first, which is the range itself or its
		 * successor. */
		if (at == physical.count || physical.ranges[at].size >= size)
			return;
		ranges_remove(at);
	}
	for (size_t i = physical.count; i > at; i--)
		physical.ranges[i] = physical.ranges[i - 1];
	physical.ranges[at] = (struct boot_range){start, size};
	physical.count++;
}

bool physical_init(const struct boot_range *ranges, size_t count, uint64_t limit)
{
	bool beyond = false;
	physical.count = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = ranges[i].start, end = limit;
		if (start > limit || ranges[i].size > limit - start)
			beyond = true; /* or around the end of all addresses */
		else
			end = (start + ranges[i].size) & -PAGE_SIZE;
		if (start >= end)
			continue;
		start = (start + PAGE_SIZE - 1) & -PAGE_SIZE;
		if (start == end)
			continue;
		/* Join with what it touches. */
		size_t at = 0;
		while (at < physical.count) {
			struct boot_range *r = &physical.ranges[at];
			if (r->start > end)
				break;
			if (r->start + r->size < start) {
				at++;
				continue;
			}
			start = r->start < start ? r->start : start;
			end = r->start + r->size > end ? r->start + r->size : end;
			ranges_remove(at);
		}
		ranges_insert(at, start, end - start);
	}
	physical.total = physical_free();
	return beyond;
}

void physical_reserve(uint64_t start, uint64_t size)
{
	if (!size || size > UINT64_MAX - PAGE_SIZE || start > UINT64_MAX - PAGE_SIZE - size)
		return;
	uint64_t end = (start + size + PAGE_SIZE - 1) & -PAGE_SIZE;
	start &= -PAGE_SIZE;
	for (size_t i = 0; i < physical.count;) {
		struct boot_range r = physical.ranges[i];
		uint64_t r_end = r.start + r.size;
		if (r_end <= start || r.start >= end) {
			i++;
			continue;
		}
		ranges_remove(i);
		if (r_end > end)
			ranges_insert(i, end, r_end - end);
		if (r.start < start)
			ranges_insert(i++, r.start, start - r.start);
		if (r_end > end)
			i++;
	}
}

uint64_t physical_take(uint64_t size, uint64_t like)
{
	uint64_t unit = size >= SIZE_2M ? SIZE_2M : PAGE_SIZE;
	for (size_t i = physical.count; i--;) {
		struct boot_range r = physical.ranges[i];
		if (r.start < LOW_MEMORY)
			break;
		if (r.size < size)
			continue;
		uint64_t start = r.start + r.size - size;
		start -= (start - like) & (unit - 1);
		if (start < r.start || start > r.start + r.size - size)
			continue;
		physical_reserve(start, size);
		return start;
	}
	return 0;
}

uint64_t physical_take_table(bool *clean)
{
	extern char table_pool_start[], table_pool_end[];
	static char *pool = table_pool_start;

	*clean = true;
	if (pool < table_pool_end) {
		pool += PAGE_SIZE;
		return (uint64_t)pool - PAGE_SIZE;
	}
	*clean = false;
	if (heap_is_open())
		return heap_take_frame();
	if (!physical.count)
		return 0;
	/* Low memory first; else the end of the highest range. */
	struct boot_range *r = &physical.ranges[0];
	if (r->start >= LOW_MEMORY)
		r = &physical.ranges[physical.count - 1];
	uint64_t frame = r->start + r->size - PAGE_SIZE;
	physical_reserve(frame, PAGE_SIZE);
	return frame;
}

uint64_t physical_take_low(void)
{
	if (!physical.count || physical.ranges[0].start >= LOW_MEMORY)
		return 0;
	uint64_t frame = physical.ranges[0].start;
	physical_reserve(frame, PAGE_SIZE);
	return frame;
}

uint64_t physical_free(void)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < physical.count; i++)
		sum += physical.ranges[i].size;
	return sum;
}
