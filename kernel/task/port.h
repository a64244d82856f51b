/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler needs of a core. The host's tests bring their own (TASK_PORT).
 */
#ifndef KERNEL_TASK_PORT_H
#define KERNEL_TASK_PORT_H

#include "console/panic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"

/* This core's worker. */
static inline struct worker *port_self(void)
{
	return core_self()->worker;
}

static inline uint64_t port_clock(void)
{
	return tsc_read();
}

static inline void port_relax(void)
{
	cpu_relax();
}

/* Sleep until *asleep is 0, or a little shorter. */
static inline void port_sleep(const uint32_t *asleep)
{
	core_sleep(asleep);
}

/* End that core's sleep; its flag is 0 already. */
static inline void port_wake(uint32_t index)
{
	core_wake(index);
}

/* The app broke a contract in a way that cannot go on. */
_Noreturn static inline void port_misuse(const char *what)
{
	panic("%s", what);
}

#endif
