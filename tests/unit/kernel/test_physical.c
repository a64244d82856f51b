/* SPDX-License-Identifier: MIT */
/*
 * Free physical ranges against a plain model: one byte for each page of a small machine.
 */
#include "memory/physical.c"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

/* The kernel's pool of tables is empty here, and the heap window shut. */
char table_pool_start[1], table_pool_end[1];

bool heap_is_open(void)
{
	return false;
}

uint64_t heap_take_frame(void)
{
	abort();
}

#define PAGES 2048ul
#define LIMIT (1ul << 45)
static uint8_t model[PAGES];

static void agree(const char *when, unsigned round)
{
	static uint8_t found[PAGES];
	uint64_t end = 0;
	bool first = true;

	memset(found, 0, sizeof found);
	for (size_t i = 0; i < physical.count; i++) {
		struct boot_range r = physical.ranges[i];
		CHECK(r.size && r.start % PAGE_SIZE == 0 && r.size % PAGE_SIZE == 0);
		CHECK(first || r.start > end);
		first = false;
		end = r.start + r.size;
		CHECK(end <= PAGES * PAGE_SIZE);
		for (uint64_t page = r.start / PAGE_SIZE; page < end / PAGE_SIZE && page < PAGES;
		     page++)
			found[page] = 1;
	}
	size_t page = 0;
	while (page < PAGES && found[page] == model[page])
		page++;
	if (page < PAGES)
		fprintf(stderr, "round %u, after %s: page %zu is %d\n", round, when, page,
			found[page]);
	CHECK(page == PAGES);
}

static void model_set(uint64_t start, uint64_t size, int value)
{
	for (uint64_t page = start / PAGE_SIZE; page < (start + size) / PAGE_SIZE; page++)
		model[page] = (uint8_t)value;
}

static void test_random_maps(void)
{
	for (unsigned round = 0; round < 300; round++) {
		struct boot_range ranges[24];
		srand(round);
		memset(model, 0, sizeof model);
		for (size_t i = 0; i < 24; i++) {
			uint64_t start = (uint64_t)rand() % (PAGES - 100) * PAGE_SIZE;
			uint64_t size = (uint64_t)rand() % 90 * PAGE_SIZE;
			model_set(start, size, 1);
			/* Ragged ends: only whole pages count. */
			if (size)
				size += (uint64_t)rand() % PAGE_SIZE;
			ranges[i] = (struct boot_range){start, size};
		}
		CHECK(!physical_init(ranges, 24, LIMIT));
		agree("init", round);
		CHECK(physical.total == physical_free());

		/* As at boot: 0 then means "none". */
		physical_reserve(0, 1);
		model[0] = 0;
		for (unsigned i = 0; i < 20; i++) {
			uint64_t start =
			    (uint64_t)rand() % (PAGES - 100) * PAGE_SIZE + rand() % 4096;
			uint64_t size = 1 + (uint64_t)rand() % 100000;
			uint64_t low = start & -PAGE_SIZE;
			uint64_t high = (start + size + PAGE_SIZE - 1) & -PAGE_SIZE;
			physical_reserve(start, size);
			model_set(low, high - low, 0);
		}
		agree("reserve", round);

		for (unsigned i = 0; i < 20; i++) {
			uint64_t size = (1 + (uint64_t)rand() % 8) * PAGE_SIZE;
			if (i % 5 == 4)
				size = SIZE_2M / 4 + SIZE_2M * (uint64_t)(rand() % 2);
			uint64_t like = (uint64_t)rand() % 512 * PAGE_SIZE;
			uint64_t start = physical_take(size, like);
			if (!start)
				continue;
			CHECK(start >= LOW_MEMORY && start % PAGE_SIZE == 0);
			CHECK(size < SIZE_2M || (start - like) % SIZE_2M == 0);
			for (uint64_t page = start / PAGE_SIZE; page < (start + size) / PAGE_SIZE;
			     page++)
				CHECK(model[page]);
			model_set(start, size, 0);
		}
		agree("take", round);

		bool clean;
		for (unsigned i = 0; i < 10; i++) {
			uint64_t frame = physical_take_table(&clean);
			if (!frame)
				break;
			CHECK(!clean && model[frame / PAGE_SIZE]);
			model[frame / PAGE_SIZE] = 0;
		}
		agree("take_table", round);
	}
}

static void test_edges(void)
{
	const struct boot_range odd[] = {
	    {0, 0},
	    {0x1001, 0x1ffe},              /* no whole page */
	    {UINT64_MAX - 0x1000, 0x2000}, /* around the end */
	    {UINT64_MAX - 0x1fff, 0x1fff},
	    {UINT64_MAX, UINT64_MAX},
	    {0x5000, 0x1000},
	};
	CHECK(physical_init(odd, 3, LIMIT));
	CHECK(physical.count == 0 && physical.total == 0);
	CHECK(physical_take(PAGE_SIZE, 0) == 0);
	bool clean;
	CHECK(physical_take_table(&clean) == 0);
	CHECK(physical_init(odd, 6, LIMIT));
	CHECK(physical.count == 1 && physical.ranges[0].start == 0x5000);
	physical_reserve(0, UINT64_MAX);
	physical_reserve(UINT64_MAX, UINT64_MAX);
	physical_reserve(UINT64_MAX - 1, 1);
	physical_reserve(0x5000, 0);
	CHECK(physical.ranges[0].start == 0x5000);

	CHECK(physical_take_low() == 0x5000 && physical_take_low() == 0);
	const struct boot_range high = {0x100000, 0x10000};
	physical_init(&high, 1, LIMIT);
	CHECK(physical_take_low() == 0);

	/* As many holes as there is room for, and more: ranges are lost, never memory made up. */
	const struct boot_range all = {0, PAGES * PAGE_SIZE};
	physical_init(&all, 1, LIMIT);
	uint64_t before = physical_free();
	for (uint64_t page = 1; page < PAGES; page += 2)
		physical_reserve(page * PAGE_SIZE, 1);
	CHECK(physical.count <= PHYSICAL_RANGES_MAX);
	CHECK(physical_free() < before);
	for (size_t i = 0; i < physical.count; i++)
		CHECK(physical.ranges[i].start / PAGE_SIZE % 2 == 0);
}

/* What the processor cannot reach is no memory, whatever the map says. */
static void test_limit(void)
{
	const uint64_t limit = 1ul << 40, gib = 1ul << 30;
	const struct {
		struct boot_range range;
		uint64_t size; /* that is left of it */
		bool beyond;
	} cases[] = {
	    {{limit - gib, gib}, gib, false},
	    {{limit - gib, gib + 1}, gib, true},
	    {{limit - gib, 2 * gib}, gib, true},
	    {{limit - gib + 1, 2 * gib}, gib - PAGE_SIZE, true},
	    {{limit - gib, UINT64_MAX - gib}, gib, true},
	    {{limit - 1, 2}, 0, true},
	    {{limit, gib}, 0, true},
	    {{1ul << 52, gib}, 0, true},
	    {{0, UINT64_MAX}, limit, true},
	    {{UINT64_MAX, 1}, 0, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(physical_init(&cases[i].range, 1, limit) == cases[i].beyond);
		CHECK(physical.total == cases[i].size);
		CHECK(physical.count == (cases[i].size != 0));
		if (physical.count)
			CHECK(physical.ranges[0].start + physical.ranges[0].size == limit);
	}
}

int main(void)
{
	test_random_maps();
	test_edges();
	test_limit();
	return unit_status();
}
