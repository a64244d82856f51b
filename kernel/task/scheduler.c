/* SPDX-License-Identifier: MIT */
/*
 * The work queue. Contract and protocol: scheduler.h.
 */
#include "task/scheduler.h"
#ifndef TASK_PORT
#define TASK_PORT "task/port.h"
#endif
#include TASK_PORT /* task/port.h, or the host's */
#include <baremetal/task.h>

#define SEARCH_ROUNDS 64 /* looks at all other queues before a core goes to sleep */

/*
 * A group's state: tasks not yet done in the low half, and the number of the core
 * that sleeps for them, plus one, in the high half: one word, for whoever takes the
 * last task off must not touch the group afterwards.
 */
#define GROUP_TASKS(state)  ((uint32_t)(state))
#define GROUP_WAITER(state) ((uint32_t)((state) >> 32))
#define GROUP_WAITER_ONE    (1ul << 32)
#define GROUP_NOTIFIES      (1u << 31) /* for a waiter: no core, but task_notify()'s function */

static struct worker *workers[CORES_MAX];
static struct inbox shared;                /* what no core's own queue may take: from interrupts */
static uint32_t count;                     /* of workers */
static uint32_t searching;                 /* cores that look for work and will find it */
static uint32_t idle;                      /* cores that are announced idle */
static uint64_t idle_mask[CORES_MAX / 64]; /* which these are: a hint, `asleep` decides */

void worker_init(struct worker *worker, uint32_t index)
{
	worker->index = index;
	worker->victim = index;
	worker->asleep = WORKER_AWAKE;
	worker->depth = 0;
	worker->tasks = worker->stolen = worker->wake_ups = worker->submitted = 0;
	worker->idle_ticks = worker->sleep_ticks = worker->idle_since = 0;
	worker->deque.top = worker->deque.bottom = 0;
	inbox_init(&worker->inbox);
}

void worker_publish(struct worker *worker)
{
	if (worker->index == 0)
		inbox_init(&shared);
	workers[worker->index] = worker;
	__atomic_store_n(&count, worker->index + 1, __ATOMIC_RELEASE);
}

static uint32_t inbox_count(const struct inbox *box)
{
	return __atomic_load_n(&box->tail, __ATOMIC_SEQ_CST) -
	       __atomic_load_n(&box->head, __ATOMIC_SEQ_CST);
}

uint32_t worker_queued(const struct worker *worker)
{
	const struct deque *d = &worker->deque;
	int64_t tasks = __atomic_load_n(&d->bottom, __ATOMIC_SEQ_CST) -
			__atomic_load_n(&d->top, __ATOMIC_SEQ_CST);
	return (tasks > 0 ? tasks : 0) + inbox_count(&worker->inbox) +
	       (worker->index ? 0 : inbox_count(&shared));
}

uint64_t task_submitted(void)
{
	uint64_t tasks = __atomic_load_n(&shared.tail, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < worker_count(); i++)
		tasks += __atomic_load_n(&workers[i]->submitted, __ATOMIC_ACQUIRE) +
			 __atomic_load_n(&workers[i]->inbox.tail, __ATOMIC_ACQUIRE);
	return tasks;
}

uint32_t worker_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

struct worker *worker_of(uint32_t index)
{
	return index < worker_count() ? workers[index] : NULL;
}

/* ---- Waking ---- */

/*
 * Wake this core if it sleeps in that way, and in no other: a wake that was for a task would be
 * lost on a core that dozes. An idle one takes itself off the list.
 */
