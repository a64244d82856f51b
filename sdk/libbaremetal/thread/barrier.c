/* SPDX-License-Identifier: MIT */
/*
 * Barriers. Destroying one waits until all have left its last round.
 */
#include "thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes,
			 unsigned count)
{
	(void)attributes;
	if (!count || count > INT_MAX)
		return EINVAL;
	*barrier = (pthread_barrier_t){.__count = count};
	return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	if (__atomic_load_n(&barrier->__arrived, __ATOMIC_SEQ_CST))
		return EBUSY;
	while (__atomic_load_n(&barrier->__inside, __ATOMIC_SEQ_CST))
		thread_yield();
	return 0;
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	unsigned round, last;

	__atomic_fetch_add(&barrier->__inside, 1, __ATOMIC_SEQ_CST);
	round = __atomic_load_n(&barrier->__round, __ATOMIC_SEQ_CST);
	last = __atomic_add_fetch(&barrier->__arrived, 1, __ATOMIC_SEQ_CST) == barrier->__count;
	if (last) {
		__atomic_store_n(&barrier->__arrived, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&barrier->__round, round + 1, __ATOMIC_SEQ_CST);
		thread_wake(&barrier->__round, WAKE_ALL);
	} else {
		while (__atomic_load_n(&barrier->__round, __ATOMIC_SEQ_CST) == round)
			thread_wait(&barrier->__round, round, sizeof(round), BM_FOREVER, false);
	}
	__atomic_fetch_sub(&barrier->__inside, 1, __ATOMIC_SEQ_CST);
	return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}
