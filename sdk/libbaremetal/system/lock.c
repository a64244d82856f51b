/* SPDX-License-Identifier: MIT */
/*
 * Locks for Newlib (its "retargetable locking") and for the file library.
 */
#include "lock.h"
#include "../files/files.h"
#include "../thread/control.h"

#include <stdlib.h>
#include <sys/lock.h>

int lock_try_acquire(struct __lock *lock)
{
	uintptr_t self = (uintptr_t)control_self();
	unsigned long expected = 0;

	if (__atomic_compare_exchange_n(&lock->owner, &expected, self, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return 0;
	if ((expected & ~3ul) != self)
		return -1;
	lock->depth++;
	return 0;
}

void lock_acquire(struct __lock *lock)
{
	while (lock_try_acquire(lock)) {
		if (thread_lock_owner) {
			thread_lock_owner(&lock->owner);
			return;
		}
		__builtin_ia32_pause();
	}
}

void lock_release(struct __lock *lock)
{
	unsigned long held = (uintptr_t)control_self();

	if (lock->depth)
		lock->depth--;
	else if (!__atomic_compare_exchange_n(&lock->owner, &held, 0, 0, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED) &&
		 thread_unlock_owner)
		thread_unlock_owner(&lock->owner);
}

static struct __lock files;

void files_lock(void)
{
	lock_acquire(&files);
}

bool files_try_lock(void)
{
	return !lock_try_acquire(&files);
}

void files_unlock(void)
{
	lock_release(&files);
}

/* The names that Newlib's lock.h declares. */
struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/* Every FILE has one. Without memory for it the stream goes unlocked (a NULL lock). */
void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = calloc(1, sizeof(**lock));
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	if (lock)
		lock_acquire(lock);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	return lock ? lock_try_acquire(lock) : 0;
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	if (lock)
		lock_release(lock);
}

void __retarget_lock_init(_LOCK_T *lock) __attribute__((alias("__retarget_lock_init_recursive")));
void __retarget_lock_close(_LOCK_T lock) __attribute__((alias("__retarget_lock_close_recursive")));
void __retarget_lock_acquire(_LOCK_T lock)
    __attribute__((alias("__retarget_lock_acquire_recursive")));
int __retarget_lock_try_acquire(_LOCK_T lock)
    __attribute__((alias("__retarget_lock_try_acquire_recursive")));
void __retarget_lock_release(_LOCK_T lock)
    __attribute__((alias("__retarget_lock_release_recursive")));
