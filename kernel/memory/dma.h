/* SPDX-License-Identifier: MIT */
/*
 * Memory for devices' queues, and for the kernel's tables about devices: contiguous, zeroed, taken
 * from the heap window's far end once somebody asks for a device. Contract: <baremetal/driver.h>,
 * bm_dma_take(). It is mapped at LAYOUT_DEVICES + its physical address, cached.
 */
#ifndef KERNEL_MEMORY_DMA_H
#define KERNEL_MEMORY_DMA_H

#include "memory/layout.h"
#include <stddef.h>
#include <stdint.h>

void *dma_take(size_t bytes, size_t align, uint64_t *phys);
void dma_give(void *memory, size_t bytes);

/* The physical address of anything inside of what dma_take() returned. */
static inline uint64_t dma_phys(const volatile void *memory)
{
	return (uint64_t)memory - LAYOUT_DEVICES;
}

#endif
