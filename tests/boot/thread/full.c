/* SPDX-License-Identifier: MIT */
/*
 * Threads that are woken where no task can be submitted: neither may the waker run a task for
 * it, which might need what the waker holds, nor may the thread be forgotten.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>

#include <baremetal/task.h>
#include <baremetal/time.h>

#include "../check.h"

#define THREADS 4

static sem_t semaphore;
static unsigned posts, tasks;

static void add(unsigned *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void fill(struct bm_task_group *group, bm_task_fn *function)
{
	while (!bm_task_submit(group, function, NULL))
		;
}

/* Those of the core's pinned tasks, too. */
static void fill_all(struct bm_task_group *group, bm_task_fn *function)
{
	fill(group, function);
	while (!bm_task_submit_to(bm_core(), group, function, NULL))
		;
}

static void run_in_task(bm_task_fn *function)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	CHECK(!bm_task_submit(&group, function, NULL));
	bm_task_wait(&group);
}

static void start(pthread_t *threads, void *(*function)(void *))
{
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, function, NULL));
	for (int i = 0; i < 100; i++)
		sched_yield();
	usleep(10000);
}

static void join(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
}

/* ---- The same semaphore in the waker and in what its queue is full of ---- */

static void *wait_for_post(void *argument)
{
	CHECK(!sem_wait(&semaphore));
	return argument;
}

static void post(void *unused)
{
	(void)unused;
	add(&posts);
	CHECK(!sem_post(&semaphore));
}

static void post_when_full(void *unused)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	fill(&group, post);
	for (int i = 0; i < THREADS; i++)
		post(unused);
	bm_task_wait(&group);
}

static void test_post(void)
{
	pthread_t threads[THREADS];

	CHECK(!sem_init(&semaphore, 0, 0));
	start(threads, wait_for_post);
	run_in_task(post_when_full);
	join(threads);
	CHECK(posts >= 1000);
}

/* ---- A mutex that the waker holds, and all queues full ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool told;

static void *wait_until_told(void *argument)
{
	CHECK(!pthread_mutex_lock(&mutex));
	while (!told)
		CHECK(!pthread_cond_wait(&condition, &mutex));
	CHECK(!pthread_mutex_unlock(&mutex));
	return argument;
}

static void lock_and_open(void *unused)
{
	(void)unused;
	CHECK(!pthread_mutex_lock(&mutex));
	tasks++;
	CHECK(!pthread_mutex_unlock(&mutex));
}

static void tell_when_full(void *unused)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	(void)unused;
	CHECK(!pthread_mutex_lock(&mutex));
	fill_all(&group, lock_and_open);
	unsigned before = tasks;
	told = true;
	CHECK(!pthread_cond_broadcast(&condition));
	CHECK(tasks == before);
	CHECK(!pthread_mutex_unlock(&mutex));
	bm_task_wait(&group);
	CHECK(tasks >= 1000);
}

static void test_tell(void)
{
	pthread_t threads[THREADS];

	start(threads, wait_until_told);
	run_in_task(tell_when_full);
	join(threads);
}

/* All queues full of what wakes nobody. */
static void *count_post(void *argument)
{
	CHECK(!sem_wait(&semaphore));
	add(&posts);
	return argument;
}

static void nothing(void *unused)
{
	(void)unused;
}

static void post_when_all_full(void *unused)
{
	(void)unused;
	fill_all(NULL, nothing);
	for (int i = 0; i < THREADS; i++)
		CHECK(!sem_post(&semaphore));
	while (__atomic_load_n(&posts, __ATOMIC_RELAXED) < THREADS)
		bm_task_run_one();
}

static void test_forgotten(void)
{
	pthread_t threads[THREADS];

	CHECK(!sem_init(&semaphore, 0, 0));
	posts = 0;
	start(threads, count_post);
	run_in_task(post_when_all_full);
	join(threads);
}

/* ---- Time-outs, which a task sees to ---- */

static bool over;

static void *sleep_again(void *argument)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		usleep(5000);
	return argument;
}

/* Threads run meanwhile, on this stack, and sleep again. */
static void sleep_in_task(void *unused)
{
	(void)unused;
	usleep(1);
}

static void time_out_when_full(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++) {
		struct bm_task_group group = BM_TASK_GROUP_INIT;
		uint64_t end = bm_time_monotonic() + 20000000;

		while (bm_time_monotonic() < end)
			;
		fill(&group, sleep_in_task);
		bm_task_wait(&group);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
}

static void test_time_out(void)
{
	pthread_t threads[THREADS];

	start(threads, sleep_again);
	run_in_task(time_out_when_full);
	join(threads);
}

int main(void)
{
	test_post();
	test_tell();
	test_forgotten();
	test_time_out();
	printf("done\n");
	return 0;
}
