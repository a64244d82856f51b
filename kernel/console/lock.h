/* SPDX-License-Identifier: MIT */
/*
 * The console's spin lock. Waiting is bounded: a holder that died, or that this
 * core interrupted, must not silence the machine. Whoever waited in vain goes on
 * without the lock, at the price of mixed output.
 */
#ifndef KERNEL_CONSOLE_LOCK_H
#define KERNEL_CONSOLE_LOCK_H

#include <stdbool.h>

#define LOCK_TRIES (1u << 26) /* with a pause each: seconds */

struct lock {
	bool held;
};

/* Returns whether it was taken; hand that to lock_release(). */
static inline bool lock_take(struct lock *lock)
{
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
		if (!__atomic_test_and_set(&lock->held, __ATOMIC_ACQUIRE))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static inline void lock_release(struct lock *lock, bool taken)
{
	if (taken)
		__atomic_clear(&lock->held, __ATOMIC_RELEASE);
}

#endif
