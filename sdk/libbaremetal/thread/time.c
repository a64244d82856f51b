/* SPDX-License-Identifier: MIT */
/*
 * Deadlines from POSIX's times, and sleeping.
 */
#include "thread.h"

#include <time.h>

#define SECOND INT64_C(1000000000)

bool thread_deadline(clockid_t clock, const struct timespec *time, uint64_t *deadline)
{
	uint64_t now;
	int64_t left, clock_now;

	if (time->tv_nsec < 0 || time->tv_nsec >= SECOND ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
		return false;
	/* First: what passes until the next line must not make the deadline an earlier one. */
	if (clock == CLOCK_REALTIME)
		bm_time_wall(&clock_now); /* without a clock: the time since boot */
	now = bm_time_monotonic();
	if (clock != CLOCK_REALTIME)
		clock_now = (int64_t)now;
	if (time->tv_sec > INT64_MAX / SECOND - 1)
		left = INT64_MAX / 2;
	else if (time->tv_sec < 0)
		left = 0;
	else
		left = time->tv_sec * SECOND + time->tv_nsec - clock_now;
	*deadline = left > 0 ? now + (uint64_t)left : now;
	return true;
}

/* Wait until a time. In main() without other threads the core is kept. */
static enum wait_result sleep_until(struct thread *self, uint64_t deadline)
{
	enum wait_result result = WAIT_CHANGED;
	uint32_t nothing = 0;

	if (__atomic_load_n(&threads_alive, __ATOMIC_RELAXED) == 1 && !thread_lane(self)->base)
		bm_sleep_until(deadline); /* main() alone */
	else
		while (result == WAIT_CHANGED)
			result = thread_wait(&nothing, 0, sizeof(nothing), deadline, true);
	return result;
}

/* For nanosleep() and kin (system/time.c). */
void thread_sleep_until(uint64_t deadline)
{
	struct thread *self = port_self();

	thread_cancel_point(self);
	sleep_until(self, deadline);
	thread_cancel_point(self);
}

/* For a wait that nobody ends (files/console.c). False: the thread was cancelled, and is to end. */
bool thread_pause(uint64_t deadline)
{
	return sleep_until(port_self(), deadline) != WAIT_CANCELED;
}
