/* SPDX-License-Identifier: MIT */
/*
 * Waiting for tasks that wait for locks, and beside threads that never rest. Words:
 *
 *     main           loops whose parts take locks, in a program that has made no thread yet
 *     threads        the same after one was made; futures; loops from threads
 *     busy WHO HOW   WHO (main, thread, task) waits for a task while HOW (yield, ping) goes on
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/parallel.h>
#include <baremetal/task.h>

#include "../check.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counted; /* under the mutex */

static void locks(void *argument, long from, long to)
{
	(void)argument;
	for (long i = from; i < to; i++) {
		pthread_mutex_lock(&mutex);
		for (volatile int k = 0; k < 50; k++)
			;
		counted++;
		pthread_mutex_unlock(&mutex);
	}
}

/* More than a core keeps for itself: so Newlib's own lock is taken. */
static void memory(void *argument, long from, long to)
{
	void *block[40];

	(void)argument;
	for (long i = from; i < to; i++) {
		for (int k = 0; k < 40; k++)
			CHECK((block[k] = malloc(100 + k * 900)) != NULL);
		for (int k = 0; k < 40; k++)
			free(block[k]);
	}
	__atomic_fetch_add(&counted, to - from, __ATOMIC_RELAXED);
}

static void texts(void *argument, long from, long to)
{
	for (long i = from; i < to; i++)
		fprintf(argument, "%ld\n", i);
	__atomic_fetch_add(&counted, to - from, __ATOMIC_RELAXED);
}

static void loops(int rounds)
{
	FILE *file = fopen("/tmp/texts", "w");

	CHECK(file);
	for (int i = 0; i < rounds; i++) {
		counted = 0;
		bm_parallel_for(0, 5000, 50, locks, NULL);
		CHECK(counted == 5000);
		counted = 0;
		bm_parallel_for(0, 400, 7, memory, NULL);
		CHECK(counted == 400);
		counted = 0;
		bm_parallel_for(0, 100, 2, texts, file);
		CHECK(counted == 100);
	}
	fclose(file);
}

static void *nothing(void *argument)
{
	return argument;
}

static void *future(void *argument)
{
	locks(NULL, 0, 1);
	*(long *)argument += 1;
	return argument;
}

static void *futures(void *argument)
{
	for (int round = 0; round < 50; round++) {
		struct bm_future made[8];
		long values[8] = {0};

		for (int i = 0; i < 8; i++)
			bm_future_start(&made[i], future, &values[i]);
		for (int i = 0; i < 8; i++) {
			CHECK(bm_future_get(&made[i]) == &values[i] && values[i] == 1);
		}
	}
	return argument;
}

static void from_threads(void)
{
	pthread_t thread[6];

	CHECK(!pthread_create(&thread[0], NULL, nothing, NULL) && !pthread_join(thread[0], NULL));
	loops(10);
	futures(NULL);
	for (int i = 0; i < 6; i++)
		CHECK(!pthread_create(&thread[i], NULL, futures, NULL));
	for (int i = 0; i < 6; i++)
		CHECK(!pthread_join(thread[i], NULL));
}

/* ---- Threads that never rest ---- */

static bool stop;
static sem_t ping, pong, over;

static bool goes_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *yields(void *argument)
{
	while (goes_on())
		sched_yield();
	return argument;
}

/* One of two: there is one ball. */
static void *plays(void *argument)
{
	sem_t *mine = argument, *other = mine == &ping ? &pong : &ping;

	while (goes_on()) {
		sem_wait(mine);
		sem_post(other);
	}
	sem_post(other);
	return argument;
}

static pthread_t busy[2];
static const char *how;

static void inner(void *argument)
{
	*(int *)argument = 1;
}

static void wait_beside(void *argument)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	bool yield = strcmp(how, "yield") == 0;
	int done = 0;

	(void)argument;
	CHECK(!bm_task_submit(&group, inner, &done));
	CHECK(!pthread_create(&busy[0], NULL, yield ? yields : plays, &ping));
	CHECK(!pthread_create(&busy[1], NULL, yield ? yields : plays, &pong));
	bm_task_wait(&group);
	CHECK(done && !group.state);
	sem_post(&over);
}

static void *wait_in_thread(void *argument)
{
	wait_beside(argument);
	return NULL;
}

static void beside(const char *who)
{
	pthread_t thread;

	sem_init(&ping, 0, 1);
	sem_init(&pong, 0, 0);
	sem_init(&over, 0, 0);
	if (strcmp(who, "thread") == 0)
		CHECK(!pthread_create(&thread, NULL, wait_in_thread, NULL) &&
		      !pthread_detach(thread));
	else if (strcmp(who, "task") == 0)
		CHECK(!bm_task_submit(NULL, wait_beside, NULL));
	else
		wait_beside(NULL);
	sem_wait(&over);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(busy[i], NULL));
}

int main(int argc, char **argv)
{
	if (argc == 4) {
		how = argv[3];
		beside(argv[2]);
	} else if (argc == 2 && strcmp(argv[1], "threads") == 0) {
		from_threads();
	} else {
		loops(20);
	}
	puts("done");
	return 0;
}
