/* SPDX-License-Identifier: MIT */
/*
 * Threads over the kernel's tasks: what the files of this folder share.
 *
 * Each core has a lane: a list of threads that are ready to run, oldest first. A
 * runner is a kernel task that runs threads from its core's lane, and from others'
 * when that is empty. Where a thread waits, it switches directly to the next of its
 * lane, or back to the runner when there is none. An invitation is a runner that was
 * submitted because a thread became ready: any idle core may take it. So stealing
 * and sleeping cores are the kernel's, and a switch costs no trip through its queue.
 *
 *   create.c     stacks, beginning and end       mutex.c cond.c rwlock.c barrier.c
 *   scheduler.c  lanes, runners, switching       semaphore.c once.c key.c spin.c
 *   wait.c       waiting for a word to change    cancel.c attribute.c c11.c
 *   owner.c      waiting for a lock              report.c  crash reports, deadlock
 *   sleep.c      deadlines
 *
 * A runner may lie on the stack of a thread that waits for tasks, and even several of
 * them, one on the other; each knows the control block that it began on (lane->base).
 * What runs in a task above a thread must not switch away from that thread's stack:
 * thread_can_leave() tells, by counting tasks (bm_task_depth()).
 *
 * Locks, outermost first: sleepers, bucket, lane. All are spin locks that are held
 * for some dozen instructions, and for some more for each thread that is woken: nothing
 * else runs meanwhile, so those that were woken become ready when the locks are open. A
 * switch opens one lock when it has left the old stack: until then no core may go on with
 * that thread.
 */
#ifndef THREAD_THREAD_H
#define THREAD_THREAD_H

#include "control.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <baremetal/task.h>
#include <baremetal/time.h>

#ifndef THREAD_PORT
#define THREAD_PORT "port.h"
#endif
#include THREAD_PORT /* port.h, or the host's */

struct spin {
	uint32_t held;
};

static inline void spin_lock(struct spin *lock)
{
	while (__builtin_expect(__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE), 0))
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			port_relax();
}

