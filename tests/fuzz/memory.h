/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer's bytes as physical memory at FUZZ_BASE; nothing else is there.
 * Each mapping is a copy of exactly its size, so that ASan sees a read past it.
 */
#ifndef TESTS_FUZZ_MEMORY_H
#define TESTS_FUZZ_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_BASE 0x10000ul

static const uint8_t *fuzz_data;
static size_t fuzz_size;
static void *fuzz_maps[64];
static size_t fuzz_map_count;

static void fuzz_unmap(void)
{
	while (fuzz_map_count)
		free(fuzz_maps[--fuzz_map_count]);
}

static const void *fuzz_map(uint64_t physical, uint64_t size)
{
	if (physical < FUZZ_BASE || physical - FUZZ_BASE > fuzz_size ||
	    size > fuzz_size - (physical - FUZZ_BASE) || fuzz_map_count == 64)
		return NULL;
	/* The kernel's mapping keeps the offset in a page, which is what alignment hangs on. */
	uint64_t slack = physical % 16;
	uint8_t *copy = malloc(slack + size + !size);
	fuzz_maps[fuzz_map_count++] = copy;
	memcpy(copy + slack, fuzz_data + (physical - FUZZ_BASE), size);
	return copy + slack;
}

static void fuzz_memory(const uint8_t *data, size_t size)
{
	fuzz_data = data;
	fuzz_size = size;
}

#endif
