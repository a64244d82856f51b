/* SPDX-License-Identifier: MIT */
/*
 * The heap window. Contract: heap.h.
 *
 *   start            end               mapped              limit
 *     |---- in use ----|---- mapped ----|---- not mapped ----|
 *                                                     frames for tables leave from here
 */
#include "memory/heap.h"
#include "cpu/cpu.h"
#include "memory/layout.h"
#include "memory/page.h"
#include "memory/physical.h"
#include <baremetal/memory.h>

#define SIZE_2M      0x200000ul
#define SIZE_1G      0x40000000ul
#define SEGMENTS_MAX (3 * PHYSICAL_RANGES_MAX)
#define STEP_FRAMES  3 /* one mapping step needs at most a table on each of three levels */
#define KEPT_FRAMES  4 /* for devices first used when the window is all in use: the timer */
#define STOCK_FRAMES (STEP_FRAMES + KEPT_FRAMES)
#define LARGE_RANGE  (2 * SIZE_2M) /* from this size on a range is cut to 2 MiB borders */

/* [offset, offset + size) of the window lies at physical. */
struct segment {
	uint64_t physical, size, offset;
};

static struct segment segments[SEGMENTS_MAX];
static size_t segment_count;
static size_t segment_at;            /* the one that holds `mapped` */
static uint64_t stock[STOCK_FRAMES]; /* frames for the next tables */
static size_t stock_count;
static size_t stock_kept;                   /* frames that who asks now must leave */
static uint64_t start, used, mapped, limit; /* start is an address, the others offsets from it */

static void add(uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	segments[segment_count++] = (struct segment){from, to - from, limit};
	limit += to - from;
}

static uint64_t core_start(const struct boot_range *r)
{
	return (r->start + SIZE_2M - 1) & -SIZE_2M;
}

static uint64_t core_end(const struct boot_range *r)
{
	return (r->start + r->size) & -SIZE_2M;
}

/* The last segment is never an empty one. */
static void drop_empty(void)
{
	while (segment_count && !segments[segment_count - 1].size)
		segment_count--;
}

/* Set frames aside for the tables that the next mapping may need, so that it cannot map them. */
static void fill_stock(void)
{
	while (stock_count < STOCK_FRAMES && limit - mapped >= PAGE_SIZE) {
		struct segment *s = &segments[segment_count - 1];
		limit -= PAGE_SIZE;
		s->size -= PAGE_SIZE;
		stock[stock_count++] = s->physical + s->size;
		drop_empty();
	}
}

void heap_open(void)
{
	struct boot_range *ranges = physical.ranges;
	size_t largest = 0;
	for (size_t i = 1; i < physical.count; i++)
		if (ranges[i].size > ranges[largest].size)
			largest = i;

	/* Whole 2 MiB parts, the largest range's first. */
	for (size_t i = 0; i < physical.count; i++) {
		struct boot_range *r = &ranges[i ? i - (i <= largest) : largest];
		if (r->size >= LARGE_RANGE)
			add(core_start(r), core_end(r));
	}
	/* The remains; low memory, being first in the list, goes last. */
	for (size_t i = physical.count; i--;) {
		struct boot_range *r = &ranges[i];
		uint64_t end = r->start + r->size;
		if (r->size >= LARGE_RANGE) {
			add(r->start, core_start(r));
			add(core_end(r), end);
		} else {
			add(r->start, end);
		}
	}
	/* The same offset within 1 GiB as the first segment's: 1 GiB pages fit. */
	start = LAYOUT_HEAP + (segment_count ? segments[0].physical % SIZE_1G : 0);
	physical.count = 0;
	fill_stock();
}

bool heap_is_open(void)
{
	return start;
}

uint64_t heap_take_frame(void)
{
	return stock_count > stock_kept ? stock[--stock_count] : 0;
}

/* Map on from `mapped`: whole 2 MiB pages if they fit there, else small ones; not past `want` by
 * more. */
