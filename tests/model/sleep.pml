/* SPDX-License-Identifier: MIT */
/*
 * kernel/task/scheduler.c: who sleeps, and who is woken. The queues are taken as
 * deque.pml and inbox.pml prove them; what they have here is when a push is seen.
 * HLT and the wake-up interrupt are those of kernel/cpu/core.c.
 *
 * Claim: never do all stop with work left: when nothing can move any more, each
 * task has been run and main has what it waited for. Tasks of the scenarios hold their
 * core until others have run as well, so that one core that sleeps beside a waiting
 * task is enough to stop all. Nobody touches a group once its waiter has gone on.
 *
 * Scenarios, one must be defined:
 *   SPREAD     main submits a task for each other core, then keeps its own core busy
 *   GROUP      a task for each core, waited for; then, without ONCE, one more of the same group
 *   PINNED     one task pinned to each other core, waited for
 *   INTERRUPT  a task waits for another, which an interrupt queues, on any core at any time
 *
 * Variants that must be found broken, one each:
 *   BROKEN_FENCE      submit looks at `idle` while its task is still in the store buffer
 *   BROKEN_ASLEEP     a core announces its sleep by a plain store
 *   BROKEN_LOOK       a core sleeps without a second look
 *   BROKEN_HAND_OVER  a searcher that found work wakes nobody
 *   BROKEN_SEARCHING  a core still counts as searching when it takes its second look
 *   BROKEN_GROUP      the last task does not wake the waiter
 *   BROKEN_STALE      task_wait looks whether all is done only before it announces its sleep
 *   BROKEN_TOUCH      the waiter's number is read after the last task was taken off
 *   BROKEN_HALT       a core looks at its flag with interrupts on, then halts
 */
#ifndef CORES
#define CORES 3
#endif

#define BOTTOM(core) (core)
#define TOP(core) (CORES + (core))
#define ASLEEP(core) (2 * CORES + (core))
#define TAIL(box) (3 * CORES + (box)) /* boxes: one a core, then the shared one */
#define HEAD(box) (4 * CORES + 1 + (box))
#define FILLED(box) (5 * CORES + 2 + (box))
#define SHARED CORES
#define MEMORY (6 * CORES + 3)
#define DEPTH 2
#include "tso.pml"

/* Processes are numbered in order of their text: the store buffers, the wires, the cores. */
#ifdef SC
#define FIRST 0
#else
#define FIRST CORES
#endif

/* What only locked instructions write. */
byte searching, idle, idle_mask;
byte group_tasks, group_waiter; /* the two halves of one word */

/* Interrupts: on the way; held back since they are off. */
bit sent[CORES], masked[CORES], pending[CORES];

/* What is claimed about. */
bool group_alive = true, main_done;
byte started, ended, wanted, total;
bool timer_set;

/* The wake-up interrupt arrives some time after it was sent; with interrupts on it does nothing. */
active [CORES] proctype wire()
{
end:	do
	:: d_step {
		sent[_pid - FIRST] ->
		sent[_pid - FIRST] = 0;
		pending[_pid - FIRST] = masked[_pid - FIRST]
	}
	od
}

/* ---- Waking ---- */

inline wake(me, target)
{
	woke = false;
	LOAD(me, ASLEEP(target), value);
	if
	:: value ->
		atomic {
			DRAINED(me);
			woke = memory[ASLEEP(target)];
			memory[ASLEEP(target)] = 0;
			if
			:: woke && target != me -> sent[target] = 1
			:: else
			fi
		}
	:: else
	fi
}

inline wake_one(me)
{
	if
	:: searching
	:: else ->
		mask = idle_mask;
		target = 0;
		do
		:: target < CORES && (mask >> target & 1) ->
			wake(me, target);
			if
			:: woke -> break
			:: else -> target++
			fi
		:: target < CORES && !(mask >> target & 1) -> target++
		:: target == CORES -> break
		od;
		atomic {
			mask = 0;
			target = 0
		}
	fi
}

/* ---- Submitting ---- */

inline group_add(me)
{
	atomic {
		DRAINED(me);
		assert(group_alive);
		group_tasks++
	}
}

inline group_done(me)
{
	atomic {
		DRAINED(me);
		assert(group_alive);
		group_tasks--;
		value = group_waiter;
		last = group_tasks == 0
	}
#ifdef BROKEN_TOUCH
	atomic {
		assert(group_alive);
		value = group_waiter
	}
#endif
#ifndef BROKEN_GROUP
	if
	:: last && value ->
		target = value - 1;
		wake(me, target);
		target = 0
	:: else
	fi
#endif
}

