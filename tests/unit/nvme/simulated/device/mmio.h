/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/device/mmio.h: registers are a simulated controller's (../../controller.h).
 */
#ifndef KERNEL_DEVICE_MMIO_H
#define KERNEL_DEVICE_MMIO_H

#include <stdint.h>

uint32_t simulated_read32(const volatile void *at);
void simulated_write32(volatile void *at, uint32_t value);

static inline void mmio_order(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void mmio_store_load_order(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint32_t mmio_read32(const volatile void *at)
{
	return simulated_read32(at);
}

static inline void mmio_write32(volatile void *at, uint32_t value)
{
	simulated_write32(at, value);
}

static inline uint64_t mmio_read64(const volatile void *at)
{
	uint32_t low = mmio_read32(at);
	return low | (uint64_t)mmio_read32((const volatile uint32_t *)at + 1) << 32;
}

static inline void mmio_write64(volatile void *at, uint64_t value)
{
	mmio_write32(at, (uint32_t)value);
	mmio_write32((volatile uint32_t *)at + 1, (uint32_t)(value >> 32));
}

#endif
