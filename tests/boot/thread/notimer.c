/* SPDX-License-Identifier: MIT */
/*
 * A machine without a timer that interrupts: somebody looks at the clock again and again, and locks
 * nobody out meanwhile, neither older tasks nor those that are waited for.
 */
#include <baremetal/error.h>
#include <baremetal/task.h>
#include <baremetal/time.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>
#include "../check.h"

#define MS     UINT64_C(1000000)
#define ROUNDS 10
#define TASKS  20

static uint32_t ran;
static bool end, ended;
static sem_t over;

static void nothing(void *unused)
{
	(void)unused;
}

static void count(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&ran, 1, __ATOMIC_SEQ_CST);
}

static void *wait_for_end(void *argument)
{
	CHECK(sem_wait(&over) == 0);
	return argument;
}

/* Older than what looks at the clock. Not alone, or main() would keep its core. */
static void test_older(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, wait_for_end, NULL) == 0);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint64_t start = bm_time_monotonic();

		for (int j = 0; j < TASKS; j++)
			CHECK(bm_task_submit(NULL, count, NULL) == 0);
		usleep(20000);
		CHECK(bm_time_monotonic() - start >= 20 * MS);
		CHECK(__atomic_load_n(&ran, __ATOMIC_SEQ_CST) == i * TASKS);
	}
	sem_post(&over);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void *sleep_on(void *argument)
{
	while (!__atomic_load_n(&end, __ATOMIC_SEQ_CST))
		usleep(1000);
	__atomic_store_n(&ended, true, __ATOMIC_SEQ_CST);
	return argument;
}

/* A task whose own ones run while it waits, and which then waits for a time itself. */
static void wait_in_task(void *unused)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	(void)unused;
	for (int i = 0; i < TASKS; i++)
		CHECK(bm_task_submit(&group, count, NULL) == 0);
	usleep(5000);
	for (int i = 0; i < TASKS; i++)
		CHECK(bm_task_submit(&group, count, NULL) == 0);
	bm_task_wait(&group);
}

/* While a thread always sleeps. */
static void test_waiting(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	pthread_t thread;

	ran = 0;
	CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
	usleep(5000);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(bm_task_submit(&group, wait_in_task, NULL) == 0);
	bm_task_wait(&group);
	CHECK(ran == 2 * ROUNDS * TASKS);
	/* A task that only looks for others, until the thread has seen it. */
	end = true;
	while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST))
		bm_task_run_one();
	CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
	CHECK(bm_task_alarm(bm_time_monotonic() + MS, nothing) == -BM_ENODEV);
	test_older();
	test_waiting();
	printf("done\n");
	return 0;
}
