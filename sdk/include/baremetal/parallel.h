/* SPDX-License-Identifier: MIT */
/*
 * Parallel loops, sums, futures and teams, on tasks: no threads, no stacks, no switches.
 *
 *     static void scale(void *a, long from, long to)
 *     {
 *             for (long i = from; i < to; i++)
 *                     ((double *)a)[i] *= 2;
 *     }
 *
 *     bm_parallel_for(0, n, 1000, scale, a);
 *
 * The caller works too, and returns when all is done. May be called in main(), in a task, in
 * a part of another loop, and in a thread. What a part writes is seen by the caller afterwards.
 */
#ifndef BAREMETAL_PARALLEL_H
#define BAREMETAL_PARALLEL_H

#include <baremetal/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A part of a loop: from … to - 1. */
typedef void bm_range_fn(void *argument, long from, long to);

/**
 * A loop whose parts are taken by whoever is free (dynamic): for work that is uneven.
 *
 * @param from, to  the loop runs from `from` to `to` - 1; not at all if that is nothing.
 * @param chunk     most iterations of a part; 0 or less: a part for a sixteenth of each
 *                  core's share.
 * @param function  called for each part, on any core.
 * @param argument  its first argument.
 */
void bm_parallel_for(long from, long to, long chunk, bm_range_fn *function, void *argument);

/** A loop of one part a core, equal but for one iteration (static): for work that is even. */
void bm_parallel_for_static(long from, long to, bm_range_fn *function, void *argument);

/** Bytes that a partial result of bm_parallel_reduce() may have. */
#define BM_REDUCE_MAX 256

/** A part of a reduction: add from … to - 1 to *partial. */
typedef void bm_reduce_fn(void *argument, long from, long to, void *partial);
/** Add a partial result to *result. */
typedef void bm_combine_fn(void *argument, void *result, const void *partial);

/**
 * A sum (or product, maximum, histogram …) over a loop.
 *
 * @param from, to, chunk  as for bm_parallel_for().
 * @param function  adds up a part, on any core.
 * @param combine  called for one partial result at a time, in no fixed order: sums of floating
 *                 point may differ in their last bits from run to run.
 * @param argument  the first argument of both.
 * @param result   in: what a partial result starts from (0 for a sum), and the result of an
 *                 empty loop; out: the result.
 * @param size     its bytes.
 * @return 0; -BM_EINVAL if size is more than BM_REDUCE_MAX.
 */
int bm_parallel_reduce(long from, long to, long chunk, bm_reduce_fn *function,
		       bm_combine_fn *combine, void *argument, void *result, size_t size);

/** A value that is computed meanwhile. The caller's memory; must stay until bm_future_get(). */
struct bm_future {
	struct bm_task_group group;	    /**< of the one task */
	void *(*function)(void *argument); /**< computes it */
	void *argument;			    /**< for the function */
	void *value;			    /**< there when the group is done */
};

/** Have function(argument) computed by whichever core is free. */
void bm_future_start(struct bm_future *future, void *(*function)(void *argument), void *argument);

/** 1 if the value is there, else 0. */
static inline int bm_future_ready(const struct bm_future *future)
{
	return !__atomic_load_n(&future->group.state, __ATOMIC_ACQUIRE);
}

/** The value; waits for it, and runs tasks meanwhile. Once it is there, may be called again. */
void *bm_future_get(struct bm_future *future);

/**
 * A barrier for the members of a team. It spins: a member has its core to itself.
 */
struct bm_team_barrier {
	uint32_t members;			       /**< of the team */
	uint32_t arrived __attribute__((aligned(64))); /**< members that wait now */
	uint32_t round __attribute__((aligned(64)));   /**< grows each time that all are here */
};

/** What a member of a team knows. */
struct bm_team {
	void *argument;			 /* as given to bm_team_run() */
	struct bm_team_barrier *barrier; /* theirs */
	uint32_t members; /* of the team: all cores */
	uint32_t index;   /* of this one, 0 … members - 1: its core's number */
};

/**
 * Run a function once on each core, all at the same time; return when all have returned. One team
 * at a time: another one waits. Not in a task that other tasks wait for, nor in a team: a core
 * that never comes free would keep the others waiting at their barrier.
 */
void bm_team_run(void (*function)(const struct bm_team *team), void *argument);

/** Wait until all members of the team are here. What they wrote before is seen afterwards. */
static inline void bm_team_wait(const struct bm_team *team)
{
	struct bm_team_barrier *b = team->barrier;
	uint32_t round = __atomic_load_n(&b->round, __ATOMIC_RELAXED);
	if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == b->members) {
		__atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&b->round, round + 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&b->round, __ATOMIC_ACQUIRE) == round)
		__builtin_ia32_pause();
}

#ifdef __cplusplus
}
#endif

#endif
