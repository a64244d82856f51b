/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/cpu/cpu.h: the counter is the test's.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include <stdint.h>

uint64_t tsc_read(void);
void cpu_relax(void);

#endif
