/* SPDX-License-Identifier: MIT */
/*
 * Spin locks. Their holder may have left its core all the same, so a waiter that has
 * spun for long lets others run.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

#define SPINS 1000 /* before others are let run */

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
	return __atomic_exchange_n(&lock->__held, 1, __ATOMIC_ACQUIRE) ? EBUSY : 0;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
	unsigned spins = 0;

	while (__builtin_expect(pthread_spin_trylock(lock), 0)) {
		while (__atomic_load_n(&lock->__held, __ATOMIC_RELAXED)) {
			port_relax();
			if (++spins % SPINS == 0)
				thread_yield();
		}
	}
	return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
	__atomic_store_n(&lock->__held, 0, __ATOMIC_RELEASE);
	return 0;
}

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
	(void)shared;
	lock->__held = 0;
	return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
	return __atomic_load_n(&lock->__held, __ATOMIC_RELAXED) ? EBUSY : 0;
}