static bool map_more(uint64_t want)
{
	while (mapped - segments[segment_at].offset >= segments[segment_at].size)
		segment_at++;
	const struct segment *s = &segments[segment_at];
	uint64_t done = mapped - s->offset;
	uint64_t virtual = start + mapped, physical = s->physical + done;
	uint64_t size = want - mapped, left = s->size - done;
	uint64_t border = SIZE_2M;

	if ((virtual | physical) % SIZE_2M == 0 && left >= SIZE_2M) {
		border = SIZE_1G;
		left &= -SIZE_2M;
		size = (size + SIZE_2M - 1) & -SIZE_2M;
		if (virtual % SIZE_1G == 0 && physical % SIZE_1G == 0 && left >= SIZE_1G &&
		    size > SIZE_1G / 2)
			size = SIZE_1G;
	}
	/* One table of each level at most: stop at the border that the last one covers. */
	border -= virtual % border;
	size = size < border ? size : border;
	size = size < left ? size : left;
	if (page_map(virtual, physical, size, PAGE_WRITE))
		return false;
	mapped += size;
	return true;
}

static void *grow(intptr_t bytes)
{
	uint64_t old = used;
	if (bytes < 0) {
		if (-(uint64_t)bytes > used)
			return NULL;
		used += bytes;
		return (void *)(start + old);
	}
	if ((uint64_t)bytes > limit - used)
		return NULL;
	uint64_t want = (used + bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
	while (mapped < want) {
		fill_stock();
		if (want > limit || !map_more(want))
			return NULL;
	}
	used += bytes;
	return (void *)(start + old);
}

/* One core at a time changes the window and its tables. The holder neither waits nor faults. */
static bool busy;

static void lock(void)
{
	while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
		cpu_relax();
}

/* For the window's own tables: they leave some for others'. */
static void lock_own(void)
{
	lock();
	stock_kept = KEPT_FRAMES;
}

static void unlock(void)
{
	stock_kept = 0;
	__atomic_clear(&busy, __ATOMIC_RELEASE);
}

void heap_hold(void)
{
	lock();
	fill_stock();
}

void heap_release(void)
{
	unlock();
}

uint64_t heap_take(uint64_t bytes)
{
	uint64_t found = 0;
	lock();
	for (size_t i = segment_count; i-- && !found;) {
		struct segment *s = &segments[i];
		uint64_t end = s->offset + s->size;
		if (end <= mapped)
			break;
		if (end - (mapped > s->offset ? mapped : s->offset) < bytes)
			continue;
		s->size -= bytes;
		limit -= bytes;
		found = s->physical + s->size;
		while (++i < segment_count)
			segments[i].offset -= bytes; /* not mapped yet: nobody has seen them */
		drop_empty();
		break;
	}
	unlock();
	return found;
}

void *heap_grow(intptr_t bytes)
{
	lock_own();
	void *old = grow(bytes);
	unlock();
	return old;
}

void *heap_guard(void *block, size_t size)
{
	static uint64_t next = LAYOUT_GUARDED;
	uint64_t from = (uint64_t)block, physical, at;
	if (!size || (from | size) % PAGE_SIZE || from < start || from - start > used ||
	    size > used - (from - start))
		return NULL;
	lock_own();
	at = next;
	if (at + size > LAYOUT_DEVICES - PAGE_SIZE)
		goto full;
	/* Neighbours in the window may lie apart physically: page by page, or by large ones. */
	for (uint64_t done = 0, step; done < size; done += step) {
		fill_stock();
		page_lookup(from + done, &physical);
		step = PAGE_SIZE;
		uint64_t following;
		while (done + step < size && page_lookup(from + done + step, &following) &&
		       following == physical + step)
			step += PAGE_SIZE;
		if (step > SIZE_2M - (at + done) % SIZE_2M)
			step = SIZE_2M - (at + done) % SIZE_2M;
		if (page_map(at + done, physical, step, PAGE_WRITE)) {
			page_unmap(at, size); /* nobody has seen it: the next one is put there */
			goto full;
		}
	}
	next += size + 2 * PAGE_SIZE;
	unlock();
	return (void *)at;
full:
	unlock();
	return NULL;
}

void heap_info(struct bm_memory_info *info)
{
	info->machine = physical.total;
	info->heap_limit = limit;
	info->heap_used = used;
	info->heap_start = (void *)start;
}
