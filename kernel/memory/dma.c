/* SPDX-License-Identifier: MIT */
/*
 * Memory for devices. Contract: dma.h. First fit from a list of free blocks, which lies in the
 * blocks; new ones come from the heap window, page by page.
 */
#include "memory/dma.h"
#include "memory/heap.h"
#include "memory/page.h"
#include <stdbool.h>
#include <string.h>

#define UNIT    64ul   /* a cache line: sizes and addresses are multiples */
#define PAGES   2048ul /* from here on, whole pages */
#define SIZE_2M 0x200000ul
#define MOST    (1ul << 32)

struct block {
	struct block *next;
	uint64_t size;
};

static struct block *blocks;
static bool busy;

static void lock(void)
{
	while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void unlock(void)
{
	__atomic_clear(&busy, __ATOMIC_RELEASE);
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) & -unit;
}

static uint64_t block_size(uint64_t bytes)
{
	return round_up(bytes, bytes >= PAGES ? PAGE_SIZE : UNIT);
}

static void add(uint64_t at, uint64_t size)
{
	struct block *block = (struct block *)at;
	if (!size)
		return;
	block->size = size;
	block->next = blocks;
	blocks = block;
}

static void *take(uint64_t size, uint64_t align)
{
	for (struct block **link = &blocks; *link; link = &(*link)->next) {
		struct block block = **link;
		uint64_t low = (uint64_t)*link, at = round_up(low, align);
		if (at - low > block.size || block.size - (at - low) < size)
			continue;
		*link = block.next;
		add(low, at - low);
		add(at + size, low + block.size - (at + size));
		return (void *)at;
	}
	return NULL;
}

/* Pages from the heap window, mapped piece by piece: a piece needs few page tables. */
static bool grow(uint64_t size)
{
	uint64_t from = heap_take(round_up(size, PAGE_SIZE));
	bool good = from;

	size = round_up(size, PAGE_SIZE);
	for (uint64_t at = from, step; good && at < from + size; at += step) {
		step = SIZE_2M - at % SIZE_2M;
		step = step < from + size - at ? step : from + size - at;
		heap_hold();
		good = page_map_device(at, step, PAGE_WRITE);
		heap_release();
	}
	if (good)
		add(LAYOUT_DEVICES + from, size);
	return good;
}

void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	uint64_t size = block_size(bytes);
	void *memory = NULL;

	if (!bytes || bytes > MOST || align > PAGE_SIZE || align & (align - 1))
		return NULL;
	align = align < UNIT ? UNIT : align;
	align = size >= PAGES ? PAGE_SIZE : align;
	lock();
	if ((memory = take(size, align)) || (grow(size) && (memory = take(size, align)))) {
		memset(memory, 0, size);
		if (phys)
			*phys = dma_phys(memory);
	}
	unlock();
	return memory;
}

void dma_give(void *memory, size_t bytes)
{
	if (!memory)
		return;
	lock();
	add((uint64_t)memory, block_size(bytes));
	unlock();
}
