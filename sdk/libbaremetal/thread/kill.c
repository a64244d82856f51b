/* SPDX-License-Identifier: MIT */
/*
 * pthread_kill(): to oneself alone, for nothing interrupts another thread.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

int pthread_kill(pthread_t handle, int number)
{
	if (!thread_of(handle))
		return ESRCH;
	if (number < 0 || number >= NSIG)
		return EINVAL;
	if (number && handle != port_self()->handle)
		return ENOTSUP;
	if (number)
		raise(number);
	return 0;
}
