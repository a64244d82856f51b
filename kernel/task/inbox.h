/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue that any core fills, and one empties (tasks pinned to it) or all
 * do (tasks from an interrupt).
 *
 * After Dmitry Vyukov's bounded queue: each slot carries a sequence number that
 * says whose turn it is, so that producers meet only at `tail`.
 */
#ifndef KERNEL_TASK_INBOX_H
#define KERNEL_TASK_INBOX_H

#include "task/deque.h"

#define INBOX_SIZE 256u /* tasks; a power of two */

struct inbox {
	uint64_t tail __attribute__((aligned(64))); /* producers */
	uint64_t head __attribute__((aligned(64))); /* the owner */
	struct {
		uint64_t sequence; /* slot number: free; + 1: filled; so on, a round later */
		struct task task;
	} slots[INBOX_SIZE];
};

static inline void inbox_init(struct inbox *box)
{
	box->head = box->tail = 0;
	for (uint64_t i = 0; i < INBOX_SIZE; i++)
		box->slots[i].sequence = i;
}

/* Any core. False if it is full. */
static inline bool inbox_push(struct inbox *box, const struct task *task)
{
	uint64_t tail = __atomic_load_n(&box->tail, __ATOMIC_RELAXED);
	for (;;) {
		uint64_t turn =
		    __atomic_load_n(&box->slots[tail % INBOX_SIZE].sequence, __ATOMIC_ACQUIRE);
		if (turn == tail) {
			if (__atomic_compare_exchange_n(&box->tail, &tail, tail + 1, true,
							__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				break;
		} else if ((int64_t)(turn - tail) < 0) {
			return false;
		} else {
			tail = __atomic_load_n(&box->tail, __ATOMIC_RELAXED);
		}
	}
	box->slots[tail % INBOX_SIZE].task = *task;
	__atomic_store_n(&box->slots[tail % INBOX_SIZE].sequence, tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* Owner only. False if there is none. */
static inline bool inbox_pop(struct inbox *box, struct task *task)
{
	uint64_t head = box->head;
	if (__atomic_load_n(&box->slots[head % INBOX_SIZE].sequence, __ATOMIC_ACQUIRE) != head + 1)
		return false;
	*task = box->slots[head % INBOX_SIZE].task;
	__atomic_store_n(&box->slots[head % INBOX_SIZE].sequence, head + INBOX_SIZE,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&box->head, head + 1, __ATOMIC_RELAXED);
	return true;
}

/* Any core: for a box that all cores empty. False if there is none. */
static inline bool inbox_take(struct inbox *box, struct task *task)
{
	uint64_t head = __atomic_load_n(&box->head, __ATOMIC_RELAXED);
	for (;;) {
		uint64_t turn =
		    __atomic_load_n(&box->slots[head % INBOX_SIZE].sequence, __ATOMIC_ACQUIRE);
		if ((int64_t)(turn - (head + 1)) < 0)
			return false;
		if (turn != head + 1)
			head = __atomic_load_n(&box->head, __ATOMIC_RELAXED);
		else if (__atomic_compare_exchange_n(&box->head, &head, head + 1, true,
						     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			break;
	}
	*task = box->slots[head % INBOX_SIZE].task;
	__atomic_store_n(&box->slots[head % INBOX_SIZE].sequence, head + INBOX_SIZE,
			 __ATOMIC_RELEASE);
	return true;
}

/* Is there one, or one on its way? For a box that all cores empty: perhaps gone at once. */
static inline bool inbox_is_empty(const struct inbox *box)
{
	return __atomic_load_n(&box->tail, __ATOMIC_SEQ_CST) ==
	       __atomic_load_n(&box->head, __ATOMIC_SEQ_CST);
}

#endif
