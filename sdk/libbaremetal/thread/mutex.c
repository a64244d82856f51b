/* SPDX-License-Identifier: MIT */
/*
 * Mutexes: one word with the holder's control block and two flags.
 *
 * Lock and unlock of a free mutex are one compare-and-exchange each, the same for all
 * types; 6 instructions each. One that was locked more than once carries a flag, so that
 * unlocking it fails there and is looked at closer; and so does one that is waited for.
 * Waiting for one that is taken is owner.c's.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

static uintptr_t me(void)
{
	return (uintptr_t)port_self();
}

static bool acquire(unsigned long *owner, unsigned long from, unsigned long to)
{
	return __atomic_compare_exchange_n(owner, &from, to, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* What locking it once more gives its holder. */
static int lock_again(pthread_mutex_t *mutex)
{
	if (mutex->__type != PTHREAD_MUTEX_RECURSIVE)
		return EDEADLK;
	if (mutex->__depth == UINT32_MAX)
		return EAGAIN;
	if (!mutex->__depth++)
		__atomic_fetch_or(&mutex->__owner, OWNER_RECURSED, __ATOMIC_RELAXED);
	return 0;
}

static __attribute__((noinline)) int lock_slowly(pthread_mutex_t *mutex, uint64_t deadline)
{
	unsigned long seen = __atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED);

	if ((seen & ~OWNER_FLAGS) == me()) {
		int error = lock_again(mutex);

		/* A normal one is documented to wait for itself. */
		if (error != EDEADLK || mutex->__type == PTHREAD_MUTEX_ERRORCHECK)
			return error;
	}
	return thread_contend(&mutex->__owner, deadline) ? 0 : ETIMEDOUT;
}

static __attribute__((noinline)) int lock_for_ever(pthread_mutex_t *mutex)
{
	return lock_slowly(mutex, BM_FOREVER);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (__builtin_expect(acquire(&mutex->__owner, 0, me()), 1))
		return 0;
	return lock_for_ever(mutex);
}

static __attribute__((noinline)) int unlock_slowly(pthread_mutex_t *mutex)
{
	unsigned long seen = __atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED);

	if ((seen & ~OWNER_FLAGS) != me())
		return EPERM;
	if (seen & OWNER_RECURSED) {
		if (!--mutex->__depth)
			__atomic_fetch_and(&mutex->__owner, ~OWNER_RECURSED, __ATOMIC_RELAXED);
		return 0;
	}
	thread_unlock_owner(&mutex->__owner);
	return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	unsigned long held = me();

	if (__builtin_expect(__atomic_compare_exchange_n(&mutex->__owner, &held, 0, 0,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED),
			     1))
		return 0;
	return unlock_slowly(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	if (acquire(&mutex->__owner, 0, me()))
		return 0;
	if ((__atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED) & ~OWNER_FLAGS) == me() &&
	    mutex->__type == PTHREAD_MUTEX_RECURSIVE)
		return lock_again(mutex);
	return EBUSY;
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
	uint64_t deadline;

	if (acquire(&mutex->__owner, 0, me()))
		return 0;
	if (!thread_deadline(clock, time, &deadline))
		return EINVAL;
	return lock_slowly(mutex, deadline);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *time)
{
	return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, time);
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	*mutex = (pthread_mutex_t){.__type = attributes ? (unsigned)attributes->__type
							: PTHREAD_MUTEX_DEFAULT};
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	return __atomic_load_n(&mutex->__owner, __ATOMIC_ACQUIRE) ? EBUSY : 0;
}

int pthread_mutex_consistent(pthread_mutex_t *mutex)
{
	(void)mutex;
	return EINVAL; /* there are no robust ones */
}
