/* SPDX-License-Identifier: MIT */
/*
 * How a thread waits for an earlier iteration of a loop with `ordered depend(sink: …)`. Without
 * pre-emption the one that it waits for may need this very core, so it must give way.
 */
#ifndef GOMP_DOACROSS_H
#define GOMP_DOACROSS_H 1

#include "libgomp.h"

#include <errno.h>
#include <sched.h>

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
	sched_yield();
}

/* Until *addr is more than expected. */
static inline void doacross_spin(unsigned long *addr, unsigned long expected, unsigned long cur)
{
	(void)cur;
	while (__atomic_load_n(addr, __ATOMIC_RELAXED) <= expected)
		cpu_relax();
}

#endif