static bool wake(struct worker *worker, uint32_t from)
{
	if (__atomic_load_n(&worker->asleep, __ATOMIC_SEQ_CST) != from ||
	    !__atomic_compare_exchange_n(&worker->asleep, &from, WORKER_AWAKE, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	port_wake(worker->index);
	return true;
}

/* On and off the list of idle cores: only ever called by that core itself. */
static void list_idle(const struct worker *self)
{
	__atomic_fetch_add(&idle, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&idle_mask[self->index / 64], 1ul << self->index % 64, __ATOMIC_SEQ_CST);
}

static void unlist_idle(const struct worker *self)
{
	__atomic_fetch_and(&idle_mask[self->index / 64], ~(1ul << self->index % 64),
			   __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&idle, 1, __ATOMIC_SEQ_CST);
}

/* Wake any one idle core, unless a searching one will see the work. */
static void wake_one(void)
{
	if (__atomic_load_n(&searching, __ATOMIC_SEQ_CST))
		return;
	for (uint32_t word = 0; word < (worker_count() + 63) / 64; word++) {
		uint64_t mask = __atomic_load_n(&idle_mask[word], __ATOMIC_SEQ_CST);
		for (; mask; mask &= mask - 1)
			if (wake(workers[word * 64 + __builtin_ctzl(mask)], WORKER_IDLE))
				return;
	}
}

/* ---- Submitting ---- */

static void group_add(struct bm_task_group *group)
{
	if (group)
		__atomic_fetch_add(&group->state, 1, __ATOMIC_RELAXED);
}

static void (*group_ended)(struct bm_task_group *);

void task_group_done(struct bm_task_group *group)
{
	if (!group)
		return;
	uint64_t old = __atomic_fetch_sub(&group->state, 1, __ATOMIC_ACQ_REL);
	if (GROUP_TASKS(old) != 1 || !GROUP_WAITER(old))
		return;
	if (GROUP_WAITER(old) == GROUP_NOTIFIES) {
		__atomic_load_n(&group_ended, __ATOMIC_ACQUIRE)(group);
		return;
	}
	struct worker *waiter = workers[GROUP_WAITER(old) - 1];
	if (!wake(waiter, WORKER_IDLE))
		wake(waiter, WORKER_DOZES);
}

/* The newly queued task must be seen before the idle are counted: a full fence between. */
static bool somebody_idles(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&idle, __ATOMIC_RELAXED);
}

int task_submit(struct bm_task_group *group, void (*function)(void *), void *argument)
{
	struct worker *self = port_self();
	if (deque_is_full(&self->deque))
		return -BM_EAGAIN;
	group_add(group);
	/* Only this core writes it: no locked addition. */
	__atomic_store_n(&self->submitted, self->submitted + 1, __ATOMIC_RELAXED);
	deque_put(&self->deque, &(struct task){function, argument, group});
	if (somebody_idles())
		wake_one();
	return 0;
}

int task_submit_to(uint32_t core, struct bm_task_group *group, void (*function)(void *),
		   void *argument)
{
	struct worker *worker = worker_of(core);
	if (!worker)
		return -BM_EINVAL;
	group_add(group);
	if (!inbox_push(&worker->inbox, &(struct task){function, argument, group})) {
		task_group_done(group);
		return -BM_EAGAIN;
	}
	if (somebody_idles())
		wake(worker, WORKER_IDLE);
	return 0;
}

int task_submit_shared(void (*function)(void *), void *argument)
{
	if (!inbox_push(&shared, &(struct task){function, argument, NULL}))
		return -BM_EAGAIN;
	if (somebody_idles())
		wake_one();
	return 0;
}

/* ---- Running ---- */

/* In line: 15 instructions less a task. */
static inline void run(struct worker *self, const struct task *task)
{
	self->depth++;
	task->function(task->argument);
	self->depth--;
	/* Where a thread waits for it, the task has not ended before that thread is woken: a look
	 * for a deadlock would find nobody who could wake it. */
	bool notifies = task->group &&
			GROUP_WAITER(__atomic_load_n(&task->group->state, __ATOMIC_RELAXED)) ==
			    GROUP_NOTIFIES;
	if (notifies)
		task_group_done(task->group);
	__atomic_store_n(&self->tasks, self->tasks + 1, __ATOMIC_RELEASE);
	if (!notifies)
		task_group_done(task->group);
}

/* What interrupts have brought and what this core has, in turn: neither locks the other out. */
static __attribute__((noinline)) bool take_in_turn(struct worker *self, struct task *task)
{
	bool own = self->tasks % 2;
	for (int i = 0; i < 2; i++, own = !own)
		if (own ? deque_pop(&self->deque, task) : inbox_take(&shared, task))
			return true;
	return false;
}

static bool take_own(struct worker *self, struct task *task)
{
	if (inbox_pop(&self->inbox, task))
		return true;
	return inbox_is_empty(&shared) ? deque_pop(&self->deque, task) : take_in_turn(self, task);
}

/* One look at each other core's queue, from the last fruitful one on. */
static bool steal(struct worker *self, struct task *task)
{
	uint32_t n = worker_count(), at = self->victim;
	for (uint32_t i = 0; i < n; i++, at++) {
		if (at >= n)
			at = 0;
		if (at == self->index || !deque_steal(&workers[at]->deque, task))
			continue;
		self->victim = at;
		self->stolen++;
		return true;
	}
	return false;
}

static bool work_anywhere(const struct worker *self)
{
	if (!inbox_is_empty(&self->inbox) || !inbox_is_empty(&shared))
		return true;
	for (uint32_t i = 0; i < worker_count(); i++)
		if (!deque_is_empty(&workers[i]->deque))
			return true;
	return false;
}

int task_run_one(void)
{
	struct worker *self = port_self();
	struct task task;
	if (!take_own(self, &task) && !steal(self, &task))
		return 0;
	run(self, &task);
	return 1;
}

static bool group_is_done(const struct bm_task_group *group)
{
	return group && !GROUP_TASKS(__atomic_load_n(&group->state, __ATOMIC_ACQUIRE));
}

static bool finished(const struct bm_task_group *group, const bool *stop)
{
	return group_is_done(group) || (stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE));
}

