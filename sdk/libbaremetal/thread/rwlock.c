/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks. Whoever finds it taken waits for the number that every opening changes.
 *
 * Readers that come while a writer waits, wait as well, or writers might never get in. When a
 * writer has done, the readers that waited by then come first (their `turn`), or readers might
 * never get in. But a thread that holds a read lock may get more of them at once: the writer may be
 * waiting for that very thread.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>

#define READERS_MAX 0x7ffffffeu

enum kind { READ, WRITE };

/* An attempt, and what it knows from the one before. */
struct attempt {
	enum kind kind;
	bool waiting;   /* counted among those who wait */
	uint32_t phase; /* of the lock when it began to wait */
};

static void open_up(pthread_rwlock_t *lock)
{
	__atomic_store_n(&lock->__lock, 0, __ATOMIC_RELEASE);
}

static void close_off(pthread_rwlock_t *lock)
{
	spin_lock((struct spin *)&lock->__lock);
}

/* All that follow, down to leave(), run under __lock. */

static void change(pthread_rwlock_t *lock)
{
	__atomic_fetch_add(&lock->__sequence, 1, __ATOMIC_SEQ_CST);
}

/* ---- Who reads: the lock has only their number, so each thread knows its own ---- */

static uint32_t *reads_of(struct thread *self, const pthread_rwlock_t *lock)
{
	for (int i = 0; i < READS_TOLD; i++)
		if (self->reading[i].count && self->reading[i].lock == lock)
			return &self->reading[i].count;
	return NULL;
}

static uint32_t *place_for_reads(struct thread *self, const pthread_rwlock_t *lock)
{
	for (int i = 0; i < READS_TOLD; i++)
		if (!self->reading[i].count) {
			self->reading[i].lock = lock;
			return &self->reading[i].count;
		}
	return &self->reads_untold;
}

static void begin_to_read(struct thread *self, const pthread_rwlock_t *lock)
{
	uint32_t *count = reads_of(self, lock);

	++*(count ? count : place_for_reads(self, lock));
	self->reads++;
}

/* False: it does not read under this lock. Who reads under more locks than are told apart is
 * believed. */
static bool end_to_read(struct thread *self, const pthread_rwlock_t *lock)
{
	uint32_t *count = reads_of(self, lock);

	if (!count)
		count = &self->reads_untold;
	if (!*count)
		return false;
	--*count;
	self->reads--;
	return true;
}

static int try_read(pthread_rwlock_t *lock, struct thread *self, const struct attempt *attempt)
{
	if (lock->__owner)
		return EBUSY;
	if (lock->__readers == READERS_MAX)
		return EAGAIN;
	if (attempt->waiting && attempt->phase != lock->__phase && lock->__turn)
		lock->__turn--;
	else if (lock->__writers_waiting && !self->reads)
		return EBUSY;
	lock->__readers++;
	begin_to_read(self, lock);
	return 0;
}

static int try_lock(pthread_rwlock_t *lock, struct thread *self, const struct attempt *attempt)
{
	if (attempt->kind == READ)
		return try_read(lock, self, attempt);
	if (lock->__owner || lock->__readers || lock->__turn)
		return EBUSY;
	lock->__owner = (uintptr_t)self; /* not its handle: a core's tasks have none */
	return 0;
}

static void begin_to_wait(pthread_rwlock_t *lock, struct attempt *attempt)
{
	if (attempt->waiting)
		return;
	attempt->waiting = true;
	attempt->phase = lock->__phase;
	if (attempt->kind == READ)
		lock->__readers_waiting++;
	else
		lock->__writers_waiting++;
}

/* It has got the lock or given up. Returns whether others should look again. */
static bool end_to_wait(pthread_rwlock_t *lock, const struct attempt *attempt, bool got_it)
{
	if (!attempt->waiting)
		return false;
	if (attempt->kind == WRITE)
		return !--lock->__writers_waiting && !got_it;
	lock->__readers_waiting--;
	if (got_it || attempt->phase == lock->__phase || !lock->__turn)
		return false;
	return !--lock->__turn; /* it does not take its turn */
}

static int take(pthread_rwlock_t *lock, enum kind kind, uint64_t deadline)
{
	struct thread *self = port_self();
	struct attempt attempt = {.kind = kind};
	bool timed_out = false, wake;

	for (;;) {
		close_off(lock);
		uint32_t seen = lock->__sequence;
		int error = try_lock(lock, self, &attempt);

		if (error == EBUSY && lock->__owner == (uintptr_t)self)
			error = EDEADLK;
		if (error != EBUSY || timed_out) {
			wake = end_to_wait(lock, &attempt, !error);
			if (wake)
				change(lock);
			open_up(lock);
			if (wake)
				thread_wake(&lock->__sequence, WAKE_ALL);
			return error == EBUSY ? ETIMEDOUT : error;
		}
		begin_to_wait(lock, &attempt);
		open_up(lock);
		timed_out = thread_wait(&lock->__sequence, seen, sizeof(seen), deadline, false) ==
			    WAIT_TIMED_OUT;
	}
}

static int try_once(pthread_rwlock_t *lock, enum kind kind)
{
	struct attempt attempt = {.kind = kind};

	close_off(lock);
	int error = try_lock(lock, port_self(), &attempt);
	open_up(lock);
	return error;
}

static int take_until(pthread_rwlock_t *lock, enum kind kind, clockid_t clock,
		      const struct timespec *time)
{
	uint64_t deadline;
	int error = try_once(lock, kind);

	if (error != EBUSY)
		return error;
	return thread_deadline(clock, time, &deadline) ? take(lock, kind, deadline) : EINVAL;
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	struct thread *self = port_self();
	bool is_free;

	close_off(lock);
	if (lock->__owner ? lock->__owner != (uintptr_t)self
			  : !lock->__readers || !end_to_read(self, lock)) {
		open_up(lock);
		return EPERM;
	}
	if (lock->__owner) {
		lock->__owner = 0;
		lock->__phase++;
		lock->__turn = lock->__readers_waiting;
	} else {
		lock->__readers--;
	}
	is_free = !lock->__readers;
	if (is_free)
		change(lock);
	open_up(lock); /* from here on it may be gone */
	if (is_free)
		thread_wake(&lock->__sequence, WAKE_ALL);
	return 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return take(lock, READ, BM_FOREVER);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return take(lock, WRITE, BM_FOREVER);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	return try_once(lock, READ);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	return try_once(lock, WRITE);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *time)
{
	return take_until(lock, READ, clock, time);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *time)
{
	return take_until(lock, WRITE, clock, time);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *time)
{
	return take_until(lock, READ, CLOCK_REALTIME, time);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *time)
{
	return take_until(lock, WRITE, CLOCK_REALTIME, time);
}

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
	(void)attributes;
	*lock = (pthread_rwlock_t){0};
	return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	close_off(lock);
	bool used =
	    lock->__owner || lock->__readers || lock->__readers_waiting || lock->__writers_waiting;
	open_up(lock);
	return used ? EBUSY : 0;
}
