/* SPDX-License-Identifier: MIT */
/*
 * kernel/task/inbox.h: two producers against the owner (inbox_pop) or, with TAKE
 * defined, against two consumers (inbox_take).
 *
 * Claims: no task is taken twice, none is lost, each is read as it was pushed, a
 * refused one is never run, the owner gets each producer's tasks in order; and once
 * all is quiet, an empty box says that it is empty and has room again. SIZE is small,
 * so that the slots are used again.
 *
 * Variants that must be found broken, one each:
 *   BROKEN_ORDER     push shows the sequence number before the task
 *   BROKEN_TURN      push does not look whether its slot is free
 *   BROKEN_CLAIM     two producers may claim one slot: no compare and exchange
 *   BROKEN_RELEASE   the slot is freed before it was read
 *   BROKEN_TAKE      (with TAKE) two consumers may claim one task
 */
#define SIZE 2
#define PRODUCERS 2
#ifdef TAKE
#define CONSUMERS 2
#ifndef TASKS
#define TASKS 2 /* of each producer */
#endif
#else
#define CONSUMERS 1
#ifndef TASKS
#define TASKS 3
#endif
#endif

#define TAIL 0
#define HEAD 1
#define SEQUENCE(at) (2 + (at) % SIZE)
#define TASK(at) (2 + SIZE + (at) % SIZE)
#define MEMORY (2 + 2 * SIZE)
#define CORES (PRODUCERS + CONSUMERS)
#define DEPTH 3
#include "tso.pml"

#define ALL (PRODUCERS * TASKS)

bit pushed[ALL + 1], taken[ALL + 1];
byte last[PRODUCERS];
byte producing = PRODUCERS, consuming = CONSUMERS;

/* Free: the slot's number. The model stores the difference, so that memory is 0 at first. */
#define LOAD_SEQUENCE(core, at, into)                                                              \
	LOAD(core, SEQUENCE(at), into);                                                            \
	into = into + (at) % SIZE
#define STORE_SEQUENCE(core, at, value) STORE(core, SEQUENCE(at), (value) - (at) % SIZE)

proctype producer(byte core)
{
	byte i, scan, task;
	short tail, turn;
	for (i : 1 .. TASKS) {
		task = core * TASKS + i;
		LOAD(core, TAIL, tail);
		do
		::
			d_step {
				LOAD_SEQUENCE(core, tail, turn)
			}
			if
#ifdef BROKEN_TURN
			:: true ->
#else
			:: turn == tail ->
#endif
				atomic {
					DRAINED(core);
#ifdef BROKEN_CLAIM
					memory[TAIL] = tail + 1;
					pushed[task] = 1;
					break
#else
					if
					:: memory[TAIL] == tail ->
						memory[TAIL] = tail + 1;
						pushed[task] = 1;
						break
					:: else -> tail = memory[TAIL]
					fi
#endif
				}
			:: turn < tail -> break
			:: turn > tail -> LOAD(core, TAIL, tail)
			fi
		od;
		if
		:: pushed[task] ->
#ifdef BROKEN_ORDER
			STORE_SEQUENCE(core, tail, tail + 1);
			STORE(core, TASK(tail), task)
#else
			STORE(core, TASK(tail), task);
			STORE_SEQUENCE(core, tail, tail + 1)
#endif
		:: else
		fi;
		d_step {
			tail = 0;
			turn = 0
		}
	}
	FENCE(core);
	producing--
}

inline take(at)
{
#ifdef BROKEN_RELEASE
	STORE_SEQUENCE(core, at, at + SIZE);
	LOAD(core, TASK(at), task);
#else
	LOAD(core, TASK(at), task);
	STORE_SEQUENCE(core, at, at + SIZE);
#endif
	atomic {
		assert(task != 0 && pushed[task] && !taken[task]);
		taken[task] = 1
	}
}

/* One try each time round; nothing is left once the producers have ended and a try failed. */
proctype consumer(byte core)
{
	byte scan, task;
	short head, turn;
	bool ending;
	do
	::
		ending = producing == 0;
		task = 0;
		LOAD(core, HEAD, head);
#ifdef TAKE
		do
		::
			d_step {
				LOAD_SEQUENCE(core, head, turn)
			}
			if
			:: turn < head + 1 -> break
			:: turn > head + 1 -> LOAD(core, HEAD, head)
			:: turn == head + 1 ->
#ifdef BROKEN_TAKE
				STORE(core, HEAD, head + 1);
				take(head);
				break
#else
				atomic {
					DRAINED(core);
					if
					:: memory[HEAD] == head ->
						memory[HEAD] = head + 1;
						task = 255
					:: else -> head = memory[HEAD]
					fi
				}
				if
				:: task ->
					take(head);
					break
				:: else
				fi
#endif
			fi
		od;
		skip; /* where the breaks lead: not into what follows */
#else
		d_step {
			LOAD_SEQUENCE(core, head, turn)
		}
		if
		:: turn == head + 1 ->
			take(head);
			d_step {
				assert(task > last[(task - 1) / TASKS]);
				last[(task - 1) / TASKS] = task
			}
			STORE(core, HEAD, head + 1)
		:: else
		fi;
#endif
		d_step {
			head = 0;
			turn = 0
		}
		if
		:: ending && task == 0 -> break
		:: else
		fi
	od;
	FENCE(core);
	consuming--
}

init {
	byte i;
	atomic {
		for (i : 0 .. PRODUCERS - 1) {
			run producer(i)
		}
		for (i : 0 .. CONSUMERS - 1) {
			run consumer(PRODUCERS + i)
		}
	}
	consuming == 0;
	for (i : 1 .. ALL) {
		assert(pushed[i] == taken[i])
	}
	assert(memory[TAIL] == memory[HEAD]);
	assert(memory[SEQUENCE(memory[TAIL])] + memory[TAIL] % SIZE == memory[TAIL])
}
