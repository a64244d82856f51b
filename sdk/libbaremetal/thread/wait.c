/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a word of memory: the one mechanism under every lock.
 *
 * Whoever waits is put into a bucket by its address, after a look at the word under
 * the bucket's lock; whoever changed the word wakes the bucket's waiters of that
 * address. `waiting` counts those who are about to look, so that waking nobody costs
 * one load: the waiter counts itself, then looks at the word; the waker changes
 * the word, then looks at the count. A waker never touches the word's memory, so that it may
 * be gone as soon as it has changed.
 */
#include "thread.h"

#include <errno.h>

#define BUCKETS 256 /* 10,000 waiters are 40 a bucket */

/*
 * Looks at a taken mutex in a task before tasks are run meanwhile: it may be one of Newlib's, whose
 * state is not ready for another task. Running threads is safe: they have their own.
 */
#define ROUNDS 10000

static struct bucket {
	struct spin lock;
	uint32_t waiting;
	struct waiter *first, *last;
} buckets[BUCKETS] __attribute__((aligned(64)));

static struct bucket *bucket_of(const void *address)
{
	return &buckets[((uintptr_t)address >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}
_Static_assert(BUCKETS == 256, "eight bits of the product");

static void append(struct bucket *bucket, struct waiter *waiter)
{
	waiter->next = NULL;
	waiter->previous = bucket->last;
	if (bucket->last)
		bucket->last->next = waiter;
	else
		bucket->first = waiter;
	bucket->last = waiter;
	waiter->queued = true;
}

static void unlink(struct bucket *bucket, struct waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		bucket->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		bucket->last = waiter->previous;
	waiter->queued = false;
	__atomic_fetch_sub(&bucket->waiting, 1, __ATOMIC_RELAXED);
}

/* Take one out of its bucket, whose lock is held. It goes on, and may be gone, once it is ready. */
static void finish(struct bucket *bucket, struct waiter *waiter, enum wait_result result,
		   struct woken *woken)
{
	unlink(bucket, waiter);
	waiter->result = result;
	if (!waiter->expecting)
		__atomic_fetch_add(&threads_running, 1, __ATOMIC_SEQ_CST);
	woken_add(woken, waiter->thread);
}

static uint64_t read_word(const void *address, unsigned bytes)
{
	return bytes == 4 ? __atomic_load_n((const uint32_t *)address, __ATOMIC_SEQ_CST)
			  : __atomic_load_n((const uint64_t *)address, __ATOMIC_SEQ_CST);
}

/* ---- Cancelling ---- */

/* False if the thread has been cancelled already. */
static bool begin_cancelable(struct thread *self, struct waiter *waiter)
{
	struct spin *lock = (struct spin *)&self->waiter_lock;
	bool go_on;

	spin_lock(lock);
	bool disabled = self->cancel_disabled || self->exiting; /* a handler of its end may wait */
	go_on = !self->cancel_pending || disabled;
	if (!disabled)
		self->waiter = waiter;
	spin_unlock(lock);
	return go_on;
}

static void end_cancelable(struct thread *self)
{
	struct spin *lock = (struct spin *)&self->waiter_lock;

	spin_lock(lock);
	self->waiter = NULL;
	spin_unlock(lock);
}

void thread_interrupt(struct thread *thread)
{
	struct spin *lock = (struct spin *)&thread->waiter_lock;
	struct waiter *waiter;
	struct woken woken;

	woken_init(&woken);
	spin_lock(lock);
	__atomic_store_n(&thread->cancel_pending, 1, __ATOMIC_RELAXED);
	waiter = thread->waiter;
	if (waiter) {
		struct bucket *bucket = bucket_of(waiter->address);

		spin_lock(&bucket->lock);
		if (waiter->queued)
			finish(bucket, waiter, WAIT_CANCELED, &woken);
		else
			waiter->canceled = true;
		spin_unlock(&bucket->lock);
	}
	spin_unlock(lock);
	thread_ready(&woken);
}

/* ---- Waiting ---- */

/* Under the bucket's lock: is there something to wait for? */
static bool must_wait(struct waiter *waiter, uint64_t expected, unsigned bytes)
{
	if (waiter->canceled)
		waiter->result = WAIT_CANCELED;
	else if (read_word(waiter->address, bytes) != expected)
		waiter->result = WAIT_CHANGED;
	else if (waiter->timed_out)
		waiter->result = WAIT_TIMED_OUT;
	else
		return true;
	return false;
}

static void wait(struct waiter *waiter, uint64_t expected, unsigned bytes)
{
	struct thread *self = waiter->thread;
	struct bucket *bucket = bucket_of(waiter->address);

	__atomic_fetch_add(&bucket->waiting, 1, __ATOMIC_SEQ_CST);
	spin_lock(&bucket->lock);
	if (!must_wait(waiter, expected, bytes)) {
		__atomic_fetch_sub(&bucket->waiting, 1, __ATOMIC_RELAXED);
		spin_unlock(&bucket->lock);
		return;
	}
	append(bucket, waiter);
	self->wait_address = waiter->address;
	if (!waiter->expecting && !__atomic_sub_fetch(&threads_running, 1, __ATOMIC_SEQ_CST))
		thread_check_deadlock();
	thread_leave(self, &bucket->lock);
	self->wait_address = NULL;
}

/* `blind`: what is left need not tell whether the wait will end. */
static enum wait_result wait_in_task(struct thread *self, const void *address, uint64_t expected,
				     unsigned bytes, uint64_t deadline, bool tasks, bool blind)
{
	int error = errno;
	bool any = thread_work(self, tasks);

	if (deadline == BM_FOREVER && !blind)
		thread_look_in_task(!any && read_word(address, bytes) == expected);
	errno = error;
	return deadline != BM_FOREVER && bm_time_monotonic() >= deadline ? WAIT_TIMED_OUT
									 : WAIT_CHANGED;
}

/* The rest is filled in where it is needed. */
static void prepare(struct waiter *waiter, struct thread *self, const void *address,
		    uint64_t deadline, bool outside)
{
	waiter->address = address;
	waiter->thread = self;
	waiter->deadline = deadline;
	waiter->queued = waiter->sleeping = false;
	waiter->timed_out = waiter->canceled = waiter->starved = false;
	waiter->expecting = (deadline != BM_FOREVER || outside) && !self->serves;
}

static enum wait_result wait_until(struct waiter *waiter, uint64_t expected, unsigned bytes)
{
	bool timed = waiter->deadline != BM_FOREVER;

	if (waiter->expecting)
		__atomic_fetch_add(&threads_expecting, 1, __ATOMIC_SEQ_CST);
	if (timed)
		sleep_add(waiter);
	wait(waiter, expected, bytes);
	if (timed)
		sleep_remove(waiter);
	if (waiter->expecting)
		__atomic_fetch_sub(&threads_expecting, 1, __ATOMIC_SEQ_CST);
	return waiter->result;
}

static enum wait_result wait_here_or_outside(const void *address, uint64_t expected, unsigned bytes,
					     uint64_t deadline, bool cancelable, bool outside)
{
	struct thread *self = port_self();
	struct waiter waiter;

	if (!thread_can_leave(self))
		return wait_in_task(self, address, expected, bytes, deadline, true, outside);
	prepare(&waiter, self, address, deadline, outside);
	if (!cancelable)
		return wait_until(&waiter, expected, bytes);
	if (!begin_cancelable(self, &waiter))
		return WAIT_CANCELED;
	wait_until(&waiter, expected, bytes);
	end_cancelable(self);
	return waiter.result;
}

enum wait_result thread_wait(const void *address, uint64_t expected, unsigned bytes,
			     uint64_t deadline, bool cancelable)
{
	return wait_here_or_outside(address, expected, bytes, deadline, cancelable, false);
}

enum wait_result thread_wait_outside(const void *address, uint64_t expected, unsigned bytes,
				     uint64_t deadline, bool cancelable)
{
	return wait_here_or_outside(address, expected, bytes, deadline, cancelable, true);
}

/* As one more thread that waits for the outside. */
void thread_expect_always(void)
{
	__atomic_fetch_add(&threads_expecting, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&threads_running, 1, __ATOMIC_SEQ_CST);
}

enum wait_result thread_wait_starved(const void *address, uint64_t expected, uint64_t deadline,
				     bool starved, unsigned rounds)
{
	struct thread *self = port_self();
	struct waiter waiter;

	if (!thread_can_leave(self))
		return wait_in_task(self, address, expected, sizeof(uint64_t), deadline,
				    rounds > ROUNDS, rounds <= ROUNDS);
	prepare(&waiter, self, address, deadline, false);
	waiter.starved = starved;
	return wait_until(&waiter, expected, sizeof(uint64_t));
}

void thread_time_out(struct waiter *waiter, struct woken *woken)
{
	struct bucket *bucket = bucket_of(waiter->address);

	spin_lock(&bucket->lock);
	if (waiter->queued)
		finish(bucket, waiter, WAIT_TIMED_OUT, woken);
	else
		waiter->timed_out = true;
	spin_unlock(&bucket->lock);
}

/* ---- Waiting for tasks ---- */

static void group_ended(struct bm_task_group *group)
{
	thread_wake(&group->state, WAKE_ALL);
}

/*
 * A thread that kept its core while it waits could stand above the very task it waits for: a task
 * that waits for a lock runs threads meanwhile.
 */
void __bm_task_wait(struct bm_task_group *group)
{
	uint64_t state;

	if (!thread_can_leave(port_self())) {
		bm_api->task_wait(group);
		return;
	}
	bm_task_notify(group, group_ended);
	/* The lower half counts the tasks. */
	while ((uint32_t)(state = __atomic_load_n(&group->state, __ATOMIC_SEQ_CST)))
		thread_wait(&group->state, state, sizeof(state), BM_FOREVER, false);
	bm_task_notify(group, NULL);
}

/* ---- Waking ---- */

static bool nobody_waits(const struct bucket *bucket)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !__atomic_load_n(&bucket->waiting, __ATOMIC_SEQ_CST);
}

uint32_t thread_wake(const void *address, uint32_t count)
{
	struct bucket *bucket = bucket_of(address);
	struct woken woken;
	uint32_t found = 0;

	if (nobody_waits(bucket))
		return 0;
	woken_init(&woken);
	spin_lock(&bucket->lock);
	for (struct waiter *w = bucket->first, *next; w && found < count; w = next) {
		next = w->next;
		if (w->address != address)
			continue;
		finish(bucket, w, WAIT_WOKEN, &woken);
		found++;
	}
	spin_unlock(&bucket->lock);
	thread_ready(&woken);
	return found;
}

static struct waiter *find(const struct bucket *bucket, const void *address)
{
	struct waiter *waiter = bucket->first;

	while (waiter && waiter->address != address)
		waiter = waiter->next;
	return waiter;
}

void thread_wake_deciding(const void *address, bool (*decide)(const struct waiter *, void *),
			  void *argument)
{
	struct bucket *bucket = bucket_of(address);
	struct waiter *waiter;
	struct woken woken;
	bool given;

	woken_init(&woken);
	spin_lock(&bucket->lock);
	waiter = find(bucket, address);
	given = decide(waiter, argument);
	if (waiter)
		finish(bucket, waiter, given ? WAIT_GIVEN : WAIT_WOKEN, &woken);
	spin_unlock(&bucket->lock);
	thread_ready(&woken);
}

bool thread_is_awaited(const void *address)
{
	struct bucket *bucket = bucket_of(address);
	bool found;

	if (nobody_waits(bucket))
		return false;
	spin_lock(&bucket->lock);
	found = find(bucket, address);
	spin_unlock(&bucket->lock);
	return found;
}

/* For the library's own locks: system/lock.h. */
void thread_wait_word(const uint32_t *word, uint32_t expected)
{
	thread_wait(word, expected, sizeof(*word), BM_FOREVER, false);
}

void thread_wake_word(const uint32_t *word)
{
	thread_wake(word, WAKE_ALL);
}
