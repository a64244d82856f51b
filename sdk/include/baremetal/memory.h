/* SPDX-License-Identifier: MIT */
/*
 * Memory: one heap window that holds all free memory of the machine.
 *
 * The window is contiguous in virtual addresses, whatever holes the physical
 * map has. It is mapped as it grows, with the largest pages that fit; bytes
 * below its end may be given to any device. malloc() stands on it; a program
 * without a C library may walk it itself.
 *
 *     double *a = bm_memory_grow(n * sizeof *a);
 */
#ifndef BAREMETAL_MEMORY_H
#define BAREMETAL_MEMORY_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/** What bm_memory_info() tells. */
struct bm_memory_info {
	uint64_t machine;    /* bytes of RAM that the firmware reported usable */
	uint64_t heap_limit; /* bytes that the window can grow to in all */
	uint64_t heap_used;  /* bytes below its end now */
	void *heap_start;    /* where the window begins */
};

/**
 * Move the end of the heap window.
 *
 * @param bytes  to add, or to give back if negative; 0 asks where the end is.
 * @return the end before the move, which is the start of the added bytes,
 *         16-byte aligned if all moves were multiples of 16; NULL if there is
 *         not that much (nothing changes then). New bytes are not zeroed.
 * Any core. Never blocks; takes time in proportion to the pages it maps.
 */
static inline void *bm_memory_grow(intptr_t bytes)
{
	return bm_api->memory_grow(bytes);
}

/**
 * The physical address behind a virtual one, for a device. O(1). Neighbouring
 * virtual pages may lie apart physically: ask once for each 4 KiB page.
 *
 * @return 0, or -BM_EFAULT if nothing is mapped there.
 */
static inline int bm_phys(const void *address, uint64_t *phys)
{
	return bm_api->memory_phys(address, phys);
}

/**
 * Give a part of the heap window a second address, with an unmapped page below
 * and above it: for stacks, whose overflow then ends in a report and not in other
 * data. For ever: keep such memory in a list of your own and use it again.
 *
 * @param block  in the heap window, page-aligned.
 * @param size   bytes, a multiple of 4,096, more than 0.
 * @return the second address of the same memory; NULL if the arguments are not as
 *         said, or if there is no memory for page tables. Any core, never blocks.
 */
static inline void *bm_memory_guard(void *block, size_t size)
{
	return bm_api->memory_guard(block, size);
}

/** Describe memory. */
static inline void bm_memory_info(struct bm_memory_info *info)
{
	bm_api->memory_info(info);
}

#endif
