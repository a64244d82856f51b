/* SPDX-License-Identifier: MIT */
/*
 * Tasks: functions that run to their end, each on whichever core is free.
 *
 *     static void square(void *arg) { *(int *)arg *= *(int *)arg; }
 *
 *     struct bm_task_group group = BM_TASK_GROUP_INIT;
 *     for (int i = 0; i < n; i++)
 *             bm_task_submit_wait(&group, square, &numbers[i]);
 *     bm_task_wait(&group);
 *
 * There is no pre-emption: a task keeps its core until it returns. It may
 * submit and wait for other tasks; while it waits, its core runs them.
 *
 * A task that waits for a POSIX mutex, semaphore or condition for ever, because who could open it
 * waits for the task, is reported as a deadlock on a machine with one core alone. On several cores
 * that program hangs: nothing tells it from one whose other cores are at work.
 */
#ifndef BAREMETAL_TASK_H
#define BAREMETAL_TASK_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/**
 * A task. Runs on its core's task stack (bm_core_info.stack_size); where a task or thread waits for
 * tasks, above it on the same stack. Core 0's is main()'s until main() waits as a thread
 * (<pthread.h>): from then on its tasks have one of their own. A task must return. exit() in it ends
 * the program. Nothing catches an exception that leaves it: <unwind.h> tells the thrower
 * _URC_END_OF_STACK before any frame is left, and the language's runtime then ends the program with
 * abort(), whose report shows where it was thrown.
 */
typedef void bm_task_fn(void *argument);

/**
 * Tasks that are waited for together. The caller's memory; must stay until
 * bm_task_wait() has returned. May be used again afterwards.
 */
struct bm_task_group {
	uint64_t state; /* the kernel's: tasks not yet done, and who sleeps for them */
};
/** A group without tasks. */
#define BM_TASK_GROUP_INIT {0}

/** What a core has done since boot. */
struct bm_core_info {
	uint32_t index;	   /* 0 … bm_system_info()->cores - 1; 0 runs main() */
	uint32_t apic_id;  /* the hardware's number */
	uint64_t tasks;	   /* tasks run to their end */
	uint64_t stolen;   /* of these, taken from another core's queue */
	uint64_t wake_ups; /* from sleep */
	uint64_t idle_ns;  /* time without a task, asleep or looking for one; busy is the rest */
	uint64_t sleep_ns; /* of this, asleep; counted when a sleep ends */
	uint64_t stack_size; /* bytes of its task stack; of core 0's, at least so many */
	uint32_t depth;	     /* tasks begun and not ended, one waiting inside the other, now */
	/** Tasks in its queues now, with one for bm_task_alarm() and for each watch over devices
	 * that were armed (bm_net_arm() but for BM_NET_QUIET, bm_block_arm()), while these are set
	 * on this core. */
	uint32_t queued;
};

/**
 * Put a task on this core's queue; the first free core takes it.
 *
 * @param group     that it belongs to, or NULL if nobody will wait for it.
 * @param function  what to run.
 * @param argument  for the function.
 * @return 0; -BM_EAGAIN if the queue is full (1,024 tasks, or 256 pinned ones): nothing was queued,
 *         run one with bm_task_run_one() or try again later. Any core, from a
 *         task or outside of one. Never blocks.
 */
static inline int bm_task_submit(struct bm_task_group *group, bm_task_fn *function, void *argument)
{
	return bm_api->task_submit(group, function, argument);
}

/**
 * Put a task on one core's own queue: no other core will run it.
 * @return as bm_task_submit(); -BM_EINVAL if there is no such core.
 */
static inline int bm_task_submit_to(uint32_t core, struct bm_task_group *group,
				    bm_task_fn *function, void *argument)
{
	return bm_api->task_submit_to(core, group, function, argument);
}

/**
 * Run one queued task on this core, if there is any.
 * @return 1 if one was run, 0 if there was none.
 */
static inline int bm_task_run_one(void)
{
	return bm_api->task_run_one();
}

/** As bm_task_submit(), but a full queue makes the caller run some tasks first: backpressure. */
static inline void bm_task_submit_wait(struct bm_task_group *group, bm_task_fn *function,
				       void *argument)
{
	while (bm_task_submit(group, function, argument) == -BM_EAGAIN)
		for (int i = 0; i < 16 && bm_task_run_one(); i++)
			;
}

