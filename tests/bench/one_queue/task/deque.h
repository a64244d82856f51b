/* SPDX-License-Identifier: MIT */
/*
 * The other design, for comparison: one queue that all cores share, behind the interface of
 * kernel/task/deque.h, which this file stands in for. `./bench --report queues` builds the
 * scheduler with either.
 *
 * Bounded, many producers, many consumers, first in first out, after Dmitry Vyukov as
 * kernel/task/inbox.h is: who submits meets the others at `tail`, who takes meets them at `head`.
 * Nothing to steal: "own" is everybody's. Only kernel/task/scheduler.c may call these functions:
 * each source has a queue.
 */
#ifndef KERNEL_TASK_DEQUE_H
#define KERNEL_TASK_DEQUE_H

#include <stdbool.h>
#include <stdint.h>

#define DEQUE_SIZE 8192u /* tasks; a power of two: as many as eight cores' own queues hold */

struct bm_task_group;

struct task {
	void (*function)(void *);
	void *argument;
	struct bm_task_group *group;
};

/* What the scheduler sets up and counts for each core: empty here. */
struct deque {
	int64_t top, bottom;
};

__attribute__((unused)) static struct {
	uint64_t tail __attribute__((aligned(64)));
	uint64_t head __attribute__((aligned(64)));
	struct {
		uint64_t turn; /* less the slot's number, so that zeroes are an empty queue */
		struct task task;
	} slots[DEQUE_SIZE] __attribute__((aligned(64)));
} one_queue;

#define ONE_MARGIN   1024u /* as many as there may be cores */
#define ONE_SLOT(at) (&one_queue.slots[(at) % DEQUE_SIZE])
#define ONE_TURN(at) (__atomic_load_n(&ONE_SLOT(at)->turn, __ATOMIC_ACQUIRE) + (at) % DEQUE_SIZE)
#define ONE_SET_TURN(at, value)                                                                    \
	__atomic_store_n(&ONE_SLOT(at)->turn, (value) - (at) % DEQUE_SIZE, __ATOMIC_RELEASE)

static inline bool deque_is_full(const struct deque *d)
{
	(void)d;
	return __atomic_load_n(&one_queue.tail, __ATOMIC_RELAXED) -
		   __atomic_load_n(&one_queue.head, __ATOMIC_RELAXED) >=
	       DEQUE_SIZE - ONE_MARGIN;
}

/*
 * There is room after deque_is_full() was false: the margin is more than all cores can add
 * meanwhile. But who took the slot's last task may still be about to read it.
 */
static inline void deque_put(struct deque *d, const struct task *task)
{
	uint64_t tail = __atomic_load_n(&one_queue.tail, __ATOMIC_RELAXED);
	(void)d;
	for (;;) {
		int64_t late = ONE_TURN(tail) - tail;
		if (late < 0)
			__builtin_ia32_pause();
		else if (late > 0)
			tail = __atomic_load_n(&one_queue.tail, __ATOMIC_RELAXED);
		else if (__atomic_compare_exchange_n(&one_queue.tail, &tail, tail + 1, true,
						     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			break;
	}
	ONE_SLOT(tail)->task = *task;
	ONE_SET_TURN(tail, tail + 1);
}

static inline bool deque_pop(struct deque *d, struct task *task)
{
	uint64_t head = __atomic_load_n(&one_queue.head, __ATOMIC_RELAXED);
	(void)d;
	for (;;) {
		int64_t late = ONE_TURN(head) - (head + 1);
		if (late < 0)
			return false;
		if (late > 0)
			head = __atomic_load_n(&one_queue.head, __ATOMIC_RELAXED);
		else if (__atomic_compare_exchange_n(&one_queue.head, &head, head + 1, true,
						     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			break;
	}
	*task = ONE_SLOT(head)->task;
	ONE_SET_TURN(head, head + DEQUE_SIZE);
	return true;
}

static inline bool deque_steal(struct deque *d, struct task *task)
{
	(void)d;
	(void)task;
	return false;
}

static inline bool deque_is_empty(const struct deque *d)
{
	(void)d;
	return __atomic_load_n(&one_queue.tail, __ATOMIC_SEQ_CST) ==
	       __atomic_load_n(&one_queue.head, __ATOMIC_SEQ_CST);
}

#endif
