/* SPDX-License-Identifier: MIT */
/*
 * kernel/task/deque.h: an owner that pushes and pops as it likes, against two thieves.
 *
 * Claims: no task is taken twice, none is lost, each is read as it was pushed, and
 * push says "full" exactly when it is. SIZE is small, so that the slots are used again.
 *
 * Variants that must be found broken, one each:
 *   BROKEN_FENCE    pop claims its task by a plain store
 *   BROKEN_LAST     pop takes the last task without racing for it
 *   BROKEN_FULL     push takes one task too many
 *   BROKEN_ORDER    push shows the new bottom before the task
 *   BROKEN_STEAL    a thief looks at bottom before top
 *   BROKEN_REFUSE   push says "full" one task too early
 */
#define SIZE 2
#ifndef TASKS
#define TASKS 4
#endif
#define THIEVES 2

#define TOP 0
#define BOTTOM 1
#define SLOT(at) (2 + (at) % SIZE)
#define MEMORY (2 + SIZE)
#define CORES 1 /* thieves store nothing but by locked instructions */
#define DEPTH 4
#include "tso.pml"

bit taken[TASKS + 1];
byte inside; /* pushed and not yet taken */
byte thieves = THIEVES;

inline take(task)
{
	assert(task != 0 && !taken[task]);
	taken[task] = 1;
	inside--
}

inline push(task)
{
	LOAD(0, BOTTOM, bottom);
	atomic {
		LOAD(0, TOP, top);
		refused = bottom - top >= SIZE;
#ifdef BROKEN_FULL
		refused = bottom - top > SIZE;
#endif
#ifdef BROKEN_REFUSE
		refused = bottom - top >= SIZE - 1;
#endif
		assert(refused == (inside >= SIZE));
	}
	if
	:: refused
	:: else ->
#ifdef BROKEN_ORDER
		STORE(0, BOTTOM, bottom + 1);
		inside++;
		STORE(0, SLOT(bottom), task)
#else
		STORE(0, SLOT(bottom), task);
		/* It may be taken from the moment when this is seen, not earlier. */
		atomic {
			STORE(0, BOTTOM, bottom + 1);
			inside++
		}
#endif
	fi
}

inline pop()
{
	LOAD(0, BOTTOM, bottom);
	bottom--;
	LOAD(0, TOP, top);
	popped = 0;
	if
	:: top > bottom
	:: else ->
#ifdef BROKEN_FENCE
		STORE(0, BOTTOM, bottom);
#else
		atomic {
			DRAINED(0);
			memory[BOTTOM] = bottom
		}
#endif
		LOAD(0, TOP, top);
		if
		:: top < bottom ->
			LOAD(0, SLOT(bottom), popped);
			atomic {
				take(popped)
			}
		:: top == bottom ->
			LOAD(0, SLOT(bottom), popped);
#ifdef BROKEN_LAST
			atomic {
				take(popped);
				memory[TOP] = top + 1
			}
#else
			atomic {
				DRAINED(0);
				if
				:: memory[TOP] == top ->
					memory[TOP] = top + 1;
					take(popped)
				:: else -> popped = 0
				fi
			}
#endif
			STORE(0, BOTTOM, bottom + 1)
		:: else ->
			STORE(0, BOTTOM, bottom + 1)
		fi
	fi
}

active [THIEVES] proctype thief()
{
	short top, bottom;
	byte task;
	do
	::
#ifdef BROKEN_STEAL
		bottom = memory[BOTTOM];
		top = memory[TOP];
#else
		top = memory[TOP];
		bottom = memory[BOTTOM];
#endif
		if
		:: top >= bottom
		:: else ->
			task = memory[SLOT(top)];
			atomic {
				if
				:: memory[TOP] == top ->
					memory[TOP] = top + 1;
					take(task)
				:: else
				fi
			}
		fi;
		d_step {
			top = 0;
			bottom = 0;
			task = 0
		}
	:: break
	od;
	thieves--
}

active proctype owner()
{
	byte next = 1, popped, scan;
	short top, bottom;
	bool refused;
	do
	:: next <= TASKS ->
		push(next);
		if
		:: refused
		:: else -> next++
		fi
	:: pop()
	:: next > TASKS -> break
	od;
	/* What the thieves left. */
	thieves == 0;
	do
	:: pop();
		if
		:: popped == 0 -> break
		:: else
		fi
	od;
	for (popped : 1 .. TASKS) {
		assert(taken[popped])
	}
	assert(inside == 0)
}
