/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/cpu/core.h: one core, whose number the test sets.
 */
#ifndef TESTS_DEVICE_CORE_H
#define TESTS_DEVICE_CORE_H

#include "cpu/timer.h"
#include "task/scheduler.h"
#include <stdint.h>

struct core {
	uint32_t index;
	struct {
		uint64_t deadline_ns;
		void (*function)(void *);
	} alarms[ALARMS];
};

extern struct core simulated_core;

static inline struct core *core_self(void)
{
	return &simulated_core;
}

#endif
