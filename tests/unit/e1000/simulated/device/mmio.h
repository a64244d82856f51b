/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/device/mmio.h: registers are the test's.
 */
#ifndef KERNEL_DEVICE_MMIO_H
#define KERNEL_DEVICE_MMIO_H

#include <stdint.h>

static inline void mmio_order(void)
{
	__asm__ volatile("" ::: "memory");
}

uint32_t mmio_read32(const volatile void *at);
void mmio_write32(volatile void *at, uint32_t value);

#endif