/* A core that was to find the next task turns to something else: wake another if there is more. */
static void hand_over(const struct worker *self)
{
	if (__atomic_load_n(&idle, __ATOMIC_SEQ_CST) && work_anywhere(self))
		wake_one();
}

/* Search for a task for a while. */
static bool search(struct worker *self, struct task *task, const struct bm_task_group *group,
		   const bool *stop)
{
	/* Alone, only an interrupt can bring one, and that ends a sleep just as well. */
	int rounds = worker_count() > 1 ? SEARCH_ROUNDS : 1;
	bool found = false;
	__atomic_fetch_add(&searching, 1, __ATOMIC_SEQ_CST);
	for (int round = 0; round < rounds && !found && !finished(group, stop); round++) {
		found = take_own(self, task) || steal(self, task);
		if (!found)
			port_relax();
	}
	__atomic_fetch_sub(&searching, 1, __ATOMIC_SEQ_CST);
	return found;
}

/* Announce, look once more, sleep: whoever submits after that look sees the announcement. */
static void sleep_until_woken(struct worker *self, const struct bm_task_group *group,
			      const bool *stop)
{
	list_idle(self);
	__atomic_store_n(&self->asleep, WORKER_IDLE, __ATOMIC_SEQ_CST);
	if (work_anywhere(self) || finished(group, stop)) {
		__atomic_store_n(&self->asleep, WORKER_AWAKE, __ATOMIC_SEQ_CST);
	} else {
		uint64_t start = port_clock();
		while (__atomic_load_n(&self->asleep, __ATOMIC_SEQ_CST))
			port_sleep(&self->asleep);
		/* Idle first: whoever reads them never sees more sleep than idleness. */
		uint64_t now = port_clock();
		__atomic_store_n(&self->idle_ticks, self->idle_ticks + now - self->idle_since,
				 __ATOMIC_RELEASE);
		self->idle_since = now;
		__atomic_store_n(&self->sleep_ticks, self->sleep_ticks + now - start,
				 __ATOMIC_RELEASE);
		self->wake_ups++;
	}
	unlist_idle(self);
}

/* Without a task of its own: find one, or return false when finished(). */
static bool find(struct worker *self, struct task *task, const struct bm_task_group *group,
		 const bool *stop)
{
	bool found = false;
	self->idle_since = port_clock();
	while (!(found = search(self, task, group, stop)) && !finished(group, stop))
		sleep_until_woken(self, group, stop);
	self->idle_ticks += port_clock() - self->idle_since;
	self->idle_since = 0;
	hand_over(self);
	return found;
}

/* Run tasks until finished(). */
static void work(struct worker *self, const struct bm_task_group *group, const bool *stop)
{
	struct task task;
	while (!finished(group, stop))
		if (take_own(self, &task) || steal(self, &task) || find(self, &task, group, stop))
			run(self, &task);
}

void scheduler_run(const bool *stop)
{
	work(port_self(), NULL, stop);
}

void task_wait(struct bm_task_group *group)
{
	struct worker *self = port_self();
	if (group_is_done(group))
		return;
	/* Whoever ends the last task wakes this core; waiters are one a group. */
	uint64_t mine = (self->index + 1) * GROUP_WAITER_ONE;
	if (GROUP_WAITER(__atomic_fetch_add(&group->state, mine, __ATOMIC_SEQ_CST)))
		port_misuse("two waits for one task group at the same time");
	work(self, group, NULL);
	__atomic_fetch_sub(&group->state, mine, __ATOMIC_SEQ_CST);
}

void task_notify(struct bm_task_group *group, void (*ended)(struct bm_task_group *))
{
	uint64_t mine = GROUP_NOTIFIES * GROUP_WAITER_ONE;
	if (!ended) {
		__atomic_fetch_sub(&group->state, mine, __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_store_n(&group_ended, ended, __ATOMIC_RELEASE);
	if (GROUP_WAITER(__atomic_fetch_add(&group->state, mine, __ATOMIC_SEQ_CST)))
		port_misuse("two waits for one task group at the same time");
}

/* ---- Sleep that runs no tasks ---- */

/* Not announced idle: nobody counts on this core for a task. */
void worker_about_to_doze(void)
{
	__atomic_store_n(&port_self()->asleep, WORKER_DOZES, __ATOMIC_SEQ_CST);
}

void worker_doze(void)
{
	struct worker *self = port_self();
	if (__atomic_load_n(&self->asleep, __ATOMIC_SEQ_CST))
		port_sleep(&self->asleep);
	__atomic_store_n(&self->asleep, WORKER_AWAKE, __ATOMIC_SEQ_CST);
}

void worker_rouse(uint32_t core)
{
	struct worker *worker = workers[core];
	if (worker)
		wake(worker, WORKER_DOZES);
}

void worker_wait_for(struct bm_task_group *group)
{
	uint64_t mine = (port_self()->index + 1) * GROUP_WAITER_ONE;
	__atomic_fetch_add(&group->state, mine, __ATOMIC_SEQ_CST);
}
