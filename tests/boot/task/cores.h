/* SPDX-License-Identifier: MIT */
/*
 * What these guests have in common: CHECK, which ends the guest with status 1, and
 * the release of the other cores where the start-up code has not done it.
 *
 * Tasks print and allocate nothing: on some cores they may share main()'s TLS.
 */
#ifndef TESTS_BOOT_TASK_CORES_H
#define TESTS_BOOT_TASK_CORES_H

#include <baremetal/baremetal.h>
#include <baremetal/task.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MSR_FS_BASE 0xc0000100u

/* Any core, any state: no printf. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			check_failed(__FILE__, __LINE__, #condition);                              \
	} while (0)

_Noreturn static inline void check_failed(const char *file, int line, const char *what)
{
	char number[12], *digit = number + sizeof number - 1;
	for (*digit = 0; line; line /= 10)
		*--digit = '0' + line % 10;
	const char *parts[] = {"\nCHECK ", file, ":", digit, ": ", what, "\n"};
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		bm_console_write(parts[i], strlen(parts[i]));
	bm_exit(1);
}

static uint64_t main_thread;

/* Stack protector canaries lie behind fs. */
__attribute__((optimize("no-stack-protector"))) static void share_thread(uint32_t core)
{
	(void)core;
	__asm__ volatile("wrmsr"
			 :
			 : "c"(MSR_FS_BASE), "a"((uint32_t)main_thread),
			   "d"((uint32_t)(main_thread >> 32))
			 : "memory");
}

static inline void release_cores(void)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_FS_BASE));
	main_thread = (uint64_t)high << 32 | low;
	bm_core_release(share_thread);
}

static inline uint32_t core_count(void)
{
	return bm_system_info()->cores;
}

static inline struct bm_core_info core_info(uint32_t core)
{
	struct bm_core_info info;
	CHECK(bm_core_info(core, &info) == 0);
	return info;
}

/* Tasks that all cores have ended. */
static inline uint64_t tasks_run(void)
{
	uint64_t sum = 0;
	for (uint32_t c = 0; c < core_count(); c++)
		sum += core_info(c).tasks;
	return sum;
}

static inline void add_one(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
}

static inline uint32_t read_now(const uint32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static inline void relax(void)
{
	__asm__ volatile("pause");
}

/* Until *counter is at least that, without running tasks. Much later is never; many cores may
 * share few processors. */
static inline void spin_until(const uint32_t *counter, uint32_t value)
{
	uint64_t end = bm_time_monotonic() + (100 + 2 * core_count()) * BM_SECOND;
	for (unsigned i = 1; read_now(counter) < value; i++) {
		relax();
		if (i % 1024 == 0)
			CHECK(bm_time_monotonic() < end);
	}
}

#endif