inline somebody_idles(me)
{
#ifndef BROKEN_FENCE
	FENCE(me);
#endif
	woke = idle != 0
}

inline submit(me)
{
	LOAD(me, BOTTOM(me), value);
	STORE(me, BOTTOM(me), value + 1);
	somebody_idles(me);
	if
	:: woke -> wake_one(me)
	:: else
	fi
}

inline box_push(me, box)
{
	atomic {
		DRAINED(me);
		memory[TAIL(box)]++
	}
	STORE(me, FILLED(box), memory[TAIL(box)])
}

inline submit_to(me, core)
{
	box_push(me, core);
	somebody_idles(me);
	if
	:: woke -> wake(me, core)
	:: else
	fi
}

/* The timer's handler. It runs on the core's own store buffer, at the points marked so. */
#ifdef INTERRUPT
inline interrupt_here(me)
{
	if
	:: atomic { timer_set -> timer_set = false }
		box_push(me, SHARED);
		somebody_idles(me);
		if
		:: woke -> wake_one(me)
		:: else
		fi
	:: true
	fi
}
#else
#define interrupt_here(me) skip
#endif

/* ---- Taking ---- */

inline box_take(me, box)
{
	atomic {
		DRAINED(me);
		if
		:: memory[HEAD(box)] < memory[FILLED(box)] ->
			memory[HEAD(box)]++;
			found = true
		:: else
		fi
	}
}

