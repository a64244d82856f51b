/* SPDX-License-Identifier: MIT */
/*
 * Random bytes: ChaCha20 seeded from RDSEED or RDRAND. Contract: <baremetal/random.h>.
 */
#ifndef KERNEL_CPU_RANDOM_H
#define KERNEL_CPU_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Log which source there is, or that there is none. */
void random_init(void);

int random_bytes(void *buffer, size_t size);

/*
 * 64 bits to place things at addresses hard to guess. Costs a few dozen
 * instructions; where there is no entropy source, mixes the time-stamp counter:
 * never for keys.
 */
uint64_t random_for_layout(void);

#endif
