/* SPDX-License-Identifier: MIT */
/*
 * Recursive locks, owned by a thread. Newlib's locks and the library's own. With the
 * thread library in the program, whoever finds one taken waits as for a mutex, and lets
 * others run; without it, it spins: then the holder is a task on another core.
 */
#ifndef SYSTEM_LOCK_H
#define SYSTEM_LOCK_H

#include <stdint.h>

/* A zero one is free. */
struct __lock {
	unsigned long owner; /* control block of its holder, with thread.h's flags; 0: free */
	uint32_t depth;      /* times that it was locked once more */
};

void lock_acquire(struct __lock *lock);
int lock_try_acquire(struct __lock *lock); /* 0: taken */
void lock_release(struct __lock *lock);

/* The thread library's (thread/owner.c), if it is there: create.c sees to it. */
void thread_lock_owner(unsigned long *owner) __attribute__((weak, visibility("hidden")));
void thread_unlock_owner(unsigned long *owner) __attribute__((weak, visibility("hidden")));

/* The same, of thread/wait.c: until a word is changed; and that it was. */
void thread_wait_word(const uint32_t *word, uint32_t expected)
    __attribute__((weak, visibility("hidden")));
void thread_wake_word(const uint32_t *word) __attribute__((weak, visibility("hidden")));

#endif
