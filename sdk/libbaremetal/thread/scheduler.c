/* SPDX-License-Identifier: MIT */
/*
 * Lanes, runners, invitations, and switching from thread to thread. See thread.h.
 */
#include "thread.h"

#include <stdlib.h>

#define PATIENCE 256 /* switches after which a runner looks for tasks, too */

struct lane *lanes;
uint32_t lane_count;
uint32_t threads_running = 1, threads_expecting, threads_alive = 1, threads_serving;

/* Before the program's own constructors, which may use threads. */
__attribute__((constructor(102))) static void make_lanes(void)
{
	lane_count = bm_system_info()->cores;
	lanes = aligned_alloc(64, lane_count * sizeof *lanes);
	if (!lanes)
		bm_crash("threads: no memory for the cores' lists: give the machine more");
	for (uint32_t i = 0; i < lane_count; i++)
		lanes[i] = (struct lane){
		    .index = i, .patience = PATIENCE, .depth = NO_RUNNER, .end = &lanes[i].first};
	thread_malloc_start();
	/* Now, and not when main() first waits: it may wait for the lock of malloc() itself. Without
	 * memory that is tried again. */
	thread_prepare_core();
}

__attribute__((noinline)) struct lane *thread_find_lane(struct thread *self)
{
	struct lane *lane = &lanes[bm_core()];

	lane->core_depth = bm_api->task_depth();
	self->lane = lane;
	return lane;
}

/* ---- Lanes ---- */

static inline void push(struct lane *lane, struct thread *thread)
{
	thread->next = NULL;
	__atomic_store_n(lane->end, thread, __ATOMIC_RELAXED);
	lane->end = &thread->next;
}

static inline struct thread *pop(struct lane *lane)
{
	struct thread *thread = lane->first;

	if (thread) {
		__atomic_store_n(&lane->first, thread->next, __ATOMIC_RELAXED);
		if (!thread->next)
			lane->end = &lane->first;
	}
	return thread;
}

/* Tasks on this core's stacks. */
static inline uint32_t depth_of(const struct lane *lane)
{
	return *lane->core_depth;
}

static bool is_empty(const struct lane *lane)
{
	return !__atomic_load_n(&lane->first, __ATOMIC_RELAXED);
}

static struct thread *take(struct lane *lane)
{
	struct thread *thread;

	if (is_empty(lane))
		return NULL;
	spin_lock(&lane->lock);
	thread = pop(lane);
	spin_unlock(&lane->lock);
	return thread;
}

static void run_invited(void *lane);
static bool uninvited; /* threads may be left in a lane that nobody was invited to */

/*
 * This core's queue is full. It must not run a task to have room: the caller may hold a lock that
 * the task waits for. So the core's pinned tasks' queue, and then the alarm, which rings again
 * until its task is queued.
 */
static __attribute__((noinline)) void invite_otherwise(struct lane *lane)
{
	bool is_near = depth_of(lane) == lane->depth; /* the runner: it will see the thread */

	if (!is_near && !bm_task_submit_to(lane->index, NULL, run_invited, lane))
		return;
	__atomic_store_n(&lane->invited, 0, __ATOMIC_SEQ_CST);
	if (is_near)
		return;
	__atomic_store_n(&uninvited, true, __ATOMIC_SEQ_CST);
	if (!sleep_ring_now())
		while (bm_task_submit(NULL, run_invited, lane) == -BM_EAGAIN)
			bm_task_run_one(); /* no timer, and no queue: there is no other way */
}

/* Tell the cores that this lane has a thread to run. One invitation a lane is enough. */
static void invite(struct lane *lane)
{
	if (__atomic_load_n(&lane->invited, __ATOMIC_SEQ_CST) ||
	    __atomic_exchange_n(&lane->invited, 1, __ATOMIC_SEQ_CST))
		return;
	if (bm_task_submit(NULL, run_invited, lane) == -BM_EAGAIN)
		invite_otherwise(lane);
}

static struct thread *steal(struct lane *lane)
{
	for (uint32_t i = 1; i < lane_count; i++) {
		struct lane *victim = &lanes[(lane->index + i) % lane_count];
		struct thread *thread = take(victim);

		if (!thread)
			continue;
		if (!is_empty(victim))
			invite(lane); /* there is more than this core can do */
		return thread;
	}
	return NULL;
}

/* ---- Switching ---- */

static inline int switch_to(struct thread *self, struct lane *lane, struct thread *next,
			    uint32_t *release)
{
	next->lane = lane;
	return port_switch(&self->stack_pointer, next->stack_pointer, next, release);
}

/* Whom to go on with when a thread leaves this lane's core. */
static struct thread *next_of(struct lane *lane)
{
	struct thread *next = NULL;

	if (__builtin_expect(lane->base == NULL, 0)) {
		/* main(), for the first time: the core is the work queue's from now on. */
		if (!thread_prepare_core())
			bm_crash("threads: no memory for core 0's stack: give the machine more");
		return lane->core_thread;
	}
	if (__builtin_expect(--lane->patience, 1))
		next = take(lane);
	return next ? next : lane->base;
}

bool thread_can_leave(struct thread *self)
{
	struct lane *lane = thread_lane(self);

	return depth_of(lane) == lane->depth ||
	       (!lane->base && !depth_of(lane) && self->state != THREAD_OF_CORE);
}

void thread_leave(struct thread *self, struct spin *release)
{
	struct lane *lane = self->lane;

	switch_to(self, lane, next_of(lane), &release->held);
}

