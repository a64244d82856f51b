/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/cpu/cpu.h: ports and the counter are the test's.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include <stdbool.h>
#include <stdint.h>

void out8(uint16_t port, uint8_t value);
void out32(uint16_t port, uint32_t value);
uint8_t in8(uint16_t port);
uint16_t in16(uint16_t port);
void in16_many(uint16_t port, void *to, uint64_t count);
void out16_many(uint16_t port, const void *from, uint64_t count);
uint64_t tsc_read(void);
void cpu_relax(void);

#endif
