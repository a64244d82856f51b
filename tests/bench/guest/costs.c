/* SPDX-License-Identifier: MIT */
/*
 * What tasks, threads and locks cost, between markers for the counting plugin.
 *
 *   pair 0  submit an empty task of a group, run it here, tell the group
 *   pair 1  from one thread's sched_yield() to the return of another's: one switch
 *   pair 2  pthread_create() and pthread_join() of a thread that does nothing
 *   pair 3  pthread_mutex_lock() and pthread_mutex_unlock() of a free mutex
 *
 * On two cores, with the argument "stolen", a task's two sides on two cores:
 *
 *   pair 4  bm_task_submit() of an empty task of a group, which the other core is free to take
 *   pair 5  on the core that takes them: from one task's end to the next one's begin, with the
 *           return, the group's count, and taking the next from the submitter's queue
 *
 * What is used for the first time is used once before, without markers.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <baremetal/baremetal.h>
#include "marker.h"

#define TIMES 1000
#define BATCH 500 /* tasks that are queued at once; fewer than a core's queue holds */

static void nothing(void *argument)
{
	(void)argument;
}

static void *no_thread(void *argument)
{
	return argument;
}

static void task_once(struct bm_task_group *group, bool marked)
{
	if (marked)
		BENCH_START(0);
	bm_task_submit(group, nothing, NULL);
	bm_task_run_one();
	if (marked)
		BENCH_STOP(0);
}

static void tasks(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	task_once(&group, false);
	for (int i = 0; i < TIMES; i++)
		task_once(&group, true);
	bm_task_wait(&group);
}

static bool turns;

/* Two threads do this in turn: each ends the pair that the other has begun. */
static void switch_over(void)
{
	BENCH_STOP(1);
	BENCH_START(1);
	sched_yield();
}

static void *yield(void *argument)
{
	while (turns)
		switch_over();
	return argument;
}

static void switches(void)
{
	pthread_t thread;

	turns = true;
	pthread_create(&thread, NULL, yield, NULL);
	sched_yield();
	for (int i = 0; i < TIMES; i++)
		switch_over();
	BENCH_STOP(1);
	turns = false;
	pthread_join(thread, NULL);
}

static void threads(void)
{
	pthread_t thread;

	for (int i = 0; i < TIMES; i++) {
		BENCH_START(2);
		pthread_create(&thread, NULL, no_thread, NULL);
		pthread_join(thread, NULL);
		BENCH_STOP(2);
	}
}

static void locks(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	for (int i = 0; i < TIMES; i++) {
		BENCH_START(3);
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		BENCH_STOP(3);
	}
}

static unsigned int ran; /* tasks of this batch */
static bool closed;      /* the other core is kept busy */
static bool open;        /* the batch is queued */

static void taken(void *argument)
{
	BENCH_STOP(5);
	(void)argument;
	if (__atomic_add_fetch(&ran, 1, __ATOMIC_RELEASE) < BATCH)
		BENCH_START(5);
}

/* Keep the other core busy while the batch is submitted, so that it finds all of it. */
static void gate(void *argument)
{
	__atomic_store_n(&closed, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&open, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	taken(argument);
}

/* This core only submits: while it waits for the last one, it takes none back. */
static void stolen(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	for (int batch = 0; batch < TIMES / BATCH; batch++) {
		ran = 0;
		closed = open = false;
		bm_task_submit_to(1, &group, gate, NULL);
		while (!__atomic_load_n(&closed, __ATOMIC_ACQUIRE))
			__builtin_ia32_pause();
		for (int i = 1; i < BATCH; i++) {
			BENCH_START(4);
			bm_task_submit(&group, taken, NULL);
			BENCH_STOP(4);
		}
		__atomic_store_n(&open, true, __ATOMIC_RELEASE);
		while (__atomic_load_n(&ran, __ATOMIC_ACQUIRE) < BATCH)
			__builtin_ia32_pause();
	}
	bm_task_wait(&group);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "stolen")) {
		stolen();
		return 0;
	}
	tasks();
	switches();
	threads();
	locks();
	return 0;
}
