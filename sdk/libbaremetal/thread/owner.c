/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the word of a mutex or of one of the library's own locks (system/lock.c), and
 * opening one that is waited for.
 *
 * Apart from mutex.c, for each program with threads must have this, also one that calls no
 * pthread_mutex_lock(): create.c sees to that.
 *
 * A waiter that was woken and came too late is given the lock the next time: without that,
 * two threads that take turns on one core could lock a third one out for ever.
 */
#include "thread.h"

#define SPINS 40 /* looks at a lock before waiting, where another core may be about to open it */

static bool acquire(unsigned long *owner, unsigned long to)
{
	unsigned long from = 0;

	return __atomic_compare_exchange_n(owner, &from, to, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The flag says that others may wait: whoever waited cannot know, so it keeps it. */
bool thread_contend(unsigned long *owner, uint64_t deadline)
{
	uintptr_t self = (uintptr_t)port_self();
	bool starved = false;
	unsigned rounds = 0;

	for (unsigned spins = lane_count > 1 ? SPINS : 0; spins; spins--) {
		if (!__atomic_load_n(owner, __ATOMIC_RELAXED) && acquire(owner, self))
			return true;
		port_relax();
	}
	for (;;) {
		unsigned long seen = __atomic_load_n(owner, __ATOMIC_RELAXED);
		enum wait_result result;

		if (!seen) {
			if (acquire(owner, self | OWNER_AWAITED))
				return true;
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
			return false;
		if (result == WAIT_GIVEN)
			return true;
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

void thread_lock_owner(unsigned long *owner)
{
	thread_contend(owner, BM_FOREVER);
}

void thread_unlock_owner(unsigned long *owner)
{
	thread_wake_deciding(owner, decide, owner);
}