static inline void spin_unlock(struct spin *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* One a core. */
struct lane {
	struct spin lock;
	uint32_t depth; /* tasks on the core's stacks up to the present runner, or NO_RUNNER */
	const uint32_t *core_depth;  /* the kernel's count of all that are there */
	struct thread *first, **end; /* ready to run; the place for the next */
	struct thread *base;         /* the present runner's control block; NULL: no runner */
	uint32_t patience;           /* switches until the runner looks for tasks */
	bool polling;                /* the runner looks for a task */
	uint32_t index;
	uint32_t nothing;           /* to be written where a switch has no lock to open */
	uint32_t invited;           /* an invitation of this lane is queued */
	struct thread *ended;       /* has left its stack for good */
	struct thread *core_thread; /* for core 0, when main() waits first; else NULL */
	struct thread *left;        /* the runner's, while a thread runs, for reports; or NULL */
	struct runner *below;
} __attribute__((aligned(64)));

/* What is kept of a runner while another one lies above it, or of there being none. */
struct runner {
	struct runner *below;
	struct thread *base, *left;
	uint32_t depth;
	bool polling;
};
#define NO_RUNNER UINT32_MAX

extern struct lane *lanes;
extern uint32_t lane_count;

/* Find the lane of a task's core. */
struct lane *thread_find_lane(struct thread *self);

/* The calling core's lane. May differ after every wait. */
static inline struct lane *thread_lane(struct thread *self)
{
	return __builtin_expect(self->lane != NULL, 1) ? self->lane : thread_find_lane(self);
}

/* ---- scheduler.c ---- */

/* False in a task: there a wait runs others instead of leaving the core. */
bool thread_can_leave(struct thread *self);

/* Threads that are in no other list, oldest first. */
struct woken {
	struct thread *first, **end; /* the place for the next */
};

static inline void woken_init(struct woken *woken)
{
	woken->first = NULL;
	woken->end = &woken->first;
}

static inline void woken_add(struct woken *woken, struct thread *thread)
{
	*woken->end = thread;
	woken->end = &thread->next;
}

/* They become ready to run. Not with a lock held: it tells other cores. Runs nothing itself. */
void thread_ready(struct woken *woken);

/* As a task: run threads that no task could be submitted for. */
void thread_run_uninvited(void);

/* Leave the core until it is made ready; then open `release`, which is held now. */
void thread_leave(struct thread *self, struct spin *release);

/*
 * In a task that waits: run threads for a while, and a task. What runs there as a task shares
 * errno and the rest of Newlib's state with the one that waits. False: there was nothing to run.
 */
bool thread_work(struct thread *self, bool tasks);

/* The end of a thread: its stack is left, its joiner woken. */
_Noreturn void thread_end(struct thread *self);

/* Core 0's own thread, that main() left its core to. */
_Noreturn void thread_run_core(struct thread *self);

/* Let others run: threads first, and tasks now and then. */
int thread_yield(void); /* 0 */

/* Make core 0 ready to be left by main(). False: no memory. */
bool thread_prepare_core(void);

/*
 * Threads that have not ended, and do not wait for other threads or tasks alone: those that wait
 * with a deadline, or for something outside of the program, are among them. At 0, report.c looks
 * closer. Waits of a thread that serves never count: whoever wants what it does waits himself.
 */
extern uint32_t threads_running;
extern uint32_t threads_expecting; /* of these, those that wait for a time or for the outside */
extern uint32_t threads_alive;     /* with main() */
extern uint32_t threads_serving;   /* of these, the library's own */

/* ---- wait.c ---- */

/* What a wait ended with. */
enum wait_result {
	WAIT_WOKEN,
	WAIT_GIVEN,   /* woken, and the waker has made the caller the mutex's holder */
	WAIT_CHANGED, /* the word was not as expected: did not wait */
	WAIT_TIMED_OUT,
	WAIT_CANCELED
};

/* One wait, on the stack of who waits. */
struct waiter {
	struct waiter *next, *previous; /* in a bucket */
	const void *address;
	struct thread *thread;
	uint64_t deadline;
	struct waiter *child, *sibling, *before; /* among the sleepers */
	enum wait_result result;
	bool queued;    /* in a bucket */
	bool sleeping;  /* among the sleepers */
	bool timed_out; /* the deadline came before it was queued */
	bool canceled;  /* and so did this */
	bool starved;   /* woken once already, and came too late */
	bool expecting; /* counted in threads_expecting */
};

/*
 * Wait until another thread wakes this address, or the deadline passes (BM_FOREVER:
 * none). Does not wait unless the word there is `expected` when it is queued; `bytes`
 * is 4 or 8. A wait that can be cancelled ends with WAIT_CANCELED, once. In a task it runs others
 * for a moment and returns WAIT_CHANGED: callers look again and again. There it must not be
 * queued: of two waits on one stack, the lower one could be woken and not go on.
 */
enum wait_result thread_wait(const void *address, uint64_t expected, unsigned bytes,
			     uint64_t deadline, bool cancelable);

/* The same for something that comes from outside of the program. */
enum wait_result thread_wait_outside(const void *address, uint64_t expected, unsigned bytes,
				     uint64_t deadline, bool cancelable);

/* From now on something may come from outside that any thread may wait for. */
void thread_expect_always(void);

/* The same for a mutex, that was waited for `rounds` times; `starved` is for who decides. */
enum wait_result thread_wait_starved(const void *address, uint64_t expected, uint64_t deadline,
				     bool starved, unsigned rounds);

/* Wake at most so many that wait at an address, those first that came first. Returns how many. */
uint32_t thread_wake(const void *address, uint32_t count);
#define WAKE_ALL UINT32_MAX

/*
 * Wake the first that waits there. decide(it, argument) is called before, with the queue locked: it
 * is NULL if nobody waits. If it says so, the wait ends with WAIT_GIVEN.
 */
void thread_wake_deciding(const void *address, bool (*decide)(const struct waiter *, void *),
			  void *argument);

bool thread_is_awaited(const void *address);

/* End a thread's wait if it can be cancelled. */
void thread_interrupt(struct thread *thread);

/* A deadline has passed: called by sleep.c, with its lock held. Adds to those that are woken. */
void thread_time_out(struct waiter *waiter, struct woken *woken);

/* ---- sleep.c ---- */

void sleep_add(struct waiter *waiter);    /* until waiter->deadline */
void sleep_remove(struct waiter *waiter); /* if it is still there */
void sleep_check_at(uint64_t deadline);   /* for thread_look_for_deadlock() */
bool sleep_ring_now(
    void); /* as soon as a task can be queued; false: it cannot, and there is no timer */

/* ---- create.c ---- */

/* The thread of a handle; NULL if it has gone. */
struct thread *thread_of(unsigned long handle);
extern struct thread *threads_all;
void thread_bury(struct thread *thread); /* it has left its stack for good */
_Noreturn void thread_exit(void *result);

/* For a thread of the library itself: in it, and in its creator. */
void thread_serve(void);
void thread_is_served(void);

/* ---- owner.c ---- */

#define OWNER_AWAITED  1ul /* somebody may be waiting */
#define OWNER_RECURSED 2ul /* locked more than once: depth tells */
#define OWNER_FLAGS    3ul

/* Take a lock that was found taken, or wait for it. False: the deadline has passed. */
bool thread_contend(unsigned long *owner, uint64_t deadline);

/* For ever, and opening one that may be waited for; system/lock.c has only weak references. */
void thread_lock_owner(unsigned long *owner);
void thread_unlock_owner(unsigned long *owner);

/* ---- others ---- */

void thread_malloc_start(void);

void keys_destroy(struct thread *self);
void thread_cancel_point(struct thread *self); /* ends the thread if it was cancelled */
void thread_check_deadlock(void);              /* none runs: look closer in a moment */
void thread_look_for_deadlock(void);
void thread_look_in_task(bool stuck); /* in a task that waits for ever: nothing ran meanwhile */
void thread_report(void);

/* When a struct timespec of a clock is over, on bm_time_monotonic()'s scale. False: not valid. */
bool thread_deadline(clockid_t clock, const struct timespec *time, uint64_t *deadline);

#endif
