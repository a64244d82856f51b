/* SPDX-License-Identifier: MIT */
/*
 * The work queue: each core's own deque and inbox, stealing, and sleep.
 *
 * Contract of the functions that apps call: <baremetal/task.h>. This part knows
 * no hardware: it reaches its core through port.h, so that it also runs on the
 * host, with threads for cores, under ThreadSanitizer.
 *
 * Who wakes whom: a core without work searches for a while, then announces
 * itself idle, looks once more, and sleeps. A submitter wakes one idle core, but
 * only if no core is searching: a searcher will find the task, and wakes another
 * as soon as it stops searching with work in hand. So wake-ups follow the work, and
 * no task waits while a core sleeps. tests/model/ has the proof by exhaustion.
 *
 * Why a queue a core, and not one for all (tests/bench/one_queue/): with the same rest, empty tasks
 * that all cores submit run at 6.7 a microsecond against 2.0 on 2 cores, 8.9 against 1.9 on 4, 7.8
 * against 1.4 on 8, and a tree of tasks at 4.7 against 1.7, 5.1 against 1.4 and 3.3 against 1.2
 * (QEMU on 2 processors; natively on 2: 74 against 10). Where one core submits all, and where tasks
 * are long, neither is ahead throughout. On its submitter's core a task costs 113 instructions
 * against 128, on another one 124 against 118. `./bench --report queues` measures it again.
 */
#ifndef KERNEL_TASK_SCHEDULER_H
#define KERNEL_TASK_SCHEDULER_H

#include <stddef.h>
#include "task/deque.h"
#include "task/inbox.h"

#define CORES_MAX 1024

/* struct worker.asleep */
enum {
	WORKER_AWAKE = 0,
	WORKER_IDLE,  /* announced idle */
	WORKER_DOZES, /* not there for tasks: worker_doze() */
};

/* What the scheduler keeps for one core. */
struct worker {
	uint32_t index;
	uint32_t victim; /* where the last theft succeeded: where to look first */
	uint32_t asleep; /* WORKER_…; whoever sets it back to 0 wakes the core */
	uint32_t depth;  /* tasks on this core's stack, one waiting inside the other */
	uint64_t tasks, stolen, wake_ups;
	uint64_t submitted;                           /* to its deque, ever */
	uint64_t idle_ticks, sleep_ticks, idle_since; /* of the port's clock; 0: not idle */
	struct deque deque;
	struct inbox inbox;
};

/* Make a worker ready. Before its core runs, and before any task is submitted to it. */
void worker_init(struct worker *worker, uint32_t index);

/* Add it to those that are searched for work and woken. In order of index, from core 0. */
void worker_publish(struct worker *worker);

/* Tasks in its queues and, of core 0, in the one that all share. May be out of date at once. */
uint32_t worker_queued(const struct worker *worker);

/*
 * Tasks submitted to all queues, ever. Each is counted before a core can take it, and in
 * worker->tasks when it has ended: see bm_task_submitted().
 */
uint64_t task_submitted(void);

/* How many there are. */
uint32_t worker_count(void);
struct worker *worker_of(uint32_t index);

/* What a core does all its life. Returns when *stop is set (the host's tests; NULL: never). */
void scheduler_run(const bool *stop);

int task_submit(struct bm_task_group *group, void (*function)(void *), void *argument);
int task_submit_to(uint32_t core, struct bm_task_group *group, void (*function)(void *),
		   void *argument);
/* Queue a task that any core may run. The only one that may be called in an interrupt. */
int task_submit_shared(void (*function)(void *), void *argument);

/* One of a group's tasks is done, or what counts as one: group->state began with 1. Not for
 * interrupts. NULL: nothing. */
void task_group_done(struct bm_task_group *group);

int task_run_one(void);
void task_wait(struct bm_task_group *group);
/* bm_task_notify(): of the API's table, for a thread library. */
void task_notify(struct bm_task_group *group, void (*ended)(struct bm_task_group *));

/*
 * For a core that waits and must run no task meanwhile. It is about to doze; then it looks whether
 * what it waits for has come; then worker_doze() sleeps until worker_rouse(), which may have come
 * since, or until the core's timer fires, or a little shorter.
 */
void worker_about_to_doze(void);
void worker_doze(void);
/* May be called in an interrupt. Does nothing to a core that does not doze. */
void worker_rouse(uint32_t core);
/* The last task of this group to be done rouses the calling core. */
void worker_wait_for(struct bm_task_group *group);

#endif
