/* SPDX-License-Identifier: MIT */
/*
 * One writer or many readers of a volume, and waiting without running tasks. Interface: disk.h.
 */
#include "disk.h"
#include "../thread/control.h"

#include <baremetal/time.h>

#define LOOKS     200             /* before a thread waits, each a device poll or a pause */
#define ONCE_MORE (BM_SECOND / 4) /* a waiting thread looks again then */
#define PATIENCE  (5 * BM_SECOND) /* at the end of the program */
#define NAP_MOST  (BM_SECOND / 1000)

/* The thread library's (thread/wait.c, scheduler.c), if it is there. */
int thread_wait(const void *address, uint64_t expected, unsigned bytes, uint64_t deadline,
		bool cancelable) __attribute__((weak, visibility("hidden")));
uint32_t thread_wake(const void *address, uint32_t count)
    __attribute__((weak, visibility("hidden")));
int thread_yield(void) __attribute__((weak, visibility("hidden")));
bool thread_can_leave(struct thread *self) __attribute__((weak, visibility("hidden")));

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

void disk_wake(const uint32_t *word)
{
	if (thread_wake)
		thread_wake(word, UINT32_MAX);
}

bool disk_can_leave(void)
{
	return thread_wait && thread_wake && thread_can_leave && thread_can_leave(control_self());
}

void disk_wait(const uint32_t *word, uint32_t value, void (*look)(void *argument, bool sleep),
	       void *argument)
{
	bool leave = disk_can_leave();
	uint64_t begun = bm_time_monotonic();

	for (unsigned i = 0; load(word) == value; i++) {
		if (look)
			look(argument, leave && i >= LOOKS);
		if (load(word) != value)
			break;
		if (i < LOOKS) {
			__builtin_ia32_pause();
		} else if (leave) {
			thread_wait(word, value, sizeof(*word), bm_time_monotonic() + ONCE_MORE,
				    false);
		} else {
			/* A nap of an eighth of the time waited so far: so late it is at most. */
			uint64_t now = bm_time_monotonic(), nap = (now - begun) / 8;

			bm_sleep_until(now + (nap < NAP_MOST ? nap : NAP_MOST));
		}
	}
}

void disk_lock_shared(struct disk_lock *lock)
{
	lock_acquire(&lock->gate);
	__atomic_fetch_add(&lock->readers, 1, __ATOMIC_SEQ_CST);
	lock_release(&lock->gate);
}

void disk_unlock_shared(struct disk_lock *lock)
{
	__atomic_fetch_sub(&lock->readers, 1, __ATOMIC_SEQ_CST);
	disk_wake(&lock->readers);
}

void disk_lock_exclusive(struct disk_lock *lock)
{
	uint32_t readers;

	lock_acquire(&lock->gate);
	while ((readers = load(&lock->readers)))
		disk_wait(&lock->readers, readers, NULL, NULL);
}

void disk_unlock_exclusive(struct disk_lock *lock)
{
	lock_release(&lock->gate);
}

bool disk_lock_for_a_while(struct disk_lock *lock)
{
	uint64_t deadline = bm_time_monotonic() + PATIENCE;

	while (lock_try_acquire(&lock->gate)) {
		if (bm_time_monotonic() > deadline)
			return false;
		if (thread_yield)
			thread_yield();
	}
	/* Who is interrupted in the middle of a change by its own end does not go on with it. */
	return !lock->gate.depth;
}
