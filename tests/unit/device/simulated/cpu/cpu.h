/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/cpu/cpu.h: the clock and the ports are the test's.
 */
#ifndef TESTS_DEVICE_CPU_H
#define TESTS_DEVICE_CPU_H

#include <stdbool.h>
#include <stdint.h>

static const struct {
	bool hypervisor;
} cpu_features __attribute__((unused)); /* none */

uint64_t tsc_read(void);
void cpu_relax(void);
void out8(uint16_t port, uint8_t value);
void out16(uint16_t port, uint16_t value);
void out32(uint16_t port, uint32_t value);
uint8_t in8(uint16_t port);
uint16_t in16(uint16_t port);
uint32_t in32(uint16_t port);

#endif
