/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/cpu/cpu.h: the same declarations, but what touches the
 * machine is a function that the test supplies.
 */
#ifndef TESTS_SIMULATED_CPU_H
#define TESTS_SIMULATED_CPU_H

/* With arguments, so that struct members of the same name are left alone. */
#define out8(port, value)    hardware_out8(port, value)
#define out16(port, value)   hardware_out16(port, value)
#define in8(port)            hardware_in8(port)
#define in16(port)           hardware_in16(port)
#define in32(port)           hardware_in32(port)
#define tsc_read(none)       hardware_tsc_read(none)
#define cpuid(leaf, subleaf) hardware_cpuid(leaf, subleaf)
#define rdrand(word)         hardware_rdrand(word)
#define rdseed(word)         hardware_rdseed(word)
#define msr_read(number)     hardware_msr_read(number)
#define interrupts_off(none) hardware_interrupts_off(none)
#define cpu_relax(none)      hardware_cpu_relax(none)
#define cpu_halt(none)       hardware_cpu_halt(none)
#define msr_write(number, value)  hardware_msr_write(number, value)
#define interrupts_restore(flags) hardware_interrupts_restore(flags)
#include "../../../../../kernel/cpu/cpu.h"
#undef out8
#undef out16
#undef in8
#undef in16
#undef in32
#undef tsc_read
#undef cpuid
#undef rdrand
#undef rdseed
#undef msr_read
#undef msr_write
#undef interrupts_off
#undef interrupts_restore
#undef cpu_relax
#undef cpu_halt

void out8(uint16_t port, uint8_t value);
void out16(uint16_t port, uint16_t value);
uint8_t in8(uint16_t port);
uint16_t in16(uint16_t port);
uint32_t in32(uint16_t port);
uint64_t tsc_read(void);
struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t msr_read(uint32_t msr);
void msr_write(uint32_t msr, uint64_t value);
uint64_t interrupts_off(void);
void interrupts_restore(uint64_t flags);
bool rdrand(uint64_t *word);
bool rdseed(uint64_t *word);
void cpu_relax(void);
_Noreturn void cpu_halt(void);

#endif
