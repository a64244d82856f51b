/* SPDX-License-Identifier: MIT */
/*
 * The queue of one core: a bounded work-stealing deque.
 *
 * After Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), with
 * the orderings of Lê, Pop, Cohen and Zappa Nardelli, "Correct and Efficient
 * Work-Stealing for Weak Memory Models" (PPoPP 2013), without growing. The owner
 * pushes and pops at the bottom, newest first; any core steals at the top, oldest
 * first. Lock-free: nobody ever waits for a core that was interrupted.
 */
#ifndef KERNEL_TASK_DEQUE_H
#define KERNEL_TASK_DEQUE_H

#include <stdbool.h>
#include <stdint.h>

#define DEQUE_SIZE 1024u /* tasks; a power of two */

struct bm_task_group;

struct task {
	void (*function)(void *);
	void *argument;
	struct bm_task_group *group;
};

struct deque {
	int64_t top __attribute__((aligned(64)));    /* thieves' end */
	int64_t bottom __attribute__((aligned(64))); /* the owner's end */
	struct task tasks[DEQUE_SIZE] __attribute__((aligned(64)));
};

/* Owner only. Once there is room, there is until the owner pushes. */
static inline bool deque_is_full(const struct deque *d)
{
	return __atomic_load_n(&d->bottom, __ATOMIC_RELAXED) -
		   __atomic_load_n(&d->top, __ATOMIC_ACQUIRE) >=
	       DEQUE_SIZE;
}

/* Owner only, when it is not full. */
static inline void deque_put(struct deque *d, const struct task *task)
{
	int64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_RELAXED);
	struct task *slot = &d->tasks[(uint64_t)bottom % DEQUE_SIZE];
	__atomic_store_n(&slot->function, task->function, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->argument, task->argument, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->group, task->group, __ATOMIC_RELAXED);
	__atomic_store_n(&d->bottom, bottom + 1, __ATOMIC_RELEASE);
}

static inline void deque_read(const struct deque *d, int64_t at, struct task *task)
{
	const struct task *slot = &d->tasks[(uint64_t)at % DEQUE_SIZE];
	task->function = __atomic_load_n(&slot->function, __ATOMIC_RELAXED);
	task->argument = __atomic_load_n(&slot->argument, __ATOMIC_RELAXED);
	task->group = __atomic_load_n(&slot->group, __ATOMIC_RELAXED);
}

/* Owner only. The newest task; false if there is none. */
static inline bool deque_pop(struct deque *d, struct task *task)
{
	int64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_RELAXED) - 1;
	/* Nothing there: no need to claim it, for only the owner adds. */
	if (__atomic_load_n(&d->top, __ATOMIC_RELAXED) > bottom)
		return false;
	/* Claim it before looking whether a thief did: the exchange is the fence between. */
	__atomic_exchange_n(&d->bottom, bottom, __ATOMIC_SEQ_CST);
	int64_t top = __atomic_load_n(&d->top, __ATOMIC_SEQ_CST);
	if (top < bottom) {
		deque_read(d, bottom, task);
		return true;
	}
	/* The last one: race the thieves for it as one of them. */
	bool won = false;
	if (top == bottom) {
		deque_read(d, bottom, task);
		won = __atomic_compare_exchange_n(&d->top, &top, top + 1, false, __ATOMIC_SEQ_CST,
						  __ATOMIC_RELAXED);
	}
	__atomic_store_n(&d->bottom, bottom + 1, __ATOMIC_RELAXED);
	return won;
}

/* Any core. The oldest task; false if there is none, or another was quicker. */
static inline bool deque_steal(struct deque *d, struct task *task)
{
	int64_t top = __atomic_load_n(&d->top, __ATOMIC_SEQ_CST);
	int64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_SEQ_CST);
	if (top >= bottom)
		return false;
	deque_read(d, top, task);
	return __atomic_compare_exchange_n(&d->top, &top, top + 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Any core. May be out of date at once. */
static inline bool deque_is_empty(const struct deque *d)
{
	return __atomic_load_n(&d->top, __ATOMIC_SEQ_CST) >=
	       __atomic_load_n(&d->bottom, __ATOMIC_SEQ_CST);
}

#endif
