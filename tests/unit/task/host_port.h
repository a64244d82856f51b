/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's port to the host: a thread is a core.
 */
#ifndef TESTS_UNIT_TASK_PORT_H
#define TESTS_UNIT_TASK_PORT_H

#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "task/scheduler.h"

extern __thread struct worker *port_worker;

static inline struct worker *port_self(void)
{
	return port_worker;
}

static inline uint64_t port_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ul + now.tv_nsec;
}

static inline void port_relax(void)
{
	sched_yield();
}

static inline void port_sleep(const uint32_t *asleep)
{
	uint32_t how = __atomic_load_n(asleep, __ATOMIC_SEQ_CST);
	if (how)
		syscall(SYS_futex, asleep, FUTEX_WAIT_PRIVATE, how, NULL, NULL, 0);
}

static inline void port_wake(uint32_t index)
{
	syscall(SYS_futex, &worker_of(index)->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

_Noreturn static inline void port_misuse(const char *what)
{
	fprintf(stderr, "misuse: %s\n", what);
	abort();
}

#endif
