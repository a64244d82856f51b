/* SPDX-License-Identifier: MIT */
/*
 * The heap window: all free memory as one contiguous range of virtual addresses.
 *
 * Made of segments, one after the other: first the large physical ranges, cut to
 * 2 MiB borders and with the largest of all first, so that 1 GiB and 2 MiB pages
 * fit; then the remains. Mapped only as far as it has grown, so that opening it
 * costs the same on any machine. Contract of grow: <baremetal/memory.h>.
 */
#ifndef KERNEL_MEMORY_HEAP_H
#define KERNEL_MEMORY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bm_memory_info;

/* Give all free physical ranges to the window. Once, at the end of boot. */
void heap_open(void);

bool heap_is_open(void);

/* One frame from the window's far end, for a page table; 0 if all is in use. */
uint64_t heap_take_frame(void);

/*
 * Contiguous memory from beyond what is mapped, as far at the end as there is so much together:
 * bytes are whole pages. Its physical address, 0 if there is none. The window gets shorter.
 */
uint64_t heap_take(uint64_t bytes);

/*
 * Whoever maps other memory while the app runs holds the window meanwhile, for it has the frames
 * for page tables: enough for one piece that crosses no 2 MiB border. Holding neither waits nor
 * faults.
 */
void heap_hold(void);
void heap_release(void);

void *heap_grow(intptr_t bytes);

/* The API's memory_guard: see <baremetal/memory.h>. */
void *heap_guard(void *block, size_t size);

void heap_info(struct bm_memory_info *info);

#endif
