/* SPDX-License-Identifier: MIT */
/*
 * Time for C programs, over <baremetal/time.h>. Processor time is the time since
 * boot: the program has the machine to itself.
 */
#include "posix.h"
#include "../files/files.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/time.h>

#define MICROSECOND INT64_C(1000)
#define SECOND      INT64_C(1000000000)

/* Without a real-time clock this is the time since boot, which is the best there is. */
int64_t files_now(void)
{
	int64_t now = 0;

	bm_time_wall(&now);
	return now;
}

/* The thread library's (thread/time.c), if it is there: then others run meanwhile. */
void thread_sleep_until(uint64_t deadline) __attribute__((weak, visibility("hidden")));

static int fail(int error)
{
	errno = error;
	return -1;
}

static void to_timespec(struct timespec *time, int64_t ns)
{
	time->tv_sec = ns / SECOND;
	time->tv_nsec = (long)(ns % SECOND);
}

int _gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	int64_t now = files_now();

	if (zone)
		*(struct timezone *)zone = (struct timezone){0, 0};
	if (time) {
		time->tv_sec = now / SECOND;
		time->tv_usec = now % SECOND / MICROSECOND;
	}
	return 0;
}
POSIX_ALIAS(gettimeofday)

static bool is_wall(clockid_t clock)
{
	return clock <= CLOCK_REALTIME || clock == 8; /* 0: coarse, 8: CLOCK_REALTIME_ALARM */
}

static bool is_clock(clockid_t clock)
{
	return clock <= 9; /* CLOCK_BOOTTIME_ALARM, the last in <time.h> */
}

POSIX int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!is_clock(clock))
		return fail(EINVAL);
	to_timespec(time, is_wall(clock) ? files_now() : (int64_t)bm_time_monotonic());
	return 0;
}

POSIX int clock_getres(clockid_t clock, struct timespec *resolution)
{
	struct bm_clock_info info;

	if (!is_clock(clock))
		return fail(EINVAL);
	if (resolution) {
		bm_clock_info(&info);
		to_timespec(resolution, info.frequency_hz && info.frequency_hz < (uint64_t)SECOND
					    ? SECOND / (int64_t)info.frequency_hz
					    : 1);
	}
	return 0;
}

POSIX int clock_settime(clockid_t clock, const struct timespec *time)
{
	(void)time;
	return fail(is_clock(clock) ? EPERM : EINVAL);
}

POSIX int clock_getcpuclockid(pid_t process, clockid_t *clock)
{
	if (process && process != getpid())
		return ESRCH;
	*clock = CLOCK_PROCESS_CPUTIME_ID;
	return 0;
}

POSIX int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
			  struct timespec *left)
{
	/* The wall's clock first: what passes between the two must not make the sleep end early. */
	int64_t wall = flags & TIMER_ABSTIME && is_wall(clock) ? files_now() : 0, ns;
	uint64_t now = bm_time_monotonic();

	if (!is_clock(clock) || wanted->tv_nsec < 0 || wanted->tv_nsec >= SECOND)
		return EINVAL;
	if (!(flags & TIMER_ABSTIME) && wanted->tv_sec < 0)
		return EINVAL;
	if (wanted->tv_sec > INT64_MAX / SECOND - 1)
		ns = INT64_MAX;
	else if (wanted->tv_sec < 0)
		ns = 0;
	else
		ns = wanted->tv_sec * SECOND + wanted->tv_nsec;
	if (flags & TIMER_ABSTIME)
		ns -= is_wall(clock) ? wall : (int64_t)now;
	else if (left)
		*left = (struct timespec){0, 0}; /* nothing interrupts a sleep */
	if (thread_sleep_until)
		thread_sleep_until(ns > 0 ? now + (uint64_t)ns : now);
	else if (ns > 0)
		bm_sleep_until(now + (uint64_t)ns);
	return 0;
}

POSIX int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);

	return error ? fail(error) : 0;
}

clock_t _times(struct tms *times)
{
	clock_t now = bm_time_monotonic() / MICROSECOND;

	if (times)
		*times = (struct tms){.tms_utime = now};
	return now;
}
POSIX_ALIAS(times)

POSIX int getrusage(int who, struct rusage *usage)
{
	uint64_t now = who == RUSAGE_SELF ? bm_time_monotonic() : 0;

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN)
		return fail(EINVAL);
	*usage =
	    (struct rusage){.ru_utime = {.tv_sec = (time_t)(now / SECOND),
					 .tv_usec = (suseconds_t)(now % SECOND / MICROSECOND)}};
	return 0;
}

POSIX int settimeofday(const struct timeval *time, const struct timezone *zone)
{
	(void)time, (void)zone;
	return fail(EPERM);
}

POSIX int adjtime(const struct timeval *delta, struct timeval *old)
{
	(void)delta, (void)old;
	return fail(EPERM);
}

/* Timers would have to interrupt the program; there are none. */
POSIX int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
	(void)clock, (void)event, (void)timer;
	return fail(ENOSYS);
}

POSIX int timer_delete(timer_t timer)
{
	(void)timer;
	return fail(EINVAL);
}

POSIX int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict value,
			struct itimerspec *restrict old)
{
	(void)timer, (void)flags, (void)value, (void)old;
	return fail(EINVAL);
}

POSIX int timer_gettime(timer_t timer, struct itimerspec *value)
{
	(void)timer, (void)value;
	return fail(EINVAL);
}

POSIX int timer_getoverrun(timer_t timer)
{
	(void)timer;
	return fail(EINVAL);
}

POSIX int setitimer(int which, const struct itimerval *restrict value,
		    struct itimerval *restrict old)
{
	(void)which, (void)value, (void)old;
	return fail(ENOSYS);
}

POSIX int getitimer(int which, struct itimerval *value)
{
	(void)which, (void)value;
	return fail(ENOSYS);
}
