/* SPDX-License-Identifier: MIT */
/*
 * The monotonic clock, the wall clock, and short waits.
 *
 * The time-stamp counter is read; its rate comes from CPUID (leaf 0x15 or 0x16,
 * or the hypervisor's 0x40000010), else from a reference timer (ACPI PM timer
 * or PIT) sampled at boot and again at first use: no wait unless the two
 * are too close together. Later reads refine the rate against the reference,
 * over intervals that grow, and follow it for ever where the counter is not invariant.
 */
#ifndef KERNEL_CPU_TIME_H
#define KERNEL_CPU_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <baremetal/time.h>

/* Take the first sample. boot_tsc: the counter at kernel entry. After acpi_init(). */
void time_init(uint64_t boot_tsc);

uint64_t time_monotonic(void);

/* The same for an interrupt, which may have stopped who changes the clock: it waits for nobody and
 * measures nothing. False: it cannot be told at this moment. Never more than time_monotonic() says
 * afterwards. */
bool time_peek(uint64_t *ns);

/* Nanoseconds of a difference of the counter's, at its present rate. */
uint64_t time_of_ticks(uint64_t ticks);

/* The other way round; all ones where that is too large. */
uint64_t time_to_ticks(uint64_t ns);

int time_wall(int64_t *ns_since_epoch);
int time_sleep_until(uint64_t deadline_ns);
void time_clock_info(struct bm_clock_info *info);

/* Spin for at least this long; for device waits of microseconds. */
void time_delay_us(uint32_t us);

#endif