/** What bm_task_wait() calls where a program is linked with the thread library; NULL elsewhere. */
void __bm_task_wait(struct bm_task_group *group) __attribute__((weak, visibility("hidden")));

/**
 * Wait until all tasks of a group are done. Meanwhile this core runs queued
 * tasks, of this group or of others; it sleeps when there are none. A thread
 * (<pthread.h>; main() is one) leaves the core to them and to other threads; a task
 * keeps it, and they run above it.
 * One waiter a group at a time: a second one ends the program with a report.
 */
static inline void bm_task_wait(struct bm_task_group *group)
{
	if (!__atomic_load_n(&group->state, __ATOMIC_ACQUIRE))
		return;
	if (__bm_task_wait)
		__bm_task_wait(group);
	else
		bm_api->task_wait(group);
}

/**
 * Wait for a group without a core, as bm_task_wait() of the thread library does.
 *
 * @param group  without another waiter; else the program ends with a report.
 * @param ended  called on the core where the group's last task ends, each time that one does. It
 *               must not touch the group, which the waiter may have left by then. One function
 *               serves all groups: the last one that was given. NULL: the wait is over.
 */
static inline void bm_task_notify(struct bm_task_group *group,
				  void (*ended)(struct bm_task_group *group))
{
	bm_api->task_notify(group, ended);
}

/**
 * Let the other cores take tasks: each calls hook(its number) once, before its
 * first task, so that a library can prepare itself there. The start-up code calls
 * this before main(); later calls do nothing. NULL: nothing to prepare.
 */
static inline void bm_core_release(void (*hook)(uint32_t core))
{
	bm_api->core_release(hook);
}

/**
 * Give the calling core to the work queue for good: it runs tasks on the present
 * stack and never returns. For a thread library, whose main() has become a thread
 * that any core may go on with.
 */
__attribute__((noreturn)) static inline void bm_core_run(void)
{
	bm_api->core_run();
}

/**
 * Have a task queued at a time: function(NULL), on whichever core is free then. One
 * alarm a core: of two, the earlier one stays, the other is forgotten. A core
 * that runs a task is interrupted for some hundred instructions.
 *
 * @param deadline_ns  on bm_time_monotonic()'s scale; in the past: at once,
 *                     and of two in the past the first asked for stays.
 * @param function     the task; its argument is NULL.
 * @return 0; -BM_ENODEV if this machine has no timer that interrupts. The first call
 *         may take some milliseconds to find out.
 *
 * A deadline of 0 needs no timer (since version 8): without one the task is queued at
 * once, each time, and takes turns with those that are queued already; -BM_EAGAIN if
 * there is no room. So who has no timer can look at the clock again and again.
 */
static inline int bm_task_alarm(uint64_t deadline_ns, bm_task_fn *function)
{
	return bm_api->task_alarm(deadline_ns, function);
}

/**
 * The same for a library of threads, which has an alarm a core of its own: the program's and this
 * one do not touch. The SDK's POSIX threads use it for all their time-outs, so it is free only in
 * a program without them.
 */
static inline int bm_thread_alarm(uint64_t deadline_ns, bm_task_fn *function)
{
	return bm_api->thread_alarm(deadline_ns, function);
}

/**
 * How many tasks this runs in, one inside the other: 0 in main(). What runs in a task
 * must not leave its core's stack before the task returns.
 */
static inline uint32_t bm_task_depth(void)
{
	return *bm_api->task_depth();
}

/** The core that this runs on, 0 … bm_system_info()->cores - 1. */
static inline uint32_t bm_core(void)
{
	return bm_api->core_current();
}

/** Describe a core. @return 0, or -BM_EINVAL if there is none of this number. */
static inline int bm_core_info(uint32_t core, struct bm_core_info *info)
{
	return bm_api->core_info(core, info);
}

/**
 * Tasks that were put on the queues of all cores since boot, those of alarms and interrupts with
 * them.
 *
 * To learn whether any are left, add up bm_core_info.tasks of all cores first and call this
 * afterwards: only if the sums are equal was there a moment without a task, queued or begun, and
 * none was submitted between the two. (In a task, that one itself is the difference.)
 */
static inline uint64_t bm_task_submitted(void)
{
	return bm_api->task_submitted();
}

#endif
