/* SPDX-License-Identifier: MIT */
/*
 * Condition variables: a number that each signal changes, and those who wait for that.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline)
{
	uint32_t seen = __atomic_load_n(&cond->__sequence, __ATOMIC_SEQ_CST);
	enum wait_result result;
	uint32_t depth = mutex->__depth;
	int error;

	if ((__atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED) & ~OWNER_FLAGS) !=
	    (uintptr_t)port_self())
		return EPERM;
	/* A recursive one is left altogether. */
	if (depth) {
		mutex->__depth = 0;
		__atomic_fetch_and(&mutex->__owner, ~OWNER_RECURSED, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(mutex);
	result = thread_wait(&cond->__sequence, seen, sizeof(seen), deadline, true);
	error = pthread_mutex_lock(mutex);
	if (depth) {
		mutex->__depth = depth;
		__atomic_fetch_or(&mutex->__owner, OWNER_RECURSED, __ATOMIC_RELAXED);
	}
	if (result == WAIT_CANCELED)
		thread_cancel_point(port_self());
	return error ? error : result == WAIT_TIMED_OUT ? ETIMEDOUT : 0;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return wait_until(cond, mutex, BM_FOREVER);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
			   const struct timespec *time)
{
	uint64_t deadline;

	if (!thread_deadline(clock, time, &deadline))
		return EINVAL;
	return wait_until(cond, mutex, deadline);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *time)
{
	return pthread_cond_clockwait(cond, mutex, cond->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME,
				      time);
}

static int wake(pthread_cond_t *cond, uint32_t count)
{
	__atomic_fetch_add(&cond->__sequence, 1, __ATOMIC_SEQ_CST);
	thread_wake(&cond->__sequence, count);
	return 0;
}

int pthread_cond_signal(pthread_cond_t *cond)
{
	return wake(cond, 1);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
	return wake(cond, WAKE_ALL);
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
	*cond = (pthread_cond_t){.__clock = attributes && attributes->__clock == CLOCK_MONOTONIC};
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
	return thread_is_awaited(&cond->__sequence) ? EBUSY : 0;
}