_Noreturn void thread_end(struct thread *self)
{
	struct lane *lane = self->lane;

	lane->ended = self; /* for the runner */
	switch_to(self, lane, lane->base ? lane->base : next_of(lane), &lane->nothing);
	__builtin_unreachable();
}

static void bury_ended(struct lane *lane)
{
	struct thread *ended = lane->ended;

	lane->ended = NULL;
	if (ended)
		thread_bury(ended);
}

void thread_ready(struct woken *woken)
{
	struct lane *lane = thread_lane(port_self());

	if (!woken->first)
		return;
	*woken->end = NULL;
	spin_lock(&lane->lock);
	__atomic_store_n(lane->end, woken->first, __ATOMIC_RELAXED);
	lane->end = woken->end;
	spin_unlock(&lane->lock);
	/* On one core its runner is enough, unless a task lies above it. */
	if (lane_count > 1 || depth_of(lane) != lane->depth)
		invite(lane);
}

/* ---- Runners ---- */

/* Run one task, if there is any; but not another runner. */
static void poll(struct lane *lane)
{
	lane->polling = true;
	bm_task_run_one();
	lane->polling = false;
	if (lane_count > 1 && !is_empty(lane))
		invite(lane);
}

static void begin(struct lane *lane, struct thread *self, struct runner *before)
{
	*before = (struct runner){lane->below, lane->base, lane->left, lane->depth, lane->polling};
	lane->below = before;
	lane->base = self;
	lane->left = NULL;
	lane->depth = depth_of(lane);
	lane->polling = false;
	lane->patience = PATIENCE;
}

static void end(struct lane *lane, const struct runner *before)
{
	lane->below = before->below;
	lane->base = before->base;
	lane->left = before->left;
	lane->depth = before->depth;
	lane->polling = before->polling;
}

/* Run threads until there are none, or until one comes back. False: there was none. */
static bool run_threads(struct thread *self, struct lane *lane, bool for_ever)
{
	struct runner before;
	struct thread *next, *left;
	bool any = false;

	begin(lane, self, &before);
	/* Below an invitation that its core took by itself there is nothing to be reported. */
	left = for_ever && lane->depth <= 1 && self->state == THREAD_OF_CORE ? NULL : self;
	do {
		next = take(lane);
		if (!next)
			next = steal(lane);
		if (!next)
			break;
		any = true;
		lane->left = left;
		switch_to(self, lane, next, &lane->nothing);
		lane->left = NULL;
		bury_ended(lane);
		if (!lane->patience) {
			lane->patience = PATIENCE;
			poll(lane);
			/* A task below waits: it shall see whether it still has to. */
			if (lane->depth > 1)
				break;
		}
	} while (for_ever);
	bool left_some = !is_empty(lane);
	end(lane, &before);
	if (left_some)
		invite(lane); /* left to others */
	return any;
}

/* An invitation, as a task. */
static void run_invited(void *from)
{
	struct thread *self = port_self();
	struct lane *lane = thread_lane(self);

	__atomic_store_n(&((struct lane *)from)->invited, 0, __ATOMIC_SEQ_CST);
	if (lane->polling && depth_of(lane) == lane->depth + 1)
		return; /* the runner that polls is right below */
	run_threads(self, lane, true);
}

void thread_run_uninvited(void)
{
	if (__atomic_load_n(&uninvited, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&uninvited, false, __ATOMIC_SEQ_CST))
		run_invited(thread_lane(port_self()));
}

bool thread_work(struct thread *self, bool tasks)
{
	bool any = run_threads(self, thread_lane(self), false);

	if (tasks && bm_task_run_one())
		return true;
	port_relax();
	return any;
}

_Noreturn void thread_run_core(struct thread *self)
{
	bury_ended(self->lane);
	run_threads(self, self->lane, true);
	bm_core_run();
}

/* ---- Yielding ---- */

/* In a task, in main() before any other wait, or with nobody else in the lane. */
static __attribute__((noinline)) int yield_slowly(struct thread *self)
{
	struct lane *lane = thread_lane(self);
	struct thread *next = lane->base;

	if (!thread_can_leave(self) || (!next && threads_alive == 1)) {
		bm_task_run_one();
		return 0;
	}
	if (!next) {
		if (!thread_prepare_core())
			return 0;
		next = lane->core_thread; /* it looks at the lane first */
	}
	lane->patience = 0;
	spin_lock(&lane->lock);
	push(lane, self);
	return switch_to(self, lane, next, &lane->lock.held);
}

static __attribute__((noinline)) int yield_alone(struct thread *self)
{
	self->lane->end = &self->lane->first;
	spin_unlock(&self->lane->lock);
	return yield_slowly(self);
}

/*
 * The way that counts: 25 instructions, and the switch, whose return is this one's. It calls
 * nothing, so it has no frame.
 */
int thread_yield(void)
{
	struct thread *self = port_self(), *next;
	struct lane *lane = self->lane;

	if (__builtin_expect(!lane || depth_of(lane) != lane->depth || !--lane->patience, 0))
		return yield_slowly(self);
	spin_lock(&lane->lock);
	push(lane, self); /* nobody takes it before the lock is opened, behind the switch */
	next = lane->first;
	__atomic_store_n(&lane->first, next->next, __ATOMIC_RELAXED);
	if (__builtin_expect(next == self, 0))
		return yield_alone(self);
	return switch_to(self, lane, next, &lane->lock.held);
}

int sched_yield(void) __attribute__((alias("thread_yield")));
void pthread_yield(void)
{
	thread_yield();
}
