/* SPDX-License-Identifier: MIT */
/*
 * Cancellation, deferred only.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

void thread_cancel_point(struct thread *self)
{
	if (__builtin_expect(__atomic_load_n(&self->cancel_pending, __ATOMIC_RELAXED), 0) &&
	    !self->cancel_disabled && !self->exiting)
		thread_exit(PTHREAD_CANCELED);
}

int pthread_cancel(pthread_t handle)
{
	struct thread *thread = thread_of(handle);

	if (!thread)
		return ESRCH;
	thread_interrupt(thread);
	return 0;
}

void pthread_testcancel(void)
{
	thread_cancel_point(port_self());
}

int pthread_setcanceltype(int type, int *old)
{
	if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
		return ENOTSUP;
	if (type != PTHREAD_CANCEL_DEFERRED)
		return EINVAL;
	if (old)
		*old = PTHREAD_CANCEL_DEFERRED;
	return 0;
}

void _pthread_cleanup_push(struct _pthread_cleanup *entry, void (*routine)(void *), void *argument)
{
	struct thread *self = port_self();

	*entry = (struct _pthread_cleanup){routine, argument, self->cleanup};
	self->cleanup = entry;
}

void _pthread_cleanup_pop(struct _pthread_cleanup *entry, int execute)
{
	port_self()->cleanup = entry->_previous;
	if (execute)
		entry->_routine(entry->_argument);
}
