/* SPDX-License-Identifier: MIT */
/*
 * Semaphores.
 */
#include "thread.h"

#include <errno.h>
#include <semaphore.h>

static int fail(int error)
{
	errno = error;
	return -1;
}

static bool take(sem_t *semaphore)
{
	unsigned value = __atomic_load_n(&semaphore->__value, __ATOMIC_RELAXED);

	while (value)
		if (__atomic_compare_exchange_n(&semaphore->__value, &value, value - 1, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static int wait_until(sem_t *semaphore, uint64_t deadline)
{
	thread_cancel_point(port_self());
	while (!take(semaphore)) {
		switch (thread_wait(&semaphore->__value, 0, sizeof(unsigned), deadline, true)) {
		case WAIT_TIMED_OUT:
			return fail(ETIMEDOUT);
		case WAIT_CANCELED:
			thread_cancel_point(port_self());
			break;
		default:
			break;
		}
	}
	return 0;
}

int sem_wait(sem_t *semaphore)
{
	return wait_until(semaphore, BM_FOREVER);
}

int sem_trywait(sem_t *semaphore)
{
	return take(semaphore) ? 0 : fail(EAGAIN);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *time)
{
	uint64_t deadline;

	if (take(semaphore))
		return 0;
	if (!thread_deadline(clock, time, &deadline))
		return fail(EINVAL);
	return wait_until(semaphore, deadline);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *time)
{
	return sem_clockwait(semaphore, CLOCK_REALTIME, time);
}

/* The semaphore may be gone as soon as its value has changed: waking reads its address alone. */
int sem_post(sem_t *semaphore)
{
	unsigned value = __atomic_load_n(&semaphore->__value, __ATOMIC_RELAXED);

	do {
		if (value == SEM_VALUE_MAX)
			return fail(EOVERFLOW);
	} while (!__atomic_compare_exchange_n(&semaphore->__value, &value, value + 1, 0,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	thread_wake(&semaphore->__value, 1);
	return 0;
}

int sem_getvalue(sem_t *semaphore, int *value)
{
	*value = (int)__atomic_load_n(&semaphore->__value, __ATOMIC_RELAXED);
	return 0;
}

int sem_init(sem_t *semaphore, int shared, unsigned value)
{
	(void)shared;
	if (value > SEM_VALUE_MAX)
		return fail(EINVAL);
	semaphore->__value = value;
	return 0;
}

int sem_destroy(sem_t *semaphore)
{
	return thread_is_awaited(&semaphore->__value) ? fail(EBUSY) : 0;
}

sem_t *sem_open(const char *name, int flags, ...)
{
	(void)name, (void)flags;
	errno = ENOSYS;
	return SEM_FAILED;
}

int sem_close(sem_t *semaphore)
{
	(void)semaphore;
	return fail(EINVAL);
}

int sem_unlink(const char *name)
{
	(void)name;
	return fail(ENOSYS);
}
