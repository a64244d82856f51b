/* SPDX-License-Identifier: MIT */
/*
 * Threads that cannot go on, and how that is told.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

__attribute__((noinline)) static void take_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(second);
	printf("cannot be\n");
}

static void *a_then_b(void *argument)
{
	pthread_setname_np(pthread_self(), "philosopher");
	take_both(&a, &b);
	return argument;
}

static void *b_then_a(void *argument)
{
	take_both(&b, &a);
	return argument;
}

__attribute__((noipa)) static int recurse(int n)
{
	volatile char space[512];

	space[n % 512] = (char)n;
	return n ? recurse(n - 1) + space[(n + 1) % 512] : 0;
}

static void *overflow(void *argument)
{
	recurse(1000000);
	return argument;
}

static sem_t never;

static void *wait_for_ever(void *argument)
{
	char name[16];

	snprintf(name, sizeof(name), "w%d", (int)(intptr_t)argument);
	pthread_setname_np(pthread_self(), name);
	sem_wait(&never);
	return argument;
}

static void wake_later(void *argument)
{
	(void)argument;
	for (int i = 0; i < 40; i++)
		bm_sleep_until(bm_time_monotonic() + 10000000);
	sem_post(&never);
}

/* Tasks, each with the next one's submission: from queue to queue, and there is always one. */
static long links;
static uint64_t chain_end;

static void next_link(void *argument)
{
	links++;
	if (bm_time_monotonic() > chain_end)
		sem_post(argument);
	else
		bm_task_submit(NULL, next_link, argument);
}

static void lock_in_task(void *argument)
{
	pthread_mutex_lock(argument);
	printf("cannot be\n");
}

static void wait_in_task(void *argument)
{
	sem_wait(argument);
}

static void *post_later(void *argument)
{
	usleep(300000);
	sem_post(argument);
	return NULL;
}

static void post_by_alarm(void *argument)
{
	(void)argument;
	sem_post(&never);
}

/* A task waits for what main() holds, or for what nobody will do. */
static void stuck_task(bm_task_fn *function, void *argument)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	bm_task_submit(&group, function, argument);
	bm_task_wait(&group);
}

/* ---- A crash far above what waits on the same stacks ---- */

static sem_t to_middle, to_crasher;
static bool core_0_is_busy;

static void post_and_work(void *semaphore)
{
	sem_post(semaphore);
	for (;;)
		bm_task_run_one();
}

__attribute__((noipa)) static void waits_below(sem_t *semaphore)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	bm_task_submit(&group, post_and_work, semaphore);
	bm_task_wait(&group);
	printf("cannot be\n");
}

static void *middle(void *argument)
{
	pthread_setname_np(pthread_self(), "middle");
	sem_wait(&to_middle);
	waits_below(&to_crasher);
	return argument;
}

static void *crasher(void *argument)
{
	pthread_setname_np(pthread_self(), "crasher");
	sem_wait(&to_crasher);
	*(volatile int *)argument = 1;
	return argument;
}

static void keep_busy(void *unused)
{
	(void)unused;
	__atomic_store_n(&core_0_is_busy, true, __ATOMIC_RELEASE);
	for (;;)
		__builtin_ia32_pause();
}

/* On core 1, when nobody else can run the thread. */
static void wait_on_core(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&core_0_is_busy, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	waits_below(&to_crasher);
}

static void crash_above(bool in_task)
{
	pthread_t threads[2];

	sem_init(&to_middle, 0, 0);
	sem_init(&to_crasher, 0, 0);
	pthread_create(&threads[0], NULL, middle, NULL);
	pthread_create(&threads[1], NULL, crasher, NULL);
	usleep(10000);
	if (!in_task)
		waits_below(&to_middle);
	bm_task_submit_to(1, NULL, wait_on_core, NULL);
	bm_task_submit_to(0, NULL, keep_busy, NULL);
	pthread_join(threads[1], NULL);
}

static void end_in_task(void *argument)
{
	pthread_exit(argument);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t threads[2];

	if (!strcmp(what, "deadlock")) {
		pthread_barrier_init(&both, NULL, 2);
		pthread_create(&threads[0], NULL, a_then_b, NULL);
		pthread_create(&threads[1], NULL, b_then_a, NULL);
		pthread_join(threads[0], NULL);
	} else if (!strcmp(what, "alone")) {
		sem_init(&never, 0, 0);
		sem_wait(&never);
	} else if (!strcmp(what, "relock")) {
		pthread_mutex_lock(&a);
		pthread_mutex_lock(&a);
	} else if (!strcmp(what, "overflow")) {
		pthread_create(&threads[0], NULL, overflow, NULL);
		pthread_join(threads[0], NULL);
	} else if (!strcmp(what, "many") && argc > 2) {
		pthread_attr_t small;

		sem_init(&never, 0, 0);
		pthread_attr_init(&small);
		pthread_attr_setstacksize(&small, 16384);
		for (intptr_t i = 0; i < atoi(argv[2]); i++)
			if (pthread_create(&threads[0], &small, wait_for_ever, (void *)i))
				return 1;
		pthread_join(threads[0], NULL);
	} else if (!strcmp(what, "lock-in-task")) {
		pthread_mutex_lock(&a);
		stuck_task(lock_in_task, &a);
	} else if (!strcmp(what, "wait-in-task")) {
		sem_init(&never, 0, 0);
		pthread_create(&threads[0], NULL, wait_for_ever, NULL);
		sched_yield();
		stuck_task(wait_in_task, &never);
	} else if (!strcmp(what, "woken-in-task")) {
		/* Not deadlocks: by a thread that sleeps, and by an alarm. */
		sem_init(&never, 0, 0);
		pthread_create(&threads[0], NULL, post_later, &never);
		stuck_task(wait_in_task, &never);
		bm_task_alarm(bm_time_monotonic() + 300000000, post_by_alarm);
		stuck_task(wait_in_task, &never);
		printf("woken\n");
		return 0;
	} else if (!strcmp(what, "task")) {
		/* Not a deadlock: a task is at work. */
		sem_init(&never, 0, 0);
		bm_task_submit(NULL, wake_later, NULL);
		sem_wait(&never);
		printf("woken\n");
		return 0;
	} else if (!strcmp(what, "chain")) {
		/* Not a deadlock either. */
		sem_init(&never, 0, 0);
		chain_end = bm_time_monotonic() + 4 * BM_SECOND;
		bm_task_submit(NULL, next_link, &never);
		sem_wait(&never);
		printf("%ld links\n", links);
		return 0;
	} else if (!strcmp(what, "exit-in-task")) {
		struct bm_task_group group = BM_TASK_GROUP_INIT;

		bm_task_submit(&group, end_in_task, NULL);
		bm_task_wait(&group);
	} else if (!strcmp(what, "above") || !strcmp(what, "above-task")) {
		crash_above(strcmp(what, "above"));
	} else if (!strcmp(what, "abort")) {
		pthread_create(&threads[0], NULL, (void *(*)(void *))abort, NULL);
		pthread_join(threads[0], NULL);
	}
	printf("still alive\n");
	return 2;
}
