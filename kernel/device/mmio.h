/* SPDX-License-Identifier: MIT */
/*
 * Registers in memory, and the order of accesses to them and to memory that a device reads.
 *
 * Registers are mapped uncached. On x86 a store to one is not done before the stores to memory that
 * stand before it, and a load from one not after the loads that follow (Intel SDM volume 3, section
 * 8.2.2): only the compiler must keep to that, so each access here is a barrier for it.
 */
#ifndef KERNEL_DEVICE_MMIO_H
#define KERNEL_DEVICE_MMIO_H

#include <stdint.h>

/* What was stored or loaded before is so before what comes after, as the device sees it. Not for a
 * store and a later load: mmio_store_load_order(). */
static inline void mmio_order(void)
{
	__asm__ volatile("" ::: "memory");
}

/* What was stored before is seen by the device before anything is loaded after. */
static inline void mmio_store_load_order(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint32_t mmio_read32(const volatile void *at)
{
	uint32_t value = *(const volatile uint32_t *)at;
	mmio_order();
	return value;
}

static inline void mmio_write32(volatile void *at, uint32_t value)
{
	mmio_order();
	*(volatile uint32_t *)at = value;
}

/* 64 bits in two halves, the lower one first: not every device takes them at once. */
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
