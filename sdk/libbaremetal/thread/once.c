/* SPDX-License-Identifier: MIT */
/*
 * pthread_once(). If the routine is cancelled, the next caller runs it.
 */
#include "thread.h"

#include <pthread.h>

enum { NOT_RUN, RUNNING, DONE };

static void give_up(void *state)
{
	__atomic_store_n((unsigned *)state, NOT_RUN, __ATOMIC_SEQ_CST);
	thread_wake(state, WAKE_ALL);
}

int pthread_once(pthread_once_t *once, void (*routine)(void))
{
	unsigned *state = &once->__state, seen;

	while ((seen = __atomic_load_n(state, __ATOMIC_ACQUIRE)) != DONE) {
		if (seen == RUNNING) {
			thread_wait(state, RUNNING, sizeof(*state), BM_FOREVER, false);
			continue;
		}
		if (!__atomic_compare_exchange_n(state, &seen, RUNNING, 0, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		pthread_cleanup_push(give_up, state);
		routine();
		pthread_cleanup_pop(0);
		__atomic_store_n(state, DONE, __ATOMIC_SEQ_CST);
		thread_wake(state, WAKE_ALL);
	}
	return 0;
}
