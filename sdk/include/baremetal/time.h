/* SPDX-License-Identifier: MIT */
/*
 * Time: a monotonic clock, the wall clock, and sleeping.
 *
 *     uint64_t start = bm_time_monotonic();
 *     bm_sleep_until(start + 5 * BM_SECOND);
 */
#ifndef BAREMETAL_TIME_H
#define BAREMETAL_TIME_H

#include <baremetal/api.h>
#include <baremetal/error.h>

#define BM_SECOND  UINT64_C(1000000000) /* in nanoseconds */
#define BM_FOREVER UINT64_MAX           /* as a deadline: none */

/** What bm_clock_info() tells. */
struct bm_clock_info {
	const char *source;    /* "tsc (cpuid)", "tsc (acpi-pm)", "tsc (pit)", … */
	uint64_t frequency_hz; /* of the counter that is read */
	uint64_t waited_ns;    /* spent waiting to measure it, since boot */
	uint32_t invariant;    /* 1 if the counter's rate is constant by promise */
	uint32_t reserved;     /* 0 */
};

/**
 * Nanoseconds since the kernel's entry. Never goes back. The first call may
 * measure the counter's rate, which takes at most 1 ms.
 * Any core.
 */
static inline uint64_t bm_time_monotonic(void)
{
	return bm_api->time_monotonic();
}

/**
 * The wall clock, UTC, from the real-time clock at boot and the monotonic one since.
 *
 * @param ns_since_epoch  receives nanoseconds since 1970-01-01T00:00:00Z.
 * @return 0; -BM_ENODEV where the machine has no real-time clock, or one that
 *         gives nonsense (the value is then the time since boot).
 */
static inline int bm_time_wall(int64_t *ns_since_epoch)
{
	return bm_api->time_wall(ns_since_epoch);
}

/**
 * Block until bm_time_monotonic() is deadline_ns or later.
 * @return 0. A deadline in the past returns at once.
 */
static inline int bm_sleep_until(uint64_t deadline_ns)
{
	return bm_api->time_sleep_until(deadline_ns);
}

/** Tell where the monotonic clock comes from. */
static inline void bm_clock_info(struct bm_clock_info *info)
{
	bm_api->time_clock_info(info);
}

#endif
