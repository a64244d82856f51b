/* SPDX-License-Identifier: MIT */
/*
 * Attributes of all kinds, and what may be asked about a thread.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

size_t thread_default_stack(void);

/* ---- Of threads ---- */

int pthread_attr_init(pthread_attr_t *a)
{
	*a = (pthread_attr_t){.__stack_size = thread_default_stack(), .__guard_size = 4096};
	return 0;
}

int pthread_attr_destroy(pthread_attr_t *a)
{
	(void)a;
	return 0;
}

/* A pair that keeps a value; `valid` says of which. */
#define ATTRIBUTE(object, name, type, member, valid)                                               \
	int object##_get##name(const object##_t *a, type *value)                                   \
	{                                                                                          \
		*value = a->member;                                                                \
		return 0;                                                                          \
	}                                                                                          \
	int object##_set##name(object##_t *a, type value)                                          \
	{                                                                                          \
		if (!(valid))                                                                      \
			return EINVAL;                                                             \
		a->member = value;                                                                 \
		return 0;                                                                          \
	}
#define IS_SHARED (value == PTHREAD_PROCESS_PRIVATE || value == PTHREAD_PROCESS_SHARED)

ATTRIBUTE(pthread_attr, detachstate, int, __detach_state,
	  value == PTHREAD_CREATE_JOINABLE || value == PTHREAD_CREATE_DETACHED)
ATTRIBUTE(pthread_attr, guardsize, size_t, __guard_size, true)
ATTRIBUTE(pthread_attr, stacksize, size_t, __stack_size,
	  value >= PTHREAD_STACK_MIN && value <= SIZE_MAX / 4)
ATTRIBUTE(pthread_attr, stackaddr, void *, __stack, value != NULL)
ATTRIBUTE(pthread_attr, inheritsched, int, __inherit,
	  value == PTHREAD_INHERIT_SCHED || value == PTHREAD_EXPLICIT_SCHED)
ATTRIBUTE(pthread_mutexattr, type, int, __type,
	  value >= PTHREAD_MUTEX_NORMAL && value <= PTHREAD_MUTEX_ERRORCHECK)
ATTRIBUTE(pthread_mutexattr, pshared, int, __shared, IS_SHARED)
ATTRIBUTE(pthread_condattr, pshared, int, __shared, IS_SHARED)
ATTRIBUTE(pthread_rwlockattr, pshared, int, __shared, IS_SHARED)
ATTRIBUTE(pthread_barrierattr, pshared, int, __shared, IS_SHARED)

int pthread_condattr_getclock(const pthread_condattr_t *a, clockid_t *clock)
{
	*clock = a->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *a, clockid_t clock)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	a->__clock = clock == CLOCK_MONOTONIC ? (int)CLOCK_MONOTONIC : 0;
	return 0;
}

int pthread_attr_getstack(const pthread_attr_t *a, void **stack, size_t *size)
{
	*stack = a->__stack;
	*size = a->__stack_size;
	return 0;
}

int pthread_attr_setstack(pthread_attr_t *a, void *stack, size_t size)
{
	if (!stack || size < PTHREAD_STACK_MIN)
		return EINVAL;
	a->__stack = stack;
	a->__stack_size = size;
	return 0;
}

/* Scheduling: there is one policy, without priorities. */
int pthread_attr_getscope(const pthread_attr_t *a, int *scope)
{
	(void)a;
	*scope = PTHREAD_SCOPE_PROCESS;
	return 0;
}

int pthread_attr_setscope(pthread_attr_t *a, int scope)
{
	(void)a;
	return scope == PTHREAD_SCOPE_PROCESS  ? 0
	       : scope == PTHREAD_SCOPE_SYSTEM ? ENOTSUP
					       : EINVAL;
}

int pthread_attr_getschedpolicy(const pthread_attr_t *a, int *policy)
{
	(void)a;
	*policy = SCHED_OTHER;
	return 0;
}

int pthread_attr_setschedpolicy(pthread_attr_t *a, int policy)
{
	(void)a;
	return policy == SCHED_OTHER ? 0 : ENOTSUP;
}

int pthread_attr_getschedparam(const pthread_attr_t *a, struct sched_param *parameters)
{
	(void)a;
	*parameters = (struct sched_param){0};
	return 0;
}

