/* SPDX-License-Identifier: MIT */
/*
 * Timers whose rate is known: what the time-stamp counter is measured against.
 */
#ifndef KERNEL_CPU_REFERENCE_H
#define KERNEL_CPU_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

/* A counter that goes up and wraps. One tick is numerator / denominator nanoseconds. */
struct reference {
	const char *source; /* as bm_clock_info names it */
	uint32_t numerator, denominator;
	uint32_t mask; /* all bits that it has */
	bool (*start)(struct reference *reference);
	uint32_t (*read)(void); /* more bits than it has count for nothing */
};

/*
 * Start the next kind of timer that the machine has; NULL after the last. The order is
 * ACPI PM timer, PIT, HPET. One that is returned need not move: watch it.
 */
const struct reference *reference_next(void);

#endif
