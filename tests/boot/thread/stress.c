/* SPDX-License-Identifier: MIT */
/*
 * Random creates, joins, waits, wake-ups, time-outs, cancellations and tasks from many
 * threads at once, each counted exactly once. Runs in the guest, and on the host under
 * ThreadSanitizer (tests/unit/thread).
 *
 *     stress [ROUNDS] [SEED] [THREADS]
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <baremetal/task.h>
#include <baremetal/time.h>

#include "../check.h"

#define LOCKS 4
#define QUEUE 8

static uint32_t random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 33;
}

static struct timespec soon(uint64_t *random)
{
	struct timespec t;
	int64_t now;

	bm_time_wall(&now);
	now += random_of(random) % 300000;
	t.tv_sec = now / 1000000000;
	t.tv_nsec = now % 1000000000;
	return t;
}

/* What each operation adds to, in two places, one of them guarded by what is tested. */
static struct {
	pthread_mutex_t mutex;
	long count;
} locked[LOCKS];
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static long recursive_count;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long written[2];
static long expected[LOCKS + 2], tasks_expected, tasks_run, children_expected, children_run;

static void add(long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* A queue of numbers, with a lock and two conditions. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t not_full, not_empty;
	int items[QUEUE], count;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0};
static long put_sum, got_sum;

static void put(int item)
{
	pthread_mutex_lock(&queue.mutex);
	while (queue.count == QUEUE)
		pthread_cond_wait(&queue.not_full, &queue.mutex);
	queue.items[queue.count++] = item;
	__atomic_fetch_add(&put_sum, item, __ATOMIC_RELAXED);
	pthread_cond_signal(&queue.not_empty);
	pthread_mutex_unlock(&queue.mutex);
}

static int get(uint64_t *random)
{
	struct timespec t = soon(random);
	int error = 0;

	pthread_mutex_lock(&queue.mutex);
	while (!queue.count && !error)
		error = pthread_cond_timedwait(&queue.not_empty, &queue.mutex, &t);
	CHECK(!error || error == ETIMEDOUT);
	int got = queue.count > 0;
	if (got) {
		got_sum += queue.items[--queue.count];
		pthread_cond_signal(&queue.not_full);
	}
	pthread_mutex_unlock(&queue.mutex);
	return got;
}

static void run_task(void *argument)
{
	add(&tasks_run);
	(void)argument;
}

static void *run_child(void *argument)
{
	if ((intptr_t)argument % 2)
		sched_yield();
	add(&children_run);
	return argument;
}

static sem_t never;

static void *wait_for_ever(void *argument)
{
	for (;;)
		sem_wait(&never);
	return argument;
}

static void nap(uint64_t *random)
{
	struct timespec t = {0, random_of(random) % 200000};

	nanosleep(&t, NULL);
}

static void act(uint64_t *random)
{
	uint32_t which = random_of(random) % 12, lock = random_of(random) % LOCKS;
	struct timespec t;
	pthread_t child;
	void *result;

	switch (which) {
	case 0:
	case 1:
		CHECK(!pthread_mutex_lock(&locked[lock].mutex));
		locked[lock].count++;
		if (which)
			sched_yield();
		CHECK(!pthread_mutex_unlock(&locked[lock].mutex));
		add(&expected[lock]);
		break;
	case 2:
		t = soon(random);
		if (!pthread_mutex_timedlock(&locked[lock].mutex, &t)) {
			locked[lock].count++;
			CHECK(!pthread_mutex_unlock(&locked[lock].mutex));
			add(&expected[lock]);
		}
		break;
	case 3:
		CHECK(!pthread_mutex_lock(&recursive) && !pthread_mutex_lock(&recursive));
		recursive_count++;
		CHECK(!pthread_mutex_unlock(&recursive));
		sched_yield();
		CHECK(!pthread_mutex_unlock(&recursive));
		add(&expected[LOCKS]);
		break;
	case 4:
		CHECK(!pthread_rwlock_wrlock(&rwlock));
		written[0]++;
		sched_yield();
		written[1]++;
		CHECK(!pthread_rwlock_unlock(&rwlock));
		add(&expected[LOCKS + 1]);
		break;
	case 5:
		t = soon(random);
		if (!pthread_rwlock_timedrdlock(&rwlock, &t)) {
			CHECK(written[0] == written[1]);
			sched_yield();
			CHECK(written[0] == written[1]);
			CHECK(!pthread_rwlock_unlock(&rwlock));
		}
		break;
	case 6:
		if (get(random))
			put(random_of(random) %
			    1000); /* as many come out as go in: nobody waits for ever */
		break;
	case 7: {
		struct bm_task_group group = BM_TASK_GROUP_INIT;

		for (uint32_t i = random_of(random) % 10; i; i--) {
			bm_task_submit_wait(&group, run_task, NULL);
			add(&tasks_expected);
		}
		bm_task_wait(&group);
		break;
	}
	case 8:
	case 9:
		CHECK(!pthread_create(&child, NULL, run_child, (void *)(intptr_t)which));
		add(&children_expected);
		CHECK(!pthread_join(child, &result) && result == (void *)(intptr_t)which);
		break;
	case 10:
		CHECK(!pthread_create(&child, NULL, wait_for_ever, NULL));
		if (lock)
			sched_yield();
		CHECK(!pthread_cancel(child) && !pthread_join(child, &result));
		CHECK(result == PTHREAD_CANCELED);
		break;
	case 11:
		nap(random);
	}
}

static int rounds = 200;
static uint64_t seed = 1;
static pthread_barrier_t barrier;

static void *work(void *argument)
{
	uint64_t random = seed * 1000003 + (uintptr_t)argument;

	for (int i = 0; i < rounds; i++) {
		act(&random);
		if (i % 50 == 0)
			pthread_barrier_wait(&barrier);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[3]) : 12;
	pthread_t threads[count];

	if (argc > 1)
		rounds = atoi(argv[1]);
	if (argc > 2)
		seed = (uint64_t)atoll(argv[2]);
	sem_init(&never, 0, 0);
	pthread_barrier_init(&barrier, NULL, (unsigned)count);
	put(1);
	put(2);
	for (int i = 0; i < count; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i));
	for (int i = 0; i < count; i++)
		CHECK(!pthread_join(threads[i], NULL));
	for (int i = 0; i < LOCKS; i++)
		CHECK(locked[i].count == expected[i]);
	CHECK(recursive_count == expected[LOCKS]);
	CHECK(written[0] == expected[LOCKS + 1] && written[1] == written[0]);
	for (int i = 0; i < queue.count; i++)
		got_sum += queue.items[i];
	CHECK(put_sum == got_sum && queue.count == 2);
	CHECK(tasks_run == tasks_expected && children_run == children_expected);
	CHECK(!pthread_barrier_destroy(&barrier));
	printf("done: %ld tasks, %ld children\n", tasks_run, children_run);
	fflush(stdout);
	return 0;
}
