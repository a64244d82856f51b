/* SPDX-License-Identifier: MIT */
/*
 * What a program needs that is compiled both for BareMetal SDK and as the first process of a Linux
 * guest: how many cores there are, something to run on each, an end.
 *
 * On BareMetal SDK each core runs it as a task; on Linux as a thread that is pinned to the core, at
 * the default priority.
 */
#ifndef TESTS_BENCH_PLATFORM_H
#define TESTS_BENCH_PLATFORM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CORES_MOST 64

typedef void platform_fn(unsigned core);

static inline uint64_t platform_ticks(void)
{
	return __builtin_ia32_rdtsc();
}

#ifdef __baremetal__
#include <baremetal/baremetal.h>

#define PLATFORM "BareMetal SDK"

static inline unsigned platform_cores(void)
{
	return bm_system_info()->cores;
}

/* Bind this thread to a core. Here they spread by themselves. */
static inline void platform_pin(unsigned core)
{
	(void)core;
}

static platform_fn *platform_function;

static void platform_task(void *core)
{
	platform_function((uintptr_t)core);
}

/* Run it on each core at the same time, this one included. */
static inline void platform_on_each_core(platform_fn *function)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	platform_function = function;
	for (uintptr_t core = platform_cores(); core-- > 0;)
		bm_task_submit_to(core, &group, platform_task, (void *)core);
	bm_task_wait(&group);
}

__attribute__((noreturn)) static inline void platform_end(int status)
{
	exit(status);
}

#else
#include <pthread.h>
#include <sched.h>
#include <termios.h>
#include "linux_end.h"

#define PLATFORM "Linux"

static inline unsigned platform_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

static platform_fn *platform_function;

static inline void platform_pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof set, &set)) {
		puts("no thread can be pinned to its core");
		linux_end(1);
	}
}

static void *platform_thread(void *core)
{
	platform_pin((uintptr_t)core);
	platform_function((uintptr_t)core);
	return NULL;
}

static inline void platform_on_each_core(platform_fn *function)
{
	pthread_t threads[CORES_MOST];
	unsigned cores = platform_cores();

	platform_function = function;
	for (uintptr_t core = 0; core < cores; core++)
		if (pthread_create(&threads[core], NULL, platform_thread, (void *)core)) {
			puts("a thread cannot be created");
			linux_end(1);
		}
	for (unsigned core = 0; core < cores; core++)
		pthread_join(threads[core], NULL);
}

/* The first process must not end by itself. */
__attribute__((noreturn)) static inline void platform_end(int status)
{
	fflush(stdout);
	tcdrain(1); /* what is on its way to the serial port would be lost */
	linux_end(status);
}
#endif
#endif
