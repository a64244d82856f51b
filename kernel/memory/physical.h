/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: which ranges are free, and who takes from them.
 *
 * During boot, ranges are taken whole (stacks, an app's bss); then heap.c makes
 * one window of all that is left. The arithmetic is host-testable (physical.c
 * has no hardware in it).
 */
#ifndef KERNEL_MEMORY_PHYSICAL_H
#define KERNEL_MEMORY_PHYSICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "boot/boot_info.h"

#define PHYSICAL_RANGES_MAX (BOOT_RANGES_MAX + 2 * BOOT_MODULES_MAX)

/* Free ranges: sorted, apart from each other, whole pages. */
struct physical {
	size_t count;
	struct boot_range ranges[PHYSICAL_RANGES_MAX];
	uint64_t total; /* bytes of RAM reported, before anything was taken */
};
extern struct physical physical;

/*
 * Start from the firmware's map (unsorted, overlapping: both are put right). Memory from `limit`
 * on, a page's border, is left out. Returns whether there was any.
 */
bool physical_init(const struct boot_range *ranges, size_t count, uint64_t limit);

/* Take a range out, wherever it lies; parts that are not free are ignored. Rounds outwards to
 * pages. */
void physical_reserve(uint64_t start, uint64_t size);

/*
 * Take `size` bytes (whole pages) from the highest free range above 1 MiB that
 * holds them, at an address equal to `like` modulo 2 MiB if `size` is at least
 * that, so that large pages fit. Returns 0 if there is no such range.
 */
uint64_t physical_take(uint64_t size, uint64_t like);

/*
 * A frame for a page table: from the kernel's own pool, then low memory, then
 * the highest free range or the heap window's far end. *clean: it is zero already. 0 if none.
 */
uint64_t physical_take_table(bool *clean);

/* A page below 1 MiB, where cores start. 0 if none is free. */
uint64_t physical_take_low(void);

/* Bytes that are free. */
uint64_t physical_free(void);

#endif