int pthread_attr_setschedparam(pthread_attr_t *a, const struct sched_param *parameters)
{
	(void)a;
	return parameters->sched_priority ? ENOTSUP : 0;
}

int pthread_getschedparam(pthread_t handle, int *policy, struct sched_param *parameters)
{
	if (!thread_of(handle))
		return ESRCH;
	*policy = SCHED_OTHER;
	*parameters = (struct sched_param){0};
	return 0;
}

int pthread_setschedparam(pthread_t handle, int policy, const struct sched_param *parameters)
{
	if (!thread_of(handle))
		return ESRCH;
	return policy == SCHED_OTHER && !parameters->sched_priority ? 0 : ENOTSUP;
}

int pthread_setschedprio(pthread_t handle, int priority)
{
	return !thread_of(handle) ? ESRCH : priority ? ENOTSUP : 0;
}

int sched_get_priority_max(int policy)
{
	if (policy == SCHED_OTHER)
		return 0;
	errno = EINVAL;
	return -1;
}

int sched_get_priority_min(int policy)
{
	return sched_get_priority_max(policy);
}

/* ---- Of locks ---- */

#define NO_ATTRIBUTES(object)                                                                      \
	int object##_init(object##_t *a)                                                           \
	{                                                                                          \
		*a = (object##_t){0};                                                              \
		return 0;                                                                          \
	}                                                                                          \
	int object##_destroy(object##_t *a)                                                        \
	{                                                                                          \
		(void)a;                                                                           \
		return 0;                                                                          \
	}

NO_ATTRIBUTES(pthread_mutexattr)
NO_ATTRIBUTES(pthread_condattr)
NO_ATTRIBUTES(pthread_rwlockattr)
NO_ATTRIBUTES(pthread_barrierattr)

int pthread_mutexattr_getrobust(const pthread_mutexattr_t *a, int *robust)
{
	(void)a;
	*robust = PTHREAD_MUTEX_STALLED;
	return 0;
}

int pthread_mutexattr_setrobust(pthread_mutexattr_t *a, int robust)
{
	(void)a;
	return robust == PTHREAD_MUTEX_STALLED  ? 0
	       : robust == PTHREAD_MUTEX_ROBUST ? ENOTSUP
						: EINVAL;
}

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *a, int *protocol)
{
	(void)a;
	*protocol = PTHREAD_PRIO_NONE;
	return 0;
}

int pthread_mutexattr_setprotocol(pthread_mutexattr_t *a, int protocol)
{
	(void)a;
	return protocol == PTHREAD_PRIO_NONE ? 0 : ENOTSUP;
}

/* ---- About a thread ---- */

int pthread_getattr_np(pthread_t handle, pthread_attr_t *a)
{
	const struct thread *thread = thread_of(handle);

	if (!thread)
		return ESRCH;
	*a = (pthread_attr_t){.__stack = thread->stack,
			      .__stack_size = thread->stack_size,
			      .__guard_size = 4096,
			      .__detach_state = thread->joined_by == thread
						    ? PTHREAD_CREATE_DETACHED
						    : PTHREAD_CREATE_JOINABLE};
	return 0;
}

int pthread_setname_np(pthread_t handle, const char *name)
{
	struct thread *thread = thread_of(handle);

	if (!thread)
		return ESRCH;
	if (strlen(name) >= sizeof(thread->name))
		return ERANGE;
	strcpy(thread->name, name);
	return 0;
}

int pthread_getname_np(pthread_t handle, char *name, size_t size)
{
	const struct thread *thread = thread_of(handle);

	if (!thread)
		return ESRCH;
	if (size < sizeof(thread->name))
		return ERANGE;
	strcpy(name, thread->name);
	return 0;
}

int pthread_getcpuclockid(pthread_t handle, clockid_t *clock)
{
	(void)clock;
	return thread_of(handle) ? ENOENT : ESRCH; /* nothing counts a thread's own time */
}

int pthread_getconcurrency(void)
{
	return 0;
}

int pthread_setconcurrency(int level)
{
	return level < 0 ? EINVAL : 0;
}

/* There is no fork(). */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare, (void)parent, (void)child;
	return 0;
}

int sched_getcpu(void)
{
	return (int)bm_core();
}
