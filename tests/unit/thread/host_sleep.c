/* SPDX-License-Identifier: MIT */
/*
 * nanosleep() over the guest's threads.
 */
#include <time.h>
#include <baremetal/time.h>

void thread_sleep_until(uint64_t deadline);

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)left;
	thread_sleep_until(bm_time_monotonic() + wanted->tv_sec * BM_SECOND + wanted->tv_nsec);
	return 0;
}