inline take_own(me)
{
#ifdef PINNED
	box_take(me, me);
#endif
#ifdef INTERRUPT
	if
	:: !found -> box_take(me, SHARED)
	:: else
	fi;
#endif
	if
	:: !found ->
		LOAD(me, BOTTOM(me), value);
		if
		:: value > memory[TOP(me)] ->
			atomic {
				DRAINED(me);
				if
				:: memory[BOTTOM(me)] > memory[TOP(me)] ->
					memory[BOTTOM(me)]--;
					found = true
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi
}

inline steal(me)
{
	victim = 0;
	do
	:: victim < CORES && !found && victim != me ->
		top = memory[TOP(victim)];
		if
		:: memory[BOTTOM(victim)] > top ->
			atomic {
				DRAINED(me);
				if
				:: memory[TOP(victim)] == top && memory[BOTTOM(victim)] > top ->
					memory[TOP(victim)]++;
					found = true
				:: else
				fi
			}
		:: else
		fi;
		victim++
	:: victim < CORES && !found && victim == me -> victim++
	:: victim == CORES || found -> break
	od;
	atomic {
		victim = 0;
		top = 0
	}
}

inline work_anywhere(me)
{
	any = false;
#ifdef PINNED
	value = memory[TAIL(me)];
	any = value != memory[HEAD(me)];
#endif
#ifdef INTERRUPT
	value = memory[TAIL(SHARED)];
	any = any || value != memory[HEAD(SHARED)];
#endif
	victim = 0;
	do
	:: victim < CORES && !any ->
		top = memory[TOP(victim)];
		LOAD(me, BOTTOM(victim), value);
		any = value > top;
		victim++
	:: victim == CORES || any -> break
	od;
	atomic {
		victim = 0;
		top = 0
	}
}

/* ---- Running ---- */

/* A task of these scenarios: it ends when enough have started. */
inline run_task(me, grouped)
{
	started++;
	started >= wanted;
	ended++;
	if
	:: grouped -> group_done(me)
	:: else
	fi
}

inline port_sleep(me)
{
#ifdef BROKEN_HALT
	LOAD(me, ASLEEP(me), value);
	masked[me] = 1;
#else
	masked[me] = 1;
	LOAD(me, ASLEEP(me), value);
#endif
	if
	:: value ->
		if
		:: atomic { pending[me] -> pending[me] = 0; masked[me] = 0 }
#ifdef INTERRUPT
		:: atomic { timer_set -> masked[me] = 0 }
			interrupt_here(me)
#endif
		fi
	:: else ->
		atomic {
			masked[me] = 0;
			pending[me] = 0
		}
	fi
}

inline sleep_until_woken(me, finished)
{
	atomic {
		DRAINED(me);
		idle++
	}
	atomic {
		DRAINED(me);
		idle_mask = idle_mask | (1 << me)
	}
#ifdef BROKEN_STALE
	was = finished;
#endif
#ifdef BROKEN_ASLEEP
	STORE(me, ASLEEP(me), 1);
#else
	atomic {
		DRAINED(me);
		memory[ASLEEP(me)] = 1
	}
#endif
	interrupt_here(me);
#ifdef BROKEN_LOOK
	any = false;
#else
	work_anywhere(me);
#endif
#ifdef BROKEN_SEARCHING
	atomic {
		DRAINED(me);
		searching--
	}
#endif
	interrupt_here(me);
	if
#ifdef BROKEN_STALE
	:: any || was ->
#else
	:: any || finished ->
#endif
		atomic {
			DRAINED(me);
			memory[ASLEEP(me)] = 0
		}
	:: else ->
		do
		:: LOAD(me, ASLEEP(me), value);
			if
			:: value -> port_sleep(me)
			:: else -> break
			fi
		od
	fi;
	atomic {
		DRAINED(me);
		idle_mask = idle_mask & ~(1 << me)
	}
	atomic {
		DRAINED(me);
		idle--
	}
}

inline find(me, finished)
{
	do
	::
		atomic {
			DRAINED(me);
			searching++
		}
		if
		:: !(finished) ->
			take_own(me);
			if
			:: !found -> steal(me)
			:: else
			fi
		:: else
		fi;
		interrupt_here(me);
#ifdef BROKEN_SEARCHING
		if
		:: found || finished ->
			atomic {
				DRAINED(me);
				searching--
			}
			break
		:: else -> sleep_until_woken(me, finished)
		fi
#else
		atomic {
			DRAINED(me);
			searching--
		}
		if
		:: found || finished -> break
		:: else -> sleep_until_woken(me, finished)
		fi
#endif
	od;
#ifndef BROKEN_HAND_OVER
	if
	:: idle ->
		work_anywhere(me);
		if
		:: any -> wake_one(me)
		:: else
		fi
	:: else
	fi
#endif
}

inline work(me, finished, grouped)
{
	do
	:: finished -> break
	:: else ->
		found = false;
		take_own(me);
		if
		:: !found -> steal(me)
		:: else
		fi;
		if
		:: !found -> find(me, finished)
		:: else
		fi;
		atomic {
			any = false;
			woke = false;
			value = 0
		}
		if
		:: found ->
			found = false;
			run_task(me, grouped)
		:: else
		fi
	od
}

inline task_wait(me)
{
	if
	:: group_tasks ->
		atomic {
			DRAINED(me);
			group_waiter = me + 1
		}
		work(me, group_tasks == 0, true);
		atomic {
			DRAINED(me);
			group_waiter = 0
		}
	:: else
	fi
}

#ifdef SPREAD
#define GROUPED false
#else
#define GROUPED true
#endif

active proctype core_0()
{
	byte value, mask, target, victim, top, scan, i;
	bool woke, found, any, last, was;

#ifdef SPREAD
	atomic {
		wanted = CORES - 1;
		total = CORES - 1
	}
	for (i : 1 .. CORES - 1) {
		submit(0)
	}
	ended == total;
#endif
#ifdef GROUP
	atomic {
		wanted = CORES;
#ifdef ONCE
		total = CORES
#else
		total = CORES + 1
#endif
	}
	for (i : 1 .. CORES) {
		group_add(0);
		submit(0)
	}
	task_wait(0);
	assert(ended == CORES);
#ifndef ONCE
	group_add(0);
	submit(0);
	task_wait(0);
#endif
#endif
#ifdef PINNED
	atomic {
		wanted = CORES - 1;
		total = CORES - 1
	}
	for (i : 1 .. CORES - 1) {
		group_add(0);
		submit_to(0, i)
	}
	task_wait(0);
#endif
#ifdef INTERRUPT
	atomic {
		wanted = 2;
		total = 2;
		timer_set = true
	}
	/* The interrupt's task counts in the group: its sum is known, not who queues it. */
	group_add(0);
	group_add(0);
	submit(0);
	task_wait(0);
#endif
	atomic {
		assert(ended == total && group_tasks == 0);
		group_alive = false;
		main_done = true
	}
}

active [CORES - 1] proctype core_n()
{
	byte value, mask, target, victim, top, scan, self;
	bool woke, found, any, last, was;

	self = _pid - FIRST - CORES;
	work(self, false, GROUPED)
}

active proctype watch()
{
	timeout;
	assert(main_done && ended == total && group_tasks == 0 && group_waiter == 0)
}
