/* SPDX-License-Identifier: MIT */
/*
 * Mutexes: one word with the holder's control block and two flags.
 *
 * Lock and unlock of a free mutex are one compare-and-exchange each, the same for all
 * types; 6 instructions each. One that was locked more than once carries a flag, so that
 * unlocking it fails there and is looked at closer; and so does one that is waited for.
 * A waiter that was woken and came too late is given the mutex the next time: without that,
 * two threads that take turns on one core could lock a third one out for ever.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

#define SPINS 40 /* looks at a mutex before waiting, where another core may be about to open it */

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

/* Take it, or wait. The flag says that others may wait: whoever waited cannot know, so it keeps it.
 */
static int contend(unsigned long *owner, uint64_t deadline)
{
	uintptr_t self = me();
	bool starved = false;
	unsigned rounds = 0;

	for (unsigned spins = lane_count > 1 ? SPINS : 0; spins; spins--) {
		if (!__atomic_load_n(owner, __ATOMIC_RELAXED) && acquire(owner, 0, self))
			return 0;
		port_relax();
	}
	for (;;) {
		unsigned long seen = __atomic_load_n(owner, __ATOMIC_RELAXED);
		enum wait_result result;

		if (!seen) {
			if (acquire(owner, 0, self | OWNER_AWAITED))
				return 0;
			continue;
		}
		if (!(seen & OWNER_AWAITED)) {
			if (!__atomic_compare_exchange_n(owner, &seen, seen | OWNER_AWAITED, 0,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
				continue;
			seen |= OWNER_AWAITED;
		}
		result = thread_wait_starved(owner, seen, deadline, starved, rounds++);
		if (result == WAIT_TIMED_OUT)
			return ETIMEDOUT;
		if (result == WAIT_GIVEN)
			return 0;
		if (result == WAIT_WOKEN)
			starved = true;
	}
}

static bool decide(const struct waiter *first, void *owner)
{
	unsigned long next = 0;
	bool give = first && first->starved;

	if (give)
		next = (uintptr_t)first->thread | OWNER_AWAITED;
	__atomic_store_n((unsigned long *)owner, next, __ATOMIC_RELEASE);
	return give;
}

/* For Newlib's locks as well: system/lock.c. */
void thread_lock_owner(unsigned long *owner)
{
	contend(owner, BM_FOREVER);
}

void thread_unlock_owner(unsigned long *owner)
{
	thread_wake_deciding(owner, decide, owner);
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
	return contend(&mutex->__owner, deadline);
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
